"""Calendars as kept in the database: which one is in force, and what its versions say.

Published versions never change (a trigger refuses it), so what was read once is kept by the process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from shimao_service.models import (
    CalendarDay,
    CalendarSpan,
    CalendarVersion,
    CalendarYear,
    OfficialDay,
    OfficialYear,
    Origin,
    Use,
    WorkCalendar,
)
from shimao_service.official_days import Arrangement, library_year
from shimao_service.working_time import SERVICE, WORKING, Calendar, Day, Spans

# Service time: every day 08:30–20:00. Working days: Monday to Friday 08:30–12:00 and 13:30–17:30 (建议值).
DEFAULT_SERVICE: dict[int, Spans] = {weekday: ((510, 1200),) for weekday in range(7)}
DEFAULT_WORKING: dict[int, Spans] = {weekday: ((510, 720), (810, 1050)) for weekday in range(5)}
DEFAULT_CODE, DEFAULT_NAME = "default", N_("公司日历")
YEARS_BEHIND, YEARS_AHEAD = 2, 2

_MEASURE = {Use.SERVICE: SERVICE, Use.WORKING: WORKING}


@lru_cache(maxsize=512)
def load(version_id: int) -> Calendar:
    """The calendar of a published version. Raises ``CalendarVersion.DoesNotExist``."""
    return read(CalendarVersion.objects.select_related("calendar").get(pk=version_id))


def read(version: CalendarVersion) -> Calendar:
    """The calendar of any version, drafts included; not kept."""
    weekly: dict[str, dict[int, list[tuple[int, int]]]] = {SERVICE: defaultdict(list), WORKING: defaultdict(list)}
    special: dict[tuple[str, date], list[tuple[int, int]]] = defaultdict(list)
    for use, weekday, day, minutes in version.spans.values_list("use", "weekday", "date", "minutes"):
        measure = _MEASURE[Use(use)]
        span = (minutes.lower, minutes.upper)
        if weekday is not None:
            weekly[measure][weekday].append(span)
        else:
            special[(measure, day)].append(span)
    years = dict(version.years.values_list("year", "is_estimate"))
    return Calendar(
        timezone=version.calendar.timezone,
        service={weekday: tuple(sorted(spans)) for weekday, spans in weekly[SERVICE].items()},
        working={weekday: tuple(sorted(spans)) for weekday, spans in weekly[WORKING].items()},
        days={day: Day(is_off, name) for day, is_off, name in version.days.values_list("date", "is_off", "name")},
        special={key: tuple(sorted(spans)) for key, spans in special.items()},
        years=frozenset(years),
        estimates=frozenset(year for year, is_estimate in years.items() if is_estimate),
    )


def current_version(calendar_id: int | None = None) -> CalendarVersion:
    """The published version in force of a calendar, or of the company's default; made when there is none at all."""
    versions = CalendarVersion.objects.filter(published_at__isnull=False).order_by("-number")
    if calendar_id is not None:
        found = versions.filter(calendar_id=calendar_id).first()
        if found is not None:
            return found
    return versions.filter(calendar__is_default=True).first() or ensure_default()


def current(calendar_id: int | None = None) -> Calendar:
    """The calendar in force; one query."""
    return load(current_version(calendar_id).pk)


@lru_cache(maxsize=4)
def default_calendar(first_year: int, last_year: int) -> Calendar:
    """The default calendar straight from the library, without a database: for what-ifs and tests."""
    arrangements = [library_year(year) for year in range(first_year, last_year + 1)]
    return Calendar(
        service=DEFAULT_SERVICE,
        working=DEFAULT_WORKING,
        days={day.date: Day(day.is_off, day.name) for one in arrangements for day in one.days},
        years=frozenset(one.year for one in arrangements),
        estimates=frozenset(one.year for one in arrangements if one.is_estimate),
    )


def ensure_years(years: Iterable[int], *, now: datetime) -> int:
    """Take over from the library the years nobody has imported yet; answer how many were new or better known.

    An estimate gives way when the library has learned the announced arrangement; an import never does.
    """
    changed = 0
    for year in years:
        found = OfficialYear.objects.filter(pk=year).first()
        if found is not None and (found.origin != Origin.LIBRARY or not found.is_estimate):
            continue
        arrangement = library_year(year)
        if found is not None and arrangement.is_estimate:
            continue
        write_year(arrangement, Origin.LIBRARY, now=now)
        changed += 1
    return changed


@transaction.atomic
def write_year(arrangement: Arrangement, origin: str, *, now: datetime, by: object = None) -> OfficialYear:
    """Replace a year's official arrangement. Calendars take it over with their next version."""
    year, _made = OfficialYear.objects.update_or_create(
        year=arrangement.year,
        defaults={"origin": origin, "is_estimate": arrangement.is_estimate, "updated_at": now, "updated_by": by},
    )
    OfficialDay.objects.filter(year=year).delete()
    # A holiday may reach over New Year's Eve: a day belongs to the arrangement that named it last.
    OfficialDay.objects.filter(date__in=[day.date for day in arrangement.days]).delete()
    OfficialDay.objects.bulk_create(
        OfficialDay(date=day.date, year=year, name=day.name[:60], is_off=day.is_off) for day in arrangement.days
    )
    return year


def copy_official_days(version: CalendarVersion) -> None:
    """Write the official arrangement into a draft; days of our own stay as they are."""
    own = set(version.days.filter(origin=Origin.OWN).values_list("date", flat=True))
    version.days.exclude(origin=Origin.OWN).delete()
    version.years.all().delete()
    years = {year.year: year for year in OfficialYear.objects.all()}
    CalendarYear.objects.bulk_create(
        CalendarYear(version=version, year=number, is_estimate=year.is_estimate) for number, year in years.items()
    )
    CalendarDay.objects.bulk_create(
        CalendarDay(
            version=version, date=day.date, is_off=day.is_off, name=day.name, origin=years[day.year_id].origin
        )
        for day in OfficialDay.objects.all()
        if day.date not in own
    )


def write_spans(version: CalendarVersion, use: str, spans: dict[int, Spans]) -> None:
    CalendarSpan.objects.bulk_create(
        CalendarSpan(version=version, use=use, weekday=weekday, minutes=NumericRange(first, last, "[)"))
        for weekday, pairs in spans.items()
        for first, last in pairs
    )


def ensure_default(now: datetime | None = None) -> CalendarVersion:
    """The company's default calendar, made on first need: two callers at once make one."""
    moment = now or timezone.now()
    try:
        with transaction.atomic():
            calendar, _made = WorkCalendar.objects.get_or_create(
                is_default=True, defaults={"code": DEFAULT_CODE, "name": DEFAULT_NAME}
            )
            found = calendar.versions.filter(published_at__isnull=False).order_by("-number").first()
            if found is not None:
                return found
            local = timezone.localtime(moment)
            ensure_years(range(local.year - YEARS_BEHIND, local.year + YEARS_AHEAD + 1), now=moment)
            version = CalendarVersion.objects.create(calendar=calendar, number=1, made_at=moment)
            write_spans(version, Use.SERVICE, DEFAULT_SERVICE)
            write_spans(version, Use.WORKING, DEFAULT_WORKING)
            copy_official_days(version)
            version.published_at = moment
            version.save(update_fields=["published_at"])
            return version
    except IntegrityError:
        return CalendarVersion.objects.filter(calendar__is_default=True, published_at__isnull=False).latest("number")
