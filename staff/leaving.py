"""离职: the last day, the way in closed, the roles taken back, the work handed on; in one transaction.

What work is, upper floors know: they register how to count it, who may take it over and how it is released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.actors import SYSTEM, Actor
from shimao_service.exceptions import Forbidden, Invalid
from staff import accounts, duty_table, powers
from staff.changes import Action, record
from staff.models import DutySlot, Employee, Project
from staff.permissions import Permission
from staff.powers import check_everywhere


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of open work. ``label`` names a key of the counts as people read it.

    ``count(employee)`` → {key: number}; ``successors(employee)`` → who may be asked for; ``release(employee, by=,
    successor=)`` → {key: number handed on}.
    """

    labels: dict[str, Any]
    count: Callable[[Employee], dict[str, int]]
    successors: Callable[[Employee], Iterable[Employee]]
    release: Callable[..., dict[str, int]]


WORKS: list[Work] = []


def register(work: Work) -> None:
    if work not in WORKS:
        WORKS.append(work)


def open_work(employee: Employee) -> list[tuple[str, int]]:
    """What the person still has, in words: ``[("首问未办结", 3), …]``; only what there is."""
    rows = []
    for work in WORKS:
        counts = work.count(employee)
        rows += [(str(label), counts[key]) for key, label in work.labels.items() if counts.get(key)]
    return rows


def successors(employee: Employee) -> list[Employee]:
    """Who may be asked to take over, by department and number."""
    found = {one.pk: one for work in WORKS for one in work.successors(employee) if one.pk != employee.pk}
    return sorted(found.values(), key=lambda one: (one.department.code, one.number))


def duties(employee: Employee) -> dict[Project, list[DutySlot]]:
    """The slots of the duty tables that name the person, by project."""
    found: dict[Project, list[DutySlot]] = {}
    for slot in duty_table.slots_of(employee.pk):
        found.setdefault(slot.project, []).append(slot)
    return found


def check_can_let_go(by: Actor, employee: Employee) -> None:
    """Raise ``Forbidden`` unless ``by`` manages employees, and roles where ``employee`` does; never for oneself."""
    if by.is_system:
        return
    check_everywhere(by.viewer, Permission.EMPLOYEE_MANAGE)
    if by.id == employee.pk:
        raise Forbidden(_("不能给自己办理离职，请由同事办理。"))


@transaction.atomic
def leave(
    employee: Employee,
    *,
    by: Actor,
    on: date,
    successor: Employee | None = None,
    duties: Mapping[Project, Employee | None] | None = None,
) -> list[tuple[str, int]]:
    """办理离职; returns what is still with the leaver because nobody could take it, in words.

    ``duties``: who takes over the slots of a project's duty table, None for nobody; tables not named stay, and show
    that somebody is missing. A second time does nothing. Raises ``Conflict`` for the last administrator, ``Invalid``
    on ``on``, ``successor`` and ``duty_<project>``.
    """
    row = accounts.locked(employee)
    check_can_let_go(by, row)
    if not row.is_active:
        return []
    check_day(row, on)
    if successor is not None and (successor.pk == row.pk or not successor.is_active):
        raise Invalid.field("successor", _("请选择一位在职的同事。"))
    powers.check_keeper_remains(without=row)
    row.left_on = on
    row.save(update_fields=["left_on"])
    accounts.shut(row)
    powers.revoke_all(row, by=by)
    handed = []
    for work in WORKS:
        counts = work.release(row, by=by, successor=successor)
        handed += [f"{label} {counts[key]}" for key, label in work.labels.items() if counts.get(key)]
    slots = hand_on_duties(row, duties or {})
    note = _("最后工作日 %(day)s") % {"day": on}
    if handed:
        to = successor.name if successor else _("项目主管")
        note += "；" + _("移交 %(what)s，接任：%(name)s") % {"what": "、".join(handed), "name": to}
    note += "；" + _("值班时段 %(what)s") % {"what": "、".join(slots)} if slots else ""
    record(Action.LEFT, by=by, employee=row, note=note)
    employee.refresh_from_db()
    return open_work(row)


def hand_on_duties(employee: Employee, wanted: Mapping[Project, Employee | None]) -> list[str]:
    """Personnel staff keep no duty table: the system changes it, and the record of the leaving names them."""
    done = []
    for project, to in wanted.items():
        try:
            count = duty_table.hand_on(employee, project, to=to, by=SYSTEM)
        except Invalid as refusal:
            raise Invalid.field(f"duty_{project.pk}", str(refusal.detail)) from refusal
        if count:
            name = to.name if to else _("不再安排")
            done.append(f"{project.name} {count} → {name}")
    return done


def check_day(employee: Employee, on: date) -> None:
    if on > timezone.localdate():
        # A day to come would leave the doors open until somebody remembers; the work is handed over on the day.
        raise Invalid.field("on", _("请在最后工作日当天或之后办理。"))
    if employee.hired_on and on < employee.hired_on:
        raise Invalid.field("on", _("最后工作日不能早于入职日期。"))
