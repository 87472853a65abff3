"""The calendars' pages: who sees and changes them, what is refused and kept, and what publishing does."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from shimao_service import calendar_drafts, calendars
from shimao_service.calendar_forms import read_spans, write_spans
from shimao_service.models import CalendarVersion, OfficialYear, Origin, WorkCalendar
from shimao_service.working_time import HOLIDAY, SERVICE, WORKING
from staff.models import Project, Role
from staff.permissions import Permission
from tests.factories import role_ids
from tests.query_budgets import budget
from tests.remembered import Remembered

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
DAY = date(2026, 12, 24)


def text(response) -> str:
    return response.content.decode()


remembered_default = Remembered(lambda: calendars.ensure_default(NOW), role_ids)


@pytest.fixture(autouse=True)
def forgotten():
    calendars.forget()


@pytest.fixture
def default(cast) -> WorkCalendar:
    return remembered_default().calendar


@pytest.fixture
def own(default, cast) -> WorkCalendar:
    """A published calendar only the manager's project uses."""
    made = calendar_drafts.create(code="own", name="滨江日历", timezone="Asia/Shanghai", now=NOW)
    calendar_drafts.publish(made, 0, note="", by=cast.admin.user, now=NOW)
    cast.project.calendar = made
    cast.project.save()
    return made


def week(edits: int = 0, **typed: str) -> dict[str, str]:
    form = {"edits": str(edits), "holidays": "as_ever", "service_7": ""}
    for day in range(7):
        form |= {f"working_{day}": "08:30-12:00 13:30-17:30" if day < 5 else "", f"service_{day}": "08:30-20:00"}
    return form | typed


def url(name: str, calendar: WorkCalendar) -> str:
    return reverse(name, args=[calendar.pk])


# --- who ------------------------------------------------------------------------------------------
def test_only_keepers_of_terms_see_calendars(default, as_):
    pages = [reverse("calendars"), url("calendar", default), reverse("official-days"), reverse("calendar-new")]
    for page in pages:
        assert as_("frontdesk").get(page).status_code == 403
        assert as_("handler").get(page).status_code == 403
        assert as_("manager").get(page).status_code == 200
        assert as_("director").get(page).status_code == 200
    assert "日历" in text(as_("manager").get("/"))
    assert reverse("calendars") not in text(as_("frontdesk").get("/"))
    assert as_("director").get(reverse("calendar", args=[9999])).status_code == 404
    assert as_("director").get(reverse("calendar-version", args=[default.pk, 7])).status_code == 404


def test_a_calendar_is_changed_by_whoever_keeps_every_project_that_uses_it(default, own, cast, as_):
    manager = as_("manager")
    assert manager.post(url("calendar-draft-open", own)).status_code == 302
    assert manager.post(url("calendar-draft-open", default)).status_code == 403  # the other project uses it
    assert "起草修改" not in text(manager.get(url("calendar", default)))
    assert as_("director").post(url("calendar-draft-open", default)).status_code == 302
    Project.objects.filter(pk=cast.other_project.pk).update(calendar=own)
    assert manager.post(url("calendar-week", own), week()).status_code == 403
    Project.objects.filter(pk=cast.other_project.pk).update(is_active=False)
    assert manager.post(url("calendar-week", own), week()).status_code == 302


@pytest.mark.parametrize(
    "name",
    ["calendar-draft-open", "calendar-week", "calendar-days", "calendar-day-remove", "calendar-take-over",
     "calendar-discard", "calendar-publish"],
)  # fmt: skip
def test_every_change_asks_for_the_right_and_for_post(default, as_, name):
    assert as_("director").get(url(name, default)).status_code == 405
    assert as_("frontdesk").post(url(name, default)).status_code == 403
    assert as_("manager").post(url(name, default)).status_code == 403
    if name != "calendar-draft-open":
        assert as_("director").post(url(name, default), week()).status_code in (400, 409)  # there is no draft


def test_a_single_power_is_enough(default, cast, as_):
    Role.objects.filter(code="front_desk").update(permissions=[Permission.TERMS_MANAGE.value])
    assert as_("frontdesk").get(reverse("calendars")).status_code == 200


# --- looking --------------------------------------------------------------------------------------
def test_the_list_names_users_and_years_that_are_only_an_estimate(default, own, as_):
    with time_machine.travel(NOW, tick=False):
        page = text(as_("director").get(reverse("calendars")))
    assert "滨江日历" in page
    assert "世茂黄浦广场" in page
    assert page.count("2027 年为预估") == 2
    assert "2026 年为预估" not in page


def test_the_year_shows_signs_and_words_not_only_colours(default, as_):
    page = text(as_("director").get(url("calendar", default) + "?year=2026"))
    assert re.search(r'cal-worked" title="调休上班，上班">14<span class="cal-sign" aria-hidden="true">班</span>', page)
    assert "农历除夕、春节" in page  # days in a row are one line
    assert "9 天" in page
    assert "只是预估" in text(as_("director").get(url("calendar", default) + "?year=2027"))
    assert "还没有 2040 年" in text(as_("director").get(url("calendar", default) + "?year=2040"))
    for nonsense in ("x", "99999", "-1", "0000", "１２３４"):
        assert as_("director").get(url("calendar", default), {"year": nonsense}).status_code == 200


def test_pages_keep_to_their_budgets(default, own, as_):
    calendar_drafts.open_draft(own, now=NOW)
    client = as_("director")
    pages = {
        "calendars": reverse("calendars"),
        "calendar": url("calendar", own),
        "calendar draft": url("calendar-draft", own),
        "official days": reverse("official-days"),
    }
    for name, page in pages.items():
        client.get(page)
        with budget(name):
            assert client.get(page).status_code == 200


def test_the_warning_stands_above_every_page_of_keepers_from_november_on(default, as_):
    words = "年的节假日目前只是预估"
    for moment, shown in (("2026-10-31T12:00Z", False), ("2026-11-01T12:00Z", True)):
        with time_machine.travel(moment, tick=False):
            calendars.look_again()
            assert (words in text(as_("manager").get("/"))) is shown
            assert words not in text(as_("frontdesk").get("/"))


# --- drafting -------------------------------------------------------------------------------------
def test_a_week_is_typed_saved_shown_and_published(default, as_):
    client = as_("director")
    client.post(url("calendar-draft-open", default))
    typed = week(working_5="8:30—12:00， 13：00至15:00", service_6="全天", holidays="own", service_7="10:00-16:00")
    assert client.post(url("calendar-week", default), typed).status_code == 302
    page = text(client.get(url("calendar-draft", default)))
    assert "星期六工作时间：休息 → 08:30-12:00 13:00-15:00" in page
    assert "节假日服务时间：与平日相同 → 10:00-16:00" in page
    assert calendars.current().working.get(5) is None
    sent = client.post(url("calendar-publish", default), {"edits": "1", "note": "周六开门", "scope": "new"})
    assert sent.url == url("calendar", default)
    now = calendars.current()
    assert now.working[5] == ((510, 720), (780, 900))
    assert now.service[6] == ((0, 1440),)
    assert now.service[HOLIDAY] == ((600, 960),)
    version = CalendarVersion.objects.get(number=2)
    assert (version.note, version.published_by.username) == ("周六开门", "director")
    assert "第 1 版" in text(client.get(url("calendar", default)))


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"working_0": "08:30-12:00 11:00-13:00"}, "working_0", "重叠"),
        ({"working_0": "12:00-08:30"}, "working_0", "结束要晚于开始"),
        ({"service_0": "22:00-06:00"}, "service_0", "跨过零点"),
        ({"working_0": "08:60-09:00"}, "working_0", "没有这样的时间"),
        ({"working_0": "08:00-24:01"}, "working_0", "没有这样的时间"),
        ({"working_0": "上午"}, "working_0", "请写成"),
        ({"working_0": "8:30-12:00 x"}, "working_0", "请写成"),
        ({"working_0": " ".join(f"{h:02d}:00-{h:02d}:30" for h in range(13))}, "working_0", "最多 12 段"),
        ({f"working_{day}": "" for day in range(7)}, "working_0", "至少要有一天"),
        ({"holidays": "own"}, "service_7", "请填写节假日"),
        ({"holidays": "never"}, "holidays", "never"),
    ],
)
def test_hours_that_cannot_be_are_refused_by_the_field_and_kept(default, as_, typed, field, said):
    client = as_("director")
    calendar_drafts.open_draft(default, now=NOW)
    response = client.post(url("calendar-week", default), week(service_3="07:07-08:08", **typed))
    assert response.status_code == 400
    form = response.context["week_form"]
    assert said in " ".join(form.errors[field])
    assert form["service_3"].value() == "07:07-08:08"
    assert "07:07-08:08" in text(response)
    assert calendar_drafts.draft_of(default).edits == 0


def test_a_week_without_any_service_is_refused_since_limits_in_service_time_would_never_run_out(default, as_):
    calendar_drafts.open_draft(default, now=NOW)
    never = {f"service_{day}": "" for day in range(7)}
    response = as_("director").post(url("calendar-week", default), week(**never))
    assert response.status_code == 400
    assert "至少要有一天" in " ".join(response.context["week_form"].errors["service_0"])


def test_days_of_our_own_are_added_marked_and_taken_back(default, as_):
    client = as_("director")
    calendar_drafts.open_draft(default, now=NOW)
    days = {
        "edits": "0",
        "date": "2026-12-24",
        "last": "2026-12-25",
        "kind": "off",
        "name": "年会",
        "is_unserved": "on",
    }
    assert client.post(url("calendar-days", default), days).status_code == 302
    page = text(client.get(url("calendar-draft", default) + "?year=2026"))
    assert "休*" in page
    assert "2026-12-24：平日 → 年会（放假，停止服务）" in page
    removed = client.post(url("calendar-day-remove", default), {"edits": "1", "day": "2026-12-24"})
    assert removed.status_code == 302
    read = calendars.read(calendar_drafts.draft_of(default))
    assert read.minutes(WORKING, DAY)
    assert read.minutes(SERVICE, date(2026, 12, 25)) == ()


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"date": ""}, "date"),
        ({"date": "2026-02-30"}, "date"),
        ({"date": "0001-01-01"}, "date"),
        ({"last": "2026-12-01"}, "last"),
        ({"last": "2027-12-01"}, "last"),
        ({"name": ""}, "name"),
        ({"name": "长" * 61}, "name"),
        ({"kind": "x"}, "kind"),
        ({"working": "9-10"}, "working"),
        ({"kind": "off", "working": "09:00-10:00"}, "working"),
        ({"is_unserved": "on", "service": "09:00-10:00"}, "service"),
    ],
)
def test_a_day_that_cannot_be_is_refused_by_the_field_and_kept(default, as_, typed, field):
    calendar_drafts.open_draft(default, now=NOW)
    form = {"edits": "0", "date": "2026-12-24", "kind": "worked", "name": "盘点", "service": "07:07-08:08"} | typed
    response = as_("director").post(url("calendar-days", default), form)
    assert response.status_code == 400
    assert field in response.context["day_form"].errors
    assert response.context["day_form"]["name"].value() == form["name"]


def test_of_two_who_edit_one_draft_the_second_is_told_and_loses_nothing(default, as_):
    calendar_drafts.open_draft(default, now=NOW)
    assert as_("director").post(url("calendar-week", default), week(working_5="09:00-10:00")).status_code == 302
    second = as_("admin")
    response = second.post(url("calendar-week", default), week(working_5="11:00-12:00"))
    assert response.status_code == 400
    assert "刚被他人修改过" in text(response)
    assert "11:00-12:00" in text(response)
    assert response.context["week_form"]["edits"].value() == 1  # once more, and it is meant
    assert second.post(url("calendar-week", default), week(1, working_5="11:00-12:00")).status_code == 302
    stale = second.post(url("calendar-publish", default), {"edits": "1", "scope": "new"})
    assert stale.status_code == 400
    assert calendars.current_version().number == 1
    assert second.post(url("calendar-take-over", default), {"edits": "1"}).status_code == 409
    assert second.post(url("calendar-take-over", default), {"edits": "x"}).status_code == 400


def test_after_a_refusal_the_years_still_turn(default, as_):
    calendar_drafts.open_draft(default, now=NOW)
    page = text(as_("director").post(url("calendar-week", default), week(working_0="x")))
    turned = re.search(r'href="([^"]+year=\d+)" rel="next"', page)[1]
    assert as_("director").get(turned).status_code == 200


def test_a_draft_is_thrown_away(default, as_):
    client = as_("director")
    calendar_drafts.open_draft(default, now=NOW)
    assert client.post(url("calendar-discard", default), {"edits": "0"}).status_code == 302
    assert client.get(url("calendar-draft", default)).status_code == 409


def test_a_new_calendar_is_usable_once_it_is_published(default, cast, as_):
    client = as_("admin")
    form = {"name": "夜间", "code": "night", "timezone": "Asia/Shanghai"}
    sent = client.post(reverse("calendar-new"), form)
    made = WorkCalendar.objects.get(code="night")
    assert sent.url == url("calendar-draft", made)
    assert client.get(url("calendar", made)).url == url("calendar-draft", made)
    edit = reverse("project-edit", args=[cast.project.pk])
    assert "夜间" not in text(client.get(edit))
    client.post(url("calendar-publish", made), {"edits": "0"})
    assert "夜间" in text(client.get(edit))
    project = {"code": "BJ", "name": "世茂滨江花园", "kind": "residential", "is_active": "on", "calendar": made.pk}
    assert client.post(edit, project).status_code == 302
    cast.project.refresh_from_db()
    assert cast.project.calendar == made


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"code": "DEFAULT"}, "code"),
        ({"code": "a b"}, "code"),
        ({"name": "公司日历"}, "name"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
    ],
)
def test_a_new_calendar_that_cannot_be_is_refused_by_the_field(default, as_, typed, field):
    form = {"name": "夜间", "code": "night", "timezone": "Asia/Shanghai"} | typed
    response = as_("director").post(reverse("calendar-new"), form)
    assert response.status_code == 400
    assert field in response.context["form"].errors


# --- publishing for open requests -----------------------------------------------------------------
def test_open_requests_are_taken_along_through_a_preview(default, as_, cast, monkeypatch):
    asked = []

    def start(version, by, now):
        asked.append((version.number, by))
        return "/preview/"

    monkeypatch.setattr(calendars, "change", start)
    client = as_("director")
    client.post(url("calendar-draft-open", default))
    sent = client.post(url("calendar-publish", default), {"edits": "0", "scope": "open"})
    assert sent.url == "/preview/"
    assert asked == [(2, cast.director)]


def test_the_choice_is_absent_where_nobody_counts(default, as_, monkeypatch):
    monkeypatch.setattr(calendars, "change", None)
    client = as_("director")
    client.post(url("calendar-draft-open", default))
    assert "重算未办结的" not in text(client.get(url("calendar-draft", default)))
    assert client.post(url("calendar-publish", default), {"edits": "0", "scope": "open"}).status_code == 302


# --- the official years ---------------------------------------------------------------------------
def year_file(**more: object) -> SimpleUploadedFile:
    days = [
        {"name": "春节", "date": "2027-02-20", "isOffDay": False},
        {"name": "元旦", "date": "2026-12-31", "isOffDay": True},
    ]
    content = {"year": 2027, "papers": [], "days": days} | more
    return SimpleUploadedFile("2027.json", json.dumps(content).encode())


def test_a_year_is_looked_at_before_it_is_imported(default, as_):
    client = as_("director")
    seen = client.post(reverse("official-preview"), {"file": year_file()})
    assert "2026-12-31" in text(seen)
    assert "增加" in text(seen)
    assert OfficialYear.objects.get(pk=2027).is_estimate
    content = seen.context["form"]["content"].value()
    assert client.post(reverse("official-apply"), {"content": content}).status_code == 302
    year = OfficialYear.objects.get(pk=2027)
    assert (year.origin, year.is_estimate, year.updated_by.username) == (Origin.IMPORT, False, "director")
    assert "完全相同" in text(client.post(reverse("official-preview"), {"file": year_file()}))
    assert "2027 年的官方安排已更新" in text(client.get(url("calendar", default)))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (None, "请选择文件"),
        (SimpleUploadedFile("x.json", b""), "JSON"),
        (SimpleUploadedFile("x.json", b"\x00\xff"), "JSON"),
        (SimpleUploadedFile("x.json", b"0" * 200_001), "太大"),
        (year_file(days=[]), "尚未公布"),
        (year_file(days=[{"name": "x", "date": "x", "isOffDay": True}]), "days[0].date"),
    ],
)
def test_a_bad_file_is_refused_beside_its_field(default, as_, file, said):
    if file is not None:
        file.seek(0)
    response = as_("director").post(reverse("official-preview"), {"file": file} if file else {})
    assert response.status_code == 400
    assert said in " ".join(response.context["form"].errors["file"])


def test_years_are_imported_by_whoever_may_change_the_companys_calendar(default, as_):
    assert "上传并预览" not in text(as_("manager").get(reverse("official-days")))
    assert as_("manager").post(reverse("official-preview"), {"file": year_file()}).status_code == 403
    assert as_("manager").post(reverse("official-apply"), {"content": "{}"}).status_code == 403
    assert as_("director").post(reverse("official-apply"), {"content": "{}"}).status_code == 400
    assert as_("director").post(reverse("official-apply")).status_code == 400


# --- hours as typed -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "spans"),
    [
        ("", ()),
        ("休息", ()),
        ("全天", ((0, 1440),)),
        ("08:30-12:00 13:30-17:30", ((510, 720), (810, 1050))),
        ("13:30~17:30;8:30–12:00", ((510, 720), (810, 1050))),
        ("08:30-12:00,12:00-24:00", ((510, 720), (720, 1440))),
    ],
)
def test_hours_are_read_as_people_write_them_and_written_back(typed, spans):
    assert read_spans(typed) == spans
    assert read_spans(write_spans(spans)) == spans
