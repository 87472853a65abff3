"""What groups and other systems hear of requests: enough to act, and nobody's name."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from shimao_service import outbox
from shimao_service.models import Notice, NoticeStatus, Outlet, OutletKind
from tests.factories import register, walk
from tests.shimao_service.outlets import WECOM
from tickets import group_messages, lifecycle
from tickets.models import Event, TicketSubject
from tickets.statuses import Kind, Level, Status, Verb

pytestmark = pytest.mark.django_db
PERSONAL = ("张建国", "张", "13812345678", "1502", "厨房", "水漫")


def listener(*topics: str, kind: str = OutletKind.WECOM, **fields) -> Outlet:
    values = {"name": f"{kind}{len(topics)}{topics[0]}", "address": WECOM, "topics": list(topics)}
    return Outlet.objects.create(kind=kind, **(values | fields))


def drafts(ticket, *verbs):
    events = list(Event.objects.filter(ticket=ticket).order_by("seq"))
    chosen = [event for event in events if event.verb in verbs] if verbs else events
    return group_messages.drafts_of([(ticket, chosen)])


def critical(cast, **fields):
    return register(cast, urgency="critical", **fields)


def test_a_group_hears_what_and_where_but_not_who(cast):
    robot = listener("critical")
    (draft,) = drafts(critical(cast))
    assert draft.recipients == [robot.recipient]
    assert draft.channels == ("robot",)
    assert draft.urgent
    words = draft.title + draft.body
    for part in ("BX", "特急", "世茂滨江花园", "3号楼", "待派单"):
        assert part in words
    assert not [part for part in PERSONAL if part in words]


def test_another_system_gets_codes_and_times_and_no_person(cast):
    listener("moved", kind=OutletKind.WEBHOOK)
    ticket = walk(cast, Status.IN_PROGRESS)
    told = drafts(ticket)
    assert [json.loads(draft.body)["subject"]["to_status"] for draft in told] == [
        "registered", "dispatched", "in_progress",
    ]  # fmt: skip
    content = json.loads(told[-1].body)
    subject = content["subject"]
    assert content["event"] == "ticket.moved"
    assert (subject["number"], subject["kind"], subject["project"]) == (ticket.number, "repair", "BJ")
    assert (subject["status"], subject["step"], subject["verb"]) == ("in_progress", "follow_up", "accept")
    assert subject["created_at"].endswith("+08:00")
    assert not [part for part in (*PERSONAL, "周建国", "林静") if part in "".join(draft.body for draft in told)]


@pytest.mark.parametrize("named", [True, False])
def test_a_complaint_about_somebody_reaches_no_group_and_no_system(cast, named):
    listener("registered", "critical", "moved")
    listener("registered", "moved", kind=OutletKind.WEBHOOK)
    ticket = register(cast, kind=Kind.COMPLAINT, level=Level.ORDINARY)
    if named:
        TicketSubject.objects.create(ticket=ticket, employee=cast.handler)
    assert bool(drafts(ticket)) is not named


def test_what_waits_is_taken_back_when_a_complaint_turns_out_to_be_about_somebody(cast):
    listener("registered")
    ticket = register(cast, kind=Kind.COMPLAINT, level=Level.ORDINARY)
    assert posted()[0].status == NoticeStatus.PENDING
    lifecycle.name_subjects(ticket, by=cast.by("manager"), subjects=[cast.handler], reason="业主指认")
    assert set(Notice.objects.filter(channel="robot").values_list("status", flat=True)) == {NoticeStatus.CANCELLED}


def test_each_listens_to_its_project_and_its_topics(cast):
    here = listener("critical", scope=f"project:{cast.project.pk}")
    everywhere = listener("critical", name="总部")
    listener("critical", name="别处", scope=f"project:{cast.other_project.pk}")
    listener("closed", name="别的事")
    listener("critical", name="停用", is_active=False)
    told = drafts(critical(cast))
    assert {draft.recipients[0] for draft in told} == {here.recipient, everywhere.recipient}


def test_one_event_is_one_message_under_its_most_telling_topic(cast):
    listener("critical", "registered")
    (draft,) = drafts(critical(cast))
    assert draft.kind == "group_critical"
    assert outbox.kind_label("group_critical") == "特急"


def test_what_was_made_critical_later_is_told_then(cast):
    listener("critical")
    ticket = register(cast)
    assert drafts(ticket) == []
    ticket = lifecycle.amend(ticket, by=cast.by("supervisor"), changes={"urgency": "critical"}, reason="有人被困")
    (draft,) = drafts(ticket, Verb.AMEND)
    assert draft.kind == "group_critical"


def test_a_dissatisfied_owner_reopens_and_a_summary_closes(cast):
    listener("reopened", "closed")
    begun = timezone.now() - timedelta(hours=5)
    closed = walk(cast, Status.CLOSED, now=begun)
    assert [draft.kind for draft in drafts(closed)] == ["group_closed"]
    ticket = walk(cast, Status.FED_BACK, now=begun)
    from tests.factories import owner_actor

    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=1, comment="还在漏，13812345678 张建国")
    (draft,) = drafts(ticket)
    assert draft.kind == "group_reopened"
    assert "非常不满意" in draft.body
    assert not [part for part in PERSONAL if part in draft.body]


def test_what_is_done_at_the_counter_is_told_once(cast):
    listener("registered", "closed", "moved", kind=OutletKind.WEBHOOK)
    ticket = register(cast, kind=Kind.CONSULTATION, unit=None)
    ticket = lifecycle.answer_on_spot(ticket, by=cast.by("frontdesk"), answer="周一到周五上午办理")
    events = Event.objects.filter(ticket=ticket).order_by("seq")
    on_spot = [event for event in events if (event.data or {}).get("on_spot")]
    (draft,) = group_messages.drafts_of([(ticket, on_spot)])
    assert draft.kind == "group_closed"


def test_a_withdrawn_request_is_called_so(cast):
    listener("closed")
    (draft,) = drafts(walk(cast, Status.CANCELLED))
    assert draft.title.startswith("工单已作废")


def posted(channel="robot"):
    return list(Notice.objects.filter(channel=channel).order_by("id"))


def test_moves_post_them_by_themselves(cast):
    listener("critical", "registered")
    ticket = critical(cast)
    (notice,) = posted()
    assert (notice.kind, notice.urgent, notice.about) == ("group_critical", True, f"ticket:{ticket.pk}")
    assert notice.scope == f"project:{cast.project.pk}"
    register(cast)
    assert [notice.kind for notice in posted()] == ["group_critical", "group_registered"]


def test_an_answer_at_the_counter_is_told_to_other_systems(cast):
    listener("closed", kind=OutletKind.WEBHOOK)
    ticket = register(cast, kind=Kind.CONSULTATION, unit=None)
    lifecycle.answer_on_spot(ticket, by=cast.by("frontdesk"), answer="周一到周五上午办理")
    (notice,) = posted("webhook")
    assert json.loads(notice.body)["subject"]["status"] == "closed"


def risen(ticket, *steps, clock="resolution"):
    return [
        Event(
            ticket=ticket, seq=90 + number, verb=Verb.ESCALATE, at=ticket.created_at, from_status=ticket.status,
            to_status=ticket.status, data={"clock": clock, "step": step, "rung": rung, "told": ["周建国"]},
        )
        for number, (step, rung) in enumerate(steps)
    ]  # fmt: skip


def test_of_steps_that_rose_together_a_group_hears_the_highest(cast):
    listener("escalated")
    ticket = walk(cast, Status.IN_PROGRESS)
    steps = risen(ticket, ("percent:80", "handler"), ("percent:150", "manager"), ("percent:100", "supervisor"))
    (draft,) = group_messages.drafts_of_steps(steps)
    assert "150%" in draft.body
    assert "项目经理" in draft.body
    assert "周建国" not in draft.title + draft.body


def test_an_emergency_nobody_takes_up_is_told_again_but_its_first_alarm_is_not(cast):
    listener("critical", "escalated")
    ticket = critical(cast)
    assert group_messages.drafts_of_steps(risen(ticket, ("alarm:0", "manager"), clock="emergency")) == []
    (draft,) = group_messages.drafts_of_steps(risen(ticket, ("alarm:1", "company"), clock="emergency"))
    assert draft.title.startswith("特急工单仍无人接手")
    assert draft.urgent


def test_a_tick_s_many_cost_no_more_queries_than_one(cast, django_assert_num_queries):
    listener("escalated")
    tickets = [
        walk(cast, Status.IN_PROGRESS),
        register(cast),
        register(cast, kind=Kind.COMPLAINT, level=Level.ORDINARY),
    ]
    TicketSubject.objects.create(ticket=tickets[2], employee=cast.handler)
    fresh = list(type(tickets[0]).objects.filter(pk__in=[ticket.pk for ticket in tickets]).order_by("pk"))
    steps = [event for ticket in fresh for event in risen(ticket, ("percent:100", "supervisor"))]
    with django_assert_num_queries(4):  # outlets, projects, buildings, who complaints are about
        told = group_messages.drafts_of_steps(steps)
    assert [draft.about for draft in told] == [f"ticket:{ticket.pk}" for ticket in tickets[:2]]


def test_nothing_is_asked_of_the_database_for_what_no_topic_covers(cast, django_assert_num_queries):
    ticket = walk(cast, Status.IN_PROGRESS)
    lifecycle.follow_up(ticket, by=cast.by("handler"), note="已联系厂家")
    events = list(Event.objects.filter(ticket=ticket, verb=Verb.FOLLOW_UP))
    with django_assert_num_queries(0):
        assert group_messages.drafts_of([(ticket, events)]) == []


def test_without_listeners_one_look_is_all_it_costs(cast, django_assert_num_queries):
    ticket = critical(cast)
    events = list(Event.objects.filter(ticket=ticket))
    with django_assert_num_queries(1):
        assert group_messages.drafts_of([(ticket, events)]) == []


def test_every_topic_s_message_carries_the_word_that_keyword_robots_ask_for(cast):
    """The how-to tells managers to set the keyword 工单."""
    listener(*[topic.code for topic in group_messages.TOPICS])
    listener("moved", "registered", "closed", name="all", kind=OutletKind.WECOM)
    told = drafts(walk(cast, Status.CLOSED))
    assert told
    assert all("工单" in draft.title for draft in told if draft.kind != "group_moved")
