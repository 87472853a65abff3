"""The duty table as its page shows it: this week's turns, who stands in, and the hours nobody has."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from shimao_service import calendars
from shimao_service.working_time import ONE_DAY, Calendar
from staff import duty, duty_week
from staff.access import Viewer
from staff.duty import GONE, Turn, hours
from staff.models import DutySlot, Employee, Project, StaffChange, Weekday
from staff.permissions import Permission

# Nobody says 今晚 of a turn that begins before.
EVENING = time(17)
# What takes somebody out of the table without changing it.
ENDINGS = (
    StaffChange.Action.LEFT, StaffChange.Action.ACCOUNT_CLOSED, StaffChange.Action.REVOKED,
)  # fmt: skip
# Who looks after more projects than these opens their tables one by one.
MOST_AT_HOME = 3


@dataclass(slots=True)
class Day:
    """A column of the table, and a paragraph on the phone."""

    weekday: int
    date: date
    is_today: bool
    gaps: list[str]
    turns: list[Turn] = field(default_factory=list)

    @property
    def label(self) -> str:
        return str(Weekday(self.weekday).label)


@dataclass(slots=True)
class Row:
    """Equal hours of several days: one list of turns a day."""

    starts: time
    ends: time
    days: list[Day]

    @property
    def cells_by_day(self) -> list[tuple[Day, list[Turn]]]:
        mine = (self.starts, self.ends)
        return [(day, [one for one in day.turns if (one.slot.starts, one.slot.ends) == mine]) for day in self.days]

    @property
    def hours(self) -> str:
        return f"{self.starts:%H:%M}–{self.ends:%H:%M}"

    @property
    def is_overnight(self) -> bool:
        return self.ends <= self.starts


@dataclass(slots=True)
class Leftover:
    """Somebody the table still names and who cannot answer in any of his slots; ``since`` is the change that made it
    so, where it is written down."""

    person: Employee
    why: str
    slots: list[DutySlot] = field(default_factory=list)
    is_covered: bool = True
    since: StaffChange | None = None

    @property
    def when(self) -> list[str]:
        return in_words(self.slots, self.person.pk)


def in_words(slots: Iterable[DutySlot], pk: int) -> list[str]:
    """Somebody's slots, equal hours together: ``["周一至周五 20:00–08:30", "周日 08:30–20:00（副班）"]``."""
    found: dict[tuple[str, bool], list[int]] = {}
    for slot in slots:
        found.setdefault((hours(slot), slot.deputy_id == pk), []).append(slot.weekday)
    return [
        f"{duty_week.days_in_words(days)} {span}" + (_("（副班）") if as_deputy else "")
        for (span, as_deputy), days in found.items()
    ]


@dataclass(slots=True)
class Week:
    days: list[Day]
    rows: list[Row]
    running: list[Turn]
    # Turns still to come this week that nobody can take; hours of every week that nobody has.
    unfilled: list[Turn]
    gaps: list[str]
    service: list[str]
    # Who the table names though he has left, lost his login or the right to dispatch, or works elsewhere.
    leftovers: list[Leftover]

    @property
    def running_slots(self) -> set[int]:
        return {turn.slot.pk for turn in self.running}

    @property
    def has_gap_of_day(self) -> bool:
        return any(day.gaps for day in self.days)


def week(project: Project, now: datetime) -> Week:
    """The week of ``now`` in the project's own time; two queries."""
    calendar = calendars.current(project.calendar_id)
    today = calendar.local(now).date()
    monday = today - timedelta(days=today.weekday())
    start, end = (datetime.combine(day, time(), tzinfo=calendar.zone) for day in (monday, monday + 7 * ONE_DAY))
    found = duty.turns([project.pk], start, end)
    turns = [turn for turn in found if turn.starts_at >= start]
    gaps = open_hours(turns, calendar, monday)
    days = [
        Day(n, monday + n * ONE_DAY, monday + n * ONE_DAY == today, duty_week.of_day(gaps, n)) for n in range(7)
    ]  # fmt: skip
    rows: dict[tuple[time, time], Row] = {}
    for turn in turns:
        slot = turn.slot
        days[slot.weekday].turns.append(turn)
        rows.setdefault((slot.starts, slot.ends), Row(slot.starts, slot.ends, days))
    return Week(
        days=days,
        rows=[rows[key] for key in sorted(rows)],
        running=[turn for turn in found if turn.covers(now) and turn.employee],
        unfilled=[turn for turn in found if turn.ends_at > now and turn.employee is None and not is_forsaken(turn)],
        gaps=duty_week.in_words(gaps),
        service=duty_week.in_words(duty_week.service(calendar, monday)),
        leftovers=leftovers(turns, project),
    )


def is_forsaken(turn: Turn) -> bool:
    """Whether nobody it names will ever answer, until somebody changes the table."""
    return turn.employee is None and {why.code for _who, why in turn.skipped} <= GONE


def leftovers(turns: list[Turn], project: Project) -> list[Leftover]:
    """By the order of the week; one query where there are any, and none elsewhere."""
    found: dict[int, Leftover] = {}
    for turn in turns:
        for person, why in turn.skipped:
            if why.code in GONE:
                one = found.setdefault(person.pk, Leftover(person, why.words))
                one.slots.append(turn.slot)
                one.is_covered &= not is_forsaken(turn)
    if found:
        roles = Q(employee__in=found, action__in=ENDINGS) & (Q(project=project) | Q(project=None))
        for change in StaffChange.objects.filter(roles).order_by("at", "pk"):
            found[change.employee_id or 0].since = change
    return list(found.values())


def open_hours(turns: list[Turn], calendar: Calendar, monday: date) -> list[duty_week.Span]:
    """Outside service time and in no turn that anybody could take; who is only on leave comes back."""
    covered = duty_week.service(calendar, monday)
    for turn in turns:
        if not is_forsaken(turn):
            covered += duty_week.spans(turn.slot.weekday, turn.slot.starts, turn.slot.ends)
    return duty_week.uncovered(covered)


# --- the line on the home page ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Line:
    """One turn for the desk: on now, or still to begin today."""

    turn: Turn
    is_now: bool
    is_tonight: bool


def at_home(viewer: Viewer, now: datetime) -> list[Line]:
    """:func:`today` for who hands out work, of the project picked or of his few; at most one query."""
    if not viewer.can(Permission.TICKET_DISPATCH):
        return []
    places = [viewer.project] if viewer.project else viewer.projects
    return today([one.pk for one in places], now) if len(places) <= MOST_AT_HOME else []


def today(projects: Collection[int], now: datetime) -> list[Line]:
    """Who is on duty now and later today, also turns nobody can take; one query."""
    lines = []
    for turn in duty.turns(projects, now, now + ONE_DAY):
        zone = ZoneInfo(turn.slot.zone)  # type: ignore[attr-defined]
        begins = turn.starts_at.astimezone(zone)
        is_now = turn.covers(now)
        if is_now or begins.date() == now.astimezone(zone).date():
            lines.append(Line(turn, is_now, not is_now and begins.time() >= EVENING))
    return lines
