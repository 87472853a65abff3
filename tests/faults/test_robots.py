"""Receivers that fail, are silent, dawdle and hang up: only their letters wait, and none leaves twice by itself."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from shimao_service import delivery, outlets, robots, webhooks
from shimao_service.lines import Patience
from shimao_service.models import Notice, NoticeStatus, Outlet, User
from tests.shimao_service.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LETTERS = 3


@pytest.fixture(autouse=True)
def hasty(settings, monkeypatch):
    """Receivers on this machine may be called, and are not waited for long."""
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    for module in (robots, webhooks):
        monkeypatch.setattr(module, "PATIENCE", Patience(connect=2, read=0.3, total=0.6))


@pytest.fixture
def outlet(receiver, db):
    """``outlet("robot", "/a", "silent")``: one that leads to the receiver, at whose path it behaves like that."""

    def make(channel: str, path: str, mood: str) -> Outlet:
        receiver.moods[path] = mood
        scheme, kind = ("json", "apprise") if channel == "robot" else ("http", "webhook")
        return Outlet.objects.create(
            kind=kind, name=path, address=f"{scheme}://{receiver.place}{path}", secret="a-secret", per_minute=1000
        )

    return make


def tell_group(ledger, outlet: Outlet, name: str, *, now) -> None:
    marks = [f"{name}{n}" for n in range(LETTERS)]
    ledger.tell(*marks, recipients=[outlet.recipient], channels=[outlet.channel], now=now)


def standing(outlet: Outlet) -> dict[str, int]:
    return outlets.standing([outlet])[outlet.pk]


@pytest.mark.parametrize("channel", ["robot", "webhook"])
@pytest.mark.parametrize(
    ("mood", "becomes", "taken"),
    [
        pytest.param("silent", NoticeStatus.UNCERTAIN, 1, id="times out"),
        pytest.param("dawdles", NoticeStatus.UNCERTAIN, 1, id="answers slowly"),
        pytest.param("hangs up", NoticeStatus.UNCERTAIN, 1, id="drops the line in its answer"),
        pytest.param("fails", NoticeStatus.PENDING, 0, id="answers 500"),
    ],
)
def test_one_bad_receiver_holds_up_its_own_letters_only(
    ledger, receiver, mail, reader, outlet, channel, mood, becomes, taken
):
    bad, good = outlet(channel, "/bad", mood), outlet(channel, "/good", "takes")
    now = timezone.now()
    tell_group(ledger, bad, "bad", now=now)
    tell_group(ledger, good, "good", now=now)
    ledger.tell("mail", recipients=[f"user:{reader.pk}"], now=now)

    delivery.deliver()

    assert len(receiver.taken_at("/good")) == LETTERS
    assert len(mail.letters) == 1
    assert receiver.calls.count("/bad") == 1, "who is in trouble is not asked for each letter"
    assert len(receiver.taken_at("/bad")) == taken
    letters = list(Notice.objects.filter(recipient=bad.recipient).order_by("pk"))
    assert [row.status for row in letters] == [becomes, NoticeStatus.PENDING, NoticeStatus.PENDING]
    assert all(row.next_attempt_at > now for row in letters[1:]), "they wait for better times"
    assert not ledger.broken(outside(receiver, mail), now=timezone.now())


def outside(receiver, mail) -> list[str]:
    return [*receiver.texts, *(str(letter["Subject"]) for letter in mail.letters)]


def test_what_is_uncertain_is_shown_asked_about_and_sent_again_only_by_a_click(ledger, receiver, mail, client, outlet):
    admin = User.objects.create(username="admin", is_superuser=True)
    client.force_login(admin, backend="staff.authentication.EmployeeBackend")
    bad = outlet("robot", "/bad", "silent")
    tell_group(ledger, bad, "bad", now=timezone.now())
    # Left alone for as long as it takes, each of them is tried once; none is tried twice.
    now = timezone.now()
    for _minute in range(3 * LETTERS):
        now += timedelta(minutes=2)
        Outlet.objects.update(rests_until=None)
        delivery.deliver(now=now)
    assert standing(bad) == {"uncertain": LETTERS}
    assert len(receiver.taken_at("/bad")) == LETTERS
    assert not ledger.broken(outside(receiver, mail), now=now)
    page = client.get("/inbox/outbox/").content.decode()
    assert Notice.objects.first().error in page

    receiver.moods["/bad"] = "takes"
    Outlet.objects.update(rests_until=None)
    click = {"do": "retry", "ids": ledger.press_retry(Notice.objects.order_by("pk")[:1])}
    for _impatient in range(2):
        client.post("/inbox/outbox/decide/", click)
    now = timezone.now()
    for _run in range(3):
        delivery.deliver(now=now)
    assert len(receiver.taken_at("/bad")) == LETTERS + 1
    assert standing(bad) == {"uncertain": LETTERS - 1}
    assert not ledger.broken(outside(receiver, mail), now=now)


def test_a_receiver_that_fails_for_a_while_gets_everything_once_when_it_is_back(ledger, receiver, mail, outlet):
    failing = outlet("webhook", "/hook", "fails")
    now = timezone.now()
    tell_group(ledger, failing, "hook", now=now)
    for _minute in range(5):
        delivery.deliver(now=now)
        Outlet.objects.update(rests_until=None)
        now += timedelta(minutes=2)
    assert not receiver.taken and len(receiver.calls) >= 3
    receiver.moods["/hook"] = "takes"
    now += delivery.LONGEST_WAIT * 2
    for _run in range(3):
        delivery.deliver(now=now)
    assert len(receiver.taken) == LETTERS
    assert standing(failing) == {}
    assert not ledger.broken(outside(receiver, mail), now=now)


def test_a_silent_robot_does_not_keep_other_workers_from_the_mail(ledger, receiver, mail, reader, outlet, monkeypatch):
    """While one worker is still waiting for it, another delivers everything else."""
    monkeypatch.setattr(robots, "PATIENCE", Patience(connect=2, read=30, total=30))
    bad = outlet("robot", "/bad", "silent")
    now = timezone.now()
    tell_group(ledger, bad, "bad", now=now)

    def wait_for_the_robot() -> None:
        try:
            delivery.deliver_channel("robot")
        finally:
            connection.close()

    waiting = threading.Thread(target=wait_for_the_robot)
    waiting.start()
    try:
        wait_until(lambda: receiver.taken_at("/bad"))
        ledger.tell("mail", recipients=[f"user:{reader.pk}"], now=now)
        assert delivery.deliver_channel("robot").busy, "its own channel has one run at a time"
        delivery.deliver()
        assert len(mail.letters) == 1
    finally:
        receiver.over.set()
        waiting.join(60)
    assert standing(bad) == {"uncertain": 1, "pending": LETTERS - 1}
    assert not ledger.broken(outside(receiver, mail), now=timezone.now())
