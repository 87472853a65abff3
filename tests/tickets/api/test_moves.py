from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from staff.models import Absence
from tests.factories import owner_actor, register, walk
from tests.tickets.api.test_register import picture
from tickets import lifecycle, links
from tickets.api.views.moves import MOVES
from tickets.models import Attachment, Ticket, TicketSubject
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db

TOMORROW = (timezone.now() + timedelta(days=1)).isoformat()


def move(client, ticket: Ticket, path: str, body=None, **kwargs):
    return client.tell(f"tickets/{ticket.number}/{path}/", body, **kwargs)


@pytest.mark.parametrize(
    ("status", "who", "path", "body", "after"),
    [
        ("registered", "supervisor", "dispatch", {"department": "GC"}, "dispatched"),
        ("registered", "frontdesk", "dispatch", {"department": "GC", "handler": "handler", "note": "急"}, "dispatched"),
        ("registered", "supervisor", "cancel", {"reason": "重复登记"}, "cancelled"),
        ("registered", "frontdesk", "amend", {"reason": "记错了", "urgency": "urgent"}, "registered"),
        ("dispatched", "handler", "accept", {}, "in_progress"),
        ("dispatched", "handler", "arrive", {"place": "31.2304,121.4737"}, "in_progress"),
        ("dispatched", "handler", "return", {"reason": "不归我们管"}, "registered"),
        ("dispatched", "supervisor", "transfer", {"department": "ZX", "reason": "归秩序部"}, "dispatched"),
        ("in_progress", "handler", "follow-ups", {"note": "去取配件", "answered": True}, "in_progress"),
        ("in_progress", "frontdesk", "follow-ups", {"note": "业主来催", "promised_at": TOMORROW}, "in_progress"),
        ("in_progress", "handler", "hold", {"reason": "parts", "resume_at": TOMORROW}, "on_hold"),
        ("on_hold", "handler", "resume", {}, "in_progress"),
        ("in_progress", "handler", "complete", {"result": "修好了"}, "completed"),
        ("completed", "frontdesk", "feedback", {"channel": "phone", "content": "修好了"}, "fed_back"),
        ("fed_back", "frontdesk2", "rating", {"grade": 4, "channel": "phone"}, "awaiting_summary"),
        ("fed_back", "frontdesk2", "rating", {"grade": 1, "comment": "没修好", "channel": "face"}, "dispatched"),
        ("awaiting_summary", "frontdesk", "summary", {"cause": "老化", "liability": "property"}, "closed"),
        ("closed", "frontdesk", "reopen", {"reason": "又漏了"}, "dispatched"),
    ],
)
def test_a_move_leads_on_and_answers_with_the_whole_request(cast, api, status, who, path, body, after):
    ticket = walk(cast, status)
    answer = move(api(who), ticket, path, body | {"version": ticket.version})
    told = answer.json()
    assert (answer.status_code, told.get("status")) == (200, after), told
    assert told["version"] > ticket.version
    assert told == told | {"number": ticket.number, "project": "BJ"}
    assert told["events"][-1]["to"] == after


def test_a_question_is_answered_on_the_spot(cast, api):
    ticket = register(cast, kind=Kind.CONSULTATION)
    told = move(api("frontdesk"), ticket, "answer-on-spot", {"answer": "月卡 300 元", "grade": 5}).json()
    assert (told["status"], told["ratings"][0]["source"]) == ("closed", "on_spot")
    assert len(told["events"]) == 7


def test_after_two_bad_rounds_and_a_talk_the_manager_concludes(cast, api):
    ticket = walk(cast, Status.FED_BACK)
    for again in range(2):
        lifecycle.rate(ticket, by=owner_actor(ticket), grade=1)
        lifecycle.accept(ticket, by=cast.by("handler"))
        lifecycle.complete(ticket, by=cast.by("handler"), result=f"第 {again} 次重修")
        ticket = lifecycle.feed_back(ticket, by=cast.by("frontdesk"), channel="phone", content="好了")
    assert move(api("manager"), ticket, "conclude", {"reason": "已尽力"}).json()["code"] == "illegal_move"
    lifecycle.talk(ticket, by=cast.by("supervisor"), note="业主要求更换整机")
    told = move(api("manager"), ticket, "conclude", {"reason": "已尽力"}).json()
    assert told["status"] == "awaiting_summary"
    assert [rating["grade"] for rating in told["ratings"]] == [1, 1]


def test_a_stale_version_is_refused_with_what_changed(cast, api):
    ticket = walk(cast, Status.IN_PROGRESS)
    move(api("frontdesk"), ticket, "follow-ups", {"note": "业主来催"})
    answer = move(api("handler"), ticket, "complete", {"result": "修好了", "version": ticket.version})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "stale")
    assert [(change["verb"], change["by"], change["note"]) for change in body["changes"]] == [
        ("follow_up", "林静", "业主来催")
    ]
    assert move(api("handler"), ticket, "complete", {"result": "修好了"}).status_code == 200


def test_who_lost_the_race_to_accept_is_told_who_won(cast, api):
    ticket = lifecycle.dispatch(register(cast), by=cast.by("supervisor"), department=cast.works)
    assert move(api("handler"), ticket, "accept").status_code == 200
    answer = move(api("handler2"), ticket, "accept")
    assert answer.status_code == 409
    assert answer.json() == {"code": "illegal_move", "detail": "这张工单已由 周建国 接单。"}


def test_what_is_unseen_is_not_there_for_any_move(cast, api):
    ticket = walk(cast, Status.IN_PROGRESS)
    outsider = api("outsider")
    for each in MOVES:
        answer = move(outsider, ticket, each.path, {"reason": "x", "note": "x"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), each.path
    assert Ticket.objects.get().version == ticket.version


def test_a_complaint_about_me_or_my_superior_is_not_there_for_any_move(cast, api):
    ticket = register(cast, kind=Kind.COMPLAINT)
    TicketSubject.objects.create(ticket=ticket, employee=cast.supervisor)
    for client in (api("frontdesk"), api("supervisor")):
        for each in MOVES:
            assert move(client, ticket, each.path).status_code == 404, each.path


def test_a_number_that_is_none_is_not_there(cast, api):
    director = api("director")
    for number in ("BX20261123-9999", "x", "..", "BX2026", "ＢＸ20261123-0001", "bx%00", "1" * 300):
        for answer in (director.look(f"tickets/{number}/"), director.tell(f"tickets/{number}/accept/")):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), number


def test_a_number_may_be_typed_in_small_letters(cast, api):
    ticket = register(cast)
    assert api("frontdesk").look(f"tickets/{ticket.number.lower()}/").json()["number"] == ticket.number


def test_seen_but_not_mine_to_do_is_forbidden(cast, api):
    ticket = walk(cast, Status.IN_PROGRESS)
    assert move(api("quality"), ticket, "complete", {"result": "修好了"}).json()["code"] == "forbidden"
    assert move(api("frontdesk"), ticket, "complete", {"result": "修好了"}).status_code == 403
    assert move(api("handler"), walk(cast, Status.FED_BACK), "rating", {}).status_code == 403


def test_no_power_is_told_before_bad_input(cast, api):
    assert move(api("quality"), register(cast), "dispatch", {"colour": "red"}).status_code == 403


def test_a_move_that_is_not_legal_from_here_is_refused(cast, api):
    answer = move(api("frontdesk"), walk(cast, Status.IN_PROGRESS), "feedback", {"channel": "phone", "content": "好"})
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")
    assert "处理中" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("status", "who", "path", "body", "field"),
    [
        ("registered", "supervisor", "dispatch", {}, "department"),
        ("registered", "supervisor", "dispatch", {"department": "XX"}, "department"),
        ("registered", "supervisor", "dispatch", {"department": "GC", "handler": "nobody"}, "handler"),
        ("registered", "supervisor", "dispatch", {"department": "GC", "handler": "guard"}, "handler"),
        ("registered", "supervisor", "dispatch", {"department": "GC", "handler": "a\x00"}, "handler"),
        ("registered", "supervisor", "dispatch", {"department": "GC", "to": "handler"}, "to"),
        ("dispatched", "handler", "return", {"reason": ""}, "reason"),
        ("in_progress", "handler", "follow-ups", {}, "note"),
        ("in_progress", "handler", "follow-ups", {"note": "x", "promised_at": "2020-01-01T00:00:00Z"}, "promised_at"),
        ("in_progress", "handler", "follow-ups", {"note": "x", "answered": "perhaps"}, "answered"),
        ("in_progress", "handler", "hold", {"reason": "tea", "resume_at": TOMORROW}, "reason"),
        ("in_progress", "handler", "hold", {"reason": "other", "resume_at": TOMORROW}, "note"),
        ("in_progress", "handler", "hold", {"reason": "parts"}, "resume_at"),
        ("in_progress", "handler", "complete", {"result": " "}, "result"),
        ("in_progress", "handler", "complete", {"result": "x", "version": "new"}, "version"),
        ("in_progress", "handler", "complete", {"result": "x", "version": 10**40}, "version"),
        ("completed", "frontdesk", "feedback", {"channel": "pigeon", "content": "x"}, "channel"),
        ("fed_back", "frontdesk2", "rating", {"grade": 6, "channel": "phone"}, "grade"),
        ("fed_back", "frontdesk2", "rating", {"grade": 5}, "channel"),
        ("fed_back", "frontdesk2", "rating", {"grade": 5, "channel": "link"}, "channel"),
        ("awaiting_summary", "frontdesk", "summary", {"cause": "x", "liability": "weather"}, "liability"),
        ("registered", "frontdesk", "amend", {"reason": "x", "contact_phone": "12"}, "contact_phone"),
        ("registered", "frontdesk", "amend", {"reason": "x", "contact_email": "@"}, "contact_email"),
        ("registered", "frontdesk", "amend", {"reason": "x", "number": "BX20200101-0001"}, "number"),
    ],
)
def test_bad_input_of_a_move_is_told_by_field(cast, api, status, who, path, body, field):
    ticket = walk(cast, status)
    answer = move(api(who), ticket, path, body)
    assert (answer.status_code, list(answer.json().get("fields", {}))) == (400, [field]), answer.json()
    assert Ticket.objects.get().version == ticket.version


def test_amending_changes_what_is_given_and_only_that(cast, api):
    ticket = register(cast, category=cast.category)
    told = move(
        api("supervisor"), ticket, "amend",
        {"reason": "找错人了", "owner": cast.neighbour.pk, "unit": cast.unit_below.pk, "category": None},
    ).json()  # fmt: skip
    assert told["contact"] == {"name": "刘**", "phone": "159****3333"}
    assert (told["unit"], told["category"], told["number"]) == (cast.unit_below.pk, None, ticket.number)
    assert told["description"] == ticket.description
    assert Ticket.objects.get().owner == cast.neighbour


def test_amending_nothing_is_refused(cast, api):
    assert move(api("supervisor"), register(cast), "amend", {"reason": "x"}).json()["code"] == "nothing_changed"


def test_lowering_the_urgency_wants_the_supervisor(cast, api):
    ticket = register(cast, urgency="urgent")
    lower = {"reason": "并不急", "urgency": "normal"}
    assert move(api("frontdesk"), ticket, "amend", lower).status_code == 403
    assert move(api("supervisor"), ticket, "amend", lower).json()["urgency"] == "normal"


def test_the_link_is_told_to_whoever_may_hand_it_over(cast, api):
    ticket = walk(cast, Status.IN_PROGRESS)
    path = f"tickets/{ticket.number}/"
    for who in ("frontdesk", "supervisor"):
        assert api(who).look(path).json()["track_url"] == links.address(ticket)
    for who in ("handler", "manager", "quality", "auditor", "steward"):
        assert "track_url" not in api(who).look(path).json()


def test_liability_is_in_no_answer_and_owners_stay_masked(cast, api):
    ticket = walk(cast, Status.CLOSED)
    text = api("supervisor").look(f"tickets/{ticket.number}/").content.decode()
    assert "13812345678" not in text
    assert "张建国" not in text


def test_who_lets_go_of_a_request_still_reads_what_became_of_it(cast, api):
    ticket = lifecycle.dispatch(register(cast), by=cast.by("supervisor"), department=cast.works)
    told = move(api("handler"), ticket, "return", {"reason": "归秩序部"})
    assert (told.status_code, told.json()["department"]) == (200, None)


def test_pictures_come_with_arriving_following_up_and_completing(cast, api, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    ticket = walk(cast, Status.DISPATCHED)
    handler = api("handler")
    for path, words in (("arrive", {}), ("follow-ups", {"note": "拆开了"}), ("complete", {"result": "好了"})):
        answer = move(handler, ticket, path, words | {"pictures": [picture()]}, format="multipart")
        assert answer.status_code == 200, answer.json()
    assert [one.event.verb for one in Attachment.objects.select_related("event").order_by("pk")] == [
        "arrive", "follow_up", "complete"
    ]  # fmt: skip


@pytest.mark.parametrize(("who", "path"), [("frontdesk", "dispatch"), ("supervisor", "transfer")])
def test_work_is_given_to_somebody_on_leave_and_the_answer_says_so(cast, api, who, path):
    now = timezone.now()
    Absence.objects.create(
        employee=cast.handler, kind="leave", starts_at=now, ends_at=now + timedelta(days=2), recorded_at=now
    )
    body = {"department": "GC"} | ({"reason": "专业不符"} if path == "transfer" else {})
    for handler, length in (("handler", 1), ("handler2", 0)):
        ticket = walk(cast, Status.REGISTERED if path == "dispatch" else Status.IN_PROGRESS)
        Ticket.objects.filter(pk=ticket.pk).exclude(handler=None).update(handler=cast.guard)
        answer = move(api(who), ticket, path, body | {"handler": handler}).json()
        assert (answer["status"], answer["handler"]) == ("dispatched", handler)
        assert len(answer["warnings"]) == length
        assert all("请假至" in words for words in answer["warnings"])
