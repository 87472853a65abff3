"""Working time: pure functions of a calendar, exact to the second, in any time zone.

Three measures: natural time (``h``), service time (``sh``: somebody is at the desk) and working time (``wd``:
the office works). Spans are given in local minutes of a day and turned into instants one day at a time, so that
a day with a change of clocks has the length it really has.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

NATURAL, SERVICE, WORKING = "h", "sh", "wd"
MEASURES = (NATURAL, SERVICE, WORKING)
HOLIDAY = 7
ONE_DAY = timedelta(days=1)
NOTHING = timedelta(0)
# A calendar that is closed for so long never opens again: somebody made a mistake.
LONGEST_CLOSURE = 366

Spans = tuple[tuple[int, int], ...]
Pause = tuple[datetime, datetime]


class NeverOpen(ValueError):
    """The calendar has no span within a year of the instant asked about."""


@dataclass(frozen=True, slots=True)
class Day:
    """What is special about a day: off, or worked in exchange for another (调休)."""

    is_off: bool
    name: str = ""


@dataclass(frozen=True)
class Calendar:
    """``service`` and ``working`` map weekdays (0 Monday … 6 Sunday, 7 a holiday) to spans of minutes.

    ``days`` are holidays and make-up workdays; ``special`` maps (measure, date) to spans of that one day.
    ``years`` are those whose holidays are known, ``estimates`` those known only as an estimate.
    """

    timezone: str = "Asia/Shanghai"
    service: Mapping[int, Spans] = field(default_factory=dict)
    working: Mapping[int, Spans] = field(default_factory=dict)
    days: Mapping[date, Day] = field(default_factory=dict)
    special: Mapping[tuple[str, date], Spans] = field(default_factory=dict)
    years: frozenset[int] = frozenset()
    estimates: frozenset[int] = frozenset()
    _cache: dict[tuple[str, date], tuple[tuple[datetime, datetime], ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def minutes(self, measure: str, day: date) -> Spans:
        """The day's spans in local minutes, in order."""
        if (measure, day) in self.special:
            return self.special[(measure, day)]
        special = self.days.get(day)
        if measure == SERVICE:
            # A holiday has hours of its own where the calendar gives some; a make-up workday is served as ever.
            if special is not None and special.is_off and HOLIDAY in self.service:
                return self.service[HOLIDAY]
            return self.service.get(day.weekday(), ())
        if special is None:
            return self.working.get(day.weekday(), ())
        if special.is_off:
            return ()
        # 调休上班: the hours of its own weekday where it has some, else those of the first day of the week.
        own = self.working.get(day.weekday(), ())
        return own or next((spans for _weekday, spans in sorted(self.working.items()) if spans), ())

    def spans(self, measure: str, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The day's spans as instants (UTC), in order."""
        key = (measure, day)
        found = self._cache.get(key)
        if found is None:
            found = tuple(
                (start, end)
                for start, end in (
                    (self._instant(day, first), self._instant(day, last))
                    for first, last in self.minutes(measure, day)
                )
                if start < end  # a span inside the hour that a change of clocks leaves out
            )
            self._cache[key] = found
        return found

    def _instant(self, day: date, minute: int) -> datetime:
        days, minute = divmod(minute, 24 * 60)
        at = day + timedelta(days=days)
        local = datetime(at.year, at.month, at.day, minute // 60, minute % 60, tzinfo=self.zone)
        return local.astimezone(UTC)

    def is_working_day(self, day: date) -> bool:
        return bool(self.minutes(WORKING, day))

    def is_estimated(self, start: datetime, end: datetime) -> bool:
        """Whether any day from ``start`` to ``end`` lies in a year that is only an estimate, or not known at all."""
        years = range(self.local(start).year, self.local(end).year + 1)
        return any(year in self.estimates or year not in self.years for year in years)


def open_spans(
    calendar: Calendar, measure: str, start: datetime, pauses: Sequence[Pause] = ()
) -> Iterator[tuple[datetime, datetime]]:
    """Spans of ``measure`` from ``start`` on, without the pauses; endless. Raises :class:`NeverOpen`."""
    closed = merge(pauses)
    for span in _spans_from(calendar, measure, start):
        yield from _without(span, closed)


def _spans_from(calendar: Calendar, measure: str, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    start = start.astimezone(UTC)
    if measure == NATURAL:
        while True:  # a year at a time, so that pauses are cut out of something finite
            yield start, start + timedelta(days=365)
            start += timedelta(days=365)
    day = calendar.local(start).date()
    empty = 0
    while True:
        found = False
        for first, last in calendar.spans(measure, day):
            if last > start:
                found = True
                yield max(first, start), last
        empty = 0 if found else empty + 1
        if empty > LONGEST_CLOSURE:
            raise NeverOpen(f"No {measure} time within a year of {start:%F}.")
        day += ONE_DAY


def _without(
    span: tuple[datetime, datetime], closed: Sequence[Pause]
) -> Iterator[tuple[datetime, datetime]]:
    start, end = span
    for since, until in closed:
        if until <= start:
            continue
        if since >= end:
            break
        if since > start:
            yield start, since
        start = max(start, until)
        if start >= end:
            return
    if start < end:
        yield start, end


def merge(pauses: Iterable[Pause]) -> list[Pause]:
    """Pauses in order, overlapping ones made one, empty ones left out. In UTC."""
    merged: list[Pause] = []
    for since, until in sorted((a.astimezone(UTC), b.astimezone(UTC)) for a, b in pauses if a < b):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def add(
    calendar: Calendar, measure: str, start: datetime, amount: timedelta, pauses: Sequence[Pause] = ()
) -> datetime:
    """The first instant by which ``amount`` of ``measure`` has passed since ``start``, pauses not counted.

    An amount that ends with a span ends at its close, not at the next opening; nothing added is ``start`` itself.
    """
    if amount <= NOTHING:
        return start
    left = amount
    for first, last in open_spans(calendar, measure, start, pauses):
        length = last - first
        if left <= length:
            return (first + left).astimezone(start.tzinfo)
        left -= length
    raise AssertionError("open_spans is endless")  # pragma: no cover


def between(
    calendar: Calendar, measure: str, start: datetime, end: datetime, pauses: Sequence[Pause] = ()
) -> timedelta:
    """How much of ``measure`` lies between two instants, pauses not counted; never negative, never more than elapsed."""
    total = NOTHING
    if end <= start:
        return total
    try:
        for first, last in open_spans(calendar, measure, start, pauses):
            if first >= end:
                break
            total += min(last, end) - first
    except NeverOpen:
        pass
    return total


def close_of_working_day(calendar: Calendar, start: datetime, count: int) -> datetime:
    """The close of the ``count``-th working day after the day of ``start``; 0 is the close of that very day (or of
    the next working day, when it is none or is over)."""
    day = calendar.local(start).date()
    if count == 0:
        spans = calendar.spans(WORKING, day)
        if spans and spans[-1][1] > start:
            return spans[-1][1].astimezone(start.tzinfo)
        count = 1
    empty = 0
    while count:
        day += ONE_DAY
        if calendar.spans(WORKING, day):
            count, empty = count - 1, 0
        else:
            empty += 1
            if empty > LONGEST_CLOSURE:
                raise NeverOpen(f"No working day within a year of {start:%F}.")
    return calendar.spans(WORKING, day)[-1][1].astimezone(start.tzinfo)


def budget(calendar: Calendar, unit: str, start: datetime, amount: int) -> timedelta:
    """A limit as a length of its own measure: minutes for ``h`` and ``sh``; for ``wd`` the working time until the
    close of the last day."""
    if unit == WORKING:
        return between(calendar, WORKING, start, close_of_working_day(calendar, start, amount))
    return timedelta(minutes=amount)


def due(calendar: Calendar, unit: str, start: datetime, amount: int, pauses: Sequence[Pause] = ()) -> datetime:
    """When a limit of ``amount`` ``unit`` that began at ``start`` runs out; pauses move it on by what they cost."""
    return add(calendar, unit, start, budget(calendar, unit, start, amount), pauses)


def is_open(calendar: Calendar, measure: str, moment: datetime) -> bool:
    if measure == NATURAL:
        return True
    spans = calendar.spans(measure, calendar.local(moment).date())
    index = bisect_right(spans, moment, key=lambda span: span[0]) - 1
    return index >= 0 and moment < spans[index][1]


def next_opening(calendar: Calendar, measure: str, moment: datetime) -> datetime:
    """``moment`` itself while open, else when it opens next. Raises :class:`NeverOpen`."""
    first, _last = next(open_spans(calendar, measure, moment))
    return first.astimezone(moment.tzinfo)
