"""The tick's question to the requests: what has fallen due, who is told, and what the system does itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from shimao_service import outbox
from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Refusal
from staff.models import Employee
from tickets import lifecycle, notices, schedule
from tickets.models import Ticket
from tickets.recipients import Audience, addresses
from tickets.schedule import Due, Reminder
from tickets.statuses import Urgency

logger = logging.getLogger(__name__)

BATCH = 200
# What one tick takes on at the most; the rest is a minute away.
MOST = 4000
ASK_AGAIN = timedelta(hours=1)

WORDS: dict[str, Any] = {
    Reminder.DISPATCH_DUE: _("待派单，请尽快派单：%s"),
    Reminder.VERIFY_DUE: _("请核实表扬并转达员工：%s"),
    Reminder.ACCEPT_DUE: _("待接单，请尽快接单：%s"),
    Reminder.FOLLOW_UP_DUE: _("该跟进了，请记录进展：%s"),
    Reminder.PROMISE_DUE: _("承诺业主的时间到了：%s"),
    Reminder.HOLD_ENDS: _("今天挂起到期，请准备继续处理：%s"),
    Reminder.FEEDBACK_DUE: _("处理已完成，请回复业主：%s"),
    Reminder.ASK_OWNER: _("请联系业主询问是否满意：%s"),
    Reminder.SATISFACTION: _("业主还没有评价，请联系询问：%s"),
    Reminder.SUMMARY_DUE: _("请完成总结：%s"),
}

TOLD: dict[str, Callable[[Audience], list[Employee]]] = {
    Reminder.DISPATCH_DUE: Audience.desk,
    Reminder.VERIFY_DUE: Audience.supervisors,
    Reminder.ACCEPT_DUE: Audience.holder,
    Reminder.FOLLOW_UP_DUE: Audience.handler,
    Reminder.PROMISE_DUE: Audience.holder,
    Reminder.HOLD_ENDS: Audience.handler,
    Reminder.FEEDBACK_DUE: Audience.first_receiver,
    Reminder.ASK_OWNER: Audience.first_receiver,
    Reminder.SATISFACTION: Audience.first_receiver,
    Reminder.SUMMARY_DUE: Audience.first_receiver,
}

# Moves that the clock makes; the others only tell somebody.
MOVES: dict[str, Callable[..., Ticket]] = {
    Reminder.RESUME: lifecycle.resume,
    Reminder.TIME_OUT: lifecycle.time_out,
}


def remind(now: datetime) -> int:
    """Tell what has fallen due by ``now`` and make the system's own moves; how many requests were due.

    Each batch is one transaction under row locks; a request that somebody is moving right now is skipped and
    found by the next tick. Running it again, late, or twice at once changes nothing more.
    """
    done = 0
    while done < MOST:
        count = _batch(now)
        done += count
        if count < BATCH:
            break
    return done


def _batch(now: datetime) -> int:
    with transaction.atomic():
        # First the locks, then the rows: joined in one query, the joins could be older than the locked row.
        due_now = Ticket.objects.select_for_update(skip_locked=True).filter(remind_at__lte=now)
        keys = list(due_now.order_by("remind_at", "pk").values_list("pk", flat=True)[:BATCH])
        tickets = list(
            Ticket.objects.filter(pk__in=keys)
            .select_related("unit", "building", "category", "handler", "first_receiver", "department")
            .order_by("remind_at", "pk")
        )
        moves: list[tuple[Ticket, Due]] = []
        drafts: list[outbox.Draft] = []
        for ticket in tickets:
            for due in schedule.schedule(ticket):
                if due.at > now:
                    break
                if due.reminder in MOVES:
                    moves.append((ticket, due))
                else:
                    drafts.extend(draft(ticket, due))
            ticket.remind_at = schedule.next_at(ticket, now)
        Ticket.objects.bulk_update(tickets, ["remind_at"])
        if drafts:
            outbox.post_all(drafts, now=now)
        for ticket, due in moves:
            try:
                with transaction.atomic():
                    MOVES[due.reminder](ticket, by=SYSTEM, now=now)
            except Refusal as refusal:
                # One request that cannot move must not stop the others; it is asked again in an hour.
                logger.warning("%s refused %s: %s", ticket.number, due.reminder, refusal.detail)
                Ticket.objects.filter(pk=ticket.pk).update(remind_at=now + ASK_AGAIN)
    return len(tickets)


def draft(ticket: Ticket, due: Due) -> list[outbox.Draft]:
    """The notices of one reminder: to staff in the inbox, or to the owner by mail where there is an address."""
    if due.reminder == Reminder.SATISFACTION and notices.has_mail(ticket):
        return [notices.satisfaction_draft(ticket, due.key(ticket))]
    people = addresses(TOLD[due.reminder](Audience(ticket)))
    if not people:
        return []
    return [
        outbox.Draft(
            key=due.key(ticket),
            recipients=people,
            kind=f"ticket_{due.reminder}",
            title=str(WORDS[due.reminder]) % notices.about(ticket),
            body=ticket.headline,
            url=ticket.get_absolute_url(),
            about=f"ticket:{ticket.pk}",
            urgent=ticket.urgency == Urgency.CRITICAL,
        )
    ]


def reschedule() -> int:
    """Write every open request's next time anew, after the delays themselves were changed."""
    changed = 0
    for ticket in Ticket.objects.open().iterator(chunk_size=1000):
        at = schedule.next_at(ticket)
        if at != ticket.remind_at:
            changed += Ticket.objects.filter(pk=ticket.pk, version=ticket.version).update(remind_at=at)
    return changed
