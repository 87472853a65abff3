"""China's public holidays and make-up workdays: from the library that follows the State Council's notices, or from
a ``holiday-cn`` file when the company does not want to wait for the library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import holidays
from django.utils.translation import gettext as _

from shimao_service.exceptions import Invalid

ONE_DAY = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 2000, 2099
# An arrangement reaches over New Year's Eve at most by the holiday it begins or ends with.
FURTHEST_OUTSIDE = timedelta(days=31)
LARGEST_FILE = 200_000
NAME_LENGTH = 60
MOST_MESSAGES = 10


@dataclass(frozen=True, slots=True)
class OfficialDate:
    date: date
    name: str
    is_off: bool


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A year's holidays. ``is_estimate``: not announced yet, or not known to the library."""

    year: int
    days: tuple[OfficialDate, ...]
    is_estimate: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of one day; ``None`` is a day like any other."""

    date: date
    was: OfficialDate | None
    will: OfficialDate | None


def library_year(year: int) -> Arrangement:
    """What the library knows of a year. A year without a single make-up workday has not been announced: every
    arrangement since 2008 has some."""
    known = holidays.country_holidays("CN", years=year, language="zh_CN")
    made_up = {day for day in known.weekend_workdays if day.year == year}
    off = {day: OfficialDate(day, name.split("; ")[0], True) for day, name in known.items() if day.year == year}
    worked = [OfficialDate(day, "调休上班", False) for day in made_up]
    days = sorted([*off.values(), *_weekends_beside(set(off), made_up), *worked], key=lambda each: each.date)
    return Arrangement(year, tuple(days), is_estimate=not made_up)


def _weekends_beside(off: set[date], worked: set[date]) -> Iterator[OfficialDate]:
    """The notices join a holiday with the weekend beside it and the library leaves that weekend out; it matters to
    whoever works on Saturdays otherwise."""
    for step in (ONE_DAY, -ONE_DAY):
        for day in sorted(off):
            beside = day + step
            while beside.weekday() >= 5 and beside not in off and beside not in worked:
                off = off | {beside}
                yield OfficialDate(beside, "周末连休", True)
                beside += step


# Holidays by law: a year's arrangement without one of them is most likely not whole.
BY_LAW = ("元旦", "春节", "清明节", "劳动节", "端午节", "中秋节", "国庆节")


def missing_holidays(arrangement: Arrangement) -> list[str]:
    """Holidays by law on which the arrangement gives nobody a day off."""
    names = {day.name for day in arrangement.days if day.is_off}
    return [holiday for holiday in BY_LAW if not any(holiday.removesuffix("节") in name for name in names)]


def differences(before: Iterable[OfficialDate], after: Iterable[OfficialDate]) -> list[Difference]:
    """What changes from one list of days to another, in order."""
    was, will = {day.date: day for day in before}, {day.date: day for day in after}
    return [
        Difference(day, was.get(day), will.get(day))
        for day in sorted(was.keys() | will.keys())
        if was.get(day) != will.get(day)
    ]


def read_file(raw: bytes) -> Arrangement:
    """A year's arrangement in the form of holiday-cn: ``{"year", "papers", "days": [{"name", "date", "isOffDay"}]}``.

    Raises :class:`Invalid` with every mistake by its place, at most ten, under the field ``file``.
    """
    if len(raw) > LARGEST_FILE:
        raise Invalid.field("file", _("文件太大，一年的节假日安排不会超过 200 KB。"))
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Invalid.field("file", _("这不是 JSON 文件，请选择 holiday-cn 发布的年度文件。")) from None
    wrong: list[str] = []
    arrangement = _read(content, wrong)
    if wrong or arrangement is None:
        raise Invalid(wrong[0], fields={"file": wrong[:MOST_MESSAGES]})
    return arrangement


def _read(content: Any, wrong: list[str]) -> Arrangement | None:
    if not isinstance(content, dict):
        wrong.append(_("文件里应当是一个对象，包含 year 和 days。"))
        return None
    year, rows = content.get("year"), content.get("days")
    if not isinstance(year, int) or isinstance(year, bool) or not FIRST_YEAR <= year <= LAST_YEAR:
        wrong.append(_("year 应当是 %(first)d–%(last)d 的年份。") % {"first": FIRST_YEAR, "last": LAST_YEAR})
        return None
    if not isinstance(content.get("papers", []), list):
        wrong.append(_("papers 应当是一个列表。"))
    if not isinstance(rows, list):
        wrong.append(_("days 应当是一个列表。"))
        return None
    if not rows:
        wrong.append(_("days 是空的：%(year)d 年的安排可能尚未公布。") % {"year": year})
        return None
    found: dict[date, OfficialDate] = {}
    outside: list[date] = []
    for number, row in enumerate(rows):
        day = _read_day(row, f"days[{number}]", wrong)
        if day is not None and not _is_near(day.date, year):
            outside.append(day.date)
        elif day is not None and day.date in found:
            wrong.append(_("days[%(number)d].date：%(date)s 重复。") % {"number": number, "date": day.date})
        elif day is not None:
            found[day.date] = day
    if outside:  # one sentence, however many: it is the file of another year
        words = {"count": len(outside), "date": outside[0], "year": year}
        wrong.insert(0, _("有 %(count)d 天（如 %(date)s）不在 %(year)d 年前后，请核对文件是不是这一年的。") % words)
    return Arrangement(year, tuple(found[day] for day in sorted(found)), is_estimate=False)


def _is_near(day: date, year: int) -> bool:
    return date(year, 1, 1) - FURTHEST_OUTSIDE <= day <= date(year, 12, 31) + FURTHEST_OUTSIDE


def _read_day(row: Any, place: str, wrong: list[str]) -> OfficialDate | None:
    if not isinstance(row, dict):
        wrong.append(_("%(place)s 应当是一个对象。") % {"place": place})
        return None
    before = len(wrong)
    name, is_off = row.get("name"), row.get("isOffDay")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= NAME_LENGTH or "\x00" in name:
        wrong.append(_("%(place)s.name：请写 1–60 个字的名称。") % {"place": place})
    if not isinstance(is_off, bool):
        wrong.append(_("%(place)s.isOffDay：应当是 true 或 false。") % {"place": place})
    day = None
    try:
        day = date.fromisoformat(row.get("date"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        wrong.append(_("%(place)s.date：应当是 2027-01-01 这样的日期。") % {"place": place})
    if day is None or len(wrong) > before:
        return None
    return OfficialDate(day, str(name).strip(), bool(is_off))
