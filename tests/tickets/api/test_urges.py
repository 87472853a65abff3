"""Urging, overseeing, acknowledging and referring over the API: the same verbs, told whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import owner_actor, register, walk
from tests.tickets.api.test_moves import move
from tests.tickets.api.test_register import leak
from tickets import lifecycle
from tickets.models import Ticket, Urge
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db

SOON = (timezone.now() + timedelta(hours=3)).isoformat()


def test_a_call_is_told_with_its_answer(cast, api):
    ticket = walk(cast, Status.IN_PROGRESS)
    told = move(api("frontdesk"), ticket, "urge", {"note": "怎么还没来", "told_by_owner": True}).json()
    assert told["version"] == ticket.version
    (urge,) = told["urges"]
    assert urge == urge | {
        "by": "owner", "name": "业主", "recorded_by": "林静", "note": "怎么还没来", "times": 1, "answered_at": None,
    }  # fmt: skip
    told = move(api("handler"), ticket, "answer-urge", {"note": "两点到", "version": ticket.version}).json()
    (urge,) = told["urges"]
    assert (urge["answered_by"], urge["answer"]) == ("周建国", "两点到")
    again = move(api("handler"), ticket, "answer-urge", {"note": "两点到"})
    assert (again.status_code, again.json()["code"]) == (409, "already_answered")


def test_repeats_fold_and_an_empty_body_will_do(cast, api):
    ticket = walk(cast, Status.IN_PROGRESS)
    for _again in range(2):
        told = move(api("supervisor"), ticket, "urge").json()
    assert [(urge["by"], urge["times"]) for urge in told["urges"]] == [("staff", 2)]
    wrong = move(api("supervisor"), ticket, "urge", {"told_by_owner": True, "channel": "unreachable"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["channel"])


def test_the_manager_oversees_and_acknowledges(cast, api):
    ticket = walk(cast, Status.IN_PROGRESS)
    assert move(api("manager"), ticket, "oversee", {"note": ""}).status_code == 400
    assert move(api("supervisor"), ticket, "oversee", {"note": "今天办结"}).status_code == 403
    told = move(api("manager"), ticket, "oversee", {"note": "今天办结"}).json()
    assert (told["oversight"], told["overseen_at"] is None) == ("manager", False)
    told = move(api("handler"), ticket, "acknowledge").json()
    assert [event["verb"] for event in told["events"]][-2:] == ["oversee", "acknowledge"]
    row = api("manager").look("tickets/").json()["results"][0]
    assert (row["oversight"], row["occurrence"]) == ("manager", 1)


def test_what_an_authority_passed_on_is_registered_once(cast, api):
    body = leak(source="hotline_12345", authority_number="SH-1", authority_due_at=SOON)
    answer = api("frontdesk").tell("tickets/", body)
    assert answer.status_code == 201, answer.json()
    assert answer.json()["referral"]["number"] == "SH-1"
    again = api("frontdesk2").tell("tickets/", body)
    assert (again.status_code, again.json()["code"]) == (409, "referral_taken")
    assert answer.json()["number"] in again.json()["fields"]["authority_number"][0]
    assert Ticket.objects.count() == 1
    wrong = api("frontdesk").tell("tickets/", leak(source="phone", authority_number="SH-2"))
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["authority_number"])


def test_it_is_referred_later_and_replied_to_once(cast, api):
    ticket = walk(cast, Status.IN_PROGRESS)
    body = {"authority": "government", "number": "沪建 8 号", "due_at": SOON, "return_until": None}
    told = move(api("frontdesk"), ticket, "refer", body).json()
    assert (told["referral"]["number"], told["referral"]["reply"]) == ("沪建8号", "")
    assert move(api("frontdesk"), ticket, "refer", body | {"authority": "phone"}).status_code == 400
    told = move(api("frontdesk"), ticket, "reply-authority", {"content": "已修复"}).json()
    assert (told["referral"]["reply"], told["referral"]["replied_by"]) == ("已修复", "林静")
    again = move(api("supervisor"), ticket, "reply-authority", {"content": "已修复"})
    assert (again.status_code, again.json()["code"]) == (409, "already_replied")


def test_an_ordinary_request_says_that_nobody_presses(cast, api):
    told = api("frontdesk").look(f"tickets/{register(cast).number}/").json()
    assert (told["urges"], told["referral"], told["oversight"], told["overseen_at"]) == ([], None, "", None)


def test_a_complaint_about_me_takes_no_urge_of_mine(cast, api):
    ticket = register(cast, by="duty", kind=Kind.COMPLAINT, subjects=[cast.supervisor])
    lifecycle.urge(ticket, by=owner_actor(ticket))
    for path, body in (("urge", {}), ("answer-urge", {"note": "x"}), ("acknowledge", {}), ("refer", {})):
        for name in ("supervisor", "frontdesk"):
            assert move(api(name), ticket, path, body).status_code == 404, (path, name)
    assert Urge.objects.get().answered_at is None
