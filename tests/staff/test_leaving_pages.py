"""Leaving: what is open is handed over, and the way in is closed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.authtoken.models import Token

from staff import leaving
from staff.access import actor_of
from staff.models import Employee
from tests.factories import walk
from tests.staff.pages import address, sign_in, text
from tickets.models import Event, ReceiverTerm
from tickets.statuses import Status

pytestmark = pytest.mark.django_db


def test_the_page_of_leaving_tells_what_is_open_and_hands_it_to_the_successor(cast, as_):
    first, second = walk(cast, Status.IN_PROGRESS), walk(cast, Status.COMPLETED)
    done = walk(cast, Status.CLOSED)
    page = text(as_("hr").get(address("employee-leave", cast, "frontdesk")))
    assert re.search(r'首问未办结的工单：<span class="num strong">2</span>', page)
    assert "何丽" in page  # a front desk of the project
    assert "外项目前台" not in page
    assert "沈国栋" not in page  # who only looks is not asked to keep loops
    there, token = as_("frontdesk"), Token.objects.create(user=cast.frontdesk.user)
    typed = {"on": timezone.localdate().isoformat(), "successor": cast.frontdesk2.pk}
    assert as_("hr").post(address("employee-leave", cast, "frontdesk"), typed).status_code == 302
    for ticket in (first, second):
        ticket.refresh_from_db()
        assert ticket.first_receiver == cast.frontdesk2
        assert ReceiverTerm.objects.filter(ticket=ticket, employee=cast.frontdesk).exists()
    done.refresh_from_db()
    assert done.first_receiver == cast.frontdesk
    story = text(as_("supervisor").get(reverse("ticket", args=[first.number])))
    assert "林静" in story
    assert Event.objects.filter(ticket=first, actor_name="林静").exists()
    cast.frontdesk.refresh_from_db()
    assert not cast.frontdesk.is_active
    assert not cast.frontdesk.grants.exists()
    assert there.get("/").status_code == 302
    assert Client().get("/api/v1/auth/me/", headers={"Authorization": f"Token {token.key}"}).status_code == 401
    left = cast.frontdesk.changes.get(action="left")
    assert "何丽" in left.note
    assert left.by_name == "孙人事"
    assert cast.frontdesk.changes.filter(action="revoked").count() == 1


def test_without_a_successor_the_supervisor_has_the_loops_and_the_department_the_work(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    on = {"on": timezone.localdate().isoformat()}
    as_("hr").post(address("employee-leave", cast, "frontdesk"), on)
    as_("hr").post(address("employee-leave", cast, "handler"), on)
    ticket.refresh_from_db()
    assert ticket.first_receiver == cast.supervisor
    assert (ticket.status, ticket.handler, ticket.department) == (Status.DISPATCHED, None, cast.works)


def test_leaving_twice_leaves_once(cast):
    day = timezone.localdate() - timedelta(days=1)
    leaving.leave(cast.handler, by=cast.by("hr"), on=day)
    assert leaving.leave(cast.handler, by=cast.by("hr"), on=timezone.localdate()) == []
    cast.handler.refresh_from_db()
    assert cast.handler.left_on == day
    assert cast.handler.changes.filter(action="left").count() == 1


def test_a_leaver_cannot_sign_in_with_the_old_password(cast):
    cast.handler.user.set_password("walks-through-doors-7")
    cast.handler.user.save()
    leaving.leave(cast.handler, by=cast.by("hr"), on=timezone.localdate())
    client, _response = sign_in("handler", "walks-through-doors-7")
    assert client.get("/inbox/").status_code == 302
    body = {"username": "handler", "password": "walks-through-doors-7"}
    assert Client().post("/api/v1/auth/token/", body, content_type="application/json").status_code == 401


@pytest.mark.parametrize(("days", "said"), [(1, "最后工作日当天或之后"), (-400, "不能早于入职日期")])
def test_the_last_day_lies_within_the_employment(cast, as_, days, said):
    Employee.objects.filter(pk=cast.handler.pk).update(hired_on=timezone.localdate() - timedelta(days=100))
    day = timezone.localdate() + timedelta(days=days)
    response = as_("hr").post(address("employee-leave", cast), {"on": day.isoformat()})
    assert response.status_code == 400
    assert said in text(response)


def test_nobody_lets_himself_go_and_a_chosen_outsider_is_refused(cast, as_):
    walk(cast, Status.IN_PROGRESS)
    assert as_("hr").get(address("employee-leave", cast, "hr")).status_code == 403
    typed = {"on": timezone.localdate().isoformat(), "successor": cast.outsider.pk}
    assert as_("hr").post(address("employee-leave", cast, "frontdesk"), typed).status_code == 400
    cast.frontdesk.refresh_from_db()
    assert cast.frontdesk.is_active


def test_a_failed_hand_over_leaves_everything_as_it_was(cast, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("broken")

    work = leaving.WORKS[0]
    monkeypatch.setattr(leaving, "WORKS", [leaving.Work(work.labels, work.count, work.successors, broken)])
    with pytest.raises(RuntimeError):
        leaving.leave(cast.handler, by=cast.by("hr"), on=timezone.localdate())
    cast.handler.refresh_from_db()
    assert cast.handler.is_active
    assert cast.handler.grants.exists()


def test_who_comes_back_gets_roles_and_login_anew(cast, as_):
    leaving.leave(cast.handler, by=cast.by("hr"), on=timezone.localdate() - timedelta(days=2))
    page = address("employee-return", cast)
    assert as_("hr").post(page, {"on": "2020-01-01"}).status_code == 400
    assert as_("hr").post(page, {"on": timezone.localdate().isoformat()}).status_code == 302
    cast.handler.refresh_from_db()
    assert cast.handler.is_active
    assert not cast.handler.user.is_active
    assert not actor_of(cast.handler).viewer.grants
