"""A calendar's next version: opened as a copy of the one in force, changed, and published or thrown away.

Every verb locks the draft and is told how often it had been changed when its page was made (``edits``): of two
people who edit at once the second hears of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.db.models import OuterRef, ProtectedError, QuerySet
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from shimao_service import calendars
from shimao_service.exceptions import Conflict, Invalid, Stale
from shimao_service.models import (
    CalendarDay,
    CalendarSpan,
    CalendarVersion,
    OfficialDay,
    OfficialYear,
    Origin,
    Use,
    User,
    WorkCalendar,
)
from shimao_service.working_time import HOLIDAY, WORKING, Spans

# A closure longer than this is a typing mistake; summer hours last longer.
LONGEST_RANGE, LONGEST_SEASON = 60, 200
ONE_DAY = timedelta(days=1)

P = ParamSpec("P")
R = TypeVar("R")


def _on_draft(
    verb: Callable[Concatenate[CalendarVersion, P], R],
) -> Callable[Concatenate[WorkCalendar, int, P], R]:
    """Run the verb on the locked draft, when it is the one the page showed. Raises ``Conflict``, ``Stale``."""

    @wraps(verb)
    def run(calendar: WorkCalendar, edits: int, *args: P.args, **kwargs: P.kwargs) -> R:
        with transaction.atomic():
            draft = calendar.versions.select_for_update().filter(published_at=None).first()
            if draft is None:
                raise Conflict(_("这份草稿已经发布或放弃，请重新打开日历。"))
            if draft.edits != edits:
                raise Stale(_("这份草稿刚被他人修改过，您的修改没有保存。请核对下面的最新内容后再保存。"))
            draft.edits += 1
            draft.save(update_fields=["edits"])
            return verb(draft, *args, **kwargs)

    return run


def draft_of(calendar: WorkCalendar) -> CalendarVersion | None:
    return calendar.versions.filter(published_at=None).first()


def create(*, code: str, name: str, timezone: str, now: datetime) -> WorkCalendar:
    """A new calendar with a draft that begins as the company's default."""
    source = calendars.current_version()
    try:
        with transaction.atomic():
            calendar = WorkCalendar.objects.create(code=code, name=name, timezone=timezone)
            _copy(source, CalendarVersion.objects.create(calendar=calendar, number=1, made_at=now))
            return calendar
    except IntegrityError:  # somebody else was quicker
        raise Invalid.field("code", _("已有这个编码或名称的日历。")) from None


@transaction.atomic
def open_draft(calendar: WorkCalendar, *, source: int | None = None, now: datetime) -> CalendarVersion:
    """The draft there is, or a new one copied from the version in force, or from the older one numbered ``source``."""
    if not WorkCalendar.objects.select_for_update().filter(pk=calendar.pk).exists():
        raise Conflict(_("这个日历刚被放弃。"))
    found = draft_of(calendar)
    if found is not None:
        return found
    latest = calendar.versions.order_by("-number").first()
    draft = CalendarVersion.objects.create(calendar=calendar, number=latest.number + 1 if latest else 1, made_at=now)
    older = calendar.versions.filter(number=source, published_at__isnull=False).first() if source else None
    _copy(older or latest or calendars.current_version(), draft)
    return draft


def _copy(source: CalendarVersion, draft: CalendarVersion) -> None:
    draft.serves_holidays = source.serves_holidays
    draft.save(update_fields=["serves_holidays"])
    every: tuple[QuerySet[Any], ...] = (source.spans.all(), source.days.all(), source.years.all())
    for rows in every:
        copies = list(rows)
        for row in copies:
            row.pk, row.version = None, draft
        rows.model._default_manager.bulk_create(copies)


@_on_draft
def discard(draft: CalendarVersion) -> None:
    """Throw the draft away; a calendar that was never published goes with it, unless a project names it already."""
    calendar = draft.calendar
    draft.delete()
    if not calendar.versions.exists():
        with suppress(ProtectedError):
            calendar.delete()


@_on_draft
def write_week(
    draft: CalendarVersion, *, service: Mapping[int, Spans], working: Mapping[int, Spans], serves_holidays: bool
) -> None:
    """Replace the weekly hours; ``service`` may have hours for holidays (7)."""
    if not any(working.values()):
        raise Invalid.field("working_0", _("一周里至少要有一天是工作时间。"))
    if not any(spans for day, spans in service.items() if day != HOLIDAY):
        # Limits in service time would never run out, and nothing could be registered.
        raise Invalid.field("service_0", _("一周里至少要有一天是服务时间。"))
    draft.spans.filter(date=None).delete()
    calendars.write_spans(draft, Use.SERVICE, dict(service))
    calendars.write_spans(draft, Use.WORKING, {day: spans for day, spans in working.items() if day != HOLIDAY})
    draft.serves_holidays = serves_holidays
    draft.save(update_fields=["serves_holidays"])


@_on_draft
def write_days(
    draft: CalendarVersion,
    *,
    first: date,
    last: date,
    name: str,
    is_off: bool,
    keeps_days: bool = False,
    is_unserved: bool = False,
    service: Spans = (),
    working: Spans = (),
) -> None:
    """Days of our own, above the official ones: off, or worked, with hours of their own where some are given.

    ``keeps_days`` (summer hours) leaves open which days are worked: those that would be get the hours, and the others
    only those of service, where some are given.
    """
    longest = LONGEST_SEASON if keeps_days else LONGEST_RANGE
    if last < first:
        raise Invalid.field("last", _("结束日期不能早于开始日期。"))
    if (last - first).days >= longest:
        raise Invalid.field("last", _("一次最多填写 %(days)d 天。") % {"days": longest})
    if keeps_days:
        _write_season(draft, _every_day(first, last), name, service=service, working=working, is_unserved=is_unserved)
        return
    if is_off and working:
        raise Invalid.field("working", _("放假的日子没有工作时间；要缩短工作时间，请选“上班”。"))
    if is_unserved and service:
        raise Invalid.field("service", _("已选择停止服务，请不要再填服务时间。"))
    days = _every_day(first, last)
    _write(draft, days, name, is_off=is_off, is_unserved=is_unserved)
    _write_own_hours(draft, Use.SERVICE, dict.fromkeys(days, service))
    _write_own_hours(draft, Use.WORKING, dict.fromkeys(days, working))


def _every_day(first: date, last: date) -> list[date]:
    return [first + ONE_DAY * offset for offset in range((last - first).days + 1)]


def _write_season(
    draft: CalendarVersion, days: Sequence[date], name: str, *, service: Spans, working: Spans, is_unserved: bool
) -> None:
    if is_unserved:
        raise Invalid.field("is_unserved", _("停止服务请选“放假”或“上班”。"))
    if not service and not working:
        raise Invalid.field("working", _("请填写这段日子的工作时间或服务时间。"))
    read = calendars.read(CalendarVersion.objects.get(pk=draft.pk))
    # Hours of their own, also where none were typed: without, a worked Saturday would have a weekday's.
    worked = {day: working or read.minutes(WORKING, day) for day in days if read.is_working_day(day)}
    rest = [day for day in days if service and day not in worked]
    _write(draft, list(worked), name, is_off=False)
    _write(draft, rest, name, is_off=True)
    _write_own_hours(draft, Use.SERVICE, dict.fromkeys([*worked, *rest], service))
    _write_own_hours(draft, Use.WORKING, worked)


def _write(draft: CalendarVersion, days: Sequence[date], name: str, *, is_off: bool, is_unserved: bool = False) -> None:
    _clear(draft, days)
    CalendarDay.objects.bulk_create(
        CalendarDay(version=draft, date=day, is_off=is_off, name=name, is_unserved=is_unserved, origin=Origin.OWN)
        for day in days
    )


def _clear(draft: CalendarVersion, days: Sequence[date]) -> None:
    draft.days.filter(date__in=days).delete()
    draft.spans.filter(date__in=days).delete()


def _write_own_hours(draft: CalendarVersion, use: str, hours: Mapping[date, Spans]) -> None:
    CalendarSpan.objects.bulk_create(
        CalendarSpan(version=draft, use=use, date=day, minutes=NumericRange(since, until, "[)"))
        for day, spans in hours.items()
        for since, until in spans
    )


@_on_draft
def remove_days(draft: CalendarVersion, *, day: date, last: date | None = None) -> None:
    """Take back days of our own, up to ``last``; the official arrangement of those days is there again."""
    own = draft.days.filter(origin=Origin.OWN, date__range=(day, last or day))
    days = list(own.values_list("date", flat=True))
    _clear(draft, days)
    CalendarDay.objects.bulk_create(
        CalendarDay(
            version=draft, date=official.date, is_off=official.is_off, name=official.name, origin=official.year.origin
        )
        for official in OfficialDay.objects.select_related("year").filter(date__in=days)
    )


@_on_draft
def take_over(draft: CalendarVersion) -> None:
    """Replace holidays and make-up workdays by the official arrangement as it is now; our own days stay."""
    calendars.copy_official_days(draft)


@_on_draft
def publish(draft: CalendarVersion, *, note: str, by: User, now: datetime) -> CalendarVersion:
    """From now on this version is in force, and never changes again."""
    draft.note, draft.published_at, draft.published_by = note, now, by
    draft.save(update_fields=["note", "published_at", "published_by"])
    transaction.on_commit(calendars.look_again)
    return draft


@transaction.atomic
def adopt(calendar: WorkCalendar, *, by: User, now: datetime) -> CalendarVersion:
    """Take the official arrangement over and publish that at once, where nothing else is being changed.

    Raises ``Conflict`` where there is a draft: publishing would take along what somebody is still writing.
    """
    WorkCalendar.objects.select_for_update().filter(pk=calendar.pk).first()  # nobody opens a draft meanwhile
    if draft_of(calendar) is not None:
        raise Conflict(_("这个日历有一份草稿，请在草稿里采用后发布。"))
    untaken = untaken_years(calendars.current_version(calendar.pk))
    if not untaken:
        raise Conflict(_("这个日历已经采用最新的官方安排。"))
    draft = open_draft(calendar, now=now)
    take_over(calendar, draft.edits)
    years = _("、").join(str(year) for year in untaken)
    note = _("采用 %(years)s 年官方节假日安排") % {"years": years}
    return publish(calendar, draft.edits + 1, note=note[:200], by=by, now=now)


def untaken_years(version: CalendarVersion) -> list[int]:
    """Years whose official arrangement is not what this version has: announced since, imported, or new. One query
    for a version that is whole."""
    version = calendars.made_whole(version)
    days = calendars.days_of(version)
    taken = {day: (row.is_off, row.name) for day, row in days.items() if row.origin != Origin.OWN}
    known = {(row["year"], row["is_estimate"]) for row in version.year_rows}  # type: ignore[attr-defined]
    official = OfficialDay.objects.filter(year=OuterRef("pk"))
    rows = JSONObject(date="date", is_off="is_off", name="name")
    untaken = set()
    for year in OfficialYear.objects.annotate(day_rows=ArraySubquery(official.values(row=rows))):
        different = (year.year, year.is_estimate) not in known
        for row in year.day_rows:
            day = date.fromisoformat(row["date"])
            is_own = day in days and days[day].origin == Origin.OWN
            different |= not is_own and taken.pop(day, None) != (row["is_off"], row["name"])
        if different:
            untaken.add(year.year)
    return sorted(untaken | {day.year for day in taken})
