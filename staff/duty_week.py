"""A duty table as minutes of the week: pure functions. Minute 0 is Monday 00:00, 10 080 the next Monday."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time, timedelta

from django.utils.translation import gettext as _

from shimao_service.working_time import SERVICE, Calendar
from staff.models import Weekday

DAY = 24 * 60
WEEK = 7 * DAY

Span = tuple[int, int]


def minute(wall: time) -> int:
    return wall.hour * 60 + wall.minute


def spans(weekday: int, starts: time, ends: time) -> list[Span]:
    """The minutes of the week a slot covers; what reaches over Sunday's midnight is at the week's begin."""
    first, last = weekday * DAY + minute(starts), weekday * DAY + minute(ends)
    if last <= first:
        last += DAY
    return [(first, last)] if last <= WEEK else [(0, last - WEEK), (first, WEEK)]


def is_overlapping(one: Iterable[Span], other: Iterable[Span]) -> bool:
    others = list(other)
    return any(first < end and begin < last for first, last in one for begin, end in others)


def service(calendar: Calendar, monday: date) -> list[Span]:
    """The project's service time in the week that begins on ``monday``: a holiday may have less."""
    days = [(n * DAY, monday + timedelta(days=n)) for n in range(7)]
    return [(base + first, base + last) for base, day in days for first, last in calendar.minutes(SERVICE, day)]


def uncovered(covered: Iterable[Span]) -> list[Span]:
    """The minutes of the week in none of ``covered``, in order; the week's end and begin stay apart."""
    found, reached = [], 0
    for first, last in sorted(covered):
        if first > reached:
            found.append((reached, first))
        reached = max(reached, last)
    return [*found, (reached, WEEK)] if reached < WEEK else found


def of_day(gaps: Iterable[Span], weekday: int) -> list[str]:
    """What of ``gaps`` lies on one day: ``["00:00–08:30", "20:00–24:00"]``."""
    start, end = weekday * DAY, (weekday + 1) * DAY
    cut = [(max(first, start) - start, min(last, end) - start) for first, last in gaps if first < end and last > start]
    return [_("全天")] if cut == [(0, DAY)] else [f"{wall(first)}–{wall(last)}" for first, last in cut]


def wall(value: int) -> str:
    return f"{value // 60:02d}:{value % 60:02d}"


def in_words(gaps: list[Span]) -> list[str]:
    """Gaps as people say them, equal hours of several days together: ``周一至周五 20:00–次日 08:30``."""
    if gaps == [(0, WEEK)]:
        return [_("整周")]
    joined = list(gaps)
    if len(joined) > 1 and joined[0][0] == 0 and joined[-1][1] == WEEK:  # Sunday night is one night
        joined = [*joined[1:-1], (joined[-1][0], WEEK + joined[0][1])]
    by_hours: dict[Span, list[int]] = {}
    rest = []
    for first, last in joined:
        weekday, begin = divmod(first, DAY)
        if last - first > DAY:
            rest.append(f"{moment(first)}–{moment(last)}")
        else:
            by_hours.setdefault((begin, begin + last - first), []).append(weekday)
    return [f"{days_in_words(days)} {hours_in_words(*key)}" for key, days in by_hours.items()] + rest


def moment(value: int) -> str:
    weekday, rest = divmod(value % WEEK, DAY)
    return f"{Weekday(weekday).label} {wall(rest)}"


def hours_in_words(begin: int, end: int) -> str:
    if (begin, end) == (0, DAY):
        return _("全天")
    return f"{wall(begin)}–{wall(end)}" if end <= DAY else _("%(begin)s–次日 %(end)s") % {
        "begin": wall(begin), "end": wall(end - DAY)
    }  # fmt: skip


def days_in_words(weekdays: list[int]) -> str:
    """``每天``, ``周一至周五``, ``周六、周日``."""
    days = sorted(set(weekdays))
    if len(days) == 7:
        return _("每天")
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return _("%(first)s至%(last)s") % {"first": Weekday(days[0]).label, "last": Weekday(days[-1]).label}
    return _("、").join(str(Weekday(day).label) for day in days)
