"""Keeping the weekly duty table: plan a slot, change it, remove it, copy a day to others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Invalid, NotSeen
from staff.changes import Action, change, record
from staff.duty import hours
from staff.duty_week import is_overlapping, spans
from staff.models import DutySlot, Employee, Project, StaffChange, Weekday
from staff.permissions import Permission

FIELDS = ("weekday", "starts", "ends", "employee", "deputy")


def check_can_plan(by: Actor, project_id: int) -> None:
    if not by.is_system:
        by.viewer.check(Permission.DUTY_MANAGE, project_id)


def candidates(project: Project) -> list[Employee]:
    """Who can be put down: at work, and by a role in the project able to open and dispatch what comes at night.

    By department and number.
    """
    power = [Permission.TICKET_DISPATCH.value]
    rows = Employee.objects.active().filter(grants__project=project, grants__role__permissions__contains=power)
    return list(rows.select_related("department").distinct().order_by("department__code", "number"))


@transaction.atomic
def plan(
    project: Project,
    *,
    weekday: int,
    starts: time,
    ends: time,
    employee: Employee,
    deputy: Employee | None = None,
    by: Actor,
    now: datetime | None = None,
) -> DutySlot:
    """安排值班: every week from now on. ``Invalid`` by field: not of the project, his own deputy, on duty then."""
    slot = DutySlot(
        project=project, weekday=weekday, starts=even(starts), ends=even(ends), employee=employee, deputy=deputy
    )
    check_can_plan(by, project.pk)
    lock(project.pk)
    check(slot)
    slot.save(force_insert=True)
    record(Action.DUTY_PLANNED, by=by, employee=employee, project=project, note=told(slot), now=now)
    return slot


@transaction.atomic
def plan_days(project: Project, *, weekdays: Iterable[int], by: Actor, **slot: Any) -> list[DutySlot]:
    """:func:`plan` on each of ``weekdays``: all of them, or none when one is refused."""
    return [plan(project, weekday=weekday, by=by, **slot) for weekday in sorted(set(weekdays))]


@transaction.atomic
def amend(
    slot: DutySlot,
    *,
    weekday: int,
    starts: time,
    ends: time,
    employee: Employee,
    deputy: Employee | None = None,
    by: Actor,
    now: datetime | None = None,
) -> DutySlot:
    """调整值班. Refuses what :func:`plan` refuses; ``NotSeen`` when a colleague has removed the slot meanwhile."""
    check_can_plan(by, slot.project_id)
    lock(slot.project_id)
    row = DutySlot.objects.select_related("employee", "deputy", "project").filter(pk=slot.pk).first()
    if row is None:
        raise NotSeen(_("这个值班时段已被删除。"))
    before, person = told(row), row.employee
    row.weekday, row.starts, row.ends = weekday, even(starts), even(ends)
    row.employee, row.deputy = employee, deputy
    check(row)
    after = told(row)
    if after == before and person.pk == employee.pk:
        return row
    row.save(update_fields=FIELDS)
    if person.pk != employee.pk:
        record(Action.DUTY_REMOVED, by=by, employee=person, project=row.project, note=before, now=now)
        record(Action.DUTY_PLANNED, by=by, employee=employee, project=row.project, note=after, now=now)
    else:
        note = f"{before} → {after}"
        record(Action.DUTY_CHANGED, by=by, employee=employee, project=row.project, note=note, now=now)
    return row


@transaction.atomic
def remove(slot: DutySlot, *, by: Actor, now: datetime | None = None) -> None:
    """取消值班. A second time does nothing."""
    check_can_plan(by, slot.project_id)
    lock(slot.project_id)
    row = DutySlot.objects.select_related("employee", "deputy", "project").filter(pk=slot.pk).first()
    if row is None:
        return
    note = told(row)
    row.delete()
    record(Action.DUTY_REMOVED, by=by, employee=row.employee, project=row.project, note=note, now=now)


@transaction.atomic
def hand_on(person: Employee, project: Project, *, to: Employee | None, by: Actor, now: datetime | None = None) -> int:
    """交接值班时段: all slots of ``person`` in the project go to ``to``, or to nobody; how many.

    To nobody: where there is a deputy who can, the deputy is on duty, other slots go. Where ``to`` was deputy, the slot
    has none any more; a deputy who cannot stand in is dropped. Raises ``Invalid`` on ``to``.
    """
    check_can_plan(by, project.pk)
    lock(project.pk)
    people = {one.pk for one in candidates(project)} - {person.pk}
    if to is not None and to.pk not in people:
        raise Invalid.field("to", _("%(name)s 不能在本项目值班，请选择其他人。") % {"name": to.name})
    rows = list(slots_of(person.pk).filter(project=project))
    for slot in rows:
        before = told(slot)
        if slot.employee_id != person.pk:
            slot.deputy = to if to and to.pk != slot.employee_id else None
            slot.save(update_fields=FIELDS)
            note = f"{before} → {told(slot)}"
            record(Action.DUTY_CHANGED, by=by, employee=slot.employee, project=project, note=note, now=now)
            continue
        deputy = slot.deputy if slot.deputy_id in people else None
        record(Action.DUTY_REMOVED, by=by, employee=person, project=project, note=before, now=now)
        lead = to or deputy
        if lead is not None:
            slot.employee, slot.deputy = lead, deputy if deputy and deputy.pk != lead.pk else None
        other = lead and clash(slot, DutySlot.objects.filter(project=project, employee=lead))
        if to is not None and other:
            taken = {"name": to.name, "when": f"{Weekday(other.weekday).label} {hours(other)}"}
            raise Invalid.field("to", _("%(name)s 在 %(when)s 已有值班，时段重叠。") % taken)
        if lead is None or other:  # nobody, or the deputy is on duty then anyway
            slot.delete()
            continue
        slot.save(update_fields=FIELDS)
        record(Action.DUTY_PLANNED, by=by, employee=lead, project=project, note=told(slot), now=now)
    return len(rows)


def slots_of(pk: int) -> QuerySet[DutySlot]:
    """Where an employee is planned, or stands by, by project and day."""
    mine = DutySlot.objects.filter(Q(employee=pk) | Q(deputy=pk))
    return mine.select_related("project", "employee", "deputy").order_by("project__code", "weekday", "starts", "pk")


@transaction.atomic
def copy_day(
    project: Project, weekday: int, *, to: Iterable[int], by: Actor, now: datetime | None = None
) -> tuple[int, int]:
    """What is planned on ``weekday`` also on the days ``to``; returns how many slots were made, how many left out.

    What is there stays; left out is who is on duty then already, and who works here no more.
    """
    check_can_plan(by, project.pk)
    days = sorted(set(to) - {weekday})
    if not days or not {weekday, *days} <= set(Weekday.values):
        raise Invalid.field("to", _("请选择要复制到的日子。"))
    lock(project.pk)
    people = {one.pk for one in candidates(project)}
    rows = list(DutySlot.objects.filter(project=project).select_related("employee", "deputy"))
    pattern = [slot for slot in rows if slot.weekday == weekday]
    if not pattern:
        raise Conflict(_("%(day)s还没有安排值班，没有可复制的内容。") % {"day": Weekday(weekday).label})
    made: list[DutySlot] = []
    for day in days:
        for slot in pattern:
            deputy = slot.deputy if slot.deputy_id in people else None
            one = DutySlot(
                project=project, weekday=day, starts=slot.starts, ends=slot.ends, employee=slot.employee, deputy=deputy
            )
            if slot.employee_id in people and not clash(one, [*rows, *made]):
                made.append(one)
    DutySlot.objects.bulk_create(made)
    StaffChange.objects.bulk_create(
        change(Action.DUTY_PLANNED, by=by, employee=one.employee, project=project, note=told(one), now=now)
        for one in made
    )
    return len(made), len(pattern) * len(days) - len(made)


# --- what is refused ----------------------------------------------------------------------------------
def lock(project_id: int) -> None:
    """One change of a project's table at a time: two slots that overlap are not seen from either transaction."""
    Project.objects.select_for_update(no_key=True).get(pk=project_id)


def check(slot: DutySlot) -> None:
    """Raise ``Invalid`` by field."""
    if slot.weekday not in Weekday.values:
        raise Invalid.field("weekday", _("请选择星期。"))
    if slot.deputy_id is not None and slot.deputy_id == slot.employee_id:
        raise Invalid.field("deputy", _("副班不能与值班人相同。"))
    people = {one.pk for one in candidates(slot.project)}
    for name in ("employee", "deputy"):
        person = getattr(slot, name)
        if person is not None and person.pk not in people:
            words = _("%(name)s 不在本项目工作，或已离职。")
            if person.is_active and person.grants.filter(project=slot.project_id).exists():
                words = _("%(name)s 没有派单权限，夜间来件打不开。请先授予“中控值班”等角色。")
            raise Invalid.field(name, words % {"name": person.name})
    other = clash(slot, DutySlot.objects.filter(project_id=slot.project_id, employee_id=slot.employee_id))
    if other:
        taken = {"name": slot.employee.name, "when": f"{Weekday(other.weekday).label} {hours(other)}"}
        raise Invalid.field("employee", _("%(name)s 在 %(when)s 已有值班，时段重叠。") % taken)


def clash(slot: DutySlot, others: Iterable[DutySlot]) -> DutySlot | None:
    """The first other slot of the same person that runs at the same time, also over Sunday's midnight."""
    mine = spans(slot.weekday, slot.starts, slot.ends)
    for other in others:
        if (other.pk is None or other.pk != slot.pk) and other is not slot and other.employee_id == slot.employee_id:
            if is_overlapping(mine, spans(other.weekday, other.starts, other.ends)):
                return other
    return None


def even(wall: time) -> time:
    return wall.replace(second=0, microsecond=0)


def told(slot: DutySlot) -> str:
    """``周一 20:00–08:30，副班 李强``."""
    words = f"{Weekday(slot.weekday).label} {hours(slot)}"
    return words + (_("，副班 %(name)s") % {"name": slot.deputy.name} if slot.deputy else "")
