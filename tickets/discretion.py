"""What of a request's story may be told to whom: a link must not lead to what its reader may not know of."""

from __future__ import annotations

from collections.abc import Iterable

from staff.access import Viewer
from tickets.models import Event, Ticket
from tickets.statuses import Verb

LINKS = (Verb.LINK, Verb.UNLINK)


def told_to(viewer: Viewer, events: Iterable[Event]) -> list[Event]:
    """``events`` without links to requests that ``viewer`` does not see: above all a complaint about him (涉事回避).

    No query unless something was linked; then one.
    """
    told = list(events)
    numbers = {_other(event) for event in told if event.verb in LINKS}
    if not numbers:
        return told
    seen = set(Ticket.objects.visible_to(viewer).filter(number__in=numbers).values_list("number", flat=True))
    return [event for event in told if event.verb not in LINKS or _other(event) in seen]


def _other(event: Event) -> str:
    return str((event.data or {}).get("number", ""))
