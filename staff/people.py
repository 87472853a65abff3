"""Employment: who begins, what changes, who comes back. Leaving is in :mod:`staff.leaving`."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Forbidden, Invalid
from staff import reporting
from staff.accounts import locked
from staff.changes import Action, record
from staff.models import Employee
from staff.permissions import Permission
from staff.powers import check_everywhere

# What an amendment may touch; numbers are corrected too, the row stays the person.
FIELDS = (
    "number", "name", "phone", "email", "department", "title", "hired_on", "is_contractor", "employer",
)  # fmt: skip
PRIVATE = frozenset({"phone", "email"})


def check_can_manage(by: Actor) -> None:
    if not by.is_system:
        check_everywhere(by.viewer, Permission.EMPLOYEE_MANAGE)


@transaction.atomic
def employ(employee: Employee, *, superior: Employee | None, by: Actor) -> Employee:
    """新增员工: the row as filled in, under ``superior``. No login, no role: those are given for themselves."""
    check_can_manage(by)
    employee.save(force_insert=True)
    if superior is not None:
        reporting.set_superior(employee, superior)
    record(Action.EMPLOYED, by=by, employee=employee, note=f"{employee.number} {employee.department}")
    return employee


@transaction.atomic
def amend(employee: Employee, *, superior: Employee | None, by: Actor) -> Employee:
    """更改资料: writes ``employee`` as it is now in memory, and what was before into the record.

    Nobody moves himself to another superior or department: both decide which requests he sees. Raises ``Invalid``.
    """
    check_can_manage(by)
    before = locked(employee)
    changed = [name for name in FIELDS if getattr(before, name) != getattr(employee, name)]
    moves = before.reports_to_id != (superior.pk if superior else None)
    if by.id == before.pk and by.is_employee and (moves or "department" in changed):
        raise Forbidden(_("不能更改自己的上级和部门，请由同事办理。"))
    if changed:
        employee.save(update_fields=[*changed, "pinyin", "initials"])
    words = [told(name, before, employee) for name in changed]
    if moves:
        old = before.reports_to
        reporting.set_superior(employee, superior)
        words.append(_("直接上级：%(old)s → %(new)s") % {"old": old or "–", "new": superior or "–"})
    if before.user and {"name", "email"} & set(changed):
        before.user.name, before.user.email = employee.name, employee.email
        before.user.save(update_fields=["name", "email"])
    if words:
        record(Action.AMENDED, by=by, employee=employee, note="；".join(words))
    return employee


def told(name: str, before: Employee, after: Employee) -> str:
    """``岗位：前台 → 主管``; of a phone or an address only that it changed."""
    label = str(Employee._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    if name in PRIVATE:
        return label
    if name == "is_contractor":
        return f"{label}：{_('是') if after.is_contractor else _('否')}"
    return f"{label}：{getattr(before, name) or '–'} → {getattr(after, name) or '–'}"


@transaction.atomic
def return_to_work(employee: Employee, *, on: date, by: Actor) -> Employee:
    """办理复职: the same row works again. Roles and the login are given anew, by hand."""
    check_can_manage(by)
    row = locked(employee)
    if row.is_active:
        raise Conflict(_("%(name)s 在职，无需办理复职。") % {"name": row.name})
    if row.left_on and on <= row.left_on:
        raise Invalid.field("on", _("复职日期要晚于离职日期。"))
    if on > timezone.localdate():
        raise Invalid.field("on", _("请在复职当天或之后办理。"))
    note = _("上次离职 %(day)s") % {"day": row.left_on}
    row.left_on, row.hired_on = None, on
    row.save(update_fields=["left_on", "hired_on"])
    record(Action.RETURNED, by=by, employee=row, note=note)
    return row
