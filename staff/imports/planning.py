"""What an import of employees would do, row by row, without a query a row."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from shimao_service.imports.importer import Advance, Importer, Plan, Row
from shimao_service.models import User
from staff.access import Everywhere, Viewer
from staff.models import Department, Employee, Project, Role, RoleGrant
from staff.permissions import Permission

FIELDS = ("name", "phone", "email", "title", "hired_on", "employer")


@dataclass(slots=True)
class Work:
    created: list[Employee] = field(default_factory=list)
    changed: dict[int, Employee] = field(default_factory=dict)
    users: list[tuple[User, Employee]] = field(default_factory=list)
    grants: list[tuple[Employee, Role, Project | None]] = field(default_factory=list)
    superiors: list[tuple[Employee, str]] = field(default_factory=list)


class EmployeePlanning:
    """Everything the rows may name is read at once; then each row is decided without a query."""

    def __init__(self, importer: Importer, rows: list[Row], *, viewer: Viewer, lock: bool):
        self.importer = importer
        self.rows = rows
        self.viewer = viewer
        self.work = Work()
        self.result = Plan(rows, work=self.work)
        employees = Employee.objects.select_related("user").order_by("pk")
        if lock:
            employees = employees.select_for_update(of=("self",), no_key=True)
        self.known = {employee.number.upper(): employee for employee in employees}
        self.by_id = {employee.pk: employee for employee in self.known.values()}
        self.phones: dict[str, str] = {e.phone: e.number for e in self.known.values() if e.phone and e.is_active}
        self.departments: dict[str, Department] = {}
        for department in Department.objects.order_by("pk"):
            self.departments[department.code.upper()] = department
        for department in Department.objects.order_by("pk"):
            self.departments[department.name.upper()] = department
        self.projects = {project.code.upper(): project for project in Project.objects.all()}
        self.roles: dict[str, Role] = {}
        for role in Role.objects.order_by("-pk"):
            self.roles[role.code.upper()] = self.roles[role.name.upper()] = role
        self.granted = set(RoleGrant.objects.values_list("employee_id", "role_id", "project_id"))
        taken = User.objects.values_list("username", flat=True) if any(row.get("username") for row in rows) else []
        self.usernames: dict[str, int] = {name.lower(): 0 for name in taken}

    def run(self, advance: Advance) -> Plan:
        self._label()
        good = [row for row in self.rows if row.is_good]
        for row in good:
            self._check(row)
        self._check_superiors()
        for row in self.rows:
            if row.is_good:
                self._decide(row)
            advance(1)
        return self.result

    def _label(self) -> None:
        for row in self.rows:
            row.label = " ".join(str(row.get(key)) for key in ("number", "name", "department") if row.get(key))

    # --- what may not be ---
    def _check(self, row: Row) -> None:
        employee = self.known.get(row.values["number"].upper())
        if employee and not employee.is_active:
            row.refuse("number", _("该员工已于 %(day)s 离职，不能通过导入更改。") % {"day": employee.left_on})
            return
        department = self.departments.get(row.values["department"].upper())
        if department is None:
            row.refuse("department", _("没有“%(name)s”这个部门。") % {"name": row.values["department"]})
        elif not department.is_active:
            row.refuse("department", _("部门“%(name)s”已停用。") % {"name": department.name})
        self._check_username(row, employee)
        for problem in self._role_problems(row, employee):
            row.refuse("roles", problem)

    def _check_username(self, row: Row, employee: Employee | None) -> None:
        wanted = row.get("username")
        if not wanted:
            return
        if employee and employee.user:
            if employee.user.username.lower() != wanted.lower():
                row.refuse("username", _("该员工已有登录账号，不能通过导入更改登录名。"))
            return
        used_by = self.usernames.get(wanted.lower())
        if used_by == 0:
            row.refuse("username", _("登录名“%(name)s”已被使用。") % {"name": wanted})
        elif used_by:
            row.refuse("username", _("登录名与第 %(row)d 行相同。") % {"row": used_by})
        else:
            self.usernames[wanted.lower()] = row.number

    def _wanted_roles(self, row: Row) -> list[tuple[str, str, Role | None, Project | None]]:
        return [
            (code, name, self.roles.get(name.upper()), None if code == "*" else self.projects.get(code))
            for code, name in row.get("roles") or ()
        ]

    def _role_problems(self, row: Row, employee: Employee | None) -> list[str]:
        problems = []
        for code, name, role, project in self._wanted_roles(row):
            if role is None:
                problems.append(_("没有“%(name)s”这个角色。") % {"name": name})
            elif code != "*" and project is None:
                problems.append(_("没有编码为“%(code)s”的项目。") % {"code": code})
            elif role.is_company_wide != (project is None):
                problems.append(
                    _("“%(name)s”是全公司角色，请写成 全公司:%(name)s。") % {"name": role.name}
                    if role.is_company_wide
                    else _("“%(name)s”须写明项目，例如 BJ:%(name)s。") % {"name": role.name}
                )
            elif employee and (employee.pk, role.pk, project.pk if project else None) in self.granted:
                continue  # nothing new
            elif employee and employee.pk == self.viewer.employee_id:
                problems.append(_("不能通过导入给自己授予角色。"))
            elif not self._may_grant(project):
                problems.append(_("您没有授予角色的权限，请留空后由系统管理员授予。"))
        return problems[:3]

    def _may_grant(self, project: Project | None) -> bool:
        if project is None:
            return isinstance(self.viewer.projects_with(Permission.ROLE_MANAGE), Everywhere)
        return self.viewer.can(Permission.ROLE_MANAGE, project.pk)

    # --- who is above whom ---
    def _check_superiors(self) -> None:
        """A superior must exist, at work, on a good row; and nobody may end up above himself."""
        in_file = {row.values["number"].upper(): row for row in self.rows if row.get("number")}
        waiting = True
        while waiting:  # a row refused for its superior may be somebody's superior
            waiting = False
            for row in self.rows:
                reason = self._superior_problem(row, in_file) if row.is_good and row.get("superior") else ""
                if reason:
                    row.refuse("superior", reason)
                    waiting = True
            for row in self._in_circles(in_file):
                row.refuse("superior", _("上级关系成了环：某人成了自己的上级。"))
                waiting = True

    def _superior_problem(self, row: Row, in_file: dict[str, Row]) -> str:
        number = row.values["superior"].upper()
        if number == row.values["number"].upper():
            return _("上级不能是本人。")
        existing, planned = self.known.get(number), in_file.get(number)
        if existing and not existing.is_active:
            return _("上级 %(number)s 已离职。") % {"number": row.values["superior"]}
        if existing:
            return ""
        if planned is None:
            return _("没有工号为 %(number)s 的员工。") % {"number": row.values["superior"]}
        if not planned.is_good:
            return _("上级 %(number)s 所在的第 %(row)d 行有问题。") % {
                "number": row.values["superior"],
                "row": planned.number,
            }
        return ""

    def _in_circles(self, in_file: dict[str, Row]) -> list[Row]:
        above: dict[str, str] = {
            number: self.by_id[e.reports_to_id].number.upper()
            for number, e in self.known.items()
            if e.reports_to_id in self.by_id
        }
        good = {number: row for number, row in in_file.items() if row.is_good}
        above |= {number: row.values["superior"].upper() for number, row in good.items() if row.get("superior")}
        clear: set[str] = set()
        circular: set[str] = set()
        for start in above:
            path: list[str] = []
            at: str | None = start
            seen: set[str] = set()
            while at is not None and at not in clear and at not in seen:
                seen.add(at)
                path.append(at)
                at = above.get(at)
            if at is not None and at in seen:
                circular |= set(path[path.index(at) :])
            clear |= seen
        return [row for number, row in good.items() if number in circular and row.get("superior")]

    # --- what will be ---
    def _decide(self, row: Row) -> None:
        employee = self.known.get(row.values["number"].upper())
        department = self.departments[row.values["department"].upper()]
        if employee is None:
            employee = Employee(number=row.values["number"], department=department)
            for key in FIELDS:
                setattr(employee, key, row.get(key) if row.get(key) is not None else getattr(employee, key))
            employee.is_contractor = bool(row.get("employer"))
            self.work.created.append(employee)
            row.creates.append(_("员工 %(name)s") % {"name": employee.name})
            row.secret.append(str([row.get(column.key) for column in self.importer.columns]))
            self.result.count(_("员工"), created=1)
            if row.get("superior"):
                self.work.superiors.append((employee, row.values["superior"]))
        else:
            self._change(row, employee, department)
        self._account(row, employee)
        self._grants(row, employee)
        self._share(row, employee)

    def _change(self, row: Row, employee: Employee, department: Department) -> None:
        thing = _("员工 %(name)s") % {"name": employee.name}
        old_department = next((d for d in self.departments.values() if d.pk == employee.department_id), None)
        if department.pk != employee.department_id:
            self.importer.change(
                row, thing, "department", old_department.name if old_department else "", department.name
            )
            employee.department = department
        for key in FIELDS:
            if self.importer.change(row, thing, key, getattr(employee, key), row.get(key)):
                setattr(employee, key, row.get(key))
        if row.get("employer"):
            employee.is_contractor = True
        above = self.by_id.get(employee.reports_to_id) if employee.reports_to_id else None
        superior = row.get("superior")
        if superior and (above is None or above.number.upper() != superior.upper()):
            self.importer.change(row, thing, "superior", above.number if above else "", superior)
            self.work.superiors.append((employee, superior))
        if row.changes:
            self.work.changed[employee.pk] = employee
            self.result.count(_("员工"), changed=1)

    def _account(self, row: Row, employee: Employee) -> None:
        if not row.get("username") or employee.user_id:
            return
        user = User(username=row.values["username"], name=employee.name, email=employee.email)
        user.set_unusable_password()
        self.work.users.append((user, employee))
        row.creates.append(_("登录账号 %(name)s") % {"name": user.username})
        self.result.count(_("登录账号"), created=1)

    def _grants(self, row: Row, employee: Employee) -> None:
        for _code, _name, role, project in self._wanted_roles(row):
            if role is None or (
                employee.pk and (employee.pk, role.pk, project.pk if project else None) in self.granted
            ):
                continue
            self.work.grants.append((employee, role, project))
            where = project.name if project else _("全公司")
            row.creates.append(_("角色 %(role)s（%(where)s）") % {"role": role.name, "where": where})
            self.result.count(_("角色"), created=1)

    def _share(self, row: Row, employee: Employee) -> None:
        phone = row.get("phone")
        if not phone:
            return
        other = self.phones.setdefault(phone, employee.number)
        if other.upper() != employee.number.upper() and (row.creates or row.changes):
            row.warn("phone", _("手机与员工 %(number)s 相同。") % {"number": other})
