"""催单, 催办 and their answers: who hears of which call, what folds, and what answers them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Conflict, Forbidden, IllegalMove, Invalid, NotSeen
from shimao_service.models import Notice, User
from staff.models import Absence
from tests.factories import owner_actor, register, walk
from tests.tickets.invariants import broken
from tickets import lifecycle, story, timeline
from tickets.models import Event, Ticket, Urge
from tickets.statuses import Kind, Oversight, Status, Verb

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def told(verb: Verb, ticket: Ticket) -> list[set[str]]:
    """For each event of the verb: who heard of it, by user name."""
    found = []
    for event in ticket.events.filter(verb=verb).order_by("seq"):
        keys = Notice.objects.filter(key=f"ticket:{ticket.pk}:e{event.seq}", channel="inbox")
        found.append({name_of(recipient) for recipient in keys.values_list("recipient", flat=True)})
    return found


def name_of(recipient: str) -> str:
    return User.objects.get(pk=int(recipient.partition(":")[2])).username


def calls(ticket: Ticket, *minutes: float, **kwargs) -> Ticket:
    for at in minutes:
        ticket = lifecycle.urge(ticket, by=owner_actor(ticket), now=later(at), **kwargs)
    return ticket


# --- who hears of it ------------------------------------------------------------------------------
def test_the_owners_calls_rise_from_the_handler_to_the_manager(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0, 20, 40)
    assert told(Verb.URGE, ticket) == [
        {"handler", "frontdesk"},
        {"handler", "frontdesk", "supervisor"},
        {"handler", "frontdesk", "supervisor"},
    ]
    (overseen,) = told(Verb.OVERSEE, ticket)
    assert overseen >= {"manager", "supervisor"}
    ticket.refresh_from_db()
    assert (ticket.oversight, ticket.overseen_at) == (Oversight.URGED, later(40))
    assert not broken(ticket)


def test_the_fourth_call_reaches_the_manager_and_does_not_oversee_twice(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0, 20, 40, 60)
    assert told(Verb.URGE, ticket)[3] >= {"manager", "supervisor", "handler"}
    assert ticket.events.filter(verb=Verb.OVERSEE).count() == 1


def test_who_is_on_leave_is_stood_in_for_and_the_event_says_why(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    Absence.objects.create(
        employee=cast.handler, kind="leave", starts_at=later(-60), ends_at=later(3000), recorded_at=NOW
    )
    ticket = calls(ticket, 0)
    assert told(Verb.URGE, ticket) == [{"supervisor", "frontdesk"}]
    (event,) = ticket.events.filter(verb=Verb.URGE)
    ((name, why),) = [(one["name"], one["why"]) for one in event.data["skipped"]]
    assert name == cast.handler.name
    assert why.startswith("请假至")
    assert timeline.sentence(event).details[1].startswith(f"跳过 {name}：请假至")


def test_who_stands_in_is_there(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    for person in (cast.handler, cast.supervisor):
        Absence.objects.create(
            employee=person, kind="leave", starts_at=later(-60), ends_at=later(3000), recorded_at=NOW
        )
    ticket = calls(ticket, 0, 20)
    assert told(Verb.URGE, ticket) == [{"deptmanager", "frontdesk"}] * 2
    second = ticket.events.filter(verb=Verb.URGE).order_by("seq")[1]
    assert [one["name"] for one in second.data["skipped"]] == [cast.handler.name, cast.supervisor.name]


def test_what_nobody_has_yet_is_heard_by_the_desk(cast):
    ticket = calls(register(cast, source="web", by="steward"), 0)
    assert told(Verb.URGE, ticket) == [{"frontdesk", "frontdesk2", "steward"}]


def test_a_colleagues_word_goes_to_who_has_it_and_never_makes_it_the_managers(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    for minutes in (0, 20, 40, 60):
        ticket = lifecycle.urge(ticket, by=cast.by("supervisor"), note="请今天上门", now=later(minutes))
    assert told(Verb.URGE, ticket) == [{"handler", "frontdesk"}] * 4
    assert ticket.overseen_at is None


def test_whom_a_complaint_is_about_hears_of_no_call(cast):
    ticket = register(cast, kind=Kind.COMPLAINT, category=cast.complaint_category, subjects=[cast.supervisor], now=NOW)
    ticket = calls(ticket, 0, 20, 40)
    heard = set().union(*told(Verb.URGE, ticket), *told(Verb.OVERSEE, ticket))
    # 林静 and 何丽 report to 陈晓雯: the complaint is not theirs to know of either.
    assert not heard & {"supervisor", "frontdesk", "frontdesk2", "steward"}
    assert "manager" in heard


# --- folding --------------------------------------------------------------------------------------
def test_repeats_within_ten_minutes_are_one(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0, 3, 9.9)
    urge = Urge.objects.get()
    assert (urge.times, urge.at, urge.last_at) == (3, later(0), later(9.9))
    assert ticket.events.filter(verb=Verb.URGE).count() == 1
    calls(ticket, 10)
    assert [each.times for each in Urge.objects.order_by("at")] == [3, 1]


def test_tapping_every_nine_minutes_does_not_fold_for_ever(cast):
    calls(walk(cast, Status.IN_PROGRESS), 0, 9, 18, 27)
    assert [each.times for each in Urge.objects.order_by("at")] == [2, 2]


def test_what_was_answered_takes_no_more_calls_in(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0)
    lifecycle.answer_urge(ticket, by=cast.by("handler"), note="在路上", now=later(2))
    calls(ticket, 4)
    assert Urge.objects.filter(answered_at=None).count() == 1
    assert Urge.objects.count() == 2


def test_the_owner_and_a_colleague_fold_apart(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0)
    lifecycle.urge(ticket, by=cast.by("frontdesk"), now=later(1))
    assert {each.by for each in Urge.objects.all()} == {"owner", "staff"}


def test_words_of_a_folded_call_are_kept_once(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    for minutes, note in ((0, "快点"), (1, ""), (2, "水漫出来了"), (3, "水漫出来了")):
        calls(ticket, minutes, note=note)
    assert Urge.objects.get().note == "快点\n水漫出来了"


# --- what the owner told the desk -----------------------------------------------------------------
def test_a_phone_call_is_the_owners_and_makes_no_second_request(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    lifecycle.urge(ticket, by=cast.by("frontdesk"), note="怎么还不来", told_by_owner=True, now=NOW)
    urge = Urge.objects.get()
    assert (urge.by, urge.recorded_by, urge.by_id) == ("owner", "林静", cast.owner.pk)
    assert Ticket.objects.count() == 1
    event = ticket.events.get(verb=Verb.URGE)
    assert event.data == {"by": "owner", "recorded": True, "channel": "phone", "nth": 1}
    calls(ticket, 5)
    assert Urge.objects.get().times == 2, "by phone or by link, it is the same owner"


def test_how_the_owner_told_it_must_be_a_way_to_tell(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    for channel in ("unreachable", "link", "鸽子"):
        with pytest.raises(Invalid) as refused:
            lifecycle.urge(ticket, by=cast.by("frontdesk"), told_by_owner=True, channel=channel)
        assert "channel" in refused.value.fields


def test_the_owner_cannot_pretend_to_be_written_down(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    lifecycle.urge(ticket, by=owner_actor(ticket), told_by_owner=True)
    assert Urge.objects.get().recorded_by == ""


# --- answers --------------------------------------------------------------------------------------
def test_one_answer_settles_everything_that_waits(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0, 20)
    ticket = lifecycle.urge(ticket, by=cast.by("supervisor"), note="请尽快", now=later(25))
    ticket = lifecycle.answer_urge(ticket, by=cast.by("handler"), note="配件到了，两点上门", now=later(30))
    assert {(u.answered_by, u.answer, u.answered_at) for u in Urge.objects.all()} == {
        ("周建国", "配件到了，两点上门", later(30))
    }
    event = ticket.events.get(verb=Verb.ANSWER_URGE)
    assert event.data == {"urges": 3, "to_owner": True, "urgers": [cast.supervisor.pk]}
    assert told(Verb.ANSWER_URGE, ticket) == [{"supervisor", "frontdesk"}]
    with pytest.raises(Conflict) as refused:
        lifecycle.answer_urge(ticket, by=cast.by("frontdesk"), note="再答一次")
    assert refused.value.code == "already_answered"


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        (Verb.FOLLOW_UP, lambda t, cast: lifecycle.follow_up(
            t, by=cast.by("handler"), note="明天上午到", answered=True, now=later(5))),
        (Verb.COMPLETE, lambda t, cast: lifecycle.complete(
            t, by=cast.by("handler"), result="明天上午到", now=later(5))),
    ],
)  # fmt: skip
def test_the_next_word_to_the_owner_answers_by_itself(cast, verb, answer):
    ticket = answer(calls(walk(cast, Status.IN_PROGRESS), 0), cast)
    urge = Urge.objects.get()
    assert (urge.answered_by, urge.answer) == ("周建国", "明天上午到")
    assert ticket.events.get(verb=verb).data["urges"] == 1
    assert not ticket.events.filter(verb=Verb.ANSWER_URGE).exists()


def test_the_feedback_answers_by_itself(cast):
    ticket = calls(walk(cast, Status.COMPLETED), 0)
    lifecycle.feed_back(ticket, by=cast.by("frontdesk"), channel="phone", content="已修好", now=later(1))
    assert Urge.objects.get().answer == "已修好"


def test_a_note_among_colleagues_answers_nothing(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0)
    lifecycle.follow_up(ticket, by=cast.by("handler"), note="去仓库看看", now=later(1))
    assert Urge.objects.get().answered_at is None


def test_nothing_waits_on_what_is_withdrawn(cast):
    ticket = calls(register(cast, now=NOW), 0)
    lifecycle.cancel(ticket, by=owner_actor(ticket), reason="不用了", now=later(1))
    assert Urge.objects.get().answered_at == later(1)


def test_nothing_waits_on_what_is_closed(cast):
    ticket = lifecycle.urge(walk(cast, Status.AWAITING_SUMMARY), by=cast.by("supervisor"), note="请总结", now=NOW)
    lifecycle.summarise(ticket, by=cast.by("frontdesk"), cause="老化", liability="property", improvement="巡检")
    assert Urge.objects.get().answer == "已办结"


@pytest.mark.parametrize("note", ["", "  \n", "长" * 2001])
def test_an_answer_says_something(cast, note):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0)
    with pytest.raises(Invalid) as refused:
        lifecycle.answer_urge(ticket, by=cast.by("handler"), note=note)
    assert "note" in refused.value.fields


# --- what stays as it is --------------------------------------------------------------------------
def test_no_clock_moves_and_nobodys_form_gets_stale(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    before = {(c.name, c.due_at, c.met_at, c.paused_at) for c in ticket.clocks.all()}
    due, version = ticket.due_at, ticket.version
    ticket = calls(ticket, 0, 20, 40)
    assert {(c.name, c.due_at, c.met_at, c.paused_at) for c in ticket.clocks.all()} == before
    assert (ticket.due_at, ticket.version) == (due, version)
    lifecycle.complete(ticket, by=cast.by("handler"), result="修好了", version=version)


def test_whats_over_is_not_urged(cast):
    ticket = walk(cast, Status.CLOSED)
    with pytest.raises(IllegalMove):
        lifecycle.urge(ticket, by=owner_actor(ticket))


def test_who_does_not_see_it_cannot_urge_and_a_handler_may_not(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    for name in ("outsider", "hr", "guard"):
        with pytest.raises(NotSeen):
            lifecycle.urge(ticket, by=cast.by(name))
    with pytest.raises(Forbidden):
        lifecycle.urge(ticket, by=cast.by("handler"))
    with pytest.raises(Forbidden):
        lifecycle.answer_urge(ticket, by=owner_actor(ticket), note="我自己答")
    with pytest.raises(Forbidden):
        lifecycle.urge(ticket, by=SYSTEM)
    assert not Urge.objects.exists()


# --- in words -------------------------------------------------------------------------------------
def test_the_story_says_whose_call_it_was_and_which(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0)
    ticket = lifecycle.urge(ticket, by=cast.by("frontdesk"), told_by_owner=True, note="催两次了", now=later(20))
    ticket = lifecycle.urge(ticket, by=cast.by("supervisor"), note="抓紧", now=later(30))
    ticket = lifecycle.answer_urge(ticket, by=cast.by("handler"), note="在修", now=later(40))
    lines = [timeline.sentence(event) for event in ticket.events.order_by("seq")][-4:]
    assert [(line.who, line.what, line.note, line.details) for line in lines] == [
        ("业主 张**", "催单", "", ["业主第 1 次催单"]),
        ("林静", "记下业主催单", "催两次了", ["业主第 2 次催单 · 电话"]),
        ("陈晓雯", "催办", "抓紧", []),
        ("周建国", "答复催办", "在修", ["业主在查询页可以看到"]),
    ]


def test_the_owner_reads_his_calls_and_their_answers_and_nothing_else(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0, note="快点")
    ticket = lifecycle.urge(ticket, by=cast.by("supervisor"), note="内部：抓紧", now=later(1))
    ticket = lifecycle.oversee(ticket, by=cast.by("manager"), note="内部：今天办结", now=later(2))
    ticket = lifecycle.answer_urge(ticket, by=cast.by("handler"), note="两点到", now=later(3))
    said = [(line.words, line.said) for line in story.story(ticket)][-2:]
    assert said == [("您催了一次，已转告处理人员", "快点"), ("答复您的催促", "两点到")]


def test_an_answer_to_colleagues_alone_stays_with_them(cast):
    ticket = lifecycle.urge(walk(cast, Status.IN_PROGRESS), by=cast.by("supervisor"), note="抓紧")
    ticket = lifecycle.answer_urge(ticket, by=cast.by("handler"), note="内部：缺人手")
    assert "内部" not in "".join(line.words + line.said for line in story.story(ticket))


def test_another_owners_words_are_not_told_to_the_next(cast):
    ticket = calls(walk(cast, Status.IN_PROGRESS), 0, note="我家小孩在睡觉")
    lifecycle.amend(ticket, by=cast.by("frontdesk"), reason="记错人", changes={"owner": cast.neighbour}, now=later(1))
    assert "小孩" not in "".join(line.words + line.said for line in story.story(ticket))


# --- acknowledging --------------------------------------------------------------------------------
def test_one_says_once_a_round_that_one_knows(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    for _again in range(2):
        ticket = lifecycle.acknowledge(ticket, by=cast.by("manager"))
    lifecycle.acknowledge(ticket, by=cast.by("supervisor"))
    known = Event.objects.filter(ticket=ticket, verb=Verb.ACKNOWLEDGE).order_by("seq")
    assert [event.actor_name for event in known] == ["王志强", "陈晓雯"]
    with pytest.raises(NotSeen):
        lifecycle.acknowledge(ticket, by=cast.by("outsider"))
