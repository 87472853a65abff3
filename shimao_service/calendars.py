"""Calendars as kept in the database: which one is in force, and what its versions say.

Published versions never change (a trigger refuses it), so what was read once is kept by the process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from django.contrib.postgres.expressions import ArraySubquery
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils import timezone
from django.utils.translation import gettext as _
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
from shimao_service.official_days import Arrangement, Difference, OfficialDate, differences, library_year
from shimao_service.working_time import HOLIDAY, NOTHING, SERVICE, WORKING, Calendar, Day, Spans

# Service time: every day 08:30–20:00. Working days: Monday to Friday 08:30–12:00 and 13:30–17:30 (建议值).
DEFAULT_SERVICE: dict[int, Spans] = dict.fromkeys(range(7), ((510, 1200),))
DEFAULT_WORKING: dict[int, Spans] = dict.fromkeys(range(5), ((510, 720), (810, 1050)))
DEFAULT_CODE, DEFAULT_NAME = "default", N_("公司日历")
YEARS_BEHIND, YEARS_AHEAD = 2, 2

_MEASURE = {Use.SERVICE: SERVICE, Use.WORKING: WORKING}


class Uses(Protocol):
    """What the floors above know of calendars: which projects live by which, and who may change one."""

    def calendar_of(self, code: str) -> int | None:
        """The calendar of a project, ``None`` for the default one. Raises ``LookupError``: no such project."""

    def users_of(self) -> dict[int | None, list[str]]:
        """Names of the projects in use, by calendar; under ``None`` those of the default one."""

    def may_see(self, viewer: Any) -> bool: ...

    def may_edit(self, viewer: Any, calendar: WorkCalendar) -> bool: ...


class Change(Protocol):
    """Starts taking a published version over to open requests; answers the address of the preview."""

    def __call__(self, version: CalendarVersion, by: Any, now: datetime) -> str: ...


class _Unused:
    """As long as nobody registered: no projects, and nobody but the system's own administrators."""

    def calendar_of(self, code: str) -> int | None:
        raise LookupError(code)

    def users_of(self) -> dict[int | None, list[str]]:
        return {}

    def may_see(self, viewer: Any) -> bool:
        return bool(viewer.user.is_superuser)

    def may_edit(self, viewer: Any, calendar: WorkCalendar) -> bool:
        return bool(viewer.user.is_superuser)


uses: Uses = _Unused()
change: Change | None = None


def register_uses(registered: Uses) -> None:
    global uses
    uses = registered


def register_change(start: Change) -> None:
    """``start(version, by, now)``, ``by`` an employee (or a user who is none), answers where the preview is."""
    global change
    change = start


@lru_cache(maxsize=512)
def load(version_id: int) -> Calendar:
    """The calendar of a published version, in one query. Raises ``CalendarVersion.DoesNotExist``."""
    return read(whole(CalendarVersion.objects.filter(pk=version_id)).get())


def whole(versions: QuerySet[CalendarVersion]) -> QuerySet[CalendarVersion]:
    """Versions with their calendar, spans, days and years, all in one query."""
    spans = CalendarSpan.objects.filter(version=OuterRef("pk")).values(
        row=JSONObject(use="use", weekday="weekday", date="date", first="minutes__startswith", last="minutes__endswith")
    )
    days = CalendarDay.objects.filter(version=OuterRef("pk")).order_by("date")
    years = CalendarYear.objects.filter(version=OuterRef("pk"))
    return versions.select_related("calendar").annotate(
        span_rows=ArraySubquery(spans),
        day_rows=ArraySubquery(
            days.values(
                row=JSONObject(date="date", is_off="is_off", name="name", origin="origin", is_unserved="is_unserved")
            )
        ),
        year_rows=ArraySubquery(years.values(row=JSONObject(year="year", is_estimate="is_estimate"))),
    )


def made_whole(version: CalendarVersion) -> Any:
    """The version with its rows: asked now, unless :func:`whole` brought them."""
    if hasattr(version, "span_rows"):
        return version
    return whole(CalendarVersion.objects.filter(pk=version.pk)).get()


def days_of(version: CalendarVersion) -> dict[date, CalendarDay]:
    """The special days of a version, in order."""
    rows = made_whole(version).day_rows
    days = [CalendarDay(**row | {"date": date.fromisoformat(row["date"]), "version": version}) for row in rows]
    return {day.date: day for day in days}


def read(version: CalendarVersion) -> Calendar:
    """The calendar of any version, drafts included; not kept."""
    version = made_whole(version)
    weekly: dict[str, dict[int, list[tuple[int, int]]]] = {SERVICE: defaultdict(list), WORKING: defaultdict(list)}
    special: dict[tuple[str, date], list[tuple[int, int]]] = defaultdict(list)
    for row in version.span_rows:  # type: ignore[attr-defined]
        measure, span = _MEASURE[Use(row["use"])], (row["first"], row["last"])
        if row["weekday"] is not None:
            weekly[measure][row["weekday"]].append(span)
        else:
            special[(measure, date.fromisoformat(row["date"]))].append(span)
    if not version.serves_holidays:
        weekly[SERVICE].setdefault(HOLIDAY, [])
    days: dict[date, Day] = {}
    for day, found in days_of(version).items():
        days[day] = Day(found.is_off, found.name)
        if found.is_unserved:
            special[(SERVICE, day)] = []
    years = {row["year"]: row["is_estimate"] for row in version.year_rows}  # type: ignore[attr-defined]
    return Calendar(
        timezone=version.calendar.timezone,
        service={weekday: tuple(sorted(spans)) for weekday, spans in weekly[SERVICE].items()},
        working={weekday: tuple(sorted(spans)) for weekday, spans in weekly[WORKING].items()},
        days=days,
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

    An estimate gives way when the library has learned the announced arrangement; an import never does. One query
    when there is nothing to do.
    """
    changed = 0
    wanted = sorted(set(years))
    known = OfficialYear.objects.in_bulk(wanted)
    for year in wanted:
        found = known.get(year)
        if found is not None and (found.origin != Origin.LIBRARY or not found.is_estimate):
            continue
        arrangement = library_year(year)
        if found is not None and arrangement.is_estimate:
            continue
        write_year(arrangement, Origin.LIBRARY, now=now)
        changed += 1
    return changed


def keep_years(now: datetime) -> int:
    """A source of the tick: the years around us are there, and what the library learned is taken over. Asked once a
    day by each process."""
    global _kept_on
    today = timezone.localtime(now).date()
    if _kept_on == today:
        return 0
    changed = ensure_years(range(today.year - YEARS_BEHIND, today.year + YEARS_AHEAD + 1), now=now)
    _kept_on = today
    return changed


_kept_on: date | None = None


@transaction.atomic
def write_year(arrangement: Arrangement, origin: str, *, now: datetime, by: Any = None) -> OfficialYear:
    """Replace a year's official arrangement. Calendars take it over with their next version.

    A holiday may reach over New Year's Eve: such a day belongs to the arrangement that named it last, but never is
    an imported one taken away by the library.
    """
    year, _made = OfficialYear.objects.update_or_create(
        year=arrangement.year,
        defaults={"origin": origin, "is_estimate": arrangement.is_estimate, "updated_at": now, "updated_by": by},
    )
    days = {day.date: day for day in arrangement.days}
    others = OfficialDay.objects.filter(date__in=list(days)).exclude(year=year)
    if origin == Origin.LIBRARY:
        for kept in others.filter(year__origin=Origin.IMPORT).values_list("date", flat=True):
            del days[kept]
    OfficialDay.objects.filter(year=year).delete()
    OfficialDay.objects.filter(date__in=list(days)).delete()
    OfficialDay.objects.bulk_create(
        OfficialDay(date=day.date, year=year, name=day.name[:60], is_off=day.is_off) for day in days.values()
    )
    return year


def year_differences(arrangement: Arrangement) -> list[Difference]:
    """What :func:`write_year` would change; nothing when it is there already."""
    stored = OfficialDay.objects.filter(year_id=arrangement.year) | OfficialDay.objects.filter(
        date__in=[day.date for day in arrangement.days]
    )
    before = [OfficialDate(day.date, day.name, day.is_off) for day in stored]
    return differences(before, arrangement.days)


def import_year(arrangement: Arrangement, *, now: datetime, by: Any = None) -> list[Difference]:
    """Write an announced arrangement that somebody brought; answer what changed. The same again changes nothing."""
    changed = year_differences(arrangement)
    write_year(arrangement, Origin.IMPORT, now=now, by=by)
    look_again()
    return changed


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
        CalendarDay(version=version, date=day.date, is_off=day.is_off, name=day.name, origin=years[day.year_id].origin)
        for day in OfficialDay.objects.all()
        if day.date not in own
    )


def write_spans(version: CalendarVersion, use: str, spans: dict[int, Spans]) -> None:
    CalendarSpan.objects.bulk_create(
        CalendarSpan(version=version, use=use, weekday=weekday, minutes=NumericRange(first, last, "[)"))
        for weekday, pairs in spans.items()
        for first, last in pairs
    )


# Every page asks; a process looks at most so often.
LOOK_AGAIN_AFTER = timedelta(minutes=5)
WARN_FROM_MONTH = 11
_looked: tuple[datetime, bool, bool] | None = None


def is_next_year_open(now: datetime) -> bool:
    """From November on: whether a calendar in force knows the next year only as an estimate, or not at all."""
    return timezone.localtime(now).month >= WARN_FROM_MONTH and _looked_up(now)[0]


def is_next_year_announced(now: datetime) -> bool:
    """Whether the next year's arrangement is here already, so that calendars only have to take it over."""
    return _looked_up(now)[1]


def _looked_up(now: datetime) -> tuple[bool, bool]:
    global _looked
    next_year = timezone.localtime(now).year + 1
    if _looked is None or not NOTHING <= now - _looked[0] < LOOK_AGAIN_AFTER:
        published = CalendarVersion.objects.filter(published_at__isnull=False).order_by("calendar_id", "-number")
        settled = CalendarYear.objects.filter(version=OuterRef("pk"), year=next_year, is_estimate=False)
        announced = OfficialYear.objects.filter(year=next_year, is_estimate=False)
        in_force = published.distinct("calendar_id").annotate(is_settled=Exists(settled), is_known=Exists(announced))
        rows = list(in_force.values_list("is_settled", "is_known"))
        _looked = now, not all(settled for settled, _known in rows), any(known for _settled, known in rows)
    return _looked[1:]


def look_again() -> None:
    """Forget what was looked up: something was published or imported."""
    global _looked
    _looked = None


def forget() -> None:
    """Drop all that the process keeps: for tests, where the tables begin anew."""
    global _kept_on
    _kept_on = None
    load.cache_clear()
    look_again()


def estimate_warning(viewer: Any, _counts: dict[str, int]) -> str:
    """The line above every page of those who keep the calendars."""
    now = timezone.now()
    if not uses.may_see(viewer) or not is_next_year_open(now):
        return ""
    year = {"year": timezone.localtime(now).year + 1}
    if is_next_year_announced(now):
        return (
            _("%(year)d 年的节假日安排已经公布，还有日历没有采用，跨年的时限可能变动。请在“日历”中采用并发布。") % year
        )
    return _("%(year)d 年的节假日目前只是预估，跨年的时限可能变动。安排公布后请在“日历”中导入并采用。") % year


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
