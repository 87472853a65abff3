"""What of the requests rests on a clause of the regulation, for its page; and clause ids kept in the process."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from staff import regulation
from staff.access import Viewer
from tickets.lifecycle import gate
from tickets.models import Event, Ticket

# Counted up to here: a clause that every request points to is not counted to the end for a number nobody needs.
MANY = 1000
LATEST = 10


def resting(clause_ids: list[int], viewer: Viewer) -> regulation.Resting:
    """Steps of the requests this viewer sees. The latest by id, which follows time but for seconds."""
    seen = Event.objects.filter(clause_id__in=clause_ids, ticket__in=Ticket.objects.visible_to(viewer))
    latest = seen.select_related("ticket").order_by("-pk")[:LATEST]
    count = seen.order_by()[: MANY + 1].count()
    return regulation.Resting(
        label=_("工单步骤"),
        count=_("%(many)d 条以上") % {"many": MANY} if count > MANY else str(count),
        latest=[
            regulation.Rested(
                text=f"{event.ticket.number} {event.get_verb_display()}",
                url=event.ticket.get_absolute_url(),
                at=event.at,
                who=event.actor_name,
            )
            for event in latest
        ],
    )


def forget(**kwargs: Any) -> None:
    gate.forget_clauses()


def register() -> None:
    """Called when the app is ready."""
    regulation.register_resting(resting)
    regulation.regulation_changed.connect(forget, dispatch_uid="tickets.clauses")
