"""The supervisors' page of what was sent: whose notices it shows, what it finds, and what it never shows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from shimao_service import outbox
from shimao_service.models import Notice, NoticeStatus
from tests.factories import ProjectFactory, grant, register, walk
from tests.query_budgets import budget
from tickets import lifecycle, sent_notices
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db
PAGE = "/tickets/notices/"


@pytest.fixture(autouse=True)
def quiet_start(cast):
    """What the cast's making left is not what these tests are about."""
    Notice.objects.all().delete()


def leave(cast, key="k", *, to="handler", project=None, ticket=None, **changes):
    values = {
        "recipients": [f"user:{getattr(cast, to).user_id}"],
        "title": f"通知 {key}",
        "kind": "ticket_dispatched",
        "scope": f"project:{(project or cast.project).pk}",
        "about": f"ticket:{ticket.pk}" if ticket else "",
        "now": timezone.now(),
    } | changes
    with transaction.atomic():
        outbox.post(key=key, **values)
    return Notice.objects.filter(key=key).order_by("pk").first()


def titles(client, query=""):
    return [line.title for line in client.get(f"{PAGE}?{query}").context["lines"]]


@pytest.mark.parametrize(
    ("who", "status"),
    [("supervisor", 200), ("manager", 200), ("director", 200), ("auditor", 200), ("frontdesk", 403), ("handler", 403)],
)
def test_it_is_for_those_who_look_after_notices(as_, who, status):
    assert as_(who).get(PAGE).status_code == status


def test_a_supervisor_sees_her_projects_and_the_director_all(cast, as_):
    leave(cast, "ours")
    leave(cast, "theirs", project=cast.other_project)
    leave(cast, "nobody's", scope="")
    assert titles(as_("supervisor")) == ["通知 ours"]
    assert titles(as_("director")) == ["通知 nobody's", "通知 theirs", "通知 ours"]


def test_the_project_picked_above_narrows_it(cast, as_):
    other = ProjectFactory()
    grant(cast.supervisor, "supervisor", other)
    leave(cast, "a")
    leave(cast, "b", project=other)
    client = as_("supervisor")
    assert len(titles(client)) == 2
    client.post("/project/", {"project": other.pk})
    assert titles(client) == ["通知 b"]


def test_it_says_to_whom_by_which_channel_about_what_and_whether_it_was_read(cast, as_):
    ticket = walk(cast, Status.DISPATCHED)
    Notice.objects.all().delete()
    row = leave(cast, ticket=ticket)
    Notice.objects.filter(pk=row.pk).update(read_at=timezone.now())
    page = as_("supervisor").get(PAGE).content.decode()
    for words in ("周建国", "站内消息", "派单", "已读", ticket.number, f'href="{ticket.get_absolute_url()}"'):
        assert words in page


def test_a_notice_about_a_complaint_against_the_reader_or_who_is_above_is_not_there(cast, as_):
    against_her = register(cast, kind=Kind.COMPLAINT, category=cast.complaint_category)
    lifecycle.name_subjects(against_her, by=cast.by("manager"), subjects=[cast.supervisor], reason="业主来电指明")
    about_manager = register(cast, kind=Kind.COMPLAINT, category=cast.complaint_category)
    lifecycle.name_subjects(about_manager, by=cast.by("director"), subjects=[cast.manager], reason="业主来电指明")
    other = register(cast, kind=Kind.COMPLAINT, category=cast.complaint_category)
    Notice.objects.all().delete()
    for key, ticket in {"her": against_her, "manager": about_manager, "other": other}.items():
        leave(cast, key, ticket=ticket, to="manager")
    assert titles(as_("supervisor")) == ["通知 other"]
    assert titles(as_("manager")) == ["通知 other", "通知 her"]
    assert set(titles(as_("director"))) == {"通知 her", "通知 manager", "通知 other"}
    client = as_("supervisor")
    assert titles(client, f"number={against_her.number}") == []
    assert "没有找到这个工单编号" in client.get(f"{PAGE}?number={against_her.number}").content.decode()


def test_who_may_not_open_a_request_learns_that_something_was_sent_but_not_what(cast, as_):
    ticket = register(cast)
    Notice.objects.all().delete()
    leave(cast, ticket=ticket, title=f"派给您的工单：{ticket.number}")
    page = as_("admin").get(PAGE).content.decode()
    assert ticket.number not in page
    assert "您无权查看这张工单的内容" in page
    assert "周建国" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("person=周建国", {"inbox of handler", "mail that died"}),
        ("person=supervisor", {"acknowledged", "to acknowledge"}),
        ("channel=email", {"mail that died", "mail that waits"}),
        ("state=dead", {"mail that died"}),
        ("state=waiting", {"mail that waits"}),
        ("state=unread", {"inbox of handler", "to acknowledge", "urged"}),
        ("state=unacknowledged", {"to acknowledge"}),
        ("state=acknowledged", {"acknowledged"}),
        ("kind=ticket_urged", {"urged"}),
        ("from=2026-11-20&to=2026-11-21", {"urged"}),
        ("to=2026-11-19", set()),
        ("person=周建国&channel=email", {"mail that died"}),
    ],
)
def test_it_can_be_narrowed(cast, as_, query, found):
    now = timezone.now()
    leave(cast, "inbox of handler")
    leave(cast, "mail that died", channels=("email",))
    leave(cast, "mail that waits", channels=("email",), recipients=["ticket:81"])
    leave(cast, "to acknowledge", to="supervisor", must_acknowledge=True)
    leave(cast, "acknowledged", to="supervisor", must_acknowledge=True)
    leave(cast, "urged", to="manager", kind="ticket_urged", now=now - timedelta(days=3))
    Notice.objects.filter(key="mail that died").update(status=NoticeStatus.DEAD, error="550", next_attempt_at=None)
    Notice.objects.filter(key="acknowledged").update(acknowledged_at=now, read_at=now)
    assert {title.removeprefix("通知 ") for title in titles(as_("supervisor"), query)} == found


def test_by_number_it_is_the_notices_of_one_request(cast, as_):
    one, other = register(cast), register(cast)
    Notice.objects.all().delete()
    leave(cast, "one", ticket=one)
    leave(cast, "other", ticket=other)
    assert titles(as_("supervisor"), f"number={one.number.lower()}") == ["通知 one"]
    assert f"?number={one.number}" in as_("supervisor").get(one.get_absolute_url()).content.decode()
    assert "通知记录" not in as_("handler").get(one.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "person=没有这个人", "number=XX", "channel=pigeon", "state=lost", "kind=nonsense", "from=2026-13-45", "to=x",
        "to=9999-12-31", "from=0001-01-01", "before=x", "before=99999999999999999999", "person=%00", "before=-1",
    ],
)  # fmt: skip
def test_odd_questions_are_answered_in_words(cast, as_, query):
    leave(cast)
    assert as_("supervisor").get(f"{PAGE}?{query}").status_code == 200


def test_pages_go_on_where_the_last_one_ended(cast, as_, monkeypatch):
    monkeypatch.setattr(sent_notices, "PAGE", 3)
    keys = [leave(cast, f"k{n}").key for n in range(8)]
    client, seen, query = as_("supervisor"), [], "state=unread"
    while True:
        context = client.get(f"{PAGE}?{query}").context
        seen += [line.notice.key for line in context["lines"]]
        if not context["next_url"]:
            break
        leave(cast, f"new{len(seen)}")
        query = context["next_url"].removeprefix("?")
    assert seen == keys[::-1]


def test_the_page_stays_within_its_budget(cast, as_):
    tickets = [register(cast) for _n in range(3)]
    for n in range(40):
        leave(cast, f"k{n}", to="handler" if n % 2 else "manager", ticket=tickets[n % 3])
        leave(cast, f"m{n}", recipients=[f"ticket:{tickets[n % 3].pk}"], channels=("email",))
    client = as_("supervisor")
    client.get(PAGE)
    with budget("sent notices"):
        client.get(PAGE)
