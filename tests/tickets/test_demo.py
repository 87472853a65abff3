"""The demo's requests obey every rule that real ones do, and are the same for the same seed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from staff.access import actor_of
from staff.models import Employee
from tests.factories import role_ids
from tests.remembered import Remembered
from tests.tickets.invariants import broken
from tickets import lifecycle
from tickets.demo.filling import Plan, fill
from tickets.lifecycle.intake import Intake
from tickets.models import Building, Event, NumberCounter, Ticket
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 14, 30, tzinfo=ZoneInfo("Asia/Shanghai"))


def quiet(_text: str) -> None:
    pass


remembered_demo = Remembered(lambda: fill(Plan(tickets=600, seed=1, now=NOON), quiet), role_ids)


@pytest.fixture
def demo(db):
    return remembered_demo()


def test_every_request_of_the_demo_keeps_the_invariants(demo):
    wrong = [words for ticket in Ticket.objects.select_related("summary") for words in broken(ticket)]
    assert not wrong, "\n".join(wrong[:20])


def test_the_demo_has_every_status_and_kind_and_some_late_and_some_reopened(demo):
    assert set(Ticket.objects.values_list("status", flat=True)) == set(Status.values)
    assert set(Ticket.objects.values_list("kind", flat=True)) == set(Kind.values)
    assert Ticket.objects.open().overdue(NOON).count() >= 5
    assert Ticket.objects.filter(round__gt=1).count() >= 5
    assert (Ticket.objects.count(), Employee.objects.count()) == (600, 60)


def test_the_next_request_after_the_demo_gets_the_next_number(demo):
    desk = Employee.objects.get(user__username="frontdesk")
    project = desk.grants.get().project
    building = Building.objects.filter(project=project).first()
    last = NumberCounter.objects.get(kind=Kind.REPAIR, day=NOON.date()).last
    intake = Intake(
        project=project, kind=Kind.REPAIR, description="灯不亮", contact_phone="13812345678", building=building
    )
    ticket = lifecycle.register(intake, by=actor_of(desk), now=NOON)
    assert ticket.number == f"BX20261123-{last + 1:04d}"


def test_the_same_seed_makes_the_same_requests(db):
    told = []
    for _time in range(2):
        with transaction.atomic():
            fill(Plan(tickets=300, seed=7, now=NOON), quiet)
            events = Event.objects.order_by("ticket__number", "seq")
            told.append(list(events.values_list("ticket__number", "verb", "at", "actor_name", "note")))
            transaction.set_rollback(True)
    assert told[0] == told[1]
    assert len(told[0]) > 1000
