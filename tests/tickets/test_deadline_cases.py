"""The table of cases in the docs: what the code computes, against times worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from tickets.deadline_cases import CASES, rewrite, stamp, times

# By hand, from a paper calendar: due times by clock and round (round 1 where none is said).
EXPECTED = {
    "working_day": {"response": "Wed 03-04 10:30", "answer": "Thu 03-05 10:00", "resolution": "Mon 03-09 17:30"},
    "before_opening": {"response": "Wed 03-04 12:30", "resolution": "Thu 03-05 17:30"},
    "night": {"response": "Thu 03-05 09:00", "answer": "Thu 03-05 21:00", "resolution": "Mon 03-09 17:30"},
    "closing_time": {"response": "Thu 03-05 08:50", "resolution": "Fri 03-06 19:50"},
    "weekend": {"response": "Sat 03-07 19:00", "resolution": "Mon 03-09 17:30"},
    "friday": {"response": "Fri 03-06 17:30", "resolution": "Mon 03-09 11:00"},
    "friday_evening": {"response": "Mon 03-09 10:30", "resolution": "Mon 03-09 12:00"},
    "holiday": {"response": "Fri 04-03 17:30", "resolution": "Tue 04-07 11:00"},
    "holiday_days": {"response": "Thu 04-02 10:30", "answer": "Fri 04-03 10:00", "resolution": "Wed 04-08 17:30"},
    # Saturday the 14th, then the 24th and 25th.
    "make_up_saturday": {"response": "Fri 02-13 16:30", "answer": "Sat 02-14 16:00", "resolution": "Wed 02-25 17:30"},
    # A quarter of an hour before lunch, another after it.
    "lunch": {"response": "Wed 03-04 13:45", "resolution": "Fri 03-06 11:45"},
    "month_end": {"response": "Sun 02-01 12:20", "resolution": "Mon 02-02 17:30"},
    # Wednesday the 31st, Sunday the 4th (worked), Monday the 5th.
    "year_change": {
        "response": "Tue 2025-12-30 16:30", "answer": "Wed 2025-12-31 16:00", "resolution": "Mon 01-05 17:30",
    },
    "estimate": {"response": "Thu 12-31 14:00", "resolution": "Mon 2027-01-04 17:30"},
    "hold": {"response": "Wed 03-04 10:30", "resolution": "Sat 03-07 10:00"},
    "hold_to_closing": {"response": "Thu 03-05 15:30", "resolution": "Thu 03-05 18:00"},
    "hold_past_closing": {"response": "Thu 03-05 15:30", "resolution": "Fri 03-06 10:00:01"},
    # Without the hold Wednesday the 8th at 17:30; 1:30 on Friday and 1:30 on Tuesday are given back on Thursday.
    "hold_over_holiday": {"response": "Thu 04-02 10:30", "answer": "Fri 04-03 10:00", "resolution": "Thu 04-09 11:30"},
    "hold_over_lunch": {"response": "Wed 03-04 09:30", "answer": "Thu 03-05 11:30", "resolution": "Tue 03-10 09:30"},
    "hold_at_night": {"response": "Wed 03-04 09:30", "answer": "Thu 03-05 23:00", "resolution": "Mon 03-09 17:30"},
    "cycles": {"response": "Wed 03-04 10:30", "resolution": "Fri 03-06 19:00"},
    "zero_hold": {"response": "Wed 03-04 10:30", "resolution": "Fri 03-06 10:00"},
    "hold_other": {"response": "Wed 03-04 10:30", "resolution": "Fri 03-06 10:00"},
    "hold_when_late": {"response": "Wed 03-04 10:30", "resolution": "Fri 03-06 10:00"},
    "holding": {"response": "Wed 03-04 10:30", "resolution": "Fri 03-06 10:00"},
    "appointment": {"response": "Wed 03-04 10:30", "on_site": "Thu 03-05 14:00", "resolution": "Sat 03-07 14:00"},
    "appointment_in_hold": {
        "response": "Wed 03-04 10:30", "on_site": "Thu 03-05 18:00", "resolution": "Sat 03-07 18:00",
    },
    "reopened": {
        "response": "Wed 03-04 10:30", "answer": "Thu 03-05 10:00", "resolution": "Mon 03-09 17:30",
        "response 2": "Mon 03-09 15:30", "answer 2": "Tue 03-10 15:00", "resolution 2": "Thu 03-12 17:30",
    },
    # Twenty-four hours from the start, and the two of the hold.
    "policy_change": {"response": "Wed 03-04 10:30", "resolution": "Thu 03-05 12:00"},
    "policy_softened": {"response": "Wed 03-04 10:30", "resolution": "Thu 03-05 10:00"},
    "policy_resting": {"response": "Wed 03-04 10:30", "resolution": "Sat 03-07 10:00"},
    "policy_kept": {"response": "Wed 03-04 10:30", "resolution": "Thu 03-05 10:00"},
    "raised": {"response": "Wed 03-04 10:30", "on_site": "Wed 03-04 10:30", "resolution": "Thu 03-05 10:00"},
    "urgent_night": {"response": "Thu 03-05 02:10", "on_site": "Thu 03-05 02:30", "resolution": "Fri 03-06 02:00"},
    "critical": {"response": "Sun 03-08 03:02", "on_site": "Sun 03-08 03:05"},
    "grave": {"response": "Wed 03-04 21:15", "answer": "Thu 03-05 01:00", "resolution": "Mon 03-09 17:30"},
    "authority": {"response": "Wed 03-04 10:30", "answer": "Thu 03-05 10:00", "resolution": "Fri 03-06 18:00"},
    "authority_hold": {"response": "Wed 03-04 10:30", "answer": "Thu 03-05 10:00", "resolution": "Fri 03-06 18:00"},
    "authority_later": {"response": "Wed 03-04 10:30", "answer": "Thu 03-05 10:00", "resolution": "Mon 03-09 17:30"},
    # Two hours to midnight and three after it, of which one o'clock to two is followed by three (or comes twice).
    "spring_forward": {"response": "Sun 03-08 04:00", "resolution": "Sun 03-08 23:00"},
    "fall_back": {"response": "Sun 11-01 02:00", "resolution": "Sun 11-01 21:00"},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_a_case_is_due_when_a_paper_calendar_says_so(case):
    found = {
        name if number == 1 else f"{name} {number}": stamp(case, state.due_at)
        for (name, number), state in times(case).items()
    }
    assert found == EXPECTED[case.key]


def test_every_case_worked_out_is_in_the_table_and_the_other_way_round():
    assert [case.key for case in CASES] == [*EXPECTED]


def test_the_table_in_the_docs_is_what_the_code_computes():
    text = (Path(settings.BASE_DIR) / "docs" / "deadlines.md").read_text(encoding="utf-8")
    assert rewrite(text) == text, "run manage.py write_deadline_cases"


def test_the_command_compares_and_says_that_nothing_drifted(capsys):
    call_command("write_deadline_cases", "--check")
    assert "最新" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "paused", "theirs"),
    [
        ("holding", True, False),
        ("policy_resting", True, False),
        ("authority_hold", False, True),
        ("authority", False, True),
        ("hold", False, False),
    ],
)
def test_what_rests_and_whose_deadline_governs_is_marked(key, paused, theirs):
    case = next(case for case in CASES if case.key == key)
    resolution = times(case)["resolution", 1]
    assert (resolution.paused_at is not None, resolution.by_authority) == (paused, theirs)
