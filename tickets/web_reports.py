"""A request as owners send it from the web: whose it is, where it is, whom it is about.

Nothing here is told back: the answer is the same whether the room exists, whether the phone belongs to it, and
whether a named employee was found. The sender is never shown what the estate's records say.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from shimao_service.actors import Actor, ActorKind
from staff.models import Employee, Project
from tickets import floods, lifecycle, suggestions
from tickets.lifecycle.intake import Intake
from tickets.models import Building, Category, Occupancy, Owner, Submission, Ticket, Unit
from tickets.pictures import Picture
from tickets.statuses import Kind, Source

SCOPE = "report"
_SEPARATORS = re.compile(r"(?:号楼|楼栋|[栋幢座]|单元|门|[-－—–/\\#_,，、.·\s])+")
_TAIL = re.compile(r"(?:[室房户号])+$")
_RELATIONS = (Occupancy.Relation.OWNER, Occupancy.Relation.TENANT, Occupancy.Relation.FAMILY)


@dataclass(frozen=True, slots=True)
class WebReport:
    """What the form holds once it is valid. ``key`` tells one filling-in from the next."""

    project: Project
    kind: str
    description: str
    key: str
    room: str = ""
    phone: str = ""
    name: str = ""
    is_anonymous: bool = False
    employee: str = ""
    building: Building | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any], building: Building | None) -> WebReport:
        kept = {name: values[name] for name in cls.__slots__ if name in values}
        return cls(**kept | {"building": building, "key": str(values["key"])})

    @property
    def content(self) -> str:
        """The same for the same words about the same place, whatever the key."""
        parts = [self.project.pk, self.kind, self.room, self.phone, self.name, self.is_anonymous, self.employee]
        return hashlib.sha256(json.dumps([*parts, self.description]).encode()).hexdigest()[:32]


def room_parts(text: str) -> list[str]:
    """``3号楼2单元1502室`` → ``["3", "2", "1502"]``; letters in capitals, full width made narrow.

    >>> room_parts("３－２－1502"), room_parts("a座1502"), room_parts("地库B区")
    (['3', '2', '1502'], ['A', '1502'], ['地库B区'])
    """
    plain = _TAIL.sub("", unicodedata.normalize("NFKC", text).strip().upper())
    return [part for part in _SEPARATORS.split(plain) if part]


def find_unit(project: Project, building: Building | None, text: str) -> Unit | None:
    """The one unit that ``text`` names in the project; None when there is none, or more than one."""
    parts = room_parts(text)
    if not 1 <= len(parts) <= 3 or any(len(part) > 12 for part in parts):
        return None
    units = Unit.objects.filter(project=project, room=parts[-1]).select_related("building")
    if len(parts) == 3:
        units = units.filter(building__code=parts[0], entrance=parts[1])
    elif len(parts) == 2 and building:
        here = Q(building=building, entrance=parts[0])
        units = units.filter(
            here | Q(building__code=parts[0], entrance="") | Q(building=building, building__code=parts[0])
        )
    elif len(parts) == 2:
        units = units.filter(building__code=parts[0])
    elif building:
        units = units.filter(building=building)
    found = list(units[:2])
    return found[0] if len(found) == 1 else None


def find_occupant(unit: Unit, phone: str, name: str, now: datetime) -> Occupancy | None:
    """Who of those living there today has this phone. Where a family shares it, the name decides, else the owner."""
    rows = list(
        unit.occupancies.on(timezone.localdate(now))
        .filter(Q(owner__phone=phone) | Q(owner__phone_alt=phone))
        .select_related("owner")
    )
    rows.sort(key=lambda row: (row.owner.name != name, _RELATIONS.index(Occupancy.Relation(row.relation)), row.pk))
    return rows[0] if rows else None


def find_payer(occupant: Occupancy, now: datetime) -> Owner | None:
    """A tenant or relative reports, the owner pays: the unit's owner, where there is exactly one."""
    if occupant.relation == Occupancy.Relation.OWNER:
        return None
    owners = occupant.unit.occupancies.on(timezone.localdate(now)).filter(relation=Occupancy.Relation.OWNER)
    found = list(owners.select_related("owner")[:2])
    return found[0].owner if len(found) == 1 else None


def find_subjects(project: Project, kind: str, named: str, words: str) -> list[Employee]:
    """Whom a complaint or a praise is about, by full name.

    A complaint must not reach whom it accuses (涉事回避), and owners write the name into the field or into their
    own words. So for a complaint both are searched, and everybody of that name who works in the project is kept
    away from it: hiding it from a namesake costs little, showing it to the accused cannot be taken back. A name
    in the field that nobody of the project has is looked for in the whole company. A praise counts only the field.
    What matches nobody ("王师傅") stays in the words, where the supervisor reads it and names the person.
    """
    if kind not in (Kind.COMPLAINT, Kind.PRAISE):
        return []
    company = Employee.objects.active()
    # Somebody without a role (a cleaner) belongs to no project and may work in any.
    here = company.filter(
        Q(grants__project=project) | Q(grants__role__is_company_wide=True) | Q(grants=None)
    ).distinct()
    field = re.sub(r"\s", "", unicodedata.normalize("NFKC", named))
    found: dict[int, Employee] = {}
    if field:
        matches = list(here.filter(name=field)) or list(company.filter(name=field))
        names = [name for name in re.split(r"[,，、;；和及]", field) if len(name) >= 2]
        matches = matches or list(here.filter(name__in=names))
        found |= {employee.pk: employee for employee in matches}
    if kind == Kind.COMPLAINT:
        text = re.sub(r"\s", "", unicodedata.normalize("NFKC", f"{named} {words}"))
        for employee in here.only("id", "name"):
            if len(employee.name) >= 2 and employee.name in text:
                found[employee.pk] = employee
    return list(found.values())


def suggest_category(project: Project, kind: str, words: str) -> Category | None:
    """The category whose keyword stands in the owner's words; the longest keyword wins, a tie decides nothing."""
    best: list[Category] = []
    length = 0
    for category in Category.objects.filter(kind=kind, is_active=True).exclude(keywords=[]):
        if category.project_kinds and project.kind not in category.project_kinds:
            continue
        hit = max((len(word) for word in category.keywords if word and word in words), default=0)
        if hit and hit >= length:
            best = [*best, category] if hit == length else [category]
            length = hit
    return best[0] if len(best) == 1 else None


def intake_of(report: WebReport, now: datetime) -> Intake:
    """The request to register: what matched is attached, what did not stays as the owner's words."""
    unit = find_unit(report.project, report.building, report.room) if report.room else None
    phone = "" if report.is_anonymous else report.phone
    occupant = find_occupant(unit, phone, report.name, now) if unit and phone else None
    category = suggest_category(report.project, report.kind, report.description)
    description = report.description
    if report.employee and report.kind in (Kind.COMPLAINT, Kind.PRAISE):
        description += "\n" + f"涉及员工：{report.employee}"
    return Intake(
        project=report.project,
        kind=report.kind,
        description=description,
        owner=occupant.owner if occupant else None,
        payer=find_payer(occupant, now) if occupant and report.kind == Kind.REPAIR else None,
        contact_name="" if report.is_anonymous else report.name,
        contact_phone=phone,
        is_anonymous=report.is_anonymous,
        unit=unit,
        building=unit.building if unit else report.building,
        place="" if unit else report.room,
        category=category,
        # Nobody asks owners how urgent it is: fire, people trapped and burst pipes say so themselves.
        urgency=suggestions.urgency_of(report.description, report.kind, category),
        source=Source.WEB.value,
        subjects=find_subjects(report.project, report.kind, report.employee, report.description),
    )


def keys_of(report: WebReport, address: str) -> dict[str, str]:
    """What the flood limits count by: the same room is one place, however it is written."""
    unit = find_unit(report.project, report.building, report.room) if report.room else None
    words = f"{report.project.pk}:{'-'.join(room_parts(report.room))}" if report.room else ""
    place = f"unit:{unit.pk}" if unit else words[:40]
    return {"address": address, "phone": "" if report.is_anonymous else report.phone, "place": place}


def was_sent(report: WebReport) -> bool:
    """Whether this filling-in made a request already: sending it again is no flood."""
    return Submission.objects.filter(scope=SCOPE, key=report.key).exists()


@transaction.atomic
def submit(report: WebReport, *, pictures: list[Picture], address: str, now: datetime | None = None) -> Ticket:
    """Register it, once for each ``key``.

    Raises ``Flood`` (429), ``Invalid`` by field, and ``Conflict`` when the key came with other content before.
    """
    moment = now or timezone.now()
    keys = keys_of(report, address)
    if not was_sent(report):
        floods.admit(keys, moment)
    intake = intake_of(report, moment)
    by = Actor(kind=ActorKind.LINK, id=intake.owner.pk if intake.owner else None, name="业主")
    ticket = lifecycle.register(intake, by=by, key=report.key, scope=SCOPE, pictures=pictures, now=moment)
    if ticket.created_at == moment:
        # An exact time would tie an anonymous complaint to where it was sent from.
        floods.note(keys, moment.replace(minute=0, second=0, microsecond=0) if report.is_anonymous else moment)
    return ticket
