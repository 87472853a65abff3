"""Buildings and units entered by hand; thousands come by import."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Invalid, NotSeen
from staff.access import Viewer
from staff.models import Employee, Project
from staff.permissions import Permission
from tickets.lookup import open_count
from tickets.models import Building, Occupancy, Unit


def buildings(viewer: Viewer) -> QuerySet[Building]:
    """Of the projects where this person looks people up or manages the estate."""
    held = [viewer.scope(power) for power in (Permission.OWNER_LOOKUP, Permission.ESTATE_MANAGE) if viewer.can(power)]
    if not held:
        return Building.objects.none()
    if not all(held):  # one of them is held everywhere
        return Building.objects.all()
    return Building.objects.filter(reduce(or_, held))


def seen_building(viewer: Viewer, pk: int) -> Building:
    found = buildings(viewer).select_related("project", "steward").filter(pk=pk).first()
    if found is None:
        raise NotSeen(_("没有找到这栋楼。"))
    return found


def seen_unit(viewer: Viewer, pk: int) -> Unit:
    found = (
        Unit.objects.filter(building__in=buildings(viewer)).select_related("project", "building").filter(pk=pk).first()
    )
    if found is None:
        raise NotSeen(_("没有找到这套房。"))
    return found


def units_of(building: Building, viewer: Viewer) -> QuerySet[Unit]:
    """By entrance and floor, each with whether somebody lives there and how much is open."""
    lives = Occupancy.objects.on(timezone.localdate()).filter(unit=OuterRef("pk"))
    counted = {"is_lived_in": Exists(lives), "open_count": open_count(viewer, "pk")}
    return Unit.objects.filter(building=building).annotate(**counted).order_by("entrance", "floor", "room")


def check_manage(project: Project | int, by: Actor) -> None:
    by.viewer.check(Permission.ESTATE_MANAGE, project if isinstance(project, int) else project.pk)


def add_building(project: Project, *, by: Actor, code: str, name: str, steward: Employee | None = None) -> Building:
    """Raises ``Forbidden``, ``Invalid`` (the code is taken)."""
    check_manage(project, by)
    try:
        with transaction.atomic():
            return Building.objects.create(project=project, code=code, name=name, steward=steward)
    except IntegrityError as error:
        raise Invalid.field("code", _("这个项目已有 %(code)s 号楼。") % {"code": code}) from error


def amend_building(building: Building, *, by: Actor, name: str, steward: Employee | None) -> Building:
    """The code stays: labels and posters carry it."""
    check_manage(building.project_id, by)
    building.name, building.steward = name, steward
    building.save(update_fields=["name", "steward"])
    return building


def add_unit(
    building: Building,
    *,
    by: Actor,
    room: str,
    entrance: str = "",
    floor: int | None = None,
    area: Decimal | None = None,
    handed_over_on: date | None = None,
) -> Unit:
    """Raises ``Forbidden``, ``Invalid`` (the unit is there already)."""
    check_manage(building.project_id, by)
    values: dict[str, Any] = {"floor": floor, "area": area, "handed_over_on": handed_over_on}
    try:
        with transaction.atomic():
            return Unit.objects.create(building=building, entrance=entrance, room=room, **values)
    except IntegrityError as error:
        raise Invalid.field("room", _("这套房已经在册。")) from error
