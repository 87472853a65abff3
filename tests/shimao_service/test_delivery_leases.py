"""Delivery: whose a letter is while it is sent, and what a sender that died or slept leaves behind."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from shimao_service import claims, delivery
from shimao_service.models import Notice, NoticeStatus
from tests.shimao_service.letters import address_book, mail, route, supervisor
from tests.shimao_service.notices import NOW, only

pytestmark = pytest.mark.django_db
__all__ = ["address_book", "route", "supervisor"]


def begin(*, now=NOW):
    """Claim the only letter and begin it, as a sender does just before it sends."""
    (claimed,) = delivery.claim("email", now=now)
    assert claims.turn(None, [claimed], now=now) == [claimed]
    return claimed


def sent(claimed):
    claims.turn(claims.Outcome([[claimed]], NoticeStatus.SENT, sent_at=NOW), (), now=NOW)


def test_a_claim_is_nobody_else_s_until_its_lease_ends_and_what_was_not_begun_goes_then(route):
    channel = route()
    mail()
    assert len(delivery.claim("email", now=NOW)) == 1
    assert delivery.claim("email", now=NOW) == []
    delivery.deliver(now=NOW + delivery.LEASE - timedelta(seconds=1))
    assert only().status == NoticeStatus.SENDING
    delivery.deliver(now=NOW + delivery.LEASE + timedelta(seconds=1))
    assert (only().status, only().attempts, len(channel.sent)) == (NoticeStatus.SENT, 1, 1)


def test_a_letter_that_was_begun_and_never_ended_is_uncertain_and_stays(route):
    channel = route()
    mail()
    begin()
    delivery.deliver(now=NOW + delivery.LEASE + timedelta(seconds=1))
    assert only().status == NoticeStatus.UNCERTAIN
    assert not channel.sent


def test_of_a_claim_whose_sender_died_only_the_letter_it_had_begun_is_uncertain(route):
    channel = route()
    for key in "abcde":
        mail(key)
    claimed = delivery.claim("email", now=NOW)
    claims.turn(None, claimed[:1], now=NOW)
    delivery.deliver(now=NOW + timedelta(hours=1))
    assert Notice.objects.get(status=NoticeStatus.UNCERTAIN).pk == claimed[0].pk
    assert len(channel.sent) == 4


def test_a_sender_that_slept_past_its_lease_begins_nothing_that_another_took(route):
    route()
    mail()
    (slow,) = delivery.claim("email", now=NOW)
    later = NOW + timedelta(hours=1)
    delivery.expire(now=later)
    begin(now=later)
    assert claims.turn(None, [slow], now=later) == []


def test_a_slow_sender_may_still_say_what_became_of_its_letter(route):
    route()
    mail()
    claimed = begin()
    delivery.expire(now=NOW + timedelta(hours=1))
    assert only().status == NoticeStatus.UNCERTAIN
    sent(claimed)
    assert (only().status, only().error) == (NoticeStatus.SENT, "")


def test_a_slow_sender_does_not_undo_what_somebody_decided(route, supervisor):
    route()
    mail()
    claimed = begin()
    delivery.expire(now=NOW + timedelta(hours=1))
    delivery.retry([claimed.pk], by=supervisor, now=NOW)
    sent(claimed)
    assert only().status == NoticeStatus.PENDING


def test_a_slow_sender_does_not_speak_for_the_next_one(route, supervisor):
    route()
    mail()
    slow = begin()
    later = NOW + timedelta(hours=1)
    delivery.expire(now=later)
    delivery.retry([slow.pk], by=supervisor, now=later)
    begin(now=later)
    sent(slow)
    assert only().status == NoticeStatus.SENDING


@pytest.mark.django_db(transaction=True)
def test_a_claim_neither_waits_for_nor_takes_what_another_is_just_claiming():
    for key in "abcd":
        mail(key)
    held, may_end = threading.Event(), threading.Event()

    def hold_two():
        with transaction.atomic():
            list(Notice.objects.select_for_update().filter(key__in="ab"))
            held.set()
            may_end.wait(20)
        connection.close()

    thread = threading.Thread(target=hold_two)
    thread.start()
    try:
        assert held.wait(10)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert {notice.key for notice in delivery.claim("email", now=NOW)} == {"c", "d"}
    finally:
        may_end.set()
        thread.join()
        connection.close()
