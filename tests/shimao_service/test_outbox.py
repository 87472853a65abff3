"""Leaving notices: once for each key, reader and channel, inside the transaction of what they tell of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from django.utils.translation import gettext_lazy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shimao_service import outbox
from shimao_service.models import Notice, NoticeStatus
from tests.shimao_service.notices import NOW, leave, only

pytestmark = pytest.mark.django_db


def test_a_notice_is_one_row_for_each_reader_and_channel():
    assert leave(recipients=["user:7", "owner:9"], channels=("inbox", "email")) == 4
    assert set(Notice.objects.values_list("recipient", "channel")) == {
        ("user:7", "inbox"), ("user:7", "email"), ("owner:9", "inbox"), ("owner:9", "email"),
    }  # fmt: skip


def test_an_inbox_entry_is_there_at_once_and_a_mail_waits():
    leave(channels=("inbox", "email"))
    inbox, mail = Notice.objects.order_by("-channel")
    assert (inbox.status, inbox.sent_at, inbox.next_attempt_at) == (NoticeStatus.SENT, NOW, None)
    assert (mail.status, mail.sent_at, mail.next_attempt_at) == (NoticeStatus.PENDING, None, NOW)


def test_the_same_notice_left_again_changes_nothing():
    assert leave(title="第一次") == 1
    assert leave(title="第二次") == 0
    assert only().title == "第一次"


def test_a_reader_named_twice_hears_it_once():
    assert leave(recipients=["user:7", "user:7"]) == 1


def test_nobody_to_tell_leaves_nothing():
    assert leave(recipients=[]) == 0
    assert leave(recipients=(r for r in ())) == 0


def test_a_generator_of_readers_is_read_once():
    assert leave(recipients=(f"user:{n}" for n in range(3)), channels=("inbox", "email")) == 6


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    posts=st.lists(
        st.tuples(
            st.sampled_from(["ticket:1:a", "ticket:1:b", "ticket:2:a"]),
            st.lists(st.sampled_from(["user:1", "user:2", "owner:1"]), max_size=4),
            st.sets(st.sampled_from(["inbox", "email"]), min_size=1),
        ),
        max_size=8,
    )
)
def test_whatever_is_left_in_whatever_order_each_is_there_once(posts):
    Notice.objects.all().delete()
    new = sum(leave(key, recipients=readers, channels=tuple(channels)) for key, readers, channels in posts)
    wanted = {(key, reader, channel) for key, readers, channels in posts for reader in readers for channel in channels}
    rows = list(Notice.objects.values_list("key", "recipient", "channel"))
    assert sorted(rows) == sorted(wanted)
    assert new == len(wanted)


def test_many_are_left_by_few_statements(django_assert_num_queries):
    drafts = [outbox.Draft(key=f"t:{n}", recipients=["user:1"], title="到期", kind="due") for n in range(2_500)]
    with django_assert_num_queries(2), transaction.atomic(savepoint=False):
        assert outbox.post_all(drafts, now=NOW) == 2_500


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipients": ["7"]},
        {"recipients": ["user:x"]},
        {"recipients": ["user:7", "user:7 or 1"]},
        {"url": "https://elsewhere.example/"},
        {"url": "//elsewhere.example/"},
        {"title": "  "},
        {"kind": ""},
        {"channels": ()},
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(wrong):
    with pytest.raises(ValueError, match="Notice"):
        leave(**wrong)
    assert not Notice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_refused():
    with pytest.raises(transaction.TransactionManagementError):
        outbox.post(key="k", recipients=["user:7"], title="t", kind="k", now=NOW)


@pytest.mark.django_db(transaction=True)
def test_a_move_that_fails_leaves_no_notice():
    with transaction.atomic():
        outbox.post(key="k", recipients=["user:7"], title="t", kind="k", now=NOW)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


def test_words_are_kept_in_the_company_s_language_whoever_acts():
    with translation.override("en"):
        leave(title=gettext_lazy("登录账号"))
    assert only().title == "登录账号"


# --- what the table refuses whoever writes it ----------------------------------------------------
@pytest.mark.parametrize(
    "values",
    [
        {"status": "posted"},
        {"status": "sent"},
        {"status": "sending"},
        {"status": "sending", "lease_until": NOW},
        {"status": "dead"},
        {"status": "uncertain"},
        {"next_attempt_at": None},
        {"lease_until": NOW},
        {"read_at": NOW},
        {"handled_at": NOW},
        {"key": ""},
        {"recipient": "everybody"},
        {"url": "//elsewhere.example"},
    ],
)
def test_the_table_refuses_a_mail_row_that_contradicts_itself(values):
    leave(channels=("email",))
    if values.get("status", "pending") != "pending":
        values = {"next_attempt_at": None} | values
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.update(**values)


def test_the_table_refuses_an_inbox_entry_that_waits():
    leave()
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.update(status="pending", next_attempt_at=NOW)


# --- taking back ---------------------------------------------------------------------------------
def test_withdrawing_takes_back_what_has_not_left_the_house():
    leave("ticket:81:a", channels=("inbox", "email"))
    leave("ticket:81:b", channels=("email",))
    Notice.objects.filter(key="ticket:81:b").update(status="sent", sent_at=NOW, next_attempt_at=None)
    leave("ticket:82:a", channels=("email",), about="ticket:82")
    assert outbox.withdraw(about="ticket:81") == 1
    assert dict(Notice.objects.values_list("key", "status").filter(channel="email")) == {
        "ticket:81:a": "cancelled",
        "ticket:81:b": "sent",
        "ticket:82:a": "pending",
    }
    assert Notice.objects.inbox_of(7).count() == 1


def test_withdrawing_may_be_limited_to_readers_and_reach_into_their_inboxes():
    leave(recipients=["user:7", "user:8"])
    assert outbox.withdraw(about="ticket:81", recipients=["user:7"], from_inbox=True) == 1
    assert not Notice.objects.inbox_of(7).exists()
    assert Notice.objects.inbox_of(8).exists()


def test_withdrawing_without_a_subject_is_refused():
    leave(about="", channels=("email",))
    with pytest.raises(ValueError, match="about"):
        outbox.withdraw(about="")


# --- ringing -------------------------------------------------------------------------------------
def test_a_transaction_rings_once_however_many_it_leaves(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as rings:
        leave("a", channels=("email",))
        leave("b", channels=("inbox", "email"))
    assert rings == [outbox.ring("email")]


def test_what_stays_in_the_house_and_what_was_there_already_ring_nobody(django_capture_on_commit_callbacks):
    leave("a", channels=("email",))
    connection.run_on_commit.clear()
    with django_capture_on_commit_callbacks() as rings:
        leave("a", channels=("email",))
        leave("b")
    assert rings == []


# --- registered by the floors above --------------------------------------------------------------
def test_a_link_is_made_by_its_maker(monkeypatch):
    monkeypatch.setattr(outbox, "_links", {})
    outbox.register_link("track", lambda number: f"/track/{number}-signed/")
    assert outbox.make_link("track:81") == "/track/81-signed/"
    with pytest.raises(LookupError):
        outbox.make_link("unknown:81")


def test_addresses_are_looked_up_once_for_each_kind_of_reader(monkeypatch):
    asked: list[Any] = []

    def owners(ids):
        asked.append(set(ids))
        return {9: "owner@example.com", 12: ""}

    monkeypatch.setattr(outbox, "_addresses", {})
    outbox.register_address("owner", owners)
    outbox.register_address("owner", lambda ids: {9: "13800000000"}, channel="sms")
    assert outbox.addresses(["owner:9", "owner:12", "robot:1"]) == {"owner:9": "owner@example.com"}
    assert asked == [{9, 12}]
    assert outbox.addresses(["owner:9"], channel="sms") == {"owner:9": "13800000000"}


def test_logins_are_reached_while_they_are_open(django_user_model):
    open_one = django_user_model.objects.create(username="a", name="李娜", email="a@example.com")
    closed = django_user_model.objects.create(username="b", email="b@example.com", is_active=False)
    silent = django_user_model.objects.create(username="c")
    readers = SimpleNamespace(**{u.username: f"user:{u.pk}" for u in (open_one, closed, silent)})
    assert outbox.addresses(vars(readers).values()) == {readers.a: "a@example.com"}
    assert outbox.names([readers.a, readers.c]) == {readers.a: "李娜", readers.c: "c"}
