"""Recomputing due times: the one verb, whether a policy or a calendar changed or somebody only wants to be sure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from shimao_service.actors import SYSTEM, Actor
from tickets import deadlines, policies, schedule
from tickets.deadlines import ClockState, Happening
from tickets.lifecycle import clockwork
from tickets.lifecycle.clockwork import facts_of, history_of
from tickets.lifecycle.gate import lock, moving
from tickets.models import Clock, Ticket
from tickets.permissions import check_power
from tickets.statuses import FINAL, Verb


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a request's clocks would be. ``due_at`` is the earliest running one's, as the row keeps it."""

    states: tuple[ClockState, ...]
    due_at: datetime | None

    def is_late(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at < now


def recompute(
    ticket: Ticket,
    *,
    by: Actor = SYSTEM,
    policy_version: int | None = None,
    calendar_version: int | None = None,
    note: str = "",
    now: datetime | None = None,
) -> Ticket:
    """时限重算: come under other versions from now on (one event), or, without any, be computed once more (none).

    Idempotent: under these versions already, nothing is written. What was kept or broken before stays so. Raises
    ``IllegalMove`` for taking what is closed under other versions.
    """
    wanted = _wanted(policy_version, calendar_version)
    with transaction.atomic():
        row = lock(ticket.pk)
        check_power(Verb.RECLOCK, row.project_id, by)
        changes = {name: [getattr(row, f"{name}_id"), pk] for name, pk in wanted.items()}
        changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
        if not changes:
            return _rewrite(row)
        with moving(ticket, Verb.RECLOCK, by=by, now=now) as move:
            move.set(**{f"{name}_id": pair[1] for name, pair in changes.items()})
            move.event(Verb.RECLOCK, note=note, data={"changes": changes})
        return move.ticket


def _wanted(policy_version: int | None, calendar_version: int | None) -> dict[str, int]:
    pairs = (("policy_version", policy_version), ("calendar_version", calendar_version))
    return {name: pk for name, pk in pairs if pk is not None}


def _rewrite(row: Ticket) -> Ticket:
    """Clocks, due time and next reminder from the events, where any of them differs.

    A reminder that was given already is not set anew for its own sake: only with the clocks, or where it was lost.
    """
    before = stored(row)
    states = clockwork.refresh([row])[row.pk]
    due_at = None if row.status in FINAL else deadlines.next_due(states, row.round)
    remind_at = schedule.next_at(row, clocks=states)
    if before != computed(states) or due_at != row.due_at or (remind_at is None) != (row.remind_at is None):
        row.due_at, row.remind_at = due_at, remind_at
        row.save(update_fields=["due_at", "remind_at"])
    return row


def outlook(
    ticket: Ticket,
    *,
    policy_version: int | None = None,
    calendar_version: int | None = None,
    now: datetime | None = None,
) -> Outlook:
    """What :func:`recompute` would bring at ``now``; nothing is written."""
    moment = max(now or timezone.now(), ticket.last_event_at)
    history = history_of(ticket)
    facts = facts_of(ticket)
    changes = {
        name: [getattr(facts, name), pk]
        for name, pk in _wanted(policy_version, calendar_version).items()
        if getattr(facts, name) != pk
    }
    if changes:
        facts = replace(facts, **{name: pair[1] for name, pair in changes.items()})
        history = [
            *history,
            Happening(Verb.RECLOCK, moment, ticket.round, ticket.status, {"changes": changes}),
        ]
    states = deadlines.clocks(facts, ticket.created_at, history, policies.terms_of)
    due_at = None if ticket.status in FINAL else deadlines.next_due(states, ticket.round)
    return Outlook(tuple(states), due_at)


# What people would notice of a clock; the rest follows from these.
SHOWN = ("started_at", "due_at", "warn_at", "promise_at", "met_at", "paused_at", "stopped_at", "amount", "unit")


def stored(ticket: Ticket) -> dict[tuple[int, str], tuple]:
    """The clocks as they stand in the table, by round and name."""
    rows = Clock.objects.filter(ticket=ticket).values_list("round", "name", *SHOWN)
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def computed(states: Iterable[ClockState]) -> dict[tuple[int, str], tuple]:
    """The same of what was computed, to be compared with :func:`stored`."""
    return {(state.round, state.name): tuple(getattr(state, name) for name in SHOWN) for state in states}
