"""Putting right what was entered wrongly, adding what was forgotten, and taking back what should not be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service import phones
from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen
from shimao_service.privacy import mask_name, mask_phone
from staff.permissions import Permission
from tickets.circumstances import EMERGENCY
from tickets.lifecycle.dispatching import end_hold
from tickets.lifecycle.gate import future, limited, lock, moving, required, sees
from tickets.lifecycle.oversight import after_amendment, after_linking
from tickets.lifecycle.recusal import recuse
from tickets.lifecycle.urging import settle
from tickets.models import Category, Escalation, Owner, Ticket, TicketLink, Unit
from tickets.permissions import check_power
from tickets.pictures import Picture
from tickets.statuses import URGENCY_RANK, Kind, Level, Status, Urgency, Verb

AMENDABLE = frozenset(
    {
        "kind", "category", "urgency", "unit", "place", "owner", "payer", "contact_name", "contact_phone",
        "contact_email", "level", "is_collective", "appointment_at", "description",
    }
)  # fmt: skip
CHOICES = {"kind": Kind, "urgency": Urgency, "level": Level}
MASKS = {
    "contact_name": mask_name,
    "contact_phone": mask_phone,
    "contact_email": lambda value: value[:1] + "***" if value else "",
}
LIMITS = {"place": 80, "contact_name": 60, "contact_email": 254, "description": 5000}


@transaction.atomic
def amend(
    ticket: Ticket,
    *,
    by: Actor,
    reason: str,
    changes: dict[str, Any],
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """更正: kind, category, urgency, unit, contact and the like; the number stays, and old values are in the event.

    ``changes`` maps a name of :data:`AMENDABLE` to its new value (model instances for unit, category, owner,
    payer). Due times count from the original moment. Lowering the urgency is the supervisor's, and never
    erases a breach. A changed owner or contact kills the tracking link that the wrong one holds.
    """
    with moving(ticket, Verb.AMEND, by=by, now=now, version=version) as move:
        reason = required(reason, "reason", _("请写明更正原因。"))
        row = move.ticket
        wanted = {name: value for name, value in changes.items() if clean(name, value) != getattr(row, name)}
        wanted = {name: clean(name, value) for name, value in wanted.items()}
        check_amendment(row, wanted, by)
        if wanted.get("appointment_at"):
            check_booked(row, wanted["appointment_at"], move.now)
        if not wanted:
            raise Invalid(_("没有改动任何内容。"), code="nothing_changed")
        data: dict[str, Any] = {
            "changes": {name: [shown(name, getattr(row, name)), shown(name, value)] for name, value in wanted.items()}
        }
        if "unit" in wanted:
            unit: Unit | None = wanted["unit"]
            move.set(building=unit.building if unit else None)
        if wanted.keys() & {"owner", "contact_phone", "contact_name"}:
            move.set(link_version=row.link_version + 1)
            data["link_revoked"] = True
        if "urgency" in wanted and row.urgency == Urgency.CRITICAL:
            # No emergency after all; should it become one again, it is raised anew. The events stay.
            Escalation.objects.filter(ticket=row, round=row.round, clock=EMERGENCY).delete()
        move.set(**wanted)
        move.event(Verb.AMEND, note=reason, data=data)
        if wanted.get("kind") == Kind.COMPLAINT:
            # Whom the praise named is now whom the complaint is about.
            recuse(move, set(row.subjects.values_list("employee_id", flat=True)))
        after_amendment(move, wanted.keys())
    row = move.ticket
    if row.kind == Kind.COMPLAINT and wanted.keys() & {"kind", "unit", "owner", "contact_phone"}:
        # What it is linked with may have become a group's complaint by this.
        after_linking([row], now=now)
        row.refresh_from_db(fields=["overseen_at", "oversight", "last_event_at", "remind_at"])
    return row


def clean(name: str, value: Any) -> Any:
    """A value as it would be stored. Raises ``Invalid`` on ``name``."""
    if name not in AMENDABLE:
        raise Invalid.field(name, _("这一项不能更正。"))
    if name in CHOICES:
        if value not in CHOICES[name].values and not (name == "level" and value == ""):
            raise Invalid.field(name, _("请选择有效的选项。"))
        return str(value)
    if name == "contact_phone":
        return phones.normalise(value) if value else ""
    if name in LIMITS:
        return limited(value, name, limit=LIMITS[name])
    if name == "is_collective":
        return bool(value)
    return value


def check_amendment(row: Ticket, wanted: dict[str, Any], by: Actor) -> None:
    if "description" in wanted and not wanted["description"]:
        raise Invalid.field("description", _("内容不能为空。"))
    urgency = wanted.get("urgency")
    if urgency and URGENCY_RANK[Urgency(urgency)] < URGENCY_RANK[Urgency(row.urgency)]:
        if not by.viewer.can(Permission.TICKET_LOWER_URGENCY, row.project_id):
            raise Forbidden(_("降低紧急程度需要主管操作。"))
    unit: Unit | None = wanted.get("unit")
    if unit is not None and unit.project_id != row.project_id:
        raise Invalid.field("unit", _("房屋不在这张工单的项目里。"))
    category: Category | None = wanted.get("category", row.category)
    kind = wanted.get("kind", row.kind)
    if row.kind == Kind.COMPLAINT and kind != Kind.COMPLAINT and row.subjects.exists():
        # Any other kind is open to whom it is about: that he was named wrongly is said first, by itself.
        raise Invalid.field("kind", _("这张投诉指明了涉及员工，改为其他类型会让当事人看到；请先更正涉及员工。"))
    if category is not None and category.kind != kind:
        if "category" in wanted:
            raise Invalid.field("category", _("分类与类型不符，请重新选择分类。"))
        wanted["category"] = None  # the old one belongs to the old kind
    if kind != Kind.COMPLAINT:
        if row.is_anonymous:
            raise Invalid.field("kind", _("匿名投诉不能改为其他类型。"))
        if row.level and "level" not in wanted:
            wanted["level"] = ""
    elif not wanted.get("level", row.level):
        wanted["level"] = Level.ORDINARY.value
    if row.is_anonymous and wanted.keys() & {"owner", "contact_name", "contact_phone", "contact_email"}:
        raise Invalid.field("contact_name", _("匿名投诉不登记联系人。"))


def check_booked(row: Ticket, at: datetime, now: datetime) -> None:
    """A time that has passed meanwhile may be put right; one before anybody asked, or years off, is a slip."""
    if at < row.created_at:
        raise Invalid.field("appointment_at", _("预约时间不能早于登记时间。"))
    if at > now:
        future(at, "appointment_at", now, message="")


def shown(name: str, value: Any) -> Any:
    """A value as the event keeps it: readable, and with people masked."""
    if name in MASKS:
        return MASKS[name](value or "")
    if isinstance(value, Owner):
        return f"{mask_name(value.name)} {mask_phone(value.phone)}".strip()
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)


def supplement(
    ticket: Ticket,
    *,
    by: Actor,
    note: str = "",
    pictures: Sequence[Picture] = (),
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """补充: the owner adds words or pictures. No move."""
    with moving(ticket, Verb.SUPPLEMENT, by=by, now=now, version=version) as move:
        note = limited(note, "note", limit=2000)
        if not note and not pictures:
            raise Invalid.field("note", _("请写点什么，或附上图片。"))
        move.event(Verb.SUPPLEMENT, note=note, files=pictures)
    return move.ticket


def cancel(
    ticket: Ticket, *, by: Actor, reason: str, now: datetime | None = None, version: int | None = None
) -> Ticket:
    """作废: by the supervisor before the work is done, by the owner while nobody has it."""
    with moving(ticket, Verb.CANCEL, by=by, now=now, version=version) as move:
        reason = required(reason, "reason", _("请写明原因。"))
        end_hold(move)
        move.set(cancelled_by_owner=by.is_owner_side, promised_at=None)
        move.event(Verb.CANCEL, to=Status.CANCELLED, note=reason, data=settle(move, reason))
    return move.ticket


def revoke_link(
    ticket: Ticket, *, by: Actor, reason: str, now: datetime | None = None, version: int | None = None
) -> Ticket:
    """作废查询链接: every link given out so far is dead; a new one can be handed over."""
    with moving(ticket, Verb.REVOKE_LINK, by=by, now=now, version=version) as move:
        reason = required(reason, "reason", _("请写明原因。"))
        move.set(link_version=move.ticket.link_version + 1)
        move.event(Verb.REVOKE_LINK, note=reason)
    return move.ticket


@transaction.atomic
def link(ticket: Ticket, other: Ticket, *, by: Actor, note: str = "", now: datetime | None = None) -> TicketLink:
    """关联: two requests have one cause; each keeps its own life, and neither owner learns of the other."""
    low, high = sorted((ticket, other), key=lambda each: each.pk)
    if low.pk == high.pk:
        raise Invalid.field("other", _("不能与自己关联。"))
    rows = {pk: lock(pk) for pk in (low.pk, high.pk)}  # in order of id: two people linking never deadlock
    for row in rows.values():
        if by.is_employee and not sees(row, by.viewer, now or timezone.now()):
            raise NotSeen(_("没有找到这张工单。"))
        check_power(Verb.LINK, row.project_id, by)
    if rows[low.pk].project_id != rows[high.pk].project_id:
        raise Invalid.field("other", _("只能关联同一个项目的工单。"))
    try:
        with transaction.atomic():
            made = TicketLink.objects.create(low=low, high=high, linked_at=now or timezone.now(), linked_by=by.name)
    except IntegrityError as error:
        raise Conflict(_("这两张工单已经关联。"), code="already_linked") from error
    for one, another in ((low, high), (high, low)):
        with moving(one, Verb.LINK, by=by, now=now) as move:
            move.event(Verb.LINK, note=limited(note, "note"), data={"number": another.number})
    after_linking((low, high), now=now)
    return made


@transaction.atomic
def unlink(ticket: Ticket, other: Ticket, *, by: Actor, now: datetime | None = None) -> None:
    """取消关联."""
    low, high = sorted((ticket, other), key=lambda each: each.pk)
    for pk in (low.pk, high.pk):
        lock(pk)
    deleted, _rows = TicketLink.objects.filter(low=low, high=high).delete()
    if not deleted:
        raise Conflict(_("这两张工单没有关联。"), code="not_linked")
    for one, another in ((low, high), (high, low)):
        with moving(one, Verb.UNLINK, by=by, now=now) as move:
            move.event(Verb.UNLINK, data={"number": another.number})
