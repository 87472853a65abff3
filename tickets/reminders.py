"""The tick's question to the requests: what has fallen due, who is told, and what the system does itself."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shimao_service import outbox
from shimao_service.exceptions import Refusal
from staff.models import Employee
from tickets import escalation, lifecycle, notices, schedule, ways
from tickets.circumstances import EMERGENCY, NOTHING, Around, around_of, clocks_of
from tickets.deadlines import ClockState
from tickets.escalation import Rise
from tickets.letters import about, letter
from tickets.models import Escalation, Ticket
from tickets.recipients import Audience, Roster
from tickets.schedule import Due, Reminder

logger = logging.getLogger(__name__)

BATCH = 200
# What one tick takes on at the most; the rest is a minute away.
MOST = 4000
ASK_AGAIN = timedelta(hours=1)
# How many open requests are looked at together when delays or steps were changed.
SWEEP = 500

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
    Reminder.APPOINTMENT: _("预约上门 {time}：%s"),
    Reminder.URGE_WAITS: _("催办还没有答复，请尽快答复：%s"),
    Reminder.REPLY_DUE: _("转办单位要求 {time} 前正式回复：%s"),
    Reminder.RETURN_ENDS: _("如非本单位职责，{time} 前可退回转办单位：%s"),
}

TOLD: dict[str, Callable[[Audience], list[Employee]]] = {
    Reminder.DISPATCH_DUE: Audience.desk_or_duty,
    Reminder.VERIFY_DUE: Audience.supervisors,
    Reminder.ACCEPT_DUE: Audience.present_holder,
    Reminder.FOLLOW_UP_DUE: Audience.present_handler,
    Reminder.PROMISE_DUE: Audience.present_holder,
    Reminder.HOLD_ENDS: Audience.present_handler,
    Reminder.FEEDBACK_DUE: Audience.present_receiver,
    Reminder.ASK_OWNER: Audience.present_receiver,
    Reminder.SATISFACTION: Audience.present_receiver,
    Reminder.SUMMARY_DUE: Audience.present_receiver,
    Reminder.APPOINTMENT: Audience.present_holder,
    Reminder.URGE_WAITS: lambda audience: [*audience.present_receiver(), *audience.supervisors()],
    Reminder.REPLY_DUE: lambda audience: [*audience.present_receiver(), *audience.supervisors()],
    Reminder.RETURN_ENDS: lambda audience: [*audience.present_receiver(), *audience.supervisors()],
}

# Moves that the clock makes; the others only tell somebody.
MOVES: dict[str, Callable[..., dict[int, Refusal]]] = {
    Reminder.RESUME: lifecycle.resume_together,
    Reminder.TIME_OUT: lifecycle.time_out_together,
}

WRITE = """
UPDATE tickets_ticket SET remind_at = row.remind_at, last_event_at = row.last_event_at
  FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS row (id, remind_at, last_event_at)
 WHERE tickets_ticket.id = row.id
"""


def remind(now: datetime) -> int:
    """Tell what has fallen due by ``now`` and make the system's own moves; how many requests were due.

    Each batch is one transaction under row locks; a request that somebody is moving right now is skipped and
    found by the next tick. Running it again, late, or twice at once changes nothing more.
    """
    done = 0
    while done < MOST:
        count, moved = _batch(now)
        done += count
        # What was moved on may be due again at once: work taken up late, whose time ran out long ago.
        if count < BATCH and not moved:
            break
    return done


def _batch(now: datetime) -> tuple[int, bool]:
    """How many were due, and whether any was moved on; a number of queries that does not grow with the requests."""
    with transaction.atomic():
        # First the locks, then the rows: joined in one query, the joins could be older than the locked row.
        due_now = Ticket.objects.select_for_update(skip_locked=True).filter(remind_at__lte=now)
        keys = list(due_now.order_by("remind_at", "pk").values_list("pk", flat=True)[:BATCH])
        if not keys:
            return 0, False
        try:
            with transaction.atomic():
                moved = _take(keys, now)
        except (OperationalError, InterfaceError):
            raise  # the database is away: the next tick finds them all again
        except Exception:
            logger.exception("%s requests could not be reminded of together; each is taken by itself", len(keys))
            moved = _take_each(keys, now)
    return len(keys), moved


def _take_each(keys: Sequence[int], now: datetime) -> bool:
    """One request that breaks must not stop the others: it is asked again in an hour. Where all break it is not the
    requests' fault; then nothing is put off."""
    moved = False
    broken: list[int] = []
    for key in keys:
        try:
            with transaction.atomic():
                moved |= _take([key], now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            if len(broken) + 1 == len(keys):
                raise
            logger.exception("Request %s could not be reminded of", key)
            broken.append(key)
    Ticket.objects.filter(pk__in=broken).update(remind_at=now + ASK_AGAIN)
    return moved


def _take(keys: Sequence[int], now: datetime) -> bool:
    """Tell and move what has come for these locked requests; whether any was moved."""
    tickets = list(
        Ticket.objects.filter(pk__in=keys)
        .select_related("unit__building", "building", "category", "handler", "first_receiver", "department")
        .order_by("remind_at", "pk")
    )
    moves, rises, drafts = _due(tickets, now)
    drafts += escalation.raise_all(rises, now=now)
    _write(tickets)
    if drafts:
        outbox.post_all(drafts, now=now)
    for reminder, ready in moves.items():
        for key, refusal in MOVES[reminder](ready, now=now).items():
            logger.warning("Request %s refused %s: %s", key, reminder, refusal.detail)
            Ticket.objects.filter(pk=key).update(remind_at=now + ASK_AGAIN)
    return bool(moves)


def _due(
    tickets: Sequence[Ticket], now: datetime
) -> tuple[dict[Reminder, list[Ticket]], list[Rise], list[outbox.Draft]]:
    """What has come for these requests: moves to make, steps that rise, notices to leave."""
    around = around_of(tickets)
    clocks = clocks_of(tickets, around)
    roster = Roster(tickets, now)
    moves: dict[Reminder, list[Ticket]] = defaultdict(list)
    rises: list[Rise] = []
    drafts: list[outbox.Draft] = []
    for ticket in tickets:
        audience = Audience(ticket, roster)
        dues = schedule.schedule(ticket, clocks[ticket.pk], around[ticket.pk])
        risen = len(rises)
        come = [due for due in dues if due.at <= now]
        latest = {due.reminder: due for due in come}
        for due in come:
            if due.reminder in MOVES:
                moves[due.reminder].append(ticket)
            elif due.moment is not None:
                rises.append(escalation.of_step(ticket, due.moment, audience, key=due.key(ticket)))
            elif due.reminder == Reminder.EMERGENCY:
                rises.append(escalation.of_emergency(ticket, int(due.mark), audience, due_at=due.at))
            elif due is latest[due.reminder]:  # after a late tick nobody reads the same thing twice
                drafts.extend(draft(ticket, due, audience))
        ticket.remind_at = _next(ticket, clocks[ticket.pk], around[ticket.pk], dues, rises[risen:], now)
    return moves, rises, drafts


def _next(
    ticket: Ticket,
    clocks: Sequence[ClockState],
    around: Around,
    dues: Sequence[Due],
    new: Iterable[Rise],
    now: datetime,
) -> datetime | None:
    """When something is due next; an emergency that has just risen brings its own repeats."""
    alarms = [rise for rise in new if rise.clock == EMERGENCY]
    if alarms and around.alarmed_at is None:
        risen = around.risen | {(rise.clock, rise.step) for rise in alarms}
        dues = schedule.schedule(
            ticket, clocks, replace(around, risen=risen, alarmed_at=min(rise.due_at for rise in alarms))
        )
    return next((due.at for due in dues if due.at > now), None)


def _write(tickets: Sequence[Ticket]) -> None:
    columns = zip(*((ticket.pk, ticket.remind_at, ticket.last_event_at) for ticket in tickets), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [list(column) for column in columns])


def draft(ticket: Ticket, due: Due, audience: Audience | None = None) -> list[outbox.Draft]:
    """The notices of one reminder: to staff in the inbox, or to the owner where there is a way to write to them."""
    if due.reminder == Reminder.SATISFACTION and ways.to_owner(ticket):
        return [notices.satisfaction_draft(ticket, due.key(ticket))]
    people = TOLD[due.reminder](audience or Audience(ticket))
    if not people:
        return []
    title = str(WORDS[due.reminder]).replace("{time}", _time_of(due)) % about(ticket)
    return [letter(ticket, people, key=due.key(ticket), kind=due.reminder, title=title)]


def _time_of(due: Due) -> str:
    """``11月25日 14:00``: what the mark of an appointment or an authority's time says."""
    if due.reminder not in (Reminder.APPOINTMENT, Reminder.REPLY_DUE, Reminder.RETURN_ENDS):
        return ""
    local = timezone.localtime(datetime.fromtimestamp(int(due.mark.split(".")[0]), tz=timezone.get_default_timezone()))
    return f"{local.month}月{local.day}日 {local:%H:%M}"


# --- after the settings were changed --------------------------------------------------------------
def reschedule(now: datetime | None = None, *, passed: Collection[str] | None = None) -> int:
    """Write every open request's next time anew, after delays or steps were changed; how many differ.

    ``passed``: codes of steps that are new. What they would have told of the past is written off in silence, so that
    a new step brings no flood. Requests that somebody moves meanwhile need nothing: their move has done it.
    """
    moment = now or timezone.now()
    changed = last = 0
    while True:
        with transaction.atomic():
            open_ones = Ticket.objects.open().filter(pk__gt=last).order_by("pk")
            tickets = list(open_ones.select_for_update(skip_locked=True)[:SWEEP])
            if not tickets:
                return changed
            last = tickets[-1].pk
            changed += _sweep(tickets, moment, passed)


def _sweep(tickets: Sequence[Ticket], now: datetime, passed: Collection[str] | None) -> int:
    around = around_of(tickets)
    clocks = clocks_of(tickets, around)
    late: list[Escalation] = []
    different: list[Ticket] = []
    for ticket in tickets:
        dues = schedule.schedule(ticket, clocks[ticket.pk], around.get(ticket.pk, NOTHING))
        if passed is None:
            at = dues[0].at if dues else None
        else:
            late += [_written_off(ticket, due, now) for due in dues if due.at <= now and _step_of(due) in passed]
            # What has come and waits for the tick goes on waiting; nothing that was told comes again.
            waits = ticket.remind_at is not None and ticket.remind_at <= now
            at = ticket.remind_at if waits else next((due.at for due in dues if due.at > now), None)
        if at != ticket.remind_at:
            ticket.remind_at = at
            different.append(ticket)
    Escalation.objects.bulk_create(late, ignore_conflicts=True)
    if different:
        _write(different)
    return len(different)


def _step_of(due: Due) -> str:
    return due.moment.step.code if due.moment else ""


def _written_off(ticket: Ticket, due: Due, now: datetime) -> Escalation:
    assert due.moment is not None
    return Escalation(
        ticket=ticket, round=ticket.round, clock=due.moment.clock, step=_step_of(due), due_at=due.at, at=now
    )
