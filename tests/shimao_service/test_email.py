"""E-mail against a mail server that answers what the test wants: each answer has its own consequence."""

from __future__ import annotations

import pytest
from django.core import mail

from shimao_service import delivery, outbox
from shimao_service.models import Notice, NoticeStatus
from tests.shimao_service.mail_server import running
from tests.shimao_service.notices import NOW, leave, only

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings, monkeypatch):
    with running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_TIMEOUT = 5
        settings.SITE_URL = "https://desk.example.com"
        monkeypatch.setattr(
            outbox, "_addresses", {("user", "email"): lambda ids: {n: f"u{n}@example.com" for n in ids}}
        )
        yield server


def leave_mail(key="k", **changes):
    leave(key, channels=("email",), **changes)


def test_a_letter_says_what_where_and_that_a_machine_wrote_it(server):
    leave_mail(title="到期提醒\nBcc: x@example.com", body="3-2-1502 厨房水管", urgent=True)
    delivery.deliver(now=NOW)
    (letter,) = server.letters
    assert letter["To"] == "u7@example.com"
    assert letter["Subject"] == "到期提醒 Bcc: x@example.com"
    assert letter["Bcc"] is None
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content()
    assert "3-2-1502 厨房水管" in text
    assert "https://desk.example.com/tickets/BX20261123-0031/" in text


def test_owners_words_are_not_turned_into_markup(server):
    leave_mail(title="业主说：<b>水&电</b>")
    delivery.deliver(now=NOW)
    assert "<b>水&电</b>" in server.letters[0].get_content()


def test_a_batch_goes_over_one_connection(server):
    for n in range(5):
        leave_mail(f"k{n}")
    delivery.deliver(now=NOW)
    assert (server.connections, len(server.letters)) == (1, 5)


def test_a_letter_sent_again_keeps_its_name(server, django_user_model):
    server.answers["."] = None
    leave_mail()
    delivery.deliver(now=NOW)
    server.answers.clear()
    delivery.retry([only().pk], by=django_user_model.objects.create(username="s"), now=NOW)
    delivery.deliver(now=NOW)
    first, second = server.letters
    assert first["Message-ID"] == second["Message-ID"] == f"<notice-{only().pk}@desk.example.com>"


@pytest.mark.parametrize(
    ("word", "answer", "status"),
    [
        ("RCPT", "550 no such mailbox", NoticeStatus.DEAD),
        ("RCPT", "450 greylisted", NoticeStatus.PENDING),
        ("DATA", "554 spam", NoticeStatus.DEAD),
        (".", "552 too much", NoticeStatus.DEAD),
        (".", "451 disk full", NoticeStatus.PENDING),
        ("MAIL", "530 who are you", NoticeStatus.PENDING),
        ("MAIL", "421 too busy", NoticeStatus.PENDING),
        (".", None, NoticeStatus.UNCERTAIN),
    ],
)
def test_each_answer_has_its_consequence(server, word, answer, status):
    server.answers[word] = answer
    leave_mail()
    delivery.deliver(now=NOW)
    assert only().status == status
    if answer:
        assert only().error.startswith(answer[:3])


def test_the_servers_words_are_kept_without_the_readers_address(server):
    server.answers["RCPT"] = "550 <u7@example.com> is unknown here"
    leave_mail()
    delivery.deliver(now=NOW)
    assert only().error == "550 <***> is unknown here"


def test_a_line_lost_with_one_letter_is_opened_again_for_the_next(server):
    server.answers["."] = None
    leave_mail("a")
    leave_mail("b", recipients=["user:8"])
    delivery.deliver(now=NOW)
    assert server.connections == 2
    assert set(Notice.objects.values_list("status", flat=True)) == {NoticeStatus.UNCERTAIN}


def test_no_server_at_all_loses_nothing(server):
    server.shutdown()
    server.server_close()
    leave_mail()
    delivery.deliver(now=NOW)
    assert only().status == NoticeStatus.PENDING
    assert "ConnectionRefused" in only().error


def test_an_address_no_mail_can_carry_is_dead_and_the_others_go(settings, monkeypatch):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    odd = {1: "no-at-sign", 2: "a@b.c\nBcc: x@y.z", 3: "good@example.com"}
    monkeypatch.setattr(outbox, "_addresses", {("user", "email"): lambda ids: odd})
    leave_mail(recipients=["user:1", "user:2", "user:3"])
    run = delivery.deliver(now=NOW)
    assert (run.dead, run.sent) == (2, 1)
    assert [message.to for message in mail.outbox] == [["good@example.com"]]
