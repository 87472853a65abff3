"""What an import of the estate would do. Everything the rows may name is read at once, then decided row by row.

Who is the same person: whoever lives or lived in that unit under that name (with the same phone, or still
there in the same relation), else whoever has the same name and phone in the same project. Persons of other
projects are never touched: the importer has no say there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from shimao_service.imports.importer import Advance, Importer, Plan, Row
from shimao_service.privacy import mask_name
from staff.access import Viewer
from staff.models import Project
from staff.permissions import Permission
from tickets.imports.places import building_name, place_of
from tickets.models import Building, Occupancy, Owner, Unit
from tickets.models.estate import unit_label

CHUNK = 5000
UNIT_FIELDS = ("floor", "area", "handed_over_on")
OWNER_FIELDS = ("phone", "phone_alt", "email")
PERSON_COLUMNS = ("relation", "phone", "phone_alt", "email", "since", "until")


@dataclass(slots=True)
class Work:
    """The objects to write. New ones refer to each other as objects; they get their ids in this order."""

    buildings: list[Building] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)
    occupancies: list[Occupancy] = field(default_factory=list)
    changed_units: dict[int, Unit] = field(default_factory=dict)
    changed_owners: dict[int, Owner] = field(default_factory=dict)
    changed_occupancies: dict[int, Occupancy] = field(default_factory=dict)


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


class EstatePlanning:
    def __init__(self, importer: Importer, rows: list[Row], *, viewer: Viewer, lock: bool):
        self.importer = importer
        self.rows = rows
        self.viewer = viewer
        self.lock = lock
        self.work = Work()
        self.result = Plan(rows, work=self.work)
        self.projects: dict[str, Project] = {}
        self.buildings: dict[tuple[int, str], Building] = {}
        self.units: dict[tuple[int, str, str], Unit] = {}
        self.new_units: dict[tuple[int, str, str, str], Unit] = {}
        self.owners: dict[int, Owner] = {}
        self.residents: dict[int, list[Occupancy]] = defaultdict(list)
        self.people: dict[tuple[int, str, str], Owner] = {}
        # Who has a phone: (name, row that brought it or 0).
        self.phones: dict[tuple[int, str], tuple[Hashable, int]] = {}
        self.new_people: dict[Hashable, Owner] = {}
        # What this file said before, and on which row: units, persons, occupancies.
        self.said: dict[tuple[Hashable, str], tuple[Any, int]] = {}
        self.lived: dict[Hashable, int] = {}

    def run(self, advance: Advance) -> Plan:
        self._label()
        self._check_projects()
        self._load()
        for row in self.rows:
            if row.is_good:
                self._decide(row)
            advance(1)
        return self.result

    def _label(self) -> None:
        for row in self.rows:
            place = place_of(row)
            where = unit_label(*place[1:]) if place else ""
            row.label = " ".join(filter(None, (row.get("project"), where, mask_name(row.get("name") or ""))))

    # --- reading ---
    def _check_projects(self) -> None:
        known = {project.code.upper(): project for project in Project.objects.all()}
        for row in self.rows:
            code = row.get("project")
            if not code:
                continue
            project = known.get(code.upper())
            if project is None:
                row.refuse("project", _("没有编码为“%(code)s”的项目。") % {"code": code})
            elif not self.viewer.can(Permission.IMPORT_ESTATE, project.pk):
                row.refuse("project", _("您没有该项目的导入权限。"))
            elif not project.is_active:
                row.refuse("project", _("项目“%(name)s”已不在管。") % {"name": project.name})
            else:
                self.projects[code.upper()] = project

    def _load(self) -> None:
        ids = {project.pk for project in self.projects.values()}
        names: dict[tuple[int, str], Building] = {}
        for building in Building.objects.filter(project__in=ids):
            self.buildings[building.project_id, building.code.upper()] = building
            names[building.project_id, building.name.upper()] = building
        self.buildings |= names
        used = {building.pk for row in self.rows if row.is_good for building in [self._building(row)] if building}
        units = Unit.objects.filter(building__in=used).order_by("pk")
        for unit in units.select_for_update(of=("self",), no_key=True) if self.lock else units:
            self.units[unit.building_id, unit.entrance.upper(), unit.room.upper()] = unit
        named = sorted({unit.pk for row in self.rows if row.is_good for unit in [self._unit(row)] if unit})
        for part in chunks(named):
            for occupancy in self._occupancies("self", "owner").filter(unit__in=part):
                occupancy.owner = self.owners.setdefault(occupancy.owner_id, occupancy.owner)
                self.residents[occupancy.unit_id].append(occupancy)
        self._load_people(ids)

    def _load_people(self, projects: set[int]) -> None:
        """Whoever has one of the file's phones in one of its projects."""
        phones = sorted({row.get("phone") for row in self.rows if row.is_good and row.get("phone")})
        for part in chunks(phones):
            found = self._occupancies("owner").filter(unit__project__in=projects, owner__phone__in=part)
            for occupancy in found.select_related("owner", "unit"):
                owner = self.owners.setdefault(occupancy.owner_id, occupancy.owner)
                project = occupancy.unit.project_id
                self.people.setdefault((project, owner.name, owner.phone), owner)
                self.phones.setdefault((project, owner.phone), (owner.name, 0))

    def _occupancies(self, *locked: str) -> Any:
        found = Occupancy.objects.select_related("owner").order_by("pk")
        return found.select_for_update(of=locked, no_key=True) if self.lock else found

    def _building(self, row: Row) -> Building | None:
        project = self.projects[row.values["project"].upper()]
        place = place_of(row)
        assert place is not None
        written = self.buildings.get((project.pk, row.values["building"].upper()))
        return written or self.buildings.get((project.pk, place[1]))

    def _unit(self, row: Row) -> Unit | None:
        building = self._building(row)
        place = place_of(row)
        if building is None or place is None:
            return None
        return self.units.get((building.pk, *place[2:]))

    # --- deciding ---
    def _decide(self, row: Row) -> None:
        place = place_of(row)
        assert place is not None
        for key, value, maximum in (("building", place[1], 10), ("entrance", place[2], 10), ("room", place[3], 12)):
            if len(value) > maximum:
                row.refuse(key, _("太长：最多 %(maximum)d 个字符。") % {"maximum": maximum})
        building = self._building(row)
        code = building.code.upper() if building else place[1]
        unit_key = (self.projects[place[0]].pk, code, *place[2:])
        unit = self._unit(row) if building and building.pk else self.new_units.get(unit_key)
        unit = unit or self.new_units.get(unit_key)
        for key in UNIT_FIELDS:
            self._once(row, unit_key, key)
        person = self._person(row, unit_key, unit) if row.get("name") else None
        if person is None:
            self._check_no_person(row)
        else:
            for key in OWNER_FIELDS:
                self._once(row, person[0], key)
        move = self._move(row, unit_key, unit, person) if person and row.is_good else None
        if not row.is_good:
            return
        unit = self._write_unit(row, unit_key, place, building, unit)
        for key in UNIT_FIELDS:
            self._say(row, unit_key, key)
        if person:
            self._write_person(row, unit_key, unit, person, move)

    def _check_no_person(self, row: Row) -> None:
        for key in PERSON_COLUMNS:
            if row.get(key) is not None and not row.get("name"):
                row.refuse(key, _("填了“%(column)s”，但没有填姓名。") % {"column": self.importer.column(key).name})

    def _once(self, row: Row, subject: Hashable, key: str) -> None:
        """One file says one thing about a subject."""
        value, (said, number) = row.get(key), self.said.get((subject, key), (None, 0))
        if value not in (None, "") and number and said != value:
            row.refuse(key, _("与第 %(row)d 行写的不一致。") % {"row": number})

    def _say(self, row: Row, subject: Hashable, key: str) -> None:
        if row.get(key) not in (None, ""):
            self.said.setdefault((subject, key), (row.get(key), row.number))

    def _write_unit(
        self, row: Row, key: tuple[int, str, str, str], place: Any, building: Building | None, unit: Unit | None
    ) -> Unit:
        project = self.projects[place[0]]
        if building is None:
            building = Building(project=project, code=place[1], name=building_name(row.values["building"])[:40])
            self.buildings[project.pk, place[1]] = building
            self.work.buildings.append(building)
            row.creates.append(_("楼栋 %(name)s") % {"name": building.name})
            self.result.count(_("楼栋"), created=1)
        if unit is None:
            unit = Unit(project=project, building=building, entrance=place[2], room=place[3])
            for name in UNIT_FIELDS:
                setattr(unit, name, row.get(name))
            self.new_units[key] = unit
            self.work.units.append(unit)
            row.creates.append(_("房屋 %(label)s") % {"label": unit_label(building.code, *place[2:])})
            row.secret.append(str([row.get(name) for name in UNIT_FIELDS]))
            self.result.count(_("房屋"), created=1)
            return unit
        self._fill(
            row, unit, UNIT_FIELDS, _("房屋 %(label)s") % {"label": unit.label}, self.work.changed_units, _("房屋")
        )
        return unit

    def _fill(
        self, row: Row, thing: Any, fields: Sequence[str], name: str, changed: dict[int, Any], counted: str
    ) -> None:
        """Set what the row gives; a new object of this file is completed, an existing one changes visibly."""
        before = len(row.changes)
        for key in fields:
            old, new = getattr(thing, key), row.get(key)
            if thing.pk is None:
                if new not in (None, "") and old in (None, ""):
                    setattr(thing, key, new)
                    row.secret.append(f"{name}.{key}:{new}")
            elif self.importer.change(row, name, key, old, new):
                setattr(thing, key, new)
        if thing.pk is not None and len(row.changes) > before:
            self.result.count(counted, changed=0 if thing.pk in changed else 1)
            changed[thing.pk] = thing

    # --- people ---
    def _person(self, row: Row, unit_key: Hashable, unit: Unit | None) -> tuple[Hashable, Owner | None] | None:
        """The person's key in this file and, when there is one, the owner. None: refused."""
        name, phone = row.values["name"], row.get("phone") or ""
        project = self.projects[row.values["project"].upper()].pk
        if unit is not None and unit.pk:
            found = self._resident(row, unit, name, phone)
            if not row.is_good:
                return None
            if found:
                return found.pk, found
        if phone and (owner := self.people.get((project, name, phone))):
            return owner.pk, owner
        key: Hashable = ("new", project, name, phone or unit_key)
        return key, self.new_people.get(key)

    def _resident(self, row: Row, unit: Unit, name: str, phone: str) -> Owner | None:
        relation = row.get("relation") or "owner"
        namesakes = [occupancy for occupancy in self.residents[unit.pk] if occupancy.owner.name == name]
        same = [o.owner for o in namesakes if phone and o.owner.phone == phone]
        if same:
            return same[0]
        there = {
            o.owner_id: o.owner
            for o in namesakes
            if not phone or not o.owner.phone or (o.until is None and o.relation == relation)
        }
        if len(there) > 1:
            row.refuse("name", _("这一户有几位同名住户，请填写系统中登记的手机以便区分。"))
        return next(iter(there.values()), None)

    def _write_person(
        self, row: Row, unit_key: Hashable, unit: Unit, person: tuple[Hashable, Owner | None], move: Occupancy | None
    ) -> None:
        key, owner = person
        name = _("住户 %(name)s") % {"name": mask_name(row.values["name"])}
        if owner is None:
            owner = Owner(name=row.values["name"], **{field: row.get(field) or "" for field in OWNER_FIELDS})
            self.new_people[key] = owner
            self.work.owners.append(owner)
            row.creates.append(name)
            row.secret.append(str([owner.name, owner.phone, owner.phone_alt, owner.email]))
            self.result.count(_("住户"), created=1)
        else:
            self._fill(row, owner, OWNER_FIELDS, name, self.work.changed_owners, _("住户"))
        for column in OWNER_FIELDS:
            self._say(row, key, column)
        self._write_occupancy(row, unit, owner, move)
        for term in self._terms_of(row, unit_key, key, move):
            self.lived[term] = row.number
        self._share(row, owner)

    def _share(self, row: Row, owner: Owner) -> None:
        phone = row.get("phone")
        if not phone:
            return
        project = self.projects[row.values["project"].upper()].pk
        if owner.pk:
            self.people.setdefault((project, owner.name, phone), owner)
        key = (project, phone)
        name, number = self.phones.setdefault(key, (owner.name, row.number))
        if name != owner.name and (row.creates or row.changes):
            row.warn(
                "phone",
                _("与第 %(row)d 行的住户共用手机。") % {"row": number} if number else _("与系统中另一位住户共用手机。"),
            )

    # --- who lives where ---
    def _terms_of(self, row: Row, unit_key: Hashable, key: Hashable, term: Occupancy | None) -> list[Hashable]:
        """What two rows of one file may not both speak of: one term, and one open term a relation."""
        when: Hashable = "open" if row.get("until") is None else (row.get("since"), row.get("until"))
        spoken: list[Hashable] = [(unit_key, key, row.get("relation") or "owner", when)]
        return [*spoken, ("term", term.pk)] if term is not None else spoken

    def _move(
        self, row: Row, unit_key: Hashable, unit: Unit | None, person: tuple[Hashable, Owner | None]
    ) -> Occupancy | None:
        """The occupancy the row speaks of, when there is one. Refuses what contradicts the record."""
        since, until, relation = row.get("since"), row.get("until"), row.get("relation") or "owner"
        key, owner = person
        term = None
        if since and until and until < since:
            row.refuse("until", _("迁出日期不能早于入住日期。"))
        elif unit is not None and unit.pk and owner is not None and owner.pk:
            terms = [o for o in self.residents[unit.pk] if o.owner_id == owner.pk and o.relation == relation]
            term = self._open_term(row, terms, since) if until is None else self._closed_term(row, terms, since, until)
        earlier = next((self.lived[t] for t in self._terms_of(row, unit_key, key, term) if t in self.lived), None)
        if earlier and row.is_good:
            row.refuse("name", _("与第 %(row)d 行重复。") % {"row": earlier})
        return term

    def _open_term(self, row: Row, terms: list[Occupancy], since: date | None) -> Occupancy | None:
        present = next((term for term in terms if term.until is None), None)
        if present:
            return present
        last = max((term.until for term in terms if term.until), default=None)
        if last and (since is None or since <= last):
            text = _("系统记录此人已于 %(day)s 迁出；重新入住的，请填写之后的入住日期。")
            row.refuse("since" if "since" in row.cells else "name", text % {"day": last.isoformat()})
        return None

    def _closed_term(self, row: Row, terms: list[Occupancy], since: date | None, until: date) -> Occupancy | None:
        for term in terms:
            if term.until == until and (since is None or term.since == since):
                return term
        for term in terms:
            if term.until is None and (since is None or term.since in (None, since)):
                if term.since and until < term.since:
                    row.refuse("until", _("迁出日期不能早于入住日期（%(day)s）。") % {"day": term.since.isoformat()})
                return term
        return next((term for term in terms if since and term.since == since), None)

    def _write_occupancy(self, row: Row, unit: Unit, owner: Owner, term: Occupancy | None) -> None:
        relation = row.get("relation") or "owner"
        label = str(Occupancy.Relation(relation).label)
        if term is None:
            new = Occupancy(unit=unit, owner=owner, relation=relation, since=row.get("since"), until=row.get("until"))
            self.work.occupancies.append(new)
            row.creates.append(_("入住关系（%(relation)s）") % {"relation": label})
            row.secret.append(str([unit.pk, owner.pk, relation, new.since, new.until]))
            self.result.count(_("入住关系"), created=1)
            return
        name = _("入住关系（%(relation)s）") % {"relation": label}
        self._fill(row, term, ("since", "until"), name, self.work.changed_occupancies, _("入住关系"))
