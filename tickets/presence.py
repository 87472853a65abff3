"""Who else has a request open right now. Lives in the cache: losing it costs nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.cache import cache

from staff.access import Viewer
from tickets.models import Ticket

# Pages report every 20 s; whoever was not heard of for longer has left.
STAYS = timedelta(seconds=50)


def _key(ticket: Ticket) -> str:
    return f"presence:{ticket.pk}"


def arrive(ticket: Ticket, viewer: Viewer, now: datetime) -> list[str]:
    """Note that ``viewer`` looks at the request; returns the names of the others who do."""
    here: dict[int, tuple[str, float]] = cache.get(_key(ticket)) or {}
    moment = now.timestamp()
    here = {pk: seen for pk, seen in here.items() if moment - seen[1] <= STAYS.total_seconds()}
    if viewer.employee_id is not None:
        here[viewer.employee_id] = (viewer.name, moment)
    cache.set(_key(ticket), here, timeout=int(STAYS.total_seconds()) + 10)
    return [name for pk, (name, _at) in sorted(here.items()) if pk != viewer.employee_id]
