"""What leaves the house for an employee: by topic and preference, and never less than the role must hear."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shimao_service import outbox, routing, topics
from shimao_service.models import Notice, NoticePreference, User
from tests.shimao_service.notices import ObedientChannel, leave

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def company(monkeypatch):
    """Three topics, two ways outside; whoever's number is under 1000 has an address for both."""
    monkeypatch.setattr(
        topics,
        "TOPICS",
        {
            "emergency": topics.Topic("特急", required=True),
            "escalation": topics.Topic("升级", outside=True),
            "reminder": topics.Topic("提醒"),
        },
    )
    monkeypatch.setattr(topics, "_topic_of", {"fire": "emergency", "late": "escalation", "due": "reminder"})
    monkeypatch.setattr(routing, "CHANNELS", {"email": ObedientChannel(), "sms": ObedientChannel()})
    book = lambda ids: {n: "address" for n in ids if n < 1000}  # noqa: E731
    monkeypatch.setattr(outbox, "_addresses", {("user", "email"): book, ("user", "sms"): book})


def channels(**changes):
    Notice.objects.all().delete()
    leave(**changes)
    return sorted(Notice.objects.values_list("channel", flat=True))


def prefer(**values):
    """User 7 says how they want to be told."""
    User.objects.get_or_create(pk=7, defaults={"username": "u7"})
    NoticePreference.objects.update_or_create(user_id=7, defaults=values)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("fire", ["email", "inbox", "sms"]),
        ("late", ["email", "inbox", "sms"]),
        ("due", ["inbox"]),
        ("of_no_topic", ["inbox"]),
    ],
)
def test_who_never_said_anything_gets_outside_what_is_required_or_meant_to_leave(kind, expected):
    assert channels(kind=kind) == expected


@pytest.mark.parametrize(
    ("preference", "kind", "expected"),
    [
        ({"muted": []}, "due", ["email", "inbox"]),
        ({"muted": ["escalation"]}, "late", ["inbox"]),
        ({"by_email": False}, "late", ["inbox", "sms"]),
        ({"by_sms": False}, "late", ["email", "inbox"]),
        ({"by_email": False, "by_sms": False}, "late", ["inbox"]),
        ({"by_email": False, "by_sms": False, "muted": ["emergency"]}, "fire", ["email", "inbox"]),
    ],
)
def test_people_choose_but_what_is_required_always_comes_by_mail(preference, kind, expected):
    prefer(**preference)
    assert channels(kind=kind) == expected


@pytest.mark.parametrize(
    ("preference", "expected"),
    [
        ({"muted": ["escalation"]}, {7: ["email", "inbox", "sms"], 8: ["inbox"]}),
        ({"by_email": False, "by_sms": False}, {7: ["email", "inbox"], 8: ["inbox"]}),
    ],
)
def test_a_topic_that_binds_a_role_comes_by_mail_to_who_holds_it_whatever_they_prefer(
    monkeypatch, preference, expected
):
    binds = lambda logins: {7} & set(logins)  # noqa: E731
    monkeypatch.setitem(topics.TOPICS, "escalation", topics.Topic("升级", outside=True, binds=binds))
    for number in expected:
        user, _made = User.objects.get_or_create(pk=number, defaults={"username": f"u{number}"})
        NoticePreference.objects.create(user=user, **preference)
    leave(kind="late", recipients=[f"user:{number}" for number in expected])
    for number, channels in expected.items():
        left = Notice.objects.filter(recipient=f"user:{number}").order_by("channel")
        assert list(left.values_list("channel", flat=True)) == channels


def test_what_is_urgent_comes_every_way_whatever_its_kind_and_whoever_muted_it():
    prefer(by_email=False, by_sms=False, muted=["reminder"])
    assert channels(kind="due", urgent=True) == ["email", "inbox", "sms"]


def test_who_has_no_address_gets_no_letter_that_could_only_die():
    assert channels(kind="late", recipients=["user:1001"]) == ["inbox"]


def test_a_way_that_is_not_set_up_is_not_taken(monkeypatch):
    monkeypatch.setattr(routing, "CHANNELS", {"email": ObedientChannel()})
    assert channels(kind="fire") == ["email", "inbox"]


@pytest.mark.parametrize("changes", [{"recipients": ["owner:7"]}, {"channels": ("email",)}])
def test_only_what_is_for_an_employee_s_inbox_is_routed(changes):
    assert len(channels(kind="fire", **changes)) == 1


def test_the_letter_says_the_same_and_only_the_inbox_asks_to_be_acknowledged():
    channels(kind="fire", must_acknowledge=True, scope="project:3")
    rows = {row.channel: row for row in Notice.objects.all()}
    assert {row.title for row in rows.values()} == {"新派单：厨房水管爆裂"}
    assert {row.scope for row in rows.values()} == {"project:3"}
    assert {name: row.must_acknowledge for name, row in rows.items()} == {"inbox": True, "email": False, "sms": False}


def test_leaving_it_again_leaves_no_letter_twice():
    leave(kind="fire")
    assert leave(kind="fire") == 0
    prefer(by_email=True)
    assert leave(kind="fire") == 0


def test_a_crowd_costs_as_many_queries_as_one_reader():
    def queries(readers):
        with CaptureQueriesContext(connection) as made:
            leave(f"k{readers}", kind="late", recipients=[f"user:{n}" for n in range(readers)])
        return len(made)

    assert queries(1) == queries(300)
