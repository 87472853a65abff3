"""特急: who is alarmed, how often, and what begins it anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shimao_service.models import Notice
from staff.models import DutySlot
from tests.factories import grant, register, walk
from tests.tickets.test_escalation import DAY, HOUR, NIGHT, TEN, away, heard, risen
from tickets import lifecycle, reminders
from tickets.models import Ticket
from tickets.recipients import Reached, Skipped
from tickets.statuses import Status, Urgency

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def test_an_emergency_reaches_supervisor_and_manager_at_once_and_stays_on_screen(cast):
    ticket = register(cast, urgency=Urgency.CRITICAL, now=TEN)
    [alarm] = risen(ticket, "emergency")
    assert (alarm["step"], set(alarm["told"]), alarm["skipped"]) == ("alarm:0", {"陈晓雯", "王志强"}, [])
    notices = Notice.objects.filter(about=f"ticket:{ticket.pk}", kind="ticket_emergency", channel="inbox")
    assert {notice.recipient for notice in notices} == {f"user:{p.user_id}" for p in (cast.supervisor, cast.manager)}
    assert all(notice.must_acknowledge and notice.urgent for notice in notices)
    assert {notice.scope for notice in notices} == {f"project:{cast.project.pk}"}


def test_at_night_it_also_wakes_who_is_on_duty_and_the_deputy_and_names_who_was_skipped(cast):
    grant(cast.guard, "duty_desk", cast.project)
    DutySlot.objects.create(
        project=cast.project, weekday=1, starts="20:00", ends="08:30", employee=cast.duty, deputy=cast.guard
    )
    away(cast.supervisor, TEN, TEN + 2 * DAY)
    ticket = register(cast, urgency=Urgency.CRITICAL, now=NIGHT, by="duty")
    [alarm] = risen(ticket, "emergency")
    assert set(alarm["told"]) == {"赵经理", "王志强", "孙班长", "李敏"}
    assert alarm["skipped"] == [{"name": "陈晓雯", "why": "请假至 11月26日 10:00"}]
    assert heard(ticket, cast.duty, "emergency") == 0, "who wrote it down knows"


def test_it_is_repeated_to_the_company_until_somebody_says_that_they_know(cast):
    ticket = register(cast, urgency=Urgency.CRITICAL, now=TEN)
    reminders.remind(TEN + timedelta(minutes=4))
    assert len(risen(ticket, "emergency")) == 1
    reminders.remind(TEN + timedelta(minutes=5, seconds=30))
    assert [(data["step"], data["rung"]) for data in risen(ticket, "emergency")][1:] == [("alarm:1", "company")]
    assert heard(ticket, cast.director, "emergency") == 1
    lifecycle.acknowledge(ticket, by=cast.by("manager"), now=TEN + timedelta(minutes=6))
    reminders.remind(TEN + timedelta(minutes=30))
    assert len(risen(ticket, "emergency")) == 2


def test_accepting_it_stops_the_repeats(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=TEN, urgency=Urgency.CRITICAL)
    reminders.remind(TEN + timedelta(minutes=20))
    assert [data["step"] for data in risen(ticket, "emergency")] == ["alarm:0"]


def test_what_becomes_an_emergency_is_told_as_one(cast):
    ticket = register(cast, now=TEN)
    assert risen(ticket, "emergency") == []
    lifecycle.amend(ticket, by=cast.by("frontdesk"), reason="有人被困", changes={"urgency": "critical"}, now=TEN + HOUR)
    assert [data["step"] for data in risen(ticket, "emergency")] == ["alarm:0"]


def test_an_emergency_that_no_move_announced_is_found_by_the_tick(cast):
    ticket = register(cast, now=TEN)
    Ticket.objects.filter(pk=ticket.pk).update(urgency="critical", remind_at=TEN)
    reminders.remind(TEN + timedelta(minutes=1))
    assert [data["step"] for data in risen(ticket, "emergency")] == ["alarm:0"]
    assert Ticket.objects.get(pk=ticket.pk).remind_at <= TEN + timedelta(minutes=5)


def test_one_handed_back_is_nobody_s_again_and_alarms_as_at_first(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=TEN, urgency=Urgency.CRITICAL)
    lifecycle.acknowledge(ticket, by=cast.by("manager"), now=TEN + 30 * MINUTE)
    back = TEN + 2 * HOUR
    ticket = lifecycle.return_(ticket, by=cast.by("handler"), reason="没有电梯证", now=back)
    assert [(data["step"], set(data["told"])) for data in risen(ticket, "emergency")[1:]] == [
        ("alarm:0", {"陈晓雯", "王志强"})
    ]
    assert heard(ticket, cast.supervisor, "emergency") == heard(ticket, cast.manager, "emergency") == 2
    assert heard(ticket, cast.supervisor, "returned") == 0, "the alarm says it"
    reminders.remind(back + 4 * MINUTE)
    assert len(risen(ticket, "emergency")) == 2, "repeats are counted from the new alarm"
    reminders.remind(back + 6 * MINUTE)
    assert [data["step"] for data in risen(ticket, "emergency")] == ["alarm:0", "alarm:0", "alarm:1"]
    lifecycle.acknowledge(ticket, by=cast.by("manager"), now=back + 7 * MINUTE)
    reminders.remind(back + HOUR)
    assert len(risen(ticket, "emergency")) == 3


def test_what_becomes_an_emergency_a_second_time_alarms_a_second_time(cast):
    ticket = register(cast, urgency=Urgency.CRITICAL, now=TEN)
    for minutes, urgency in ((10, "normal"), (20, "critical")):
        at = TEN + minutes * MINUTE
        lifecycle.amend(ticket, by=cast.by("supervisor"), reason="再核实", changes={"urgency": urgency}, now=at)
    assert [data["step"] for data in risen(ticket, "emergency")] == ["alarm:0", "alarm:0"]
    assert Ticket.objects.get(pk=ticket.pk).remind_at <= TEN + 25 * MINUTE


def test_handing_back_what_is_no_emergency_alarms_nobody(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=TEN)
    ticket = lifecycle.return_(ticket, by=cast.by("handler"), reason="不是本专业", now=TEN + HOUR)
    assert risen(ticket, "emergency") == []


def test_of_two_people_of_one_name_the_one_passed_over_stays_named(cast):
    reached = Reached(
        [cast.supervisor], [Skipped("陈晓雯", "请假", cast.manager.pk), Skipped("陈晓雯", "不在班", cast.supervisor.pk)]
    )
    assert reached.settled().skipped == [Skipped("陈晓雯", "请假", cast.manager.pk)]
