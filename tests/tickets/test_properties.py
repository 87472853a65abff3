"""Any sequence of moves, legal or not, by anybody, at any times: the invariants hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shimao_service import calendars, working_time
from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Refusal
from tests.factories import make_cast, owner_actor, register
from tests.tickets.invariants import broken
from tickets import deadlines, lifecycle, reminders, schedule
from tickets.deadlines import Facts, Happening
from tickets.limits import Terms
from tickets.models import Ticket
from tickets.presets import PRESETS
from tickets.statuses import FINAL, Channel, HoldReason, Kind, Level, Status, Urgency, Verb

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

DESK = ("frontdesk", "supervisor")
MOVES = {
    "dispatch": lambda t, c, at, n: lifecycle.dispatch(
        t, by=c.by(DESK[n % 2]), department=c.works, handler=(c.handler, c.handler2, None)[n % 3], now=at
    ),
    "accept": lambda t, c, at, n: lifecycle.accept(t, by=c.by(("handler", "handler2")[n % 2]), now=at),
    "arrive": lambda t, c, at, n: lifecycle.arrive(t, by=c.by(("handler", "handler2")[n % 2]), now=at),
    "return": lambda t, c, at, n: lifecycle.return_(t, by=c.by("handler"), reason="退回", now=at),
    "transfer": lambda t, c, at, n: lifecycle.transfer(
        t, by=c.by("supervisor"), reason="改派", handler=(c.handler, c.handler2, c.guard)[n % 3], now=at
    ),
    "follow_up": lambda t, c, at, n: lifecycle.follow_up(
        t, by=c.by("frontdesk"), note="进展", answered=bool(n % 2), now=at
    ),
    "hold": lambda t, c, at, n: lifecycle.hold(
        t, by=c.by(("handler", "handler2")[n % 2]), reason=HoldReason.values[n % 8], note="等",
        resume_at=at + timedelta(hours=1 + n), now=at,
    ),
    "resume": lambda t, c, at, n: lifecycle.resume(t, by=SYSTEM, now=at),
    "complete": lambda t, c, at, n: lifecycle.complete(
        t, by=c.by(("handler", "handler2")[n % 2]), result="修好", now=at
    ),
    "feed_back": lambda t, c, at, n: lifecycle.feed_back(
        t, by=c.by("frontdesk"), channel=(Channel.PHONE, Channel.UNREACHABLE)[n % 2], content="告知", now=at
    ),
    "rate": lambda t, c, at, n: lifecycle.rate(t, by=owner_actor(t), grade=n % 5 + 1, now=at),
    "record": lambda t, c, at, n: lifecycle.rate(t, by=c.by("frontdesk"), grade=n % 5 + 1, channel="phone", now=at),
    "time_out": lambda t, c, at, n: lifecycle.time_out(t, now=at + timedelta(days=8)),
    "summarise": lambda t, c, at, n: lifecycle.summarise(
        t, by=c.by("supervisor"), cause="原因", liability="property", improvement="改进", now=at
    ),
    "reopen": lambda t, c, at, n: lifecycle.reopen(t, by=c.by("frontdesk"), reason="重办", now=at),
    "amend": lambda t, c, at, n: lifecycle.amend(
        t, by=c.by("supervisor"), reason="更正", changes={"urgency": Urgency.values[n % 3]}, now=at
    ),
    "amend_kind": lambda t, c, at, n: lifecycle.amend(
        t, by=c.by("supervisor"), reason="更正", changes={"kind": Kind.values[n % 4]}, now=at
    ),
    "talk": lambda t, c, at, n: lifecycle.talk(t, by=c.by("supervisor"), note="面谈", now=at),
    "conclude": lambda t, c, at, n: lifecycle.conclude(t, by=c.by("manager"), reason="终结", now=at),
    "cancel": lambda t, c, at, n: lifecycle.cancel(t, by=c.by("supervisor"), reason="作废", now=at),
    "leave": lambda t, c, at, n: lifecycle.release_employee(c.handler, by=SYSTEM, now=at),
    "urge": lambda t, c, at, n: lifecycle.urge(t, by=(owner_actor(t), c.by("supervisor"))[n % 2], note="快点", now=at),
    "oversee": lambda t, c, at, n: lifecycle.oversee(t, by=c.by("manager"), note="盯紧", now=at),
    "answer_urge": lambda t, c, at, n: lifecycle.answer_urge(t, by=c.by("frontdesk"), note="在办", now=at),
    "refer": lambda t, c, at, n: lifecycle.refer(
        t, by=c.by("frontdesk"), authority="government", number=str(n),
        due_at=(None, at + timedelta(hours=n), at + timedelta(days=n))[n % 3], now=at,
    ),
    "reply_authority": lambda t, c, at, n: lifecycle.reply_authority(t, by=c.by("frontdesk"), content="已办", now=at),
}  # fmt: skip
# The path that leads on stands in several times, so that generated histories get somewhere.
ONWARD = ("dispatch", "accept", "complete", "feed_back", "rate", "summarise")

steps = st.lists(
    st.tuples(
        st.sampled_from([*MOVES, *ONWARD, *ONWARD]),
        st.integers(min_value=-30, max_value=60 * 24 * 3),  # minutes; a clock may even go back
        st.integers(min_value=0, max_value=29),
    ),
    min_size=4,
    max_size=18,
)


class Undo(Exception):
    pass


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(kind=st.sampled_from(Kind.values[:4]), urgency=st.sampled_from(Urgency.values), story=steps)
def test_any_sequence_of_moves_keeps_the_invariants(cast, kind, urgency, story):
    try:
        with transaction.atomic():
            ticket = register(cast, kind=kind, urgency=urgency, now=START)
            moment = START
            for name, minutes, number in story:
                moment = moment + timedelta(minutes=minutes)
                try:
                    with transaction.atomic():
                        MOVES[name](ticket, cast, moment, number)
                except Refusal:
                    pass  # an illegal attempt must leave everything as it was
                ticket = Ticket.objects.select_related("summary").get(pk=ticket.pk)
                wrong = broken(ticket)
                assert not wrong, (name, wrong)
                if ticket.status in FINAL:
                    assert ticket.remind_at is None, "nobody is reminded of what is over"
            raise Undo
    except Undo:
        pass


@pytest.mark.django_db
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(story=steps, late=st.integers(min_value=0, max_value=60 * 24 * 12))
def test_ticks_repeated_or_late_leave_the_same_notices(cast, story, late):
    from shimao_service.models import Notice

    try:
        with transaction.atomic():
            ticket = register(cast, now=START)
            moment = START
            for name, minutes, number in story:
                moment = moment + timedelta(minutes=abs(minutes))
                try:
                    with transaction.atomic():
                        MOVES[name](ticket, cast, moment, number)
                except Refusal:
                    pass
            now = moment + timedelta(minutes=late)
            reminders.remind(now)
            once = set(Notice.objects.values_list("key", "recipient", "channel"))
            events = list(ticket.events.order_by("seq").values_list("seq", "verb", "at"))
            status = Ticket.objects.get(pk=ticket.pk).status
            reminders.remind(now)
            assert set(Notice.objects.values_list("key", "recipient", "channel")) == once
            assert list(ticket.events.order_by("seq").values_list("seq", "verb", "at")) == events
            assert Ticket.objects.get(pk=ticket.pk).status == status
            assert not broken(Ticket.objects.select_related("summary").get(pk=ticket.pk))
            left = Ticket.objects.get(pk=ticket.pk)
            assert left.remind_at is None or left.remind_at > now
            raise Undo
    except Undo:
        pass


facts = st.builds(
    Facts,
    kind=st.sampled_from(Kind.values),
    urgency=st.sampled_from(Urgency.values),
    level=st.sampled_from(["", *Level.values]),
    is_collective=st.booleans(),
    appointment_at=st.none() | st.integers(0, 5000).map(lambda minutes: START + timedelta(minutes=minutes)),
)


def happened(verb, minutes, to=Status.IN_PROGRESS, **data):
    return Happening(verb, START + timedelta(minutes=minutes), 1, to, data)


STANDARD = Terms(next(p for p in PRESETS if p.is_default).limits(), calendars.default_calendar(2025, 2027))


def terms_of(_policy: int, _calendar: int) -> Terms:
    return STANDARD


def clocks(facts: Facts, start: datetime, history: list[Happening]) -> list[deadlines.ClockState]:
    return deadlines.clocks(facts, start, history, terms_of)


def between(unit, start, end):
    return working_time.between(STANDARD.calendar, unit, start, end)


@given(facts=facts, start=st.integers(1, 500), length=st.integers(0, 3000))
def test_a_pause_moves_the_due_time_by_what_it_cost_and_one_of_zero_by_nothing(facts, start, length):
    plain = {clock.name: clock for clock in clocks(facts, START, [happened(Verb.REGISTER, 0, Status.REGISTERED)])}
    rested = clocks(
        facts,
        START,
        [
            happened(Verb.REGISTER, 0, Status.REGISTERED),
            happened(Verb.HOLD, start, Status.ON_HOLD, reason="parts"),
            happened(Verb.RESUME, start + length),
        ],
    )
    hold, resumed = START + timedelta(minutes=start), START + timedelta(minutes=start + length)
    for clock in rested:
        before = plain[clock.name]
        if hold >= before.due_at or length == 0:
            assert clock.due_at == before.due_at, "what was late before the hold is not excused by it"
            continue
        cost = between(clock.unit, max(hold, clock.started_at), resumed) if resumed > clock.started_at else timedelta()
        assert between(clock.unit, clock.started_at, clock.due_at) == (
            between(clock.unit, clock.started_at, before.due_at) + cost
        ), "what the hold cost is given back, in the limit's own unit"


@given(facts=facts)
def test_every_clock_begins_no_earlier_than_the_request_and_runs_its_limit(facts):
    given_limits = deadlines.allowances(facts, STANDARD)
    for clock in clocks(facts, START, [happened(Verb.REGISTER, 0, Status.REGISTERED)]):
        assert clock.started_at >= START
        allowance = given_limits[clock.name]
        assert clock.due_at == working_time.due(STANDARD.calendar, allowance.unit, clock.started_at, allowance.amount)
        assert clock.started_at <= clock.warn_at <= clock.due_at


def test_an_appointment_starts_the_clocks_it_governs():
    booked = START + timedelta(days=2)
    found = {c.name: c for c in clocks(Facts(Kind.REPAIR, Urgency.NORMAL, appointment_at=booked), START, [])}
    assert found["on_site"].due_at == booked
    assert found["resolution"].due_at == booked + timedelta(hours=48)
    assert found["response"].due_at == START + timedelta(minutes=30)


def test_next_due_is_the_earliest_running_clock_of_the_round():
    states = clocks(Facts(Kind.COMPLAINT, Urgency.NORMAL), START, [happened(Verb.ACCEPT, 10)])
    assert deadlines.next_due(states, 1) == START + timedelta(hours=24)


def test_an_earlier_authority_governs_and_its_time_does_not_rest():
    theirs = START + timedelta(hours=20)
    facts = Facts(Kind.COMPLAINT, Urgency.NORMAL, authority_due_at=theirs)
    hold = [happened(Verb.ACCEPT, 10), happened(Verb.HOLD, 20, Status.ON_HOLD, reason="developer")]
    for history in ([], hold):
        resolution = next(clock for clock in clocks(facts, START, history) if clock.name == "resolution")
        assert resolution.due_at == theirs
        assert resolution.by_authority
        assert resolution.paused_at is None
    ours = next(c for c in clocks(Facts(Kind.COMPLAINT, Urgency.NORMAL), START, hold) if c.name == "resolution")
    assert ours.paused_at == START + timedelta(minutes=20)


def test_an_authoritys_deadline_of_an_earlier_round_makes_no_later_one_late_at_its_birth():
    theirs = START + timedelta(hours=20)
    facts = Facts(Kind.COMPLAINT, Urgency.NORMAL, authority_due_at=theirs)
    again = Happening(Verb.REOPEN, START + timedelta(days=5), 2, Status.DISPATCHED, {})
    first, second = (c for c in clocks(facts, START, [happened(Verb.ACCEPT, 10), again]) if c.name == "resolution")
    assert (first.by_authority, first.due_at) == (True, theirs)
    ours = clocks(Facts(Kind.COMPLAINT, Urgency.NORMAL), START, [happened(Verb.ACCEPT, 10), again])
    assert second == next(c for c in ours if c.name == "resolution" and c.round == 2)


def test_a_later_authority_does_not_soften_our_own_limit():
    theirs = START + timedelta(days=30)
    own = clocks(Facts(Kind.COMPLAINT, Urgency.NORMAL), START, [])
    assert clocks(Facts(Kind.COMPLAINT, Urgency.NORMAL, authority_due_at=theirs), START, []) == own


def test_the_table_of_limits_is_the_regulations_standard():
    expected = {
        ("repair", "normal", ""): {"response": (30, "sh"), "resolution": (2880, "h")},
        ("repair", "urgent", ""): {"response": (10, "h"), "on_site": (30, "h"), "resolution": (1440, "h")},
        ("repair", "critical", ""): {"response": (2, "h"), "on_site": (5, "h")},
        ("complaint", "normal", "ordinary"): {"response": (30, "sh"), "answer": (1440, "h"), "resolution": (3, "wd")},
        ("complaint", "normal", "major"): {"response": (15, "h"), "answer": (240, "h"), "resolution": (3, "wd")},
        ("consultation", "normal", ""): {"response": (240, "sh"), "resolution": (1, "wd")},
        ("suggestion", "normal", ""): {"response": (1, "wd"), "resolution": (10080, "h")},
        ("praise", "normal", ""): {},
    }
    for (kind, urgency, level), limits in expected.items():
        given_limits = deadlines.allowances(Facts(kind, urgency, level), STANDARD)
        assert {name: (one.amount, one.unit) for name, one in given_limits.items()} == limits


def test_a_request_that_waits_always_has_something_scheduled(db):
    cast = make_cast()
    ticket = register(cast)
    assert schedule.next_at(ticket) == ticket.remind_at
    assert ticket.remind_at is not None


def test_another_policy_later_neither_takes_a_promise_back_nor_makes_one_up():
    standard = next(preset for preset in PRESETS if preset.code == "standard")
    premium = next(preset for preset in PRESETS if preset.code == "premium")
    books = {1: Terms(standard.limits(), STANDARD.calendar, 1, 1), 2: Terms(premium.limits(), STANDARD.calendar, 2, 1)}
    changed = happened(Verb.RECLOCK, 60, Status.REGISTERED, changes={"policy_version": [1, 2]})
    states = deadlines.clocks(
        Facts(Kind.REPAIR, Urgency.NORMAL, policy_version=2, calendar_version=1),
        START,
        [happened(Verb.REGISTER, 0, Status.REGISTERED), changed],
        lambda policy, _calendar: books[policy],
    )
    resolution = next(state for state in states if state.name == "resolution")
    assert resolution.due_at == START + timedelta(hours=24), "our own target follows the new policy"
    assert resolution.promise_at == START + timedelta(hours=48), "the owner was told forty-eight hours"
