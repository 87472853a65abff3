"""Calendars as kept: what a version says, drafts, publication, and the warnings; and what-ifs on the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.db.backends.postgresql.psycopg_any import NumericRange

from shimao_service import calendar_drafts, calendars, walkthrough
from shimao_service.exceptions import Conflict, Invalid, Stale
from shimao_service.models import CalendarDay, CalendarSpan, CalendarVersion, Origin, Use, WorkCalendar
from shimao_service.official_days import Arrangement, OfficialDate
from shimao_service.working_time import HOLIDAY, SERVICE, WORKING, add, between, due
from tests.factories import UserFactory

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 25)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.fixture(autouse=True)
def forgotten():
    calendars.forget()


@pytest.fixture
def default(db) -> WorkCalendar:
    return calendars.ensure_default(NOW).calendar


def publish(calendar: WorkCalendar, edits: int) -> CalendarVersion:
    return calendar_drafts.publish(calendar, edits, note="", by=UserFactory(), now=NOW)


# --- versions -------------------------------------------------------------------------------------
def test_the_default_calendar_is_made_once_and_agrees_with_the_library(default, django_assert_num_queries):
    assert calendars.ensure_default(NOW).calendar == default
    kept, built_in = calendars.current(), calendars.default_calendar(2024, 2028)
    for text in ("2026-02-13T16:00", "2026-09-30T12:10", "2026-12-31T23:59"):
        for count in (1, 3, 7):
            assert due(kept, WORKING, at(text), count) == due(built_in, WORKING, at(text), count)
    assert kept.estimates == {2027, 2028}
    with django_assert_num_queries(1):
        assert calendars.current() is kept


def test_a_calendar_that_is_not_published_yet_leaves_its_projects_with_the_default(default):
    made = calendar_drafts.create(code="night", name="夜间", timezone="Asia/Shanghai", now=NOW)
    assert calendars.current_version(made.pk).calendar == default
    version = publish(made, 0)
    assert calendars.current_version(made.pk) == version


@pytest.mark.parametrize("move", ["insert", "update", "delete", "move out", "move in", "unpublish"])
def test_a_published_version_never_changes(default, move):
    version = default.versions.get()
    draft = calendar_drafts.open_draft(default, now=NOW)
    span = version.spans.first()
    moves = {
        "insert": lambda: CalendarDay.objects.create(
            version=version, date=DAY, is_off=True, name="x", origin=Origin.OWN
        ),
        "update": lambda: version.spans.filter(pk=span.pk).update(minutes=NumericRange(0, 5)),
        "delete": lambda: version.days.all().delete(),
        "move out": lambda: version.spans.filter(use=Use.WORKING, weekday=4).update(version=draft, weekday=5),
        "move in": lambda: draft.days.filter(date=date(2026, 2, 17)).update(version=version),
        "unpublish": lambda: CalendarVersion.objects.filter(pk=version.pk).update(published_at=None),
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        moves[move]()


def test_the_database_refuses_spans_that_overlap(default):
    draft = calendar_drafts.open_draft(default, now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        CalendarSpan.objects.create(version=draft, use=Use.WORKING, weekday=0, minutes=NumericRange(500, 600))


# --- drafts ---------------------------------------------------------------------------------------
def test_a_draft_is_a_copy_and_there_is_one_at_a_time(default):
    draft = calendar_drafts.open_draft(default, now=NOW)
    assert calendar_drafts.open_draft(default, now=NOW) == draft
    assert draft.number == 2
    assert calendars.read(draft) == calendars.current()
    assert calendars.current_version(default.pk).number == 1


def test_the_week_is_replaced_with_any_number_of_spans_a_day(default):
    calendar_drafts.open_draft(default, now=NOW)
    calendar_drafts.write_week(
        default,
        0,
        working={0: ((480, 540), (600, 660), (720, 780), (1000, 1440))},
        service={0: ((0, 1440),), HOLIDAY: ((600, 660),)},
        serves_holidays=False,
    )
    read = calendars.read(calendar_drafts.draft_of(default))
    assert read.working == {0: ((480, 540), (600, 660), (720, 780), (1000, 1440))}
    assert read.minutes(SERVICE, date(2026, 10, 1)) == ((600, 660),)
    with pytest.raises(Invalid):
        calendar_drafts.write_week(default, 1, working={0: ()}, service={0: ((0, 60),)}, serves_holidays=True)
    for never in ({}, {0: ()}, {HOLIDAY: ((600, 660),)}):
        with pytest.raises(Invalid) as refused:
            calendar_drafts.write_week(default, 1, working={0: ((0, 60),)}, service=never, serves_holidays=True)
        assert "service_0" in refused.value.fields


def test_holidays_can_be_without_any_service(default):
    calendar_drafts.open_draft(default, now=NOW)
    calendar_drafts.write_week(default, 0, working={0: ((480, 540),)}, service={3: ((0, 60),)}, serves_holidays=False)
    publish(default, 1)
    assert calendars.current().minutes(SERVICE, date(2026, 10, 1)) == ()


def test_a_day_of_our_own_stands_above_the_official_one_until_it_is_removed(default):
    draft = calendar_drafts.open_draft(default, now=NOW)
    holiday = date(2026, 10, 1)
    calendar_drafts.write_days(
        default, 0, first=holiday, last=holiday, name="值守", is_off=False, working=((540, 600),), service=((480, 700),)
    )
    read = calendars.read(draft)
    assert read.minutes(WORKING, holiday) == ((540, 600),)
    assert read.minutes(SERVICE, holiday) == ((480, 700),)
    calendar_drafts.take_over(default, 1)
    assert calendars.read(draft).minutes(WORKING, holiday) == ((540, 600),)
    calendar_drafts.remove_days(default, 2, day=holiday)
    assert calendars.read(draft) == calendars.current()


def test_days_can_be_closed_for_both_from_one_to_another(default):
    draft = calendar_drafts.open_draft(default, now=NOW)
    calendar_drafts.write_days(
        default, 0, first=DAY, last=date(2026, 11, 27), name="台风", is_off=True, is_unserved=True
    )
    read = calendars.read(draft)
    assert [bool(read.minutes(use, DAY)) for use in (WORKING, SERVICE)] == [False, False]
    assert draft.days.filter(name="台风").count() == 3
    assert add(read, SERVICE, at("2026-11-25T09:00"), at("2026-11-25T10:00") - at("2026-11-25T09:00")) == at(
        "2026-11-28T09:30"
    )


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"last": date(2026, 11, 24)}, "last"),
        ({"last": date(2027, 11, 24)}, "last"),
        ({"is_off": True, "working": ((1, 2),)}, "working"),
        ({"is_unserved": True, "service": ((1, 2),)}, "service"),
    ],
)
def test_a_day_that_contradicts_itself_is_refused_by_the_field(default, more, field):
    calendar_drafts.open_draft(default, now=NOW)
    with pytest.raises(Invalid) as refusal:
        calendar_drafts.write_days(default, 0, **{"first": DAY, "last": DAY, "name": "x", "is_off": False, **more})
    assert field in refusal.value.fields
    assert calendar_drafts.draft_of(default).edits == 0


def test_the_second_of_two_editors_is_told(default):
    calendar_drafts.open_draft(default, now=NOW)
    calendar_drafts.write_days(default, 0, first=DAY, last=DAY, name="一", is_off=True)
    with pytest.raises(Stale):
        calendar_drafts.write_days(default, 0, first=DAY, last=DAY, name="二", is_off=False)
    with pytest.raises(Stale):
        publish(default, 0)
    publish(default, 1)
    with pytest.raises(Conflict):
        calendar_drafts.take_over(default, 1)
    assert calendars.current().days[DAY].name == "一"


def test_a_calendar_that_was_never_published_goes_with_its_draft(default):
    made = calendar_drafts.create(code="x", name="x", timezone="Asia/Shanghai", now=NOW)
    calendar_drafts.discard(made, 0)
    assert not WorkCalendar.objects.filter(code="x").exists()
    calendar_drafts.open_draft(default, now=NOW)
    calendar_drafts.discard(default, 0)
    assert [version.number for version in default.versions.all()] == [1]


def test_a_draft_takes_over_what_was_announced_and_the_old_version_says_what_it_lacks(default):
    version = default.versions.get()
    assert calendar_drafts.untaken_years(version) == []
    calendars.import_year(
        Arrangement(2027, (OfficialDate(date(2027, 2, 20), "春节", False),), is_estimate=False), now=NOW
    )
    assert calendar_drafts.untaken_years(version) == [2027]
    draft = calendar_drafts.open_draft(default, now=NOW)
    calendar_drafts.take_over(default, 0)
    assert calendar_drafts.untaken_years(draft) == []
    read = calendars.read(draft)
    assert 2027 not in read.estimates
    assert read.minutes(WORKING, date(2027, 2, 20)) == read.minutes(WORKING, date(2027, 2, 22))


# --- warnings -------------------------------------------------------------------------------------
def test_from_november_on_an_open_next_year_is_known_with_one_query_in_five_minutes(default, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not calendars.is_next_year_open(at("2026-10-31T23:59"))
    with django_assert_num_queries(1):
        assert calendars.is_next_year_open(at("2026-11-01T00:00"))
        assert calendars.is_next_year_open(at("2026-11-01T00:04"))
    with django_assert_num_queries(1):
        assert calendars.is_next_year_open(at("2026-11-01T00:06"))


def test_the_warning_goes_when_every_calendar_knows_the_next_year(default, django_capture_on_commit_callbacks):
    other = calendar_drafts.create(code="x", name="x", timezone="Asia/Shanghai", now=NOW)
    publish(other, 0)
    calendars.import_year(Arrangement(2027, (OfficialDate(DAY, "x", True),), is_estimate=False), now=NOW)
    for one, still_open in ((default, True), (other, False)):
        calendar_drafts.open_draft(one, now=NOW)
        calendar_drafts.take_over(one, 0)
        with django_capture_on_commit_callbacks(execute=True):
            publish(one, 1)
        assert calendars.is_next_year_open(NOW) is still_open


# --- day by day -----------------------------------------------------------------------------------
def test_the_walk_adds_up_and_names_holidays_and_pauses():
    calendar = calendars.default_calendar(2025, 2027)
    start, end = at("2026-02-13T16:00"), at("2026-02-24T09:30")
    pauses = [(at("2026-02-14T09:00"), at("2026-02-14T11:00")), (at("2026-02-13T18:00"), at("2026-02-13T20:00"))]
    days = walkthrough.days(calendar, WORKING, start, end, pauses)
    assert len(days) == 12
    total = sum((day.amount for day in days), start - start)
    assert total == between(calendar, WORKING, start, end, pauses)
    saturday = days[1]
    assert saturday.special.name == "调休上班"
    assert saturday.paused == ((at("2026-02-14T09:00"), at("2026-02-14T11:00")),)
    assert [f"{since:%H:%M}" for since, _until in saturday.counted] == ["08:30", "11:00", "13:30"]
    assert days[0].paused == ()  # a pause after the close costs nothing
    assert days[3].special.name == "农历除夕"


def test_the_walk_of_a_calendar_that_never_opens_ends():
    calendar = calendars.Calendar()
    assert len(walkthrough.days(calendar, WORKING, at("2026-02-13T16:00"), at("2026-02-24T09:30"))) == 12


# --- the command ----------------------------------------------------------------------------------
@pytest.fixture
def ask(capsys):
    """``ask("add …")``: what the command wrote, as ``(stdout, stderr)``."""

    def run(words: str) -> tuple[str, str]:
        call_command("working_time", *words.split())
        return capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("add 2026-02-13T16:00 8h", "2026-02-14T16:30"),
        ("add 2026-02-13T16:00 480", "2026-02-14T16:30"),
        ("add 2026-02-13T16:00 7h60m", "2026-02-14T16:30"),
        ("add 2026-02-13T08:00+00:00 8h", "2026-02-14T16:30"),
        ("add 2026-02-13T16:00 0", "2026-02-13T16:00"),
        ("add 2026-02-13T16:00 1wd", "2026-02-14T17:30"),
        ("add 2026-02-13T16:00 3wd", "2026-02-25T17:30"),
        ("add 2026-02-13T16:00 5h --service", "2026-02-14T09:30"),
        ("add 2026-02-13T16:00 24h --natural", "2026-02-14T16:00"),
        ("add 2026-02-13T16:00 8h --pause 2026-02-14T09:00 2026-02-14T11:00", "2026-02-24T09:30"),
        ("add --pause 2026-02-01T09:00 2026-02-02T11:00 2026-02-13T16:00 8h", "2026-02-14T16:30"),
        ("add 2026-02-13T16:00 8h --pause 2026-02-14T16:30 2026-03-14T11:00", "2026-02-14T16:30"),
        ("between 2026-02-13T16:00 2026-02-14T16:30", "480"),
        ("between 2026-02-13T16:00 2026-02-14T16:30 --pause 2026-02-14T09:00 2026-02-14T11:00", "360"),
        ("between 2026-02-14T16:30 2026-02-13T16:00", "0"),
        ("between 2026-02-13T16:00 2026-02-14T16:30 --natural", "1470"),
    ],
)
def test_the_command_answers_in_one_line(default, ask, words, answer):
    said, remarks = ask(words)
    assert said == f"{answer}\n"
    assert remarks == ""


def test_the_command_says_when_a_year_is_only_an_estimate(default, ask):
    said, remarks = ask("add 2026-12-30T16:00 3wd")
    assert said == "2027-01-05T17:30\n"
    assert "2027" in remarks
    assert "预估" in remarks
    assert "2031、2032" in ask("between 2031-12-01T00:00 2032-01-05T00:00")[1]


def test_the_command_explains_day_by_day_after_the_answer(default, ask):
    lines = ask("add 2026-02-13T16:00 8h --pause 2026-02-14T09:00 2026-02-14T11:00 --explain")[0].splitlines()
    assert lines[0] == "2026-02-24T09:30"
    assert "2026-02-14 周六" in lines[3]
    assert "调休上班" in lines[3]
    assert "暂停 09:00–11:00" in lines[3]
    assert any("农历除夕" in line for line in lines)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "add",
        "foo",
        "add yesterday 8h",
        "add 2026-02-30T16:00 8h",
        "add 2026-02-13T16:00 8x",
        "add 2026-02-13T16:00 h",
        "add 2026-02-13T16:00 -8h",
        "add 2026-02-13T16:00 3wd --service",
        "add 2026-02-13T16:00 8h --natural --service",
        "add 2026-02-13T16:00 8h --pause 2026-02-14T09:00",
        "add 2026-02-13T16:00 8h --pause 2026-02-15T09:00 2026-02-14T09:00",
        "add 2026-02-13T16:00 8h --project NOWHERE",
        "add 9999-12-31T23:00 8h --natural",
        "add 9999-12-31T23:00 8h",
        "between 0001-01-01T00:00 0001-01-01T00:00",
        "between 2026-02-13T16:00",
    ],
)
def test_the_command_refuses_nonsense_in_two_languages_with_2(default, words):
    with pytest.raises(CommandError) as refusal:
        call_command("working_time", *words.split())
    assert refusal.value.returncode == 2
    assert " / " in str(refusal.value)


def test_the_command_goes_by_the_calendar_of_a_project(cast, ask):
    own = calendar_drafts.create(code="six", name="六天", timezone="Asia/Shanghai", now=NOW)
    calendar_drafts.write_week(
        own, 0, working=dict.fromkeys(range(6), ((480, 1080),)), service={0: ((0, 60),)}, serves_holidays=True
    )
    publish(own, 1)
    cast.project.calendar = own
    cast.project.save()
    assert ask("add 2026-11-27T16:00 4h --project bj")[0] == "2026-11-28T10:00\n"
    assert ask("add 2026-11-27T16:00 1h --service --project BJ")[0] == "2026-11-30T01:00\n"
    assert ask("add 2026-11-27T16:00 4h --project HP")[0] == "2026-11-30T11:00\n"


@pytest.mark.parametrize("error", [OperationalError("gone"), DatabaseError("no table")])
def test_without_a_database_the_command_goes_by_the_built_in_calendar(monkeypatch, ask, error):
    def gone(*_args: object) -> None:
        raise error

    monkeypatch.setattr(calendars, "current", gone)
    monkeypatch.setattr(calendars, "uses", SimpleNamespace(calendar_of=gone))
    said, remarks = ask("add 2026-02-13T16:00 8h")
    assert said == "2026-02-14T16:30\n"
    assert "数据库" in remarks
    with pytest.raises(CommandError):
        ask("add 2026-02-13T16:00 8h --project BJ")
