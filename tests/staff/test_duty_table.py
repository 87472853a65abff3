"""Keeping the table and recording leave: what the verbs write, what they refuse, what two at once do."""

from __future__ import annotations

import threading
from datetime import date, time, timedelta

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen
from staff import absences, duty_table
from staff.access import actor_of
from staff.models import Absence, DutySlot, Employee, Role, RoleGrant, StaffChange
from staff.permissions import Permission
from tests.factories import make_cast
from tests.staff.test_duty import MONDAY, SUNDAY, at, away, slot

pytestmark = pytest.mark.django_db

NOW = at(25, "10:00")


@pytest.fixture(autouse=True)
def guard_may_dispatch(request):
    """Who is put down must be able to open what comes at night."""
    if "cast" in request.fixturenames:
        cast, role = request.getfixturevalue("cast"), Role.objects.get(code="duty_desk")
        RoleGrant.objects.create(employee=cast.guard, role=role, project=cast.project)


def plan(cast, who: str = "duty", *, by: str = "supervisor", **fields) -> DutySlot:
    values = {"weekday": MONDAY, "starts": time(20), "ends": time(8, 30), "deputy": None} | fields
    return duty_table.plan(cast.project, employee=getattr(cast, who), by=cast.by(by), now=NOW, **values)


def refused(error: type[Exception], field: str, call, *args, **kwargs) -> str:
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    assert list(caught.value.fields) == ([field] if field else [])
    return str(caught.value)


# --- the table ------------------------------------------------------------------------------------
def test_planning_leaves_a_record_of_who_did_it_when(cast):
    plan(cast, deputy=cast.guard, starts=time(20, 0, 59))
    row = cast.duty.changes.get()
    assert (row.action, row.at, row.by, row.project) == ("duty_planned", NOW, cast.supervisor, cast.project)
    assert row.note == "周一 20:00–08:30，副班 李敏"


def test_one_power_is_enough_and_counts_in_its_project_only(cast):
    role = Role.objects.create(code="keeper", name="值班管理", permissions=[Permission.DUTY_MANAGE.value])
    RoleGrant.objects.create(employee=cast.outsider, role=role, project=cast.other_project)
    with pytest.raises(Forbidden):
        plan(cast, by="outsider")
    RoleGrant.objects.create(employee=cast.outsider, role=role, project=cast.project)
    assert duty_table.plan(
        cast.project, weekday=0, starts=time(20), ends=time(8), employee=cast.duty, by=actor_of(cast.outsider)
    ).pk


def test_only_people_of_the_project_who_are_at_work_are_put_down(cast):
    assert refused(Invalid, "employee", plan, cast, "outsider") == "外项目前台 不在本项目工作，或已离职。"
    said = refused(Invalid, "employee", plan, cast, "handler")
    assert said == f"{cast.handler.name} 没有派单权限，夜间来件打不开。请先授予“中控值班”等角色。"
    assert refused(Invalid, "employee", plan, cast, "director")  # looks on everywhere, works at no project
    assert refused(Invalid, "deputy", plan, cast, deputy=cast.outsider)
    assert refused(Invalid, "deputy", plan, cast, deputy=cast.duty) == "副班不能与值班人相同。"
    Employee.objects.filter(pk=cast.duty.pk).update(left_on=date(2026, 11, 1))
    assert refused(Invalid, "employee", plan, cast)
    assert refused(Invalid, "weekday", plan, cast, "guard", weekday=7)
    assert not DutySlot.objects.exists()
    assert not StaffChange.objects.exists()


@pytest.mark.parametrize(
    ("weekday", "starts", "ends", "clashes"),
    [
        (0, time(8, 30), time(20), False),  # begins when the night ends, ends when the next begins
        (0, time(8, 29), time(9), True),  # Sunday's night is not over
        (0, time(20), time(8, 30), False),
        (6, time(19), time(20, 1), True),
        (5, time(20), time(20), False),
        (5, time(20, 1), time(20, 1), True),
        (6, time(20), time(8, 30), True),
    ],
)
def test_nobody_is_on_duty_twice_at_once_also_over_sundays_midnight(cast, weekday, starts, ends, clashes):
    slot(cast, "duty", SUNDAY)
    if clashes:
        words = refused(Invalid, "employee", plan, cast, weekday=weekday, starts=starts, ends=ends)
        assert words == "孙班长 在 周日 20:00–08:30 已有值班，时段重叠。"
    else:
        assert plan(cast, weekday=weekday, starts=starts, ends=ends).pk
    assert plan(cast, "guard", weekday=weekday, starts=starts, ends=ends).pk


def test_all_days_are_planned_or_none(cast):
    slot(cast, "duty", 3)
    with pytest.raises(Invalid):
        duty_table.plan_days(
            cast.project, weekdays=[1, 2, 3], starts=time(20), ends=time(8), employee=cast.duty, by=cast.by("manager")
        )
    assert DutySlot.objects.count() == 1
    assert not StaffChange.objects.exists()


def test_another_person_in_the_slot_is_told_of_both(cast):
    one = plan(cast)
    values = {"weekday": 0, "starts": time(20), "ends": time(8, 30), "by": cast.by("manager")}
    duty_table.amend(one, employee=cast.duty, **values)
    assert StaffChange.objects.count() == 1  # nothing changed, nothing to tell
    duty_table.amend(one, employee=cast.guard, deputy=cast.duty, **values)
    assert cast.duty.changes.latest("pk").action == "duty_removed"
    assert cast.guard.changes.get().note == "周一 20:00–08:30，副班 孙班长"
    duty_table.remove(one, by=cast.by("manager"))
    duty_table.remove(one, by=cast.by("manager"))
    assert cast.guard.changes.filter(action="duty_removed").count() == 1
    with pytest.raises(NotSeen):
        duty_table.amend(one, employee=cast.guard, **values)


def test_a_copy_leaves_out_who_left_and_a_deputy_who_left(cast):
    slot(cast, "duty", MONDAY, deputy="handler")
    slot(cast, "guard", MONDAY, (time(8), time(12)))
    Employee.objects.filter(pk__in=[cast.guard.pk, cast.handler.pk]).update(left_on=date(2026, 11, 1))
    assert duty_table.copy_day(cast.project, MONDAY, to=[0, 1], by=SYSTEM) == (1, 1)
    made = DutySlot.objects.get(weekday=1)
    assert (made.employee, made.deputy) == (cast.duty, None)
    assert duty_table.copy_day(cast.project, MONDAY, to=[1], by=SYSTEM) == (0, 2)
    with pytest.raises(Invalid):
        duty_table.copy_day(cast.project, MONDAY, to=[0], by=SYSTEM)
    with pytest.raises(Conflict):
        duty_table.copy_day(cast.project, 4, to=[5], by=SYSTEM)


@pytest.mark.django_db(transaction=True)
def test_two_who_plan_the_same_night_at_once_do_not_both():
    cast = make_cast()
    begun, told = threading.Barrier(2), []

    def one(starts: time) -> None:
        begun.wait(timeout=10)
        try:
            plan(cast, starts=starts)
            told.append("made")
        except Invalid:
            told.append("refused")
        finally:
            connections.close_all()

    both = [threading.Thread(target=one, args=(time(hour),)) for hour in (20, 21)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(timeout=20)
    assert sorted(told) == ["made", "refused"]
    assert DutySlot.objects.count() == 1


# --- leave ----------------------------------------------------------------------------------------
def record(cast, who: str = "handler", *, by: str = "supervisor", **fields) -> Absence:
    values = {"starts_at": at(26, "08:30"), "ends_at": at(28, "08:30")} | fields
    return absences.absence(getattr(cast, who), by=cast.by(by), now=NOW, **values)


def test_leave_is_recorded_by_who_keeps_the_table_where_the_person_works(cast):
    assert record(cast, by="manager").recorded_by == cast.manager
    assert record(cast, "supervisor", by="supervisor").employee == cast.supervisor
    assert record(cast, "hr", by="admin").employee == cast.hr
    for who, by in (("outsider", "supervisor"), ("hr", "supervisor"), ("handler2", "handler2"), ("handler2", "hr")):
        with pytest.raises(Forbidden):
            record(cast, who, by=by)


@pytest.mark.parametrize(
    ("field", "since", "until"),
    [
        ("ends_at", timedelta(days=1), timedelta(days=1)),
        ("ends_at", timedelta(days=2), timedelta(days=1)),
        ("ends_at", timedelta(0), timedelta(days=367)),
        ("starts_at", timedelta(days=-367), timedelta(days=-366)),
        ("starts_at", timedelta(days=400), timedelta(days=401)),
        ("starts_at", timedelta(days=4), timedelta(days=6)),  # in the middle of what is recorded
    ],
)
def test_times_that_cannot_be_are_refused_by_their_field(cast, field, since, until):
    away(cast, "handler", NOW + timedelta(days=3), NOW + timedelta(days=7))
    refused(Invalid, field, record, cast, starts_at=NOW + since, ends_at=NOW + until)
    assert Absence.objects.count() == 1


def test_leave_that_follows_without_a_gap_is_another(cast):
    away(cast, "handler", at(24, "08:30"), at(26, "08:30"))
    assert record(cast).pk


def test_who_left_takes_no_leave(cast):
    Employee.objects.filter(pk=cast.handler.pk).update(left_on=date(2026, 11, 1))
    assert refused(Invalid, "employee", absences.absence, cast.handler, starts_at=at(26, "08:30"),
                   ends_at=at(27, "08:30"), by=SYSTEM, now=NOW)  # fmt: skip


def test_leave_is_ended_now_taken_back_before_it_begins_and_not_touched_after(cast):
    row = record(cast)
    assert absences.end_absence(row, by=cast.by("supervisor"), now=at(26, "08:31")).ends_at == at(26, "08:31")
    with pytest.raises(Conflict):
        absences.end_absence(row, by=cast.by("supervisor"), now=at(26, "08:31"))
    other = record(cast, "handler2")
    with pytest.raises(Forbidden):
        absences.end_absence(other, by=cast.by("handler2"), now=NOW)
    assert absences.end_absence(other, by=cast.by("supervisor"), now=at(26, "08:30")) is None
    assert absences.end_absence(other, by=cast.by("supervisor"), now=at(26, "08:30")) is None
    assert cast.handler2.changes.latest("pk").note == "取消 请假 2026-11-26 08:30 至 2026-11-28 08:30"


def test_the_database_keeps_the_rules_by_itself(cast):
    wrong = [
        DutySlot(project=cast.project, weekday=7, starts=time(1), ends=time(2), employee=cast.duty),
        DutySlot(
            project=cast.project, weekday=1, starts=time(1), ends=time(2), employee=cast.duty, deputy=cast.duty
        ),
        Absence(employee=cast.duty, starts_at=NOW, ends_at=NOW, recorded_at=timezone.now()),
    ]  # fmt: skip
    for row in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()
