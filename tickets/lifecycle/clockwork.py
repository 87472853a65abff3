"""The clocks of requests, computed from their events and stored: for one move, or for many made together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Q

from tickets import deadlines, policies
from tickets.deadlines import ClockState, Facts, Happening
from tickets.models import Clock, Event, Referral, Ticket


def facts_of(ticket: Ticket) -> Facts:
    """What the clocks depend on, as it is today. One query for what an authority passed on."""
    return _facts([ticket])[ticket.pk]


def _facts(tickets: Iterable[Ticket]) -> dict[int, Facts]:
    rows = {ticket.pk: ticket for ticket in tickets}
    theirs = dict(Referral.objects.filter(ticket__in=rows).values_list("ticket_id", "due_at"))
    return {
        pk: Facts(
            kind=ticket.kind,
            urgency=ticket.urgency,
            level=ticket.level,
            is_collective=ticket.is_collective,
            appointment_at=ticket.appointment_at,
            authority_due_at=theirs.get(pk),
            policy_version=ticket.policy_version_id,
            calendar_version=ticket.calendar_version_id,
        )
        for pk, ticket in rows.items()
    }


def history_of(ticket: Ticket) -> list[Happening]:
    """The events, as far as clocks care."""
    return _histories([ticket])[ticket.pk]


def _histories(tickets: Iterable[Ticket]) -> dict[int, list[Happening]]:
    found: dict[int, list[Happening]] = defaultdict(list)
    rows = Event.objects.filter(ticket__in=[ticket.pk for ticket in tickets]).order_by("ticket_id", "seq")
    for pk, verb, at, number, to, data in rows.values_list("ticket_id", "verb", "at", "round", "to_status", "data"):
        found[pk].append(Happening(verb, at, number, to, data or {}))
    return found


def refresh(tickets: Sequence[Ticket]) -> dict[int, list[ClockState]]:
    """Recompute the clocks of these requests from their events and store them; by the requests' ids. Idempotent.

    Three queries whatever their number, and one more for each whose facts were changed after it was registered.
    """
    facts, histories = _facts(tickets), _histories(tickets)
    states = {
        ticket.pk: deadlines.clocks(facts[ticket.pk], ticket.created_at, histories[ticket.pk], policies.terms_of)
        for ticket in tickets
    }
    Clock.objects.bulk_create(
        [_row(ticket, state) for ticket in tickets for state in states[ticket.pk]],
        update_conflicts=True,
        unique_fields=["ticket", "round", "name"],
        update_fields=[
            "started_at", "due_at", "warn_at", "promise_at", "met_at", "paused_at", "stopped_at", "amount", "unit",
        ],
    )  # fmt: skip
    for ticket in tickets:
        if any(happening.verb in deadlines.CHANGES_FACTS for happening in histories[ticket.pk]):
            _drop_others(ticket, states[ticket.pk])
    return states


def _drop_others(ticket: Ticket, states: Sequence[ClockState]) -> None:
    """Clocks that the request had as another kind, or before it was put right."""
    kept = Q()
    for state in states:
        kept |= Q(round=state.round, name=state.name)
    stale = Clock.objects.filter(ticket=ticket)
    (stale.exclude(kept) if states else stale).delete()


def _row(ticket: Ticket, state: ClockState) -> Clock:
    return Clock(
        ticket=ticket,
        round=state.round,
        name=state.name,
        started_at=state.started_at,
        due_at=state.due_at,
        warn_at=state.warn_at,
        promise_at=state.promise_at,
        met_at=state.met_at,
        paused_at=state.paused_at,
        stopped_at=state.stopped_at,
        amount=state.amount,
        unit=state.unit,
    )
