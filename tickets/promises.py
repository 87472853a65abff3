"""What an owner is promised, in words: on the form, on the receipt, and beside the progress.

Only the published promise is said here; our own target may be stricter and is nobody's business outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shimao_service import calendars, working_time
from shimao_service.looks import moment_words
from shimao_service.working_time import SERVICE, Calendar
from staff.models import Project
from tickets import deadlines, policies
from tickets.limits import Terms
from tickets.models import Clock, Ticket
from tickets.statuses import ClockName, Kind, LimitUnit, Status, Urgency

HOUR, DAY = 60, 24 * 60


@dataclass(frozen=True, slots=True)
class Promise:
    """``text`` such as 最晚 14:32 有人接手; ``due_at`` is aware; ``is_late`` when it was not kept yet."""

    text: str
    due_at: datetime
    is_late: bool


def calendar_of(project: Project | None) -> Calendar:
    return calendars.current(project.calendar_id if project else None)


def is_service_time(calendar: Calendar, now: datetime) -> bool:
    return working_time.is_open(calendar, SERVICE, now)


def next_opening(calendar: Calendar, now: datetime) -> datetime:
    """When somebody sits at the desk again; ``now`` itself in service time. Local time of the calendar."""
    return calendar.local(working_time.next_opening(calendar, SERVICE, now))


def span(amount: int, unit: str) -> str:
    """``30 分钟``, ``24 小时``, ``7 天``, ``服务时间 30 分钟``, ``3 个工作日``: a limit as people say it."""
    if unit == LimitUnit.WORKING:
        return ngettext("%(n)s 个工作日", "%(n)s 个工作日", amount) % {"n": amount}
    if amount < HOUR or amount % HOUR:
        words = ngettext("%(n)s 分钟", "%(n)s 分钟", amount) % {"n": amount}
    elif amount <= 3 * DAY or amount % DAY:
        words = ngettext("%(n)s 小时", "%(n)s 小时", amount // HOUR) % {"n": amount // HOUR}
    else:
        words = ngettext("%(n)s 天", "%(n)s 天", amount // DAY) % {"n": amount // DAY}
    return _("服务时间 %(span)s") % {"span": words} if unit == LimitUnit.SERVICE else words


def promised(terms: Terms, facts: deadlines.Facts) -> dict[str, str]:
    """What is promised for such a request, in words, by clock; nothing for what is not promised, or at once."""
    given = deadlines.allowances(facts, terms)
    return {clock: span(*one.promise) for clock, one in given.items() if one.promise and one.promise[0]}


def offers(project: Project | None) -> dict[str, str]:
    """What the form promises, by kind, before anything is sent."""
    terms = policies.current_terms(project)

    def words(kind: str, *said: tuple[str, ClockName], urgency: str = Urgency.NORMAL) -> str:
        spans = promised(terms, deadlines.Facts(kind, urgency))
        return _(" · ").join(text % {"span": spans[clock]} for text, clock in said if clock in spans)

    response, resolution = ClockName.RESPONSE, ClockName.RESOLUTION
    found = {
        Kind.REPAIR.value: _(" · ").join(
            part
            for part in (
                words(Kind.REPAIR, (_("急修 %(span)s内到场"), ClockName.ON_SITE), urgency=Urgency.URGENT),
                _("24 小时值班"),
            )
            if part
        ),
        Kind.COMPLAINT.value: words(
            Kind.COMPLAINT, (_("%(span)s内有人受理"), response), (_("%(span)s内答复您"), ClockName.ANSWER)
        ),
        Kind.CONSULTATION.value: words(
            Kind.CONSULTATION, (_("%(span)s内有人受理"), response), (_("%(span)s内答复您"), resolution)
        ),
        Kind.SUGGESTION.value: words(Kind.SUGGESTION, (_("%(span)s内答复您，不采纳会说明理由"), resolution)),
        Kind.PRAISE.value: _("核实后转达本人"),
    }
    return {kind: text for kind, text in found.items() if text}


def night_words(project: Project | None, now: datetime) -> str:
    """Shown on the form at night: when somebody will answer; empty by day."""
    calendar = calendar_of(project)
    if is_service_time(calendar, now):
        return ""
    opening = moment_words(next_opening(calendar, now), calendar.local(now))
    return _("现在是非服务时间。急修有人值班，随时处理；其他事项%(when)s 起处理。") % {"when": opening}


def answer_words(ticket: Ticket, clocks: Iterable[Clock], now: datetime) -> str:
    """The receipt: by when somebody takes it up. Empty for praise, which has no clock, and once it is late."""
    due = response_promise(clocks)
    if due is None or now > due:
        return ""
    when = moment_words(timezone.localtime(due), timezone.localtime(now))
    calendar = calendars.load(ticket.calendar_version_id)
    if ticket.urgency != Urgency.NORMAL or is_service_time(calendar, ticket.created_at):
        return _("最晚%(when)s 有人接手。") % {"when": when}
    return _("现在是非服务时间，最晚%(when)s 有人接手。") % {"when": when}


def response_promise(clocks: Iterable[Clock]) -> datetime | None:
    """By when the owner was told that somebody takes it up, in the first round."""
    return next((clock.promise_at for clock in clocks if clock.round == 1 and clock.name == ClockName.RESPONSE), None)


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
    for clock in running:
        due = clock.promise_at
        if due is None:
            continue
        when = moment_words(timezone.localtime(due), timezone.localtime(now))
        words = _WORDS[ClockName(clock.name)]() % {"when": when}
        promises.append(Promise(words, due, is_late=now > due))
    return sorted(promises, key=lambda promise: promise.due_at)


def after_answer(promises: list[Promise], clocks: Iterable[Clock]) -> list[Promise]:
    """Without the one that the receipt has said already."""
    due = response_promise(clocks)
    return [promise for promise in promises if promise.due_at != due]


def service_phone(project: Project | None) -> str:
    return project.service_phone if project else ""
