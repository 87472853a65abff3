"""The demo's duty tables: somebody is on at every hour of every night, in every project."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from staff import duty, duty_grid, duty_table
from staff.models import Absence, DutySlot, Employee, Project
from tests.factories import role_ids
from tests.remembered import Remembered
from tickets.demo.filling import Plan, fill

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 14, 30, tzinfo=ZoneInfo("Asia/Shanghai"))


remembered_demo = Remembered(lambda: fill(Plan(tickets=20, seed=1, now=NOON), lambda words: None), role_ids)


@pytest.fixture(autouse=True)
def demo(db):
    remembered_demo()


def test_no_hour_of_the_demo_is_without_somebody_and_nobody_is_on_twice():
    projects = list(Project.objects.all())
    for project in projects:
        week = duty_grid.week(project, NOON)
        assert (week.gaps, week.unfilled) == ([], [])
        for hour in range(24 * 7):
            moment = NOON + timedelta(hours=hour)
            found = [turn for turn in duty.turns([project.pk], moment, moment + duty.AN_INSTANT) if turn.employee]
            assert len({turn.employee.pk for turn in found}) == len(found) <= 1
        able = {one.pk for one in duty_table.candidates(project)}
        slots = DutySlot.objects.filter(project=project)
        assert {pk for slot in slots for pk in (slot.employee_id, slot.deputy_id)} <= able, "what comes, they can open"
    people = {slot.employee_id for slot in DutySlot.objects.all()}
    assert len(people) == 3 * len(projects)


def test_some_of_the_demo_are_away_but_none_of_the_faces():
    away = Absence.objects.all()
    assert away.filter(starts_at__lte=NOON, ends_at__gt=NOON).exists()
    assert away.filter(starts_at__gt=NOON).exists()
    assert not Employee.objects.filter(user__username__in=["frontdesk", "handler"], absences__in=away).exists()
