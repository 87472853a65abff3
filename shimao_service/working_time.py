"""Working time: pure functions of a calendar, exact to the second, in any time zone.

Three measures: natural time (``h``), service time (``sh``: somebody is at the desk) and working time (``wd``:
the office works). Spans are given in local minutes of a day and turned into instants one day at a time, so that
a day with a change of clocks has the length it really has: a time of day that is skipped is the instant of the
change, one that comes twice is its first passage. Spans therefore never overlap, whatever the clocks do.

Everything is computed in UTC and answered in the zone of ``start``: two datetimes of one zone are compared and
subtracted by their wall clocks, which is wrong in the very hour that comes twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

NATURAL, SERVICE, WORKING = "h", "sh", "wd"
MEASURES = (NATURAL, SERVICE, WORKING)
HOLIDAY = 7
DAY_MINUTES = 24 * 60
ONE_DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)
# A calendar that is closed for so long never opens again: somebody made a mistake.
LONGEST_CLOSURE = 366
# Natural time has no close; this is the last instant that every zone can still write down.
END_OF_TIME = datetime(9999, 12, 30, tzinfo=UTC)

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
    # Of this very calendar: one made by dataclasses.replace begins anew.
    _cache: dict[tuple[str, date], tuple[tuple[datetime, datetime], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)  # kept by the library

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def midnight(self, day: date) -> datetime:
        """The instant at which a local day begins."""
        return self.local(self._instant(day, 0))

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
        # 调休上班: worked in exchange for a weekday, so with a weekday's hours, also where Saturdays have some.
        usual = next((self.working[weekday] for weekday in range(5) if self.working.get(weekday)), ())
        return usual or self.working.get(day.weekday(), ())

    def spans(self, measure: str, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The day's spans as instants (UTC), in order."""
        key = (measure, day)
        found = self._cache.get(key)
        if found is None:
            minutes = self.minutes(measure, day)
            pairs = ((self._instant(day, first), self._instant(day, last)) for first, last in minutes)
            # A span inside the hour that a change of clocks leaves out is none.
            found = self._cache[key] = tuple((start, end) for start, end in pairs if start < end)
        return found

    def _instant(self, day: date, minute: int) -> datetime:
        """The instant of a minute of the local day; 1440 is the next midnight. Never earlier for a later minute."""
        days, minute = divmod(minute, DAY_MINUTES)
        at = day + timedelta(days=days)
        local = datetime(at.year, at.month, at.day, minute // 60, minute % 60, tzinfo=self.zone)
        before, after = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
        return before if before <= after else self._change_of_clocks(after, before)

    def _change_of_clocks(self, earliest: datetime, latest: datetime) -> datetime:
        """The instant between the two at which the clocks were put forward."""
        offset = earliest.astimezone(self.zone).utcoffset()
        while latest - earliest > ONE_SECOND:
            middle = earliest + (latest - earliest) // 2
            if middle.astimezone(self.zone).utcoffset() == offset:
                earliest = middle
            else:
                latest = middle
        return latest.replace(microsecond=0)

    def is_working_day(self, day: date) -> bool:
        return bool(self.minutes(WORKING, day))

    def is_estimated(self, start: datetime, end: datetime) -> bool:
        """Whether any day from ``start`` to ``end`` lies in a year that is only an estimate, or not known at all."""
        years = range(self.local(start).year, self.local(end).year + 1)
        return any(year in self.estimates or year not in self.years for year in years)


def open_spans(
    calendar: Calendar, measure: str, start: datetime, pauses: Sequence[Pause] = ()
) -> Iterator[tuple[datetime, datetime]]:
    """Spans of ``measure`` from ``start`` on, without the pauses, in UTC; endless. Raises :class:`NeverOpen`."""
    return _open_spans(calendar, measure, _utc(start), merge(pauses))


def _open_spans(
    calendar: Calendar, measure: str, start: datetime, closed: Sequence[Pause], end: datetime | None = None
) -> Iterator[tuple[datetime, datetime]]:
    """From one pause to the next: however long a pause is, it is stepped over at once."""
    for since, until in closed:
        if until <= start or (end is not None and since >= end):
            continue
        if since > start:
            for first, last in _spans_from(calendar, measure, start, since):
                if first >= since:
                    break
                yield first, min(last, since)
        start = until
    yield from _spans_from(calendar, measure, start, end)


def _spans_from(
    calendar: Calendar, measure: str, start: datetime, end: datetime | None
) -> Iterator[tuple[datetime, datetime]]:
    """Spans that overlap ``start`` … ``end``, cut at the start; with no end, endless."""
    if measure == NATURAL:
        yield start, END_OF_TIME
        return
    if measure not in MEASURES:
        raise ValueError(f"Unknown measure {measure!r}.")
    day = calendar.local(start).date()
    # Clocks set back over midnight: what lies before ``end`` may belong to the day after.
    final = calendar.local(end).date() + ONE_DAY if end is not None else None
    empty = 0
    while final is not None or empty <= LONGEST_CLOSURE:
        empty += 1
        for first, last in calendar.spans(measure, day):
            if last > start:
                empty = 0
                yield (first if first > start else start), last
        if day == final:
            return
        day += ONE_DAY
    raise NeverOpen(f"No {measure} time within a year of {start:%F}.")


def merge(pauses: Iterable[Pause]) -> list[Pause]:
    """Pauses in order, overlapping ones made one, empty ones left out. In UTC."""
    merged: list[Pause] = []
    if not pauses:
        return merged
    for since, until in sorted((_utc(since), _utc(until)) for since, until in pauses):
        if until <= since:
            continue
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("A time without a zone is no instant.")
    return moment.astimezone(UTC)


def add(calendar: Calendar, measure: str, start: datetime, amount: timedelta, pauses: Sequence[Pause] = ()) -> datetime:
    """The first instant by which ``amount`` of ``measure`` has passed since ``start``, pauses not counted.

    An amount that ends with a span ends at its close, not at the next opening; nothing added is ``start`` itself.
    Raises :class:`NeverOpen`, ``OverflowError`` beyond the year 9999, ``ValueError`` for a time without a zone.
    """
    begin = _utc(start)
    if amount <= NOTHING:
        return start
    left = amount
    for first, last in _open_spans(calendar, measure, begin, merge(pauses)):
        length = last - first
        if left <= length:
            return (first + left).astimezone(start.tzinfo)
        left -= length
    raise OverflowError("Beyond the year 9999.")


def between(
    calendar: Calendar, measure: str, start: datetime, end: datetime, pauses: Sequence[Pause] = ()
) -> timedelta:
    """How much of ``measure`` lies between two instants, pauses not counted; never negative or more than elapsed."""
    begin, finish = _utc(start), _utc(end)
    total = NOTHING
    if finish <= begin:
        return total
    for first, last in _open_spans(calendar, measure, begin, merge(pauses), finish):
        if first >= finish:
            break
        total += (last if last < finish else finish) - first
    return total


def close_of_working_day(calendar: Calendar, start: datetime, count: int) -> datetime:
    """The close of the ``count``-th working day after the day of ``start``; 0 is the close of that very day (or of
    the next working day, when it is none or is over). Raises :class:`NeverOpen`."""
    if count < 0:
        raise ValueError("A number of working days is never negative.")
    begin = _utc(start)
    day = calendar.local(begin).date()
    if count == 0:
        spans = calendar.spans(WORKING, day)
        if spans and spans[-1][1] > begin:
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
    if unit == WORKING and not pauses:
        return close_of_working_day(calendar, start, amount)  # the same, in one walk instead of three
    return add(calendar, unit, start, budget(calendar, unit, start, amount), pauses)


def is_open(calendar: Calendar, measure: str, moment: datetime) -> bool:
    at = _utc(moment)
    if measure == NATURAL:
        return True
    # Clocks set back over midnight bring the last hour of a day again, when the next day has begun already.
    day = calendar.local(at).date()
    return any(first <= at < last for each in (day, day + ONE_DAY) for first, last in calendar.spans(measure, each))


def next_opening(calendar: Calendar, measure: str, moment: datetime) -> datetime:
    """``moment`` itself while open, else when it opens next. Raises :class:`NeverOpen`."""
    first, _last = next(open_spans(calendar, measure, moment))
    return first.astimezone(moment.tzinfo)
