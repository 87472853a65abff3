"""Step 3, 跟进: the work itself (A6.3, B6.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from shimao_service.actors import SYSTEM, Actor
from shimao_service.exceptions import Invalid, Refusal
from tickets.lifecycle.dispatching import end_hold, take
from tickets.lifecycle.gate import Moving, future, limited, move_together, moving, required
from tickets.lifecycle.urging import settle
from tickets.models import Hold, Ticket
from tickets.pictures import Picture
from tickets.statuses import HoldReason, Status, Verb


def arrive(
    ticket: Ticket,
    *,
    by: Actor,
    note: str = "",
    place: str = "",
    pictures: Sequence[Picture] = (),
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """到场: the handler is there; a request not yet accepted is accepted with it.

    ``place`` is where the phone says it is ("31.2304,121.4737"), when it says so.
    """
    with moving(ticket, Verb.ARRIVE, by=by, now=now, version=version) as move:
        if move.ticket.status == Status.DISPATCHED:
            take(move)
            move.event(Verb.ACCEPT, to=Status.IN_PROGRESS)
        move.set(arrived_at=move.ticket.arrived_at or move.now)
        data = {"place": limited(place, "place", limit=60)} if place else None
        move.event(Verb.ARRIVE, note=limited(note, "note"), data=data, files=pictures)
    return move.ticket


def follow_up(
    ticket: Ticket,
    *,
    by: Actor,
    note: str,
    answered: bool = False,
    promised_at: datetime | None = None,
    pictures: Sequence[Picture] = (),
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """跟进: what was done, whether the owner has had word, and what is promised for when."""
    with moving(ticket, Verb.FOLLOW_UP, by=by, now=now, version=version) as move:
        note = required(note, "note", _("请写下进展。"))
        data: dict = {}
        if answered:
            data |= {"answered": True} | settle(move, note)
        if promised_at is not None:
            promised_at = future(promised_at, "promised_at", move.now, message="")
            data["promised_at"] = promised_at.isoformat()
        move.set(promised_at=promised_at)
        move.event(Verb.FOLLOW_UP, note=note, data=data, files=pictures)
    return move.ticket


def hold(
    ticket: Ticket,
    *,
    by: Actor,
    reason: str,
    resume_at: datetime | None,
    note: str = "",
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """挂起: the work rests until ``resume_at``; all reasons but "other" stop the clocks."""
    with moving(ticket, Verb.HOLD, by=by, now=now, version=version) as move:
        if reason not in HoldReason.values:
            raise Invalid.field("reason", _("请选择挂起原因。"))
        note = limited(note, "note")
        if reason == HoldReason.OTHER and not note:
            raise Invalid.field("note", _("原因选“其他”时，请说明情况。"))
        until = future(resume_at, "resume_at", move.now, message=_("请选择预计恢复的时间。"))
        Hold.objects.create(
            ticket=move.ticket, round=move.ticket.round, reason=reason, started_at=move.now, resume_at=until
        )
        move.set(hold_reason=reason, hold_until=until)
        move.event(Verb.HOLD, to=Status.ON_HOLD, note=note, data={"reason": reason, "resume_at": until.isoformat()})
    return move.ticket


def resume(
    ticket: Ticket, *, by: Actor, note: str = "", now: datetime | None = None, version: int | None = None
) -> Ticket:
    """恢复处理: by the handler, or by the system on the date."""
    with moving(ticket, Verb.RESUME, by=by, now=now, version=version) as move:
        _resume(move, limited(note, "note"))
    return move.ticket


def resume_together(tickets: Iterable[Ticket], *, now: datetime) -> dict[int, Refusal]:
    """恢复处理 of many, by the clock on their dates; why those that cannot are not, by their ids."""
    return move_together(tickets, Verb.RESUME, _resume, by=SYSTEM, now=now)


def _resume(move: Moving, note: str = "") -> None:
    end_hold(move)
    move.event(Verb.RESUME, to=Status.IN_PROGRESS, note=note)


def complete(
    ticket: Ticket,
    *,
    by: Actor,
    result: str,
    pictures: Sequence[Picture] = (),
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """处理完成: the work is done; the first receiver tells the owner next."""
    with moving(ticket, Verb.COMPLETE, by=by, now=now, version=version) as move:
        result = required(result, "result", _("请写明处理结果，回复业主时要用。"))
        move.end_leg()
        move.set(promised_at=None)
        move.event(Verb.COMPLETE, to=Status.COMPLETED, note=result, data=settle(move, result), files=pictures)
    return move.ticket
