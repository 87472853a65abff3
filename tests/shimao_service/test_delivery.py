"""Delivery: what becomes of a letter that goes out, is refused, finds nobody, or is lost on the way."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from shimao_service import claims, delivery, outbox
from shimao_service.channels import Later, NotSent, Refused
from shimao_service.models import Notice, NoticeStatus, User
from tests.shimao_service.notices import NOW, ObedientChannel, leave, only

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def address_book(monkeypatch):
    monkeypatch.setattr(
        outbox, "_addresses", {("user", "email"): lambda ids: {n: f"{n}@example.com" for n in ids if n < 100}}
    )


@pytest.fixture
def route(monkeypatch):
    """``route(channel)``: the only way out is this channel."""

    def set_up(*errors, **more):
        channel = ObedientChannel(*errors, **more)
        monkeypatch.setattr(delivery, "CHANNELS", {"email": channel})
        return channel

    return set_up


@pytest.fixture
def supervisor(db):
    return User.objects.create(username="supervisor")


def mail(key="k", **changes):
    leave(key, channels=("email",), **changes)


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
    assert not delivery.is_due(now=NOW)
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


def test_a_failure_is_tried_again_later_and_not_before(route):
    channel = route(NotSent("451 later"), None)
    mail()
    assert delivery.deliver(now=NOW).postponed == 1
    row = only()
    assert (row.status, row.error) == (NoticeStatus.PENDING, "451 later")
    assert timedelta(seconds=45) < row.next_attempt_at - NOW < timedelta(seconds=75)
    delivery.deliver(now=NOW + timedelta(seconds=30))
    assert not channel.sent
    delivery.deliver(now=NOW + timedelta(minutes=2))
    assert len(channel.sent) == 1
    assert (only().status, only().error) == (NoticeStatus.SENT, "")


def test_a_letter_that_always_fails_ends_as_a_dead_one_that_keeps_its_cause(route):
    route(NotSent("451 later"))
    mail()
    now = NOW
    for _attempt in range(delivery.MAX_ATTEMPTS + 5):
        delivery.deliver(now=now)
        now += delivery.LONGEST_WAIT * 2
    row = only()
    assert (row.status, row.attempts, row.error) == (NoticeStatus.DEAD, delivery.MAX_ATTEMPTS, "451 later")


@given(attempts=st.integers(1, 40_000))
def test_waits_grow_to_a_cap_and_never_vanish(attempts):
    wait = delivery.wait_after(attempts)
    assert delivery.FIRST_WAIT * 0.79 <= wait <= delivery.LONGEST_WAIT * 1.21
    assert attempts < 10 or wait >= delivery.LONGEST_WAIT * 0.79


def test_a_refused_letter_is_dead_at_once_and_the_others_go(route):
    channel = route(Refused("550 no such mailbox"), None)
    mail("a")
    mail("b")
    run = delivery.deliver(now=NOW)
    assert (run.dead, run.sent) == (1, 1)
    assert Notice.objects.get(status=NoticeStatus.DEAD).error == "550 no such mailbox"
    assert len(channel.sent) == 1


def test_a_reader_without_an_address_is_dead_with_a_clear_reason_and_no_line_is_opened(route):
    channel = route()
    mail(recipients=["user:700"])
    delivery.deliver(now=NOW)
    assert (only().status, only().error) == (NoticeStatus.DEAD, "收件人没有登记可用的地址。")
    assert channel.opened == 0


@pytest.mark.parametrize("trouble", [NotSent("connection refused"), ZeroDivisionError()])
def test_when_nobody_answers_all_wait_and_the_door_is_tried_once(route, trouble):
    channel = route(closed=trouble)
    for key in "abc":
        mail(key)
    assert delivery.deliver(now=NOW).postponed == 3
    assert channel.opened == 1
    assert all(row.error and row.next_attempt_at > NOW for row in Notice.objects.all())


def test_a_line_lost_while_sending_leaves_it_uncertain_and_nothing_sends_it_again_by_itself(route):
    channel = route(ConnectionResetError("peer"), None)
    mail()
    assert delivery.deliver(now=NOW).uncertain == 1
    row = only()
    assert row.status == NoticeStatus.UNCERTAIN
    assert "ConnectionResetError" in row.error
    for days in (1, 30):
        delivery.deliver(now=NOW + timedelta(days=days))
    assert not channel.sent


def test_an_uncertain_one_is_sent_again_by_a_click_that_is_remembered(route, supervisor):
    channel = route(TimeoutError(), None)
    mail()
    delivery.deliver(now=NOW)
    assert delivery.retry([only().pk], by=supervisor, now=NOW) == 1
    delivery.deliver(now=NOW)
    assert len(channel.sent) == 1
    assert (only().status, only().handled_by, only().handled_at) == (NoticeStatus.SENT, supervisor, NOW)


def test_of_two_clicks_one_counts(route, supervisor):
    route(Refused("550"))
    mail()
    delivery.deliver(now=NOW)
    assert delivery.retry([only().pk], by=supervisor, now=NOW) == 1
    assert delivery.retry([only().pk], by=supervisor, now=NOW) == 0
    assert delivery.discard([only().pk], by=supervisor, now=NOW) == 0


def test_one_that_is_let_be_keeps_its_cause_and_never_leaves(route, supervisor):
    channel = route(Refused("550 gone"), None)
    mail()
    delivery.deliver(now=NOW)
    delivery.discard([only().pk], by=supervisor, now=NOW)
    delivery.deliver(now=NOW + timedelta(days=1))
    assert (only().status, only().error, channel.sent) == (NoticeStatus.CANCELLED, "550 gone", [])


def test_a_maker_of_links_that_breaks_holds_up_its_own_letter_only(route, monkeypatch):
    channel = route()
    monkeypatch.setattr(outbox, "_links", {})
    mail("a", link="track:81")
    mail("b")
    run = delivery.deliver(now=NOW)
    assert (run.sent, run.postponed) == (1, 1)
    assert Notice.objects.get(status=NoticeStatus.PENDING).key == "a"
    assert len(channel.sent) == 1


def test_one_broken_channel_holds_up_no_other(monkeypatch):
    good = ObedientChannel()

    def broken_book(ids):
        raise ZeroDivisionError

    monkeypatch.setattr(delivery, "CHANNELS", {"robot": ObedientChannel(), "email": good})
    outbox._addresses[("user", "robot")] = broken_book
    leave(channels=("robot", "email"))
    assert delivery.deliver(now=NOW).sent == 1
    robot = Notice.objects.get(channel="robot")
    assert (robot.status, robot.attempts) == (NoticeStatus.PENDING, 0)


def test_when_time_is_up_the_rest_waits_as_if_untouched(route, monkeypatch):
    channel = route()
    monkeypatch.setattr(delivery.Run, "is_over", property(lambda run: run.sent >= 2))
    for key in "abcde":
        mail(key)
    run = delivery.deliver(now=NOW)
    assert (run.sent, run.more, len(channel.sent)) == (2, True, 2)
    waiting = Notice.objects.filter(status=NoticeStatus.PENDING)
    assert set(waiting.values_list("attempts", "next_attempt_at")) == {(0, NOW)}
    assert waiting.count() == 3


# --- leases --------------------------------------------------------------------------------------
def begin(*, now=NOW):
    """Claim the only letter and begin it, as a sender does just before it sends."""
    (claimed,) = delivery.claim("email", now=now)
    assert claims.turn(None, [claimed], now=now) == [claimed]
    return claimed


def sent(claimed):
    claims.turn(claims.Outcome([[claimed]], NoticeStatus.SENT, sent_at=NOW), (), now=NOW)


def test_a_claim_is_nobody_else_s_until_its_lease_ends_and_what_was_not_begun_goes_then(route):
    channel = route()
    mail()
    assert len(delivery.claim("email", now=NOW)) == 1
    assert delivery.claim("email", now=NOW) == []
    delivery.deliver(now=NOW + delivery.LEASE - timedelta(seconds=1))
    assert only().status == NoticeStatus.SENDING
    delivery.deliver(now=NOW + delivery.LEASE + timedelta(seconds=1))
    assert (only().status, only().attempts, len(channel.sent)) == (NoticeStatus.SENT, 1, 1)


def test_a_letter_that_was_begun_and_never_ended_is_uncertain_and_stays(route):
    channel = route()
    mail()
    begin()
    delivery.deliver(now=NOW + delivery.LEASE + timedelta(seconds=1))
    assert only().status == NoticeStatus.UNCERTAIN
    assert not channel.sent


def test_of_a_claim_whose_sender_died_only_the_letter_it_had_begun_is_uncertain(route):
    channel = route()
    for key in "abcde":
        mail(key)
    claimed = delivery.claim("email", now=NOW)
    claims.turn(None, claimed[:1], now=NOW)
    delivery.deliver(now=NOW + timedelta(hours=1))
    assert Notice.objects.get(status=NoticeStatus.UNCERTAIN).pk == claimed[0].pk
    assert len(channel.sent) == 4


def test_a_sender_that_slept_past_its_lease_begins_nothing_that_another_took(route):
    route()
    mail()
    (slow,) = delivery.claim("email", now=NOW)
    later = NOW + timedelta(hours=1)
    delivery.expire(now=later)
    begin(now=later)
    assert claims.turn(None, [slow], now=later) == []


def test_a_slow_sender_may_still_say_what_became_of_its_letter(route):
    route()
    mail()
    claimed = begin()
    delivery.expire(now=NOW + timedelta(hours=1))
    assert only().status == NoticeStatus.UNCERTAIN
    sent(claimed)
    assert (only().status, only().error) == (NoticeStatus.SENT, "")


def test_a_slow_sender_does_not_undo_what_somebody_decided(route, supervisor):
    route()
    mail()
    claimed = begin()
    delivery.expire(now=NOW + timedelta(hours=1))
    delivery.retry([claimed.pk], by=supervisor, now=NOW)
    sent(claimed)
    assert only().status == NoticeStatus.PENDING


def test_a_slow_sender_does_not_speak_for_the_next_one(route, supervisor):
    route()
    mail()
    slow = begin()
    later = NOW + timedelta(hours=1)
    delivery.expire(now=later)
    delivery.retry([slow.pk], by=supervisor, now=later)
    begin(now=later)
    sent(slow)
    assert only().status == NoticeStatus.SENDING


@pytest.mark.django_db(transaction=True)
def test_a_claim_neither_waits_for_nor_takes_what_another_is_just_claiming():
    for key in "abcd":
        mail(key)
    held, may_end = threading.Event(), threading.Event()

    def hold_two():
        with transaction.atomic():
            list(Notice.objects.select_for_update().filter(key__in="ab"))
            held.set()
            may_end.wait(20)
        connection.close()

    thread = threading.Thread(target=hold_two)
    thread.start()
    try:
        assert held.wait(10)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert {notice.key for notice in delivery.claim("email", now=NOW)} == {"c", "d"}
    finally:
        may_end.set()
        thread.join()
        connection.close()


# --- what is in trouble holds up itself only -----------------------------------------------------
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


# --- runs ----------------------------------------------------------------------------------------
def test_a_channel_has_only_so_many_runs_at_once(route, monkeypatch):
    channel = route()
    monkeypatch.setattr(delivery, "RUNS_AT_ONCE", {"email": 1})
    mail()
    with delivery._place("email") as mine:
        assert mine
        assert delivery.deliver_channel("email", now=NOW).busy
        assert not channel.sent
    assert delivery.deliver_channel("email", now=NOW).sent == 1


def test_a_run_of_one_channel_does_not_keep_another_from_its_own(route):
    route()
    mail()
    with delivery._place("robot"):
        assert delivery.deliver_channel("email", now=NOW).sent == 1


def test_what_comes_in_with_the_last_look_is_rung_for_again(route, monkeypatch):
    route()
    monkeypatch.setattr(delivery.Sender, "work", lambda self: mail() or True)
    assert delivery.deliver_channel("email", now=NOW).more


def test_a_closed_door_is_not_knocked_at_again_at_once(route):
    route(closed=NotSent("refused"))
    for n in range(120):
        mail(f"k{n}", recipients=[f"user:{n % 90}"])
    assert not delivery.deliver_channel("email", now=NOW).more


def test_a_channel_that_is_not_there_leaves_its_letters_alone(monkeypatch):
    monkeypatch.setattr(delivery, "CHANNELS", {})
    mail()
    assert delivery.deliver_channel("email", now=NOW).sent == 0
    assert only().status == NoticeStatus.PENDING


def test_a_letter_s_fate_is_written_when_the_next_is_begun_and_with_the_last_one_too(route):
    route()
    for key in "abc":
        mail(key)
    delivery.deliver(now=NOW)
    assert set(Notice.objects.values_list("status", "attempts", "lease_until")) == {("sent", 1, None)}


def test_a_link_that_can_never_be_made_ends_as_a_dead_letter(route, monkeypatch):
    route()
    monkeypatch.setattr(outbox, "_links", {})
    mail(link="track:81")
    for n in range(delivery.MAX_ATTEMPTS + 2):
        delivery.deliver(now=NOW + n * 2 * delivery.LONGEST_WAIT)
    assert (only().status, only().attempts < delivery.MAX_ATTEMPTS) == (NoticeStatus.DEAD, True)
    assert "track" in only().error
