"""What a policy gives each class of requests: values without a database behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shimao_service.working_time import Calendar
from tickets.statuses import Kind, Level, Rung

# Kind, urgency, and whether it is a grave complaint.
Class = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Allowance:
    """One limit: ``amount`` minutes (h, sh) or days (wd); ``promise`` as ``(amount, unit)`` or None."""

    clock: str
    amount: int
    unit: str
    promise: tuple[int, str] | None = None
    told_at_miss: str = Rung.SUPERVISOR.value


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a policy's version, by class of request and clock."""

    classes: Mapping[Class, Mapping[str, Allowance]] = field(default_factory=dict)

    def of(self, kind: str, urgency: str, is_grave: bool) -> Mapping[str, Allowance]:
        """Those of one class; a praise has none."""
        return self.classes.get((kind, urgency, is_grave), {})


@dataclass(frozen=True, slots=True)
class Terms:
    """What due times are computed from. The ids are those of the versions, for the record."""

    limits: Limits
    calendar: Calendar
    policy_version: int = 0
    calendar_version: int = 0


def is_grave(kind: str, level: str, is_collective: bool) -> bool:
    """A complaint that is major, or by three households and more (群诉)."""
    return kind == Kind.COMPLAINT and (is_collective or level == Level.MAJOR)
