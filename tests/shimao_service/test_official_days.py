"""China's holidays: from the library, from a file, and neither takes away what a person brought."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from shimao_service import calendars
from shimao_service.exceptions import Invalid
from shimao_service.models import OfficialDay, OfficialYear, Origin
from shimao_service.official_days import Arrangement, OfficialDate, differences, library_year, read_file

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
SPRING = [
    {"name": "元旦", "date": "2026-12-31", "isOffDay": True},
    {"name": "元旦", "date": "2027-01-01", "isOffDay": True},
    {"name": "春节", "date": "2027-02-06", "isOffDay": True},
    {"name": "春节", "date": "2027-02-20", "isOffDay": False},
]


def content(year: object = 2027, days: object = None, **more: object) -> bytes:
    return json.dumps({"year": year, "papers": [], "days": SPRING if days is None else days, **more}).encode()


@pytest.fixture(autouse=True)
def forgotten():
    calendars.forget()


# --- the library ----------------------------------------------------------------------------------
def test_2026_is_announced_with_its_make_up_days_and_2027_is_not():
    known, guessed = library_year(2026), library_year(2027)
    assert not known.is_estimate
    assert guessed.is_estimate
    worked = [day.date.isoformat()[5:] for day in known.days if not day.is_off]
    assert worked == ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"]


def test_the_week_end_beside_a_holiday_belongs_to_it():
    off = {day.date for day in library_year(2026).days if day.is_off}
    festival = {date(2026, 2, day) for day in range(15, 24)}  # the notice: 15th to 23rd
    assert {day for day in off if day.month == 2} == festival
    assert {day for day in off if day.month == 1} == {date(2026, 1, day) for day in (1, 2, 3)}
    assert {day for day in off if day.month == 10} == {date(2026, 10, day) for day in range(1, 8)}


def test_days_of_an_arrangement_come_once_and_in_order():
    for year in range(2019, 2030):
        days = [day.date for day in library_year(year).days]
        assert days == sorted(set(days))


# --- the file -------------------------------------------------------------------------------------
def test_a_file_is_read_with_the_days_of_the_year_before():
    read = read_file(b"\xef\xbb\xbf" + content())
    assert not read.is_estimate
    assert [day.date.isoformat() for day in read.days] == ["2026-12-31", "2027-01-01", "2027-02-06", "2027-02-20"]
    assert read.days[3] == OfficialDate(date(2027, 2, 20), "春节", False)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "year"),
        (content(year="2027"), "year"),
        (content(year=True), "year"),
        (content(year=1999), "year"),
        (content(days={}), "days"),
        (content(days=[]), "尚未公布"),
        (content(papers="x"), "papers"),
        (content(days=["x"]), "days[0]"),
        (content(days=[{"name": "", "date": "2027-01-01", "isOffDay": True}]), "days[0].name"),
        (content(days=[{"name": "长" * 61, "date": "2027-01-01", "isOffDay": True}]), "days[0].name"),
        (content(days=[{"name": "a\x00", "date": "2027-01-01", "isOffDay": True}]), "days[0].name"),
        (content(days=[{"name": "元旦", "date": "2027-02-30", "isOffDay": True}]), "days[0].date"),
        (content(days=[{"name": "元旦", "date": 20270101, "isOffDay": True}]), "days[0].date"),
        (content(days=[{"name": "元旦", "date": "2028-06-01", "isOffDay": True}]), "2027 年前后"),
        (content(days=[{"name": "元旦", "date": "2027-01-01", "isOffDay": "yes"}]), "days[0].isOffDay"),
        (content(days=[{"name": "元旦", "date": "2027-01-01"}]), "days[0].isOffDay"),
        (content(days=SPRING + SPRING[:1]), "重复"),
        (b" " * 200_001, "200 KB"),
    ],
)
def test_a_bad_file_is_refused_by_its_place(raw, said):
    with pytest.raises(Invalid) as refusal:
        read_file(raw)
    assert said in refusal.value.fields["file"][0]


def test_all_mistakes_are_told_at_once_up_to_ten():
    with pytest.raises(Invalid) as refusal:
        read_file(content(days=[{"name": 1, "date": 2, "isOffDay": 3}] * 5))
    assert len(refusal.value.fields["file"]) == 10


def test_differences_name_what_is_added_taken_away_and_changed():
    one, two = (OfficialDate(date(2027, 1, day), "元旦", True) for day in (1, 2))
    other = OfficialDate(date(2027, 1, 2), "元旦", False)
    found = differences([one, two], [other, OfficialDate(date(2027, 1, 3), "元旦", True)])
    assert [(each.was is None, each.will is None) for each in found] == [(False, True), (False, False), (True, False)]
    assert differences([one, two], [two, one]) == []


# --- kept -----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_an_import_is_no_estimate_and_repeating_it_changes_nothing(db):
    calendars.ensure_years([2026, 2027], now=NOW)
    assert OfficialYear.objects.get(pk=2027).is_estimate
    arrangement = read_file(content())
    assert calendars.import_year(arrangement, now=NOW)
    year = OfficialYear.objects.get(pk=2027)
    assert (year.origin, year.is_estimate) == (Origin.IMPORT, False)
    assert OfficialDay.objects.get(date=date(2026, 12, 31)).year_id == 2027
    assert year.days.count() == 4
    before = list(OfficialDay.objects.order_by("date").values())
    assert calendars.import_year(arrangement, now=NOW) == []
    assert list(OfficialDay.objects.order_by("date").values()) == before


@pytest.mark.django_db
def test_the_library_never_takes_an_import_away():
    calendars.import_year(read_file(content()), now=NOW)
    assert calendars.ensure_years([2026, 2027], now=NOW) == 1
    named_by_both = Arrangement(2026, (OfficialDate(date(2026, 12, 31), "别的", False),), is_estimate=False)
    calendars.write_year(named_by_both, Origin.LIBRARY, now=NOW)
    kept = OfficialDay.objects.get(date=date(2026, 12, 31))
    assert (kept.year_id, kept.is_off) == (2027, True)
    assert OfficialYear.objects.get(pk=2027).origin == Origin.IMPORT


@pytest.mark.django_db
def test_years_come_near_once_a_day_and_an_estimate_gives_way_to_the_announcement(
    monkeypatch, django_assert_num_queries
):
    assert calendars.keep_years(NOW) == 5
    assert sorted(OfficialYear.objects.values_list("year", flat=True)) == [2024, 2025, 2026, 2027, 2028]
    with django_assert_num_queries(0):
        assert calendars.keep_years(NOW) == 0
    announced = Arrangement(2027, (OfficialDate(date(2027, 2, 20), "调休上班", False),), is_estimate=False)
    monkeypatch.setattr(calendars, "library_year", lambda year: announced if year == 2027 else library_year(year))
    calendars.forget()
    assert calendars.keep_years(NOW) == 1
    assert not OfficialYear.objects.get(pk=2027).is_estimate
    assert OfficialDay.objects.filter(year_id=2027).count() == 1
    calendars.forget()
    with django_assert_num_queries(1):
        assert calendars.keep_years(NOW) == 0
    assert calendars.keep_years(datetime(2027, 1, 1, tzinfo=UTC)) == 1  # 2029 comes near


# --- the command ----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_the_command_shows_what_changes_and_imports(tmp_path: Path, capsys):
    file = tmp_path / "2027.json"
    file.write_bytes(content())
    call_command("import_holidays", str(file), "--dry-run")
    assert "平日 → 元旦（放假）" in capsys.readouterr().out
    assert not OfficialYear.objects.exists()
    call_command("import_holidays", str(file))
    assert OfficialDay.objects.count() == 4
    capsys.readouterr()
    call_command("import_holidays", str(file))
    assert capsys.readouterr().out.startswith("2027: 0")


@pytest.mark.django_db
def test_the_command_refuses_a_bad_or_missing_file(tmp_path: Path):
    (tmp_path / "x.json").write_bytes(content(days=[]))
    for name in ("x.json", "y.json"):
        with pytest.raises(CommandError) as refusal:
            call_command("import_holidays", str(tmp_path / name))
        assert refusal.value.returncode == 2
