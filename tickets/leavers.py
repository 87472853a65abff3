"""What a leaver's open requests mean to the staff floor: how many, who may take them, how they go on."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from shimao_service.actors import SYSTEM, Actor
from staff import leaving
from staff.models import Employee, RoleGrant
from staff.permissions import Permission
from tickets.lifecycle import custody
from tickets.models import Ticket
from tickets.statuses import OPEN

LABELS = {"received": _("首问未办结的工单"), "handled": _("手上未完成的工单")}
# Who sees a project's requests and takes them in, as first receivers do; auditors and directors only look.
RECEIVES = [Permission.TICKET_VIEW_ALL.value, Permission.TICKET_REGISTER.value]


def successors(employee: Employee) -> QuerySet[Employee]:
    """Colleagues who may keep the loop in the projects where the leaver keeps one."""
    projects = Ticket.objects.filter(first_receiver=employee, status__in=OPEN).values("project")
    grants = RoleGrant.objects.filter(
        Q(project__in=projects) | Q(role__is_company_wide=True, employee__department=employee.department_id),
        role__permissions__contains=RECEIVES,
    )
    people = Employee.objects.active().filter(pk__in=grants.values("employee")).exclude(pk=employee.pk)
    return people.select_related("department").order_by("number")


def release(employee: Employee, *, by: Actor, successor: Employee | None = None) -> dict[str, int]:
    """Personnel staff see no request and move none: the system does, and the record of the leaving names them."""
    return custody.release_employee(employee, by=SYSTEM, successor_wanted=successor)


def register() -> None:
    """Called when the app is ready."""
    leaving.register(leaving.Work(labels=LABELS, count=custody.open_work, successors=successors, release=release))
