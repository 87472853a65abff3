"""Who is at the counter or on the phone: what the desk sees beside the form before it writes a word."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils import timezone

from staff.access import Viewer
from staff.permissions import Permission
from tickets import suggestions
from tickets.lookup import Where
from tickets.models import Building, Category, Occupancy, Owner, Ticket, Unit


@dataclass
class Caller:
    """A person in a unit, a unit without one, or a public area; with their past and the warnings."""

    viewer: Viewer
    where: Where
    now: datetime
    kind: str = ""
    category_id: int | None = None
    unit: Unit | None = None
    building: Building | None = None

    @property
    def project(self) -> Any:
        return self.unit.project if self.unit else self.building.project if self.building else None

    @property
    def value(self) -> str:
        return str(self.where)

    @cached_property
    def _lives(self) -> list[Occupancy]:
        """Who lives in the unit now, and where else the person does."""
        if self.unit is None:
            return []
        wanted = Q(unit=self.unit)
        if self.where.owner_id:
            wanted |= Q(owner_id=self.where.owner_id) & self.viewer.scope(Permission.OWNER_LOOKUP, "unit__project_id")
        rows = Occupancy.objects.on(timezone.localdate(self.now)).filter(wanted).select_related("owner", "unit")
        return list(rows.order_by("-relation", "pk"))

    @property
    def occupants(self) -> list[Occupancy]:
        return [row for row in self._lives if self.unit and row.unit_id == self.unit.pk]

    @property
    def occupancy(self) -> Occupancy | None:
        """The person's place in this very unit; None when they do not live there (any more)."""
        return next((row for row in self.occupants if row.owner_id == self.where.owner_id), None)

    @property
    def owner(self) -> Owner | None:
        return self.occupancy.owner if self.occupancy else None

    @property
    def others(self) -> list[Occupancy]:
        return [row for row in self.occupants if row.owner_id != self.where.owner_id]

    @property
    def homes(self) -> list[Occupancy]:
        """The person's other units."""
        return [row for row in self._lives if self.unit and row.unit_id != self.unit.pk]

    @property
    def is_tenant(self) -> bool:
        return self.occupancy is not None and self.occupancy.relation == Occupancy.Relation.TENANT

    @property
    def payers(self) -> list[Owner]:
        """Who may pay when a tenant asks: the unit's owners, then the tenant."""
        if not self.is_tenant or self.owner is None:
            return []
        owners = [row.owner for row in self.others if row.relation == Occupancy.Relation.OWNER]
        return [*owners, self.owner] if owners else []

    # --- their past ---
    def _past(self) -> Any:
        place = Q(unit=self.unit) if self.unit else Q(building=self.building, unit=None)
        mine = place | Q(owner_id=self.where.owner_id) if self.where.owner_id else place
        return (
            Ticket.objects.visible_to(self.viewer).filter(mine).select_related("unit", "building", "category__parent")
        )

    @cached_property
    def open_tickets(self) -> list[Ticket]:
        return list(self._past().open().with_urges().order_by("-created_at")[:8])

    @property
    def may_urge(self) -> bool:
        """Whether a call about one of these can be written down here."""
        return self.project is not None and self.viewer.can(Permission.TICKET_URGE, self.project.pk)

    @cached_property
    def recent(self) -> list[Ticket]:
        """The last five that are over."""
        return list(self._past().filter(status__in=("closed", "cancelled")).order_by("-created_at")[:5])

    @property
    def last(self) -> Ticket | None:
        """What "the same as last time" means."""
        return max([*self.open_tickets, *self.recent], key=lambda ticket: ticket.created_at, default=None)

    @property
    def again(self) -> str:
        """The fields that fill themselves in for the same as last time, as JSON by field name."""
        last = self.last
        if last is None:
            return ""
        category: Category | None = last.category if last.category_id else None
        values = {
            "kind": last.kind,
            "description": last.description,
            "category_find": str(category or ""),
            "category": str(category.pk) if category else "",
            "urgency": last.urgency,
        }
        return json.dumps(values, ensure_ascii=False)

    # --- what to know ---
    @cached_property
    def warnings(self) -> list[suggestions.Notice]:
        return suggestions.warnings(
            suggestions.Situation(self.viewer, self.now, self.kind, self.unit, self.building, self.category_id)
        )

    @property
    def duplicates(self) -> list[Ticket]:
        return [ticket for warning in self.warnings if warning.code == "duplicate" for ticket in warning.tickets]


def caller(
    viewer: Viewer, value: str, *, kind: str = "", category_id: int | None = None, now: datetime | None = None
) -> Caller | None:
    """The caller a list's ``value`` stands for; None for what is not there or not for these eyes."""
    where = Where.parse(value)
    if where is None:
        return None
    seen = viewer.scope(Permission.OWNER_LOOKUP)
    found = Caller(viewer, where, now or timezone.now(), kind, category_id)
    if where.unit_id:
        found.unit = Unit.objects.filter(seen, pk=where.unit_id).select_related("project", "building").first()
        return found if found.unit and (not where.owner_id or found.occupancy) else None
    found.building = Building.objects.filter(seen, pk=where.building_id or 0).select_related("project").first()
    return found if found.building else None
