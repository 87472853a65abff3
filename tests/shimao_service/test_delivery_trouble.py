"""Delivery: a receiver, a line or a door in trouble holds up itself only."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shimao_service import delivery, outbox
from shimao_service.channels import Later, NotSent
from shimao_service.models import Notice, NoticeStatus
from tests.shimao_service.letters import address_book, mail, route, supervisor
from tests.shimao_service.notices import NOW, ObedientChannel, leave

pytestmark = pytest.mark.django_db
__all__ = ["address_book", "route", "supervisor"]


class Doors(ObedientChannel):
    """A channel with several receivers, of which one is in trouble."""

    def __init__(self, bad: str, trouble: Exception | None = None, *, takes: float = 0.0, clock: list[float]):
        super().__init__()
        self.bad, self.trouble, self.takes, self.clock = f"{bad}@example.com", trouble, takes, clock
        self.tried: list[str] = []

    def send(self, letter):
        self.tried.append(letter.address)
        if letter.address == self.bad:
            self.clock[0] += self.takes
            if self.trouble:
                raise self.trouble
        self.sent.append(letter)


@pytest.fixture
def clock(monkeypatch):
    """The seconds that pass while letters are sent: none by themselves."""
    seconds = [1000.0]
    monkeypatch.setattr("shimao_service.sending.time.monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def robots(monkeypatch, clock):
    def set_up(bad, trouble=None, *, takes=0.0):
        channel = Doors(bad, trouble, takes=takes, clock=clock)
        monkeypatch.setattr(delivery, "CHANNELS", {"robot": channel})
        outbox._addresses[("robot", "robot")] = lambda ids: {n: f"{n}@example.com" for n in ids}
        return channel

    return set_up


def to_robot(number, count):
    for n in range(count):
        leave(f"r{number}:{n}", recipients=[f"robot:{number}"], channels=("robot",))


@pytest.mark.parametrize("trouble", [NotSent("500"), TimeoutError()])
def test_of_a_receiver_in_trouble_one_letter_is_tried_and_the_others_wait_untouched(robots, trouble):
    channel = robots(1, trouble)
    to_robot(1, 120)
    to_robot(2, 80)
    delivery.deliver(now=NOW)
    assert channel.tried.count("1@example.com") == 1
    assert len(channel.sent) == 80
    waiting = Notice.objects.filter(recipient="robot:1", status=NoticeStatus.PENDING, attempts=0)
    assert waiting.count() == 119
    assert all(row.next_attempt_at > NOW and row.error for row in waiting)


def test_a_receiver_at_its_limit_waits_till_then_and_no_attempt_is_counted(robots):
    until = NOW + timedelta(seconds=40)
    channel = robots(1, Later(until))
    to_robot(1, 70)
    to_robot(2, 3)
    run = delivery.deliver(now=NOW)
    assert (run.sent, channel.tried.count("1@example.com")) == (3, 1)
    rows = Notice.objects.filter(recipient="robot:1")
    assert set(rows.values_list("status", "attempts", "next_attempt_at")) == {("pending", 0, until)}


def test_a_receiver_that_answers_slowly_gets_one_letter_a_run(robots):
    channel = robots(1, takes=8)
    to_robot(1, 10)
    to_robot(2, 10)
    assert delivery.deliver_channel("robot", now=NOW, seconds=60).sent == 11
    assert channel.tried.count("1@example.com") == 1
    assert Notice.objects.filter(recipient="robot:1", status=NoticeStatus.PENDING, attempts=0).count() == 9


def test_a_channel_that_wants_to_wait_as_a_whole_is_asked_once(route):
    until = NOW + timedelta(minutes=3)
    channel = route(closed=Later(until))
    for key in "abc":
        mail(key)
    delivery.deliver(now=NOW)
    assert channel.opened == 1
    assert set(Notice.objects.values_list("attempts", "next_attempt_at")) == {(0, until)}


@pytest.mark.parametrize("trouble", [NotSent("421"), TimeoutError()])
def test_a_line_that_fails_again_and_again_is_left_alone_for_a_while(route, trouble):
    route(trouble)
    for n in range(30):
        mail(f"k{n}", recipients=[f"user:{n}"])
    delivery.deliver(now=NOW)
    assert Notice.objects.filter(attempts=1).count() == 3
    untried = Notice.objects.filter(attempts=0, status=NoticeStatus.PENDING)
    assert set(untried.values_list("next_attempt_at", flat=True)) == {NOW + timedelta(minutes=1)}


def test_a_success_between_two_failures_means_that_the_line_stands(route):
    channel = route(NotSent("450"), NotSent("450"), None, NotSent("450"), NotSent("450"), None)
    for n in range(10):
        mail(f"k{n}", recipients=[f"user:{n}"])
    delivery.deliver(now=NOW)
    assert len(channel.sent) == 6
