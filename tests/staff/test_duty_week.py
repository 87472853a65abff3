"""The duty table as minutes of the week: what is covered, what is not, and how people say it."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shimao_service.working_time import HOLIDAY, Calendar, Day
from staff import duty_week
from staff.duty_week import DAY, WEEK

WALLS = st.integers(0, DAY - 1).map(lambda minute: time(minute // 60, minute % 60))
SLOTS = st.lists(st.tuples(st.integers(0, 6), WALLS, WALLS), max_size=6)
MONDAY = date(2026, 11, 23)
SERVED = dict.fromkeys(range(7), ((510, 1200),))


def night(weekday: int) -> list[tuple[int, int]]:
    return duty_week.spans(weekday, time(20), time(8, 30))


def gaps_of(*covered: list[tuple[int, int]], calendar: Calendar | None = None) -> list[tuple[int, int]]:
    service = duty_week.service(calendar or Calendar(service=SERVED), MONDAY)
    return duty_week.uncovered([*service, *(span for spans in covered for span in spans)])


@given(slots=SLOTS)
def test_every_minute_of_the_week_is_in_a_slot_or_in_a_gap_and_never_in_both(slots):
    covered = [span for slot in slots for span in duty_week.spans(*slot)]
    gaps = duty_week.uncovered(covered)
    for minute in range(0, WEEK, 7):
        inside = any(first <= minute < last for first, last in covered)
        assert inside != any(first <= minute < last for first, last in gaps)


@given(weekday=st.integers(0, 6), starts=WALLS, ends=WALLS)
def test_a_slot_lasts_as_long_wherever_in_the_week_it_lies(weekday, starts, ends):
    length = (duty_week.minute(ends) - duty_week.minute(starts)) % DAY or DAY
    spans = duty_week.spans(weekday, starts, ends)
    assert sum(last - first for first, last in spans) == length
    assert all(0 <= first < last <= WEEK for first, last in spans)


@given(one=st.tuples(st.integers(0, 6), WALLS, WALLS), other=st.tuples(st.integers(0, 6), WALLS, WALLS))
def test_two_slots_overlap_exactly_when_they_share_a_minute(one, other):
    first, second = duty_week.spans(*one), duty_week.spans(*other)
    minutes = {minute for begin, end in first for minute in range(begin, end)}
    shared = any(minute in minutes for begin, end in second for minute in range(begin, end))
    assert duty_week.is_overlapping(first, second) == duty_week.is_overlapping(second, first) == shared


@pytest.mark.parametrize(
    ("nights", "said"),
    [
        ([], ["每天 20:00–次日 08:30"]),
        ([5, 6], ["周一至周五 20:00–次日 08:30"]),
        ([0, 1, 2, 3, 4], ["周六、周日 20:00–次日 08:30"]),
        ([0, 1, 2, 3, 4, 5], ["周日 20:00–次日 08:30"]),
        ([0, 1, 2, 3, 4, 5, 6], []),
    ],
)
def test_gaps_are_said_as_nights_not_as_halves_of_days(nights, said):
    assert duty_week.in_words(gaps_of(*(night(weekday) for weekday in nights))) == said


def test_a_whole_week_and_a_whole_weekend_are_said_as_such():
    assert duty_week.in_words([(0, WEEK)]) == ["整周"]
    workdays = Calendar(service=dict.fromkeys(range(5), ((0, DAY),)))
    assert duty_week.in_words(gaps_of(calendar=workdays)) == ["周六 00:00–周一 00:00"]
    saturday = Calendar(service=dict.fromkeys((0, 1, 2, 3, 4, 6), ((0, DAY),)))
    assert duty_week.in_words(gaps_of(calendar=saturday)) == ["周六 全天"]


def test_a_days_part_of_a_gap_ends_with_the_day():
    gaps = gaps_of(*(night(weekday) for weekday in (0, 1, 2, 4, 5, 6)))
    assert [duty_week.of_day(gaps, weekday) for weekday in (2, 3, 4)] == [[], ["20:00–24:00"], ["00:00–08:30"]]
    assert duty_week.of_day([(0, WEEK)], 4) == ["全天"]


def test_a_holiday_with_shorter_hours_leaves_a_gap_that_week():
    calendar = Calendar(service=SERVED | {HOLIDAY: ((540, 720),)}, days={date(2026, 11, 25): Day(True, "节日")})
    gaps = gaps_of(*(night(weekday) for weekday in range(7)), calendar=calendar)
    assert duty_week.in_words(gaps) == ["周三 08:30–09:00", "周三 12:00–20:00"]
