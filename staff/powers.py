"""Giving roles and taking them back, and what a role may do.

Nobody gives himself a power, a company-wide role is for the whole company and any other for one project, and the
company always keeps somebody who can give roles.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Forbidden, Invalid
from staff.access import Everywhere, Viewer
from staff.changes import Action, record
from staff.models import Employee, Project, Role, RoleGrant
from staff.permissions import Permission


def everywhere(viewer: Viewer, permission: Permission) -> bool:
    """Whether the power is held for the whole company, as what belongs to no project asks for."""
    return isinstance(viewer.projects_with(permission), Everywhere)


def check_everywhere(viewer: Viewer, *permissions: Permission) -> None:
    """Raise ``Forbidden`` unless one of ``permissions`` is held for the whole company."""
    if not any(everywhere(viewer, permission) for permission in permissions):
        raise Forbidden(_("您没有“%(what)s”的权限，请联系系统管理员。") % {"what": permissions[0].label})


def can_grant(viewer: Viewer, project: Project | None) -> bool:
    if project is None:
        return everywhere(viewer, Permission.ROLE_MANAGE)
    return viewer.can(Permission.ROLE_MANAGE, project.pk)


def check_can_grant(by: Actor, employee: Employee, project: Project | None) -> None:
    """Raise ``Forbidden`` for oneself, and where ``by`` does not manage roles. The system may always."""
    if by.is_system:
        return
    if by.id == employee.pk:
        raise Forbidden(_("不能更改自己的角色，请由另一位系统管理员办理。"))
    if not can_grant(by.viewer, project):
        raise Forbidden(_("您没有“%(what)s”的权限，请联系系统管理员。") % {"what": Permission.ROLE_MANAGE.label})


def keepers(*, lock: bool = False) -> list[RoleGrant]:
    """The grants by which somebody who can sign in gives roles everywhere."""
    rows = RoleGrant.objects.filter(
        role__is_company_wide=True,
        role__permissions__contains=[Permission.ROLE_MANAGE.value],
        employee__left_on=None,
        employee__user__is_active=True,
    )
    if lock:  # two administrators who leave at once wait for each other
        rows = rows.select_for_update(of=("self",))
    return list(rows.order_by("pk"))


def check_keeper_remains(*, without: Employee | None = None, without_grant: RoleGrant | None = None) -> None:
    """Raise ``Conflict`` when nobody could give roles any more."""
    held = keepers(lock=True)
    left = [
        one
        for one in held
        if (without is None or one.employee_id != without.pk) and (without_grant is None or one.pk != without_grant.pk)
    ]
    if held and not left:
        raise Conflict(_("这是最后一位能授予角色的人，请先把系统管理员角色授予另一位同事。"), code="last_administrator")


@transaction.atomic
def grant(employee: Employee, *, role: Role, project: Project | None, by: Actor) -> RoleGrant:
    """授予角色. Raises ``Invalid`` on ``project`` where role and project do not fit, on ``role`` when already given."""
    check_can_grant(by, employee, project)
    if not employee.is_active:
        raise Conflict(_("%(name)s 已离职，不能授予角色。") % {"name": employee.name})
    if role.is_company_wide and project is not None:
        raise Invalid.field("project", _("“%(role)s”是全公司角色，请不要选择项目。") % {"role": _(role.name)})
    if not role.is_company_wide and project is None:
        raise Invalid.field("project", _("“%(role)s”按项目授予，请选择项目。") % {"role": _(role.name)})
    try:
        with transaction.atomic():
            row = RoleGrant.objects.create(employee=employee, role=role, project=project)
    except IntegrityError as error:
        raise Invalid.field("role", _("该员工在此范围已有这个角色。")) from error
    record(Action.GRANTED, by=by, employee=employee, role=role, project=project)
    return row


@transaction.atomic
def revoke(row: RoleGrant, *, by: Actor) -> None:
    """收回角色. A second time does nothing."""
    found = RoleGrant.objects.select_for_update(of=("self",)).select_related("employee", "role", "project")
    held = found.filter(pk=row.pk).first()
    if held is None:
        return
    check_can_grant(by, held.employee, held.project)
    check_keeper_remains(without_grant=held)
    held.delete()
    record(Action.REVOKED, by=by, employee=held.employee, role=held.role, project=held.project)


@transaction.atomic
def revoke_all(employee: Employee, *, by: Actor) -> int:
    """What ends with the employment. Part of :func:`staff.leaving.leave`, which has asked who may."""
    grants = list(RoleGrant.objects.filter(employee=employee).select_related("role", "project"))
    for held in grants:
        held.delete()
        record(Action.REVOKED, by=by, employee=employee, role=held.role, project=held.project, note=_("离职"))
    return len(grants)


def own_roles(by: Actor) -> set[int]:
    return set() if by.is_system else {held.role_id for held in by.viewer.grants}


@transaction.atomic
def create_role(role: Role, *, by: Actor) -> Role:
    """A new role: code, name and scope; its permissions come by :func:`allow`."""
    check_can_define(by)
    role.save(force_insert=True)
    record(Action.ROLE_CHANGED, by=by, role=role, note=_("新建角色"))
    return role


def check_can_define(by: Actor) -> None:
    if not by.is_system:
        check_everywhere(by.viewer, Permission.ROLE_MANAGE)


@transaction.atomic
def allow(role: Role, permissions: Iterable[str], *, by: Actor) -> Role:
    """What ``role`` may do from now on. Raises ``Forbidden`` on adding to a role one holds oneself."""
    check_can_define(by)
    row = Role.objects.select_for_update().get(pk=role.pk)
    wanted, had = set(permissions), set(row.permissions)
    unknown = wanted - set(Permission.values)
    if unknown:
        raise Invalid.field("permissions", _("没有这样的权限：%(names)s") % {"names": "、".join(sorted(unknown))})
    if wanted - had and row.pk in own_roles(by):
        raise Forbidden(_("不能给自己的角色增加权限，请由另一位系统管理员办理。"))
    if wanted == had:
        return row
    keeper = Permission.ROLE_MANAGE.value
    if row.is_company_wide and keeper in had - wanted and not [k for k in keepers(lock=True) if k.role_id != row.pk]:
        raise Conflict(_("没有其他角色能“授予角色”，这项权限不能取消。"), code="last_administrator")
    row.permissions = [value for value in Permission.values if value in wanted]
    row.save(update_fields=["permissions"])
    signs = [f"＋{Permission(v).label}" for v in Permission.values if v in wanted - had]
    signs += [f"－{Permission(v).label if v in Permission.values else v}" for v in sorted(had - wanted)]
    record(Action.ROLE_CHANGED, by=by, role=row, note=" ".join(signs))
    return row
