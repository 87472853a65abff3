"""Finding who is asking, and from where, while typing: by room, phone, name, pinyin or initials.

At most three queries, each a prefix search that an index answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, F, IntegerField, OrderBy, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.exceptions import Invalid
from shimao_service.phones import normalise
from shimao_service.privacy import mask_name, mask_phone
from staff.access import Viewer
from staff.permissions import Permission
from tickets.models import Building, Occupancy, Owner, Ticket, Unit

MOST = 10
SHORTEST_PHONE = 3
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "－—–"), "-")
_WORDS_OF_PLACE = (("号楼", "-"), ("单元", "-"), ("幢", "-"), ("栋", "-"), ("座", "-"), ("号房", ""), ("室", ""))
_BUILDING = re.compile(r"^(\d{1,2}|[A-Z])$|^(\w{1,8})(?:号楼|栋|幢|座)$")
_PLACE = re.compile(r"^[A-Z0-9]{1,8}(-[A-Z0-9]{0,8}){0,3}$")
_LETTERS = re.compile(r"^[a-z]{2,}$")
_PHONE = re.compile(r"^[\d+\-() ]{3,}$")


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the list: somebody in a unit, an empty unit, or a building's public area.

    ``value`` says which: ``u12-o34``, ``u12`` or ``b5`` (see :class:`Where`).
    """

    value: str
    label: str
    name: str = ""
    relation: str = ""
    phone: str = ""
    project: str = ""
    open_count: int = 0
    is_vacant: bool = False
    is_building: bool = False


@dataclass(frozen=True, slots=True)
class Where:
    """What a ``value`` stands for."""

    unit_id: int | None = None
    owner_id: int | None = None
    building_id: int | None = None

    @classmethod
    def parse(cls, value: str) -> Where | None:
        """None for what no list of ours ever offered."""
        if match := re.fullmatch(r"u(\d{1,12})(?:-o(\d{1,12}))?", value or ""):
            return cls(unit_id=int(match[1]), owner_id=int(match[2]) if match[2] else None)
        if match := re.fullmatch(r"b(\d{1,12})", value or ""):
            return cls(building_id=int(match[1]))
        return None

    def __str__(self) -> str:
        if self.building_id:
            return f"b{self.building_id}"
        return f"u{self.unit_id}-o{self.owner_id}" if self.owner_id else f"u{self.unit_id}"


def scope(viewer: Viewer, field: str = "project_id", power: Permission = Permission.OWNER_LOOKUP) -> Q:
    """Projects where this person may look people up; the one picked in the top bar narrows it."""
    held = viewer.scope(power, field)
    return held & Q(**{field: viewer.project.pk}) if viewer.project else held


def number_of(text: str) -> int | None:
    """An id as an address or a form brings it; None for whatever is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def narrow(text: str) -> str:
    """Full-width digits and letters as an input method leaves them, made narrow; spaces gone."""
    return "".join(text.translate(_WIDE).split())


def as_place(text: str) -> str:
    """``3号楼2单元1502室`` → ``3-2-1502``."""
    place = text.upper()
    for word, instead in _WORDS_OF_PLACE:
        place = place.replace(word, instead)
    return re.sub(r"-+", "-", place).strip("-") + ("-" if place.endswith("-") and len(place) > 1 else "")


def find(viewer: Viewer, text: str) -> list[Found]:
    """Who and what ``text`` may mean, best first; nobody of a project where this person has no look-up."""
    words = narrow(text)[:40]
    if not words or not viewer.can(Permission.OWNER_LOOKUP):
        return []
    place = as_place(words)
    building = _BUILDING.match(words.upper())
    units = find_units(viewer, place) if _PLACE.match(place) and not place.isalpha() else []
    if building:
        owners: list[int] = []
        buildings = find_buildings(viewer, building[1] or building[2])
    else:
        owners, buildings = find_owners(viewer, words), []
    rows = [
        Found(
            value=f"b{b.pk}", label=_("%(name)s 公共区域") % {"name": b.name}, project=b.project.name, is_building=True
        )
        for b in buildings
    ]
    return (people(viewer, units, owners) + rows if units or owners else rows)[: MOST + len(rows)]


def find_units(viewer: Viewer, place: str, power: Permission = Permission.OWNER_LOOKUP) -> list[Unit]:
    """By label (3-2-15), by room (1502), or by building and room (3-1502)."""
    parts = place.split("-")
    wanted = Q(label__startswith=place)
    if len(parts) == 1:
        wanted |= Q(room__startswith=place)
    elif len(parts) == 2 and parts[1]:
        wanted |= Q(label__startswith=f"{parts[0]}-", room__startswith=parts[1])
    return list(
        Unit.objects.filter(scope(viewer, power=power))
        .filter(wanted)
        .select_related("project")
        .annotate(open_count=open_count(viewer, "pk"))
        .order_by("label", "project_id")[:MOST]
    )


def find_buildings(viewer: Viewer, code: str) -> list[Building]:
    wanted = Q(code=code) | Q(name=code)
    return list(
        Building.objects.filter(scope(viewer)).filter(wanted).select_related("project").order_by("project_id")[:5]
    )


def person(words: str) -> Q | None:
    """The condition on :class:`Owner`, by the shape of what was typed; None when it cannot be a person."""
    if _PHONE.match(words):
        digits = re.sub(r"[^\d]", "", words)
        if len(digits) < SHORTEST_PHONE:
            return None
        wanted = Q(phone__startswith=digits)
        try:
            whole = normalise(words)
        except Invalid:
            return wanted | Q(phone__startswith=words) if "-" in words else wanted
        return wanted | Q(phone=whole) | Q(phone_alt=whole)
    if _LETTERS.match(words.lower()):
        return Q(initials__startswith=words.lower()) | Q(pinyin__startswith=words.lower())
    if any("\u3400" <= character <= "\u9fff" for character in words):
        return Q(name__startswith=words)
    return None


def find_owners(viewer: Viewer, words: str) -> list[int]:
    """Ids of people who live in a unit of mine now."""
    wanted = person(words)
    if wanted is None:
        return []
    lives = Occupancy.objects.on(timezone.localdate()).filter(scope(viewer, "unit__project_id"), owner=OuterRef("pk"))
    found = Owner.objects.filter(wanted).filter(Exists(lives)).order_by("name", "pk")
    return list(found.values_list("pk", flat=True)[:MOST])


def people(viewer: Viewer, units: list[Unit], owner_ids: list[int]) -> list[Found]:
    """The units with whoever lives there now, then the people found with where they live."""
    lives = list(
        Occupancy.objects.on(timezone.localdate())
        .filter(scope(viewer, "unit__project_id"))
        .filter(Q(unit_id__in=[unit.pk for unit in units]) | Q(owner_id__in=owner_ids))
        .select_related("owner", "unit__project")
        .annotate(open_count=open_count(viewer, "unit_id"))
        .order_by("unit__label", order_of_relation(), "pk")[:60]
    )
    several = len(viewer.projects) > 1 and viewer.project is None
    by_unit: dict[int, list[Occupancy]] = {}
    for row in lives:
        by_unit.setdefault(row.unit_id, []).append(row)
    found = []
    for unit in units:
        rows = by_unit.pop(unit.pk, [])
        found += [line(row, several) for row in rows]
        if not rows:
            project = unit.project.name if several else ""
            count = getattr(unit, "open_count", 0)
            found.append(Found(f"u{unit.pk}", unit.label, project=project, open_count=count, is_vacant=True))
    order = {pk: index for index, pk in enumerate(owner_ids)}
    rest = [row for rows in by_unit.values() for row in rows if row.owner_id in order]
    return found + [line(row, several) for row in sorted(rest, key=lambda row: (order[row.owner_id], row.unit.label))]


def line(row: Occupancy, several: bool) -> Found:
    return Found(
        value=f"u{row.unit_id}-o{row.owner_id}",
        label=row.unit.label,
        name=mask_name(row.owner.name),
        relation=str(Occupancy.Relation(row.relation).label),
        phone=mask_phone(row.owner.phone),
        project=row.unit.project.name if several else "",
        open_count=getattr(row, "open_count", 0),
    )


def order_of_relation() -> OrderBy:
    # "owner" > "family" > "tenant" by no alphabet; descending text gives tenant, owner, family. The tenant lives
    # there and is the likelier caller.
    return F("relation").desc()


def open_count(viewer: Viewer, unit: str) -> Coalesce:
    """How many open requests of the unit this person may know of."""
    seen: QuerySet[Ticket] = Ticket.objects.visible_to(viewer).open().filter(unit_id=OuterRef(unit))
    counted = seen.order_by().values("unit_id").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def exact(viewer: Viewer, text: str) -> tuple[Found | None, list[Found]]:
    """For plain forms: what ``text`` means when it can mean only one thing, and else what it may mean."""
    found = find(viewer, text)
    place = as_place(narrow(text))
    same: Iterable[Found] = [row for row in found if row.label == place] or found
    rows = list(same)
    return (rows[0] if len(rows) == 1 else None), found
