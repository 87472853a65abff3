"""What falls due reaches the right inbox, once, in whatever way the tick comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shimao_service import calendar_drafts
from shimao_service.actors import SYSTEM
from shimao_service.models import Notice
from tests.factories import owner_actor, register, walk
from tickets import lifecycle, permissions, reminders, schedule
from tickets.lifecycle import gate
from tickets.models import Hold, Ticket
from tickets.schedule import Reminder
from tickets.statuses import Status, Urgency

pytestmark = pytest.mark.django_db

BEFORE = timezone.now() - timedelta(days=2)


def told(ticket, kind):
    """Who has this kind of notice in the inbox, by user name."""
    from shimao_service.models import User

    recipients = Notice.objects.filter(about=f"ticket:{ticket.pk}", kind=f"ticket_{kind}", channel="inbox").values_list(
        "recipient", flat=True
    )
    return {User.objects.get(pk=recipient.split(":")[1]).username for recipient in recipients}


def remind_after(ticket, **delta):
    reminders.remind(ticket.status_at + timedelta(**delta))


def test_waiting_for_dispatch_is_told_to_the_desk_and_not_before_its_time(cast):
    ticket = register(cast, now=BEFORE)
    remind_after(ticket, minutes=19)
    assert told(ticket, "dispatch_due") == set()
    remind_after(ticket, minutes=21)
    assert told(ticket, "dispatch_due") == {"frontdesk", "frontdesk2"}


def test_an_urgent_one_is_told_sooner(cast):
    ticket = register(cast, urgency=Urgency.URGENT, now=BEFORE)
    remind_after(ticket, minutes=6)
    assert told(ticket, "dispatch_due") == {"frontdesk", "frontdesk2"}


def test_waiting_for_acceptance_is_told_to_the_named_handler_else_to_the_department(cast):
    named = walk(cast, Status.DISPATCHED, now=BEFORE)
    anybody = lifecycle.dispatch(
        register(cast, now=BEFORE), by=cast.by("frontdesk"), department=cast.works, now=BEFORE + timedelta(minutes=3)
    )
    reminders.remind(BEFORE + timedelta(hours=1))
    assert told(anybody, "accept_due") == {"handler", "handler2"}
    assert told(named, "accept_due") == set(), "the response clock says the same in the same minutes"
    assert "handler" in told(named, "escalated")
    reminders.remind(BEFORE + timedelta(hours=2, minutes=10))
    assert told(named, "accept_due") == {"handler"}


def test_a_request_without_progress_is_told_to_its_handler_and_progress_puts_it_off(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=BEFORE)
    lifecycle.follow_up(ticket, by=cast.by("handler"), note="已申领配件", now=BEFORE + timedelta(hours=20))
    reminders.remind(BEFORE + timedelta(hours=30))
    assert told(ticket, "follow_up_due") == set()
    reminders.remind(BEFORE + timedelta(hours=46))
    assert told(ticket, "follow_up_due") == set(), "a day is over at six in the morning: nobody is reminded then"
    reminders.remind(BEFORE + timedelta(hours=47))
    assert told(ticket, "follow_up_due") == {"handler"}


def test_a_promise_to_the_owner_is_told_when_its_time_comes(cast):
    ticket = walk(cast, Status.IN_PROGRESS, now=BEFORE)
    promised = BEFORE + timedelta(hours=5)
    lifecycle.follow_up(
        ticket, by=cast.by("handler"), note="下午再去", promised_at=promised, now=BEFORE + timedelta(hours=1)
    )
    reminders.remind(promised - timedelta(minutes=1))
    assert told(ticket, "promise_due") == set()
    reminders.remind(promised)
    assert told(ticket, "promise_due") == {"handler"}


def test_a_hold_is_told_in_the_morning_of_its_day_and_resumed_by_the_system_at_its_time(cast):
    ticket = walk(cast, Status.ON_HOLD, now=BEFORE)
    until = ticket.hold_until
    morning = timezone.localtime(until).replace(hour=8, minute=30, second=0, microsecond=0)
    reminders.remind(max(morning, ticket.status_at))
    assert told(ticket, "hold_ends") == {"handler"}
    reminders.remind(until)
    ticket.refresh_from_db()
    assert ticket.status == Status.IN_PROGRESS
    assert ticket.events.order_by("seq").last().actor_kind == "system"


def test_morning_and_afternoon_are_those_of_the_project_s_calendar(cast):
    """In Berlin, over the night in which clocks go back: neither in Shanghai's morning nor an hour off."""
    berlin = calendar_drafts.create(code="B", name="柏林", timezone="Europe/Berlin", now=BEFORE)
    calendar_drafts.publish(berlin, 0, note="", by=cast.director.user, now=BEFORE)
    cast.project.calendar = berlin
    cast.project.save()
    friday = datetime(2026, 10, 23, 8, 0, tzinfo=UTC)
    booked = datetime(2026, 10, 26, 13, 0, tzinfo=UTC)  # Monday, 14:00 there
    ticket = walk(cast, Status.IN_PROGRESS, now=friday, appointment_at=booked)
    eve = datetime(2026, 10, 25, 16, 0, tzinfo=UTC)
    for at, count in ((eve - timedelta(minutes=1), 0), (eve, 1)):
        reminders.remind(at)
        assert Notice.objects.filter(kind="ticket_appointment_near", channel="inbox").count() == count
    until = datetime(2026, 10, 27, 11, 0, tzinfo=UTC)
    lifecycle.hold(ticket, by=cast.by("handler"), reason="parts", resume_at=until, now=eve + timedelta(hours=1))
    morning = datetime(2026, 10, 27, 7, 30, tzinfo=UTC)
    reminders.remind(morning - timedelta(minutes=1))
    assert told(ticket, "hold_ends") == set()
    reminders.remind(morning)
    assert told(ticket, "hold_ends") == {"handler"}


def test_feedback_due_goes_to_the_first_receiver(cast):
    ticket = walk(cast, Status.COMPLETED, now=BEFORE)
    remind_after(ticket, hours=3)
    assert told(ticket, "feedback_due") == {"frontdesk"}


def test_summary_due_goes_to_the_first_receiver_after_a_day(cast):
    ticket = walk(cast, Status.AWAITING_SUMMARY, now=BEFORE)
    remind_after(ticket, hours=25)
    assert told(ticket, "summary_due") == {"frontdesk"}


def test_an_owner_with_an_address_is_asked_by_mail_at_once_and_after_24_and_72_hours(cast):
    cast.owner.email = "zhang@example.com"
    cast.owner.save()
    ticket = walk(cast, Status.FED_BACK, now=BEFORE)

    def mails():
        return Notice.objects.filter(recipient=f"ticket:{ticket.pk}", channel="email").count()

    assert mails() == 1
    for hours, count in ((23, 1), (25, 2), (71, 2), (73, 3), (100, 3)):
        remind_after(ticket, hours=hours)
        assert mails() == count
    assert told(ticket, "satisfaction_reminded") == set(), "whom a mail reaches the desk need not call"


def test_an_owner_without_one_gives_the_desk_the_task_to_call_and_ask(cast):
    ticket = walk(cast, Status.FED_BACK, now=BEFORE)
    remind_after(ticket, hours=25)
    assert told(ticket, "satisfaction_reminded") == {"frontdesk"}


def test_a_rating_in_time_stops_the_reminders(cast):
    ticket = walk(cast, Status.FED_BACK, now=BEFORE)
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=4, now=BEFORE + timedelta(hours=2))
    reminders.remind(BEFORE + timedelta(hours=25))
    assert told(ticket, "satisfaction_reminded") == set()


def test_after_seven_days_it_counts_as_not_rated(cast):
    ticket = walk(cast, Status.FED_BACK, now=BEFORE)
    remind_after(ticket, days=7, minutes=1)
    ticket.refresh_from_db()
    assert ticket.status == Status.AWAITING_SUMMARY and ticket.grade is None
    assert ticket.remind_at > ticket.status_at, "the summary is due next"


def test_a_tick_that_comes_hours_late_tells_everybody_once_of_each_thing(cast):
    ticket = register(cast, urgency=Urgency.URGENT, now=BEFORE)
    remind_after(ticket, hours=3)
    keys = Notice.objects.filter(
        about=f"ticket:{ticket.pk}", kind="ticket_dispatch_due", recipient=f"user:{cast.frontdesk.user_id}"
    )
    assert keys.count() == 1, "not three, after 5, 15 and 60 minutes"
    remind_after(ticket, hours=3)
    assert keys.count() == 1


def test_ticks_in_time_remind_again_and_again(cast):
    ticket = register(cast, urgency=Urgency.URGENT, now=BEFORE)
    keys = Notice.objects.filter(
        about=f"ticket:{ticket.pk}", kind="ticket_dispatch_due", recipient=f"user:{cast.frontdesk.user_id}"
    )
    for minutes, told_so_far in ((6, 1), (7, 1), (16, 2), (61, 3), (62, 3)):
        remind_after(ticket, minutes=minutes)
        assert keys.count() == told_so_far


def test_the_second_return_is_a_new_wait_at_the_desk_and_reminded_anew(cast):
    ticket = walk(cast, Status.DISPATCHED, now=BEFORE)
    for minutes in (30, 60):
        at = BEFORE + timedelta(minutes=minutes)
        ticket = lifecycle.return_(ticket, by=cast.by("handler"), reason="不是本专业", now=at)
        reminders.remind(at + timedelta(minutes=21))
        ticket = lifecycle.dispatch(
            ticket, by=cast.by("frontdesk"), handler=cast.handler, now=at + timedelta(minutes=25)
        )
    assert Notice.objects.filter(kind="ticket_dispatch_due", recipient=f"user:{cast.frontdesk2.user_id}").count() == 2


def test_one_request_that_cannot_move_does_not_stop_the_others(cast, monkeypatch):
    stuck, fine = walk(cast, Status.FED_BACK, now=BEFORE), walk(cast, Status.FED_BACK, now=BEFORE)
    is_legal = permissions.is_legal
    monkeypatch.setattr(permissions, "is_legal", lambda verb, row: row.pk != stuck.pk and is_legal(verb, row))
    now = BEFORE + timedelta(days=8)
    reminders.remind(now)
    assert Ticket.objects.get(pk=fine.pk).status == Status.AWAITING_SUMMARY
    assert Ticket.objects.get(pk=stuck.pk).remind_at == now + reminders.ASK_AGAIN
    assert Ticket.objects.get(pk=stuck.pk).status == Status.FED_BACK


@pytest.fixture
def breaks(monkeypatch):
    """Makes the schedule of some requests break, as a bug would."""
    broken: set[int] = set()
    real = schedule.schedule

    def plan(ticket, *args):
        if ticket.pk in broken:
            raise ZeroDivisionError
        return real(ticket, *args)

    monkeypatch.setattr(schedule, "schedule", plan)
    return broken.update


def test_one_request_that_breaks_is_asked_again_in_an_hour_and_the_others_are_told(cast, breaks):
    broken, fine = register(cast, now=BEFORE), register(cast, now=BEFORE)
    breaks({broken.pk})
    now = BEFORE + timedelta(minutes=21)
    reminders.remind(now)
    assert told(fine, "dispatch_due") == {"frontdesk", "frontdesk2"}
    assert told(broken, "dispatch_due") == set()
    assert Ticket.objects.get(pk=broken.pk).remind_at == now + reminders.ASK_AGAIN


def test_where_every_request_breaks_nothing_is_put_off(cast, breaks):
    tickets = [register(cast, now=BEFORE), register(cast, now=BEFORE)]
    breaks({ticket.pk for ticket in tickets})
    now = BEFORE + timedelta(minutes=21)
    with pytest.raises(ZeroDivisionError):
        reminders.remind(now)
    assert Ticket.objects.filter(remind_at__lte=now).count() == 2, "the next tick finds them"


def test_what_the_clock_moves_together_ends_like_what_it_moves_alone(cast):
    alone, *together = [walk(cast, Status.ON_HOLD, now=BEFORE) for _each in range(3)]
    now = max(ticket.hold_until for ticket in [alone, *together])
    lifecycle.resume(alone, by=SYSTEM, now=now)
    assert lifecycle.resume_together(together, now=now) == {}
    rows = Ticket.objects.filter(pk__in=[alone.pk, *(ticket.pk for ticket in together)])
    names = ("status", "status_at", "version", "hold_reason", "hold_until", "progress_at", "last_event_at",
             "due_at", "remind_at")  # fmt: skip
    assert len(set(rows.values_list(*names))) == 1
    assert rows.filter(status=Status.IN_PROGRESS).count() == 3
    last = [row.events.order_by("-seq").values_list("verb", "at", "seq", "from_status", "to_status")[0] for row in rows]
    assert len(set(last)) == 1
    clocks = [set(row.clocks.values_list("name", "round", "due_at", "warn_at", "paused_at", "met_at")) for row in rows]
    assert clocks[0] == clocks[1] == clocks[2]
    assert not Hold.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(("status", "each"), [(Status.FED_BACK, 1), (Status.ON_HOLD, 2)])
def test_moves_of_many_ask_no_more_than_moves_of_few(cast, monkeypatch, status, each):
    """Beside the event, and the end of the hold, of each."""
    monkeypatch.setattr(gate, "clause_id", lambda code, day: None)  # kept in the process wherever there is a regulation
    few, many = (
        [walk(cast, status, now=BEFORE + timedelta(hours=hours)) for _each in range(count)]
        for hours, count in ((0, 2), (1, 6))
    )
    now = BEFORE + timedelta(days=9)
    move = {Status.FED_BACK: lifecycle.time_out_together, Status.ON_HOLD: lifecycle.resume_together}[status]
    counts = []
    for tickets in (few[:1], few[1:], many):  # the first reads what is kept in the process
        with CaptureQueriesContext(connection) as captured:
            assert move(tickets, now=now) == {}
        counts.append(len(captured))
    assert counts[2] - counts[1] <= each * 5


def test_every_open_status_has_something_scheduled(cast):
    for status in (
        Status.REGISTERED, Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD, Status.COMPLETED, Status.FED_BACK,
        Status.AWAITING_SUMMARY,
    ):  # fmt: skip
        ticket = walk(cast, status)
        assert schedule.schedule(ticket), status


def test_changed_delays_reach_open_requests_when_rescheduled(cast, monkeypatch):
    ticket = register(cast, now=BEFORE)
    monkeypatch.setitem(schedule.WAITING, Status.REGISTERED, (Reminder.DISPATCH_DUE, dict.fromkeys(Urgency, (7,))))
    assert reminders.reschedule() == 1
    ticket.refresh_from_db()
    assert ticket.remind_at == ticket.status_at + timedelta(minutes=7)


def test_a_reminder_names_no_owner_phone_or_name(cast):
    ticket = register(cast, now=BEFORE)
    remind_after(ticket, hours=1)
    for notice in Notice.objects.filter(about=f"ticket:{ticket.pk}"):
        assert cast.owner.name not in notice.title + notice.body
        assert cast.owner.phone not in notice.title + notice.body


def test_a_praise_waits_for_its_verification_and_is_never_told_as_waiting_for_dispatch(cast):
    ticket = register(cast, kind="praise", description="周师傅服务好", subjects=[cast.handler], now=BEFORE)
    assert ticket.status_label == "待核实"
    remind_after(ticket, hours=23)
    assert told(ticket, "verify_due") == set()
    remind_after(ticket, hours=30)
    assert told(ticket, "verify_due") == {"supervisor"}
    assert told(ticket, "dispatch_due") == set()
