"""How long each step may take, and when it is late: pure functions of facts and history.

Limits are the 标准 preset, counted in elapsed time. :func:`due_time` is the one place that turns a start and
a limit into an instant; calendars and presets replace it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from tickets.statuses import STOPS_CLOCKS, ClockName, Kind, Level, Status, Urgency, Verb

MINUTE, HOUR, DAY = 1, 60, 24 * 60


@dataclass(frozen=True, slots=True)
class Facts:
    """What the limits depend on."""

    kind: str
    urgency: str
    level: str = ""
    is_collective: bool = False
    appointment_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One event, as far as clocks care."""

    verb: str
    at: datetime
    round: int
    to_status: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClockState:
    """A clock of a round as it stands. Times are aware; ``minutes`` is the limit."""

    name: str
    round: int
    started_at: datetime
    due_at: datetime
    minutes: int
    met_at: datetime | None = None
    paused_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def is_running(self) -> bool:
        return self.met_at is None and self.paused_at is None and self.stopped_at is None

    def is_late(self, now: datetime) -> bool:
        """Missed for good, or running past its time. A pause is not late unless it began late."""
        end = self.met_at or self.stopped_at or self.paused_at or now
        return end > self.due_at


def limits(facts: Facts) -> dict[str, int]:
    """Minutes by clock name for the standard preset; a clock that is absent does not run.

    >>> limits(Facts("repair", "urgent"))
    {'response': 10, 'on_site': 30, 'resolution': 1440}
    """
    kind, urgency = facts.kind, facts.urgency
    if kind == Kind.PRAISE:
        return {}
    if urgency == Urgency.CRITICAL:
        # Until safe: there is no promise on the resolution.
        return {ClockName.RESPONSE.value: 2, ClockName.ON_SITE.value: 5} if kind == Kind.REPAIR else {"response": 2}
    if kind == Kind.REPAIR:
        if urgency == Urgency.URGENT:
            return {"response": 10, "on_site": 30, "resolution": DAY}
        booked = {"on_site": 0} if facts.appointment_at else {}
        return {"response": 30, **booked, "resolution": 2 * DAY}
    if kind == Kind.COMPLAINT:
        if facts.is_collective or facts.level == Level.MAJOR:
            return {"response": 15, "answer": 4 * HOUR, "resolution": 3 * DAY}
        return {"response": 30, "answer": DAY, "resolution": 3 * DAY}
    if kind == Kind.CONSULTATION:
        return {"response": 4 * HOUR, "resolution": DAY}
    return {"response": DAY, "resolution": 7 * DAY}


def due_time(start: datetime, minutes: int) -> datetime:
    """The instant ``minutes`` after ``start``."""
    return start + timedelta(minutes=minutes)


def clocks(facts: Facts, created_at: datetime, history: Sequence[Happening]) -> list[ClockState]:
    """Every clock of every round, from the events alone.

    ``facts`` are today's; amendments in the history are undone to learn what was promised before. Due times
    always count from the round's start (an appointment, where there is one, for on-site and resolution).
    """
    regimes = _regimes(facts, history)
    states: list[ClockState] = []
    rounds = max((happening.round for happening in history), default=1)
    for number in range(1, rounds + 1):
        own = [happening for happening in history if happening.round == number]
        start = created_at if number == 1 else min((h.at for h in own if h.verb == Verb.REOPEN), default=created_at)
        end = next((h.at for h in history if h.round == number + 1), None)
        states.extend(_round(regimes, number, start, end, own))
    return states


def _regimes(facts: Facts, history: Sequence[Happening]) -> list[tuple[datetime | None, Facts]]:
    """``[(until, facts), …]`` oldest first; the last one's ``until`` is None."""
    regimes: list[tuple[datetime | None, Facts]] = [(None, facts)]
    current = facts
    for happening in reversed(history):
        if happening.verb != Verb.AMEND:
            continue
        changes = happening.data.get("changes", {})
        old = {name: values[0] for name, values in changes.items() if name in Facts.__dataclass_fields__}
        if old:
            if isinstance(old.get("appointment_at"), str):
                old["appointment_at"] = parse_datetime(old["appointment_at"])
            current = replace(current, **old)
            regimes.insert(0, (happening.at, current))
    return regimes


def _round(
    regimes: Sequence[tuple[datetime | None, Facts]],
    number: int,
    start: datetime,
    end: datetime | None,
    own: Sequence[Happening],
) -> Iterable[ClockState]:
    final = regimes[-1][1]
    met = _met(final, own)
    stopped = end or next((h.at for h in own if h.verb in (Verb.CANCEL, Verb.CONCLUDE)), None)
    pauses = _pauses(own)
    names = {name for _until, facts in regimes for name in limits(facts)}
    for name in (clock.value for clock in ClockName):
        if name not in names:
            continue
        state = None
        for until, facts in regimes:
            given = limits(facts).get(name)
            if given is None:
                settled = met.get(name) or stopped
                if until is not None and settled is not None and settled <= until:
                    break  # it was over before anybody promised this
                continue
            state = _clock(facts, number, name, given, start, met.get(name), stopped, pauses)
            # What was already kept or broken when the promise changed stays so: softening it erases no breach,
            # and nobody is late against a promise that was not known yet.
            settled = state.met_at or state.stopped_at
            if until is not None and (until > state.due_at or (settled is not None and settled <= until)):
                break
        if state is not None and (name in limits(final) or state.is_late(regimes_end(regimes))):
            yield state


def regimes_end(regimes: Sequence[tuple[datetime | None, Facts]]) -> datetime:
    """When the last amendment took effect: a clock that the present facts lack is kept only if it broke before."""
    times = [until for until, _facts in regimes if until is not None]
    return max(times)


def _clock(
    facts: Facts,
    number: int,
    name: str,
    minutes: int,
    start: datetime,
    met_at: datetime | None,
    stopped_at: datetime | None,
    pauses: Sequence[tuple[datetime, datetime | None]],
) -> ClockState:
    begins = start
    if facts.appointment_at and facts.appointment_at > start and name in (ClockName.ON_SITE, ClockName.RESOLUTION):
        begins = facts.appointment_at
    due = due_time(begins, minutes)
    paused_at = None
    for since, until in pauses:
        if met_at and since >= met_at:
            break
        if since > due:
            continue  # it was late before it rested
        if until is None:
            if not met_at and not stopped_at:
                paused_at = since
            break
        if until > begins:
            due += until - max(since, begins)
    if met_at or (stopped_at and not met_at):
        paused_at = None
    return ClockState(
        name=name,
        round=number,
        started_at=begins,
        due_at=due,
        minutes=minutes,
        met_at=met_at,
        paused_at=paused_at,
        stopped_at=None if met_at else stopped_at,
    )


def _pauses(own: Sequence[Happening]) -> list[tuple[datetime, datetime | None]]:
    """Holds that stop the clocks, as ``(since, until)``; the last may be open."""
    pauses: list[tuple[datetime, datetime | None]] = []
    since: datetime | None = None
    for happening in own:
        if happening.verb == Verb.HOLD and happening.data.get("reason") in STOPS_CLOCKS:
            since = happening.at
        elif since is not None and happening.to_status != Status.ON_HOLD:
            pauses.append((since, happening.at))
            since = None
    if since is not None:
        pauses.append((since, None))
    return pauses


def _met(facts: Facts, own: Sequence[Happening]) -> dict[str, datetime]:
    """When each clock of the round was met, by name."""

    def first(*verbs: str, answered: bool = False) -> datetime | None:
        for happening in own:
            if happening.verb in verbs and (not answered or happening.data.get("answered")):
                return happening.at
        return None

    fed_back = first(Verb.FEED_BACK, Verb.JUDGE) if facts.kind == Kind.PRAISE else first(Verb.FEED_BACK)
    word = first(Verb.FOLLOW_UP, answered=True)
    found = {
        ClockName.RESPONSE.value: first(Verb.ACCEPT, Verb.ARRIVE),
        ClockName.ON_SITE.value: first(Verb.ARRIVE),
        ClockName.ANSWER.value: min((at for at in (word, fed_back) if at), default=None),
        ClockName.RESOLUTION.value: first(Verb.COMPLETE) if facts.kind == Kind.REPAIR else fed_back,
    }
    # Work that was finished was attended to, though nobody pressed "arrived".
    completed = first(Verb.COMPLETE)
    if completed and not found["on_site"]:
        found["on_site"] = completed
    return {name: at for name, at in found.items() if at}


def next_due(states: Iterable[ClockState], round_number: int) -> datetime | None:
    """The earliest running clock of the round, or None."""
    return min((state.due_at for state in states if state.round == round_number and state.is_running), default=None)
