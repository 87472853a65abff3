"""Owners and who lives where: entering, amending, moving in and out. What happened before stays readable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service import phones
from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen, Refusal
from shimao_service.privacy import record_reveal
from staff.access import Viewer
from staff.permissions import Permission
from tickets import lifecycle
from tickets.models import Occupancy, Owner, Ticket, Unit

LIMITS = {"name": 60, "note": 200}


# --- who is seen ----------------------------------------------------------------------------------
def visible_to(viewer: Viewer) -> QuerySet[Owner]:
    """Those who live or lived in a unit of a project where this person may look people up."""
    lived = Occupancy.objects.filter(viewer.scope(Permission.OWNER_LOOKUP, "unit__project_id"), owner=OuterRef("pk"))
    if not viewer.can(Permission.OWNER_LOOKUP):
        return Owner.objects.none()
    return Owner.objects.filter(Exists(lived))


def seen_owner(viewer: Viewer, pk: int) -> Owner:
    """Raises ``NotSeen``: unseen and unknown are not told apart."""
    owner = visible_to(viewer).filter(pk=pk).first()
    if owner is None:
        raise NotSeen(_("没有找到这位业主。"))
    return owner


def may(viewer: Viewer, permission: Permission, owner: Owner) -> bool:
    """Whether the power is held in a project where the owner lives or lived."""
    return Occupancy.objects.filter(viewer.scope(permission, "unit__project_id"), owner=owner).exists() and viewer.can(
        permission
    )


def check_may(viewer: Viewer, permission: Permission, owner: Owner) -> None:
    if not may(viewer, permission, owner):
        raise Forbidden(_("您没有“%(what)s”的权限，请联系主管。") % {"what": permission.label})


def reveal(owner: Owner, *, viewer: Viewer, reason: str) -> Owner:
    """Show name and phones; the look is written down. Raises ``Forbidden``, ``Invalid`` (no reason)."""
    check_may(viewer, Permission.OWNER_REVEAL, owner)
    record_reveal(user=viewer.user, subject=f"owner:{owner.pk}", reason=reason)
    return owner


# --- entering and amending --------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Person:
    """What is entered about somebody. ``None`` leaves what is there."""

    name: str | None = None
    phone: str | None = None
    phone_alt: str | None = None
    email: str | None = None
    note: str | None = None

    def clean(self) -> dict[str, str]:
        """The values as stored. Raises ``Invalid`` with every field that is wrong."""
        wrong: dict[str, list[str]] = {}
        values: dict[str, str] = {}
        for name in ("name", "phone", "phone_alt", "email", "note"):
            value = getattr(self, name)
            if value is None:
                continue
            value = value.strip().replace("\x00", "")
            try:
                values[name] = phones.normalise(value) if name.startswith("phone") else checked(name, value)
            except Invalid as refusal:
                wrong[name] = [str(refusal.detail)]
        if wrong:
            raise Invalid(next(iter(wrong.values()))[0], fields=wrong)
        return values


def checked(name: str, value: str) -> str:
    if name == "name" and not value:
        raise Invalid(_("请填写姓名。"))
    if len(value) > LIMITS.get(name, 254):
        raise Invalid(_("最多 %(limit)s 个字。") % {"limit": LIMITS.get(name, 254)})
    if name == "email" and value:
        try:
            validate_email(value)
        except ValidationError as error:
            raise Invalid(_("邮箱地址不完整，请核对。")) from error
    return value


@transaction.atomic
def create(person: Person, unit: Unit, *, by: Actor, relation: str, since: date | None = None) -> Owner:
    """Enter somebody together with where they live. Raises ``Forbidden``, ``Invalid``."""
    check_unit(unit, by)
    values = person.clean()
    if not values.get("name"):
        raise Invalid.field("name", _("请填写姓名。"))
    owner = Owner.objects.create(**values)
    move_in(owner, unit, by=by, relation=relation, since=since)
    return owner


@transaction.atomic
def amend(owner: Owner, person: Person, *, by: Actor) -> Owner:
    """Put right what is on file. Raises ``Forbidden``, ``Invalid``."""
    check_may(by.viewer, Permission.OWNER_EDIT, owner)
    row = Owner.objects.select_for_update().get(pk=owner.pk)
    for name, value in person.clean().items():
        setattr(row, name, value)
    row.save()
    return row


def alike(phone: str, *, viewer: Viewer, name: str = "", but: Owner | None = None) -> list[Owner]:
    """Others on file with this phone, of the viewer's projects: a warning, never an error, as families share.

    Those with the same name come first: most likely they are the same person.
    """
    if not phone:
        return []
    found = visible_to(viewer).filter(Q(phone=phone) | Q(phone_alt=phone))
    if but is not None:
        found = found.exclude(pk=but.pk)
    return sorted(found[:10], key=lambda owner: (owner.name != name, owner.pk))


# --- moving in and out ------------------------------------------------------------------------------
def check_unit(unit: Unit, by: Actor) -> None:
    if not by.is_employee or not by.viewer.can(Permission.OWNER_EDIT, unit.project_id):
        raise Forbidden(_("您没有“%(what)s”的权限，请联系主管。") % {"what": Permission.OWNER_EDIT.label})


@transaction.atomic
def move_in(owner: Owner, unit: Unit, *, by: Actor, relation: str, since: date | None = None) -> Occupancy:
    """入住: from ``since`` on (None: not known). Raises ``Invalid`` when they already live there as that."""
    check_unit(unit, by)
    if relation not in Occupancy.Relation.values:
        raise Invalid.field("relation", _("请选择关系。"))
    try:
        with transaction.atomic():
            return Occupancy.objects.create(owner=owner, unit=unit, relation=relation, since=since)
    except IntegrityError as error:
        raise Invalid.field("unit", _("这位业主已登记在 %(unit)s。") % {"unit": unit.label}) from error


@transaction.atomic
def move_out(
    occupancy: Occupancy, *, by: Actor, until: date, reason: str = "", now: datetime | None = None
) -> list[Ticket]:
    """迁出: ``until`` is the last day. History stays; the tracking links of their open requests there die.

    Returns the requests whose links were revoked. Raises ``Forbidden``, ``Invalid``, ``Conflict`` (already out).
    """
    row = Occupancy.objects.select_for_update(of=("self",)).select_related("unit", "owner").get(pk=occupancy.pk)
    check_unit(row.unit, by)
    if row.until is not None:
        raise Conflict(_("这位住户已于%(day)s 迁出。") % {"day": f"{row.until:%Y-%m-%d}"}, code="moved_out")
    if row.since and until < row.since:
        raise Invalid.field("until", _("迁出日期不能早于入住日期。"))
    row.until = until
    row.save(update_fields=["until"])
    moment = now or timezone.now()
    if until > timezone.localdate(moment) or still_lives(row, moment):
        return []  # until that day the link is theirs; after it the link ends with the tenancy
    words = reason.strip() or _("住户已迁出 %(unit)s") % {"unit": row.unit.label}
    return revoke_links(Ticket.objects.open().filter(owner=row.owner, unit=row.unit), by, words)


def still_lives(row: Occupancy, now: datetime) -> bool:
    """Whether the person has another standing in the same unit: a tenant who is family of the owner stays."""
    others = Occupancy.objects.filter(unit=row.unit, owner=row.owner).exclude(pk=row.pk)
    return others.on(timezone.localdate(now)).exists()


def revoke_links(tickets: Iterable[Ticket], by: Actor, reason: str) -> list[Ticket]:
    revoked = []
    for ticket in tickets:
        try:
            with transaction.atomic():
                revoked.append(lifecycle.revoke_link(ticket, by=by, reason=reason))
        except Refusal:
            continue  # not theirs to touch; the link ends with the tenancy all the same (see tickets.links)
    return revoked
