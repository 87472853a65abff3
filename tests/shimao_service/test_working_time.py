"""Working time: exact, additive, and right in the hours when clocks change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shimao_service.calendars import DEFAULT_SERVICE, DEFAULT_WORKING, default_calendar
from shimao_service.working_time import (
    HOLIDAY,
    MEASURES,
    NATURAL,
    NOTHING,
    SERVICE,
    WORKING,
    Calendar,
    Day,
    NeverOpen,
    add,
    between,
    budget,
    close_of_working_day,
    due,
    is_open,
    next_opening,
    open_spans,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
MINUTE = timedelta(minutes=1)
CHINA = default_calendar(2024, 2028)


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def local(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="minutes")


# --- cases ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("start", "amount", "expected"),
    [
        ("2026-02-13T16:00", 8, "2026-02-14T16:30"),  # the make-up Saturday before the Spring Festival is worked
        ("2026-02-14T16:30", 2, "2026-02-24T09:30"),  # over the whole Festival
        ("2026-11-25T11:00", 2, "2026-11-25T14:30"),  # lunch does not count
        ("2026-11-25T12:30", 1, "2026-11-25T14:30"),  # begun at lunch
        ("2026-11-25T08:30", 7.5, "2026-11-25T17:30"),  # ends with the day, not with the next opening
        ("2026-11-25T17:30", 1, "2026-11-26T09:30"),  # begun at the close
        ("2026-11-27T17:00", 1, "2026-11-30T09:00"),  # over a week-end
        ("2025-12-31T17:00", 1, "2026-01-04T09:00"),  # New Year: off from 1 to 3 January, Sunday the 4th is worked
        ("2026-11-25T03:00", 1, "2026-11-25T09:30"),  # before the opening
    ],
)
def test_working_hours_skip_what_is_closed(start, amount, expected):
    assert local(add(CHINA, WORKING, at(start), hours(amount))) == expected


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        ("2026-02-12T09:00", 3, "2026-02-24T17:30"),  # 13th, make-up Saturday 14th, then the 24th
        ("2026-02-12T23:59", 1, "2026-02-13T17:30"),
        ("2026-02-14T10:00", 1, "2026-02-24T17:30"),
        ("2026-12-31T10:00", 1, "2027-01-04T17:30"),
        ("2026-11-25T10:00", 0, "2026-11-25T17:30"),
        ("2026-11-25T17:30", 0, "2026-11-26T17:30"),  # over: the next one's
        ("2026-11-28T10:00", 0, "2026-11-30T17:30"),  # a Saturday
    ],
)
def test_working_days_end_at_the_close_of_the_last_day_after_receipt(start, count, expected):
    assert local(due(CHINA, WORKING, at(start), count)) == expected


@pytest.mark.parametrize(
    ("pause", "expected"),
    [
        (("2026-11-25T10:00", "2026-11-25T11:00"), "2026-11-25T15:30"),
        (("2026-11-25T12:00", "2026-11-25T13:30"), "2026-11-25T14:30"),  # lunch costs nothing
        (("2026-11-25T11:00", "2026-11-25T14:00"), "2026-11-25T16:00"),
        (("2026-11-24T10:00", "2026-11-24T17:00"), "2026-11-25T14:30"),  # before the start
        (("2026-11-25T14:30", "2026-11-26T14:30"), "2026-11-25T14:30"),  # from the due time on
        (("2026-11-25T10:00", "2026-11-25T10:00"), "2026-11-25T14:30"),  # of length zero
        (("2026-11-25T17:30", "2026-11-26T08:30"), "2026-11-25T14:30"),
        (("2026-11-24T10:00", "2026-12-01T09:30"), "2026-12-01T14:30"),  # begun before, ended after
    ],
)
def test_a_pause_costs_what_of_it_was_open(pause, expected):
    start, amount = at("2026-11-25T09:30"), hours(3.5)
    assert local(add(CHINA, WORKING, start, amount, [(at(pause[0]), at(pause[1]))])) == expected


def test_overlapping_pauses_cost_their_union_in_whatever_order():
    pauses = [
        (at("2026-11-25T10:30"), at("2026-11-25T11:30")),
        (at("2026-11-25T10:00"), at("2026-11-25T11:00")),
        (at("2026-11-25T11:30"), at("2026-11-25T11:45")),
        (at("2026-11-25T11:00"), at("2026-11-25T10:00")),  # upside down: none
    ]
    assert local(add(CHINA, WORKING, at("2026-11-25T09:30"), hours(2), pauses)) == "2026-11-25T14:45"
    assert between(CHINA, WORKING, at("2026-11-25T09:30"), at("2026-11-25T14:45"), pauses) == hours(2)


def test_several_holds_over_a_holiday_move_a_limit_of_working_days_by_working_time():
    start = at("2026-02-12T15:30")
    pauses = [(at("2026-02-13T15:30"), at("2026-02-14T10:30")), (at("2026-02-14T16:30"), at("2026-02-24T09:30"))]
    # 2 h of Friday and 2 h of Saturday; 1 h of Saturday and 1 h of the Tuesday after.
    assert local(due(CHINA, WORKING, start, 3, pauses)) == "2026-02-25T16:00"


def test_a_pause_of_centuries_is_stepped_over_at_once():
    end = add(CHINA, WORKING, at("2026-11-25T09:30"), hours(1), [(at("2026-11-25T10:00"), at("2500-01-04T09:00"))])
    assert end == at("2500-01-04T09:30")


def test_service_time_runs_on_holidays_unless_the_calendar_says_otherwise():
    festival = at("2026-02-17T10:00")
    assert local(add(CHINA, SERVICE, festival, hours(1))) == "2026-02-17T11:00"
    short = replace(CHINA, service={**DEFAULT_SERVICE, HOLIDAY: ((600, 660),)})
    assert local(add(short, SERVICE, festival, hours(2))) == "2026-02-18T11:00"
    closed = replace(CHINA, service={**DEFAULT_SERVICE, HOLIDAY: ()})
    assert local(next_opening(closed, SERVICE, festival)) == "2026-02-24T08:30"


def test_a_day_of_its_own_replaces_its_weekday():
    day = date(2026, 11, 25)
    own = replace(CHINA, special={(WORKING, day): ((600, 630),), (SERVICE, day): ()})
    assert local(add(own, WORKING, at("2026-11-25T09:00"), hours(1))) == "2026-11-26T09:00"
    assert local(next_opening(own, SERVICE, at("2026-11-25T09:00"))) == "2026-11-26T08:30"


def test_a_make_up_day_has_a_weekday_s_hours_also_where_saturdays_have_some():
    saturday = {**DEFAULT_WORKING, 5: ((540, 720),)}
    own = replace(CHINA, working=saturday)
    assert local(due(own, WORKING, at("2026-02-13T10:00"), 1)) == "2026-02-14T17:30"
    assert local(due(own, WORKING, at("2026-02-14T10:00"), 1)) == "2026-02-24T17:30"  # 21st: a Saturday of the Festival


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("08:29", False), ("08:30", True), ("11:59", True), ("12:00", False), ("13:30", True), ("17:30", False)],
)
def test_open_is_from_the_opening_up_to_the_close(moment, expected):
    assert is_open(CHINA, WORKING, at(f"2026-11-25T{moment}")) is expected
    assert is_open(CHINA, NATURAL, at(f"2026-11-25T{moment}"))


def test_a_calendar_that_never_opens_says_so_but_can_be_counted():
    never, start = Calendar(), at("2026-11-25T10:00")
    for ask in (
        lambda: add(never, WORKING, start, MINUTE),
        lambda: due(never, WORKING, start, 1),
        lambda: next_opening(never, SERVICE, start),
    ):
        with pytest.raises(NeverOpen):
            ask()
    assert between(never, WORKING, start, start + timedelta(days=3000)) == NOTHING
    assert not is_open(never, WORKING, start)
    assert add(never, NATURAL, start, hours(1)) == start + hours(1)


def test_what_is_counted_does_not_stop_at_a_closure_of_years():
    days = {date(2026, 1, 1) + timedelta(days=offset): Day(True) for offset in range(800)}
    closed = Calendar(working=DEFAULT_WORKING, days=days)
    assert between(closed, WORKING, at("2025-12-31T08:30"), at("2028-03-13T17:30")) == hours(7.5 * 2)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_time_without_a_zone_is_refused(measure):
    naive, aware = datetime(2026, 11, 25, 10), at("2026-11-25T10:00")
    for ask in (
        lambda: add(CHINA, measure, naive, MINUTE),
        lambda: add(CHINA, measure, naive, NOTHING),
        lambda: between(CHINA, measure, naive, aware),
        lambda: between(CHINA, measure, aware, naive),
        lambda: between(CHINA, measure, aware, aware + MINUTE, [(naive, naive)]),
        lambda: due(CHINA, measure, naive, 1),
        lambda: is_open(CHINA, measure, naive),
        lambda: next_opening(CHINA, measure, naive),
    ):
        with pytest.raises(ValueError, match="zone"):
            ask()


def test_nonsense_is_refused():
    start = at("2026-11-25T10:00")
    with pytest.raises(ValueError, match="measure"):
        add(CHINA, "days", start, MINUTE)
    with pytest.raises(ValueError, match="negative"):
        due(CHINA, WORKING, start, -1)
    assert add(CHINA, WORKING, start, -MINUTE) == start
    assert between(CHINA, NATURAL, start, start - MINUTE) == NOTHING


def test_the_answer_is_in_the_zone_of_the_question():
    start = at("2026-02-13T16:00").astimezone(UTC)
    assert add(CHINA, WORKING, start, hours(8)).isoformat() == "2026-02-14T08:30:00+00:00"


def test_a_year_is_known_estimated_or_unknown():
    assert not CHINA.is_estimated(at("2026-01-01T00:00"), at("2026-12-31T23:59"))
    assert CHINA.is_estimated(at("2026-12-31T23:59"), at("2027-01-01T00:00"))
    assert CHINA.is_estimated(at("2035-05-01T00:00"), at("2035-05-02T00:00"))


# --- changes of clocks ----------------------------------------------------------------------------
def calendar_in(zone: str, *spans: tuple[int, int]) -> Calendar:
    return Calendar(timezone=zone, working=dict.fromkeys(range(7), spans))


@pytest.mark.parametrize(
    ("zone", "day", "spans", "expected"),
    [
        ("Europe/Berlin", "2026-03-29", [(0, 1440)], 23),  # 02:00 becomes 03:00
        ("Europe/Berlin", "2026-10-25", [(0, 1440)], 25),
        ("Europe/Berlin", "2026-03-29", [(120, 180)], 0),  # wholly left out
        ("Europe/Berlin", "2026-03-29", [(60, 150)], 1),  # its end is left out
        ("Europe/Berlin", "2026-03-29", [(150, 240)], 1),  # its beginning is left out
        ("Europe/Berlin", "2026-03-29", [(60, 150), (150, 240)], 2),  # never counted twice
        ("Europe/Berlin", "2026-10-25", [(60, 240)], 4),
        ("Europe/Berlin", "2026-10-25", [(60, 150), (150, 240)], 4),
        ("America/New_York", "2026-03-08", [(0, 480)], 7),
        ("America/New_York", "2026-11-01", [(0, 480)], 9),
        ("Australia/Lord_Howe", "2026-10-04", [(0, 480)], 7.5),  # half an hour
        ("Australia/Lord_Howe", "2026-04-05", [(0, 480)], 8.5),
    ],
)
def test_a_day_with_a_change_of_clocks_has_its_real_length(zone, day, spans, expected):
    calendar = calendar_in(zone, *spans)
    start, end = at(f"{day}T00:00", zone), at(f"{day}T00:00", zone) + timedelta(days=1)
    assert between(calendar, WORKING, start, end) == hours(expected)


def test_times_of_the_hour_that_comes_twice_are_told_apart():
    zone = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 2, 30, tzinfo=zone)
    second = first.replace(fold=1)
    calendar = calendar_in("Europe/Berlin", (0, 1440))
    for measure in (NATURAL, WORKING):
        assert between(calendar, measure, first, second) == hours(1)
        assert add(calendar, measure, first, hours(1)).fold == 1
        assert between(calendar, measure, first, second, [(first, second)]) == NOTHING


def test_clocks_set_back_over_midnight_keep_the_night_open():
    # In St John's the clocks went from 00:01 back to 23:01 of the day before (2010-11-07).
    calendar = calendar_in("America/St_Johns", (0, 1440))
    start = at("2010-11-06T22:00", "America/St_Johns")
    assert between(calendar, WORKING, start, add(calendar, NATURAL, start, hours(5))) == hours(5)
    for minutes in range(0, 300, 7):
        assert is_open(calendar, WORKING, add(calendar, NATURAL, start, minutes * MINUTE))


# --- properties -----------------------------------------------------------------------------------
# When the hour that comes twice is over, on the wall.
TWICE_UNTIL = {"Asia/Shanghai": 0, "Europe/Berlin": 180, "America/New_York": 120, "Australia/Lord_Howe": 120}
CHANGES = [
    datetime.fromisoformat(f"2026-{text}Z")
    for text in ("03-29T01:00", "10-25T01:00", "03-08T07:00", "11-01T06:00", "04-04T15:00", "10-03T15:30")
]
BASE = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 260
# Minutes from the base on, many of them near a change of clocks somewhere.
NEAR = st.tuples(st.sampled_from([(change - BASE) // MINUTE for change in CHANGES]), st.integers(-2000, 2000)).map(sum)
OFFSETS = st.one_of(st.integers(0, DAYS * 1440), NEAR)


def in_pairs(quarters: list[int]) -> tuple[tuple[int, int], ...]:
    ordered = [quarter * 15 for quarter in sorted(quarters)]
    return tuple(zip(ordered[::2], ordered[1::2], strict=False))


SPANS = st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True).map(in_pairs)
WEEKS = st.dictionaries(st.integers(0, 6), SPANS, min_size=1, max_size=7)
SPECIAL = st.dictionaries(
    st.integers(0, DAYS).map(lambda offset: date(2026, 3, 1) + timedelta(days=offset)),
    st.booleans().map(Day),
    max_size=8,
)
CALENDARS = st.builds(
    Calendar, timezone=st.sampled_from(list(TWICE_UNTIL)), service=WEEKS, working=WEEKS, days=SPECIAL,
    special=st.just({}),
)  # fmt: skip
MEASURE = st.sampled_from(MEASURES)


def instant(calendar: Calendar, minutes: int) -> datetime:
    return (BASE + minutes * MINUTE).astimezone(calendar.zone)


def pauses_of(calendar: Calendar, drawn: list[tuple[int, int]]) -> list[tuple[datetime, datetime]]:
    return [(instant(calendar, start), instant(calendar, start + length)) for start, length in drawn]


PAUSES = st.lists(st.tuples(OFFSETS, st.integers(0, 5000)), max_size=4)


@given(CALENDARS, MEASURE, st.lists(OFFSETS, min_size=3, max_size=3).map(sorted), PAUSES)
def test_splitting_an_interval_adds_up_and_never_exceeds_what_elapsed(calendar, measure, cut, drawn):
    a, b, c = (instant(calendar, minutes) for minutes in cut)
    pauses = pauses_of(calendar, drawn)
    whole = between(calendar, measure, a, c, pauses)
    assert between(calendar, measure, a, b, pauses) + between(calendar, measure, b, c, pauses) == whole
    assert NOTHING <= whole <= c.astimezone(UTC) - a.astimezone(UTC)
    assert whole <= between(calendar, measure, a, c)


@given(CALENDARS, MEASURE, OFFSETS, st.integers(1, 20_000), PAUSES)
def test_adding_and_counting_are_inverse_and_end_inside_what_is_open(calendar, measure, offset, minutes, drawn):
    start, amount, pauses = instant(calendar, offset), minutes * MINUTE, pauses_of(calendar, drawn)
    end = add(calendar, measure, start, amount, pauses)
    assert between(calendar, measure, start, end, pauses) == amount
    # The very moment before it was open, and not paused: nothing ends inside what is closed.
    before = (end.astimezone(UTC) - timedelta(seconds=1)).astimezone(calendar.zone)
    assert is_open(calendar, measure, before)
    assert not any(since.timestamp() <= before.timestamp() < until.timestamp() for since, until in pauses)


@given(CALENDARS, MEASURE, OFFSETS, st.integers(0, 3000), st.integers(0, 10_000), st.integers(0, 500), PAUSES)
def test_later_starts_larger_amounts_and_more_pauses_never_end_earlier(
    calendar, measure, offset, later, minutes, more, drawn
):
    start, pauses = instant(calendar, offset), pauses_of(calendar, drawn)
    end = add(calendar, measure, start, minutes * MINUTE, pauses).timestamp()
    assert add(calendar, measure, instant(calendar, offset + later), minutes * MINUTE, pauses).timestamp() >= end
    assert add(calendar, measure, start, (minutes + more) * MINUTE, pauses).timestamp() >= end
    assert add(calendar, measure, start, minutes * MINUTE, pauses[:-1]).timestamp() <= end


@given(CALENDARS, MEASURE, OFFSETS, st.integers(0, 10_000), PAUSES, OFFSETS)
def test_a_pause_of_length_zero_changes_nothing(calendar, measure, offset, minutes, drawn, where):
    start, pauses, empty = instant(calendar, offset), pauses_of(calendar, drawn), instant(calendar, where)
    amount = minutes * MINUTE
    assert add(calendar, measure, start, amount, [*pauses, (empty, empty)]) == add(
        calendar, measure, start, amount, pauses
    )


@given(CALENDARS, st.sampled_from([SERVICE, WORKING]), OFFSETS, st.integers(0, 3 * 1440), PAUSES)
def test_it_agrees_with_a_counter_of_minutes(calendar, measure, offset, length, drawn):
    start, pauses = instant(calendar, offset), pauses_of(calendar, drawn)
    counted = 0
    for minutes in range(offset, offset + length):
        now = instant(calendar, minutes)
        # A clock that shows an hour again has passed every time in it already: as if it showed the end of it.
        minute = now.hour * 60 + now.minute if not now.fold else TWICE_UNTIL[calendar.timezone] - 0.5
        is_in = any(
            first <= minute < last and not (now.fold and last < TWICE_UNTIL[calendar.timezone])
            for first, last in calendar.minutes(measure, now.date())
        )
        is_paused = any(since.timestamp() <= now.timestamp() < until.timestamp() for since, until in pauses)
        counted += is_in and not is_paused
    assert between(calendar, measure, start, instant(calendar, offset + length), pauses) == counted * MINUTE


@given(CALENDARS, OFFSETS, st.integers(0, 12), PAUSES)
def test_working_days_are_a_budget_of_working_time(calendar, offset, count, drawn):
    if not any(calendar.working.values()):
        return
    start = instant(calendar, offset)
    assert due(calendar, WORKING, start, count) == add(
        calendar, WORKING, start, budget(calendar, WORKING, start, count)
    )
    assert due(calendar, WORKING, start, count) == close_of_working_day(calendar, start, count)
    assert due(calendar, WORKING, start, count, pauses_of(calendar, drawn)).timestamp() >= start.timestamp()


@given(CALENDARS, MEASURE, OFFSETS, PAUSES)
def test_spans_come_in_order_apart_and_never_empty(calendar, measure, offset, drawn):
    last = None
    for number, (since, until) in enumerate(
        open_spans(calendar, measure, instant(calendar, offset), pauses_of(calendar, drawn))
    ):
        assert since < until
        assert last is None or last <= since
        last = until
        if number > 40:
            break
