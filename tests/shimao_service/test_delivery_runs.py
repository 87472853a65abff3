"""Delivery: how many runs of a channel go on at once, and when one more is wanted."""

from __future__ import annotations

import pytest

from shimao_service import delivery, outbox
from shimao_service.channels import NotSent
from shimao_service.models import Notice, NoticeStatus
from tests.shimao_service.letters import address_book, mail, route, supervisor
from tests.shimao_service.notices import NOW, only

pytestmark = pytest.mark.django_db
__all__ = ["address_book", "route", "supervisor"]


def test_a_channel_has_only_so_many_runs_at_once(route, monkeypatch):
    channel = route()
    monkeypatch.setattr(delivery, "RUNS_AT_ONCE", {"email": 1})
    mail()
    with delivery._place("email") as mine:
        assert mine
        assert delivery.deliver_channel("email", now=NOW).busy
        assert not channel.sent
    assert delivery.deliver_channel("email", now=NOW).sent == 1


def test_a_run_of_one_channel_does_not_keep_another_from_its_own(route):
    route()
    mail()
    with delivery._place("robot"):
        assert delivery.deliver_channel("email", now=NOW).sent == 1


def test_what_comes_in_with_the_last_look_is_rung_for_again(route, monkeypatch):
    route()
    monkeypatch.setattr(delivery.Sender, "work", lambda self: mail() or True)
    assert delivery.deliver_channel("email", now=NOW).more


def test_a_closed_door_is_not_knocked_at_again_at_once(route):
    route(closed=NotSent("refused"))
    for n in range(120):
        mail(f"k{n}", recipients=[f"user:{n % 90}"])
    assert not delivery.deliver_channel("email", now=NOW).more


def test_a_channel_that_is_not_there_leaves_its_letters_alone(monkeypatch):
    monkeypatch.setattr(delivery, "CHANNELS", {})
    mail()
    assert delivery.deliver_channel("email", now=NOW).sent == 0
    assert only().status == NoticeStatus.PENDING


def test_a_letter_s_fate_is_written_when_the_next_is_begun_and_with_the_last_one_too(route):
    route()
    for key in "abc":
        mail(key)
    delivery.deliver(now=NOW)
    assert set(Notice.objects.values_list("status", "attempts", "lease_until")) == {("sent", 1, None)}


def test_a_link_that_can_never_be_made_ends_as_a_dead_letter(route, monkeypatch):
    route()
    monkeypatch.setattr(outbox, "_links", {})
    mail(link="track:81")
    for n in range(delivery.MAX_ATTEMPTS + 2):
        delivery.deliver(now=NOW + n * 2 * delivery.LONGEST_WAIT)
    assert (only().status, only().attempts < delivery.MAX_ATTEMPTS) == (NoticeStatus.DEAD, True)
    assert "track" in only().error
