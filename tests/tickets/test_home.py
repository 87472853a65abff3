"""``/``: what waits for each person, and nothing that does not concern them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from staff.access import viewer_of
from staff.permissions import Permission
from tests.factories import register, walk
from tests.query_budgets import budget
from tickets import home as homes
from tickets import lifecycle
from tickets.frame import counts
from tickets.models import Ticket, TicketSubject
from tickets.statuses import Kind, Status, Urgency

pytestmark = pytest.mark.django_db

EVERYONE = ["frontdesk", "handler", "contractor", "supervisor", "department_manager", "manager", "duty", "steward",
            "quality", "hr", "director", "auditor", "admin"]  # fmt: skip


def waits(cast, who):
    """``{section: [numbers]}`` of those with something in them."""
    found = homes.waiting(viewer_of(getattr(cast, who)))
    return {one.section.key: [row.ticket.number for row in one.rows] for one in found if one.rows}


@pytest.mark.parametrize("who", EVERYONE)
def test_everyone_has_a_home_also_when_nothing_waits(as_, who):
    answer = as_(who).get("/")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert any(
        words in page
        for words in ("现在没有等您办理的事", "手上没有任务", "各项目未办结", "导入员工", "导入房产与业主")
    )


def test_an_account_without_an_employee_is_told_what_to_do(client, django_user_model):
    user = django_user_model.objects.create_user("nobody")
    client.force_login(user, backend="staff.authentication.EmployeeBackend")
    assert "请联系管理员" in client.get("/").content.decode()


def test_the_desk_sees_what_to_dispatch_answer_ask_and_sum_up(cast):
    registered = register(cast)
    completed = walk(cast, Status.COMPLETED)
    fed_back = walk(cast, Status.FED_BACK)
    summary = walk(cast, Status.AWAITING_SUMMARY)
    found = waits(cast, "frontdesk")
    assert found["dispatch"] == [registered.number]
    assert found["feedback"] == [completed.number]
    assert found["call"] == [fed_back.number]
    assert found["summary"] == [summary.number]
    assert "summary" not in waits(cast, "frontdesk2")


def test_what_waits_for_dispatch_is_dispatched_from_the_home(cast, as_):
    ticket = register(cast)
    assert f"/tickets/{ticket.number}/dispatch/" in as_("frontdesk").get("/").content.decode()
    viewer = viewer_of(cast.auditor)
    assert homes.dispatchable(homes.waiting(viewer_of(cast.frontdesk)), viewer) == set()


def test_who_is_stuck_in_a_lift_stands_before_a_lamp_that_is_late(cast):
    lamp = register(cast, now=timezone.now() - timedelta(hours=3))
    water = register(cast, urgency=Urgency.URGENT, now=timezone.now() - timedelta(minutes=5))
    lift = register(cast, urgency=Urgency.CRITICAL)
    assert waits(cast, "frontdesk")["dispatch"] == [lift.number, water.number, lamp.number]


def test_an_owner_with_an_email_is_not_rung_up(cast):
    walk(cast, Status.FED_BACK, contact_email="zhang@example.com")
    assert "call" not in waits(cast, "frontdesk")


def test_what_i_received_stands_before_what_others_received(cast):
    theirs = walk(cast, Status.COMPLETED)
    mine = walk(cast, Status.COMPLETED, by="frontdesk2")
    assert waits(cast, "frontdesk2")["feedback"] == [mine.number, theirs.number]
    assert waits(cast, "frontdesk")["feedback"] == [theirs.number, mine.number]


def test_a_promise_that_is_due_and_a_returned_request_come_back_to_the_desk(cast):
    promised = walk(cast, Status.IN_PROGRESS)
    Ticket.objects.filter(pk=promised.pk).update(promised_at=timezone.now() - timedelta(minutes=1))
    returned = lifecycle.return_(walk(cast, Status.DISPATCHED), by=cast.by("handler"), reason="不属于本部门")
    found = waits(cast, "frontdesk")
    assert found["promised"] == [promised.number]
    assert found["returned"] == [returned.number]


def test_a_handler_sees_what_is_his_and_what_his_department_may_take(cast):
    named = walk(cast, Status.DISPATCHED)
    working = walk(cast, Status.IN_PROGRESS)
    resting = walk(cast, Status.ON_HOLD)
    waiting = lifecycle.dispatch(register(cast), by=cast.by("frontdesk"), department=cast.works)
    assert waits(cast, "handler") == {
        "to_accept": [named.number],
        "in_progress": [working.number],
        "department": [waiting.number],
        "on_hold": [resting.number],
    }
    assert waits(cast, "handler2") == {"department": [waiting.number]}
    assert waits(cast, "contractor") == {}
    assert waits(cast, "outsider_handler") == {}


def test_the_number_in_a_handlers_rail_is_what_waits_for_him_and_no_more(cast, django_assert_num_queries):
    walk(cast, Status.DISPATCHED)
    walk(cast, Status.ON_HOLD)
    lifecycle.dispatch(register(cast), by=cast.by("frontdesk"), department=cast.works)
    walk(cast, Status.COMPLETED)  # seen by him still, and the desk's to do
    viewer = viewer_of(cast.handler)
    viewer.can(Permission.TICKET_HANDLE)
    with django_assert_num_queries(1):
        assert counts(viewer)["tickets"] == 3
    assert counts(viewer_of(cast.frontdesk))["tickets"] == 4


def test_one_tap_takes_a_task_and_a_second_handler_reads_who_has_it(cast, as_):
    ticket = lifecycle.dispatch(register(cast), by=cast.by("frontdesk"), department=cast.works)
    first, second = as_("handler"), as_("handler2")
    page = first.get("/").content.decode()
    assert f'action="/tickets/{ticket.number}/accept/"' in page
    assert f'value="{ticket.version}"' in page
    second.get("/")
    assert first.post(f"/tickets/{ticket.number}/accept/", {"version": ticket.version}).status_code == 302
    late = second.post(f"/tickets/{ticket.number}/accept/", {"version": ticket.version})
    assert late.status_code == 409
    assert "周建国" in late.content.decode()


def test_a_phone_number_is_on_no_card_before_it_was_asked_for(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    page = as_("handler").get("/").content.decode()
    assert cast.owner.phone not in page
    assert "tel:" not in page
    assert f"/tickets/{ticket.number}/reveal/" in page


def test_the_supervisor_sees_what_goes_wrong(cast):
    late = walk(cast, Status.DISPATCHED)
    Ticket.objects.filter(pk=late.pk).update(due_at=timezone.now() - timedelta(minutes=5))
    critical = register(cast, urgency=Urgency.CRITICAL)
    returned = lifecycle.return_(walk(cast, Status.DISPATCHED), by=cast.by("handler"), reason="不属于本部门")
    again = lifecycle.rate(
        walk(cast, Status.FED_BACK), by=cast.by("frontdesk"), grade=2, channel="phone", comment="还漏"
    )
    found = waits(cast, "supervisor")
    assert late.number in found["overdue"]
    assert found["untaken"] == [late.number]
    assert found["critical"] == [critical.number]
    assert found["returns"] == [returned.number]
    assert found["dissatisfied"] == [again.number]
    assert "conclude" not in found


def test_the_manager_sees_what_may_be_concluded(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    Ticket.objects.filter(pk=ticket.pk).update(dissatisfied_rounds=2)
    assert waits(cast, "manager")["conclude"] == [ticket.number]


def test_a_complaint_about_her_is_not_even_counted_on_her_home(cast):
    complaint = register(cast, kind=Kind.COMPLAINT, category=None, description="主管推诿", urgency=Urgency.CRITICAL)
    TicketSubject.objects.create(ticket=complaint, employee=cast.supervisor)
    assert all(one.count == 0 for one in homes.waiting(viewer_of(cast.supervisor)))
    assert all(one.count == 0 for one in homes.waiting(viewer_of(cast.frontdesk)))
    assert homes.by_project(viewer_of(cast.director))[0]["open"] == 1


def test_the_director_sees_numbers_by_project_that_lead_to_the_queue(cast, as_):
    register(cast)
    page = as_("director").get("/").content.decode()
    assert "世茂滨江花园" in page
    assert "世茂黄浦广场" in page
    assert "/tickets/?project=BJ" in page


def test_every_number_leads_to_the_same_requests_in_the_queue(cast, as_):
    for status in (Status.REGISTERED, Status.COMPLETED, Status.FED_BACK, Status.AWAITING_SUMMARY):
        walk(cast, status)
    client = as_("frontdesk")
    for one in homes.waiting(viewer_of(cast.frontdesk)):
        rows = client.get(f"/tickets/?{one.query}").context["rows"]
        assert len(rows) == one.count, one.section.key


@pytest.mark.parametrize("who", ["frontdesk", "handler", "supervisor", "manager", "director"])
def test_a_home_takes_as_many_queries_for_many_as_for_few(cast, as_, who):
    client = as_(who)
    for status in (Status.REGISTERED, Status.DISPATCHED, Status.IN_PROGRESS, Status.COMPLETED, Status.FED_BACK):
        walk(cast, status)
    client.get("/")
    with budget(f"home of {who}"):
        client.get("/")
    for _more in range(3):
        for status in (Status.REGISTERED, Status.DISPATCHED, Status.IN_PROGRESS, Status.COMPLETED, Status.FED_BACK):
            walk(cast, status)
    with budget(f"home of {who}"):
        client.get("/")
