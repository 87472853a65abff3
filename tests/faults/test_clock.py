"""A beat that comes late, twice, or after the clock has jumped: the same is told as if every minute had ticked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.db.models import Min

from shimao_service import outbox, ticking
from shimao_service.actors import ActorKind
from shimao_service.models import Notice
from tests.factories import make_cast, register, walk
from tests.shimao_service.processes import program
from tests.tickets.invariants import broken
from tickets import reminders
from tickets.models import Escalation, Event, Ticket
from tickets.statuses import Kind, Status, Urgency

SHANGHAI = ZoneInfo("Asia/Shanghai")
MINUTE = timedelta(minutes=1)


def at(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=SHANGHAI)


def open_requests(cast, now: datetime) -> list[Ticket]:
    """One of everything that waits for somebody."""
    return [
        register(cast, now=now),
        register(cast, urgency=Urgency.URGENT, now=now),
        register(cast, urgency=Urgency.CRITICAL, now=now),
        register(cast, kind=Kind.COMPLAINT, category=None, now=now),
        register(cast, kind=Kind.CONSULTATION, category=None, now=now),
        *(walk(cast, status, now=now) for status in (Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD)),
        *(walk(cast, status, now=now) for status in (Status.COMPLETED, Status.FED_BACK, Status.AWAITING_SUMMARY)),
    ]


def tick_every_minute(until: datetime) -> None:
    """As a beat does that never misses one. Minutes in which nothing is due are left out: a tick then finds nothing."""
    while True:
        first = Ticket.objects.aggregate(at=Min("remind_at"))["at"]
        if first is None or first > until:
            return
        minute = first.replace(second=0, microsecond=0)
        reminders.remind(minute if minute == first else minute + MINUTE)


@dataclass
class Told:
    """What requests were told of: reminders, steps that rose (row and event), and the notices of those."""

    reminders: Counter
    steps: Counter
    rises: Counter

    @property
    def who_heard(self) -> set[tuple[str, str]]:
        """Of which request who has heard by its rising at all."""
        return {(key.split(":")[1], recipient) for key, recipient, *_rest in self.rises}


RISES = ("ticket_escalated", "ticket_emergency")


def told(tickets: list[Ticket]) -> Told:
    notices = Notice.objects.filter(about__in=[f"ticket:{ticket.pk}" for ticket in tickets])
    fields = ("key", "recipient", "channel", "title")
    steps = Escalation.objects.filter(ticket__in=tickets).values_list("ticket", "round", "clock", "step", "due_at")
    rises = Event.objects.filter(ticket__in=tickets, verb="escalate").values_list(
        "ticket", "round", "data__clock", "data__step", "data__rung"
    )
    return Told(
        reminders=Counter(notices.exclude(kind__in=RISES).values_list(*fields)),
        steps=Counter([*steps, *(("event", *rise) for rise in rises)]),
        rises=Counter(notices.filter(kind__in=RISES).values_list(*fields)),
    )


def reminder_of(row: tuple[str, ...]) -> tuple[tuple[str, ...], list[int]]:
    """Which reminder, to whom and how, and which of its kind: it says when it was due."""
    key, recipient, channel, _title = row
    which, _, mark = key.rpartition(":")
    return (which, recipient, channel), [int(digits) for digits in re.findall(r"\d+", mark)]


def untold(wanted: Told, found: Told) -> list[tuple[str, ...]]:
    """Reminders that are missing; of one and the same that came due more than once, a late beat tells the latest."""
    latest: dict[tuple[str, ...], list[int]] = {}
    for which, mark in map(reminder_of, found.reminders):
        latest[which] = max(mark, latest.get(which, mark))
    return [
        row
        for row, (which, mark) in ((row, reminder_of(row)) for row in wanted.reminders - found.reminders)
        if which not in latest or mark >= latest[which]
    ]


def differences(wanted: Told, found: Told, moved: Set[int] = frozenset()) -> list[object]:
    """What a late beat told otherwise than a punctual one.

    Of several steps that come together each is written, and each person hears once, of the highest. What follows a
    move that the clock itself makes (``moved``) counts from when it was made.
    """
    own = tuple(f"ticket:{pk}:" for pk in moved)
    return [
        *(row for row in untold(wanted, found) if not row[0].startswith(own)),
        *(found.reminders - wanted.reminders),
        *(row for row in wanted.steps - found.steps if row[0] not in moved and row[1] not in moved),
        *(found.steps - wanted.steps),
        *(found.rises - wanted.rises),
        *(pair for pair in wanted.who_heard - found.who_heard if int(pair[0]) not in moved),
        *(row for rows in vars(found).values() for row, times in rows.items() if times > 1),
    ]


def as_if_every_minute_had_ticked(tickets: list[Ticket], until: datetime) -> Told:
    """What a punctual beat would tell; nothing of it stays."""
    with transaction.atomic():
        tick_every_minute(until)
        told_then = told(tickets)
        transaction.set_rollback(True)
    return told_then


def moved_by_the_clock(tickets: list[Ticket]) -> set[int]:
    moves = Event.objects.filter(ticket__in=tickets, actor_kind=ActorKind.SYSTEM, verb__in=["resume", "time_out"])
    counts = Counter(moves.values_list("ticket", flat=True))
    assert all(count == 1 for count in counts.values()), "a move of the clock is made once"
    return set(counts)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(at(2026, 11, 24, 23, 40), at(2026, 11, 25, 0, 25), id="midnight"),
        pytest.param(at(2026, 11, 30, 16, 30), at(2026, 12, 1, 9, 30), id="month end"),
        pytest.param(at(2026, 12, 31, 15, 0), at(2027, 1, 4, 10, 0), id="New Year"),
        pytest.param(at(2026, 9, 30, 16, 0), at(2026, 10, 9, 10, 0), id="a week of holidays"),
        pytest.param(at(2026, 2, 13, 16, 0), at(2026, 2, 14, 10, 0), id="a Saturday that is worked"),
    ],
)
def test_when_the_clock_jumps_every_step_comes_out_once(cast, before, after):
    tickets = open_requests(cast, before)
    start = before + timedelta(minutes=15)
    tick_every_minute(start)
    wanted = as_if_every_minute_had_ticked(tickets, after)

    reminders.remind(after)
    found = told(tickets)
    reminders.remind(after)
    assert told(tickets) == found, "the same tick again changes nothing"

    assert wanted.reminders and wanted.steps
    assert differences(wanted, found, moved_by_the_clock(tickets)) == []
    assert not Ticket.objects.filter(remind_at__lte=after).exists(), "nothing is left behind"
    assert [words for ticket in Ticket.objects.all() for words in broken(ticket)] == []


@pytest.mark.django_db(transaction=True)
def test_a_tick_late_by_an_hour_and_done_by_two_at_once_tells_each_thing_once(monkeypatch):
    monkeypatch.setattr(outbox, "wake", lambda channel: True)
    cast = make_cast()
    begun = at(2026, 11, 24, 10, 0)
    tickets = open_requests(cast, begun)
    late = begun + timedelta(minutes=20) + timedelta(hours=1)
    reminders.remind(begun + timedelta(minutes=20))
    wanted = as_if_every_minute_had_ticked(tickets, late)
    source = f"""
        import json
        from shimao_service import outbox
        from tickets import reminders
        outbox.wake = lambda channel: True
        late = datetime.fromisoformat("{late.isoformat()}")
        print("ready", flush=True)
        input()
        errors = [ticking.tick(now=late).errors for _twice in range(2)]
        # Also past the lock of the tick: rows are locked as well.
        reminders.remind(late)
        print(json.dumps(errors), flush=True)
    """
    with program(source) as one, program(source) as two:
        for process in (one, two):
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [json.loads(process.stdout.readline()) for process in (one, two)] == [[{}, {}], [{}, {}]]
    assert wanted.reminders and wanted.steps
    assert differences(wanted, told(tickets)) == []
    assert [words for ticket in Ticket.objects.all() for words in broken(ticket)] == []


@pytest.mark.django_db
def test_a_clock_that_was_set_back_tells_nothing_again(cast, monkeypatch):
    monkeypatch.setattr(outbox, "wake", lambda channel: True)
    begun = at(2026, 11, 24, 10, 0)
    tickets = open_requests(cast, begun)
    reminders.remind(begun + timedelta(hours=3))
    found = told(tickets)
    for minutes in (30, 90, 180):
        assert ticking.tick(now=begun + timedelta(minutes=minutes)).errors == {}
    assert told(tickets) == found
