"""督办: by the manager's word, the owner's third call, a group's complaint, the third time within thirty days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Forbidden, Invalid, NotSeen
from shimao_service.models import Notice, User
from staff.models import Absence
from tests.factories import CategoryFactory, OccupancyFactory, OwnerFactory, UnitFactory, owner_actor, register, walk
from tests.tickets.invariants import broken
from tickets import lifecycle, sentences, timeline
from tickets.lifecycle.oversight import occurrence_of
from tickets.models import Summary, Ticket, Urge
from tickets.statuses import Kind, Liability, Oversight, Status, Verb

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def days_ago(days: float):
    return NOW - timedelta(days=days)


def again(cast, days: float, **fields: Any) -> Ticket:
    return register(cast, now=days_ago(days), **({"category": cast.category} | fields))


def overseen(ticket: Ticket) -> list[dict]:
    return [event.data for event in ticket.events.filter(verb=Verb.OVERSEE).order_by("seq")]


def heard(ticket: Ticket) -> set[str]:
    rows = Notice.objects.filter(about=f"ticket:{ticket.pk}", kind="ticket_overseen").values_list(
        "recipient", flat=True
    )
    return set(User.objects.filter(pk__in=[int(row[5:]) for row in rows]).values_list("username", flat=True))


# --- the manager's word ---------------------------------------------------------------------------
def test_a_manager_oversees_with_words_that_want_an_answer(cast):
    ticket = lifecycle.oversee(walk(cast, Status.IN_PROGRESS), by=cast.by("manager"), note="今天办结")
    assert (ticket.oversight, ticket.overseen_at) == (Oversight.MANAGER, ticket.last_event_at)
    assert (Urge.objects.get().by, Urge.objects.get().by_name) == ("manager", "王志强")
    assert heard(ticket) == {"handler", "frontdesk", "supervisor"}
    line = timeline.sentence(ticket.events.last())
    assert (line.who, line.what, line.note, line.tone) == ("王志强", "督办", "今天办结", "overdue")
    ticket = lifecycle.answer_urge(ticket, by=cast.by("handler"), note="五点前好")
    assert ticket.overseen_at is not None, "answered is not done: it stays in the manager's list"


def test_the_first_reason_stays_and_later_ones_leave_their_events(cast):
    ticket = lifecycle.oversee(walk(cast, Status.IN_PROGRESS), by=cast.by("manager"), note="盯紧", now=NOW)
    lifecycle.oversee(ticket, by=cast.by("director"), note="向我报告", now=NOW + timedelta(hours=1))
    for hours in (2, 3, 4):
        ticket = lifecycle.urge(ticket, by=owner_actor(ticket), now=NOW + timedelta(hours=hours))
    assert (ticket.oversight, ticket.overseen_at) == (Oversight.MANAGER, NOW)
    assert [data["reason"] for data in overseen(ticket)] == ["manager", "manager", "urged"]


def test_overseeing_twice_in_ten_minutes_is_once(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    for minutes in (0, 5):
        ticket = lifecycle.oversee(ticket, by=cast.by("manager"), note="盯紧", now=NOW + timedelta(minutes=minutes))
    assert len(overseen(ticket)) == 1
    assert Urge.objects.get().times == 2


def test_overseeing_says_what_is_wanted_and_is_the_managers(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    with pytest.raises(Invalid) as refused:
        lifecycle.oversee(ticket, by=cast.by("manager"), note=" ")
    assert "note" in refused.value.fields
    for name in ("supervisor", "frontdesk", "handler", "quality"):
        with pytest.raises(Forbidden):
            lifecycle.oversee(ticket, by=cast.by(name), note="盯紧")
    with pytest.raises(NotSeen):
        lifecycle.oversee(ticket, by=cast.by("outsider"), note="盯紧")
    with pytest.raises(Forbidden):
        lifecycle.oversee(ticket, by=owner_actor(ticket), note="盯紧")


def test_a_person_cannot_borrow_the_systems_reason(cast):
    ticket = lifecycle.oversee(register(cast), by=cast.by("manager"), note="盯紧", reason=Oversight.COLLECTIVE)
    assert ticket.oversight == Oversight.MANAGER


def test_a_complaint_about_the_manager_is_overseen_by_the_next_one_up(cast):
    ticket = register(
        cast, by="duty", kind=Kind.COMPLAINT, category=cast.complaint_category, is_collective=True,
        subjects=[cast.manager],
    )  # fmt: skip
    assert ticket.oversight == Oversight.COLLECTIVE
    assert heard(ticket) <= {"director", "deptmanager"}
    assert "director" in heard(ticket)
    with pytest.raises(NotSeen):
        lifecycle.oversee(ticket, by=cast.by("manager"), note="盯紧")


# --- a group --------------------------------------------------------------------------------------
def test_where_the_manager_is_on_leave_the_next_one_up_hears_it_and_the_event_says_why(cast):
    """NOW is Tuesday, 24 November, ten o'clock."""
    Absence.objects.create(
        employee=cast.manager, kind="leave", starts_at=NOW, ends_at=NOW + timedelta(days=2), recorded_at=NOW
    )
    group = register(cast, kind=Kind.COMPLAINT, category=None, is_collective=True, now=NOW)
    third = walk(cast, Status.IN_PROGRESS, now=NOW)
    for number in range(1, 5):
        lifecycle.urge(third, by=owner_actor(third), now=NOW + number * timedelta(minutes=11))
    why = [{"name": "王志强", "why": "请假至 11月26日 10:00"}]
    for ticket in (group, third):
        assert [data.get("skipped") for data in overseen(ticket)] == [why]
        assert heard(ticket) == {"director", "supervisor"}
    fourth = third.events.filter(verb=Verb.URGE).order_by("seq").last()
    assert fourth.data["skipped"] == why, "from the fourth call on the manager is among those who are told"
    assert "跳过 王志强" in str(sentences._oversee(group.events.get(verb=Verb.OVERSEE)).details)


def test_a_groups_complaint_goes_to_the_manager_at_once(cast):
    ticket = register(cast, kind=Kind.COMPLAINT, category=cast.complaint_category, is_collective=True)
    assert ticket.oversight == Oversight.COLLECTIVE
    assert overseen(ticket) == [{"reason": "collective"}]
    assert "manager" in heard(ticket)
    assert not broken(Ticket.objects.get(pk=ticket.pk))


def test_an_amendment_makes_it_a_groups_once(cast):
    ticket = register(cast, kind=Kind.COMPLAINT, category=cast.complaint_category)
    for value in (True, False, True):
        ticket = lifecycle.amend(ticket, by=cast.by("frontdesk"), reason="核实", changes={"is_collective": value})
    assert overseen(ticket) == [{"reason": "collective"}]


def complaint_of(cast, room: str) -> Ticket:
    unit = UnitFactory(building=cast.building, entrance="1", room=room)
    owner = OwnerFactory()
    OccupancyFactory(unit=unit, owner=owner)
    return register(cast, kind=Kind.COMPLAINT, category=cast.complaint_category, unit=unit, owner=owner)


def test_linked_complaints_of_three_households_are_a_groups(cast):
    one, two, three = (complaint_of(cast, room) for room in ("101", "201", "301"))
    lifecycle.link(one, two, by=cast.by("frontdesk"))
    assert not Ticket.objects.exclude(overseen_at=None).exists()
    lifecycle.link(two, three, by=cast.by("frontdesk"))
    for ticket in (one, two, three):
        ticket.refresh_from_db()
        assert ticket.oversight == Oversight.COLLECTIVE
        assert overseen(ticket) == [{"reason": "collective", "households": 3}]
        assert not broken(ticket)
    four = complaint_of(cast, "401")
    lifecycle.link(three, four, by=cast.by("frontdesk"))
    assert [len(overseen(ticket)) for ticket in (one, two, three, four)] == [1, 1, 1, 1]


def test_one_households_three_complaints_are_no_group(cast):
    one, two, three = (register(cast, kind=Kind.COMPLAINT, category=cast.complaint_category) for _n in range(3))
    Ticket.objects.update(overseen_at=None, oversight="")  # the third of the same is overseen for being the third
    lifecycle.link(one, two, by=cast.by("frontdesk"))
    lifecycle.link(two, three, by=cast.by("frontdesk"))
    assert not Ticket.objects.exclude(overseen_at=None).exists()


def test_repairs_and_withdrawn_complaints_make_no_group(cast):
    one, two = complaint_of(cast, "101"), complaint_of(cast, "201")
    gone, repair = complaint_of(cast, "301"), register(cast)
    lifecycle.link(one, two, by=cast.by("frontdesk"))
    lifecycle.link(one, gone, by=cast.by("frontdesk"))
    Ticket.objects.update(overseen_at=None, oversight="")
    lifecycle.cancel(gone, by=cast.by("supervisor"), reason="误报")
    lifecycle.link(one, repair, by=cast.by("frontdesk"))
    assert not Ticket.objects.exclude(overseen_at=None).exists()


# --- the same again -------------------------------------------------------------------------------
def test_the_third_time_within_thirty_days_is_the_managers(cast):
    first, second, third = again(cast, 29.9), again(cast, 10), again(cast, 0)
    assert [ticket.occurrence for ticket in (first, second, third)] == [1, 2, 3]
    assert [ticket.oversight for ticket in (first, second, third)] == ["", "", Oversight.REPEATED]
    assert overseen(third) == [{"reason": "repeated", "times": 3}]
    assert "manager" in heard(third)
    line = timeline.sentence(third.events.get(verb=Verb.OVERSEE))
    assert (line.who, line.what, line.object) == ("系统", "转经理督办", "30 天内第三次")
    assert line.details == ["同一房屋、同一分类，30 天内第 3 次"]


def test_older_ones_other_homes_and_other_matters_do_not_count(cast):
    again(cast, 31)
    again(cast, 5, unit=cast.unit_below, owner=cast.neighbour)
    again(cast, 5, category=None)
    again(cast, 5, kind=Kind.COMPLAINT, category=cast.complaint_category)
    lifecycle.cancel(again(cast, 5), by=cast.by("supervisor"), reason="误报")
    assert again(cast, 0).occurrence == 1


@pytest.mark.parametrize(
    ("liability", "counts"),
    [
        (Liability.OWNER, False),
        (Liability.DEVELOPER, False),
        (Liability.PROPERTY, True),
        (Liability.UNDETERMINED, True),
    ],
)
def test_what_the_owner_or_the_developer_caused_counts_against_nobody(cast, liability, counts):
    earlier = again(cast, 5)
    Summary.objects.create(
        ticket=earlier, round=1, cause="x", liability=liability, improvement="", written_by=cast.frontdesk, at=NOW
    )
    assert again(cast, 0).occurrence == (2 if counts else 1)


def test_asking_the_same_thing_three_times_is_nobodys_failure(cast):
    category = CategoryFactory(kind=Kind.CONSULTATION, name="停车")
    tickets = [again(cast, days, kind=Kind.CONSULTATION, category=category) for days in (3, 2, 1)]
    assert [ticket.occurrence for ticket in tickets] == [1, 1, 1]


def test_amending_unit_or_category_counts_anew(cast):
    again(cast, 20), again(cast, 10)
    ticket = again(cast, 1, category=None)
    assert ticket.occurrence == 1
    ticket = lifecycle.amend(ticket, by=cast.by("frontdesk"), reason="补分类", changes={"category": cast.category})
    assert (ticket.occurrence, ticket.oversight) == (3, Oversight.REPEATED)
    ticket = lifecycle.amend(ticket, by=cast.by("frontdesk"), reason="房号记错", changes={"unit": cast.unit_below})
    assert ticket.occurrence == 1
    assert ticket.oversight == Oversight.REPEATED, "what the manager has seen is not taken back behind his back"


def test_counting_is_one_query(cast):
    again(cast, 20)
    ticket = again(cast, 0)
    with CaptureQueriesContext(connection) as made:
        assert occurrence_of(ticket) == 2
    assert len(made) == 1


def test_it_stays_until_it_is_closed_and_no_other_move_takes_it_off(cast):
    ticket = lifecycle.oversee(walk(cast, Status.FED_BACK), by=cast.by("manager"), note="盯紧")
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=2)
    assert ticket.overseen_at is not None
    assert lifecycle.oversee(ticket, by=SYSTEM, reason=Oversight.URGED).oversight == Oversight.MANAGER
