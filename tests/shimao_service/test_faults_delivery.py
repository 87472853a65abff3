"""Workers killed with a letter in hand, and many of them at once: really done, on real processes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.utils import timezone

from shimao_service import delivery, outbox, ticking
from shimao_service.celery import app
from shimao_service.models import Heartbeat, Notice, NoticeStatus, User
from tests.shimao_service.mail_server import MailServer, running
from tests.shimao_service.notices import leave
from tests.shimao_service.processes import program, wait_until, worker

# Other processes live in the real time.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time")]


@pytest.fixture
def reader() -> User:
    return User.objects.create(username="handler", email="handler@example.com")


@pytest.fixture
def server(settings) -> Iterator[MailServer]:
    with running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield server


def address(server: MailServer) -> str:
    return f"smtp://127.0.0.1:{server.server_address[1]}"


def kill_with_a_letter_in_hand(server: MailServer, reader: User, *, at: str) -> Notice:
    """A worker that dies while the mail server keeps it waiting at this word; its letter, as it then stands."""
    server.stalls_at = at
    leave(recipients=[f"user:{reader.pk}"], channels=("inbox", "email"), now=timezone.now())
    queue = f"test-{uuid.uuid4().hex}"
    with worker(queue, EMAIL_URL=address(server)) as process:
        app.send_task("shimao_service.tasks.deliver", queue=queue)
        wait_until(server.reached.is_set)
        process.kill()
        process.wait()
    mail = Notice.objects.get(channel="email")
    assert mail.status == NoticeStatus.SENDING
    server.stalls_at = ""
    return mail


def test_a_worker_killed_between_claiming_and_sending_has_sent_nothing_and_another_does(server, reader):
    mail = kill_with_a_letter_in_hand(server, reader, at="EHLO")
    assert not server.letters
    later = mail.lease_until + delivery.LEASE
    ticking.tick(now=later)
    for _again in range(3):
        delivery.deliver(now=later)
    mail.refresh_from_db()
    assert mail.status == NoticeStatus.SENT
    assert len(server.letters) == 1
    assert Notice.objects.inbox_of(reader.pk).count() == 1


def test_a_worker_killed_between_sending_and_marking_leaves_it_uncertain_and_nobody_sends_it_again(server, reader):
    mail = kill_with_a_letter_in_hand(server, reader, at=".")
    assert len(server.letters) == 1
    later = mail.lease_until + delivery.LEASE
    ticking.tick(now=later)
    for _again in range(3):
        delivery.deliver(now=later)
    mail.refresh_from_db()
    assert mail.status == NoticeStatus.UNCERTAIN
    assert len(server.letters) == 1
    assert Notice.objects.count() == 2
    assert Notice.objects.inbox_of(reader.pk).count() == 1

    delivery.retry([mail.pk], by=reader, now=later)
    delivery.deliver(now=later)
    assert len(server.letters) == 2


def test_three_beats_and_three_workers_at_once_leave_and_send_each_once(server, reader):
    source = """
        beat.TICK[:] = ["tests.shimao_service.notices.remind_everybody"]
        print("ready", flush=True)
        input()
        for _ in range(3):
            ticking.tick()
            delivery.deliver()
    """
    more = {"EMAIL_URL": address(server), "REMIND": str(reader.pk)}
    with program(source, **more) as one, program(source, **more) as two, program(source, **more) as three:
        crowd = [one, two, three]
        for process in crowd:
            assert process.stdout.readline() == "ready\n"
        for process in crowd:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(60) for process in crowd] == [0, 0, 0]
    ticking.tick()
    delivery.deliver()
    names = [letter["Message-ID"] for letter in server.letters]
    assert len(names) == len(set(names)) == 60
    assert Notice.objects.filter(status=NoticeStatus.SENT).count() == Notice.objects.count() == 120


def test_a_tick_killed_half_way_leaves_nothing_half_done_and_the_next_does_it(reader, monkeypatch):
    monkeypatch.setattr(outbox, "wake", lambda channel: True)
    source = """
        def half(now):
            with transaction.atomic():
                outbox.post(key="ticket:81:x", recipients=["user:7"], title="到期", kind="due", now=now)
                print("half", flush=True)
                input()
        notices.break_down = half
        beat.TICK[:] = ["tests.shimao_service.notices.remind_of_another", "tests.shimao_service.notices.break_down"]
        ticking.tick()
    """
    with program(source) as process:
        assert process.stdout.readline() == "half\n"
        assert not ticking.tick().ran, "the other one holds the lock"
        process.kill()
        process.wait()
    wait_until(lambda: ticking.tick().ran)
    assert [row.key for row in Notice.objects.all()] == ["ticket:82:r1:response_due:1"]
    assert Heartbeat.objects.exists()
