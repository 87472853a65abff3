from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import register, walk
from tickets.models import Ticket, TicketSubject
from tickets.search import TicketFilter
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db

# Queries for a page of 50 and for one request, whoever asks: the token, the grants, the rows, what hangs on them.
LIST_BUDGET, READ_BUDGET = 8, 8


def numbers(answer) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [row["number"] for row in answer.json()["results"]]


@pytest.fixture
def three(cast):
    """A repair at work, a complaint waiting at the desk, a question that is closed."""
    return (
        walk(cast, Status.IN_PROGRESS, now=timezone.now() - timedelta(days=5)),
        register(cast, kind=Kind.COMPLAINT, description="夜间装修噪音扰民", unit=cast.unit_below),
        walk(cast, Status.CLOSED, kind=Kind.CONSULTATION, description="停车月卡怎么办理"),
    )


def test_the_newest_stand_first(api, three):
    first, second, third = three
    assert numbers(api("frontdesk").look("tickets/")) == [second.number, third.number, first.number]
    assert numbers(api("frontdesk").look("tickets/", ordering="created_at")) == [
        first.number, third.number, second.number
    ]  # fmt: skip


FOUND = (
    ({"step": "follow_up"}, [0]),
    ({"step": "intake,follow_up"}, [1, 0]),
    ({"status": "closed"}, [2]),
    ({"status": "closed,registered"}, [1, 2]),
    ({"kind": "complaint"}, [1]),
    ({"project": "BJ"}, [1, 2, 0]),
    ({"department": "GC"}, [2, 0]),
    ({"handler": "handler", "status": "in_progress"}, [0]),
    ({"overdue": "true"}, [0]),
    ({"overdue": "0", "status": "registered"}, [1]),
    ({"q": "噪音"}, [1]),
    ({"q": "月卡"}, [2]),
    ({"q": "没有这个词"}, []),
    ({"department": "nowhere"}, []),
    ({"handler": "nobody"}, []),
    ({"status": "", "q": ""}, [1, 2, 0]),
)


def test_filters_narrow_the_list(api, three):
    desk = api("frontdesk")
    for asked, found in FOUND:
        assert numbers(desk.look("tickets/", **asked)) == [three[index].number for index in found], asked


def test_a_number_finds_its_request(api, three):
    assert numbers(api("frontdesk").look("tickets/", q=three[0].number)) == [three[0].number]


REFUSED = (
    ({"status": "opened"}, "status"),
    ({"step": "intake,sixth"}, "step"),
    ({"ordering": "contact_phone"}, "ordering"),
    ({"contact_phone": "138"}, "contact_phone"),
    ({"owner__phone": "138"}, "owner__phone"),
    ({"project": "HP"}, "project"),
    ({"department": "d" * 21}, "department"),
    ({"overdue": "maybe"}, "overdue"),
    ({"cursor": "abc"}, "cursor"),
    ({"cursor": "WyItY3JlYXRlZF9hdCIsICIyMDI2IiwgMV0"}, "cursor"),
    ({"page": "2"}, "page"),
)


def test_what_is_not_on_the_allow_list_is_bad_input(api):
    desk = api("frontdesk")
    for asked, field in REFUSED:
        answer = desk.look("tickets/", **asked)
        assert answer.status_code == 400, asked
        assert (answer.json()["code"], list(answer.json()["fields"])) == ("invalid", [field])


def test_everyone_lists_what_they_see(cast, api, three):
    assert numbers(api("handler").look("tickets/")) == [three[2].number, three[0].number]
    assert numbers(api("outsider").look("tickets/")) == []
    assert len(numbers(api("director").look("tickets/"))) == 3


def test_a_complaint_about_me_is_in_no_list_and_no_search(cast, api):
    ticket = register(cast, kind=Kind.COMPLAINT, description="前台态度生硬")
    TicketSubject.objects.create(ticket=ticket, employee=cast.frontdesk2)
    assert numbers(api("frontdesk2").look("tickets/", q="态度")) == []
    assert api("frontdesk2").look(f"tickets/{ticket.number}/").status_code == 404
    assert numbers(api("supervisor").look("tickets/", q="态度")) == [ticket.number]


@pytest.mark.parametrize("ordering", ["-created_at", "created_at", "due_at"])
def test_page_by_page_every_request_comes_once_also_among_equals(cast, api, ordering, monkeypatch):
    moment = timezone.now() - timedelta(hours=3)
    for index in range(7):
        register(cast, now=moment + timedelta(minutes=index // 3))
    Ticket.objects.filter(pk__in=Ticket.objects.values("pk")[:3]).update(due_at=None)
    desk = api("frontdesk")
    found, cursor = [], ""
    monkeypatch.setitem(TicketFilter.page.__kwdefaults__, "size", 2)
    while cursor is not None:
        answer = desk.look("tickets/", ordering=ordering, cursor=cursor)
        found += numbers(answer)
        cursor = answer.json()["next"]
    assert len(found) == 7
    assert sorted(found) == sorted(Ticket.objects.values_list("number", flat=True))


def test_a_cursor_belongs_to_its_ordering(cast, api, monkeypatch):
    register(cast)
    desk = api("frontdesk")
    register(cast)
    monkeypatch.setitem(TicketFilter.page.__kwdefaults__, "size", 1)
    cursor = desk.look("tickets/").json()["next"]
    assert desk.look("tickets/", cursor=cursor).status_code == 200
    assert desk.look("tickets/", ordering="due_at", cursor=cursor).status_code == 400


def test_the_list_shows_contacts_masked_and_no_link(cast, api):
    register(cast)
    answer = api("frontdesk").look("tickets/")
    (row,) = answer.json()["results"]
    assert row["contact"] == {"name": "张**", "phone": "138****5678"}
    assert "track_url" not in row
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_page_of_fifty_takes_eight_queries_for_anyone(cast, api, django_assert_max_num_queries):
    for _index in range(51):
        register(cast)
    Ticket.objects.update(handler=cast.handler, department=cast.works, status=Status.IN_PROGRESS)
    for who in ("frontdesk", "handler", "director"):
        client = api(who)
        with django_assert_max_num_queries(LIST_BUDGET):
            answer = client.look("tickets/")
        assert (len(answer.json()["results"]), bool(answer.json()["next"])) == (50, True)


@pytest.mark.parametrize("who", ["frontdesk", "handler"])
def test_a_request_with_its_story_takes_eight_queries(cast, api, who, django_assert_num_queries):
    ticket = walk(cast, Status.CLOSED)
    client = api(who)
    with django_assert_num_queries(READ_BUDGET):
        answer = client.look(f"tickets/{ticket.number}/")
    assert len(answer.json()["events"]) == 7


def test_a_null_byte_in_a_search_is_dropped(api, three):
    assert numbers(api("frontdesk").look("tickets/", q=f"{three[0].number}\x00")) == [three[0].number]
