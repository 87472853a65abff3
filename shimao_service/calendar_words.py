"""A calendar for people: its year month by month, its week, and what one version changed of another."""

from __future__ import annotations

from calendar import Calendar as Sheet
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shimao_service.calendar_forms import WEEKDAYS, write_spans
from shimao_service.models import CalendarDay, Origin
from shimao_service.working_time import HOLIDAY, ONE_DAY, SERVICE, WORKING, Calendar, Spans

MONTHS = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of the year's view. ``sign`` and ``words`` say what the colour says."""

    number: int
    look: str
    sign: str
    words: str
    is_today: bool


@dataclass(frozen=True, slots=True)
class Month:
    number: int
    weeks: list[list[Cell | None]]


def hours(spans: Spans) -> str:
    return write_spans(spans) or _("休息")


def months(calendar: Calendar, days: Mapping[date, CalendarDay], year: int, today: date) -> list[Month]:
    """The whole year; weeks begin on Monday, days of other months are ``None``."""
    sheet = Sheet()
    return [
        Month(
            number,
            [
                [_cell(calendar, days.get(day), day, today) if day.month == number else None for day in week]
                for week in sheet.monthdatescalendar(year, number)
            ],
        )
        for number in range(1, MONTHS + 1)
    ]


def _cell(calendar: Calendar, special: CalendarDay | None, day: date, today: date) -> Cell:
    if special is None:
        look = "" if calendar.is_working_day(day) else "rest"
        return Cell(day.day, look, "", "", day == today)
    own = special.origin == Origin.OWN
    if own and _only_hours(calendar, special):
        look = "rest is-own" if special.is_off else "own is-own"
        return Cell(day.day, look, "*", _("%(name)s，时间另行规定") % {"name": special.name}, day == today)
    sign = (_("休") if special.is_off else _("班")) + ("*" if own else "")
    words = _("放假") if special.is_off else _("上班")
    look = ("off" if special.is_off else "worked") + (" is-own" if own else "")
    return Cell(day.day, look, sign, f"{special.name}，{words}", day == today)


def _only_hours(calendar: Calendar, day: CalendarDay) -> bool:
    """Whether a day of our own is worked or not as its weekday is, and only its hours differ."""
    return not day.is_unserved and day.is_off != bool(calendar.working.get(day.date.weekday()))


@dataclass(slots=True)
class OwnDays:
    """Days of our own that belong together: of one name, without a long gap between them."""

    first: CalendarDay
    last: CalendarDay
    days: list[CalendarDay]
    # Whether they are worked or not as their weekdays are, and only the hours differ.
    is_only_hours: bool

    @property
    def name(self) -> str:
        return self.first.name

    @property
    def is_off(self) -> bool:
        return all(day.is_off for day in self.days)

    @property
    def is_unserved(self) -> bool:
        return self.first.is_unserved


# Summer hours leave out weekends and holidays; a week away is still the same season.
LONGEST_GAP = 10 * ONE_DAY


def own_days(calendar: Calendar, rows: Iterable[CalendarDay]) -> list[OwnDays]:
    found: list[OwnDays] = []
    for row in sorted(rows, key=lambda each: each.date):
        last = found[-1] if found else None
        alike = last and (last.name, last.is_unserved) == (row.name, row.is_unserved)
        if last and alike and row.date - last.last.date <= LONGEST_GAP:
            last.last = row
            last.days.append(row)
            last.is_only_hours &= _only_hours(calendar, row)
        else:
            found.append(OwnDays(row, row, [row], _only_hours(calendar, row)))
    return found


@dataclass(slots=True)
class Stretch:
    """Days in a row that are arranged alike, for the list below the year."""

    first: CalendarDay
    last: CalendarDay
    names: list[str]
    arranged: tuple[Any, ...]
    working: str
    service: str

    @property
    def count(self) -> int:
        return (self.last.date - self.first.date).days + 1

    @property
    def name(self) -> str:
        """The holiday's name; the days that only join or make up for it have none of their own."""
        return "、".join(self.names) or self.first.name

    @property
    def first_weekday(self) -> Any:
        return WEEKDAYS[self.first.date.weekday()]

    @property
    def last_weekday(self) -> Any:
        return WEEKDAYS[self.last.date.weekday()]


# How official days are called that belong to a holiday beside them.
BESIDE = ("休息日", "周末连休")


def stretches(calendar: Calendar, rows: Iterable[CalendarDay]) -> list[Stretch]:
    """Special days in order, those in a row made one."""
    found: list[Stretch] = []
    for row in sorted(rows, key=lambda each: each.date):
        service = _("停止服务") if row.is_unserved else hours(calendar.minutes(SERVICE, row.date))
        working = hours(calendar.minutes(WORKING, row.date))
        arranged = (row.is_off, row.origin, working, service)
        names = [] if row.name.startswith(BESIDE) else [row.name.split("（")[0]]
        last = found[-1] if found else None
        if last and last.arranged == arranged and row.date - last.last.date == ONE_DAY:
            last.last = row
            last.names += [name for name in names if name not in last.names]
        else:
            found.append(Stretch(row, row, names, arranged, working, service))
    return found


def week_rows(calendar: Calendar) -> list[tuple[Any, str, str]]:
    """``(weekday, working time, service time)``, Monday first, holidays last."""
    rows = [
        (name, hours(calendar.working.get(day, ())), hours(calendar.service.get(day, ())))
        for day, name in enumerate(WEEKDAYS)
    ]
    return [*rows, (_("节假日"), _("休息"), holiday_service(calendar))]


def holiday_service(calendar: Calendar) -> str:
    if HOLIDAY not in calendar.service:
        return _("与平日相同")
    return write_spans(calendar.service[HOLIDAY]) or _("不服务")


# --- what a draft changes -------------------------------------------------------------------------
def changes(
    before: Calendar, after: Calendar, was: Mapping[date, CalendarDay], will: Mapping[date, CalendarDay]
) -> list[str]:
    """In words, one sentence a change."""
    return [
        *_week_changes(before, after),
        *_own_changes(before, after, was, will),
        *_year_changes(before, after, was, will),
    ]


def _week_changes(before: Calendar, after: Calendar) -> Iterator[str]:
    change = _("%(what)s：%(was)s → %(will)s")
    old, new = week_rows(before), week_rows(after)
    for (name, working, service), (_same, working_now, service_now) in zip(old, new, strict=True):
        if working != working_now:
            yield change % {"what": _("%(day)s工作时间") % {"day": name}, "was": working, "will": working_now}
        if service != service_now:
            yield change % {"what": _("%(day)s服务时间") % {"day": name}, "was": service, "will": service_now}


def _own_changes(
    before: Calendar, after: Calendar, was: Mapping[date, CalendarDay], will: Mapping[date, CalendarDay]
) -> Iterator[str]:
    """A sentence a day; more than a few days of one name that change alike are told together."""
    own = {row.date for rows in (was, will) for row in rows.values() if row.origin == Origin.OWN}
    changed: dict[tuple[str, str], list[date]] = {}
    for day in sorted(own):
        old, new = _day_words(before, was.get(day), day), _day_words(after, will.get(day), day)
        if old != new:
            changed.setdefault((old, new), []).append(day)
    told = [
        (group[0], _span_words(group), old, new)
        for (old, new), days in changed.items()
        for group in ([days] if len(days) > FEW else [[day] for day in days])
    ]
    for _first, what, old, new in sorted(told):
        yield _("%(what)s：%(was)s → %(will)s") % {"what": what, "was": old, "will": new}


# So many days that change alike are told one by one.
FEW = 3


def _span_words(days: list[date]) -> str:
    if len(days) == 1:
        return days[0].isoformat()
    words = {"first": days[0].isoformat(), "last": days[-1].isoformat(), "count": len(days)}
    return _("%(first)s 至 %(last)s 的 %(count)d 天") % words


def _day_words(calendar: Calendar, row: CalendarDay | None, day: date) -> str:
    if row is None:
        return _("平日")
    words = f"{row.name}（{_('放假') if row.is_off else _('上班')}"
    if (WORKING, day) in calendar.special:
        words += _("，工作时间 %(hours)s") % {"hours": hours(calendar.special[(WORKING, day)])}
    if row.is_unserved:
        words += _("，停止服务")
    elif (SERVICE, day) in calendar.special:
        words += _("，服务时间 %(hours)s") % {"hours": hours(calendar.special[(SERVICE, day)])}
    return words + "）"


def _year_changes(
    before: Calendar, after: Calendar, was: Mapping[date, CalendarDay], will: Mapping[date, CalendarDay]
) -> Iterator[str]:
    """Holidays and make-up workdays: a sentence a year."""
    for year in sorted(before.years | after.years):
        if year in after.years and year not in before.years:
            yield _("%(year)d 年：新增节假日安排") % {"year": year}
        elif year in before.years and year not in after.years:
            yield _("%(year)d 年：去掉节假日安排") % {"year": year}
        elif year in before.estimates and year not in after.estimates:
            yield _("%(year)d 年：由预估改为正式安排") % {"year": year}
        elif year not in before.estimates and year in after.estimates:
            yield _("%(year)d 年：由正式安排改为预估") % {"year": year}
        count = sum(
            _official(was.get(day)) != _official(will.get(day))
            for day in was.keys() | will.keys()
            if day.year == year and not _is_own(was.get(day)) and not _is_own(will.get(day))
        )
        if count and year in before.years:
            yield ngettext(
                "%(year)d 年：%(count)d 天的放假或上班安排有变化",
                "%(year)d 年：%(count)d 天的放假或上班安排有变化",
                count,
            ) % {"year": year, "count": count}


def _is_own(row: CalendarDay | None) -> bool:
    return row is not None and row.origin == Origin.OWN


def _official(row: CalendarDay | None) -> tuple[bool, str] | None:
    return (row.is_off, row.name) if row is not None else None
