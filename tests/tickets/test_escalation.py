"""A promise that breaks rises: to whom, when, once, and never to the wrong people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from shimao_service.actors import SYSTEM
from shimao_service.models import Notice
from staff.models import Absence, DutySlot
from tests.factories import register, walk
from tests.query_budgets import budget
from tickets import escalation_settings, escalation_steps, lifecycle, reminders, schedule
from tickets.lifecycle import clockwork
from tickets.models import Escalation, EscalationStep, Event, Ticket
from tickets.permissions import has_power
from tickets.recipients import Audience
from tickets.statuses import Status, Urgency, Verb

pytestmark = pytest.mark.django_db

# A Tuesday in November, ten in Shanghai.
TEN = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def risen(ticket, clock="resolution"):
    """The steps that left their event, as the event keeps them."""
    rows = Event.objects.filter(ticket=ticket, verb=Verb.ESCALATE).order_by("seq")
    return [event.data for event in rows if event.data["clock"] == clock]


def heard(ticket, name_of, kind="escalated"):
    """How many notices of this kind this person has about it."""
    return Notice.objects.filter(
        about=f"ticket:{ticket.pk}", kind=f"ticket_{kind}", recipient=f"user:{name_of.user_id}", channel="inbox"
    ).count()


def in_work(cast, now=TEN, **fields):
    return walk(cast, Status.IN_PROGRESS, now=now, **fields)


def away(employee, since, until, kind="leave"):
    Absence.objects.create(employee=employee, kind=kind, starts_at=since, ends_at=until, recorded_at=since)


# --- the ladder -----------------------------------------------------------------------------------
def test_each_step_tells_its_rung_in_time_and_leaves_an_event(cast):
    ticket = in_work(cast)  # resolution: 48 hours, told to the manager when missed
    start = ticket.created_at
    told = []
    for hours in (38, 39, 47.9, 48.1, 71.9, 72.1):
        reminders.remind(start + hours * HOUR)
        told.append([(data["step"], data["told"]) for data in risen(ticket)])
    warn = ("percent:80", ["陈晓雯", "周建国"])
    breach = ("percent:100", ["王志强", "周建国"])
    assert told[0] == [], "80 % is at 00:25 of a night: nobody is told then"
    assert told[1] == []
    assert told[2] == [warn] and told[3] == [warn, breach]
    assert told[4] == [warn, breach]
    assert [step for step, _names in told[5]] == ["percent:80", "percent:100", "percent:150", "hours:24"]
    assert dict(told[5])["hours:24"] == ["沈国栋"]
    event = Event.objects.filter(ticket=ticket, verb=Verb.ESCALATE).first()
    assert (event.actor_kind, event.from_status, event.to_status) == ("system", Status.IN_PROGRESS, Status.IN_PROGRESS)
    assert Escalation.objects.filter(ticket=ticket, clock="resolution").count() == 4


def test_the_page_somebody_reads_is_not_made_stale_by_it(cast):
    ticket = in_work(cast)
    reminders.remind(ticket.created_at + 60 * HOUR)
    after = Ticket.objects.get(pk=ticket.pk)
    assert risen(ticket)
    assert after.version == ticket.version
    assert after.last_event_at == ticket.created_at + 60 * HOUR


def test_an_hour_late_or_twice_tells_the_same_and_each_person_once(cast):
    ticket = in_work(cast)
    late = ticket.created_at + 73 * HOUR
    reminders.remind(late)
    assert [data["step"] for data in risen(ticket)] == ["percent:80", "percent:100", "percent:150", "hours:24"]
    assert [heard(ticket, who) for who in (cast.handler, cast.supervisor, cast.manager, cast.director)] == [1, 1, 1, 1]
    assert all(data["due_at"] < late.isoformat() for data in risen(ticket))
    before = (Notice.objects.count(), Event.objects.count())
    reminders.remind(late)
    Ticket.objects.filter(pk=ticket.pk).update(remind_at=late)
    reminders.remind(late)
    assert (Notice.objects.count(), Event.objects.count()) == before


def test_a_repeat_goes_one_rung_higher(cast):
    for _each in range(2):
        ticket = in_work(cast, category=cast.category)
    assert ticket.occurrence == 2
    reminders.remind(ticket.created_at + 49 * HOUR)
    assert risen(ticket)[-1]["rung"] == "company"


def test_a_grave_complaint_rises_at_night_and_to_the_company(cast):
    ticket = register(cast, kind="complaint", level="major", category=None, now=TEN + 12 * HOUR)  # 22:00
    reminders.remind(ticket.created_at + timedelta(minutes=16))
    breach = next(data for data in risen(ticket, "response") if data["step"] == "percent:100")
    assert breach["rung"] == "company"


def test_unassigned_work_goes_to_the_supervisor_and_from_the_breach_on_to_the_desk(cast):
    ticket = register(cast, now=TEN)
    reminders.remind(TEN + timedelta(minutes=25))
    assert [(data["step"], data["rung"], data["told"]) for data in risen(ticket, "response")] == [
        ("percent:80", "supervisor", ["陈晓雯"])
    ]
    reminders.remind(TEN + timedelta(minutes=31))
    assert set(risen(ticket, "response")[-1]["told"]) == {"陈晓雯", "林静", "何丽"}


def test_a_met_clock_and_a_finished_request_escalate_nothing(cast):
    ticket = in_work(cast)
    lifecycle.complete(ticket, by=cast.by("handler"), result="修好", now=ticket.created_at + HOUR)
    reminders.remind(ticket.created_at + 90 * HOUR)
    assert risen(ticket) == [] and risen(ticket, "response") == []


# --- pauses ---------------------------------------------------------------------------------------
def test_a_hold_stops_the_ladder_and_moves_its_steps_on(cast):
    ticket = in_work(cast)
    start = ticket.created_at
    lifecycle.hold(
        ticket, by=cast.by("handler"), reason="parts", resume_at=start + 5 * DAY, now=start + 24 * HOUR
    )  # fmt: skip
    reminders.remind(start + 4 * DAY)
    assert risen(ticket) == [], "work that waits for parts is late for nobody"
    lifecycle.resume(Ticket.objects.get(pk=ticket.pk), by=cast.by("handler"), now=start + 4 * DAY + HOUR)
    reminders.remind(start + 4 * DAY + 20 * HOUR)
    assert [data["step"] for data in risen(ticket)] == [], "14.4 hours more, and then the desk has to open"
    reminders.remind(start + 4 * DAY + 24 * HOUR)
    assert [data["step"] for data in risen(ticket)] == ["percent:80"]


def test_a_hold_after_the_breach_stops_the_next_steps_too(cast):
    ticket = in_work(cast)
    start = ticket.created_at
    reminders.remind(start + 49 * HOUR)
    ticket = Ticket.objects.get(pk=ticket.pk)
    lifecycle.hold(ticket, by=cast.by("handler"), reason="parts", resume_at=start + 8 * DAY, now=start + 50 * HOUR)
    reminders.remind(start + 6 * DAY)
    assert [data["step"] for data in risen(ticket)] == ["percent:80", "percent:100"]


def test_a_hold_without_a_good_reason_stops_nothing(cast):
    ticket = in_work(cast)
    start = ticket.created_at
    lifecycle.hold(
        ticket, by=cast.by("handler"), reason="other", note="等等", resume_at=start + 5 * DAY, now=start + HOUR
    )
    reminders.remind(start + 49 * HOUR)
    assert [data["step"] for data in risen(ticket)] == ["percent:80", "percent:100"]


# --- nights, weekends, holidays -------------------------------------------------------------------
def test_a_dripping_tap_rises_when_the_desk_opens_and_a_burst_pipe_at_once(cast):
    evening = TEN + 9 * HOUR + timedelta(minutes=50)  # 19:50, ten minutes before the desk closes
    tap = register(cast, description="水龙头滴水", urgency=Urgency.NORMAL, now=evening)
    burst = register(cast, urgency=Urgency.URGENT, now=evening, unit=cast.unit_below)
    reminders.remind(evening + timedelta(minutes=15))
    assert risen(tap, "response") == []
    assert [data["step"] for data in risen(burst, "response")] == ["percent:80", "percent:100", "percent:150"]
    reminders.remind(evening + 12 * HOUR)  # 07:50
    assert Notice.objects.filter(about=f"ticket:{tap.pk}").exclude(kind="ticket_registered").count() == 0
    reminders.remind(evening + 13 * HOUR)  # 08:50
    assert [data["step"] for data in risen(tap, "response")] == ["percent:80", "percent:100"]


def test_over_the_spring_festival_a_complaint_rises_on_the_first_working_days(cast):
    friday = datetime(2026, 2, 13, 2, 0, tzinfo=UTC)  # 2026-02-13; off 15–23, worked on 14 and 28 (调休)
    ticket = walk(cast, Status.IN_PROGRESS, now=friday, kind="complaint", category=None)
    clock = ticket.clocks.get(name="resolution")  # three working days: 14, 24, 25
    assert clock.due_at == datetime(2026, 2, 25, 9, 30, tzinfo=UTC)
    reminders.remind(datetime(2026, 2, 23, 12, 0, tzinfo=UTC))
    assert risen(ticket) == []
    reminders.remind(datetime(2026, 2, 25, 10, 0, tzinfo=UTC))
    assert [data["step"] for data in risen(ticket)] == ["percent:80", "percent:100"]


# --- who can be counted on: rung × availability ---------------------------------------------------
NIGHT = TEN + 13 * HOUR  # 23:00


@pytest.mark.parametrize(
    ("rung", "missing", "told", "skipped"),
    [
        ("handler", (), ["周建国"], []),
        ("handler", ("handler",), ["陈晓雯"], ["周建国"]),
        ("handler", ("handler", "supervisor"), ["赵经理"], ["周建国", "陈晓雯"]),
        ("supervisor", (), ["陈晓雯"], []),
        ("supervisor", ("supervisor", "department_manager"), ["孙班长"], ["陈晓雯", "赵经理"]),
        ("supervisor", ("supervisor", "department_manager", "duty"), ["王志强"], ["陈晓雯", "赵经理", "孙班长"]),
        ("manager", ("manager",), ["沈国栋"], ["王志强"]),
        ("company", (), ["沈国栋"], []),
    ],
)
def test_the_next_in_line_hears_it(cast, rung, missing, told, skipped):
    for weekday in range(7):
        DutySlot.objects.create(project=cast.project, weekday=weekday, starts="08:00", ends="08:00", employee=cast.duty)
    ticket = in_work(cast)
    for name in missing:
        away(getattr(cast, name), TEN - DAY, TEN + 3 * DAY)
    reached = Audience(ticket, at=TEN + HOUR).climb(rung)
    assert [employee.name for employee in reached.told] == told
    assert [one.name for one in reached.skipped] == skipped
    assert all("请假至 11月27日" in one.why for one in reached.skipped)


def test_the_event_names_whom_it_skipped_and_why(cast):
    ticket = in_work(cast)
    away(cast.handler, TEN, TEN + 5 * DAY)
    cast.supervisor.user.is_active = False
    cast.supervisor.user.save()
    reminders.remind(ticket.created_at + 47 * HOUR)
    [warning] = risen(ticket)
    assert warning["told"] == ["赵经理"]
    assert {each["name"]: each["why"] for each in warning["skipped"]} == {
        "周建国": "请假至 11月29日 10:00", "陈晓雯": "没有可用账号",
    }  # fmt: skip


def test_at_night_those_off_shift_read_it_in_the_morning_and_who_is_on_duty_hears_it_now(cast):
    DutySlot.objects.create(project=cast.project, weekday=1, starts="20:00", ends="08:30", employee=cast.duty)
    ticket = register(cast, urgency=Urgency.URGENT, now=NIGHT)
    reminders.remind(NIGHT + timedelta(minutes=11))
    breach = next(data for data in risen(ticket, "response") if data["step"] == "percent:100")
    assert breach["told"] == ["孙班长"]
    assert {"陈晓雯", "赵经理"} <= {each["name"] for each in breach["skipped"]}
    assert {each["why"] for each in breach["skipped"]} == {"不在班"}


def test_with_nobody_at_all_the_rung_itself_is_told(cast):
    ticket = register(cast, urgency=Urgency.URGENT, now=NIGHT)
    reminders.remind(NIGHT + timedelta(minutes=11))
    breach = next(data for data in risen(ticket, "response") if data["step"] == "percent:100")
    assert "陈晓雯" in breach["told"], "late is late: it waits in the inbox"
    assert {"name": "值班人", "why": "无人值班"} in breach["skipped"]


def test_the_accused_and_those_below_hear_nothing_and_are_named_nowhere(cast):
    ticket = register(
        cast, kind="complaint", category=cast.complaint_category, subjects=[cast.supervisor], by="duty", now=TEN
    )
    away(cast.supervisor, TEN - DAY, TEN + 30 * DAY)
    reminders.remind(TEN + 10 * DAY)
    events = Event.objects.filter(ticket=ticket, verb=Verb.ESCALATE)
    assert events.exists()
    for name in ("陈晓雯", "林静", "何丽", "何管家"):
        assert not any(name in str(event.data) for event in events), name
    for person in (cast.supervisor, cast.frontdesk, cast.frontdesk2, cast.steward):
        assert not Notice.objects.filter(about=f"ticket:{ticket.pk}", recipient=f"user:{person.user_id}").exists()


# --- the tick -------------------------------------------------------------------------------------
def test_a_batch_takes_as_many_queries_for_fifty_as_for_one(cast):
    for _each in range(50):
        walk(cast, Status.IN_PROGRESS, now=TEN, kind="complaint", category=None, subjects=[cast.guard])
    pks = list(Ticket.objects.values_list("pk", flat=True))
    late = TEN + 20 * DAY

    def count(chosen):
        with transaction.atomic():
            Ticket.objects.exclude(pk__in=chosen).update(remind_at=None)
            with CaptureQueriesContext(connection) as made:
                reminders.remind(late)
            assert Escalation.objects.filter(ticket__in=chosen).count() >= len(chosen)
            transaction.set_rollback(True)
        return len(made)

    count(pks[:1])
    assert count(pks) == count(pks[:1])


@pytest.mark.django_db(transaction=True)
def test_a_request_that_somebody_is_moving_is_left_for_the_next_tick(cast):
    moving, free = in_work(cast), in_work(cast, unit=cast.unit_below)
    other = connections["default"].copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM tickets_ticket WHERE id = %s FOR UPDATE", [moving.pk])
        reminders.remind(TEN + 60 * HOUR)
        assert risen(free) and not risen(moving)
    finally:
        other.rollback()
        other.close()
    reminders.remind(TEN + 60 * HOUR)
    assert risen(moving)


# --- calls, authorities, appointments -------------------------------------------------------------
def test_a_call_without_an_answer_is_told_to_the_first_receiver_and_the_supervisor(cast):
    ticket = in_work(cast)
    at = ticket.created_at + HOUR
    lifecycle.urge(ticket, by=cast.by("frontdesk"), told_by_owner=True, note="什么时候来", now=at)
    reminders.remind(at + timedelta(minutes=29))
    assert heard(ticket, cast.supervisor, "urge_waits") == 0
    reminders.remind(at + timedelta(minutes=31))
    assert [heard(ticket, who, "urge_waits") for who in (cast.frontdesk, cast.supervisor)] == [1, 1]
    lifecycle.answer_urge(Ticket.objects.get(pk=ticket.pk), by=cast.by("frontdesk"), note="下午到", now=at + HOUR)
    reminders.remind(at + 3 * HOUR)
    assert heard(ticket, cast.supervisor, "urge_waits") == 1


def test_an_authority_is_answered_in_time_or_somebody_hears(cast):
    ticket = register(
        cast, source="hotline_12345", authority_number="A-1", authority_due_at=TEN + 2 * DAY,
        authority_return_until=TEN + DAY + 2 * HOUR, now=TEN,
    )  # fmt: skip
    for at, replies, returns in ((HOUR, 0, 0), (3 * HOUR, 0, 1), (25 * HOUR, 1, 2), (46.5 * HOUR, 2, 2)):
        reminders.remind(TEN + at)
        assert (heard(ticket, cast.frontdesk, "reply_due"), heard(ticket, cast.frontdesk, "return_ends")) == (
            replies, returns,
        ), at  # fmt: skip


def test_what_is_booked_is_told_the_afternoon_before_and_shortly_before(cast):
    booked = TEN + DAY + 4 * HOUR
    ticket = walk(cast, Status.DISPATCHED, now=TEN, appointment_at=booked)
    for at, count in ((TEN + 6 * HOUR, 0), (TEN + 7 * HOUR, 1), (booked - timedelta(minutes=31), 1), (booked, 2)):
        reminders.remind(at)
        assert heard(ticket, cast.handler, "appointment_near") == count
    title = Notice.objects.filter(kind="ticket_appointment_near").first().title
    assert "11月25日 14:00" in title


# --- the settings ---------------------------------------------------------------------------------
def test_a_new_step_holds_for_open_requests_from_now_on_and_brings_no_flood(
    cast, monkeypatch, django_capture_on_commit_callbacks
):
    old = in_work(cast)
    new = walk(cast, Status.IN_PROGRESS, now=old.created_at + 30 * HOUR, unit=cast.unit_below)
    now = old.created_at + 40 * HOUR
    reminders.remind(now)
    rung = []
    monkeypatch.setattr(escalation_settings, "_ring", lambda passed: rung.append(passed) or True)
    with django_capture_on_commit_callbacks(execute=True):
        escalation_settings.save_step(
            EscalationStep(basis="percent", amount=50, rung="supervisor"), by=cast.by("director").viewer
        )
    assert rung == [["percent:50"]], "a worker does it"
    reminders.reschedule(now, passed=rung[0])
    reminders.remind(now + timedelta(minutes=1))
    assert "percent:50" not in [data["step"] for data in risen(old)]
    reminders.remind(new.created_at + 36 * HOUR)
    assert "percent:50" in [data["step"] for data in risen(new)]


def test_a_step_switched_off_tells_nobody(cast):
    ticket = in_work(cast)
    EscalationStep.objects.filter(amount=80).update(is_active=False)
    escalation_steps.forget()
    reminders.remind(ticket.created_at + 47.9 * HOUR)
    assert risen(ticket) == []


@pytest.mark.parametrize(("name", "reads", "edits"), [
    ("director", 200, 200), ("admin", 200, 200), ("manager", 200, 403), ("supervisor", 200, 403),
    ("frontdesk", 403, 403), ("handler", 403, 403),
])  # fmt: skip
def test_who_reads_and_who_edits_the_ladder(cast, as_, name, reads, edits):
    register(cast)
    client = as_(name)
    assert client.get(reverse("escalation")).status_code == reads
    assert client.get(reverse("escalation-new")).status_code == edits


def test_the_page_gives_an_example_in_real_times_and_a_double_is_refused_by_its_field(cast, as_, monkeypatch):
    monkeypatch.setattr(escalation_settings, "_ring", lambda passed: True)
    register(cast)
    client = as_("director")
    page = client.get(reverse("escalation")).content.decode()
    assert "用到时限的 80%" in page and "48 小时内办结" in page
    answer = client.post(reverse("escalation-new"), {"basis": "percent", "amount": 80, "rung": "manager"})
    assert answer.status_code == 400
    assert "已有这个时点的升级步骤" in str(answer.context["form"].errors["amount"])
    answer = client.post(reverse("escalation-new"), {"basis": "hours", "amount": 900, "rung": "manager"})
    assert "小时在 1 到 720 之间" in str(answer.context["form"].errors["amount"])
    answer = client.post(
        reverse("escalation-new"), {"basis": "hours", "amount": 48, "rung": "company", "is_active": "on"}
    )
    assert answer.status_code == 302
    row = EscalationStep.objects.get(basis="hours", amount=48)
    assert "超时满 48 小时" in client.get(reverse("escalation")).content.decode()
    client.post(reverse("escalation-remove", args=[row.pk]))
    assert not EscalationStep.objects.filter(pk=row.pk).exists()
    assert client.get(reverse("escalation-step", args=[row.pk])).status_code == 404


def test_the_stored_next_time_is_the_computed_one(cast):
    for status in (Status.REGISTERED, Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD, Status.COMPLETED):
        ticket = walk(cast, status, now=TEN)
        assert (
            schedule.next_at(ticket, clocks=clockwork.refresh([ticket])[ticket.pk])
            == Ticket.objects.get(pk=ticket.pk).remind_at
        )


def test_the_system_alone_escalates(cast):
    assert has_power(Verb.ESCALATE, cast.project.pk, SYSTEM)
    assert not has_power(Verb.ESCALATE, cast.project.pk, cast.by("manager"))


def test_the_ladder_stays_within_its_budget(cast, as_):
    register(cast)
    client = as_("director")
    client.get(reverse("escalation"))
    with budget("ladder of escalation"):
        client.get(reverse("escalation"))


def test_what_becomes_an_emergency_again_is_told_again_whoever_knew_of_the_first(cast):
    ticket = register(cast, urgency="critical", now=TEN)
    lifecycle.acknowledge(ticket, by=cast.by("supervisor"), now=TEN + timedelta(minutes=1))

    def amend(urgency: str, minutes: int) -> None:
        lifecycle.amend(
            ticket,
            by=cast.by("supervisor"),
            reason="核实",
            changes={"urgency": urgency},
            now=TEN + timedelta(minutes=minutes),
        )

    def alarms() -> int:
        told = Notice.objects.filter(kind="ticket_emergency", channel="inbox")
        return told.filter(recipient=f"user:{cast.manager.user_id}").count()

    amend("urgent", 2)
    amend("critical", 3)
    assert alarms() == 2, "the second time is news"
    reminders.remind(TEN + timedelta(minutes=9))
    assert alarms() == 3, "and is repeated while nobody knows of it"
