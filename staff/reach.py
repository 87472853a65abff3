"""For which projects somebody sets up channels: what the ground floor asks, which knows no projects."""

from __future__ import annotations

from typing import Any

from shimao_service import outlets
from shimao_service.outlets import Reach
from staff.models import Project
from staff.permissions import Permission
from staff.powers import everywhere


def reach(viewer: Any) -> Reach:
    """The whole company where the power is held everywhere, else the projects it is held in."""
    if everywhere(viewer, Permission.CHANNEL_MANAGE):
        return Reach(everywhere=True, scopes=scopes(Project.objects.filter(is_active=True)))
    held = viewer.projects_with(Permission.CHANNEL_MANAGE)
    return Reach(scopes=scopes(Project.objects.filter(pk__in=held))) if held else Reach()


def scopes(projects: Any) -> dict[str, str]:
    return {f"project:{pk}": name for pk, name in projects.order_by("code").values_list("pk", "name")}


def register() -> None:
    """Called when the app is ready."""
    outlets.register_reach(reach)
