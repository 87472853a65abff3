"""China's public holidays and make-up workdays, from the library that follows the State Council's notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import holidays


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


def library_year(year: int) -> Arrangement:
    """What the library knows of a year. A year without a single make-up workday has not been announced: every
    arrangement since 2008 has some."""
    known = holidays.country_holidays("CN", years=year, language="zh_CN")
    made_up = sorted(day for day in known.weekend_workdays if day.year == year)
    off = [OfficialDate(day, name.split("; ")[0], True) for day, name in sorted(known.items()) if day.year == year]
    worked = [OfficialDate(day, "调休上班", False) for day in made_up]
    return Arrangement(year, tuple(sorted(off + worked, key=lambda each: each.date)), is_estimate=not made_up)
