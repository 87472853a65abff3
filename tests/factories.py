"""Objects for tests, and :func:`walk`, which brings a request to any status through the real verbs."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from shimao_service.actors import SYSTEM, Actor, ActorKind
from shimao_service.models import User
from staff import reporting
from staff.access import actor_of
from staff.models import Department, Employee, Project, Role, RoleGrant
from staff.roles import ensure_default_roles
from tests.remembered import Remembered
from tickets import lifecycle
from tickets.lifecycle.intake import Intake
from tickets.models import Building, Category, Occupancy, Owner, Ticket, Unit
from tickets.statuses import Channel, Kind, Liability, Status

PASSWORD = "walks-through-doors-7"


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")

    @factory.post_generation
    def password(self: User, create: bool, extracted: str | None, **_kwargs: Any) -> None:
        # Hashing is slow on purpose; tests sign in with force_login unless they test signing in.
        if extracted:
            self.set_password(extracted)
            self.save()


class ProjectFactory(DjangoModelFactory):
    class Meta:
        model = Project

    code = factory.Sequence(lambda n: f"P{n:03d}")
    name = factory.Sequence(lambda n: f"项目{n}")


class DepartmentFactory(DjangoModelFactory):
    class Meta:
        model = Department

    code = factory.Sequence(lambda n: f"D{n:03d}")
    name = factory.Sequence(lambda n: f"部门{n}")


class EmployeeFactory(DjangoModelFactory):
    class Meta:
        model = Employee

    user = factory.SubFactory(UserFactory)
    number = factory.Sequence(lambda n: f"E{n:05d}")
    name = factory.Sequence(lambda n: f"员工{n}")
    department = factory.SubFactory(DepartmentFactory)


class BuildingFactory(DjangoModelFactory):
    class Meta:
        model = Building

    project = factory.SubFactory(ProjectFactory)
    code = factory.Sequence(lambda n: str(n + 11))  # the cast lives in 3
    name = factory.LazyAttribute(lambda building: f"{building.code}号楼")


class UnitFactory(DjangoModelFactory):
    class Meta:
        model = Unit

    building = factory.SubFactory(BuildingFactory)
    entrance = "2"
    room = factory.Sequence(lambda n: f"{n // 4 + 21}0{n % 4 + 1}")  # above the cast


class OwnerFactory(DjangoModelFactory):
    class Meta:
        model = Owner

    name = factory.Sequence(lambda n: f"张业主{n}")
    phone = factory.Sequence(lambda n: f"138{n:08d}")


class OccupancyFactory(DjangoModelFactory):
    class Meta:
        model = Occupancy

    unit = factory.SubFactory(UnitFactory)
    owner = factory.SubFactory(OwnerFactory)


class CategoryFactory(DjangoModelFactory):
    class Meta:
        model = Category

    kind = Kind.REPAIR
    name = factory.Sequence(lambda n: f"分类{n}")


def grant(employee: Employee, role: str, project: Project | None = None) -> None:
    RoleGrant.objects.create(employee=employee, role=Role.objects.get(code=role), project=project)


def employ(
    username: str, name: str, department: Department, role: str, project: Project | None, **kwargs: Any
) -> Employee:
    employee = EmployeeFactory(
        user=UserFactory(username=username, name=name), number=username, name=name, department=department, **kwargs
    )
    grant(employee, role, project)
    return employee


class Cast(SimpleNamespace):
    def by(self, name: str) -> Actor:
        return actor_of(getattr(self, name))


def make_cast() -> SimpleNamespace:
    """The people of the tests: one of every role at one project, and outsiders at another.

    Keys are who they are: ``cast.frontdesk``, ``cast.handler`` … (employees), ``cast.project``, ``cast.unit``,
    ``cast.owner`` …; ``cast.by("frontdesk")`` is the actor.
    """
    return _remembered_cast()


def _make_cast() -> Cast:
    ensure_default_roles()
    project = ProjectFactory(code="BJ", name="世茂滨江花园")
    other = ProjectFactory(code="HP", name="世茂黄浦广场", kind="commercial")
    desk = DepartmentFactory(code="KF", name="客服部", is_front_desk=True)
    works = DepartmentFactory(code="GC", name="工程部")
    order = DepartmentFactory(code="ZX", name="秩序部")
    cast = Cast(project=project, other_project=other, desk=desk, works=works, order=order)
    cast.director = employ("director", "沈国栋", desk, "director", None)
    cast.manager = employ("manager", "王志强", desk, "manager", project, reports_to=cast.director)
    cast.supervisor = employ("supervisor", "陈晓雯", desk, "supervisor", project, reports_to=cast.manager)
    cast.frontdesk = employ("frontdesk", "林静", desk, "front_desk", project, reports_to=cast.supervisor)
    cast.frontdesk2 = employ("frontdesk2", "何丽", desk, "front_desk", project, reports_to=cast.supervisor)
    cast.handler = employ("handler", "周建国", works, "handler", project, reports_to=cast.manager)
    cast.handler2 = employ("handler2", "吴海涛", works, "handler", project, reports_to=cast.manager)
    cast.guard = employ("guard", "李敏", order, "handler", project, reports_to=cast.manager)
    cast.contractor = employ("contractor", "钱师傅", works, "contractor", project, is_contractor=True)
    cast.duty = employ("duty", "孙班长", order, "duty_desk", project, reports_to=cast.manager)
    cast.steward = employ("steward", "何管家", desk, "steward", project, reports_to=cast.supervisor)
    cast.department_manager = employ("deptmanager", "赵经理", desk, "department_manager", project)
    cast.quality = employ("quality", "郑品质", desk, "quality", project)
    cast.hr = employ("hr", "孙人事", desk, "hr", None)
    cast.auditor = employ("auditor", "冯审计", desk, "auditor", None)
    cast.admin = employ("admin", "管理员", desk, "administrator", None)
    cast.outsider = employ("outsider", "外项目前台", desk, "front_desk", other)
    cast.outsider_handler = employ("outsiderhandler", "外项目师傅", works, "handler", other)
    reporting.rebuild()
    for person in list(vars(cast).values()):
        if isinstance(person, Employee):
            person.refresh_from_db()
    cast.building = BuildingFactory(project=project, code="3", name="3号楼")
    cast.unit = UnitFactory(building=cast.building, entrance="2", room="1502")
    cast.unit_below = UnitFactory(building=cast.building, entrance="2", room="1402")
    cast.owner = OwnerFactory(name="张建国", phone="13812345678")
    cast.neighbour = OwnerFactory(name="刘芳", phone="15922223333")
    OccupancyFactory(unit=cast.unit, owner=cast.owner)
    OccupancyFactory(unit=cast.unit_below, owner=cast.neighbour)
    cast.category = CategoryFactory(name="给排水", department=works, keywords=["漏水", "水管"])
    cast.complaint_category = CategoryFactory(kind=Kind.COMPLAINT, name="服务态度")
    return cast


def role_ids() -> tuple[int, ...]:
    """The only thing that is there already before the cast or the demo."""
    return tuple(Role.objects.order_by("pk").values_list("pk", flat=True))


_remembered_cast = Remembered(_make_cast, role_ids)


def owner_actor(ticket: Ticket) -> Actor:
    """The holder of the tracking link."""
    return Actor(kind=ActorKind.LINK, id=ticket.owner_id, name=ticket.contact_name or "业主")


def register(cast: SimpleNamespace, *, by: str = "frontdesk", now: datetime | None = None, **fields: Any) -> Ticket:
    values: dict[str, Any] = {
        "project": cast.project,
        "kind": Kind.REPAIR,
        "description": "厨房水管爆裂，水漫至客厅",
        "owner": cast.owner,
        "unit": cast.unit,
        "source": "phone",
    } | fields
    if values.get("is_anonymous"):
        values["owner"] = None
    return lifecycle.register(Intake(**values), by=cast.by(by), now=now)


def walk(cast: SimpleNamespace, status: str, *, now: datetime | None = None, **fields: Any) -> Ticket:
    """A request in ``status``, brought there by the cast through the real verbs, a minute apart.

    The front desk 林静 registers and feeds back, 周建国 of 工程部 handles.
    """
    moment = now or timezone.now() - timedelta(hours=2)

    def tick() -> datetime:
        nonlocal moment
        moment += timedelta(minutes=1)
        return moment

    ticket = register(cast, now=tick(), **fields)
    if status == Status.CANCELLED:
        return lifecycle.cancel(ticket, by=cast.by("supervisor"), reason="重复登记", now=tick())
    path = (
        (Status.DISPATCHED, lambda t: lifecycle.dispatch(
            t, by=cast.by("frontdesk"), department=cast.works, handler=cast.handler, now=tick())),
        (Status.IN_PROGRESS, lambda t: lifecycle.accept(t, by=cast.by("handler"), now=tick())),
        (Status.ON_HOLD, lambda t: lifecycle.hold(
            t, by=cast.by("handler"), reason="parts", resume_at=tick() + timedelta(days=2), now=moment)),
        (Status.COMPLETED, lambda t: lifecycle.complete(
            t, by=cast.by("handler"), result="已更换软管，试水无渗漏", now=tick())),
        (Status.FED_BACK, lambda t: lifecycle.feed_back(
            t, by=cast.by("frontdesk"), channel=Channel.PHONE, content="软管已更换，请留意", now=tick())),
        (Status.AWAITING_SUMMARY, lambda t: lifecycle.rate(t, by=owner_actor(t), grade=5, now=tick())),
        (Status.CLOSED, lambda t: lifecycle.summarise(
            t, by=cast.by("frontdesk"), cause="软管老化", liability=Liability.PROPERTY, improvement="列入巡检",
            now=tick())),
    )  # fmt: skip
    for reached, step in path:
        if ticket.status == status:
            break
        if reached == Status.ON_HOLD and status != Status.ON_HOLD:
            continue
        ticket = step(ticket)
    assert ticket.status == status, (ticket.status, status)
    return ticket


__all__ = ["SYSTEM", "make_cast", "owner_actor", "register", "walk"]
