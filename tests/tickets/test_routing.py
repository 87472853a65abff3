"""What comes in while the desk is closed goes to whoever is on duty; nobody is woken for a dripping tap."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from shimao_service.actors import Actor, ActorKind
from shimao_service.models import Notice
from staff.models import Absence, DutySlot, RoleGrant
from tests.factories import grant, owner_actor, register, walk
from tickets import lifecycle, promises, reminders
from tickets.lifecycle.intake import Intake
from tickets.models import Event
from tickets.statuses import Kind, Status, Urgency, Verb
from tickets.web_reports import WebReport, submit

pytestmark = pytest.mark.django_db

DAYTIME = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # a Tuesday, ten in Shanghai
NIGHT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # eleven at night


@pytest.fixture
def on_duty(cast):
    grant(cast.guard, "duty_desk", cast.project)  # who stands in must be able to hand it out as well
    return DutySlot.objects.create(
        project=cast.project, weekday=1, starts="20:00", ends="08:30", employee=cast.duty, deputy=cast.guard
    )


def from_the_web(cast, *, now, **fields):
    values = {
        "project": cast.project, "kind": Kind.REPAIR, "description": "厨房水龙头滴水", "unit": cast.unit,
        "contact_name": "张先生", "contact_phone": "13812345678", "source": "web",
    } | fields  # fmt: skip
    return lifecycle.register(Intake(**values), by=Actor(ActorKind.LINK, None, "业主"), now=now)


def told(ticket):
    rows = Notice.objects.filter(about=f"ticket:{ticket.pk}", channel="inbox")
    return {(int(row.recipient.split(":")[1]), row.urgent) for row in rows}


def night_events(ticket):
    return [e.data for e in Event.objects.filter(ticket=ticket, verb=Verb.ESCALATE) if e.data["clock"] == "duty"]


def test_by_day_the_desk_and_the_supervisor_hear_of_it(cast, on_duty):
    ticket = from_the_web(cast, now=DAYTIME)
    assert told(ticket) == {(p.user_id, False) for p in (cast.frontdesk, cast.frontdesk2, cast.supervisor)}
    assert night_events(ticket) == []


def test_at_night_a_dripping_tap_waits_silently_in_the_inbox_of_who_is_on_duty(cast, on_duty):
    ticket = from_the_web(cast, now=NIGHT)
    assert told(ticket) == {(cast.duty.user_id, False)}
    assert [(data["told"], data["skipped"]) for data in night_events(ticket)] == [(["孙班长"], [])]
    reminders.remind(NIGHT + timedelta(hours=9))  # eight in the morning
    assert told(ticket) == {(cast.duty.user_id, False)}, "nobody is reminded before the desk opens"


def test_its_receipt_names_the_morning(cast, on_duty):
    ticket = from_the_web(cast, now=NIGHT)
    words = promises.answer_words(ticket, ticket.clocks.all(), NIGHT)
    assert words == "现在是非服务时间，最晚明天 09:00 有人接手。"


def test_at_night_an_urgent_repair_reaches_who_is_on_duty_at_once(cast, on_duty):
    ticket = from_the_web(cast, now=NIGHT, urgency=Urgency.URGENT, description="水管爆裂")
    assert told(ticket) == {(cast.duty.user_id, True)}
    reminders.remind(NIGHT + timedelta(minutes=6))
    assert Notice.objects.filter(
        about=f"ticket:{ticket.pk}", kind="ticket_dispatch_due", recipient=f"user:{cast.duty.user_id}"
    ).exists(), "the reminder to dispatch it goes there too, not to a closed desk"


def test_at_night_an_emergency_wakes_duty_deputy_supervisor_and_manager(cast, on_duty):
    ticket = from_the_web(cast, now=NIGHT, urgency=Urgency.CRITICAL, description="电梯困人")
    people = (cast.duty, cast.guard, cast.supervisor, cast.manager)
    assert told(ticket) == {(person.user_id, True) for person in people}


def test_who_cannot_be_on_duty_is_named_and_the_deputy_hears_it(cast, on_duty):
    Absence.objects.create(
        employee=cast.duty, kind="leave", starts_at=DAYTIME, ends_at=NIGHT + timedelta(days=1), recorded_at=DAYTIME
    )
    ticket = from_the_web(cast, now=NIGHT)
    [data] = night_events(ticket)
    assert data["told"] == ["李敏"]
    assert data["skipped"] == [{"name": "孙班长", "why": "请假至 11月25日 23:00"}]


def test_with_nobody_on_duty_the_event_says_so_and_desk_and_supervisor_are_told(cast):
    ticket = from_the_web(cast, now=NIGHT)
    [data] = night_events(ticket)
    assert data["skipped"] == [{"name": "值班人", "why": "无人值班"}]
    assert set(data["told"]) == {"林静", "何丽", "陈晓雯"}
    assert {user for user, _urgent in told(ticket)} == {
        person.user_id for person in (cast.frontdesk, cast.frontdesk2, cast.supervisor)
    }


def test_a_complaint_about_who_is_on_duty_does_not_reach_them(cast, on_duty):
    ticket = from_the_web(
        cast,
        now=NIGHT,
        kind=Kind.COMPLAINT,
        description="值班员态度差",
        subjects=[cast.duty],
        contact_phone="13800000000",
    )
    assert cast.duty.user_id not in {user for user, _urgent in told(ticket)}
    assert all("孙班长" not in str(data) for data in night_events(ticket))


def test_praise_can_wait(cast, on_duty):
    ticket = from_the_web(cast, now=NIGHT, kind=Kind.PRAISE, description="周师傅热心")
    assert night_events(ticket) == []


def test_what_the_desk_registers_at_night_is_not_routed(cast, on_duty):
    assert night_events(register(cast, by="duty", urgency=Urgency.NORMAL, now=NIGHT)) == []


def test_only_what_is_to_be_done_now_wakes_people_for_an_emergency(cast):
    ticket = walk(cast, Status.FED_BACK, urgency=Urgency.CRITICAL)
    lifecycle.rate(ticket, by=owner_actor(ticket), grade=5)
    found = dict(Notice.objects.filter(about=f"ticket:{ticket.pk}").values_list("kind", "urgent"))
    assert found["ticket_emergency"] is True
    assert found["ticket_dispatched"] is True
    assert found["ticket_rated"] is False, "praise at three in the morning can wait"


# --- who is in the table and could not hand it out --------------------------------------------------
def test_who_lost_the_right_to_dispatch_is_skipped_at_night_and_the_deputy_told(cast, on_duty):
    RoleGrant.objects.filter(employee=cast.duty).delete()
    grant(cast.duty, "handler", cast.project)
    ticket = from_the_web(cast, now=NIGHT)
    assert told(ticket) == {(cast.guard.user_id, False)}
    assert [(data["told"], data["skipped"]) for data in night_events(ticket)] == [
        (["李敏"], [{"name": "孙班长", "why": "没有派单权限"}])
    ]


def test_who_works_in_another_project_now_is_skipped_at_night(cast, on_duty):
    RoleGrant.objects.filter(employee=cast.duty).update(project=cast.other_project)
    ticket = from_the_web(cast, now=NIGHT)
    assert night_events(ticket)[0]["skipped"] == [{"name": "孙班长", "why": "已不在本项目"}]


def test_nobody_in_the_table_who_can_hand_it_out_it_is_the_desks_and_the_supervisors(cast, on_duty):
    for person in (cast.duty, cast.guard):
        RoleGrant.objects.filter(employee=person).delete()
        grant(person, "handler", cast.project)
    ticket = from_the_web(cast, now=NIGHT, urgency=Urgency.URGENT)
    assert told(ticket) == {(p.user_id, True) for p in (cast.frontdesk, cast.frontdesk2, cast.supervisor)}
    (data,) = night_events(ticket)
    assert {(each["name"], each["why"]) for each in data["skipped"]} >= {
        ("孙班长", "没有派单权限"), ("李敏", "没有派单权限")
    }  # fmt: skip


def test_an_emergency_at_night_does_not_wake_who_could_not_act(cast, on_duty):
    RoleGrant.objects.filter(employee=cast.duty).delete()
    ticket = from_the_web(cast, now=NIGHT, urgency=Urgency.CRITICAL)
    assert cast.duty.user_id not in {user for user, _urgent in told(ticket)}
    assert cast.guard.user_id in {user for user, _urgent in told(ticket)}


def test_a_company_wide_role_that_dispatches_is_power_enough(cast, on_duty):
    RoleGrant.objects.filter(employee=cast.duty).delete()
    role = RoleGrant.objects.filter(employee=cast.director).get().role
    role.permissions = [*role.permissions, "ticket.dispatch"]
    role.save()
    RoleGrant.objects.create(employee=cast.duty, role=role)
    assert told(from_the_web(cast, now=NIGHT)) == {(cast.duty.user_id, False)}


def test_an_owner_in_danger_is_heard_at_night_whatever_kind_was_picked(cast, on_duty):
    """A complaint that somebody is trapped wakes whom a repair would; of an old story it wakes nobody."""
    for text, woken in (("电梯困人，没人管", True), ("上个月电梯困人，没人管", False)):
        report = WebReport(cast.project, "complaint", text, key=str(uuid.uuid4()), room="3-2-1502", phone="13812345678")
        ticket = submit(report, pictures=[], address="127.0.0.1", now=NIGHT)
        people = {cast.duty.user_id: woken}
        if woken:
            people |= {one.user_id: True for one in (cast.guard, cast.supervisor, cast.manager)}
        assert dict(told(ticket)) == people
        said = promises.answer_words(ticket, ticket.clocks.all(), NIGHT)
        assert said == ("最晚今天 23:02 有人接手。" if woken else "现在是非服务时间，最晚明天 09:00 有人接手。")
