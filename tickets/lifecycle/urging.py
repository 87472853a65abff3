"""催单 by the owner, 催办 by colleagues, 督办 by the manager: words that hurry a request along, each wanting an answer.

No clock moves for any of it. What the owner says on the phone is logged on the request and makes no second one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Invalid
from tickets.circumstances import around_of
from tickets.lifecycle.gate import Moving, limited, moving, required
from tickets.lifecycle.oversight import put_under
from tickets.models import Event, Ticket, Urge
from tickets.recipients import Audience
from tickets.statuses import MANAGER_AT, SUPERVISOR_AT, Channel, Oversight, Verb

# Repeats of one side within this time are one.
FOLD = timedelta(minutes=10)
MAX_WORDS = 2000
OWNER = "业主"  # kept with the request, so in Chinese


def urge(
    ticket: Ticket,
    *,
    by: Actor,
    note: str = "",
    told_by_owner: bool = False,
    channel: str = "",
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """催单 (by the owner, or ``told_by_owner`` to who writes it down) or 催办 (by a colleague).

    The owner's first tells the handler and the first receiver, the second the supervisor as well, the third makes
    it the manager's to oversee. Repeats within ten minutes fold into the one that still waits for its answer:
    no second event, nobody is told twice. ``channel``: how the owner told it (by phone, unless said otherwise).
    """
    with moving(ticket, Verb.URGE, by=by, now=now, version=version) as move:
        note = limited(note, "note", limit=MAX_WORDS)
        is_recorded = told_by_owner and by.is_employee
        data: dict[str, Any] = {"by": Urge.By.STAFF.value}
        if is_recorded:
            data |= {"recorded": True, "channel": spoken(channel)}
        if by.is_owner_side or is_recorded:
            data["by"] = Urge.By.OWNER.value
        if press(move, data["by"], note, recorded_by=by.name if is_recorded else ""):
            if data["by"] == Urge.By.OWNER:
                data["nth"] = Urge.objects.filter(ticket=move.ticket, by=Urge.By.OWNER).count()
            nth = data.get("nth", 1)
            roles = [role for role, at in (("supervisor", SUPERVISOR_AT), ("manager", MANAGER_AT + 1)) if nth >= at]
            if away := Audience(move.ticket, at=move.now).away(roles):
                data["skipped"] = [{"name": name, "why": why} for name, why in away]
            move.event(Verb.URGE, note=note, data=data)
            if data.get("nth", 0) >= MANAGER_AT:
                put_under(move, Oversight.URGED)
    return move.ticket


def oversee(
    ticket: Ticket,
    *,
    by: Actor,
    note: str = "",
    reason: str = Oversight.MANAGER.value,
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """督办: the manager has an eye on it from now on, and wants an answer; the system does so for a ``reason``."""
    with moving(ticket, Verb.OVERSEE, by=by, now=now, version=version) as move:
        if by.is_system:
            put_under(move, reason, note=limited(note, "note", limit=MAX_WORDS))
            return move.ticket
        note = required(note, "note", _("请写明督办的要求。"), limit=MAX_WORDS)
        if press(move, Urge.By.MANAGER, note):
            put_under(move, Oversight.MANAGER, note=note, by=by)
    return move.ticket


def press(move: Moving, side: str, note: str, *, recorded_by: str = "") -> bool:
    """Write it down; False when it folds into one of the same side that is not ten minutes old and not answered."""
    waiting = Urge.objects.filter(ticket=move.ticket, round=move.ticket.round, by=side, answered_at=None)
    recent = waiting.filter(at__gt=move.now - FOLD).order_by("-at").first()
    if recent is not None:
        recent.times, recent.last_at = recent.times + 1, move.now
        if note and note not in recent.note:
            # Nobody is told again, but no words get lost.
            recent.note = f"{recent.note}\n{note}".strip()[:MAX_WORDS]
        recent.save(update_fields=["times", "last_at", "note"])
        return False
    is_owner = side == Urge.By.OWNER
    Urge.objects.create(
        ticket=move.ticket,
        round=move.ticket.round,
        by=side,
        by_name=OWNER if is_owner else move.by.name,
        by_id=move.ticket.owner_id if is_owner else move.by.id,
        recorded_by=recorded_by,
        note=note,
        at=move.now,
        last_at=move.now,
    )
    return True


def spoken(channel: str) -> str:
    channel = channel or Channel.PHONE.value
    if channel not in Channel.values or channel in (Channel.LINK, Channel.UNREACHABLE):
        raise Invalid.field("channel", _("请选择业主是怎样告诉您的。"))
    return channel


def answer_urge(
    ticket: Ticket, *, by: Actor, note: str, now: datetime | None = None, version: int | None = None
) -> Ticket:
    """答复: one answer to all that waits for one. The owner reads it where the owner asked."""
    with moving(ticket, Verb.ANSWER_URGE, by=by, now=now, version=version) as move:
        note = required(note, "note", _("请写下答复。"), limit=MAX_WORDS)
        settled = settle(move, note)
        if not settled:
            raise Conflict(_("没有等待答复的催单或催办，可能同事已经答复。"), code="already_answered")
        move.event(Verb.ANSWER_URGE, note=note, data=settled)
    return move.ticket


def settle(move: Moving, answer: str) -> dict[str, Any]:
    """Mark everything that waits for an answer as answered by this move; what its event keeps of that.

    ``urges``: how many were answered; ``to_owner``: one of them was the owner's; ``urgers``: the employees to tell.
    Empty when nothing waited.
    """
    waiting = list(Urge.objects.filter(ticket=move.ticket, answered_at=None))
    if not waiting:
        return {}
    Urge.objects.filter(pk__in=[each.pk for each in waiting]).update(
        answered_at=move.now, answered_by=move.by.name or OWNER, answer=answer.strip()[:MAX_WORDS]
    )
    data: dict[str, Any] = {"urges": len(waiting)}
    if any(each.by == Urge.By.OWNER for each in waiting):
        data["to_owner"] = True
    if urgers := sorted({each.by_id for each in waiting if each.by != Urge.By.OWNER and each.by_id}):
        data["urgers"] = urgers
    return data


def acknowledge(ticket: Ticket, *, by: Actor, now: datetime | None = None, version: int | None = None) -> Ticket:
    """确认知悉: who was told says so, once a round, and once more of a later alarm; again changes nothing."""
    with moving(ticket, Verb.ACKNOWLEDGE, by=by, now=now, version=version) as move:
        mine = Event.objects.filter(ticket=move.ticket, verb=Verb.ACKNOWLEDGE, round=move.ticket.round)
        alarmed_at = around_of([move.ticket])[move.ticket.pk].alarmed_at
        if alarmed_at is not None:
            mine = mine.filter(at__gte=alarmed_at)
        if not mine.filter(actor_kind=by.kind.value, actor_id=by.id).exists():
            move.event(Verb.ACKNOWLEDGE)
    return move.ticket
