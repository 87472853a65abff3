"""Workers killed with a letter in hand, or stopped for too long, and a tick killed half way: real processes."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.utils import timezone
from kombu.pools import producers

from shimao_service import delivery, outbox, ticking
from shimao_service.celery import app
from shimao_service.models import Heartbeat, Notice, NoticeStatus
from shimao_service.sending import MOST_AT_ONCE
from tests.shimao_service.mail_server import MailServer
from tests.shimao_service.processes import program, wait_until, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("real_time")]

DELIVER = """
    delivery.deliver()
    print("done", flush=True)
"""


def address(server: MailServer) -> str:
    return f"smtp://127.0.0.1:{server.server_address[1]}"


def texts(server: MailServer) -> list[str]:
    return [f"{letter['Subject']}\n{letter.get_content()}" for letter in server.letters]


def ring(queue: str) -> None:
    """By a line of its own: the application's pool keeps the address it was first used with."""
    with producers[outbox._broker()].acquire(block=True) as producer:
        app.send_task("shimao_service.tasks.deliver", queue=queue, args=["email"], producer=producer)


def others_go_on(server: MailServer) -> None:
    later = Notice.objects.filter(status=NoticeStatus.SENDING).first().lease_until + delivery.LEASE
    ticking.tick(now=later)
    for _again in range(3):
        delivery.deliver(now=later)


def test_a_worker_killed_between_claiming_and_sending_has_sent_nothing_and_another_does(mail, ledger, reader):
    ledger.tell("a", "b", "c", recipients=[f"user:{reader.pk}"])
    mail.stalls_at = "EHLO"
    with program(DELIVER, EMAIL_URL=address(mail)) as process:
        wait_until(mail.reached.is_set)
        process.kill()
    mail.stalls_at = ""
    assert Notice.objects.filter(channel="email", status=NoticeStatus.SENDING).count() == 3
    assert not mail.letters
    others_go_on(mail)
    assert len(mail.letters) == 3
    assert not Notice.objects.exclude(status=NoticeStatus.SENT).exists()
    assert not ledger.broken(texts(mail), now=timezone.now())


def test_a_worker_killed_between_sending_and_marking_leaves_one_question_and_nobody_sends_it_again(
    mail, ledger, reader
):
    ledger.tell("a", "b", "c", recipients=[f"user:{reader.pk}"])
    mail.stalls_at = "."
    queue = f"test-{uuid.uuid4().hex}"
    with worker(queue, EMAIL_URL=address(mail)) as process:
        ring(queue)
        wait_until(mail.reached.is_set)
        process.kill()
        process.wait()
    mail.stalls_at = ""
    assert Notice.objects.filter(channel="email", status=NoticeStatus.SENDING).count() == 3
    assert len(mail.letters) == 1
    others_go_on(mail)
    assert len(mail.letters) == 3
    asked = Notice.objects.filter(status=NoticeStatus.UNCERTAIN)
    assert [row.key for row in asked] == ["fact:a"], "what it had in hand and not begun is no question"
    assert not ledger.broken(texts(mail), now=timezone.now())

    delivery.retry(ledger.press_retry(asked), by=reader, now=timezone.now())
    delivery.deliver()
    assert len(mail.letters) == 4
    assert not ledger.broken(texts(mail), now=timezone.now())


def test_a_worker_killed_at_full_speed_leaves_few_questions_and_the_rest_goes_once(mail, ledger, reader):
    many = 300
    ledger.tell(*(f"{n:03d}" for n in range(many)), recipients=[f"user:{reader.pk}"])
    with program(DELIVER, EMAIL_URL=address(mail)) as process:
        wait_until(lambda: len(mail.letters) >= 70)
        process.kill()
    in_hand = Notice.objects.filter(status=NoticeStatus.SENDING).count()
    if in_hand:  # it may have been between two claims
        others_go_on(mail)
    while delivery.deliver().more:
        pass
    asked = Notice.objects.filter(status=NoticeStatus.UNCERTAIN)
    assert asked.count() <= MOST_AT_ONCE
    assert Notice.objects.filter(channel="email", status=NoticeStatus.SENT).count() == many - asked.count()
    assert not ledger.broken(texts(mail), now=timezone.now())


def test_a_worker_killed_with_a_folded_letter_in_hand_leaves_all_it_carried_uncertain(mail, ledger, reader, settings):
    settings.FOLD_SECONDS = 120
    ledger.tell(*(f"f{n}" for n in range(5)), recipients=[f"user:{reader.pk}"])
    Notice.objects.filter(channel="email").update(next_attempt_at=timezone.now())
    mail.stalls_at = "."
    with program(DELIVER, EMAIL_URL=address(mail), FOLD_SECONDS="120") as process:
        wait_until(mail.reached.is_set)
        process.kill()
    mail.stalls_at = ""
    others_go_on(mail)
    assert len(mail.letters) == 1
    assert Notice.objects.filter(status=NoticeStatus.UNCERTAIN).count() == 5
    assert not ledger.broken(texts(mail), now=timezone.now())


def test_a_worker_stopped_until_its_lease_ran_out_says_in_the_end_what_became_of_its_letter(mail, ledger, reader):
    source = """
        for _letter in range(2):
            delivery.deliver_channel("email")
            print("done", flush=True)
            input()
    """
    with program(source, EMAIL_URL=address(mail)) as process:
        for mark, somebody_was_quicker in (("left alone", False), ("sent again by somebody", True)):
            mail.stalls_at, mail.reached, mail.over = ".", threading.Event(), threading.Event()
            ledger.tell(mark, recipients=[f"user:{reader.pk}"])
            if process.stdin and somebody_was_quicker:
                process.stdin.write("go on\n")
                process.stdin.flush()
            wait_until(mail.reached.is_set)
            mail.stalls_at = ""
            others_go_on(mail)
            asked = Notice.objects.filter(status=NoticeStatus.UNCERTAIN)
            assert [row.key for row in asked] == [f"fact:{mark}"]
            if somebody_was_quicker:
                delivery.retry(ledger.press_retry(asked), by=reader, now=timezone.now())
                delivery.deliver()
            mail.over.set()
            assert process.stdout.readline() == "done\n"
            assert not Notice.objects.exclude(status=NoticeStatus.SENT).exists()
    assert len(mail.letters) == 3
    assert not ledger.broken(texts(mail), now=timezone.now())


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
