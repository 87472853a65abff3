"""Calendars through the year: summer hours, going back to an older version, and taking an announced year over."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from shimao_service import calendar_drafts, calendar_words, calendars
from shimao_service.models import CalendarDay, Origin, WorkCalendar
from shimao_service.official_days import Arrangement, OfficialDate, library_year, missing_holidays, read_file
from shimao_service.working_time import SERVICE, WORKING

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
FRIDAY, SATURDAY, SUNDAY = date(2027, 7, 2), date(2027, 7, 3), date(2027, 7, 4)
DRAGON_BOAT = date(2027, 6, 9)
SUMMER = ((480, 720), (900, 1080))


def text(response) -> str:
    return response.content.decode()


@pytest.fixture(autouse=True)
def forgotten():
    calendars.forget()


@pytest.fixture
def default(cast) -> WorkCalendar:
    return calendars.ensure_default(NOW).calendar


@pytest.fixture
def draft(default) -> WorkCalendar:
    calendar_drafts.open_draft(default, now=NOW)
    return default


def url(name: str, calendar: WorkCalendar) -> str:
    return reverse(name, args=[calendar.pk])


def read(calendar: WorkCalendar):
    return calendars.read(calendar_drafts.draft_of(calendar))


def season(**more: str) -> dict[str, str]:
    dates = {"date": "2027-06-01", "last": "2027-09-30"}
    typed = {"edits": "0", "kind": "hours", "name": "夏令时间", "working": "08:00-12:00 15:00-18:00"}
    return typed | dates | more


# --- summer hours ---------------------------------------------------------------------------------
def test_summer_hours_change_the_time_and_leave_days_off_alone(draft, as_):
    assert as_("director").post(url("calendar-days", draft), season()).status_code == 302
    summer = read(draft)
    assert summer.minutes(WORKING, FRIDAY) == SUMMER
    assert not summer.is_working_day(SUNDAY)
    assert not summer.is_working_day(DRAGON_BOAT)
    assert summer.minutes(SERVICE, FRIDAY) == summer.minutes(SERVICE, SUNDAY) == ((510, 1200),)
    assert summer.minutes(WORKING, date(2027, 10, 8)) == ((510, 720), (810, 1050))


def test_summer_hours_of_service_hold_on_days_off_too(draft, as_):
    as_("director").post(url("calendar-days", draft), season(working="", service="07:00-21:00"))
    summer = read(draft)
    assert summer.minutes(SERVICE, SUNDAY) == summer.minutes(SERVICE, FRIDAY) == ((420, 1260),)
    assert not summer.is_working_day(SUNDAY)
    assert summer.minutes(WORKING, FRIDAY) == ((510, 720), (810, 1050))


def test_a_worked_saturday_keeps_its_own_hours_when_only_the_service_changes(draft):
    half = {**dict.fromkeys(range(5), ((510, 1050),)), 5: ((510, 720),), 6: ()}
    calendar_drafts.write_week(draft, 0, service=dict.fromkeys(range(7), ((510, 1200),)), working=half,
                               serves_holidays=True)  # fmt: skip
    calendar_drafts.write_days(draft, 1, first=FRIDAY, last=SUNDAY, name="夏", is_off=False, keeps_days=True,
                               service=((420, 1260),))  # fmt: skip
    assert read(draft).minutes(WORKING, SATURDAY) == ((510, 720),)


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"working": ""}, "working"),
        ({"is_unserved": "on"}, "is_unserved"),
        ({"last": "2028-01-01"}, "last"),
        ({"last": "2027-05-01"}, "last"),
    ],
)
def test_a_season_that_cannot_be_is_refused_by_its_field(draft, as_, typed, field):
    response = as_("director").post(url("calendar-days", draft), season(**typed))
    assert response.status_code == 400
    assert field in response.context["day_form"].errors
    assert response.context["day_form"]["name"].value() == "夏令时间"


def test_a_season_is_one_line_one_change_and_is_taken_back_at_once(draft, as_):
    client = as_("director")
    client.post(url("calendar-days", draft), season())
    page = text(client.get(url("calendar-draft", draft) + "?year=2027"))
    assert page.count("去掉 2027-") == 1
    assert "2027-06-01 至 2027-09-30 的 " in page
    assert 'title="夏令时间，时间另行规定">2<span class="cal-sign" aria-hidden="true">*</span>' in page
    removed = {"edits": "1", "day": "2027-06-01", "last": "2027-09-30"}
    assert client.post(url("calendar-day-remove", draft), removed).status_code == 302
    assert read(draft).minutes(WORKING, FRIDAY) == ((510, 720), (810, 1050))
    assert not calendar_drafts.draft_of(draft).days.filter(origin=Origin.OWN).exists()


def test_taking_days_back_leaves_official_ones_between_them(draft):
    for number, day in enumerate((DRAGON_BOAT - timedelta(days=1), DRAGON_BOAT + timedelta(days=1))):
        calendar_drafts.write_days(draft, number, first=day, last=day, name="盘点", is_off=True)
    calendar_drafts.remove_days(draft, 2, day=DRAGON_BOAT - timedelta(days=1), last=DRAGON_BOAT + timedelta(days=1))
    assert not read(draft).is_working_day(DRAGON_BOAT)
    assert read(draft).is_working_day(DRAGON_BOAT + timedelta(days=1))


def test_days_of_one_name_far_apart_are_two_lines():
    rows = [CalendarDay(date=date(2027, month, 1), name="盘点", is_off=False, origin=Origin.OWN) for month in (1, 2)]
    assert len(calendar_words.own_days(calendars.default_calendar(2026, 2027), rows)) == 2


def test_only_what_keeps_its_days_is_called_hours_only(draft, as_):
    client = as_("director")
    client.post(url("calendar-days", draft), season())
    assert "只改时间</span>" in text(client.get(url("calendar-draft", draft)))
    worked = {"edits": "1", "kind": "worked", "name": "夏令时间", "date": "2027-07-03"}
    client.post(url("calendar-days", draft), worked)
    assert "只改时间</span>" not in text(client.get(url("calendar-draft", draft)))


def test_after_saving_one_is_where_one_was_on_the_page(draft, as_):
    client = as_("director")
    assert client.post(url("calendar-days", draft), season()).url.endswith("/draft/?year=2027#days")


# --- back to an older version ---------------------------------------------------------------------
def test_an_older_version_is_taken_up_again_as_a_draft(draft, cast, as_):
    calendar_drafts.write_days(draft, 0, first=FRIDAY, last=FRIDAY, name="误填", is_off=True)
    calendar_drafts.publish(draft, 1, note="", by=cast.admin.user, now=NOW)
    client = as_("director")
    assert "用这一版起草" in text(client.get(reverse("calendar-version", args=[draft.pk, 1])))
    assert "用这一版起草" not in text(client.get(url("calendar", draft)))
    assert client.post(url("calendar-draft-open", draft), {"from": "1"}).status_code == 302
    assert read(draft).is_working_day(FRIDAY)
    assert calendar_drafts.draft_of(draft).number == 3


@pytest.mark.parametrize("number", ["9", "x", "②", "9" * 30, ""])
def test_a_version_that_is_not_there_gives_the_one_in_force(default, as_, number):
    assert as_("director").post(url("calendar-draft-open", default), {"from": number}).status_code == 302
    assert read(default).is_working_day(FRIDAY)


# --- an announced year ----------------------------------------------------------------------------
def announced() -> Arrangement:
    days = (OfficialDate(date(2027, 1, 1), "元旦", True), OfficialDate(date(2027, 2, 20), "春节", False))
    return Arrangement(2027, days, is_estimate=False)


def test_an_imported_year_is_adopted_and_published_at_one_press(default, cast, as_):
    calendars.import_year(announced(), now=NOW)
    client = as_("director")
    assert "采用并发布" in text(client.get(url("calendar", default)))
    answer = client.post(url("calendar-adopt", default), {"scope": "new"})
    assert answer.url == url("calendar", default)
    assert calendars.current().is_working_day(date(2027, 2, 20))
    version = calendars.current_version()
    assert (version.number, version.published_by) == (2, cast.director.user)
    assert "2027 年" in version.note
    calendars.look_again()
    assert "采用并发布" not in text(client.get(url("calendar", default)))
    assert client.post(url("calendar-adopt", default), {"scope": "new"}).status_code == 409


def test_adopting_may_lead_on_to_the_preview_for_open_requests(default, as_, monkeypatch):
    calendars.import_year(announced(), now=NOW)
    monkeypatch.setattr(calendars, "change", lambda version, by, now: f"/preview/{version.number}/")
    assert as_("director").post(url("calendar-adopt", default), {"scope": "open"}).url == "/preview/2/"


def test_a_draft_somebody_is_writing_is_never_published_along(draft, as_):
    calendars.import_year(announced(), now=NOW)
    client = as_("director")
    assert "有一份草稿" in text(client.get(url("calendar", draft)))
    assert client.post(url("calendar-adopt", draft), {"scope": "new"}).status_code == 409
    assert calendars.current_version().number == 1


def test_adopting_asks_for_the_right(default, as_):
    calendars.import_year(announced(), now=NOW)
    for name in ("manager", "frontdesk"):
        assert as_(name).post(url("calendar-adopt", default)).status_code == 403
    assert as_("director").get(url("calendar-adopt", default)).status_code == 405


def test_the_list_and_the_line_above_say_what_is_still_to_do(default, as_):
    with time_machine.travel(NOW, tick=False):
        calendars.import_year(announced(), now=NOW)
        page = text(as_("director").get(reverse("calendars")))
        assert "2027 年安排待采用" in page
        assert "2027 年为预估" not in page
        assert "安排已经公布，还有日历没有采用" in page
        assert "只是预估" not in page
        as_("director").post(url("calendar-adopt", default))
        calendars.look_again()
        assert "没有采用" not in text(as_("director").get(reverse("calendars")))


def test_a_published_calendar_that_nobody_uses_says_what_comes_next(cast, as_):
    made = calendar_drafts.create(code="own", name="滨江日历", timezone="Asia/Shanghai", now=NOW)
    answer = as_("director").post(url("calendar-publish", made), {"edits": "0"}, follow=True)
    assert "还没有项目使用这个日历，请为项目选用" in text(answer)
    assert f'href="{reverse("terms")}#projects"' in text(answer)


# --- files that are not what they seem ------------------------------------------------------------
def a_file(year: int, *days: tuple[str, str]) -> bytes:
    rows = [{"name": name, "date": day, "isOffDay": True} for name, day in days]
    return json.dumps({"year": year, "days": rows}).encode()


def test_the_file_of_another_year_is_refused_in_one_sentence(default, as_):
    raw = a_file(2026, *[("春节", f"2027-02-{day:02d}") for day in range(5, 12)])
    answer = as_("director").post(reverse("official-preview"), {"file": SimpleUploadedFile("2027.json", raw)})
    assert answer.status_code == 400
    (said,) = answer.context["form"].errors["file"]
    assert said == "有 7 天（如 2027-02-05）不在 2026 年前后，请核对文件是不是这一年的。"


def test_a_file_without_a_holiday_by_law_is_asked_about(default, as_):
    raw = a_file(2027, ("元旦", "2027-01-01"), ("国庆节、中秋节", "2027-10-01"))
    page = text(as_("director").post(reverse("official-preview"), {"file": SimpleUploadedFile("2027.json", raw)}))
    assert "文件里没有春节、清明节、劳动节、端午节的放假安排" in page
    assert "文件可能不完整，仍然导入？" in page
    assert missing_holidays(read_file(raw)) == ["春节", "清明节", "劳动节", "端午节"]
    assert missing_holidays(library_year(2026)) == []
