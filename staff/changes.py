"""Writing down who changed what about whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from shimao_service.actors import Actor
from staff.models import Employee, Project, Role, StaffChange

Action = StaffChange.Action


def change(
    action: Action,
    *,
    by: Actor,
    employee: Employee | None = None,
    role: Role | None = None,
    project: Project | None = None,
    note: str = "",
    now: datetime | None = None,
) -> StaffChange:
    """The row, not saved yet: for many at once."""
    return StaffChange(
        at=now or timezone.now(),
        by_id=by.id if by.is_employee else None,
        by_name=by.name,
        action=action,
        employee=employee,
        role=role,
        project=project,
        note=note[:500],
    )


def record(action: Action, **details: Any) -> StaffChange:
    """Write the row, inside the transaction of what it tells about."""
    row = change(action, **details)
    row.save(force_insert=True)
    return row
