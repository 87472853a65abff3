"""When a promise that is about to break rises, and to whom: the company's steps, and their moments on a clock.

The steps are settings (:class:`~tickets.models.EscalationStep`); the moments are pure functions of a request, its
clocks, its terms and the holds it had.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shimao_service import working_time
from shimao_service.working_time import NATURAL, SERVICE, Calendar, NeverOpen
from tickets import deadlines
from tickets.deadlines import WARN_AT, ClockState, Pauses
from tickets.limits import Terms, is_grave
from tickets.models import EscalationStep
from tickets.statuses import STOPS_CLOCKS, Rung, Status, StepBasis, Urgency

BREACH = 100
RUNGS = tuple(rung.value for rung in Rung)
# Other processes learn of a change within this many seconds.
KEEP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the ladder: at a share of the limit, or hours after the breach."""

    basis: str
    amount: int
    rung: str

    @property
    def code(self) -> str:
        """``percent:150``, ``hours:24``: how an escalation names it."""
        return f"{self.basis}:{self.amount}"

    @property
    def is_warning(self) -> bool:
        return self.basis == StepBasis.PERCENT and self.amount < BREACH

    @property
    def is_breach(self) -> bool:
        return self.basis == StepBasis.PERCENT and self.amount == BREACH

    @property
    def place(self) -> tuple[bool, int]:
        """Shares first, then hours, as they come."""
        return self.basis == StepBasis.HOURS, self.amount


@dataclass(frozen=True, slots=True)
class Moment:
    """``step`` of the clock ``clock`` is due at ``at`` and tells ``rungs``, the highest one first."""

    at: datetime
    clock: str
    step: Step
    rungs: tuple[str, ...]


# --- the settings -------------------------------------------------------------------------------
_kept: tuple[float, tuple[Step, ...]] | None = None


def steps() -> tuple[Step, ...]:
    """The steps in force. Kept by the process for half a minute: asked for every request of every tick."""
    global _kept
    if _kept is None or time.monotonic() - _kept[0] > KEEP_SECONDS:
        rows = EscalationStep.objects.filter(is_active=True).values_list("basis", "amount", "rung")
        _kept = (time.monotonic(), tuple(sorted((Step(*row) for row in rows), key=lambda step: step.place)))
    return _kept[1]


def forget() -> None:
    """After the steps were changed, and between tests."""
    global _kept
    _kept = None


# --- the moments --------------------------------------------------------------------------------
def is_ordinary(ticket: Any) -> bool:
    """Whether nobody is to be called at night for it: not urgent, and no grave complaint."""
    return ticket.urgency == Urgency.NORMAL and not is_grave(ticket.kind, ticket.level, ticket.is_collective)


def is_resting(ticket: Any) -> bool:
    return ticket.status == Status.ON_HOLD and ticket.hold_reason in STOPS_CLOCKS


def opening(calendar: Calendar, at: datetime) -> datetime:
    """``at`` itself in service time, else when the desk opens next; ``at`` where it never does."""
    try:
        return working_time.next_opening(calendar, SERVICE, at)
    except NeverOpen:
        return at


def moments(
    ticket: Any, clocks: Iterable[ClockState], terms: Terms, pauses: Pauses, ladder: Sequence[Step] | None = None
) -> Iterator[Moment]:
    """Every step of every running clock of the present round, past ones included.

    A clock that is met, paused or stopped escalates nothing, nor does work that rests for a good reason after it was
    late already; an authority's deadline does not rest. Steps of an ordinary request that fall outside service time
    are told at the next opening.
    """
    ladder = steps() if ladder is None else ladder
    resting, ordinary = is_resting(ticket), is_ordinary(ticket)
    for state in clocks:
        if state.round != ticket.round or not state.is_running or (resting and not state.by_authority):
            continue
        for step in ladder:
            at = moment_of(step, state, terms, pauses)
            if at is None:
                continue
            if ordinary and not state.by_authority:
                at = opening(terms.calendar, at)
            yield Moment(at, state.name, step, rungs_told(ticket, step, state.name, terms))


def moment_of(step: Step, state: ClockState, terms: Terms, pauses: Pauses) -> datetime | None:
    """When the step comes on this clock; None where it has no such moment: shares of a limit of nothing.

    Hours after the breach are natural ones in which the work did not rest, as its share of the limit would be.
    """
    if step.basis == StepBasis.HOURS:
        rests = [] if state.by_authority else [(since, until) for since, until in pauses if until is not None]
        return working_time.add(terms.calendar, NATURAL, state.due_at, timedelta(hours=step.amount), rests)
    if step.amount == BREACH:
        return state.due_at
    if state.due_at == state.started_at or (state.amount == 0 and not state.by_authority):
        return None
    if step.amount == WARN_AT:
        return state.warn_at
    return deadlines.at_share(state, step.amount, terms, pauses)


def ahead(
    ticket: Any,
    clocks: Iterable[ClockState],
    terms: Terms,
    pauses: Pauses,
    risen: Collection[tuple[str, str]],
    now: datetime,
) -> set[tuple[str, str]]:
    """Those of the steps that have ``risen``, as ``(clock, step)``, whose moment lies ahead by what the clocks say now:
    another limit, a later appointment. What was broken stays broken, so these are warnings for the most part."""
    return {
        (state.name, step.code)
        for state in clocks
        if state.round == ticket.round and not (state.met_at or state.stopped_at)
        for step in steps()
        if (state.name, step.code) in risen
        and (at := moment_of(step, state, terms, pauses)) is not None
        and at > (state.paused_at or now)
    }


def rungs_told(ticket: Any, step: Step, clock: str, terms: Terms) -> tuple[str, ...]:
    """Whom the step tells, the highest rung first.

    From the breach on at least the rung that the limit names; a repeat and a grave complaint one higher. A warning
    also tells the supervisor where a breach would go straight to the manager.
    """
    grave = is_grave(ticket.kind, ticket.level, ticket.is_collective)
    allowance = terms.limits.of(ticket.kind, ticket.urgency, grave).get(clock)
    floor = allowance.told_at_miss if allowance else Rung.SUPERVISOR.value
    lift = 1 if grave or ticket.occurrence >= 2 else 0
    if step.is_warning:
        high = lift or RUNGS.index(floor) >= RUNGS.index(Rung.MANAGER)
        rung = Rung.SUPERVISOR.value if high and step.rung == Rung.HANDLER else step.rung
    else:
        rung = RUNGS[min(max(RUNGS.index(step.rung), RUNGS.index(floor)) + lift, len(RUNGS) - 1)]
    with_handler = step.is_breach or (step.is_warning and step.rung == Rung.HANDLER)
    return (rung, Rung.HANDLER.value) if with_handler and rung != Rung.HANDLER else (rung,)
