"""Delivery: what becomes of a letter that is refused, finds nobody or is lost, and what people decide about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shimao_service import delivery, outbox
from shimao_service.channels import NotSent, Refused
from shimao_service.models import Notice, NoticeStatus
from tests.shimao_service.letters import address_book, mail, route, supervisor
from tests.shimao_service.notices import NOW, ObedientChannel, leave, only

pytestmark = pytest.mark.django_db
__all__ = ["address_book", "route", "supervisor"]


def test_a_failure_is_tried_again_later_and_not_before(route):
    channel = route(NotSent("451 later"), None)
    mail()
    assert delivery.deliver(now=NOW).postponed == 1
    row = only()
    assert (row.status, row.error) == (NoticeStatus.PENDING, "451 later")
    assert timedelta(seconds=45) < row.next_attempt_at - NOW < timedelta(seconds=75)
    delivery.deliver(now=NOW + timedelta(seconds=30))
    assert not channel.sent
    delivery.deliver(now=NOW + timedelta(minutes=2))
    assert len(channel.sent) == 1
    assert (only().status, only().error) == (NoticeStatus.SENT, "")


def test_a_letter_that_always_fails_ends_as_a_dead_one_that_keeps_its_cause(route):
    route(NotSent("451 later"))
    mail()
    now = NOW
    for _attempt in range(delivery.MAX_ATTEMPTS + 5):
        delivery.deliver(now=now)
        now += delivery.LONGEST_WAIT * 2
    row = only()
    assert (row.status, row.attempts, row.error) == (NoticeStatus.DEAD, delivery.MAX_ATTEMPTS, "451 later")


@given(attempts=st.integers(1, 40_000))
def test_waits_grow_to_a_cap_and_never_vanish(attempts):
    wait = delivery.wait_after(attempts)
    assert delivery.FIRST_WAIT * 0.79 <= wait <= delivery.LONGEST_WAIT * 1.21
    assert attempts < 10 or wait >= delivery.LONGEST_WAIT * 0.79


def test_a_refused_letter_is_dead_at_once_and_the_others_go(route):
    channel = route(Refused("550 no such mailbox"), None)
    mail("a")
    mail("b")
    run = delivery.deliver(now=NOW)
    assert (run.dead, run.sent) == (1, 1)
    assert Notice.objects.get(status=NoticeStatus.DEAD).error == "550 no such mailbox"
    assert len(channel.sent) == 1


def test_a_reader_without_an_address_is_dead_with_a_clear_reason_and_no_line_is_opened(route):
    channel = route()
    mail(recipients=["user:700"])
    delivery.deliver(now=NOW)
    assert (only().status, only().error) == (NoticeStatus.DEAD, "收件人没有登记可用的地址。")
    assert channel.opened == 0


@pytest.mark.parametrize("trouble", [NotSent("connection refused"), ZeroDivisionError()])
def test_when_nobody_answers_all_wait_and_the_door_is_tried_once(route, trouble):
    channel = route(closed=trouble)
    for key in "abc":
        mail(key)
    assert delivery.deliver(now=NOW).postponed == 3
    assert channel.opened == 1
    assert all(row.error and row.next_attempt_at > NOW for row in Notice.objects.all())


def test_a_line_lost_while_sending_leaves_it_uncertain_and_nothing_sends_it_again_by_itself(route):
    channel = route(ConnectionResetError("peer"), None)
    mail()
    assert delivery.deliver(now=NOW).uncertain == 1
    row = only()
    assert row.status == NoticeStatus.UNCERTAIN
    assert "ConnectionResetError" in row.error
    for days in (1, 30):
        delivery.deliver(now=NOW + timedelta(days=days))
    assert not channel.sent


def test_an_uncertain_one_is_sent_again_by_a_click_that_is_remembered(route, supervisor):
    channel = route(TimeoutError(), None)
    mail()
    delivery.deliver(now=NOW)
    assert delivery.retry([only().pk], by=supervisor, now=NOW) == 1
    delivery.deliver(now=NOW)
    assert len(channel.sent) == 1
    assert (only().status, only().handled_by, only().handled_at) == (NoticeStatus.SENT, supervisor, NOW)


def test_of_two_clicks_one_counts(route, supervisor):
    route(Refused("550"))
    mail()
    delivery.deliver(now=NOW)
    assert delivery.retry([only().pk], by=supervisor, now=NOW) == 1
    assert delivery.retry([only().pk], by=supervisor, now=NOW) == 0
    assert delivery.discard([only().pk], by=supervisor, now=NOW) == 0


def test_one_that_is_let_be_keeps_its_cause_and_never_leaves(route, supervisor):
    channel = route(Refused("550 gone"), None)
    mail()
    delivery.deliver(now=NOW)
    delivery.discard([only().pk], by=supervisor, now=NOW)
    delivery.deliver(now=NOW + timedelta(days=1))
    assert (only().status, only().error, channel.sent) == (NoticeStatus.CANCELLED, "550 gone", [])


def test_a_maker_of_links_that_breaks_holds_up_its_own_letter_only(route, monkeypatch):
    channel = route()
    monkeypatch.setattr(outbox, "_links", {})
    mail("a", link="track:81")
    mail("b")
    run = delivery.deliver(now=NOW)
    assert (run.sent, run.postponed) == (1, 1)
    assert Notice.objects.get(status=NoticeStatus.PENDING).key == "a"
    assert len(channel.sent) == 1


def test_one_broken_channel_holds_up_no_other(monkeypatch):
    good = ObedientChannel()

    def broken_book(ids):
        raise ZeroDivisionError

    monkeypatch.setattr(delivery, "CHANNELS", {"robot": ObedientChannel(), "email": good})
    outbox._addresses[("user", "robot")] = broken_book
    leave(channels=("robot", "email"))
    assert delivery.deliver(now=NOW).sent == 1
    robot = Notice.objects.get(channel="robot")
    assert (robot.status, robot.attempts) == (NoticeStatus.PENDING, 0)


def test_when_time_is_up_the_rest_waits_as_if_untouched(route, monkeypatch):
    channel = route()
    monkeypatch.setattr(delivery.Run, "is_over", property(lambda run: run.sent >= 2))
    for key in "abcde":
        mail(key)
    run = delivery.deliver(now=NOW)
    assert (run.sent, run.more, len(channel.sent)) == (2, True, 2)
    waiting = Notice.objects.filter(status=NoticeStatus.PENDING)
    assert set(waiting.values_list("attempts", "next_attempt_at")) == {(0, NOW)}
    assert waiting.count() == 3
