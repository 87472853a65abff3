"""The broker away, silent, flushed and back: every move still works, and what waited goes out."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.utils import timezone
from redis import Redis

from shimao_service import delivery, outbox, ticking
from shimao_service.celery import app
from shimao_service.embedded.valkey import Valkey
from shimao_service.models import Notice, NoticeStatus, User
from tests.shimao_service.mail_server import running
from tests.shimao_service.notices import NOW, ObedientChannel, leave
from tests.shimao_service.processes import wait_until, worker

# Other processes live in the real time.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time")]


@pytest.fixture(autouse=True)
def nothing_rung_yet(monkeypatch):
    monkeypatch.setattr(outbox, "_quiet_until", 0.0)


@pytest.fixture
def rung_at(monkeypatch):
    """``rung_at(url)``: this process rings at another broker, with its own impatience."""
    real = outbox.impatient_broker

    def set_up(url: str) -> None:
        monkeypatch.setattr(app.conf, "broker_write_url", url)
        monkeypatch.setattr(outbox, "_broker", cache(real))

    return set_up


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey", durable=False, log=tmp_path / "valkey.log")
    server.start()
    yield server
    server.stop()


def test_with_no_broker_a_notice_is_left_and_nothing_is_raised(rung_at, unused_port):
    rung_at(f"redis://127.0.0.1:{unused_port}/0")
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


def test_without_a_broker_the_tick_still_reminds_and_delivers(rung_at, unused_port, monkeypatch):
    channel = ObedientChannel()
    monkeypatch.setattr(outbox, "_addresses", {("user", "email"): lambda ids: dict.fromkeys(ids, "a@example.com")})
    monkeypatch.setattr(delivery, "CHANNELS", {"email": channel})
    rung_at(f"redis://127.0.0.1:{unused_port}/0")
    leave(channels=("email",))
    assert ticking.tick(now=NOW).ran
    assert len(channel.sent) == 1


def test_a_worker_outlives_its_broker_and_delivers_what_waited(rung_at, valkey, monkeypatch):
    reader = User.objects.create(username="handler", email="handler@example.com")

    def leave_mail(key):
        monkeypatch.setattr(outbox, "_quiet_until", 0.0)
        leave(key, recipients=[f"user:{reader.pk}"], channels=("email",), now=timezone.now())

    def ring():
        monkeypatch.setattr(outbox, "_quiet_until", 0.0)
        return outbox.wake("email")

    def is_sent(key):
        return Notice.objects.filter(key=key, status=NoticeStatus.SENT).exists()

    rung_at(valkey.url)
    with running() as server:
        mail = f"smtp://127.0.0.1:{server.server_address[1]}"
        with worker("celery", REDIS_URL=valkey.url, EMAIL_URL=mail):
            leave_mail("before")
            wait_until(lambda: is_sent("before"))
            valkey.stop()
            leave_mail("meanwhile")
            assert not is_sent("meanwhile")
            valkey.start()
            wait_until(ring)
            wait_until(lambda: is_sent("meanwhile"))
            Redis.from_url(valkey.url).flushall()
            leave_mail("flushed")
            wait_until(lambda: ring() and is_sent("flushed"))
    assert len(server.letters) == 3
