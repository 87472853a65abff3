"""A notice about a request: what all of them have in common.

Titles name the number and the place, never an owner's name or phone: they travel by mail and on lock screens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shimao_service import outbox
from staff.models import Employee
from tickets.models import Ticket
from tickets.recipients import addresses
from tickets.statuses import Urgency

# What may wake people at night when it is about a 特急: something is to be done now. A rating can wait.
WAKING = frozenset(
    {
        "registered", "dispatched", "returned", "reopened", "urged", "overseen", "escalated", "emergency",
        "dispatch_due", "accept_due", "follow_up_due", "promise_due",
    }
)  # fmt: skip


def about(ticket: Ticket) -> str:
    """``BX20261123-0001 · 3-2-1502 · 给排水``."""
    parts = [ticket.number, ticket.where, ticket.category.name if ticket.category_id and ticket.category else ""]
    return " · ".join(part for part in parts if part)


def letter(
    ticket: Ticket, people: Iterable[Employee] | list[str], *, key: str, kind: str, title: Any, **more: Any
) -> outbox.Draft:
    """A draft to employees, or to addresses."""
    values: dict[str, Any] = {
        "body": ticket.headline,
        "url": ticket.get_absolute_url(),
        "urgent": ticket.urgency == Urgency.CRITICAL and kind in WAKING,
    } | more
    return outbox.Draft(
        key=key,
        recipients=[one if isinstance(one, str) else address for one in people for address in _address(one)],
        kind=f"ticket_{kind}",
        title=title,
        about=f"ticket:{ticket.pk}",
        scope=f"project:{ticket.project_id}",
        **values,
    )


def _address(one: Employee | str) -> list[str]:
    return [one] if isinstance(one, str) else addresses([one])
