"""Work may be given to somebody on leave or off shift: who gives it is told, and nothing is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from shimao_service import calendars
from staff import availability
from staff.models import Absence, DutySlot
from tests.factories import grant, register, walk
from tests.query_budgets import budget
from tickets.models import Ticket
from tickets.statuses import Status

pytestmark = pytest.mark.django_db

TEN = datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Tuesday
ON_LEAVE = "周建国 请假至 11月26日 10:00。仍可派单，期间的提醒会转给下一位。"


@pytest.fixture(autouse=True)
def ten_o_clock(time_machine):
    time_machine.move_to(TEN, tick=False)


@pytest.fixture
def on_leave(cast):
    """周建国 is away for two days."""
    days = timedelta(days=2)
    Absence.objects.create(
        employee=cast.handler, kind="leave", starts_at=TEN - days, ends_at=TEN + days, recorded_at=TEN
    )


def text(response) -> str:
    return response.content.decode()


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def words(cast, *people, at=TEN) -> dict[str, str]:
    found = availability.away([getattr(cast, name) for name in people], cast.project, at)
    return {one.employee.name: one.words for one in found.values()}


# --- in words -------------------------------------------------------------------------------------
def test_who_is_there_is_not_listed_and_asking_costs_little(cast, django_assert_num_queries):
    calendars.current()  # kept in the process
    with django_assert_num_queries(3):
        assert words(cast, "handler", "handler2", "guard") == {}


def test_it_costs_no_more_whoever_is_away(cast, on_leave, django_assert_num_queries):
    calendars.current()
    with django_assert_num_queries(3):
        assert len(words(cast, "handler", "handler2", "guard", at=TEN + timedelta(hours=11))) == 3


def test_leave_is_told_with_its_end(cast, on_leave):
    assert words(cast, "handler", "handler2") == {"周建国": "请假至 11月26日 10:00"}


def test_off_shift_is_told_with_the_next_shift(cast):
    grant(cast.guard, "duty_desk", cast.project)
    DutySlot.objects.create(project=cast.project, weekday=2, starts="20:00", ends="08:30", employee=cast.guard)
    assert words(cast, "guard") == {"李敏": "不在班，11月25日 20:00 上班"}
    assert words(cast, "handler", at=TEN + timedelta(hours=11)) == {"周建国": "不在班，11月25日 08:30 上班"}


def test_who_stands_in_is_named(cast, on_leave):
    for who in (cast.handler, cast.guard):
        grant(who, "duty_desk", cast.project)
    DutySlot.objects.create(
        project=cast.project, weekday=1, starts="08:00", ends="20:00", employee=cast.handler, deputy=cast.guard
    )
    assert words(cast, "handler") == {"周建国": "请假至 11月26日 10:00，由 李敏 顶班"}


# --- dispatching ----------------------------------------------------------------------------------
def test_the_dialog_marks_who_is_away_and_suggests_who_is_there(cast, as_, on_leave):
    walk(cast, Status.IN_PROGRESS)  # 周建国
    ticket = register(cast, category=cast.category)
    client, url = as_("frontdesk"), reverse("ticket-move", args=[ticket.number, "dispatch"])
    client.get(url)  # calendars are kept in the process
    with budget("dispatching, somebody away"):
        page = text(client.get(url))
    assert "周建国 · 在手 1 件 · 请假至 11月26日 10:00" in page
    assert f'data-note="{ON_LEAVE}"' in page
    assert "现在不在岗：周建国 请假至 11月26日 10:00" in page, "also without scripts"
    assert f'value="{cast.contractor.pk}" selected' in page, "the first of those who are there"
    options = text(
        as_("frontdesk").get(reverse("ticket-handlers", args=[ticket.number]), {"department": cast.works.pk})
    )
    assert options.index("吴海涛") < options.index("周建国")
    assert f'data-note="{ON_LEAVE}"' in options


def test_nobody_there_of_the_department_nobody_is_suggested(cast, as_, on_leave):
    for who in (cast.handler2, cast.contractor):
        Absence.objects.create(
            employee=who, kind="rest", starts_at=TEN, ends_at=TEN + timedelta(hours=5), recorded_at=TEN
        )
    ticket = register(cast, category=cast.category)
    page = text(as_("frontdesk").get(reverse("ticket-move", args=[ticket.number, "dispatch"])))
    assert f'value="{cast.works.pk}" selected' in page
    assert not any(f'value="{who.pk}" selected' in page for who in (cast.handler, cast.handler2, cast.contractor))


@pytest.mark.parametrize(("verb", "who"), [("dispatch", "frontdesk"), ("transfer", "supervisor")])
def test_it_is_given_all_the_same_and_the_giver_reads_it(cast, as_, on_leave, verb, who):
    ticket = register(cast) if verb == "dispatch" else walk(cast, Status.IN_PROGRESS)
    if verb == "transfer":
        Ticket.objects.filter(pk=ticket.pk).update(handler=cast.handler2)
    typed = {"department": cast.works.pk, "handler": cast.handler.pk, "reason": "调整", "version": ticket.version}
    answer = as_(who).post(reverse("ticket-move", args=[ticket.number, verb]), typed)
    ticket.refresh_from_db()
    assert (answer.status_code, ticket.status, ticket.handler) == (302, Status.DISPATCHED, cast.handler)
    assert ON_LEAVE in said(answer)


def test_given_to_somebody_who_is_there_nothing_is_said(cast, as_, on_leave):
    ticket = register(cast)
    typed = {"department": cast.works.pk, "handler": cast.handler2.pk, "version": ticket.version}
    answer = as_("frontdesk").post(reverse("ticket-move", args=[ticket.number, "dispatch"]), typed)
    assert len(said(answer)) == 1


def test_several_at_once_say_it_too(cast, as_, on_leave):
    client, ids = as_("frontdesk"), [register(cast).pk for _each in range(2)]
    question = text(client.post("/tickets/bulk/dispatch/", {"ids": ids}))
    assert "周建国 · 请假至 11月26日 10:00" in question
    assert f'data-note="{ON_LEAVE}"' in question
    typed = {"ids": ids, "confirmed": "1", "department": cast.works.pk, "handler": cast.handler.pk}
    answer = client.post("/tickets/bulk/dispatch/", typed)
    assert said(answer) == ["已派 2 件给周建国。", ON_LEAVE]
    assert set(Ticket.objects.values_list("handler", flat=True)) == {cast.handler.pk}


def test_the_counters_list_shows_it_while_typing(cast, as_, on_leave):
    rows = as_("frontdesk").get(reverse("lookup-handlers"), {"who": f"u{cast.unit.pk}", "q": "工程"}).json()["results"]
    assert [(row["label"], "请假至 11月26日 10:00" in row["detail"]) for row in rows] == [
        ("吴海涛", False), ("钱师傅", False), ("周建国", True)
    ]  # fmt: skip
