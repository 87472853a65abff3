"""Who is looking: one object a request that knows an employee's powers, project by project."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from shimao_service.actors import Actor, ActorKind
from shimao_service.exceptions import Forbidden
from staff.models import Employee, Project, RoleGrant
from staff.permissions import Permission


class Everywhere:
    """Stands for all projects: contains every id."""

    def __contains__(self, project_id: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True


EVERYWHERE = Everywhere()


class Viewer:
    """An employee with the powers of their roles. One query for the grants, made when first asked.

    ``switched`` is the project picked in the top bar; it narrows lists, never widens powers.
    """

    def __init__(self, user: Any, employee: Employee | None, *, switched: int | None = None):
        self.user = user
        self.employee = employee
        self.switched = switched

    def __bool__(self) -> bool:
        return True

    @cached_property
    def grants(self) -> list[RoleGrant]:
        if self.employee is None or not self.employee.is_active:
            return []
        return list(
            RoleGrant.objects.filter(employee=self.employee).select_related("role", "project").order_by("role__order")
        )

    @cached_property
    def roles(self) -> list[str]:
        """Role codes, the one with the lowest order first."""
        return list(dict.fromkeys(grant.role.code for grant in self.grants))

    @cached_property
    def role_names(self) -> list[str]:
        return list(dict.fromkeys(_(grant.role.name) for grant in self.grants))

    @cached_property
    def _powers(self) -> dict[str, set[int] | Everywhere]:
        powers: dict[str, Any] = {}
        for grant in self.grants:
            for permission in grant.role.permissions:
                if grant.role.is_company_wide:
                    powers[permission] = EVERYWHERE
                elif grant.project_id is not None and powers.get(permission) is not EVERYWHERE:
                    powers.setdefault(permission, set()).add(grant.project_id)
        return powers

    def projects_with(self, permission: Permission) -> set[int] | Everywhere:
        """Ids of the projects where this person holds ``permission``, or :data:`EVERYWHERE`."""
        return self._powers.get(permission.value, set())

    def can(self, permission: Permission, project_id: int | None = None) -> bool:
        """Without a project: whether the power is held anywhere."""
        held = self.projects_with(permission)
        return bool(held) if project_id is None else project_id in held

    def can_any(self, permissions: Iterable[Permission], project_id: int | None = None) -> bool:
        return any(self.can(permission, project_id) for permission in permissions)

    def check(self, permission: Permission, project_id: int | None = None) -> None:
        """Raise ``Forbidden`` unless :meth:`can`."""
        if not self.can(permission, project_id):
            raise Forbidden(_("您没有“%(what)s”的权限，请联系主管。") % {"what": permission.label})

    def scope(self, permission: Permission, field: str = "project_id") -> Q:
        """A condition for rows of the projects where ``permission`` is held."""
        held = self.projects_with(permission)
        if isinstance(held, Everywhere):
            return Q()
        return Q(**{f"{field}__in": sorted(held)})

    @cached_property
    def projects(self) -> list[Project]:
        """Projects this person works in, by code; everywhere: all active ones."""
        if any(grant.role.is_company_wide for grant in self.grants):
            return list(Project.objects.filter(is_active=True))
        found = {grant.project_id: grant.project for grant in self.grants if grant.project}
        return sorted(found.values(), key=lambda project: project.code)

    @cached_property
    def project(self) -> Project | None:
        """The one picked in the top bar, or the only one; None means all of mine."""
        if len(self.projects) == 1:
            return self.projects[0]
        return next((project for project in self.projects if project.pk == self.switched), None)

    @cached_property
    def hidden_subjects(self) -> list[int]:
        """Employees about whom this person may see no complaint: himself and everyone above (涉事回避)."""
        if self.employee is None:
            return []
        return [self.employee.pk, *self.employee.superiors]

    @property
    def employee_id(self) -> int | None:
        return self.employee.pk if self.employee else None

    @property
    def department_id(self) -> int | None:
        return self.employee.department_id if self.employee else None

    @property
    def name(self) -> str:
        return self.employee.name if self.employee else self.user.get_full_name()

    @cached_property
    def actor(self) -> Actor:
        return Actor(kind=ActorKind.EMPLOYEE, id=self.employee_id, name=self.name, viewer=self)


def viewer_of(employee: Employee) -> Viewer:
    """The same powers outside a request: tasks, commands, tests."""
    return Viewer(employee.user, employee)


def actor_of(employee: Employee) -> Actor:
    return viewer_of(employee).actor


def holders(permission: Permission, project_id: int, *, role: str | None = None) -> list[Employee]:
    """Active employees who hold ``permission`` in the project, by the order of their roles."""
    grants = (
        RoleGrant.objects.filter(
            Q(project_id=project_id) | Q(role__is_company_wide=True),
            role__permissions__contains=[permission.value],
            employee__left_on=None,
        )
        .select_related("employee", "role")
        .order_by("role__order", "employee_id")
    )
    if role:
        grants = grants.filter(role__code=role)
    return list({grant.employee_id: grant.employee for grant in grants}.values())
