"""Two beats and three workers at once, all of them real: every due thing is told once and leaves once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from redis import Redis

from shimao_service.models import Heartbeat, Notice, NoticeStatus, Outlet
from staff.models import Employee
from tests.factories import make_cast
from tests.faults.test_clock import as_if_every_minute_had_ticked, open_requests, told, untold
from tests.shimao_service.processes import start, wait_until
from tests.tickets.invariants import broken
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

BEATS, WORKERS = 2, 3
FACTS = 40


@contextmanager
def running(*arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    process = start("-m", "celery", "-A", "tests.faults.hasty_beat", *arguments, **more)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def worker(number: int) -> list[str]:
    return ["worker", "-P", "solo", "-n", f"worker{number}@faults", "--without-gossip", "--without-mingle"]


def test_two_beats_and_three_workers_tell_and_send_everything_once(real_time, rung_at, valkey, mail, receiver, ledger):
    cast = make_cast()
    for employee in Employee.objects.select_related("user"):
        employee.user.email = f"{employee.user.username}@example.com"
        employee.user.save()
    group = Outlet.objects.create(
        kind="webhook", name="群", address=f"http://{receiver.place}/group", secret="a-secret", per_minute=1000
    )
    rung_at(valkey.url)
    more = {
        "REDIS_URL": valkey.url,
        "EMAIL_URL": f"smtp://127.0.0.1:{mail.server_address[1]}",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    with ExitStack() as stack:
        crowd = [stack.enter_context(running(*worker(number), **more)) for number in range(WORKERS)]
        broker = Redis.from_url(valkey.url)
        wait_until(lambda: sum(client["cmd"] == "brpop" for client in broker.client_list()) == WORKERS, seconds=60)
        crowd += [stack.enter_context(running("beat", **more)) for _number in range(BEATS)]
        wait_until(lambda: Heartbeat.objects.exists(), seconds=60)

        begun = timezone.now() - timedelta(hours=1)
        with transaction.atomic():
            tickets = open_requests(cast, begun)
            wanted = as_if_every_minute_had_ticked(tickets, timezone.now())
        marks = [f"{n:03d}" for n in range(FACTS)]
        ledger.tell(*marks, recipients=[f"user:{cast.handler.user_id}"])
        ledger.tell(*(f"g{mark}" for mark in marks), recipients=[group.recipient], channels=[group.channel])

        def is_all_done() -> bool:
            waiting = Notice.objects.filter(status__in=[NoticeStatus.PENDING, NoticeStatus.SENDING])
            due = Ticket.objects.filter(remind_at__lte=timezone.now())
            return not waiting.exists() and not due.exists()

        wait_until(is_all_done, seconds=60)
        ticked_at = Heartbeat.objects.get().at
        wait_until(lambda: Heartbeat.objects.get().at > ticked_at)
        wait_until(is_all_done)
        assert [process.poll() for process in crowd] == [None] * (BEATS + WORKERS), "all of them were at it"

    now = timezone.now()
    letters = [*(str(letter["Subject"]) for letter in mail.letters), *receiver.texts]
    assert not ledger.broken(letters, now=now)
    sent = Notice.objects.filter(channel="email", status=NoticeStatus.SENT)
    names = [letter["Message-ID"] for letter in mail.letters]
    assert len(names) == len(set(names)) == sent.count() > FACTS, "the requests' own letters too"
    assert not Notice.objects.exclude(status=NoticeStatus.SENT).exists()
    assert [words for ticket in Ticket.objects.all() for words in broken(ticket)] == []
    found = told(tickets)
    assert wanted.reminders and wanted.steps
    # More may have come due while they were at it.
    assert not untold(wanted, found) and not wanted.steps - found.steps
    assert wanted.who_heard <= found.who_heard
    assert {times for rows in vars(found).values() for times in rows.values()} == {1}
