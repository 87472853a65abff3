"""Delivery: what is due goes out once, urgent letters first, with a link made as it leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shimao_service import delivery, outbox
from shimao_service.models import NoticeStatus
from tests.shimao_service.letters import address_book, mail, route, supervisor
from tests.shimao_service.notices import NOW, only

pytestmark = pytest.mark.django_db
__all__ = ["address_book", "route", "supervisor"]


def test_what_is_due_goes_out_and_is_marked(route):
    channel = route()
    mail()
    assert delivery.deliver(now=NOW).sent == 1
    row = only()
    assert (row.status, row.sent_at, row.attempts, row.lease_until) == (NoticeStatus.SENT, NOW, 1, None)
    (letter,) = channel.sent
    assert letter.address == "7@example.com"
    assert letter.link == "http://127.0.0.1:8000/tickets/BX20261123-0031/"


def test_what_was_sent_is_not_sent_again(route):
    channel = route()
    mail()
    delivery.deliver(now=NOW)
    delivery.deliver(now=NOW + timedelta(days=1))
    assert len(channel.sent) == 1


def test_what_is_not_due_yet_waits(route):
    channel = route()
    mail(now=NOW + timedelta(minutes=5))
    assert delivery.due_channels(now=NOW) == []
    delivery.deliver(now=NOW)
    assert not channel.sent
    assert only().status == NoticeStatus.PENDING


def test_urgent_letters_go_first(route):
    channel = route()
    mail("a", title="普通")
    mail("b", title="特急", urgent=True)
    delivery.deliver(now=NOW)
    assert [letter.title for letter in channel.sent] == ["特急", "普通"]


def test_a_link_is_made_when_sending(route, monkeypatch):
    channel = route()
    monkeypatch.setattr(outbox, "_links", {"track": lambda number: f"/track/{number}-v2/"})
    mail(link="track:81")
    delivery.deliver(now=NOW)
    assert channel.sent[0].link == "http://127.0.0.1:8000/track/81-v2/"
