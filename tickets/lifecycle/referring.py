"""转办: what an authority passed on (12345, street office, head office, owners' committee): number, deadline, reply.

Their number is unique, so that no request is imported twice; of their deadline and ours the earlier governs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, IllegalMove, Invalid
from tickets.lifecycle.gate import Moving, moving, required, sees
from tickets.models import Referral, Ticket
from tickets.models.escalation import normalised
from tickets.statuses import AUTHORITIES, Source, Verb

MAX_NUMBER = 60
_FARTHEST = timedelta(days=730)


def refer(
    ticket: Ticket,
    *,
    by: Actor,
    authority: str,
    number: str,
    due_at: datetime | None = None,
    return_until: datetime | None = None,
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """登记转办: an authority passed it on, or what was written down of that is put right (until they had their reply).

    ``due_at``: their deadline; ``return_until``: until when it may be given back as not ours. Raises ``Conflict``
    (``referral_taken``, on ``number``) when this authority's number is on another request.
    """
    with moving(ticket, Verb.REFER, by=by, now=now, version=version) as move:
        if authority not in AUTHORITIES:
            raise Invalid.field("authority", _("请选择转办单位。"))
        number = clean_number(number, "number")
        since = move.ticket.created_at
        due_at = clean_moment(due_at, "due_at", since)
        return_until = clean_moment(return_until, "return_until", since)
        before = Referral.objects.filter(ticket=move.ticket).first()
        if before is not None and before.replied_at is not None:
            raise Conflict(_("已正式回复转办单位，不能再改转办信息。"), code="already_replied")
        wanted = {"authority": str(authority), "number": number, "due_at": due_at, "return_until": return_until}
        if before is not None and all(getattr(before, name) == value for name, value in wanted.items()):
            raise Invalid(_("没有改动任何内容。"), code="nothing_changed")
        old_due = before.due_at if before else None
        changes = {"authority_due_at": [_iso(old_due), _iso(due_at)]} if old_due != due_at else {}
        was = _told(before) if before else {}
        record(move, before or Referral(ticket=move.ticket), wanted)
        data = _told_of(wanted) | ({"changes": changes} if changes else {}) | ({"before": was} if was else {})
        move.event(Verb.REFER, data=data)
    return move.ticket


def refer_at_registration(move: Moving, columns: dict[str, Any]) -> None:
    """The same for what comes in with its number: part of the registration."""
    record(move, Referral(ticket=move.ticket), columns, field="authority_number")
    move.event(Verb.REFER, data=_told_of(columns))


def record(move: Moving, referral: Referral, values: dict[str, Any], *, field: str = "number") -> None:
    """Write the row. Raises ``Conflict`` when another request has the number, also when both come at once."""
    for name, value in values.items():
        setattr(referral, name, value)
    try:
        with transaction.atomic():
            referral.save()
    except IntegrityError as error:
        other = Referral.objects.select_related("ticket").filter(
            authority=referral.authority, number=referral.number
        ).exclude(ticket=move.ticket).first()  # fmt: skip
        if other is None:
            raise
        raise taken(other.ticket, move, field) from error
    move.ticket.referral = referral


def taken(other: Ticket, move: Moving, field: str) -> Conflict:
    """The refusal, naming the request that has the number to whom may see it."""
    words = _("这个转办编号已经登记过，不能再登记一张。")
    if move.by.is_employee and sees(other, move.by.viewer, move.now):
        words = _("这个转办编号已登记在 %(number)s，请在那张工单上办理。") % {"number": other.number}
    return Conflict(words, code="referral_taken", fields={field: [words]})


def reply_authority(
    ticket: Ticket, *, by: Actor, content: str, now: datetime | None = None, version: int | None = None
) -> Ticket:
    """正式回复转办单位: once, in the words they were given."""
    with moving(ticket, Verb.REPLY_AUTHORITY, by=by, now=now, version=version) as move:
        content = required(content, "content", _("请写下正式回复的内容。"))
        referral = Referral.objects.filter(ticket=move.ticket).first()
        if referral is None:
            raise IllegalMove(_("这张工单没有登记转办，不能正式回复。"))
        if referral.replied_at is not None:
            raise Conflict(_("已由 %(name)s 正式回复过。") % {"name": referral.replied_by}, code="already_replied")
        referral.reply, referral.replied_at, referral.replied_by = content, move.now, by.name
        referral.save(update_fields=["reply", "replied_at", "replied_by"])
        move.ticket.referral = referral
        move.event(
            Verb.REPLY_AUTHORITY, note=content, data={"authority": referral.authority, "number": referral.number}
        )
    return move.ticket


# --- what was written -----------------------------------------------------------------------------
def clean_number(number: str, name: str) -> str:
    return required(normalised(number), name, _("请填写转办编号。"), limit=MAX_NUMBER)


def clean_moment(value: datetime | None, name: str, since: datetime) -> datetime | None:
    """A time after the request itself came in, and within two years. Raises ``Invalid`` on ``name``."""
    if value is None:
        return None
    if value <= since:
        raise Invalid.field(name, _("时间要晚于工单的登记时间。"))
    if value > since + _FARTHEST:
        raise Invalid.field(name, _("时间太远了，请核对年份。"))
    return value


def clean_intake_fields(
    source: str, number: str, due_at: datetime | None, return_until: datetime | None, now: datetime
) -> dict[str, Any] | None:
    """What an intake says of a referral, as :func:`record` takes it; None when it says nothing. Raises ``Invalid``."""
    if not (normalised(number) or due_at or return_until):
        return None
    if source not in AUTHORITIES:
        raise Invalid.field("authority_number", _("来源是 12345、街道/住建、总部或业委会时，才有转办编号和时限。"))
    return {
        "authority": Source(source).value,
        "number": clean_number(number, "authority_number"),
        "due_at": clean_moment(due_at, "authority_due_at", now),
        "return_until": clean_moment(return_until, "authority_return_until", now),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _told_of(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _iso(value) if isinstance(value, datetime) else value for name, value in values.items() if value}


def _told(referral: Referral) -> dict[str, Any]:
    names = ("authority", "number", "due_at", "return_until")
    return _told_of({name: getattr(referral, name) for name in names})
