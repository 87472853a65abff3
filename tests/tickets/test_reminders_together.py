"""The clock moves many requests at once: two ticks, a handler at the same moment, one that breaks half-way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from shimao_service.actors import SYSTEM
from shimao_service.models import Notice
from tests.factories import make_cast, walk
from tests.tickets.invariants import broken
from tests.tickets.test_races import together
from tickets import lifecycle, reminders
from tickets.lifecycle import clockwork, gate
from tickets.models import Clock, Event, Hold, Ticket
from tickets.statuses import Channel, Status, Verb

BEFORE = timezone.now() - timedelta(days=10)


def held(cast, count):
    """Requests on hold, and a moment at which all their holds are over and nothing else is late."""
    tickets = [walk(cast, Status.ON_HOLD, now=BEFORE) for _each in range(count)]
    return tickets, max(ticket.hold_until for ticket in tickets) + timedelta(seconds=1)


def resumed(ticket) -> int:
    return Event.objects.filter(ticket=ticket, verb=Verb.RESUME).count()


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_move_each_request_once():
    cast = make_cast()
    tickets, now = held(cast, 6)
    together(lambda: reminders.remind(now), lambda: reminders.remind(now))
    assert [resumed(ticket) for ticket in tickets] == [1] * 6
    for ticket in Ticket.objects.all():
        assert ticket.status == Status.IN_PROGRESS
        assert broken(ticket) == []
    assert not Hold.objects.filter(ended_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_handler_who_takes_it_up_as_the_clock_does_meets_it_once():
    cast = make_cast()
    tickets, now = held(cast, 3)
    me = cast.by("handler")
    together(lambda: reminders.remind(now), lambda: lifecycle.resume(tickets[0], by=me, now=now))
    assert [resumed(ticket) for ticket in tickets] == [1] * 3
    assert all(broken(ticket) == [] for ticket in Ticket.objects.all())


@pytest.mark.django_db
def test_one_that_breaks_while_all_are_written_leaves_the_others_moved_once(cast, monkeypatch):
    tickets, now = held(cast, 3)
    real = clockwork.refresh

    def refresh(rows):
        if any(row.pk == tickets[1].pk for row in rows):
            raise ZeroDivisionError
        return real(rows)

    monkeypatch.setattr(clockwork, "refresh", refresh)
    reminders.remind(now)
    assert [resumed(ticket) for ticket in tickets] == [1, 0, 1]
    stuck = Ticket.objects.get(pk=tickets[1].pk)
    assert (stuck.status, stuck.version) == (Status.ON_HOLD, tickets[1].version)
    assert stuck.remind_at == now + reminders.ASK_AGAIN
    assert Hold.objects.get(ticket=stuck).ended_at is None
    keys = list(Notice.objects.values_list("key", "recipient", "channel"))
    assert len(keys) == len(set(keys))
    monkeypatch.setattr(clockwork, "refresh", real)
    reminders.remind(now + reminders.ASK_AGAIN)
    assert resumed(stuck) == 1
    assert all(broken(ticket) == [] for ticket in Ticket.objects.all())


@pytest.mark.django_db
def test_many_that_end_together_are_held_by_nobody_and_have_nothing_due(cast):
    """No move of the clock ends a request today; the gate for many keeps what the one for one does."""
    tickets = [walk(cast, Status.AWAITING_SUMMARY, now=BEFORE) for _each in range(2)]

    def end(move: gate.Moving) -> None:
        move.set(closed_at=move.now, fed_back_at=move.now, summarised_at=move.now)
        move.event(Verb.TIME_OUT, to=Status.CLOSED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate.permissions, "is_legal", lambda verb, row: True)
        assert gate.move_together(tickets, Verb.TIME_OUT, end, by=SYSTEM, now=timezone.now()) == {}
    for before in tickets:
        row = Ticket.objects.get(pk=before.pk)
        assert (row.status, row.due_at, row.remind_at) == (Status.CLOSED, None, None)
        assert row.version == before.version + 1
        assert not row.receiver_terms.filter(ended_at=None).exists()
        assert not row.legs.filter(ended_at=None).exists()


@pytest.mark.django_db
def test_what_times_out_together_says_so_to_each_first_receiver_and_counts_as_not_rated(cast):
    tickets = [walk(cast, Status.FED_BACK, now=BEFORE) for _each in range(3)]
    late = lifecycle.feed_back(
        walk(cast, Status.COMPLETED, now=BEFORE), by=cast.by("frontdesk"), channel=Channel.PHONE, content="已修好",
        now=BEFORE + timedelta(days=5),
    )  # fmt: skip
    now = BEFORE + timedelta(days=8)
    refused = lifecycle.time_out_together([*tickets, late], now=now)
    assert set(refused) == {late.pk}, "the owner of that one has four days more"
    assert Ticket.objects.get(pk=late.pk).version == late.version
    for ticket in tickets:
        row = Ticket.objects.get(pk=ticket.pk)
        assert (row.status, row.grade, row.version) == (Status.AWAITING_SUMMARY, None, ticket.version + 1)
        assert Notice.objects.filter(about=f"ticket:{ticket.pk}", kind="ticket_timed_out").count() == 1
        assert not Clock.objects.filter(ticket=row, met_at=None, stopped_at=None, paused_at=None).exists()
        assert broken(row) == []
