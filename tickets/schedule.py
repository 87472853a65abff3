"""What will fall due on a request as it stands, and when: pure functions of the row, its clocks and what is around.

Every move writes the next of these times into ``Ticket.remind_at``; the tick asks an index for what has come.
Delays are company defaults (建议值). What is not urgent is counted in service time: nobody is reminded at night.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shimao_service import working_time
from shimao_service.working_time import SERVICE, Calendar, NeverOpen
from tickets import policies, ways
from tickets.circumstances import EMERGENCY, NOTHING, Around, around_of
from tickets.deadlines import ClockState
from tickets.escalation_steps import Moment, is_ordinary, moments, opening
from tickets.models import Ticket
from tickets.statuses import BEFORE_COMPLETED, FINAL, Channel, ClockName, Kind, Rung, Status, Urgency


class Reminder(StrEnum):
    DISPATCH_DUE = "dispatch_due"
    VERIFY_DUE = "verify_due"
    ACCEPT_DUE = "accept_due"
    FOLLOW_UP_DUE = "follow_up_due"
    PROMISE_DUE = "promise_due"
    HOLD_ENDS = "hold_ends"
    RESUME = "resume"
    FEEDBACK_DUE = "feedback_due"
    ASK_OWNER = "ask_owner"
    SATISFACTION = "satisfaction_reminded"
    TIME_OUT = "time_out"
    SUMMARY_DUE = "summary_due"
    APPOINTMENT = "appointment_near"
    URGE_WAITS = "urge_waits"
    REPLY_DUE = "reply_due"
    RETURN_ENDS = "return_ends"
    ESCALATE = "escalated"
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class Due:
    """``reminder`` falls due at ``at``; ``mark`` tells repetitions of the same one apart."""

    at: datetime
    reminder: Reminder
    mark: str
    moment: Moment | None = None

    def key(self, ticket: Ticket) -> str:
        """``ticket:81:r2:feedback_due:1790000000.1``: the same fact, the same key, however often it is found."""
        return f"ticket:{ticket.pk}:r{ticket.round}:{self.reminder}:{self.mark}"


Minutes = dict[str, tuple[int, ...]]
DAY = timedelta(days=1)

# Minutes after entering the status, by urgency; each entry reminds once.
WAITING: dict[str, tuple[Reminder, Minutes]] = {
    Status.REGISTERED: (
        Reminder.DISPATCH_DUE,
        {Urgency.CRITICAL: (1, 5, 15), Urgency.URGENT: (5, 15, 60), Urgency.NORMAL: (20, 120, 24 * 60)},
    ),
    Status.DISPATCHED: (
        Reminder.ACCEPT_DUE,
        {Urgency.CRITICAL: (1, 5, 15), Urgency.URGENT: (8, 20, 60), Urgency.NORMAL: (25, 120, 24 * 60)},
    ),
    Status.COMPLETED: (
        Reminder.FEEDBACK_DUE,
        {Urgency.CRITICAL: (30, 120), Urgency.URGENT: (60, 240), Urgency.NORMAL: (120, 24 * 60)},
    ),
    Status.AWAITING_SUMMARY: (
        Reminder.SUMMARY_DUE,
        {Urgency.CRITICAL: (24 * 60, 72 * 60), Urgency.URGENT: (24 * 60, 72 * 60), Urgency.NORMAL: (24 * 60, 72 * 60)},
    ),
}
# A request in work without a progress entry for this long; asked again each time as much has passed.
FOLLOW_UP_EVERY = {
    Urgency.CRITICAL: timedelta(minutes=30),
    Urgency.URGENT: timedelta(hours=4),
    Urgency.NORMAL: timedelta(hours=24),
}
FOLLOW_UP_TIMES = 5
SATISFACTION_AFTER = (timedelta(hours=24), timedelta(hours=72))
VERIFY_AFTER = timedelta(hours=24)
TIME_OUT_AFTER = timedelta(days=7)
MORNING_HOUR, MORNING_MINUTE = 8, 30
# What is booked: the afternoon before, and shortly before.
EVE_HOUR = 17
BOOKED_SOON = timedelta(minutes=30)
# A call without an answer, by whether it is ordinary.
URGE_WAITS = {True: timedelta(minutes=30), False: timedelta(minutes=10)}
# An authority's formal reply: at half of the time, and shortly before; their return window.
REPLY_SOON = timedelta(hours=2)
RETURN_SOON = (timedelta(hours=24), timedelta(hours=2))
# An emergency nobody has taken nor acknowledged is told again so often, each time one rung higher.
ALARM_EVERY = timedelta(minutes=5)
ALARM_TIMES = 3
# "Not accepted yet" and "the response is (nearly) late" are one fact to the handler when they come this close.
SAME_FACT = timedelta(minutes=10)

UNTAKEN = (Status.REGISTERED, Status.DISPATCHED)


@dataclass(frozen=True, slots=True)
class Pace:
    """How delays are counted: by the clock, or in service time for what wakes nobody."""

    calendar: Calendar
    is_ordinary: bool

    def after(self, since: datetime, delay: timedelta) -> datetime:
        """Hours are counted while the desk is open; days by the calendar, and told when it opens."""
        if not self.is_ordinary:
            return since + delay
        if delay >= DAY:
            return opening(self.calendar, since + delay)
        try:
            return working_time.add(self.calendar, SERVICE, since, delay)
        except NeverOpen:
            return since + delay

    @property
    def calm(self) -> Pace:
        """For what is never urgent, whatever the request: a summary, a rating."""
        return Pace(self.calendar, is_ordinary=True)


def schedule(ticket: Any, clocks: Sequence[ClockState] = (), around: Around = NOTHING) -> list[Due]:
    """Everything that will fall due if nobody does anything more, earliest first; past ones included.

    ``clocks`` are those of the present round (others do no harm); steps that ``around`` knows as taken are left out.
    """
    if ticket.status in FINAL:
        return []
    terms = policies.terms_of(ticket.policy_version_id, ticket.calendar_version_id)
    pace = Pace(terms.calendar, is_ordinary(ticket))
    steps = [
        Due(moment.at, Reminder.ESCALATE, f"{moment.clock}.{moment.step.code}.{int(moment.at.timestamp())}", moment)
        for moment in moments(ticket, clocks, terms, around.pauses)
    ]
    found = [
        *_without(_waiting(ticket, pace), steps, ticket),
        *_booked(ticket, pace),
        *_asked(ticket, around, pace),
        *_alarms(ticket, around),
        *(due for due in steps if due.moment and (due.moment.clock, due.moment.step.code) not in around.risen),
    ]
    return sorted(found, key=lambda due: due.at)


def _waiting(ticket: Any, pace: Pace) -> Iterator[Due]:
    """What whoever it waits for should be doing, by the status."""
    since = ticket.status_at
    entry = f"{int(since.timestamp())}"
    if ticket.kind == Kind.PRAISE and ticket.status == Status.REGISTERED:
        # A praise is not dispatched: the supervisor verifies it, and there is no hurry.
        yield Due(pace.calm.after(since, VERIFY_AFTER), Reminder.VERIFY_DUE, entry)
    elif ticket.status in WAITING:
        reminder, delays = WAITING[ticket.status]
        own = pace.calm if reminder == Reminder.SUMMARY_DUE else pace
        for number, minutes in enumerate(delays[Urgency(ticket.urgency)], start=1):
            yield Due(own.after(since, timedelta(minutes=minutes)), reminder, f"{entry}.{number}")
    elif ticket.status == Status.IN_PROGRESS:
        yield from _in_progress(ticket, pace)
    elif ticket.status == Status.ON_HOLD and ticket.hold_until:
        morning = _at_hour(pace.calendar.local(ticket.hold_until), MORNING_HOUR, MORNING_MINUTE)
        yield Due(max(morning, since), Reminder.HOLD_ENDS, entry)
        yield Due(ticket.hold_until, Reminder.RESUME, entry)
    elif ticket.status == Status.FED_BACK:
        if not ways.to_owner(ticket) and ticket.feedback_channel in (Channel.WECHAT, Channel.SMS, Channel.LINK):
            yield Due(since, Reminder.ASK_OWNER, f"{entry}.0")
        for number, delay in enumerate(SATISFACTION_AFTER, start=1):
            yield Due(pace.calm.after(since, delay), Reminder.SATISFACTION, f"{entry}.{number}")
        yield Due(since + TIME_OUT_AFTER, Reminder.TIME_OUT, entry)


def _in_progress(ticket: Any, pace: Pace) -> Iterator[Due]:
    every = FOLLOW_UP_EVERY[Urgency(ticket.urgency)]
    since = ticket.progress_at
    entry = f"{int(since.timestamp())}"
    for number in range(1, FOLLOW_UP_TIMES + 1):
        yield Due(pace.after(since, every * number), Reminder.FOLLOW_UP_DUE, f"{entry}.{number}")
    if ticket.promised_at:
        yield Due(ticket.promised_at, Reminder.PROMISE_DUE, f"{int(ticket.promised_at.timestamp())}")


def _without(waiting: Iterator[Due], steps: Sequence[Due], ticket: Any) -> Iterator[Due]:
    """Leave out what a step of the response clock tells the same handler in the same minutes."""
    told = [
        due.at
        for due in steps
        if due.moment and due.moment.clock == ClockName.RESPONSE and Rung.HANDLER.value in due.moment.rungs
    ]
    for due in waiting:
        same = due.reminder == Reminder.ACCEPT_DUE and ticket.handler_id is not None
        if not (same and any(abs(due.at - at) <= SAME_FACT for at in told)):
            yield due


def _booked(ticket: Any, pace: Pace) -> Iterator[Due]:
    """The handler is told of what is booked the afternoon before and shortly before."""
    booked = ticket.appointment_at
    if booked is None or ticket.arrived_at or ticket.status not in (Status.DISPATCHED, Status.IN_PROGRESS):
        return
    mark = f"{int(booked.timestamp())}"
    eve = _at_hour(pace.calendar.local(booked) - DAY, EVE_HOUR)
    for number, at in ((1, eve), (2, booked - BOOKED_SOON)):
        if at > ticket.created_at:
            yield Due(at, Reminder.APPOINTMENT, f"{mark}.{number}")


def _asked(ticket: Any, around: Around, pace: Pace) -> Iterator[Due]:
    """Calls that wait for an answer, and what an authority waits for."""
    for number, at in around.urges:
        yield Due(pace.after(at, URGE_WAITS[pace.is_ordinary]), Reminder.URGE_WAITS, f"{number}")
    referral = around.referral
    if referral is None or referral.is_replied:
        return
    if referral.due_at:
        half = opening(pace.calendar, ticket.created_at + (referral.due_at - ticket.created_at) / 2)
        soon = max(referral.due_at - REPLY_SOON, ticket.created_at)
        mark = f"{int(referral.due_at.timestamp())}"
        if half < soon:
            yield Due(half, Reminder.REPLY_DUE, f"{mark}.1")
        yield Due(soon, Reminder.REPLY_DUE, f"{mark}.2")
    if referral.return_until and ticket.status in BEFORE_COMPLETED:
        mark = f"{int(referral.return_until.timestamp())}"
        for number, before in enumerate(RETURN_SOON, start=1):
            if referral.return_until - before > ticket.created_at:
                yield Due(referral.return_until - before, Reminder.RETURN_ENDS, f"{mark}.{number}")


def _alarms(ticket: Any, around: Around) -> Iterator[Due]:
    """An emergency nobody has taken: at once (should the move itself not have told), and again until somebody
    acknowledges it."""
    if ticket.urgency != Urgency.CRITICAL or ticket.status not in UNTAKEN or ticket.kind == Kind.PRAISE:
        return
    if around.alarmed_at is None:
        yield Due(ticket.status_at, Reminder.EMERGENCY, "0")
    elif not around.is_acknowledged:
        for number in range(1, ALARM_TIMES + 1):
            if (EMERGENCY, f"alarm:{number}") not in around.risen:
                yield Due(around.alarmed_at + ALARM_EVERY * number, Reminder.EMERGENCY, f"{number}")


def _at_hour(local: datetime, hour: int, minute: int = 0) -> datetime:
    return local.replace(hour=hour, minute=minute, second=0, microsecond=0)


def next_at(
    ticket: Any, after: datetime | None = None, *, clocks: Sequence[ClockState] = (), around: Around | None = None
) -> datetime | None:
    """The first time anything of a request falls due (later than ``after``, when given), or None.

    What looks like a request will do, when ``around`` is given: the demo's stories are no model instances. One query
    otherwise.
    """
    if ticket.status in FINAL:
        return None
    if around is None:
        around = around_of([ticket]).get(ticket.pk, NOTHING)
    return next((due.at for due in schedule(ticket, clocks, around) if after is None or due.at > after), None)
