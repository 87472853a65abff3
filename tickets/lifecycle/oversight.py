"""督办: requests that the manager oversees, and what puts them there without anybody asking.

The first reason stays on the row; a later one only leaves its event. Nothing takes it off again but the closing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from shimao_service.actors import SYSTEM, Actor
from tickets.lifecycle.gate import Moving, moving
from tickets.models import Event, Ticket, TicketLink
from tickets.permissions import is_legal
from tickets.recipients import LADDER, Audience
from tickets.statuses import REPEAT_DAYS, Kind, Liability, Oversight, Status, Verb

# From this many households on, complaints of one cause are a group's (群诉).
HOUSEHOLDS = 3
# The third time within REPEAT_DAYS is the manager's.
THIRD = 3
# Asking for the same thing again is no sign that something was not done.
REPEATABLE = (Kind.REPAIR, Kind.COMPLAINT)
# What the owner or the developer caused is held against nobody.
NOT_OURS = (Liability.OWNER, Liability.DEVELOPER)
# Further away than this many links, or more of them, is not the same matter any more.
MOST_LINKED = 60


def put_under(move: Moving, reason: str, *, note: str = "", by: Actor = SYSTEM, **facts: Any) -> bool:
    """The manager oversees it from now on. The system gives a reason once; a manager may ask again."""
    ticket = move.ticket
    if by.is_system and ticket.overseen_at is not None and _has_been(ticket, reason):
        return False
    if ticket.overseen_at is None:
        move.set(overseen_at=move.now, oversight=str(reason))
    audience = Audience(ticket, at=move.now)
    away = audience.passed_over(LADDER[2:], LADDER) if by.is_system else audience.away(("supervisor",))
    if away:
        facts["skipped"] = [{"name": name, "why": why} for name, why in away]
    move.event(Verb.OVERSEE, note=note, data={"reason": str(reason)} | facts, by=by)
    return True


def _has_been(ticket: Ticket, reason: str) -> bool:
    return (
        ticket.oversight == reason
        or Event.objects.filter(ticket=ticket, verb=Verb.OVERSEE, data__reason=str(reason)).exists()
    )


# --- the same again -------------------------------------------------------------------------------
def occurrence_of(ticket: Ticket) -> int:
    """Which time it is within thirty days that this unit has this (repairs and complaints); 1 is the first.

    Cancelled ones are no occurrence, nor are those whose summary names the owner or the developer as the cause.
    One query over the unit's own index.
    """
    if ticket.kind not in REPEATABLE or not ticket.unit_id or not ticket.category_id:
        return 1
    earlier = (
        Ticket.objects.order_by()
        .filter(
            Q(created_at__lt=ticket.created_at) | Q(created_at=ticket.created_at, pk__lt=ticket.pk),
            unit_id=ticket.unit_id,
            category_id=ticket.category_id,
            created_at__range=(ticket.created_at - timedelta(days=REPEAT_DAYS), ticket.created_at),
        )
        .exclude(status=Status.CANCELLED)
        .exclude(summary__liability__in=NOT_OURS)
    )
    return earlier.count() + 1


def after_registration(move: Moving) -> None:
    """Count the occurrence; a group's complaint and a third time go to the manager at once."""
    _recount(move)
    if _is_collective(move.ticket):
        put_under(move, Oversight.COLLECTIVE)


def after_amendment(move: Moving, changed: Collection[str]) -> None:
    """The same, as far as what was put right says something about it."""
    if {"unit", "category", "kind"} & set(changed):
        _recount(move)
    if {"is_collective", "kind"} & set(changed) and _is_collective(move.ticket):
        put_under(move, Oversight.COLLECTIVE)


def _recount(move: Moving) -> None:
    count = occurrence_of(move.ticket)
    if count != move.ticket.occurrence:
        move.set(occurrence=count)
    if count >= THIRD:
        put_under(move, Oversight.REPEATED, times=count)


def _is_collective(ticket: Ticket) -> bool:
    return ticket.kind == Kind.COMPLAINT and ticket.is_collective


# --- one cause, many households -------------------------------------------------------------------
def after_linking(linked: Iterable[Ticket], *, now: datetime | None = None) -> None:
    """Linked complaints of three households are a group's complaint: each open one goes to the manager.

    Called inside the linking, which holds the locks of its pair, or inside an amendment, which holds its own. The
    others are locked only where nobody holds them just then: waiting here, in no order of ids, could be waited for
    from the other side.
    """
    pks = {ticket.pk for ticket in linked}
    group = linked_complaints(pks)
    homes = {household(ticket) for ticket in group}
    if len(homes) < HOUSEHOLDS:
        return
    others = [ticket.pk for ticket in group if ticket.pk not in pks]
    free = Ticket.objects.select_for_update(skip_locked=True).filter(pk__in=others).order_by("pk")
    mine = pks | set(free.values_list("pk", flat=True))
    for ticket in sorted(group, key=lambda each: each.pk):
        if ticket.pk in mine and is_legal(Verb.OVERSEE, ticket) and not _has_been(ticket, Oversight.COLLECTIVE):
            with moving(ticket, Verb.OVERSEE, by=SYSTEM, now=now) as move:
                put_under(move, Oversight.COLLECTIVE, households=len(homes))


def linked_complaints(pks: Iterable[int]) -> list[Ticket]:
    """The complaints that hang together with these by links, themselves among them; cancelled ones do not count."""
    found: dict[int, Ticket] = {}
    fresh = set(pks)
    while fresh and len(found) < MOST_LINKED:
        complaints = Ticket.objects.filter(pk__in=fresh, kind=Kind.COMPLAINT).exclude(status=Status.CANCELLED)
        new = {ticket.pk: ticket for ticket in complaints}
        found |= new
        pairs = TicketLink.objects.filter(Q(low__in=new) | Q(high__in=new)).values_list("low_id", "high_id")
        fresh = {pk for pair in pairs for pk in pair} - found.keys() if new else set()
    return list(found.values())


def household(ticket: Ticket) -> tuple[str, Any]:
    """What tells one household from another: the unit, else the owner, else the phone; unknown, each its own."""
    if ticket.unit_id:
        return "unit", ticket.unit_id
    if ticket.owner_id:
        return "owner", ticket.owner_id
    return ("phone", ticket.contact_phone) if ticket.contact_phone else ("ticket", ticket.pk)
