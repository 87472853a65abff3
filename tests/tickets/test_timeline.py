"""The story in sentences: who, what, how long it stood there, what broke, and nobody's number in it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from tests.factories import SYSTEM, owner_actor, register, walk
from tickets import custody, lifecycle, reminders, timeline
from tickets.models import Event, Ticket
from tickets.statuses import Kind, Status, Urgency, Verb

pytestmark = pytest.mark.django_db


def story(ticket: Ticket, now: datetime | None = None) -> list[timeline.Line]:
    events = list(Event.objects.filter(ticket=ticket).order_by("seq"))
    return timeline.story(ticket, events, list(ticket.clocks.all()), now or timezone.now())


def events(ticket: Ticket) -> list[Event]:
    return list(ticket.events.order_by("seq"))


def sentence(line: timeline.Line) -> str:
    words = [line.who, line.what, line.object]
    return " ".join(word for word in words if word) + (f"：{line.note}" if line.note else "")


def ago(**delta: int) -> datetime:
    return timezone.now() - timedelta(**delta)


def test_the_five_steps_read_like_a_story(cast):
    lines = story(walk(cast, Status.CLOSED))
    assert [sentence(line) for line in lines] == [
        "林静 接待并登记",
        "林静 派单给 工程部 · 周建国",
        "周建国 接单",
        "周建国 处理完成：已更换软管，试水无渗漏",
        "林静 回复业主并请评价：软管已更换，请留意",
        "业主 张** 评价 非常满意",
        "林静 总结并办结",
    ]
    assert lines[-1].details == ["原因：软管老化", "责任：物业", "改进：列入巡检"]


def test_each_move_says_how_long_the_request_stood_before_it(cast):
    ticket = register(cast, now=ago(minutes=60))
    ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works, now=ago(minutes=50))
    ticket = lifecycle.accept(ticket, by=cast.by("handler"), now=ago(minutes=40))
    ticket = lifecycle.follow_up(ticket, by=cast.by("handler"), note="看过了", now=ago(minutes=20))
    ticket = lifecycle.complete(ticket, by=cast.by("handler"), result="好了", now=ago(minutes=5))
    assert [line.dwell for line in story(ticket)] == ["", "停留 10 分", "停留 10 分", "", "停留 35 分"]


def test_a_broken_promise_stands_at_its_moment_with_its_clause(cast):
    ticket = register(cast, urgency=Urgency.URGENT, now=ago(minutes=60))
    ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works, now=ago(minutes=58))
    ticket = lifecycle.accept(ticket, by=cast.by("handler"), now=ago(minutes=55))
    ticket = lifecycle.arrive(ticket, by=cast.by("handler"), now=ago(minutes=21))
    lines = story(ticket)
    assert [line.what for line in lines] == ["接待并登记", "派单给", "接单", "到场时限已过", "到场"]
    breach = lines[3]
    assert (breach.tone, breach.details) == ("overdue", ["时限 30 分钟 · 依据制度 B6.3"])
    assert lines[4].late == "超时 9 分"


def test_a_promise_that_runs_out_now_is_marked_before_anybody_moves(cast):
    ticket = register(cast, now=ago(minutes=31))
    assert [line.what for line in story(ticket)] == ["接待并登记", "响应时限已过"]


def test_nothing_is_marked_while_a_hold_stops_the_clock(cast):
    ticket = walk(cast, Status.ON_HOLD)
    assert not [line for line in story(ticket, timezone.now() + timedelta(days=30)) if line.tone == "overdue"]


def test_an_amendment_shows_old_and_new_and_masks_people(cast):
    ticket = register(cast)
    changes = {"unit": cast.unit_below, "urgency": "urgent", "contact_phone": "13900001111", "contact_name": "李雷"}
    lifecycle.amend(ticket, by=cast.by("frontdesk"), reason="登记有误", changes=changes)
    line = story(Ticket.objects.get(pk=ticket.pk))[-1]
    assert {label: (old, new) for label, old, new in line.changes} == {
        "房屋": ("3-2-1502", "3-2-1402"),
        "紧急程度": ("普通", "急修"),
        "联系电话": ("138****5678", "139****1111"),
        "联系人": ("张**", "李**"),
    }
    assert line.details == ["原查询链接已作废"]


def test_a_recorded_grade_names_who_heard_it_and_how(cast):
    ticket = lifecycle.rate(walk(cast, Status.FED_BACK), by=cast.by("frontdesk"), grade=4, channel="phone")
    line = story(ticket)[-1]
    assert sentence(line) == "林静 代录评价 满意"
    assert line.details == ["业主以电话告知"]


def test_a_dissatisfied_owner_begins_the_next_round(cast):
    ticket = walk(cast, Status.FED_BACK)
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=2, comment="还在漏")
    lines = story(ticket)
    assert [sentence(line) for line in lines[-2:]] == ["业主 张** 评价 不满意：还在漏", "业主不满意，进入第 2 轮"]
    assert lines[-1].details == ["交回 工程部 · 周建国"]
    assert [line.round for line in lines[-2:]] == [1, 2]


def test_an_answer_on_the_spot_is_one_sentence(cast):
    ticket = register(cast, kind=Kind.CONSULTATION)
    ticket = lifecycle.answer_on_spot(ticket, by=cast.by("frontdesk"), answer="带身份证来前台", grade=5)
    assert [sentence(line) for line in story(ticket)] == [
        "林静 接待并登记",
        "林静 当场答复：带身份证来前台",
        "林静 代录评价 非常满意",
        "林静 办结",
    ]


def test_a_praise_is_verified(cast):
    ticket = lifecycle.judge(register(cast, kind=Kind.PRAISE), by=cast.by("supervisor"), valid=True)
    assert "陈晓雯 核实表扬， 属实" in [sentence(line) for line in story(ticket)]


def test_the_system_resumes_by_itself(cast):
    ticket = lifecycle.resume(walk(cast, Status.ON_HOLD), by=SYSTEM)
    assert sentence(story(ticket)[-1]) == "系统 到期，恢复处理"


def test_every_verb_has_words_of_its_own():
    missing = {verb.value for verb in Verb} - set(timeline.WORDS)
    assert missing == {"accept", "answer_on_spot", "complete", "conclude", "supplement"}  # their label says it all


# --- who held it, read back from the events -----------------------------------------------------------
@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("kind", [Kind.REPAIR, Kind.COMPLAINT])
def test_hand_overs_read_from_events_are_the_stored_legs(cast, status, kind):
    ticket = walk(cast, status, kind=kind)
    read = [(span.detail, span.name, span.since, span.until) for span in custody.legs(events(ticket))]
    stored = [
        (leg.department.name, leg.handler.name if leg.handler else "", leg.started_at, leg.ended_at)
        for leg in ticket.legs.select_related("department", "handler")
    ]
    assert read == stored


def test_hand_overs_over_rounds_and_transfers_are_the_stored_legs(cast):
    ticket = register(cast, now=ago(hours=9))
    ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works, now=ago(hours=8))
    ticket = lifecycle.accept(ticket, by=cast.by("handler"), now=ago(hours=7))
    ticket = lifecycle.return_(ticket, by=cast.by("handler"), reason="不归我", now=ago(hours=6))
    ticket = lifecycle.dispatch(
        ticket, by=cast.by("frontdesk"), department=cast.order, handler=cast.guard, now=ago(hours=5)
    )
    ticket = lifecycle.transfer(
        ticket, by=cast.by("supervisor"), department=cast.works, handler=cast.handler2, reason="调整", now=ago(hours=4)
    )
    ticket = lifecycle.accept(ticket, by=cast.by("handler2"), now=ago(hours=3))
    ticket = lifecycle.complete(ticket, by=cast.by("handler2"), result="好了", now=ago(hours=2))
    ticket = lifecycle.reopen(ticket, by=cast.by("frontdesk"), reason="又坏了", now=ago(hours=1))
    read = [(span.detail, span.name, span.round, span.since, span.until) for span in custody.legs(events(ticket))]
    stored = [
        (leg.department.name, leg.handler.name if leg.handler else "", leg.round, leg.started_at, leg.ended_at)
        for leg in ticket.legs.select_related("department", "handler")
    ]
    assert read == stored


def test_first_receivers_read_from_events_are_the_stored_terms(cast):
    ticket = register(cast, now=ago(hours=3))
    ticket = lifecycle.hand_over(ticket, by=cast.by("supervisor"), to=cast.frontdesk2, now=ago(hours=2))
    read = [(span.name, span.since, span.until) for span in custody.receivers(events(ticket))]
    assert read == [
        (term.employee.name, term.started_at, term.ended_at)
        for term in ticket.receiver_terms.select_related("employee")
    ]


def test_holds_read_from_events_are_the_stored_ones(cast):
    ticket = lifecycle.resume(walk(cast, Status.ON_HOLD), by=cast.by("handler"))
    hold = ticket.holds.get()
    (read,) = custody.holds(events(ticket))
    assert (read.name, read.since, read.until) == ("待料", hold.started_at, hold.ended_at)


def test_the_owners_own_grade_replaces_a_recorded_one_and_both_stay(cast):
    ticket = lifecycle.rate(walk(cast, Status.FED_BACK), by=cast.by("frontdesk"), grade=4, channel="face")
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=3)
    assert [(one.label, one.source, one.counts) for one in custody.ratings(events(ticket))] == [
        ("满意", "林静 代录（当面）", False),
        ("一般", "业主本人", True),
    ]


def test_only_a_grade_after_the_time_out_is_called_late(cast):
    ticket = lifecycle.time_out(walk(cast, Status.FED_BACK, now=ago(days=9)))
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=4)
    (rating,) = custody.ratings(events(ticket))
    assert rating.source == "业主本人，逾期"
    assert story(ticket)[-1].details == ["逾期评价"]


def test_the_steps_show_where_it_is(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    steps = custody.steps(ticket, events(ticket), timezone.now())
    assert [step["state"] for step in steps] == [
        "done",
        "done",
        "late" if ticket.due_at < timezone.now() else "here",
        "todo",
        "todo",
    ]
    assert [step["who"] for step in steps] == ["林静", "工程部", "周建国", "", ""]


def test_a_closed_request_has_all_five_steps_and_a_cancelled_one_what_it_reached(cast):
    closed = walk(cast, Status.CLOSED)
    assert {step["state"] for step in custody.steps(closed, events(closed), timezone.now())} == {"done"}
    cancelled = walk(cast, Status.CANCELLED)
    states = [step["state"] for step in custody.steps(cancelled, events(cancelled), timezone.now())]
    assert states == ["done", "todo", "todo", "todo", "todo"]


def test_a_stricter_promise_does_not_make_the_past_late(cast):
    ticket = register(cast, now=ago(minutes=60))
    ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works, now=ago(minutes=50))
    ticket = lifecycle.accept(ticket, by=cast.by("handler"), now=ago(minutes=40))  # in time: 30 minutes were given
    ticket = lifecycle.amend(
        ticket, by=cast.by("frontdesk"), reason="实为急修", changes={"urgency": "urgent"}, now=ago(minutes=35)
    )
    assert "响应时限已过" not in [line.what for line in story(ticket)]
    assert ticket.clocks.get(name="on_site").due_at == ticket.created_at + timedelta(minutes=30)


def test_a_promise_made_later_does_not_reach_back_to_a_visit_already_paid(cast):
    ticket = register(cast, now=ago(minutes=90))
    ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works, now=ago(minutes=85))
    ticket = lifecycle.accept(ticket, by=cast.by("handler"), now=ago(minutes=80))
    ticket = lifecycle.arrive(ticket, by=cast.by("handler"), now=ago(minutes=50))
    lifecycle.amend(
        ticket, by=cast.by("frontdesk"), reason="实为急修", changes={"urgency": "urgent"}, now=ago(minutes=45)
    )
    assert not ticket.clocks.filter(name="on_site").exists()


def test_a_broken_promise_and_who_was_told_of_it_are_one_line(cast):
    ticket = register(cast, urgency=Urgency.URGENT, now=ago(minutes=11))
    reminders.remind(ago(minutes=1))
    lines = story(Ticket.objects.get(pk=ticket.pk))
    assert [line.what for line in lines if line.tone == "overdue"] == ["响应时限已过"]
    breach = next(line for line in lines if line.tone == "overdue")
    assert any(cast.supervisor.name in detail for detail in breach.details), "it says whom the step reached"
    assert not [line for line in lines if "时限已到" in f"{line.what}{line.object}"]
