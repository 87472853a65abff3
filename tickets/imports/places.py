"""Places as people write them: 3号楼2单元1502室, 3-2-1502 and 3幢 2 1502 are one flat."""

from __future__ import annotations

from collections.abc import Sequence

from shimao_service.imports.importer import Row

BUILDING_ENDS = ("号楼", "幢", "栋", "座", "楼", "#")
ENTRANCE_ENDS = ("单元", "门")
ROOM_ENDS = ("号房", "室")

Place = tuple[str, str, str, str]


def without(text: str, ends: Sequence[str]) -> str:
    """``("3号楼", BUILDING_ENDS)`` → ``"3"``; a text that is nothing but an ending stays."""
    for end in ends:
        if text.endswith(end) and len(text) > len(end):
            return text[: -len(end)].strip()
    return text


def building_code(written: str) -> str:
    return without(written, BUILDING_ENDS).upper()


def building_name(written: str) -> str:
    """As it was written when that is a name; else made from the code: 3号楼, A座."""
    if building_code(written) != written.upper():
        return written
    return f"{written}号楼" if written.isdigit() else f"{written}座" if len(written) <= 2 else written


def place_of(row: Row) -> Place | None:
    """Project, building, entrance and room in one spelling; None when one of them could not be read."""
    project, building, room = row.get("project"), row.get("building"), row.get("room")
    if not (project and building and room) or "entrance" in {p.column for p in row.problems}:
        return None
    entrance = without(row.get("entrance") or "", ENTRANCE_ENDS).upper()
    return project.upper(), building_code(building), entrance, without(room, ROOM_ENDS).upper()
