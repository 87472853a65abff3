"""``manage.py working_time``: what-ifs about due times, without opening a page.

``add 2026-02-13T16:00 8h`` prints when eight working hours have passed, ``between FROM TO`` prints minutes. The
answer is the first line and all of stdout unless ``--explain`` is given; remarks go to stderr. Bad input: exit code 2.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError

from shimao_service import calendars, walkthrough
from shimao_service.working_time import (
    HOLIDAY,
    NATURAL,
    SERVICE,
    WORKING,
    Calendar,
    NeverOpen,
    Pause,
    add,
    between,
    due,
)

DURATION = re.compile(r"(?:(?P<hours>\d{1,6})h)?(?:(?P<minutes>\d{1,8})m?)?", re.ASCII)
WORKING_DAYS = re.compile(r"(?P<days>\d{1,4})wd", re.ASCII)
# Library years for a calendar without a database: enough for what people ask, and quick.
YEARS_WITHOUT_DATABASE = 3
UNITS = {
    NATURAL: ("自然时间", "natural time"),
    SERVICE: ("服务时间", "service time"),
    WORKING: ("工作时间", "working time"),
}
WEEKDAYS = "一二三四五六日"


def refuse(chinese: str, english: str) -> NoReturn:
    raise CommandError(f"{chinese} / {english}", returncode=2)


class Command(BaseCommand):
    help = (
        "工作时间推算 / what-ifs about working time: working_time add 2026-02-13T16:00 8h; working_time between FROM TO"
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="add|between")
        adding = verbs.add_parser("add", help="到期时间 / the instant by which DURATION has passed")
        adding.add_argument("start", metavar="FROM", help="2026-02-13T16:00")
        adding.add_argument("duration", metavar="DURATION", help="90m, 8h, 1h30m, 30 (minutes), 3wd (working days)")
        counting = verbs.add_parser("between", help="相隔多少分钟 / whole minutes from FROM to TO")
        counting.add_argument("start", metavar="FROM")
        counting.add_argument("end", metavar="TO")
        for one in (adding, counting):
            one.add_argument("--pause", nargs=2, action="append", default=[], metavar=("FROM", "TO"))
            measures = one.add_mutually_exclusive_group()
            measures.add_argument("--service", action="store_true", help="服务时间 / service time")
            measures.add_argument("--natural", action="store_true", help="自然时间 / natural time, day and night")
            one.add_argument("--project", metavar="CODE", help="按该项目的日历 / by this project's calendar")
            one.add_argument("--explain", action="store_true", help="逐日说明 / day by day")
        for one in (parser, adding, counting):
            one.error = self.refuse_arguments  # type: ignore[method-assign]

    def refuse_arguments(self, message: str) -> NoReturn:
        """Arguments are parsed before Django catches a command's own errors."""
        try:
            refuse("参数不对，用法见 working_time --help", message)
        except CommandError as error:
            if not self._called_from_command_line:  # type: ignore[attr-defined]
                raise
            self.stderr.write(str(error))
            sys.exit(error.returncode)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] is None:
            refuse("请写 add 或 between", "say add or between")
        self.measure = SERVICE if options["service"] else NATURAL if options["natural"] else WORKING
        # The zone is the calendar's, which is read for the years in question: parse first, place afterwards.
        typed = {name: moment(options[name]) for name in ("start", "end") if options.get(name) is not None}
        typed_pauses = [(moment(since), moment(until)) for since, until in options["pause"]]
        length = duration(options["duration"]) if options["verb"] == "add" else (WORKING, 0)
        calendar = self.calendar(options["project"], typed["start"].year, length[1] if length[0] == WORKING else 0)
        start = place(calendar, typed["start"])
        pauses = [(place(calendar, since), place(calendar, until)) for since, until in typed_pauses]
        if any(until < since for since, until in pauses):
            refuse("暂停的结束早于开始", "a pause ends before it begins")
        try:
            if options["verb"] == "add":
                end = self.ends(calendar, start, *length, pauses)
                self.stdout.write(local(calendar, end))
            else:
                end = place(calendar, typed["end"])
                self.stdout.write(str(between(calendar, self.measure, start, end, pauses) // timedelta(minutes=1)))
            self.remark(calendar, start, end)
        except NeverOpen:
            refuse("这个日历一年内都没有开放的时段", "this calendar has no open hours within a year")
        except OverflowError:
            refuse("超出可推算的年份", "beyond the years that can be computed")
        if options["explain"]:
            self.explain(calendar, start, end, pauses)

    def ends(self, calendar: Calendar, start: datetime, unit: str, amount: int, pauses: list[Pause]) -> datetime:
        if unit == WORKING:
            if self.measure != WORKING:
                refuse("工作日（wd）只按工作时间推算", "working days (wd) are counted in working time only")
            return due(calendar, WORKING, start, amount, pauses)
        return add(calendar, self.measure, start, timedelta(minutes=amount), pauses)

    def calendar(self, project: str | None, year: int, days: int) -> Calendar:
        """The project's calendar, or the default one; from the library while there is no database to ask."""
        try:
            return calendars.current(calendars.uses.calendar_of(project) if project else None)
        except LookupError:
            refuse(f"没有项目 {project}", f"no project {project}")
        except (DatabaseError, ImproperlyConfigured):
            self.stderr.write(
                "没有数据库或尚未建表：按内置的默认日历推算。 / No database, or no tables: by the built-in calendar."
            )
        if project:
            refuse("没有数据库，无法按项目的日历推算", "a project's calendar needs the database")
        return calendars.default_calendar(year - 1, year + YEARS_WITHOUT_DATABASE + days // 200)

    def remark(self, calendar: Calendar, start: datetime, end: datetime) -> None:
        """What of it is only an estimate; natural time knows no holidays."""
        if self.measure == NATURAL or (self.measure == SERVICE and HOLIDAY not in calendar.service):
            return
        years = range(calendar.local(start).year, calendar.local(end).year + 1)
        if guessed := "、".join(str(year) for year in years if year in calendar.estimates):
            self.stderr.write(
                f"{guessed} 年的节假日尚未公布，按预估推算。 / The holidays of {guessed} are an estimate."
            )
        if unknown := "、".join(str(year) for year in years if year not in calendar.years):
            self.stderr.write(f"{unknown} 年的节假日未知，按平日推算。 / The holidays of {unknown} are not known.")

    def explain(self, calendar: Calendar, start: datetime, end: datetime, pauses: list[Pause]) -> None:
        chinese, english = UNITS[self.measure]
        self.stdout.write(f"按{chinese}，时区 {calendar.timezone} / in {english}, {calendar.timezone}")
        for account in walkthrough.days(calendar, self.measure, start, end, pauses):
            self.stdout.write("  ".join(explained(account)))


def explained(account: walkthrough.DayAccount) -> Iterator[str]:
    """One day: its date and what it is, the hours that count, the pauses, the minutes."""
    yield f"{account.date} 周{WEEKDAYS[account.date.weekday()]}"
    if account.special is not None:
        yield f"{account.special.name}（{'放假' if account.special.is_off else '上班'}）"
    if account.is_estimate:
        yield "预估"
    yield " ".join(f"{since:%H:%M}–{until:%H:%M}" for since, until in account.counted) or "不计"
    if account.paused:
        yield "暂停 " + " ".join(f"{since:%H:%M}–{until:%H:%M}" for since, until in account.paused)
    if account.amount:
        yield f"计 {account.amount // timedelta(minutes=1)} 分"


def moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        refuse(f"“{text}”不是时间，请写成 2026-02-13T16:00", f"{text!r} is no time, write 2026-02-13T16:00")


def place(calendar: Calendar, at: datetime) -> datetime:
    """A time without a zone is the calendar's local time."""
    try:
        return calendar.local(at if at.tzinfo else at.replace(tzinfo=calendar.zone))
    except OverflowError:
        refuse("超出可推算的年份", "beyond the years that can be computed")


def duration(text: str) -> tuple[str, int]:
    """``(wd, days)`` or ``(h, minutes)``."""
    if days := WORKING_DAYS.fullmatch(text):
        return WORKING, int(days["days"])
    found = DURATION.fullmatch(text)
    if not text or found is None:
        refuse(f"“{text}”不是时长，请写 90m、8h、1h30m、30 或 3wd", f"{text!r} is no duration: 90m, 8h, 1h30m, 30, 3wd")
    return NATURAL, int(found["hours"] or 0) * 60 + int(found["minutes"] or 0)


def local(calendar: Calendar, at: datetime) -> str:
    return calendar.local(at).replace(tzinfo=None).isoformat(timespec="minutes")
