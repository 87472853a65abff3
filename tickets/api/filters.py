"""Which requests a list asks for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q

from tickets.models.querysets import TicketQuerySet
from tickets.statuses import STATUSES_OF


def narrowed(rows: TicketQuerySet, asked: dict[str, Any], now: datetime) -> TicketQuerySet:
    """``rows`` that fit what was asked (see ``TicketParams``)."""
    if steps := asked.get("step"):
        rows = rows.filter(status__in=[status for step in steps for status in STATUSES_OF[step]])
    for name in ("status", "kind"):
        if values := asked.get(name):
            rows = rows.filter(**{f"{name}__in": values})
    for name in ("project", "department", "handler"):
        if value := asked.get(name):
            rows = rows.filter(**{name: value})
    if asked.get("overdue") is not None:
        late = Q(due_at__lt=now)
        rows = rows.filter(late if asked["overdue"] else Q(due_at=None) | ~late)
    if text := asked.get("q"):
        rows = rows.filter(Q(number__startswith=text.upper()) | Q(unit__label__startswith=text) | Q(description__icontains=text))
    return rows
