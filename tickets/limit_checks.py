"""Limits that get in each other's way: what a manager should look at again. Nothing here refuses anything.

Pure functions of limits and a calendar, but for :func:`for_page`. Limits in different units meet only at some times of
the week or the year (a working day over a long holiday against seven days), so each pair is tried where it can happen:
in an ordinary week, and around the special days of the year to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shimao_service import calendars, working_time
from shimao_service.looks import full_day, is_chinese
from shimao_service.models import CalendarVersion
from shimao_service.working_time import ONE_DAY, SERVICE, WORKING, Calendar, NeverOpen
from staff.models import Project
from tickets.limit_words import COLUMNS, class_words, classes, fingerprint, limit_words
from tickets.limits import Allowance, Class, Limits
from tickets.statuses import ClockName, Kind, Urgency

# Which should never run out after which.
ORDER = (
    (ClockName.RESPONSE, ClockName.ON_SITE), (ClockName.RESPONSE, ClockName.ANSWER),
    (ClockName.RESPONSE, ClockName.RESOLUTION), (ClockName.ON_SITE, ClockName.RESOLUTION),
    (ClockName.ANSWER, ClockName.RESOLUTION),
)  # fmt: skip
A_YEAR = timedelta(days=366)
# The last working day before a holiday that begins after a weekend.
BEFORE = 3

Limit = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Meeting:
    """A time of registration at which the first limit runs out after the second."""

    start: datetime
    first: datetime
    second: datetime

    @property
    def excess(self) -> timedelta:
        return self.first - self.second


# By what was asked; a page is opened more often than limits or calendars change.
_kept: dict[tuple, list[str]] = {}
MOST_KEPT = 64


def for_page(limits: Limits, projects: Iterable[Project], now: datetime) -> list[str]:
    """:func:`warnings` in the calendars of ``projects`` (none: the company's), named where it is not the company's;
    one query."""
    found = []
    for version in _calendars({project.calendar_id for project in projects} or {None}):
        key = (fingerprint(limits), version.pk, timezone.localdate(now), get_language())
        if key not in _kept:
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            _kept[key] = warnings(limits, calendars.load(version.pk), now)
        named = {"calendar": _(version.calendar.name)}
        for words in _kept[key]:
            if version.calendar.is_default:
                found.append(words)
            elif words not in found:
                found.append(_("%(words)s（按“%(calendar)s”日历）") % ({"words": words} | named))
    return found


def _calendars(ids: set[int | None]) -> list[CalendarVersion]:
    """The versions in force of these calendars, the company's (None) first."""
    wanted = Q(calendar__in=[pk for pk in ids if pk])
    if None in ids:
        wanted |= Q(calendar__is_default=True)
    rows = CalendarVersion.objects.filter(wanted, published_at__isnull=False).select_related("calendar")
    newest = rows.order_by("calendar_id", "-number").distinct("calendar_id")
    return sorted(newest, key=lambda one: not one.calendar.is_default) or [calendars.current_version()]


def warnings(limits: Limits, calendar: Calendar, now: datetime) -> list[str]:
    """Everything odd, in the order of the page; classes with the same oddity in one sentence."""
    said: dict[tuple[str, str], list[str]] = {}
    for kind in COLUMNS:
        for of in classes(kind):
            for words in [*_crossed(of, limits, calendar, now), *_upside_down(of, limits)]:
                said.setdefault((kind, words), []).append(class_words(of))
    return [
        _("%(kind)s·%(classes)s：%(words)s") % {"kind": Kind(kind).label, "classes": _("、").join(of), "words": words}
        for (kind, words), of in said.items()
    ]


# --- a clock after the one that should follow it -----------------------------------------------------
def _crossed(of: Class, limits: Limits, calendar: Calendar, now: datetime) -> Iterator[str]:
    given = limits.of(*of)
    for first, second in ORDER:
        one, other = given.get(first), given.get(second)
        if one is None or other is None or is_as_booked(one) or is_as_booked(other):
            continue
        target = ((one.amount, one.unit), (other.amount, other.unit))
        words = _pair_words(first, second, *target, calendar, now)
        if words:
            yield words
        if one.promise and other.promise and (one.promise, other.promise) != target:
            words = _pair_words(first, second, one.promise, other.promise, calendar, now)
            if words:
                yield _("对业主承诺的%(words)s") % {"words": words}


def is_as_booked(limit: Allowance) -> bool:
    return limit.clock == ClockName.ON_SITE and limit.amount == 0


def _pair_words(
    first: ClockName, second: ClockName, one: Limit, other: Limit, calendar: Calendar, now: datetime
) -> str:
    facts = {
        "first": first.label,
        "second": second.label,
        "one": limit_words(first, *one),
        "other": limit_words(second, *other),
    }
    if one[1] == other[1]:
        return _("%(first)s（%(one)s）比%(second)s（%(other)s）还长。") % facts if one[0] > other[0] else ""
    usual = worst(one, other, calendar, _moments(calendar, _ordinary_days(calendar, now)))
    found = usual or worst(one, other, calendar, _moments(calendar, _special_days(calendar, now)))
    if found is None:
        return ""
    year = calendar.local(now).year
    facts |= {"when": _moment(found.start, calendar, year)}
    facts |= {"due": _moment(found.first, calendar, year), "second_due": _moment(found.second, calendar, year)}
    if usual:
        words = _("%(first)s（%(one)s）有时比%(second)s（%(other)s）还晚到期。")
    else:
        words = _("遇到假期，%(first)s（%(one)s）会比%(second)s（%(other)s）还晚到期。")
    example = _("例如%(when)s 登记的，%(second)s %(second_due)s 到期，%(first)s %(due)s 才到期。")
    return words % facts + example % facts


def worst(one: Limit, other: Limit, calendar: Calendar, starts: Iterable[datetime]) -> Meeting | None:
    """The registration at which ``one`` runs out the longest after ``other``; None where it never does."""
    found: Meeting | None = None
    for start in starts:
        try:
            each = Meeting(start, *(working_time.due(calendar, unit, start, amount) for amount, unit in (one, other)))
        except NeverOpen:
            return None
        if each.excess > (found.excess if found else timedelta()):
            found = each
    return found


def _ordinary_days(calendar: Calendar, now: datetime) -> list[date]:
    """The next week without a special day in it or in the one after."""
    today = calendar.local(now).date()
    monday = today + (7 - today.weekday()) * ONE_DAY
    for number in range(52):
        start = monday + 7 * number * ONE_DAY
        if not any(start + offset * ONE_DAY in calendar.days for offset in range(14)):
            return [start + offset * ONE_DAY for offset in range(7)]
    return [monday + offset * ONE_DAY for offset in range(7)]


def _special_days(calendar: Calendar, now: datetime) -> list[date]:
    """The special days of the year to come, and those just before them."""
    today = calendar.local(now).date()
    special = [day for day in calendar.days if today <= day <= today + A_YEAR]
    return sorted({day - offset * ONE_DAY for day in special for offset in range(BEFORE + 1)})


def _moments(calendar: Calendar, days: Iterable[date]) -> Iterator[datetime]:
    """Where a limit may jump: midnight, each opening and each closing."""
    for day in days:
        yield calendar.midnight(day)
        for measure in (SERVICE, WORKING):
            for span in calendar.spans(measure, day):
                yield from span


def _moment(moment: datetime, calendar: Calendar, this_year: int) -> str:
    local = calendar.local(moment)
    is_short = local.year == this_year and is_chinese()
    day = f"{local.month}月{local.day}日" if is_short else full_day(local.date())
    return f"{day} {local:%H:%M}"


# --- the graver slower than the lighter --------------------------------------------------------------
def _upside_down(of: Class, limits: Limits) -> Iterator[str]:
    kind, urgency, is_grave = of
    lighter: list[Class] = []
    if urgency != Urgency.NORMAL:
        lighter.append((kind, Urgency.URGENT if urgency == Urgency.CRITICAL else Urgency.NORMAL, is_grave))
    if is_grave:
        lighter.append((kind, urgency, False))
    for less in lighter:
        for clock, one in limits.of(*of).items():
            other = limits.of(*less).get(clock)
            if other is None or is_as_booked(other) or one.unit != other.unit or one.amount <= other.amount:
                continue
            yield _("%(clock)s（%(one)s）比“%(less)s”（%(other)s）还慢。") % {
                "clock": ClockName(clock).label,
                "one": limit_words(clock, one.amount, one.unit),
                "less": class_words(less),
                "other": limit_words(clock, other.amount, other.unit),
            }
