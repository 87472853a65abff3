"""Who does something: an employee, an owner, the holder of a tracking link, or the system.

Every verb takes ``by=`` an :class:`Actor`; every event keeps its kind, id and name, so that history
stays readable after people leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ActorKind(StrEnum):
    EMPLOYEE = "employee"
    OWNER = "owner"
    LINK = "link"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone who acts. ``viewer`` is set for employees only and answers what they may do."""

    kind: ActorKind
    id: int | None
    name: str
    viewer: Any = None

    @property
    def is_system(self) -> bool:
        return self.kind == ActorKind.SYSTEM

    @property
    def is_employee(self) -> bool:
        return self.kind == ActorKind.EMPLOYEE

    @property
    def is_owner_side(self) -> bool:
        """An owner signed in, or whoever holds the request's link."""
        return self.kind in (ActorKind.OWNER, ActorKind.LINK)


SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, name="系统")
