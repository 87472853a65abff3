"""What was told before, and what is told again, when urgency, appointment, kind or unit of a request change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shimao_service.exceptions import Invalid
from tests.factories import UnitFactory, register, walk
from tests.tickets.invariants import broken
from tests.tickets.test_escalation import DAY, HOUR, TEN, heard, in_work, risen
from tickets import lifecycle, reminders
from tickets.models import Clock, Escalation, Ticket
from tickets.statuses import Status

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def amend(cast, ticket, now, **changes):
    return lifecycle.amend(ticket, by=cast.by("supervisor"), reason="核实", changes=changes, now=now)


def resolution(ticket):
    return Clock.objects.get(ticket=ticket, name="resolution")


def steps(ticket, clock="resolution"):
    return [data["step"] for data in risen(ticket, clock)]


# --- steps that lie ahead again -------------------------------------------------------------------
def test_what_gets_more_time_is_warned_of_again_by_its_new_time(cast):
    ticket = in_work(cast, urgency="urgent")
    warned = resolution(ticket).warn_at
    reminders.remind(warned + MINUTE)
    amend(cast, ticket, warned + 2 * MINUTE, urgency="normal")
    reminders.remind(warned + 3 * MINUTE)
    assert steps(ticket) == ["percent:80"], "that moment lies ahead now"
    reminders.remind(resolution(ticket).warn_at + 9 * HOUR)
    assert steps(ticket) == ["percent:80", "percent:80"]
    assert heard(ticket, cast.handler) == 2, "the second warning is no repetition of the first"
    reminders.remind(resolution(ticket).warn_at + 9 * HOUR + MINUTE)
    assert len(steps(ticket)) == 2


def test_an_appointment_moved_twice_is_warned_of_by_the_last(cast):
    ticket = in_work(cast, appointment_at=TEN + DAY)
    for days in (5, 10):
        at = resolution(ticket).warn_at + 9 * HOUR
        reminders.remind(at)
        ticket = amend(cast, ticket, at + MINUTE, appointment_at=TEN + days * DAY)
        assert not Escalation.objects.filter(ticket=ticket, clock="resolution").exists()
    assert ticket.remind_at < resolution(ticket).warn_at
    reminders.remind(resolution(ticket).warn_at + 9 * HOUR)
    assert steps(ticket) == ["percent:80"] * 3
    assert broken(Ticket.objects.get(pk=ticket.pk)) == []


def test_what_is_changed_while_it_rests_is_warned_of_after_the_rest(cast):
    ticket = in_work(cast, urgency="urgent")
    warned = resolution(ticket).warn_at
    reminders.remind(warned + MINUTE)
    lifecycle.hold(
        ticket, by=cast.by("handler"), reason="parts", resume_at=warned + 3 * DAY, now=warned + 2 * MINUTE
    )  # fmt: skip
    amend(cast, ticket, warned + HOUR, urgency="normal")
    ticket = lifecycle.resume(ticket, by=cast.by("handler"), now=warned + 2 * DAY)
    reminders.remind(resolution(ticket).warn_at + 9 * HOUR)
    assert steps(ticket).count("percent:80") == 2


def test_a_breach_is_not_told_again_however_the_time_is_softened(cast):
    ticket = in_work(cast, urgency="urgent")
    late = resolution(ticket).due_at + MINUTE
    reminders.remind(late)
    amend(cast, ticket, late + MINUTE, urgency="normal")
    reminders.remind(late + 4 * DAY)
    told = steps(ticket)
    assert told.count("percent:100") == 1
    assert len(told) == len(set(told))


def test_work_that_rested_after_its_breach_goes_on_where_it_stood(cast):
    """A day in which it rested is no day of being late: the director is not told the minute it is taken up again."""
    ticket = in_work(cast)
    due = resolution(ticket).due_at
    reminders.remind(due + MINUTE)
    lifecycle.hold(ticket, by=cast.by("handler"), reason="parts", resume_at=due + 5 * DAY, now=due + HOUR)
    lifecycle.resume(ticket, by=cast.by("handler"), now=due + 3 * DAY)
    reminders.remind(due + 3 * DAY + MINUTE)
    assert steps(ticket) == ["percent:80", "percent:100"]
    reminders.remind(due + 4 * DAY + MINUTE)
    assert set(steps(ticket)[2:]) == {"percent:150", "hours:24"}


@pytest.mark.parametrize(
    ("booked", "said"),
    [
        (timedelta(days=365 * 3), "时间太远了"),
        (timedelta(days=365 * 7000), "时间太远了"),
        (-timedelta(days=1), "不能早于登记时间"),
    ],
)
def test_an_appointment_years_off_is_refused_by_its_field(cast, booked, said):
    ticket = register(cast, now=TEN)
    with pytest.raises(Invalid) as refused:
        amend(cast, ticket, TEN + HOUR, appointment_at=TEN + booked)
    assert said in refused.value.fields["appointment_at"][0]
    amend(cast, ticket, TEN + 2 * HOUR, appointment_at=TEN + HOUR)
    assert broken(Ticket.objects.get(pk=ticket.pk)) == [], "what has passed meanwhile may be put right"


# --- acknowledging --------------------------------------------------------------------------------
def test_who_knew_of_an_earlier_alarm_can_say_so_of_the_next(cast):
    ticket = register(cast, urgency="critical", now=TEN)
    lifecycle.acknowledge(ticket, by=cast.by("supervisor"), now=TEN + MINUTE)
    amend(cast, ticket, TEN + 2 * MINUTE, urgency="urgent")
    amend(cast, ticket, TEN + 3 * MINUTE, urgency="critical")
    for _again in range(2):
        lifecycle.acknowledge(ticket, by=cast.by("supervisor"), now=TEN + 4 * MINUTE)
    reminders.remind(TEN + 30 * MINUTE)
    assert steps(ticket, "emergency") == ["alarm:0", "alarm:0"], "known: no repeats"
    assert ticket.events.filter(verb="acknowledge").count() == 2


def test_having_seen_it_before_it_was_an_emergency_is_not_knowing_of_the_alarm(cast):
    ticket = register(cast, now=TEN)
    lifecycle.acknowledge(ticket, by=cast.by("supervisor"), now=TEN + MINUTE)
    amend(cast, ticket, TEN + 3 * MINUTE, urgency="critical")
    lifecycle.acknowledge(ticket, by=cast.by("supervisor"), now=TEN + 4 * MINUTE)
    reminders.remind(TEN + 30 * MINUTE)
    assert steps(ticket, "emergency") == ["alarm:0"]


# --- groups ---------------------------------------------------------------------------------------
def linked(cast, kinds, units):
    """Requests of one cause, the first linked with each other."""
    tickets = [
        register(
            cast, kind=kind, category=None, unit=unit, owner=None, contact_name="张三",
            contact_phone=f"1381234567{number}", now=TEN + number * MINUTE,
        )
        for number, (kind, unit) in enumerate(zip(kinds, units, strict=True))
    ]  # fmt: skip
    for other in tickets[1:]:
        lifecycle.link(tickets[0], other, by=cast.by("supervisor"), now=TEN + HOUR)
    assert not Ticket.objects.exclude(overseen_at=None).exists()
    return tickets


def test_the_third_household_may_come_by_an_amended_kind(cast):
    third = UnitFactory(building=cast.building, room="301")
    tickets = linked(cast, ["consultation", "complaint", "complaint"], [cast.unit, cast.unit_below, third])
    amended = amend(cast, tickets[0], TEN + 2 * HOUR, kind="complaint")
    assert amended.oversight == "collective"
    assert Ticket.objects.filter(oversight="collective").count() == 3
    assert all(broken(ticket) == [] for ticket in Ticket.objects.all())


def test_the_third_household_may_come_by_an_amended_unit(cast):
    tickets = linked(cast, ["complaint"] * 3, [cast.unit, cast.unit_below, cast.unit])
    amend(cast, tickets[2], TEN + 2 * HOUR, unit=UnitFactory(building=cast.building, room="301"))
    assert Ticket.objects.filter(oversight="collective").count() == 3


def test_the_clocks_of_a_kind_changed_twice_are_the_computed_ones(cast):
    ticket = walk(cast, Status.IN_PROGRESS, kind="consultation", category=None, now=TEN)
    for hours, kind in ((4, "complaint"), (5, "repair"), (30, "complaint")):
        amend(cast, ticket, TEN + hours * HOUR, kind=kind)
        reminders.remind(TEN + (hours + 1) * HOUR)
        assert broken(Ticket.objects.get(pk=ticket.pk)) == []
    reminders.remind(TEN + 30 * DAY)
    assert broken(Ticket.objects.get(pk=ticket.pk)) == []
