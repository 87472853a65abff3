"""From the counter to the summary, over HTTP, with the tokens of those who would do it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import PASSWORD, owner_actor
from tests.tickets.api.conftest import Caller
from tickets import lifecycle, links
from tickets.models import Ticket

pytestmark = pytest.mark.django_db

WHOLE = {
    "number", "kind", "status", "step", "round", "version", "project", "unit", "contact", "category", "urgency",
    "description", "source", "first_receiver", "department", "handler", "clocks", "legs", "ratings", "events",
}  # fmt: skip


def signed_in(cast, name: str) -> Caller:
    """By name and password, as a program would."""
    user = getattr(cast, name).user
    user.set_password(PASSWORD)
    user.save()
    client = Caller()
    answer = client.tell("auth/token/", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 200, answer.content
    client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    return client


def done(answer, status: str, step: str | None) -> dict:
    body = answer.json()
    assert answer.status_code in (200, 201), body
    assert (body["status"], body["step"]) == (status, step)
    assert body.keys() >= WHOLE
    return body


def test_a_request_goes_from_the_counter_through_a_second_round_to_its_summary(cast):
    desk, supervisor, handler = (signed_in(cast, name) for name in ("frontdesk", "supervisor", "handler"))
    made = done(
        desk.tell(
            "tickets/",
            {
                "project": "BJ", "kind": "repair", "owner": cast.owner.pk, "unit": cast.unit.pk,
                "category": cast.category.pk, "description": "厨房水管漏水", "source": "counter",
            },
            headers={"Idempotency-Key": "story-1"},
        ),
        "registered", "intake",
    )  # fmt: skip
    path = f"tickets/{made['number']}/"
    assert made["contact"] == {"name": "张**", "phone": "138****5678"}
    assert (made["project"], made["unit"], made["category"]) == ("BJ", cast.unit.pk, cast.category.pk)
    assert made["first_receiver"] == "frontdesk"

    done(supervisor.tell(path + "dispatch/", {"department": "GC", "handler": "handler"}), "dispatched", "dispatch")
    done(handler.tell(path + "accept/"), "in_progress", "follow_up")
    done(handler.tell(path + "follow-ups/", {"note": "软管老化，去取配件"}), "in_progress", "follow_up")
    until = (timezone.now() + timedelta(days=1)).isoformat()
    held = done(handler.tell(path + "hold/", {"reason": "parts", "resume_at": until}), "on_hold", "follow_up")
    assert [clock["paused"] for clock in held["clocks"] if clock["name"] == "resolution"] == [True]
    done(handler.tell(path + "resume/"), "in_progress", "follow_up")
    done(handler.tell(path + "complete/", {"result": "已更换软管"}), "completed", "feedback")
    asked = done(desk.tell(path + "feedback/", {"channel": "phone", "content": "软管已更换"}), "fed_back", "feedback")

    # The owner opens the link that the desk handed over, and is not satisfied.
    ticket = links.open_link(asked["track_url"].rstrip("/").rsplit("/", 1)[1])
    lifecycle.rate(ticket, by=owner_actor(ticket), grade=2, comment="还在滴水")
    again = desk.look(path).json()
    assert (again["status"], again["round"], again["handler"]) == ("dispatched", 2, "handler")
    assert [(rating["grade"], rating["source"], rating["round"]) for rating in again["ratings"]] == [(2, "link", 1)]

    done(handler.tell(path + "accept/"), "in_progress", "follow_up")
    done(handler.tell(path + "complete/", {"result": "重新接管，试水无渗漏"}), "completed", "feedback")
    done(desk.tell(path + "feedback/", {"channel": "phone", "content": "已重修"}), "fed_back", "feedback")
    told = {"grade": 5, "comment": "好了", "channel": "phone"}
    done(desk.tell(path + "rating/", told), "awaiting_summary", "summary")
    closed = done(
        desk.tell(path + "summary/", {"cause": "接头未拧紧", "liability": "property", "improvement": "完工须试水"}),
        "closed", None,
    )  # fmt: skip

    assert [event["verb"] for event in closed["events"]] == [
        "register", "dispatch", "accept", "follow_up", "hold", "resume", "complete", "feed_back", "rate", "reopen",
        "accept", "complete", "feed_back", "rate", "summarise",
    ]  # fmt: skip
    assert closed["events"][0] == closed["events"][0] | {"by": "林静", "from": None, "to": "registered"}
    assert closed["events"][8]["by"] == "业主 张**"
    assert [(leg["department"], leg["handler"], leg["round"]) for leg in closed["legs"]] == [
        ("GC", "handler", 1), ("GC", "handler", 2),
    ]  # fmt: skip
    assert all(leg["to"] for leg in closed["legs"])
    assert {clock["name"] for clock in closed["clocks"]} == {"response", "resolution"}
    assert not any(clock["late"] for clock in closed["clocks"])
    assert closed["version"] == Ticket.objects.get().version
    assert "13812345678" not in desk.look(path).content.decode()


def test_the_page_tells_the_story_that_the_api_wrote(cast, api, as_):
    number = api("frontdesk").tell(
        "tickets/", {"project": "BJ", "kind": "repair", "owner": cast.owner.pk, "description": "门禁坏了"}
    ).json()["number"]  # fmt: skip
    page: Client = as_("frontdesk")
    assert "门禁坏了" in page.get(f"/tickets/{number}/").content.decode()
