"""The kinds of import there are. Apps register theirs when they start; this floor names none."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from shimao_service.exceptions import NotSeen
from shimao_service.imports.importer import Importer

IMPORTERS: dict[str, Importer] = {}


def register(importer: Importer) -> None:
    IMPORTERS[importer.kind] = importer


def get(kind: str) -> Importer:
    if kind not in IMPORTERS:
        raise NotSeen(_("没有这一类导入。"))
    return IMPORTERS[kind]


def for_viewer(viewer: Any) -> list[Importer]:
    """Those this person may start."""
    return [importer for importer in IMPORTERS.values() if importer.may_start(viewer)]


def is_shown(viewer: Any) -> bool:
    """For the rail: whether there is anything to import for this person."""
    return any(importer.may_start(viewer) for importer in IMPORTERS.values())
