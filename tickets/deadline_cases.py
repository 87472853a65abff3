"""The deadline cases that helpdesks get wrong, as data; docs/deadlines.md shows what is computed for each.

The list follows what the best peers test (and where their issues say they failed), with what our trade adds:
lunch, make-up workdays, appointments, authorities. The times are written out by hand once more in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from shimao_service import calendars
from shimao_service.working_time import HOLIDAY, Calendar
from tickets import deadlines
from tickets.deadlines import ClockState, Facts, Happening
from tickets.limits import Allowance, Limits, Terms
from tickets.presets import PRESETS
from tickets.statuses import ClockName, Kind, Status, Urgency, Verb

BEGIN, END = "<!-- cases: written by manage.py write_deadline_cases -->", "<!-- end of cases -->"
SHANGHAI = "Asia/Shanghai"
LIMITS = next(preset for preset in PRESETS if preset.is_default).limits()
# 2027 is an estimate here whatever the library knows by now: one case is about that.
COMPANY = replace(calendars.default_calendar(2025, 2027), estimates=frozenset({2027}))
WEEKDAYS = range(5)
# An office building: the desk is there Monday to Friday, 10:00–18:00, and closed on public holidays.
OFFICE = replace(
    COMPANY, service=dict.fromkeys(WEEKDAYS, ((600, 1080),)) | {HOLIDAY: ()}
)  # fmt: skip
# A desk that goes to lunch, and one that is there at night only, far away, where clocks change.
LUNCH = replace(COMPANY, service=dict.fromkeys(WEEKDAYS, ((510, 720), (810, 1050))))
NIGHTS = dict.fromkeys(range(7), ((0, 360), (1320, 1440)))
NEW_YORK = replace(COMPANY, timezone="America/New_York", service=NIGHTS, days={})


def limits(**clocks: tuple[int, str]) -> Limits:
    """The standard, but for ordinary repairs these clocks: ``resolution=(120, "sh")``."""
    of = ("repair", "normal", False)
    own = {name: Allowance(name, amount, unit, (amount, unit)) for name, (amount, unit) in clocks.items()}
    return Limits(dict(LIMITS.classes) | {of: own})


@dataclass(frozen=True)
class Case:
    """A request, what happened to it, and in which words. ``story`` holds events after the registration."""

    key: str
    title: str
    received: datetime
    facts: Facts = field(default_factory=lambda: Facts(Kind.REPAIR, Urgency.NORMAL))
    happened: str = ""
    story: tuple[Happening, ...] = ()
    calendar: Calendar = COMPANY
    limits: Limits = LIMITS
    # What version 2 of the policy says, where it changes while the request is open.
    later: Limits | None = None
    rule: str = ""

    def states(self) -> list[ClockState]:
        def terms_of(policy: int, _calendar: int) -> Terms:
            return Terms(self.later if policy == 2 and self.later else self.limits, self.calendar, policy)

        begun = Happening(Verb.REGISTER, self.received, 1, Status.REGISTERED, {})
        return deadlines.clocks(self.facts, self.received, [begun, *self.story], terms_of)


def at(month: int, day: int, hour: int, minute: int = 0, *, second: int = 0, year: int = 2026, zone: str = SHANGHAI):
    return datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo(zone))


def event(verb: Verb, when: datetime, to: str = Status.IN_PROGRESS, number: int = 1, **data: Any) -> Happening:
    return Happening(verb, when, number, to, data)


def hold(since: datetime, until: datetime | None, reason: str = "parts") -> tuple[Happening, ...]:
    """A hold and, where it ended, its end."""
    held = event(Verb.HOLD, since, Status.ON_HOLD, reason=reason)
    return (held, event(Verb.RESUME, until)) if until else (held,)


def changed(when: datetime, **changes: list) -> Happening:
    verb = Verb.RECLOCK if "policy_version" in changes else Verb.AMEND
    return event(verb, when, changes=changes)


REPAIR = Facts(Kind.REPAIR, Urgency.NORMAL)
URGENT = Facts(Kind.REPAIR, Urgency.URGENT)
COMPLAINT = Facts(Kind.COMPLAINT, Urgency.NORMAL, "ordinary")
ASKED = Facts(Kind.CONSULTATION, Urgency.NORMAL)
TWO_HOURS = limits(response=(30, "sh"), resolution=(120, "sh"))
WEDNESDAY = at(3, 4, 10)
FEW = limits(response=(30, "sh"), resolution=(24 * 60, "h"))

CASES: tuple[Case, ...] = (
    Case("working_day", "A working day", WEDNESDAY, COMPLAINT, rule="30 min service time, 24 h, 3 working days"),
    Case("before_opening", "Before the desk opens", at(3, 4, 7), ASKED, rule="4 h service time, 1 working day"),
    Case("night", "After it has closed", at(3, 4, 21), COMPLAINT, rule="as above, 3 working days"),
    Case("closing_time", "Ten minutes before it closes", at(3, 4, 19, 50), rule="30 min service time, 48 h"),
    Case("weekend", "On a Saturday", at(3, 7, 15), ASKED, rule="the desk is there, the office is not"),
    Case("friday", "Friday in hours, over the weekend", at(3, 6, 17), calendar=OFFICE, limits=TWO_HOURS,
         rule="office hours; 30 min and 2 h service time"),
    Case("friday_evening", "Friday after hours", at(3, 6, 19), calendar=OFFICE, limits=TWO_HOURS, rule="the same"),
    Case("holiday", "Over a public holiday", at(4, 3, 17), calendar=OFFICE, limits=TWO_HOURS,
         happened="Qingming, Saturday to Monday", rule="the same; closed on holidays"),
    Case("holiday_days", "Working days over a holiday", at(4, 2, 10), COMPLAINT,
         happened="Qingming, Saturday to Monday", rule="3 working days"),
    Case("make_up_saturday", "A make-up Saturday (调休) before the Spring Festival", at(2, 13, 16), COMPLAINT,
         happened="Saturday the 14th is worked, the 15th to 23rd are off", rule="3 working days"),
    Case("lunch", "Over the lunch break", at(3, 4, 11, 45), calendar=LUNCH, rule="30 min service time with a break"),
    Case("month_end", "Over the end of a month", at(1, 31, 19, 50), ASKED, rule="4 h service time, 1 working day"),
    Case("year_change", "Over New Year", at(12, 30, 16, year=2025), COMPLAINT,
         happened="1–3 January are off, Sunday the 4th is worked", rule="3 working days"),
    Case("estimate", "Into a year that is only an estimate", at(12, 31, 10), ASKED, rule="1 working day; marked"),
    Case("hold", "A hold", WEDNESDAY, happened="parts, Wed 15:00 – Thu 15:00",
         story=hold(at(3, 4, 15), at(3, 5, 15)), rule="48 h: moves on by 24 h"),
    Case("hold_to_closing", "A hold that pushes it to closing time", at(3, 5, 15), calendar=OFFICE, limits=TWO_HOURS,
         happened="an hour's hold", story=hold(at(3, 5, 15, 40), at(3, 5, 16, 40)), rule="2 h service time"),
    Case("hold_past_closing", "… and a second more", at(3, 5, 15), calendar=OFFICE, limits=TWO_HOURS,
         happened="an hour's hold and a second", story=hold(at(3, 5, 15, 40), at(3, 5, 16, 40, second=1)),
         rule="the second is due after the next opening"),
    Case("hold_over_holiday", "A hold over a holiday", at(4, 2, 10), COMPLAINT,
         happened="Fri 16:00 – Tue 10:00, Qingming between", story=hold(at(4, 3, 16), at(4, 7, 10)),
         rule="costs 3 h of working time, not 90 h"),
    Case("hold_over_lunch", "A hold over lunch", at(3, 4, 9), COMPLAINT, happened="11:30 – 14:00",
         story=hold(at(3, 4, 11, 30), at(3, 4, 14)), rule="costs 1 h of working time"),
    Case("hold_at_night", "A hold outside of hours", at(3, 4, 9), COMPLAINT, happened="Wed 18:00 – Thu 08:00",
         story=hold(at(3, 4, 18), at(3, 5, 8)), rule="costs nothing of working time"),
    Case("cycles", "Several cycles of holds", WEDNESDAY, happened="2 h, 1 h and 6 h",
         story=hold(at(3, 4, 12), at(3, 4, 14)) + hold(at(3, 5, 9), at(3, 5, 10))
         + hold(at(3, 5, 20), at(3, 6, 2)), rule="48 h: moves on by 9 h"),
    Case("zero_hold", "A hold of no length", WEDNESDAY, happened="held and resumed in the same minute",
         story=hold(at(3, 4, 12), at(3, 4, 12)), rule="48 h: nothing moves"),
    Case("hold_other", "A hold that is nobody's excuse", WEDNESDAY, happened="reason 其他, a day long",
         story=hold(at(3, 4, 12), at(3, 5, 12), "other"), rule="48 h: nothing moves"),
    Case("hold_when_late", "A hold after the breach", WEDNESDAY, happened="held on Friday at noon, two hours late",
         story=hold(at(3, 6, 12), at(3, 8, 12)), rule="48 h: excuses nothing"),
    Case("holding", "Still on hold", WEDNESDAY, happened="since Wed 15:00, no end yet", story=hold(at(3, 4, 15), None),
         rule="48 h: rests; never late while it does"),
    Case("appointment", "An appointment", WEDNESDAY, replace(REPAIR, appointment_at=at(3, 5, 14)),
         happened="booked for Thu 14:00", rule="on site as booked; 48 h from then"),
    Case("appointment_in_hold", "An appointment within a hold", WEDNESDAY, replace(REPAIR, appointment_at=at(3, 5, 14)),
         happened="booked for Thu 14:00, held Wed 16:00 – Thu 18:00", story=hold(at(3, 4, 16), at(3, 5, 18)),
         rule="counts when work goes on"),
    Case("reopened", "Reopened", WEDNESDAY, COMPLAINT, happened="fed back Fri 6th 11:00; reopened Mon 9th 15:00",
         story=(event(Verb.ACCEPT, at(3, 4, 10, 20)), event(Verb.FEED_BACK, at(3, 6, 11), Status.FED_BACK),
                event(Verb.REOPEN, at(3, 9, 15), Status.DISPATCHED, 2)),
         rule="a round of its own; the first stays met"),
    Case("policy_change", "The policy changes while it is open", WEDNESDAY, replace(REPAIR, policy_version=2),
         happened="held 12:00 – 14:00; recomputed Wed 16:00: 24 h instead of 48 h", later=FEW,
         story=(*hold(at(3, 4, 12), at(3, 4, 14)), changed(at(3, 4, 16), policy_version=[1, 2])),
         rule="counted from the start, the hold kept"),
    Case("policy_softened", "… after the breach", WEDNESDAY, replace(REPAIR, policy_version=2), limits=FEW,
         later=LIMITS,
         happened="recomputed Fri 6th: 48 h instead of 24 h", story=(changed(at(3, 6, 9), policy_version=[1, 2]),),
         rule="what was broken stays broken"),
    Case("policy_resting", "… while it rests", WEDNESDAY, replace(REPAIR, policy_version=2),
         happened="held since Thu 11:00; recomputed Sun 8th: 72 h instead of 48 h",
         later=limits(response=(30, "sh"), resolution=(72 * 60, "h")),
         story=(*hold(at(3, 5, 11), None),
                replace(changed(at(3, 8, 10), policy_version=[1, 2]), to_status=Status.ON_HOLD)),
         rule="a clock that rests is not broken: the new limit, and it rests on"),
    Case("policy_kept", "… after a step was kept", WEDNESDAY, replace(REPAIR, policy_version=2),
         happened="accepted 10:25; recomputed 11:00: 10 min instead of 30 min",
         later=limits(response=(10, "sh"), resolution=(24 * 60, "h")),
         story=(event(Verb.ACCEPT, at(3, 4, 10, 25)), changed(at(3, 4, 11), policy_version=[1, 2])),
         rule="what was kept stays kept"),
    Case("raised", "Found to be urgent", WEDNESDAY, URGENT, happened="accepted 10:15; amended 10:20",
         story=(event(Verb.ACCEPT, at(3, 4, 10, 15)), changed(at(3, 4, 10, 20), urgency=["normal", "urgent"])),
         rule="the new limits count from the start; the kept response stays"),
    Case("urgent_night", "Urgent, in the night", at(3, 5, 2), URGENT, rule="natural time: 10 min, 30 min, 24 h"),
    Case("critical", "An emergency", at(3, 8, 3), Facts(Kind.REPAIR, Urgency.CRITICAL),
         rule="2 min, 5 min, until safe"),
    Case("grave", "A complaint of three households", at(3, 4, 21), replace(COMPLAINT, is_collective=True),
         rule="15 min, 4 h, 3 working days"),
    Case("authority", "An authority's earlier deadline", WEDNESDAY,
         replace(COMPLAINT, authority_due_at=at(3, 6, 18)), happened="12345 wants it by Fri 18:00", rule="the earlier"),
    Case("authority_hold", "… while on hold", WEDNESDAY, replace(COMPLAINT, authority_due_at=at(3, 6, 18)),
         happened="the same, held since Wed 15:00", story=hold(at(3, 4, 15), None, "developer"),
         rule="theirs does not rest"),
    Case("authority_later", "… and a later one", WEDNESDAY, replace(COMPLAINT, authority_due_at=at(3, 20, 18)),
         happened="12345 wants it by the 20th", rule="ours stays"),
    Case("spring_forward", "Clocks go forward (New York)", at(3, 7, 22, zone="America/New_York"), calendar=NEW_YORK,
         limits=limits(response=(300, "sh"), resolution=(24 * 60, "h")), happened="02:00 becomes 03:00 on Sunday",
         rule="5 h of night service, 24 h: elapsed time"),
    Case("fall_back", "Clocks go back (New York)", at(10, 31, 22, zone="America/New_York"), calendar=NEW_YORK,
         limits=limits(response=(300, "sh"), resolution=(24 * 60, "h")), happened="02:00 becomes 01:00 on Sunday",
         rule="the same"),
)  # fmt: skip


# --- as a table -------------------------------------------------------------------------------------
def times(case: Case) -> dict[tuple[str, int], ClockState]:
    """The computed clocks by name and round."""
    return {(state.name, state.round): state for state in case.states()}


def stamp(case: Case, moment: datetime) -> str:
    """``Wed 03-04 10:30`` in the calendar's own time; the year where it is not 2026."""
    local = case.calendar.local(moment)
    words = f"{local:%a} {local:%m-%d} {local:%H:%M:%S}" if local.second else f"{local:%a} {local:%m-%d} {local:%H:%M}"
    return words if local.year == 2026 else words.replace(f"{local:%m-%d}", f"{local:%Y-%m-%d}")


def cell(case: Case, *names: str) -> str:
    """The due times of these clocks, a round a line; marked where something is to be said."""
    found = []
    for (name, number), state in sorted(times(case).items(), key=lambda item: item[0][1]):
        if name not in names:
            continue
        words = stamp(case, state.due_at)
        if state.paused_at is not None:
            words += " (resting)"
        if state.by_authority:
            words += " (theirs)"
        if case.calendar.is_estimated(state.started_at, state.due_at):
            words += " (estimate)"
        found.append(f"{number}: {words}" if any(other == 2 for _name, other in times(case)) else words)
    return "<br>".join(found) or "–"


COLUMNS: tuple[tuple[str, Callable[[Case], str]], ...] = (
    ("case", lambda case: case.title),
    ("received", lambda case: stamp(case, case.received)),
    ("what happened", lambda case: case.happened or "–"),
    ("limits and rule", lambda case: case.rule),
    ("response", lambda case: cell(case, ClockName.RESPONSE)),
    ("on site, answer", lambda case: cell(case, ClockName.ON_SITE, ClockName.ANSWER)),
    ("resolution", lambda case: cell(case, ClockName.RESOLUTION)),
)


def table() -> str:
    head = " | ".join(name for name, _words in COLUMNS)
    rule = "|".join("---" for _column in COLUMNS)
    rows = "\n".join(f"| {' | '.join(words(case) for _name, words in COLUMNS)} |" for case in CASES)
    return f"| {head} |\n|{rule}|\n{rows}\n"


def rewrite(text: str) -> str:
    """``text`` with the part between the marks written anew. Raises ``ValueError`` when a mark is missing."""
    head, rest = text.split(BEGIN)
    _old, tail = rest.split(END)
    return f"{head}{BEGIN}\n\n{table()}\n{END}{tail}"
