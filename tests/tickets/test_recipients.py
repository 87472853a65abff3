"""Who can be counted on, and who may hear of what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shimao_service.models import Notice
from staff import availability
from staff.models import Absence, DutySlot
from tests.factories import register, walk
from tickets import reminders
from tickets.recipients import Audience, Roster, addresses
from tickets.statuses import Rung, Status, Urgency

pytestmark = pytest.mark.django_db

TEN = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # a Tuesday, ten in Shanghai
NIGHT = TEN + timedelta(hours=13)
DAY = timedelta(days=1)


def away(employee):
    Absence.objects.create(employee=employee, kind="leave", starts_at=TEN - DAY, ends_at=TEN + 9 * DAY, recorded_at=TEN)


def told(ticket, kind):
    rows = Notice.objects.filter(about=f"ticket:{ticket.pk}", kind=f"ticket_{kind}", channel="inbox")
    return set(rows.values_list("recipient", flat=True))


@pytest.mark.parametrize("at", [TEN, NIGHT, TEN + 4 * DAY, TEN + timedelta(hours=10)])
def test_who_is_there_is_what_the_duty_table_says(cast, at):
    """The roster looks people up for many requests at once; it must say what staff.availability says of one project."""
    DutySlot.objects.create(project=cast.project, weekday=1, starts="20:00", ends="08:30", employee=cast.handler)
    DutySlot.objects.create(
        project=cast.project, weekday=1, starts="09:00", ends="20:00", employee=cast.duty, deputy=cast.supervisor
    )
    away(cast.manager)
    cast.director.user.is_active = False
    cast.director.user.save()
    ticket = walk(cast, Status.IN_PROGRESS, now=TEN)
    people = [cast.handler, cast.supervisor, cast.manager, cast.director, cast.department_manager]
    expected = {pk: one.reason for pk, one in availability.away(people, cast.project, at).items()}
    roster = Roster([ticket], at)
    assert {p.pk: why for p in people if (why := roster.reason(p, ticket))} == expected


def test_a_reminder_to_who_is_on_leave_goes_to_the_supervisor(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=TEN)
    away(cast.handler)
    reminders.remind(TEN + 25 * timedelta(hours=1))
    assert told(ticket, "follow_up_due") == {f"user:{cast.supervisor.user_id}"}


def test_a_reminder_to_a_first_receiver_whose_account_is_closed_goes_to_the_supervisor(cast):
    ticket = walk(cast, Status.COMPLETED, now=TEN)
    cast.frontdesk.user.is_active = False
    cast.frontdesk.user.save()
    reminders.remind(TEN + timedelta(hours=3))
    assert told(ticket, "feedback_due") == {f"user:{cast.supervisor.user_id}"}


def test_an_emergency_skips_only_who_is_away_and_goes_on_to_the_next(cast):
    ticket = register(cast, urgency=Urgency.CRITICAL, now=TEN)
    away(cast.manager)
    asleep = Audience(ticket, at=NIGHT)
    assert [one.name for one in asleep.wake(Rung.SUPERVISOR).told] == ["陈晓雯"], "off shift is no reason"
    reached = asleep.wake(Rung.MANAGER)
    assert [one.name for one in reached.told] == ["沈国栋"]
    assert [one[:2] for one in reached.skipped] == [("王志强", "请假至 12月3日 10:00")]


def test_other_projects_people_hear_nothing(cast):
    ticket = register(cast, now=TEN)
    audience = Audience(ticket, at=TEN)
    assert {one.name for one in audience.desk()} == {"林静", "何丽"}
    assert [one.name for one in audience.supervisors()] == ["陈晓雯"]


def test_a_complaint_about_the_supervisor_climbs_past_everyone_below(cast):
    ticket = register(cast, kind="complaint", category=None, subjects=[cast.supervisor], by="duty", now=TEN)
    audience = Audience(ticket, at=TEN)
    assert [one.name for one in audience.supervisors()] == ["赵经理"]
    reached = audience.climb(Rung.SUPERVISOR)
    assert ([one.name for one in reached.told], reached.skipped) == (["赵经理"], [])
    assert [one.name for one in audience.desk()] == ["赵经理"], "the desk reports to the supervisor"


def test_what_is_done_and_not_told_yet_is_its_first_receivers(cast):
    ticket = walk(cast, Status.COMPLETED, kind="consultation", category=None, now=TEN)
    assert [one.name for one in Audience(ticket, at=TEN).climb(Rung.HANDLER).told] == ["林静"]


def test_addresses_are_of_those_who_can_sign_in_each_once(cast):
    cast.guard.user = None
    assert addresses([cast.handler, cast.handler, cast.guard]) == [f"user:{cast.handler.user_id}"]


def test_a_roster_asks_as_often_for_many_requests_as_for_one(cast):
    tickets = [walk(cast, Status.IN_PROGRESS, now=TEN) for _each in range(6)]

    def count(chosen):
        with CaptureQueriesContext(connection) as made:
            roster = Roster(chosen, NIGHT)
            for ticket in chosen:
                audience = Audience(ticket, roster)
                audience.climb(Rung.HANDLER), audience.wake(Rung.MANAGER), audience.desk(), audience.holder()
        return len(made)

    assert count(tickets) == count(tickets[:1]) <= 6
