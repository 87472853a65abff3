"""Leave and other absences: recorded by whoever keeps the duty table, ended early, never edited."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Forbidden, Invalid
from staff.access import Everywhere, Viewer
from staff.accounts import locked
from staff.changes import Action, record
from staff.models import Absence, Employee, RoleGrant
from staff.permissions import Permission

LONGEST = timedelta(days=366)
Kind = Absence.Kind


def manageable(viewer: Viewer) -> QuerySet[Employee]:
    """Those at work whose absences ``viewer`` records: who works where he keeps the duty table."""
    held = viewer.projects_with(Permission.DUTY_MANAGE)
    people = Employee.objects.active()
    if isinstance(held, Everywhere):
        return people
    return people.filter(pk__in=RoleGrant.objects.filter(project_id__in=sorted(held)).values("employee"))


def visible_to(viewer: Viewer) -> QuerySet[Absence]:
    """One's own, and those of the people one records absences for."""
    mine = Q(employee_id=viewer.employee_id or 0)
    if viewer.can(Permission.DUTY_MANAGE):
        mine |= Q(employee__in=manageable(viewer).values("pk"))
    return Absence.objects.filter(mine)


def check_can_record(by: Actor, employee: Employee) -> None:
    """Raise ``Forbidden`` unless ``by`` keeps the duty table of a project where ``employee`` works."""
    if by.is_system:
        return
    by.viewer.check(Permission.DUTY_MANAGE)
    if not manageable(by.viewer).filter(pk=employee.pk).exists():
        raise Forbidden(_("%(name)s 不在您负责的项目工作，请由他的主管登记。") % {"name": employee.name})


@transaction.atomic
def absence(
    employee: Employee,
    *,
    starts_at: datetime,
    ends_at: datetime,
    kind: str = Kind.LEAVE,
    note: str = "",
    by: Actor,
    now: datetime | None = None,
) -> Absence:
    """登记请假: from … to, the end not included. Raises ``Invalid`` by field: an end that is not later, more than a
    year, a begin more than a year off, an absence recorded for the same time."""
    row = locked(employee)
    moment = now or timezone.now()
    check_can_record(by, row)
    if not row.is_active:
        raise Invalid.field("employee", _("%(name)s 已离职。") % {"name": row.name})
    check_times(starts_at, ends_at, moment)
    same = row.absences.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).first()
    if same is not None:
        raise Invalid.field("starts_at", _("与已登记的%(what)s重叠。") % {"what": told(same)})
    made = Absence.objects.create(
        employee=row,
        kind=Kind(kind),
        starts_at=starts_at,
        ends_at=ends_at,
        note=note,
        recorded_at=moment,
        recorded_by_id=by.id if by.is_employee else None,
    )
    record(Action.ABSENCE_RECORDED, by=by, employee=row, note=told(made), now=moment)
    return made


def check_times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    if abs(starts_at - now) > LONGEST:
        raise Invalid.field("starts_at", _("开始时间请在前后一年之内。"))
    check_order(starts_at, ends_at)


def check_order(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise Invalid.field("ends_at", _("结束时间要晚于开始时间。"))
    if ends_at - starts_at > LONGEST:
        raise Invalid.field("ends_at", _("一次最多登记一年。"))


@transaction.atomic
def end_absence(row: Absence, *, by: Actor, now: datetime | None = None) -> Absence | None:
    """提前结束: back from now on; one that has not begun is taken back (None). ``Conflict`` when it is over."""
    person = locked(row.employee)
    moment = now or timezone.now()
    check_can_record(by, person)
    found = Absence.objects.filter(pk=row.pk).first()
    if found is None:
        return None
    if found.ends_at <= moment:
        raise Conflict(_("这次请假已经结束。"))
    words = told(found)
    if found.starts_at >= moment:
        found.delete()
        record(Action.ABSENCE_ENDED, by=by, employee=person, note=_("取消 %(what)s") % {"what": words}, now=moment)
        return None
    found.ends_at = moment
    found.save(update_fields=["ends_at"])
    record(Action.ABSENCE_ENDED, by=by, employee=person, note=words, now=moment)
    return found


def told(row: Absence) -> str:
    """``请假 2026-11-23 08:30 至 2026-11-25 08:30``; the words of its note stay out of the record."""
    first, last = (timezone.localtime(moment) for moment in (row.starts_at, row.ends_at))
    return f"{Kind(row.kind).label} {first:%Y-%m-%d %H:%M} {_('至')} {last:%Y-%m-%d %H:%M}"
