"""The broker away, silent, flushed and back: every move still works, and what waited goes out."""

from __future__ import annotations

import socket

import pytest
from django.utils import timezone
from redis import Redis

from shimao_service import delivery, outbox, ticking
from shimao_service.models import Notice, NoticeStatus, User
from tests.factories import make_cast, register
from tests.shimao_service.notices import NOW, ObedientChannel, leave
from tests.shimao_service.processes import wait_until, worker
from tests.tickets.invariants import broken
from tickets import lifecycle
from tickets.statuses import Status

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def nobody_listens(rung_at):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        rung_at(f"redis://127.0.0.1:{closed.getsockname()[1]}/0")
        yield


def test_with_no_broker_a_notice_is_left_and_nothing_is_raised(nobody_listens):
    assert leave(channels=("inbox", "email")) == 2
    assert Notice.objects.filter(status=NoticeStatus.PENDING).count() == 1


def test_a_broker_that_does_not_answer_costs_one_wait_not_one_for_each_request(rung_at):
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        rung_at(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        for n in range(20):
            leave(f"k{n}", channels=("email",))
        silent.setblocking(False)
        callers = 0
        while True:
            try:
                caller, _address = silent.accept()
            except BlockingIOError:
                break
            caller.close()
            callers += 1
    assert callers == 1
    assert Notice.objects.count() == 20


def test_without_a_broker_the_tick_still_reminds_and_delivers(nobody_listens, monkeypatch):
    channel = ObedientChannel()
    monkeypatch.setattr(outbox, "_addresses", {("user", "email"): lambda ids: dict.fromkeys(ids, "a@example.com")})
    monkeypatch.setattr(delivery, "CHANNELS", {"email": channel})
    leave(channels=("email",))
    assert ticking.tick(now=NOW).ran
    assert len(channel.sent) == 1


def test_flushed_stopped_and_started_again_it_costs_nobody_anything(
    real_time, rung_at, valkey, mail, ledger, monkeypatch
):
    """One worker through all of it; the beat is this process."""
    cast = make_cast()
    User.objects.filter(pk=cast.handler.user_id).update(email="handler@example.com")
    reader = [f"user:{cast.handler.user_id}"]

    def tick_a_minute_later() -> None:
        monkeypatch.setattr(outbox, "_quiet_until", 0.0)
        assert ticking.tick().ran

    def all_left() -> bool:
        return not Notice.objects.filter(channel="email", status__in=["pending", "sending"]).exists()

    rung_at(valkey.url)
    broker = Redis.from_url(valkey.url)
    # Rung for, and the wake-ups lost before anybody heard them.
    ledger.tell("flushed", recipients=reader)
    assert broker.dbsize() > 0
    broker.flushall()
    with worker("celery", REDIS_URL=valkey.url, EMAIL_URL=f"smtp://127.0.0.1:{mail.server_address[1]}"):
        tick_a_minute_later()
        wait_until(all_left)

        valkey.stop()
        monkeypatch.setattr(outbox, "_quiet_until", 0.0)
        ticket = register(cast, urgency="critical")
        ledger.tell("meanwhile", recipients=reader)
        ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works, handler=cast.handler)
        ticket = lifecycle.accept(ticket, by=cast.by("handler"))
        assert ticket.status == Status.IN_PROGRESS and not broken(ticket)
        assert "meanwhile" not in "".join(str(letter["Subject"]) for letter in mail.letters)
        # The beat does not reach the worker either, and does without it.
        tick_a_minute_later()
        assert all_left()
        ledger.tell("unrung", recipients=reader)

        valkey.start()
        tick_a_minute_later()
        wait_until(all_left)
    assert not Notice.objects.exclude(status=NoticeStatus.SENT).exists()
    names = [letter["Message-ID"] for letter in mail.letters]
    assert len(names) == len(set(names)) == Notice.objects.filter(channel="email").count()
    assert not ledger.broken((str(letter["Subject"]) for letter in mail.letters), now=timezone.now())
