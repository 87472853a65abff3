"""The company of the demo: projects, departments, people with their roles, buildings, units and owners."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.contrib.auth.hashers import make_password
from django.db import connection

from shimao_service.demo import DEMO_ACCOUNTS, DEMO_PASSWORD
from shimao_service.models import User
from shimao_service.working_time import Calendar
from staff import reporting
from staff.models import Department, Employee, Project, Role, RoleGrant
from staff.names import initials, pinyin
from staff.regulation import ensure_regulation
from staff.roles import ensure_default_roles
from tickets.categories import CLEAN, DEPARTMENTS, DESK, FEES, GREEN, ORDER, WORKS, ensure_categories
from tickets.demo.copying import Copier
from tickets.demo.words import BRAND, GIVEN, PROJECT_NAMES, SURNAMES
from tickets.limits import Limits, Terms
from tickets.models import Category, Occupancy, Owner, Policy, ProjectTerms, Unit
from tickets.models.estate import unit_label
from tickets.policies import current_terms, ensure_policies

# What a project's team looks like: role, department, title, how many.
TEAM = (
    ("manager", DESK, "项目经理", 1), ("supervisor", DESK, "客服主管", 1), ("front_desk", DESK, "客服前台", 3),
    ("steward", DESK, "管家", 1), ("duty_desk", ORDER, "中控值班员", 1), ("handler", WORKS, "维修师傅", 4),
    ("handler", DESK, "客服专员", 1), ("handler", ORDER, "秩序班长", 2), ("handler", CLEAN, "保洁主管", 1), ("handler", GREEN, "绿化养护员", 1),
    ("contractor", WORKS, "电梯维保（委外）", 1), ("handler", FEES, "收费员", 1),
)  # fmt: skip
COMPANY = (
    ("director", DESK, "总经理"), ("hr", FEES, "人事主管"), ("auditor", FEES, "审计专员"), ("administrator", DESK, "系统管理员"),
    ("department_manager", DESK, "客服经理"), ("quality", DESK, "品质督导"),
)  # fmt: skip
# The people of the screenshots, by demo account.
FACES = {
    "frontdesk": "林静", "handler": "周建国", "supervisor": "陈晓雯", "manager": "王志强", "hr": "孙丽华", "director": "沈国栋",
    "auditor": "冯文博", "admin": "郑一鸣",
}  # fmt: skip


@dataclass(slots=True)
class Place:
    """A project as the stories need it: plain values, so that it travels to other processes."""

    id: int
    kind: str
    # unit id, label, building id, owner id, name, phone, email
    units: list[tuple[int, str, int, int, str, str, str]] = field(default_factory=list)
    buildings: list[tuple[int, str]] = field(default_factory=list)
    team: dict[str, list[tuple[int, str, int]]] = field(default_factory=dict)  # role: id, name, department
    terms: Terms = field(default_factory=lambda: Terms(Limits(), Calendar()))


@dataclass(slots=True)
class World:
    """Everything the stories draw from."""

    places: list[Place]
    categories: dict[str, list[tuple[int, str, str, int]]]  # kind: id, leaf, branch, department id
    departments: dict[int, str]
    clauses: dict[str, int]


def person(rng: random.Random) -> str:
    return rng.choice(SURNAMES) + rng.choice(GIVEN)


def phone(rng: random.Random) -> str:
    return rng.choice(("138", "139", "136", "135", "159", "186", "188", "150", "177")) + f"{rng.randrange(10**8):08d}"


def build(rng: random.Random, *, projects: int, units_each: int, today: date, months: int) -> World:
    """Make the company and its estate; an empty database is expected."""
    ensure_default_roles()
    version = ensure_regulation(date(2020, 1, 1))
    for code, name, is_desk in DEPARTMENTS:
        Department.objects.get_or_create(code=code, defaults={"name": name, "is_front_desk": is_desk})
    ensure_categories()
    departments = {d.code: d for d in Department.objects.all()}
    made = [_project(index) for index in range(projects)]
    Project.objects.bulk_create(made)
    agree(made)
    places = [Place(id=project.pk, kind=project.kind, terms=current_terms(project)) for project in made]
    hire(rng, places, departments, today)
    estate(rng, places, units_each, today)
    categories: dict[str, list[tuple[int, str, str, int]]] = {}
    for category in Category.objects.select_related("parent").exclude(department=None):
        branch = category.parent.name if category.parent else ""
        categories.setdefault(category.kind, []).append(
            (category.pk, category.name, branch, category.department_id or departments[DESK].pk)
        )
    return World(
        places=places,
        categories=categories,
        departments={d.pk: d.name for d in departments.values()},
        clauses=dict(version.clauses.values_list("code", "pk")),
    )


def agree(projects: list[Project]) -> None:
    """The first project keeps the default; of the others some are better served, some less."""
    ensure_policies()
    policies = {policy.code: policy for policy in Policy.objects.all()}
    ProjectTerms.objects.bulk_create(
        ProjectTerms(project=project, policy=policies[("standard", "premium", "basic")[index % 3]])
        for index, project in enumerate(projects)
        if index % 3
    )


def _project(index: int) -> Project:
    kind = (Project.Kind.RESIDENTIAL, Project.Kind.COMMERCIAL, Project.Kind.OFFICE)[index] if index < 3 else (
        Project.Kind.RESIDENTIAL
    )  # fmt: skip
    round_, place = divmod(index, len(PROJECT_NAMES))
    name = f"{BRAND}{PROJECT_NAMES[place]}" + (f"{round_ + 1}期" if round_ else "")
    return Project(code=f"SM{index + 1:03d}", name=name, kind=kind, service_phone=f"021-{62340000 + index}")


def hire(rng: random.Random, places: list[Place], departments: dict[str, Department], today: date) -> None:
    """Employees with logins and roles. The demo accounts work at the first project, or company-wide."""
    roles = {role.code: role for role in Role.objects.all()}
    password = make_password(DEMO_PASSWORD)
    free = {code: username for username, code in _account_roles().items()}
    users: list[User] = []
    people: list[Employee] = []
    grants: list[tuple[int, str, int | None]] = []  # index of the person, role, project
    superiors: list[int | None] = []

    def add(role: str, department: str, title: str, project: Place | None, superior: int | None) -> int:
        index = len(people)
        username = free.pop(role, None) if project in (None, places[0]) else None
        name = FACES[username] if username else person(rng)
        users.append(
            User(
                username=username or f"e{index + 1:05d}",
                name=name,
                password=password if username else "!",
                is_staff=username == "admin",
                is_superuser=username == "admin",
            )
        )
        people.append(
            Employee(
                number=f"E{index + 1:05d}",
                name=name,
                pinyin=pinyin(name),
                initials=initials(name),
                phone=phone(rng),
                email=f"{username or f'e{index + 1:05d}'}@example.com",
                department=departments[department],
                title=title,
                hired_on=today - timedelta(days=rng.randrange(200, 3000)),
                is_contractor=role == "contractor",
                employer="华东电梯维保有限公司" if role == "contractor" else "",
            )
        )
        superiors.append(superior)
        grants.append((index, role, project.id if project else None))
        return index

    director = add("director", DESK, "总经理", None, None)
    for role, department, title in COMPANY[1:4]:
        # Who audits answers to the owners of the company: a complaint about the director is his.
        add(role, department, title, None, None if role == "auditor" else director)
    for role, department, title in COMPANY[4:]:
        index = add(role, department, title, places[0], director)
        grants.extend((index, role, place.id) for place in places[1:])
    for place in places:
        bosses: dict[str, int] = {}
        for role, department, title, count in TEAM:
            for _each in range(count):
                boss = bosses.get("supervisor" if department == DESK else "manager", bosses.get("manager", director))
                index = add(role, department, title, place, boss)
                bosses.setdefault(role, index)
    User.objects.bulk_create(users, batch_size=2000)
    for employee, user in zip(people, users, strict=True):
        employee.user = user
    Employee.objects.bulk_create(people, batch_size=2000)
    for employee, boss_index in zip(people, superiors, strict=True):
        employee.reports_to = people[boss_index] if boss_index is not None else None
    Employee.objects.bulk_update(people, ["reports_to"], batch_size=2000)
    reporting.rebuild()
    RoleGrant.objects.bulk_create(
        [RoleGrant(employee=people[i], role=roles[role], project_id=project) for i, role, project in grants],
        batch_size=5000,
    )
    by_project = {place.id: place for place in places}
    for index, role, project in grants:
        if project:
            who = people[index]
            by_project[project].team.setdefault(role, []).append((who.pk, who.name, who.department_id))


def _account_roles() -> dict[str, str]:
    codes = {"frontdesk": "front_desk", "admin": "administrator"}
    return {username: codes.get(username, username) for username in DEMO_ACCOUNTS}


def estate(rng: random.Random, places: list[Place], units_each: int, today: date) -> None:
    """Buildings, units, owners and who lives where, by COPY."""
    building_id = _next_id("tickets_building")
    unit_id, owner_id, stay_id = (_next_id(table) for table in ("tickets_unit", "tickets_owner", "tickets_occupancy"))
    with Copier() as copier:
        buildings = copier.table("tickets_building", "id project_id code name steward_id qr_code")
        units = copier.table("tickets_unit", "id project_id building_id entrance room label floor area handed_over_on")
        owners = copier.table("tickets_owner", "id name pinyin initials phone phone_alt email note created_at")
        stays = copier.table("tickets_occupancy", "id unit_id owner_id relation since until")
        for place in places:
            per_building = 120 if place.kind == "residential" else 60
            handed = today - timedelta(days=rng.randrange(300, 4500))
            count = max(units_each // per_building, 2)
            for number in range(1, count + 1):
                code = str(number) if place.kind == "residential" else chr(64 + min(number, 26))
                name = f"{code}号楼" if place.kind == "residential" else f"{code}座"
                stewards = place.team.get("steward", [])
                steward = stewards[number % len(stewards)][0] if stewards else None
                buildings.add(
                    building_id, place.id, code, name, steward, f"{place.id:x}-{number}-{rng.getrandbits(32):x}"
                )
                place.buildings.append((building_id, name))
                for position in range(per_building):
                    residential = place.kind == "residential"
                    entrance = str(position % 2 + 1) if residential else ""
                    floor = position // 4 + 1
                    room = f"{floor}{position % 4 + 1:02d}"
                    if residential:
                        floor = position // 8 + 1 if per_building >= 8 else 1
                        room = f"{floor}{position // 2 % 4 + 1:02d}"
                    label = unit_label(code, entrance, room)
                    area = rng.choice((78, 89, 98, 113, 128, 143)) + rng.randrange(100) / 100
                    units.add(unit_id, place.id, building_id, entrance, room, label, floor, area, handed)
                    if rng.random() < 0.94:  # the others stand empty
                        who, number_, mail = person(rng), phone(rng), ""
                        if rng.random() < 0.35:
                            mail = f"owner{owner_id}@example.com"
                        since = handed + timedelta(days=rng.randrange(0, 200))
                        owners.add(
                            owner_id, who, pinyin(who), initials(who), number_, "", mail, "", f"{since}T02:00:00+00:00"
                        )
                        stays.add(stay_id, unit_id, owner_id, "owner", since, None)
                        place.units.append((unit_id, label, building_id, owner_id, who, number_, mail))
                        stay_id += 1
                        owner_id += 1
                        if rng.random() < 0.12:
                            tenant = person(rng)
                            moved = today - timedelta(days=rng.randrange(20, 700))
                            owners.add(
                                owner_id, tenant, pinyin(tenant), initials(tenant), phone(rng), "", "", "",
                                f"{moved}T02:00:00+00:00",
                            )  # fmt: skip
                            stays.add(stay_id, unit_id, owner_id, "tenant", max(moved, since), None)
                            stay_id += 1
                            owner_id += 1
                    unit_id += 1
                building_id += 1
    for model in (Unit, Owner, Occupancy):
        set_sequence(model._meta.db_table)
    set_sequence("tickets_building")


def _next_id(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"select coalesce(max(id), 0) + 1 from {table}")
        return cursor.fetchone()[0]


def set_sequence(table: str) -> None:
    """After rows came with ids of their own, the next one goes on from there."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select setval(pg_get_serial_sequence('{table}', 'id'), (select coalesce(max(id), 1) from {table}))"
        )
