"""When each step is due, and whether it is late: pure functions of terms, facts and history.

The terms are a policy's limits and a project's calendar (:mod:`tickets.limits`), both versions that never
change; the facts are what the request is; the history is its events. Nothing here reads a database or a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from shimao_service import working_time
from shimao_service.working_time import NATURAL
from tickets.limits import Allowance, Terms, is_grave
from tickets.statuses import STOPS_CLOCKS, ClockName, Kind, Status, Verb

# At this share of a limit its holder is warned (建议值); the other steps are settings (see EscalationStep).
WARN_AT = 80

TermsOf = Callable[[int, int], Terms]
Pauses = Sequence[tuple[datetime, datetime | None]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the limits depend on. Terms are named by the ids of their versions."""

    kind: str
    urgency: str
    level: str = ""
    is_collective: bool = False
    appointment_at: datetime | None = None
    authority_due_at: datetime | None = None
    policy_version: int = 0
    calendar_version: int = 0


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
    """A clock of a round as it stands. Times are aware; ``amount`` is minutes (h, sh) or days (wd).

    ``due_at`` is our target, or an authority's deadline where that is earlier (``by_authority``);
    ``promise_at`` what the owner was told, if anything; ``warn_at`` when 80 % of the target is used.
    """

    name: str
    round: int
    started_at: datetime
    due_at: datetime
    amount: int
    unit: str
    warn_at: datetime
    promise_at: datetime | None = None
    met_at: datetime | None = None
    paused_at: datetime | None = None
    stopped_at: datetime | None = None
    by_authority: bool = False

    @property
    def is_running(self) -> bool:
        return self.met_at is None and self.paused_at is None and self.stopped_at is None

    def is_late(self, now: datetime) -> bool:
        """Missed for good, or running past its time. A pause is not late unless it began late."""
        end = self.met_at or self.stopped_at or self.paused_at or now
        return end > self.due_at


@dataclass(frozen=True, slots=True)
class Ruling:
    """A clock, and what made it so: the facts and terms of the regime that governs it.

    ``until`` is when that regime gave way to another which this clock did not follow; None: it still holds.
    """

    state: ClockState
    facts: Facts
    terms: Terms
    allowance: Allowance
    until: datetime | None
    # The allowance whose promise was published when the round began.
    promised: Allowance | None = None


def allowances(facts: Facts, terms: Terms) -> Mapping[str, Allowance]:
    """The limits that apply, by clock; a clock that is absent does not run.

    On site "as booked" is a limit of nothing: it applies only where something is booked. An authority's deadline
    gives even a request without one a resolution to be in time for.
    """
    given = dict(terms.limits.of(facts.kind, facts.urgency, is_grave(facts.kind, facts.level, facts.is_collective)))
    on_site = given.get(ClockName.ON_SITE)
    if on_site is not None and on_site.amount == 0 and facts.appointment_at is None:
        del given[ClockName.ON_SITE]
    if facts.authority_due_at is not None and facts.kind != Kind.PRAISE and ClockName.RESOLUTION not in given:
        given[ClockName.RESOLUTION.value] = Allowance(ClockName.RESOLUTION.value, 0, AUTHORITY)
    return given


# The unit of a resolution that only an authority asks for: nothing of ours is counted.
AUTHORITY = ""


def clocks(facts: Facts, created_at: datetime, history: Sequence[Happening], terms_of: TermsOf) -> list[ClockState]:
    """Every clock of every round, from the events alone; see :func:`rulings`."""
    return [ruling.state for ruling in rulings(facts, created_at, history, terms_of)]


def rulings(facts: Facts, created_at: datetime, history: Sequence[Happening], terms_of: TermsOf) -> list[Ruling]:
    """Every clock of every round with the regime that governs it.

    ``facts`` are today's; amendments and changes of terms in the history are undone to learn what held before.
    Due times always count from the round's start (an appointment, where there is one, for on-site and
    resolution). ``terms_of(policy_version, calendar_version)`` gives the terms of two versions.
    """
    regimes = _regimes(facts, history)
    found: list[Ruling] = []
    rounds = max((happening.round for happening in history), default=1)
    for number in range(1, rounds + 1):
        own = [happening for happening in history if happening.round == number]
        start = created_at if number == 1 else min((h.at for h in own if h.verb == Verb.REOPEN), default=created_at)
        end = next((h.at for h in history if h.round == number + 1), None)
        found.extend(_round(regimes, number, start, end, own, terms_of))
    return found


# What changes the facts says so in its event: {"changes": {name: [old, new]}}.
CHANGES_FACTS = (Verb.AMEND, Verb.RECLOCK, Verb.REFER)
TIMES = ("appointment_at", "authority_due_at")


def _regimes(facts: Facts, history: Sequence[Happening]) -> list[tuple[datetime | None, Facts]]:
    """``[(until, facts), …]`` oldest first; the last one's ``until`` is None."""
    regimes: list[tuple[datetime | None, Facts]] = [(None, facts)]
    current = facts
    for happening in reversed(history):
        if happening.verb not in CHANGES_FACTS:
            continue
        changes = happening.data.get("changes", {})
        old = {name: values[0] for name, values in changes.items() if name in Facts.__dataclass_fields__}
        if old:
            for name in TIMES:
                if isinstance(old.get(name), str):
                    old[name] = parse_datetime(old[name])
            current = replace(current, **old)
            regimes.insert(0, (happening.at, current))
    return regimes


def _round(
    regimes: Sequence[tuple[datetime | None, Facts]],
    number: int,
    start: datetime,
    end: datetime | None,
    own: Sequence[Happening],
    terms_of: TermsOf,
) -> Iterable[Ruling]:
    final = regimes[-1][1]
    met = _met(final, own)
    stopped = end or next((h.at for h in own if h.verb in (Verb.CANCEL, Verb.CONCLUDE)), None)
    pauses = _pauses(own)
    known = [
        (until, facts, terms, allowances(facts, terms))
        for until, facts in regimes
        for terms in (terms_of(facts.policy_version, facts.calendar_version),)
    ]
    # What was published when the round began binds: another policy later takes no promise back and makes none up.
    first = next(facts for until, facts in regimes if until is None or until > start)
    published = terms_of(first.policy_version, first.calendar_version)
    for name in (clock.value for clock in ClockName):
        ruling = None
        for until, facts, terms, given in known:
            allowance = given.get(name)
            if allowance is None:
                settled = met.get(name) or stopped
                if until is not None and settled is not None and settled <= until:
                    break  # it was over before anybody promised this
                continue
            promised = allowances(facts, published).get(name)
            state = _clock(facts, terms, number, allowance, start, met.get(name), stopped, pauses)
            promise_at = _promise(promised, published, state, pauses) if promised else None
            ruling = Ruling(replace(state, promise_at=promise_at), facts, terms, allowance, until, promised)
            # What was already kept or broken when the promise changed stays so: softening it erases no breach,
            # and nobody is late against a promise that was not known yet. A clock that still rests is neither: its
            # due time moves on when the work does.
            settled = state.met_at or state.stopped_at
            broken = until is not None and until > state.due_at and state.paused_at is None
            if broken or (until is not None and settled is not None and settled <= until):
                break
        if ruling is not None and (name in known[-1][3] or ruling.state.is_late(_last_change(regimes))):
            yield ruling


def _last_change(regimes: Sequence[tuple[datetime | None, Facts]]) -> datetime:
    """When the last change took effect: a clock that the present facts lack is kept only if it broke before."""
    return max(until for until, _facts in regimes if until is not None)


def _clock(
    facts: Facts,
    terms: Terms,
    number: int,
    allowance: Allowance,
    start: datetime,
    met_at: datetime | None,
    stopped_at: datetime | None,
    pauses: Pauses,
) -> ClockState:
    name, calendar = allowance.clock, terms.calendar
    begins = beginning(facts, name, start)
    over = met_at or stopped_at
    own = [(since, until) for since, until in pauses if over is None or since < over]
    closed = [(since, until) for since, until in own if until is not None]
    resting = next((since for since, until in own if until is None), None) if over is None else None
    if allowance.unit == AUTHORITY:
        due = warn = None
    else:
        # What is booked for a time when the work rests is due when it goes on.
        counts = next((until for since, until in working_time.merge(closed) if since < begins < until), begins)
        budget = working_time.budget(calendar, allowance.unit, begins, allowance.amount)
        due = working_time.add(calendar, allowance.unit, counts, budget, closed)
        warn = working_time.add(calendar, allowance.unit, counts, budget * WARN_AT / 100, closed)
    paused_at = resting if due is not None and resting is not None and resting < due else None
    by_authority = False
    theirs = facts.authority_due_at if name == ClockName.RESOLUTION else None
    if theirs is not None and due is not None and number > 1 and theirs <= start:
        theirs = None  # it was over before this round: nobody could be in time for it again
    if theirs is not None and (due is None or theirs < due or paused_at is not None):
        # Theirs does not stop while ours rests; before we even began it is due at once.
        due, paused_at, by_authority = max(theirs, begins), None, True
        warn = begins + (due - begins) * WARN_AT / 100 if warn is None else min(warn, begins + (due - begins) * 4 / 5)
    assert due is not None
    assert warn is not None
    return ClockState(
        name=name,
        round=number,
        started_at=begins,
        due_at=due,
        amount=allowance.amount,
        unit=allowance.unit or NATURAL,
        warn_at=warn,
        met_at=met_at,
        paused_at=paused_at,
        stopped_at=None if met_at else stopped_at,
        by_authority=by_authority,
    )


def _promise(promised: Allowance, published: Terms, state: ClockState, pauses: Pauses) -> datetime | None:
    """When what the owner was told runs out: the published limit from where the clock counts, pauses not counted."""
    if promised.promise is None:
        return None
    amount, unit = promised.promise
    over = state.met_at or state.stopped_at
    closed = [(since, until) for since, until in pauses if until is not None and (over is None or since < over)]
    begins = state.started_at
    counts = next((until for since, until in working_time.merge(closed) if since < begins < until), begins)
    length = working_time.budget(published.calendar, unit, begins, amount)
    return working_time.add(published.calendar, unit, counts, length, closed)


def beginning(facts: Facts, clock: str, start: datetime) -> datetime:
    """From when a clock counts: an appointment, for being on site and done; else the round's start."""
    booked = facts.appointment_at
    return booked if booked and booked > start and clock in (ClockName.ON_SITE, ClockName.RESOLUTION) else start


def at_share(state: ClockState, percent: int, terms: Terms, pauses: Pauses) -> datetime:
    """When ``percent`` of a clock's limit is used (150: half as long again), in its own unit, pauses not counted.

    Where an authority's deadline governs, shares are of the natural time until then.
    """
    if state.by_authority:
        return state.started_at + (state.due_at - state.started_at) * percent / 100
    closed = [(since, until) for since, until in pauses if until is not None]
    budget = working_time.budget(terms.calendar, state.unit, state.started_at, state.amount)
    return working_time.add(terms.calendar, state.unit, state.started_at, budget * percent / 100, closed)


def pauses_of(history: Sequence[Happening], round_number: int) -> Pauses:
    """The holds of a round that stopped the clocks, as ``(since, until)``; the last may be open."""
    return _pauses([happening for happening in history if happening.round == round_number])


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
