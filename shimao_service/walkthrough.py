"""How an answer of :mod:`shimao_service.working_time` came about, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shimao_service.working_time import NOTHING, ONE_DAY, Calendar, Day, Pause, between, merge, open_spans

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class DayAccount:
    """One local day. ``special`` is what makes it a holiday or a make-up workday; ``counted`` are the intervals that
    count, ``paused`` those that would have counted but for a pause; both in the calendar's zone."""

    date: date
    special: Day | None
    is_estimate: bool
    counted: tuple[Interval, ...]
    paused: tuple[Interval, ...]
    amount: timedelta


def days(
    calendar: Calendar, measure: str, start: datetime, end: datetime, pauses: Sequence[Pause] = ()
) -> list[DayAccount]:
    """Every local day from ``start`` to ``end``; the amounts add up to what lies between the two."""
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("A time without a zone is no instant.")
    closed = merge(pauses)
    accounts: list[DayAccount] = []
    here, final = calendar.local(start), calendar.local(end)
    day = here.date()
    while day <= final.date():
        since = _later(here, calendar.midnight(day))
        until = _earlier(final, calendar.midnight(day + ONE_DAY))
        counted = _within(calendar, measure, since, until, closed)
        accounts.append(
            DayAccount(
                date=day,
                special=calendar.days.get(day),
                is_estimate=day.year in calendar.estimates or day.year not in calendar.years,
                counted=counted,
                paused=tuple(
                    part
                    for pause in closed
                    for part in _within(calendar, measure, _later(since, pause[0]), _earlier(until, pause[1]), ())
                ),
                amount=between(calendar, measure, since, until, closed),
            )
        )
        day += ONE_DAY
    return accounts


def _later(one: datetime, other: datetime) -> datetime:
    return max(one, other, key=datetime.timestamp)


def _earlier(one: datetime, other: datetime) -> datetime:
    return min(one, other, key=datetime.timestamp)


def _within(
    calendar: Calendar, measure: str, since: datetime, until: datetime, pauses: Sequence[Pause]
) -> tuple[Interval, ...]:
    """What is open between two instants, in local time."""
    if between(calendar, measure, since, until, pauses) == NOTHING:
        return ()  # also where the calendar never opens again
    found: list[Interval] = []
    for first, last in open_spans(calendar, measure, since, pauses):
        if first.timestamp() >= until.timestamp():
            break
        found.append((calendar.local(first), calendar.local(_earlier(last, until))))
        if last.timestamp() >= until.timestamp():
            break
    return tuple(found)
