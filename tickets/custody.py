"""Who held a request, from when to when, read back from its events.

The rows of ``Leg``, ``ReceiverTerm``, ``Hold`` and ``Rating`` say the same to queries over many requests; a page
that has the events already shows them without asking again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from shimao_service.actors import ActorKind
from tickets.models import Event, Ticket
from tickets.statuses import GRADES, STOPS_CLOCKS, Channel, HoldReason, Status, Step, Verb

TAKES_FROM_ALL = frozenset({Verb.RETURN, Verb.COMPLETE, Verb.CANCEL, Verb.CONCLUDE, Verb.SUMMARISE})


@dataclass(slots=True)
class Span:
    """Somebody or something from ``since`` to ``until`` (None: still)."""

    name: str
    round: int
    since: datetime
    until: datetime | None = None
    detail: str = ""

    @property
    def lasted(self) -> timedelta | None:
        return self.until - self.since if self.until else None

    def end(self, at: datetime) -> None:
        self.until = self.until or at


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade as it was given. ``counts`` is False for one that another replaced."""

    grade: int
    round: int
    at: datetime
    source: str
    comment: str
    counts: bool

    @property
    def label(self) -> str:
        return str(GRADES.get(self.grade, self.grade))

    @property
    def tone(self) -> str:
        return "overdue" if self.grade <= 2 else ("done" if self.grade >= 4 else "moving")


def data_of(event: Event) -> dict[str, Any]:
    return event.data or {}


def when(text: Any) -> datetime | None:
    return parse_datetime(text) if isinstance(text, str) else None


def assignee(data: dict[str, Any]) -> str:
    """``工程部 · 周建国`` of an event that sends the request somewhere."""
    return " · ".join(part for part in (data.get("department_name", ""), data.get("handler_name", "")) if part)


def legs(events: Iterable[Event]) -> list[Span]:
    """Departments and handlers, in order; what was held for no time at all (on the spot) is left out."""
    spans: list[Span] = []

    def close(at: datetime) -> None:
        if spans:
            spans[-1].end(at)

    for event in events:
        data = data_of(event)
        if event.verb in (Verb.DISPATCH, Verb.TRANSFER) or (event.verb == Verb.REOPEN and "department_name" in data):
            close(event.at)
            spans.append(
                Span(data.get("handler_name", ""), event.round, event.at, None, data.get("department_name", ""))
            )
        elif event.verb == Verb.ACCEPT and spans and spans[-1].until is None and spans[-1].name != event.actor_name:
            department = spans[-1].detail
            close(event.at)
            spans.append(Span(event.actor_name, event.round, event.at, None, department))
        elif event.verb in TAKES_FROM_ALL or event.verb == Verb.REOPEN:
            close(event.at)
    return [span for span in spans if span.until != span.since]


def receivers(events: Iterable[Event]) -> list[Span]:
    """First receivers (首问责任人), in order."""
    spans: list[Span] = []
    for event in events:
        by_employee = event.actor_kind == ActorKind.EMPLOYEE
        if event.verb == Verb.HAND_OVER and data_of(event).get("to_name"):
            if spans:
                spans[-1].end(event.at)
            spans.append(Span(data_of(event)["to_name"], event.round, event.at))
        elif event.verb in (Verb.REGISTER, Verb.DISPATCH, Verb.FEED_BACK) and by_employee and not spans:
            spans.append(Span(event.actor_name, event.round, event.at))
        elif event.to_status in (Status.CLOSED, Status.CANCELLED) and spans and event.from_status != event.to_status:
            spans[-1].end(event.at)
        elif event.verb == Verb.REOPEN and event.from_status == Status.CLOSED and spans:
            spans.append(Span(spans[-1].name, event.round, event.at))
    return spans


def holds(events: Iterable[Event]) -> list[Span]:
    """When the work rested, and why; ``detail`` says when it was to go on."""
    spans: list[Span] = []
    for event in events:
        if event.verb == Verb.HOLD:
            reason = data_of(event).get("reason", "")
            label = str(HoldReason(reason).label) if reason in HoldReason.values else reason
            spans.append(Span(label, event.round, event.at, None, "" if reason in STOPS_CLOCKS else _("不停表")))
        elif spans and spans[-1].until is None and event.to_status != Status.ON_HOLD:
            spans[-1].end(event.at)
    return spans


def ratings(events: Sequence[Event]) -> list[Graded]:
    """Every grade with who told it and how; an owner's own replaces a recorded one, and both stay."""
    rated = [event for event in events if event.verb == Verb.RATE]
    timed_out = {event.round for event in events if event.verb == Verb.TIME_OUT}
    last = {event.round: event.seq for event in rated}
    return [
        Graded(
            grade=int(data_of(event).get("grade", 0)),
            round=event.round,
            at=event.at,
            source=source_of(event, is_late=event.round in timed_out),
            comment=event.note,
            counts=last[event.round] == event.seq,
        )
        for event in rated
    ]


def source_of(event: Event, *, is_late: bool) -> str:
    """``业主本人`` or ``林静代录（电话）``."""
    if event.actor_kind != ActorKind.EMPLOYEE:
        words = _("业主本人")
    else:
        channel = data_of(event).get("channel", "")
        how = Channel(channel).label if channel in Channel.values else ""
        words = _("%(name)s 代录（%(how)s）") % {"name": event.actor_name, "how": how}
    return _("%(words)s，逾期") % {"words": words} if is_late else words


def steps(ticket: Ticket, events: Sequence[Event], now: datetime) -> list[dict[str, Any]]:
    """The five steps of the present round as the stepper shows them: ``label, state, at, who, note``."""
    current = [event for event in events if event.round == ticket.round]

    def last(*verbs: str) -> Event | None:
        return next((event for event in reversed(current) if event.verb in verbs), None)

    begun = last(Verb.REGISTER) or last(Verb.REOPEN)
    sent = last(Verb.DISPATCH, Verb.TRANSFER) or (begun if begun and "department_name" in data_of(begun) else None)
    marks: dict[str, tuple[Event | None, str]] = {
        Step.INTAKE: (begun, _actor(begun)),
        Step.DISPATCH: (sent, data_of(sent).get("department_name", "") if sent else ""),
        Step.FOLLOW_UP: (last(Verb.ACCEPT), ticket.handler.name if ticket.handler_id and ticket.handler else ""),
        Step.FEEDBACK: (last(Verb.FEED_BACK), _actor(last(Verb.FEED_BACK))),
        Step.SUMMARY: (last(Verb.SUMMARISE), _actor(last(Verb.SUMMARISE))),
    }
    order = list(Step)
    here = order.index(ticket.step) if ticket.step else (len(order) if ticket.status == Status.CLOSED else -1)
    rows = []
    for index, step in enumerate(order):
        event, who = marks[step]
        state = "done" if index < here else "todo"
        if index == here:
            late = ticket.due_at is not None and ticket.due_at < now
            state = "paused" if ticket.status == Status.ON_HOLD else ("late" if late else "here")
        elif here < 0 and event is not None:
            state = "done"  # cancelled: what was reached stays visible
        shown = event if state != "todo" else None
        rows.append(
            {
                "label": step.label,
                "state": state,
                "at": shown.at if shown else None,
                "who": who if shown else "",
            }
        )
    return rows


def _actor(event: Event | None) -> str:
    if event is None:
        return ""
    return event.actor_name if event.actor_kind == ActorKind.EMPLOYEE else _("业主")
