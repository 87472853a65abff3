"""What an owner is promised, in words: on the form, on the receipt, and beside the progress.

The numbers are those of :mod:`tickets.deadlines`; here they become sentences, and the hours in which
ordinary requests are attended to are taken into account.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shimao_service.looks import moment_words
from staff.models import Project
from tickets import deadlines
from tickets.models import Clock, Ticket
from tickets.statuses import ClockName, Kind, Status, Urgency

OPENS, CLOSES = time(8, 30), time(20, 0)
# Attended to day and night; everything else in service time.
DAY_AND_NIGHT = (Urgency.URGENT, Urgency.CRITICAL)


@dataclass(frozen=True, slots=True)
class Promise:
    """``text`` such as 最晚 14:32 有人接手; ``due_at`` is aware; ``is_late`` when it was not kept yet."""

    text: str
    due_at: datetime
    is_late: bool


def is_service_time(now: datetime) -> bool:
    return OPENS <= timezone.localtime(now).time() < CLOSES


def next_opening(now: datetime) -> datetime:
    """When somebody sits at the desk again; ``now`` itself in service time."""
    local = timezone.localtime(now)
    if OPENS <= local.time() < CLOSES:
        return local
    day = local.date() if local.time() < OPENS else local.date() + timedelta(days=1)
    return timezone.make_aware(datetime.combine(day, OPENS))


def service_due(start: datetime, minutes: int) -> datetime:
    """The instant ``minutes`` of service time after ``start``."""
    at, left = next_opening(start), timedelta(minutes=minutes)
    while True:
        closing = timezone.make_aware(datetime.combine(timezone.localtime(at).date(), CLOSES))
        if at + left <= closing:
            return at + left
        left -= closing - at
        at = next_opening(closing)


def span(minutes: int) -> str:
    """``30 分钟``, ``24 小时``, ``3 天``: a limit as people say it."""
    if minutes < 60:
        return ngettext("%(n)s 分钟", "%(n)s 分钟", minutes) % {"n": minutes}
    if minutes <= 2 * deadlines.DAY:
        return ngettext("%(n)s 小时", "%(n)s 小时", minutes // 60) % {"n": minutes // 60}
    days = minutes // deadlines.DAY
    return ngettext("%(n)s 天", "%(n)s 天", days) % {"n": days}


def offers() -> dict[str, str]:
    """What the form promises, by kind, before anything is sent."""

    def limit(kind: str, clock: ClockName, urgency: str = Urgency.NORMAL) -> str:
        return span(deadlines.limits(deadlines.Facts(kind, urgency))[clock])

    response, resolution = ClockName.RESPONSE, ClockName.RESOLUTION
    return {
        Kind.REPAIR.value: _("急修 %(on_site)s内到场 · 24 小时值班")
        % {"on_site": limit(Kind.REPAIR, ClockName.ON_SITE, Urgency.URGENT)},
        Kind.COMPLAINT.value: _("%(response)s内有人受理 · %(answer)s内答复您")
        % {"response": limit(Kind.COMPLAINT, response), "answer": limit(Kind.COMPLAINT, ClockName.ANSWER)},
        Kind.CONSULTATION.value: _("%(response)s内有人受理 · %(resolution)s内答复您")
        % {"response": limit(Kind.CONSULTATION, response), "resolution": limit(Kind.CONSULTATION, resolution)},
        Kind.SUGGESTION.value: _("%(resolution)s内答复您，不采纳会说明理由")
        % {"resolution": limit(Kind.SUGGESTION, resolution)},
        Kind.PRAISE.value: _("核实后转达本人"),
    }


def night_words(now: datetime) -> str:
    """Shown on the form at night: when somebody will answer; empty by day."""
    if is_service_time(now):
        return ""
    opening = moment_words(next_opening(now), timezone.localtime(now))
    return _("现在是夜间。急修有人值班，随时处理；其他事项%(when)s 起处理。") % {"when": opening}


def answer_words(ticket: Ticket, now: datetime) -> str:
    """The receipt: by when somebody takes it up. Empty for praise, which has no clock, and once it is late."""
    due = response_due(ticket, ticket.created_at)
    if due is None or now > due:
        return ""
    when = moment_words(timezone.localtime(due), timezone.localtime(now))
    if ticket.urgency in DAY_AND_NIGHT or is_service_time(ticket.created_at):
        return _("最晚%(when)s 有人接手。") % {"when": when}
    return _("现在是夜间，最晚%(when)s 有人接手。") % {"when": when}


def response_due(ticket: Ticket, start: datetime) -> datetime | None:
    """By when somebody takes it up, counted from ``start``: in service time unless it is urgent."""
    facts = deadlines.Facts(ticket.kind, ticket.urgency, ticket.level, ticket.is_collective)
    minutes = deadlines.limits(facts).get(ClockName.RESPONSE)
    if minutes is None:
        return None
    if ticket.urgency in DAY_AND_NIGHT or ticket.is_collective:
        return start + timedelta(minutes=minutes)
    return service_due(start, minutes)


_WORDS = {
    ClockName.RESPONSE: lambda: _("最晚%(when)s 有人接手"),
    ClockName.ON_SITE: lambda: _("最晚%(when)s 到场"),
    ClockName.ANSWER: lambda: _("最晚%(when)s 答复您"),
    ClockName.RESOLUTION: lambda: _("最晚%(when)s 办好"),
}


def pending(ticket: Ticket, clocks: Iterable[Clock], now: datetime) -> list[Promise]:
    """What is promised and not yet kept, the next one first; nothing while the clocks rest."""
    if ticket.status not in (Status.REGISTERED, Status.DISPATCHED, Status.IN_PROGRESS, Status.COMPLETED):
        return []
    running = [
        clock
        for clock in clocks
        if clock.round == ticket.round and not (clock.met_at or clock.paused_at or clock.stopped_at)
    ]
    promises = []
    for clock in sorted(running, key=lambda clock: clock.due_at):
        due: datetime | None = clock.due_at
        if clock.name == ClockName.RESPONSE:
            due = response_due(ticket, clock.started_at)
        if due is None:
            continue
        when = moment_words(timezone.localtime(due), timezone.localtime(now))
        words = _WORDS[ClockName(clock.name)]() % {"when": when}
        promises.append(Promise(words, due, is_late=now > due))
    return sorted(promises, key=lambda promise: promise.due_at)


def after_answer(promises: list[Promise], ticket: Ticket) -> list[Promise]:
    """Without the one that the receipt has said already."""
    due = response_due(ticket, ticket.created_at)
    return [promise for promise in promises if promise.due_at != due]


def service_phone(project: Project | None) -> str:
    return project.service_phone if project else ""
