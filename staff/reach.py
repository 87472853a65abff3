"""For which projects somebody sets up channels: what the ground floor asks, which knows no projects."""

from __future__ import annotations

from typing import Any

from shimao_service import outlets
from shimao_service.outlets import Reach
from staff.permissions import Permission
from staff.powers import everywhere


def reach(viewer: Any) -> Reach:
    """The whole company where the power is held everywhere, else the projects it is held in.

    Asked for the rail of every page: the viewer's projects are at hand there anyway.
    """
    held = viewer.projects_with(Permission.CHANNEL_MANAGE)
    if not held:
        return Reach()
    scopes = {f"project:{project.pk}": project.name for project in viewer.projects if project.pk in held}
    return Reach(everywhere=everywhere(viewer, Permission.CHANNEL_MANAGE), scopes=scopes)


def register() -> None:
    """Called when the app is ready."""
    outlets.register_reach(reach)
