"""Postgres restarted under load: nothing half written, lost or doubled, and everybody goes on by themselves."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import Error, close_old_connections, connection
from django.test import Client
from django.utils import timezone
from kombu.pools import producers
from rest_framework.authtoken.models import Token

from shimao_service import delivery, outbox, ticking
from shimao_service.celery import app
from shimao_service.embedded.postgres import Postgres
from shimao_service.models import Heartbeat, Notice, NoticeStatus, User
from shimao_service.sending import MOST_AT_ONCE
from tests.factories import make_cast
from tests.faults.clusters import own_cluster, restart_immediately
from tests.faults.ledger import Ledger
from tests.shimao_service.processes import wait_until, worker
from tests.tickets.invariants import broken
from tickets.models import Ticket
from tickets.statuses import Status

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 3
RESTARTS = 2
# What may be answered: done, done before, moved on in the meantime, or "not now".
CLEAN = {200, 201, 409, 503}


@pytest.fixture
def cluster(real_time, transactional_db, tmp_path) -> Iterator[Postgres]:
    with own_cluster(tmp_path) as server:
        yield server


class Caller(threading.Thread):
    """A program that registers requests by the API and moves them on, and repeats what was not answered."""

    def __init__(self, name: str, cast: SimpleNamespace, ledger: Ledger):
        super().__init__(name=name)
        self.cast = cast
        self.ledger = ledger
        self.over = threading.Event()
        self.client = Client(raise_request_exception=False)
        self.desk = Token.objects.get_or_create(user=cast.frontdesk.user)[0].key
        self.works = Token.objects.get_or_create(user=cast.handler.user)[0].key
        # Which number was answered for which key.
        self.numbers: dict[str, str] = {}
        self.answers: Counter[int] = Counter()
        self.trouble: list[str] = []

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self.register(f"{self.name}-{len(self.numbers)}")
        except Exception as error:
            self.trouble.append(repr(error))
        finally:
            connection.close()

    def register(self, key: str) -> None:
        body = {"project": "BJ", "kind": "repair", "description": f"水管漏水 {key}", "contact_phone": "13812345678"}
        number = self.insist("tickets/", body, self.desk, HTTP_IDEMPOTENCY_KEY=key)["number"]
        self.numbers[key] = number
        self.insist(f"tickets/{number}/dispatch/", {"department": "GC", "handler": "handler"}, self.desk)
        self.insist(f"tickets/{number}/accept/", {}, self.works)
        self.tell(key)

    def insist(self, path: str, body: dict[str, Any], token: str, **headers: str) -> Any:
        """Until it is done. A move that is not legal any more was done by the call that got no answer."""
        while True:
            close_old_connections()  # as every request of a web process begins
            answer = self.client.post(
                f"/api/v1/{path}", body, "application/json", HTTP_AUTHORIZATION=f"Token {token}", **headers
            )
            close_old_connections()
            self.answers[answer.status_code] += 1
            if answer.status_code != 503:
                assert answer.status_code in CLEAN, answer.content.decode()[:500]
                return answer.json()
            assert answer.json()["code"] == "unavailable" and answer["Retry-After"]

    def tell(self, mark: str) -> None:
        while True:
            close_old_connections()
            try:
                self.ledger.tell(mark, recipients=[f"user:{self.cast.handler.user_id}"])
            except Error:
                continue
            return


class Beat(threading.Thread):
    """Ticks twice a second."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            with producers[outbox._broker()].acquire(block=True) as producer:
                app.send_task("shimao_service.tasks.tick", producer=producer, retry=False, expires=5)


def test_restarted_under_load_it_loses_doubles_and_halves_nothing(cluster, rung_at, valkey, mail, ledger):
    cast = make_cast()
    User.objects.filter(pk=cast.handler.user_id).update(email="handler@example.com")
    rung_at(valkey.url)
    callers = [Caller(f"caller{n}", cast, ledger) for n in range(CALLERS)]
    crowd = [Beat(), *callers]

    def wait_for_more(requests: int) -> None:
        """Until so many more are registered, and letters leave."""
        before, letters = sum(len(caller.numbers) for caller in callers), len(mail.letters)

        def there_are() -> bool:
            assert not any(caller.trouble for caller in callers), [caller.trouble for caller in callers]
            return sum(len(caller.numbers) for caller in callers) >= before + requests and len(mail.letters) > letters

        wait_until(there_are, seconds=60)

    with worker("celery", REDIS_URL=valkey.url, EMAIL_URL=f"smtp://127.0.0.1:{mail.server_address[1]}"):
        for each in crowd:
            each.start()
        try:
            wait_for_more(CALLERS)
            for _restart in range(RESTARTS):
                restart_immediately(cluster)
                connection.close()
                wait_for_more(2 * CALLERS)
            # Nobody touched the worker: it lost its connection in the middle of things and went on.
            ticked_at = timezone.now()
            wait_until(lambda: Heartbeat.objects.filter(at__gt=ticked_at).exists())
        finally:
            for each in crowd:
                each.over.set()
            for each in crowd:
                each.join(60)

    assert [caller.trouble for caller in callers] == [[]] * CALLERS
    answers = sum((caller.answers for caller in callers), Counter())
    assert answers[503] > 0, "the restarts were felt"
    given = Counter(number for caller in callers for number in caller.numbers.values())
    assert max(given.values()) == 1, "no number was given to two"
    assert set(given) == set(Ticket.objects.values_list("number", flat=True)), "none is lost, none was made twice"
    tickets = list(Ticket.objects.select_related("project"))
    assert [words for ticket in tickets for words in broken(ticket)] == []
    assert {ticket.status for ticket in tickets} == {Status.IN_PROGRESS}
    told = Notice.objects.inbox_of(cast.handler.user_id).filter(kind="ticket_dispatched")
    assert sorted(told.values_list("about", flat=True)) == sorted(f"ticket:{ticket.pk}" for ticket in tickets)

    later = timezone.now() + delivery.LEASE + timedelta(minutes=1)
    ticking.tick(now=later)
    delivery.deliver(now=later)
    assert not ledger.broken((str(letter["Subject"]) for letter in mail.letters), now=later)
    ways = Counter(Notice.objects.filter(channel="email").values_list("status", flat=True))
    assert set(ways) <= {NoticeStatus.SENT, NoticeStatus.UNCERTAIN}
    # What was begun when a restart came, and when the worker was killed in the end.
    assert ways[NoticeStatus.UNCERTAIN] <= (RESTARTS + 1) * MOST_AT_ONCE

    cluster.stop()
    connection.close()
    visitor = Client(raise_request_exception=False)
    for address, words in (("/report/", "系统暂时无法使用"), ("/api/v1/tickets/", '"code": "unavailable"')):
        answer = visitor.get(address, HTTP_AUTHORIZATION=f"Token {callers[0].desk}")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert words in answer.content.decode()
