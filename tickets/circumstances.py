"""What stands beside a request and decides when something is due: holds, calls, an authority's times, what has risen.

Read for any number of requests in one query.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from tickets.deadlines import ClockState
from tickets.models import Clock, Escalation, Event, Hold, Referral, Ticket, Urge
from tickets.statuses import STOPS_CLOCKS, ClockName, Verb

# The "clock" of an escalation that hangs on no clock: an emergency, and who was told of a request by night.
EMERGENCY, NIGHT = "emergency", "duty"


@dataclass(frozen=True, slots=True)
class Referred:
    """An authority's times."""

    due_at: datetime | None
    return_until: datetime | None
    is_replied: bool


@dataclass(frozen=True, slots=True)
class Around:
    """Of the present round. ``pauses``: holds that stop the clocks, the last may be open; ``risen``: steps taken,
    as ``(clock, step)``; ``urges``: ``(id, at)`` of calls without an answer."""

    pauses: tuple[tuple[datetime, datetime | None], ...] = ()
    risen: frozenset[tuple[str, str]] = frozenset()
    alarmed_at: datetime | None = None
    is_acknowledged: bool = False
    urges: tuple[tuple[int, datetime], ...] = ()
    referral: Referred | None = None


NOTHING = Around()


def around_of(tickets: Iterable[Ticket]) -> dict[int, Around]:
    """By the requests' ids; one query."""
    return {row["pk"]: _around(row) for row in _rows([ticket.pk for ticket in tickets])}


def _rows(pks: Sequence[int]) -> Iterable[Any]:
    here: dict[str, Any] = {"ticket": OuterRef("pk"), "round": OuterRef("round")}

    def several(rows: QuerySet, order: str, **columns: str) -> ArraySubquery:
        return ArraySubquery(rows.order_by(order).values(one=JSONObject(**columns)))

    return Ticket.objects.filter(pk__in=pks).order_by().values(
        "pk",
        around_holds=several(
            Hold.objects.filter(**here, reason__in=STOPS_CLOCKS), "started_at", since="started_at", until="ended_at"
        ),
        around_risen=several(Escalation.objects.filter(**here), "pk", clock="clock", step="step", due_at="due_at"),
        around_urges=several(Urge.objects.filter(ticket=OuterRef("pk"), answered_at=None), "pk", id="pk", at="at"),
        around_referral=several(
            Referral.objects.filter(ticket=OuterRef("pk")), "pk", due="due_at", until="return_until", said="replied_at"
        ),
        around_known=Subquery(
            Event.objects.filter(**here, verb=Verb.ACKNOWLEDGE).order_by("-seq").values("at")[:1]
        ),
    )  # fmt: skip


def _around(row: dict[str, Any]) -> Around:
    risen = row["around_risen"]
    alarms = [each["due_at"] for each in risen if each["clock"] == EMERGENCY]
    alarmed_at = min(map(_at, alarms)) if alarms else None
    known_at = row["around_known"]
    referral = next(iter(row["around_referral"]), None)
    return Around(
        pauses=tuple((_at(each["since"]), _maybe(each["until"])) for each in row["around_holds"]),
        risen=frozenset((each["clock"], each["step"]) for each in risen),
        alarmed_at=alarmed_at,
        # Who knew of an earlier alarm does not know of this one.
        is_acknowledged=bool(known_at and alarmed_at and known_at >= alarmed_at),
        urges=tuple((each["id"], _at(each["at"])) for each in row["around_urges"]),
        referral=Referred(_maybe(referral["due"]), _maybe(referral["until"]), bool(referral["said"]))
        if referral
        else None,
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def clocks_of(tickets: Iterable[Ticket], around: dict[int, Around]) -> dict[int, list[ClockState]]:
    """The stored clocks of each request's present round, as they were computed; one query."""
    rounds = {ticket.pk: ticket.round for ticket in tickets}
    found: dict[int, list[ClockState]] = {pk: [] for pk in rounds}
    for row in Clock.objects.filter(ticket__in=rounds).order_by("pk"):
        if row.round == rounds[row.ticket_id]:
            found[row.ticket_id].append(state_of(row, around.get(row.ticket_id, NOTHING).referral))
    return found


def state_of(row: Clock, referral: Referred | None) -> ClockState:
    theirs = referral.due_at if referral and row.name == ClockName.RESOLUTION else None
    return ClockState(
        name=row.name,
        round=row.round,
        started_at=row.started_at,
        due_at=row.due_at,
        amount=row.amount,
        unit=row.unit,
        warn_at=row.warn_at,
        promise_at=row.promise_at,
        met_at=row.met_at,
        paused_at=row.paused_at,
        stopped_at=row.stopped_at,
        by_authority=theirs is not None and row.due_at == max(theirs, row.started_at),
    )
