"""Counting a limit day by day, in words: which days count how much, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shimao_service import working_time
from shimao_service.working_time import SERVICE, Calendar, Pause

WEEKDAYS = (
    gettext_lazy("周一"), gettext_lazy("周二"), gettext_lazy("周三"), gettext_lazy("周四"), gettext_lazy("周五"),
    gettext_lazy("周六"), gettext_lazy("周日"),
)  # fmt: skip
NOTHING = timedelta(0)
# So many days alike are told in one line.
ALIKE = 3


@dataclass(frozen=True, slots=True)
class Day:
    """One local day of a count: the spans that counted, how much, and what is special about the day."""

    date: date
    spans: tuple[tuple[datetime, datetime], ...]
    counted: timedelta
    note: str

    @property
    def times(self) -> tuple[tuple[time, time], ...]:
        return tuple((first.time(), last.time()) for first, last in self.spans)


def day_label(day: date, today: date) -> str:
    words = {"year": day.year, "month": day.month, "day": day.day, "weekday": WEEKDAYS[day.weekday()]}
    if day.year != today.year:
        return _("%(year)d年%(month)d月%(day)d日 %(weekday)s") % words
    return _("%(month)d月%(day)d日 %(weekday)s") % words


def stamp(calendar: Calendar, moment: datetime, now: datetime) -> str:
    """``11月20日 周五 16:00`` in the calendar's own time; the year where it is not the present one."""
    local = calendar.local(moment)
    return f"{day_label(local.date(), calendar.local(now).date())} {local:%H:%M}"


def length_words(span: timedelta) -> str:
    """``7 小时 30 分``, ``45 分``, to the minute. Hours are never made days: a working day has not 24 of them."""
    minutes = int(span.total_seconds()) // 60
    parts = ((minutes // 60, _("%(n)d 小时")), (minutes % 60, _("%(n)d 分")))
    words = " ".join(words % {"n": number} for number, words in parts if number)
    return words or (_("不到 1 分") if span > NOTHING else _("0 分"))


def own_due(calendar: Calendar, unit: str, start: datetime, amount: int, pauses: Sequence[Pause]) -> datetime:
    """When our own limit runs out, as :mod:`tickets.deadlines` has it: what is booked for a rest begins after it."""
    counts = next((until for since, until in working_time.merge(pauses) if since <= start < until), start)
    budget = working_time.budget(calendar, unit, start, amount)
    return working_time.add(calendar, unit, counts, budget, pauses)


def days(calendar: Calendar, measure: str, start: datetime, end: datetime, pauses: Sequence[Pause] = ()) -> list[Day]:
    """Every local day from ``start`` to ``end``; what counted adds up to the working time between the two."""
    found = []
    closed = working_time.merge(pauses)
    day = calendar.local(start).date()
    last = calendar.local(end).date()
    while day <= last:
        spans = tuple(_within(calendar.spans(measure, day), start, end, closed))
        local = tuple((calendar.local(first), calendar.local(until)) for first, until in spans)
        counted = sum((until - first for first, until in spans), NOTHING)
        idle = not counted and bool(calendar.minutes(measure, day))
        note = _idle(calendar, measure, day, start) if idle else _note(calendar, measure, day)
        found.append(Day(day, local, counted, note))
        day += timedelta(days=1)
    return found


def _within(
    spans: Sequence[tuple[datetime, datetime]], start: datetime, end: datetime, closed: Sequence[Pause]
) -> Iterator[tuple[datetime, datetime]]:
    for first, last in spans:
        begin, until = max(first, start), min(last, end)
        for since, resumed in closed:
            if resumed <= begin or since >= until:
                continue
            if since > begin:
                yield begin, since
            begin = max(begin, resumed)
        if begin < until:
            yield begin, until


def _note(calendar: Calendar, measure: str, day: date) -> str:
    """Why the day is not like its weekday, or why it does not count at all."""
    special = calendar.days.get(day)
    is_open = bool(calendar.minutes(measure, day))
    if (measure, day) in calendar.special:
        named = special.name if special is not None else _("当天另有安排")
        return named if is_open else _("当天不开放")
    if special is not None and special.is_off:
        if (measure == SERVICE and is_open) or special.name.endswith("休"):
            return special.name
        return _("%(name)s放假") % {"name": special.name}
    if special is not None and measure != SERVICE:
        return special.name or _("调休上班")
    if not is_open:
        return _("休息日")
    return ""


def _idle(calendar: Calendar, measure: str, day: date, start: datetime) -> str:
    """Why a day that is open counts nothing."""
    over = all(last <= start for _first, last in calendar.spans(measure, day))
    return _("当天的时间已过") if over else _("挂起中")


# --- words ------------------------------------------------------------------------------------------
def day_words(calendar: Calendar, found: Sequence[Day], now: datetime) -> Iterator[str]:
    """A line a day; days alike in a row are told together."""
    today = calendar.local(now).date()
    total = NOTHING
    for _key, group in groupby(found, key=lambda day: (day.counted, day.times, day.note)):
        alike = list(group)
        if len(alike) < ALIKE:
            for day in alike:
                total += day.counted
                yield _line(day_label(day.date, today), day, total)
            continue
        total += sum((day.counted for day in alike), NOTHING)
        label = _("%(first)s 至 %(last)s 每天") % {
            "first": day_label(alike[0].date, today), "last": day_label(alike[-1].date, today),
        }  # fmt: skip
        yield _line(label, alike[0], total)


def _line(label: str, day: Day, total: timedelta) -> str:
    if not day.counted:
        return _("%(day)s %(why)s，不计") % {"day": label, "why": day.note}
    spans = _("、").join(f"{first:%H:%M}–{last:%H:%M}" for first, last in day.spans)
    words = {"day": label, "spans": spans, "counted": length_words(day.counted), "total": length_words(total)}
    text = _("%(day)s %(spans)s，计 %(counted)s，累计 %(total)s") % words
    return _("%(text)s（%(note)s）") % {"text": text, "note": day.note} if day.note else text
