"""Limits that get in each other's way are pointed out, in the calendar they are lived by, and refused nowhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from shimao_service import calendars, working_time
from shimao_service.calendars import default_calendar
from shimao_service.models import CalendarVersion, WorkCalendar
from tickets import limit_checks, policies
from tickets.limits import Allowance, Limits
from tickets.models import Policy
from tickets.policy_drafts import draft, save, standing
from tickets.presets import PRESETS

NOW = datetime(2026, 1, 5, 2, tzinfo=UTC)
CALENDAR = default_calendar(2025, 2027)
ORDINARY = ("repair", "normal", False)


def said(*allowances: Allowance, of=ORDINARY, calendar=CALENDAR) -> list[str]:
    return limit_checks.warnings(Limits({of: {one.clock: one for one in allowances}}), calendar, NOW)


def limit(clock: str, amount: int, unit: str = "h", promise=None) -> Allowance:
    return Allowance(clock, amount, unit, promise)


# --- one after the other --------------------------------------------------------------------------
def test_on_site_later_than_resolved_is_said_in_the_words_of_the_page():
    assert said(limit("on_site", 120), limit("resolution", 60)) == ["报修·普通：到场（2 小时）比办结（1 小时）还长。"]


@pytest.mark.parametrize(
    "pair",
    [
        (limit("response", 30, "sh"), limit("resolution", 2880)),
        (limit("on_site", 0), limit("resolution", 60)),  # as booked
        (limit("response", 60), limit("resolution", 60)),
        (limit("response", 60), limit("answer", 1, "wd")),
        (limit("resolution", 5),),
    ],
)
def test_what_fits_is_not_mentioned(pair):
    assert said(*pair) == []


def test_a_working_day_over_a_long_holiday_is_compared_with_seven_days():
    (words,) = said(limit("response", 1, "wd"), limit("resolution", 7 * 1440), of=("suggestion", "normal", False))
    # The Spring Festival of 2026 is off from 15 to 23 February; Saturday the 14th is worked.
    assert words == (
        "建议·普通：遇到假期，响应（1 个工作日）会比办结（7 天）还晚到期。"
        "例如2月14日 00:00 登记的，办结 2月21日 00:00 到期，响应 2月24日 17:30 才到期。"
    )


def test_what_happens_in_any_week_is_told_with_an_ordinary_one():
    (words,) = said(limit("response", 1, "wd"), limit("resolution", 1440))
    assert "有时比办结（24 小时）还晚到期" in words
    assert "遇到假期" not in words


def test_another_calendar_says_something_else():
    always = dict.fromkeys(range(7), ((0, 1440),))
    open_all_day = replace(CALENDAR, service=always, working=always, days={})
    assert said(limit("response", 60, "sh"), limit("on_site", 90), calendar=open_all_day) == []
    assert len(said(limit("response", 60, "sh"), limit("on_site", 90))) == 1


def test_a_calendar_without_a_working_day_raises_nothing():
    closed = replace(CALENDAR, service={}, working={}, days={})
    assert said(limit("response", 1, "wd"), limit("resolution", 1440), calendar=closed) == []


def test_what_the_owner_is_promised_is_looked_at_too():
    promised = (limit("response", 30, "h", (600, "h")), limit("resolution", 60, "h", (120, "h")))
    assert said(*promised) == ["报修·普通：对业主承诺的响应（10 小时）比办结（2 小时）还长。"]


# --- the graver slower ----------------------------------------------------------------------------
def test_an_urgent_repair_slower_than_an_ordinary_one_is_pointed_out():
    classes = {("repair", urgency, False): {"response": limit("response", n)}
               for urgency, n in (("normal", 30), ("urgent", 60), ("critical", 2))}  # fmt: skip
    assert limit_checks.warnings(Limits(classes), CALENDAR, NOW) == [
        "报修·急修：响应（1 小时）比“普通”（30 分钟）还慢。"
    ]


def test_classes_with_the_same_oddity_share_a_sentence():
    for preset in PRESETS:
        words = limit_checks.warnings(preset.limits(), CALENDAR, NOW)
        assert len(words) == 1, preset.code
        assert words[0].startswith("建议·普通、急修：遇到假期，响应（1 个工作日）")


# --- whatever the limits --------------------------------------------------------------------------
UNITS = st.sampled_from([("h", 1), ("h", 60), ("sh", 60), ("wd", 1)])


@given(
    one=st.tuples(UNITS, st.integers(1, 10)), other=st.tuples(UNITS, st.integers(1, 10)),
    minutes=st.integers(0, 360 * 96).map(lambda quarter: quarter * 15),
)  # fmt: skip
def test_no_registration_of_the_year_crosses_unannounced(one, other, minutes):
    """Where any registration crosses by more than a working day's slack, the page has said so."""
    (first, second) = (((unit, times), number * times) for (unit, times), number in (one, other))
    (unit, _times), amount = first
    (other_unit, _other_times), other_amount = second
    start = NOW + timedelta(minutes=minutes)
    crossed = working_time.due(CALENDAR, unit, start, amount) > working_time.due(
        CALENDAR, other_unit, start, other_amount
    )
    if crossed:
        assert said(limit("response", amount, unit), limit("resolution", other_amount, other_unit))


# --- the pages ------------------------------------------------------------------------------------
@pytest.fixture
def standard(cast) -> Policy:
    policies.ensure_policies()
    return Policy.objects.get(code="standard")


def text(response) -> str:
    return response.content.decode()


@pytest.mark.django_db
def test_the_policys_page_points_it_out_and_an_old_version_does_not(as_, standard):
    page = text(as_("director").get(reverse("policy", args=[standard.pk])))
    assert "这些时限请再看看" in page
    assert "建议·普通、急修：遇到假期" in page


@pytest.mark.django_db
def test_a_draft_points_out_what_was_typed_and_is_saved_all_the_same(cast, as_, standard):
    director = cast.by("director")
    draft(standard, by=director)
    _current, version = standing(standard)
    limits = policies.read_limits(version.pk)
    made_from = limit_checks.fingerprint(limits, "repair")
    given = {of: dict(limits.of(*of)) for of in limits.classes if of[0] == "repair"}
    given[("repair", "urgent", False)]["on_site"] = Allowance("on_site", 3000, "h", (3000, "h"))
    save(standard, "repair", given, by=director, made_from=made_from)
    page = text(as_("director").get(reverse("policy-draft", args=[standard.pk])))
    assert "报修·急修：到场（50 小时）比办结（24 小时）还长。" in page


@pytest.mark.django_db
def test_it_is_asked_in_the_calendar_of_the_projects_that_use_it(cast, as_, standard):
    calendars.ensure_default()
    own = WorkCalendar.objects.create(code="own", name="商场", timezone="Asia/Shanghai")
    version = CalendarVersion.objects.create(calendar=own, number=1, made_at=NOW)
    for weekday in range(7):
        for use in ("service", "working"):
            version.spans.create(use=use, weekday=weekday, minutes=(0, 1440))
    CalendarVersion.objects.filter(pk=version.pk).update(published_at=NOW)
    type(cast.project).objects.filter(pk=cast.project.pk).update(calendar=own)
    type(cast.other_project).objects.filter(pk=cast.other_project.pk).update(is_active=False)
    page = text(as_("director").get(reverse("policy", args=[standard.pk])))
    assert "遇到假期" not in page, "open all days, it happens nowhere"
