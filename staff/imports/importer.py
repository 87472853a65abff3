"""Import of employees: who works here, where, under whom, with which roles, and who gets a login.

What an import does not do: it takes no role away, ends no employment (that asks for successors), changes
no login that exists, and gives no power its importer may not give, never to the importer himself.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from shimao_service.exceptions import Invalid
from shimao_service.imports import columns as cells
from shimao_service.imports.columns import Column
from shimao_service.imports.importer import Advance, Importer, Plan, Row
from shimao_service.models import User
from shimao_service.spreadsheets import Cell
from staff import changes, reporting
from staff.access import Everywhere, Viewer
from staff.changes import Action
from staff.imports.planning import FIELDS, EmployeePlanning, Work
from staff.models import Department, Employee, RoleGrant, StaffChange
from staff.names import initials, pinyin
from staff.permissions import Permission

COMPANY_WIDE = ("*", "全公司")
ROLE_PARTS = re.compile(r"[;；、,，\n]+")
CHUNK = 2000


def viewer_of(user: Any) -> Viewer:
    """The powers of a login now. A closed login, and one without an employee, has none."""
    if not user.is_active:
        return Viewer(user, None)
    return Viewer(user, Employee.objects.filter(user=user).select_related("department").first())


def roles(cell: Cell) -> tuple[tuple[str, str], ...]:
    """``BJ:front_desk;全公司:hr`` → pairs of project and role. A role alone is one of the whole company."""
    pairs = []
    for part in filter(None, map(str.strip, ROLE_PARTS.split(cell.shown))):
        project, colon, role = part.replace("：", ":").partition(":")
        if not colon:
            project, role = "*", project
        if not (project.strip() and role.strip()):
            raise Invalid(_("角色应写成“项目编码:角色”，多个用分号隔开，例如 BJ:客服前台;HP:管家。"))
        pairs.append(("*" if project.strip() in COMPANY_WIDE else project.strip().upper(), role.strip()))
    return tuple(dict.fromkeys(pairs))


def username(cell: Cell) -> str:
    value: str = cells.code(150)(cell)
    try:
        UnicodeUsernameValidator()(value)
    except ValidationError:
        raise Invalid(_("登录名只能用文字、字母、数字和 @ . + - _。")) from None
    return value


class EmployeeImporter(Importer):
    kind = "employees"
    label = _l("员工")
    description = _l("员工的部门、岗位、上级和角色；填写登录名的，同时建立登录账号。")
    icon = "users"
    sheet = "员工"
    columns = (
        Column("number", "工号", cells.code(20), required=True, example="E1001", help=_l("按工号识别是否同一人。")),
        Column("name", "姓名", cells.person_name(50), required=True, example="林静"),
        Column(
            "department", "部门", cells.text(40), required=True, example="客服部", help=_l("部门名称或编码，须已建立。")
        ),
        Column("title", "岗位", cells.text(40), example="前台客服"),
        Column("phone", "手机", cells.phone, example="13812345678", width=16),
        Column("email", "邮箱", cells.email, example="lin@example.com", width=24),
        Column("hired_on", "入职日期", cells.day, example="2024-03-01", as_text=False),
        Column("superior", "上级工号", cells.code(20), example="E1000", help=_l("可以是本文件里的人。")),
        Column("employer", "用工单位", cells.text(60), help=_l("委外人员填写其单位；填写后标记为委外。"), width=18),
        Column(
            "roles", "角色", roles, example="BJ:客服前台", width=28,
            help=_l("项目编码:角色，多个用分号隔开；全公司的写 全公司:人事。只增加，不收回。"),
        ),
        Column(
            "username", "登录名", username, example="linjing",
            help=_l("填写则建立登录账号，密码由系统管理员设置；已有账号的不会改动。"),
        ),
    )  # fmt: skip
    notes = (
        _l("离职不在这里办理，请在人员页面操作，以便移交未办结的工单。"),
        _l("授予角色需要“授予角色”权限，任何人都不能给自己授予角色。"),
        _l("文件里没有密码一栏，请不要填写密码。"),
    )

    # --- who ---
    def viewer_of(self, user: Any) -> Viewer:
        return viewer_of(user)

    def may_start(self, viewer: Any) -> bool:
        # Employees belong to the company, not to a project.
        return bool(viewer) and isinstance(viewer.projects_with(Permission.IMPORT_EMPLOYEES), Everywhere)

    may_oversee = may_start

    def choices_now(self, viewer: Any) -> dict[str, Sequence[str]]:
        return {"department": list(Department.objects.filter(is_active=True).values_list("name", flat=True))}

    # --- what ---
    def identity(self, row: Row) -> Hashable | None:
        number = row.get("number")
        return number.upper() if number else None

    def plan(self, rows: list[Row], *, viewer: Any, lock: bool, advance: Advance) -> Plan:
        return EmployeePlanning(self, rows, viewer=viewer, lock=lock).run(advance)

    def apply(self, plan: Plan, *, viewer: Any, now: datetime, advance: Advance) -> None:
        work: Work = plan.work
        users = [user for user, _employee in work.users]
        User.objects.bulk_create(users, batch_size=CHUNK)
        for user, employee in work.users:
            employee.user = user
            if employee.pk:
                work.changed[employee.pk] = employee
        for employee in (*work.created, *work.changed.values()):
            employee.pinyin, employee.initials = pinyin(employee.name), initials(employee.name)
        Employee.objects.bulk_create(work.created, batch_size=CHUNK)
        numbers = {superior.upper() for _employee, superior in work.superiors}
        above = {e.number.upper(): e for e in Employee.objects.filter(number__in=self._as_stored(numbers, work))}
        for employee, superior in work.superiors:
            employee.reports_to = above[superior.upper()]
            work.changed[employee.pk] = employee
        Employee.objects.bulk_create(
            work.changed.values(),
            batch_size=CHUNK,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[*FIELDS, "pinyin", "initials", "department", "user", "reports_to", "is_contractor"],
        )
        RoleGrant.objects.bulk_create(
            [RoleGrant(employee=e, role=r, project=p) for e, r, p in work.grants],
            batch_size=CHUNK,
            ignore_conflicts=True,
        )
        note, by = _("导入"), viewer.actor
        told = [changes.change(Action.EMPLOYED, by=by, employee=e, note=note, now=now) for e in work.created]
        told += [changes.change(Action.ACCOUNT_OPENED, by=by, employee=e, note=note, now=now) for _u, e in work.users]
        told += [
            changes.change(Action.GRANTED, by=by, employee=e, role=r, project=p, note=note, now=now)
            for e, r, p in work.grants
        ]
        StaffChange.objects.bulk_create(told, batch_size=CHUNK)
        if work.superiors or work.created:
            reporting.rebuild()
        advance(len(work.created) + len(work.changed))

    def _as_stored(self, numbers: set[str], work: Work) -> list[str]:
        stored = {e.number.upper(): e.number for e in work.created}
        missing = numbers - stored.keys()
        if missing:
            stored |= {n.upper(): n for n in Employee.objects.values_list("number", flat=True) if n.upper() in missing}
        return [stored[number] for number in numbers]
