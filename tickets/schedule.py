"""What will fall due on a request as it stands, and when: pure functions of the row.

Every move writes the next of these times into ``Ticket.remind_at``; the tick asks an index for what has come.
Delays are company defaults (建议值).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils import timezone

from tickets.deadlines import ClockState
from tickets.models import Ticket
from tickets.statuses import Channel, Kind, Status, Urgency


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


@dataclass(frozen=True, slots=True)
class Due:
    """``reminder`` falls due at ``at``; ``mark`` tells repetitions of the same one apart."""

    at: datetime
    reminder: Reminder
    mark: str

    def key(self, ticket: Ticket) -> str:
        """``ticket:81:r2:feedback_due:1790000000.1``: the same fact, the same key, however often it is found."""
        return f"ticket:{ticket.pk}:r{ticket.round}:{self.reminder}:{self.mark}"


Minutes = dict[str, tuple[int, ...]]

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


def schedule(ticket: Ticket) -> list[Due]:
    """Everything that will fall due if nobody does anything more, earliest first."""
    since = ticket.status_at
    entry = f"{int(since.timestamp())}"
    found: list[Due] = []
    if ticket.kind == Kind.PRAISE and ticket.status == Status.REGISTERED:
        # A praise is not dispatched: the supervisor verifies it, and there is no hurry.
        found.append(Due(since + VERIFY_AFTER, Reminder.VERIFY_DUE, entry))
    elif ticket.status in WAITING:
        reminder, delays = WAITING[ticket.status]
        for number, delay in enumerate(delays[Urgency(ticket.urgency)], start=1):
            found.append(Due(since + timedelta(minutes=delay), reminder, f"{entry}.{number}"))
    elif ticket.status == Status.IN_PROGRESS:
        found.extend(_in_progress(ticket))
    elif ticket.status == Status.ON_HOLD and ticket.hold_until:
        found.append(Due(max(_morning_of(ticket.hold_until), since), Reminder.HOLD_ENDS, entry))
        found.append(Due(ticket.hold_until, Reminder.RESUME, entry))
    elif ticket.status == Status.FED_BACK:
        if not ticket.contact_email and ticket.feedback_channel in (Channel.WECHAT, Channel.SMS, Channel.LINK):
            found.append(Due(since, Reminder.ASK_OWNER, f"{entry}.0"))
        for number, delay_ in enumerate(SATISFACTION_AFTER, start=1):
            found.append(Due(since + delay_, Reminder.SATISFACTION, f"{entry}.{number}"))
        found.append(Due(since + TIME_OUT_AFTER, Reminder.TIME_OUT, entry))
    return sorted(found, key=lambda due: due.at)


def _in_progress(ticket: Ticket) -> list[Due]:
    every = FOLLOW_UP_EVERY[Urgency(ticket.urgency)]
    since = ticket.progress_at
    entry = f"{int(since.timestamp())}"
    found = [
        Due(since + every * number, Reminder.FOLLOW_UP_DUE, f"{entry}.{number}")
        for number in range(1, FOLLOW_UP_TIMES + 1)
    ]
    if ticket.promised_at:
        found.append(Due(ticket.promised_at, Reminder.PROMISE_DUE, f"{int(ticket.promised_at.timestamp())}"))
    return found


def _morning_of(moment: datetime) -> datetime:
    local = timezone.localtime(moment)
    return local.replace(hour=MORNING_HOUR, minute=MORNING_MINUTE, second=0, microsecond=0)


def next_at(ticket: Any, after: datetime | None = None, *, clocks: Sequence[ClockState] = ()) -> datetime | None:
    """The first time anything of a request falls due (later than ``after``, when given), or None.

    What looks like a request will do: the demo's stories are no model instances.
    """
    return next((due.at for due in schedule(ticket) if after is None or due.at > after), None)
