"""Folding: several to one reader leave as one letter, and no row is lost, doubled or sent twice by it."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shimao_service import delivery, folding, outbox
from shimao_service.channels import Later, NotSent, Refused
from shimao_service.models import Notice, NoticeStatus, User
from tests.shimao_service.letters import route
from tests.shimao_service.notices import NOW, leave

pytestmark = pytest.mark.django_db
__all__ = ["route"]
WINDOW = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def folds(letters_leave_at_once, settings, monkeypatch):
    settings.FOLD_SECONDS = 120
    book = lambda ids: {n: f"{n}@example.com" for n in ids}  # noqa: E731
    monkeypatch.setattr(outbox, "_addresses", {(reader, "email"): book for reader in ("user", "owner", "robot")})


@pytest.fixture
def alone(monkeypatch):
    """Nobody else delivers: no connection of its own is opened, run after run, to find that out."""
    monkeypatch.setattr(delivery, "_place", lambda _name: nullcontext(True))


def mail(key, **changes):
    leave(key, **({"channels": ("email",), "title": f"到期 {key}", "url": f"/tickets/{key}/"} | changes))


def statuses():
    return set(Notice.objects.values_list("status", flat=True))


def test_several_in_a_short_span_leave_as_one_letter_that_lists_them_all(route):
    channel = route()
    for n, key in enumerate("abc"):
        mail(key, now=NOW + timedelta(seconds=30 * n))
    delivery.deliver(now=NOW + timedelta(seconds=119))
    assert not channel.sent, "the first of them waits for company"
    assert delivery.deliver(now=NOW + WINDOW).sent == 3
    (letter,) = channel.sent
    assert letter.title == "到期 a 等 3 条提醒"
    for key in "abc":
        assert f"到期 {key}\n   http://127.0.0.1:8000/tickets/{key}/" in letter.body
    first, *others = Notice.objects.order_by("pk")
    assert first.folded_into is None
    assert {other.folded_into for other in others} == {first}
    assert {(row.status, row.attempts) for row in (first, *others)} == {(NoticeStatus.SENT, 1)}


def test_one_alone_leaves_as_it_is(route):
    channel = route()
    mail("a")
    delivery.deliver(now=NOW + WINDOW)
    assert [(letter.title, letter.link) for letter in channel.sent] == [("到期 a", "http://127.0.0.1:8000/tickets/a/")]


def test_the_same_reminder_again_is_one_line_with_a_count(route):
    channel = route()
    for key in "ab":
        mail(key, title="请尽快接单", url="/tickets/1/")
    delivery.deliver(now=NOW + WINDOW)
    assert "1. 请尽快接单（2 次）" in channel.sent[0].body
    assert "2. " not in channel.sent[0].body


@pytest.mark.parametrize("recipient", ["owner:7", "robot:7"])
def test_letters_to_owners_and_groups_leave_by_themselves_at_once(route, recipient):
    channel = route()
    mail("a", recipients=[recipient])
    mail("b", recipients=[recipient])
    delivery.deliver(now=NOW)
    assert len(channel.sent) == 2


def test_what_is_urgent_waits_for_nobody_and_carries_nobody(route):
    channel = route()
    mail("a")
    mail("b", urgent=True)
    delivery.deliver(now=NOW)
    assert [letter.title for letter in channel.sent] == ["到期 b"]
    delivery.deliver(now=NOW + WINDOW)
    assert [letter.title for letter in channel.sent] == ["到期 b", "到期 a"]


def test_a_list_too_long_to_read_goes_in_several_letters(route):
    channel = route()
    for n in range(folding.MOST + 5):
        mail(f"k{n}")
    delivery.deliver(now=NOW + WINDOW)
    assert [letter.title.split("等 ")[1] for letter in channel.sent] == [f"{folding.MOST} 条提醒", "5 条提醒"]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (Refused("550"), NoticeStatus.DEAD),
        (ConnectionResetError(), NoticeStatus.UNCERTAIN),
        (NotSent("451"), NoticeStatus.PENDING),
    ],
)
def test_what_becomes_of_the_letter_becomes_of_every_row(route, trouble, status):
    route(trouble)
    for key in "abc":
        mail(key)
    delivery.deliver(now=NOW + WINDOW)
    rows = Notice.objects.order_by("pk")
    assert {row.status for row in rows} == {status}
    assert len({row.next_attempt_at for row in rows}) == 1
    carried = {row.folded_into_id for row in rows}
    assert carried == ({None} if status == NoticeStatus.PENDING else {None, rows[0].pk})


def test_a_letter_put_off_by_a_limit_counts_no_attempt_and_leaves_whole_later(route):
    until = NOW + timedelta(minutes=10)
    channel = route(Later(until), None)
    for key in "abc":
        mail(key)
    delivery.deliver(now=NOW + WINDOW)
    assert set(Notice.objects.values_list("status", "attempts", "next_attempt_at")) == {("pending", 0, until)}
    delivery.deliver(now=until)
    assert len(channel.sent) == 1
    assert statuses() == {NoticeStatus.SENT}


def test_one_of_an_uncertain_letter_can_be_sent_again_by_itself(route):
    channel = route(TimeoutError(), None)
    for key in "abc":
        mail(key)
    delivery.deliver(now=NOW + WINDOW)
    last = Notice.objects.order_by("-pk").first()
    delivery.retry([last.pk], by=User.objects.create(username="supervisor"), now=NOW + WINDOW)
    delivery.deliver(now=NOW + WINDOW)
    assert [letter.title for letter in channel.sent] == ["到期 c"]
    last.refresh_from_db()
    assert (last.status, last.folded_into) == (NoticeStatus.SENT, None)


def test_one_whose_link_cannot_be_made_waits_and_the_others_go(route, monkeypatch):
    channel = route()
    monkeypatch.setattr(outbox, "_links", {})
    mail("a")
    mail("b", link="track:81")
    mail("c")
    run = delivery.deliver(now=NOW + WINDOW)
    assert (run.sent, run.postponed, len(channel.sent)) == (2, 1, 1)
    assert Notice.objects.get(key="b").status == NoticeStatus.PENDING


def test_a_letter_that_failed_before_is_not_sent_earlier_because_another_is_due(route):
    channel = route(NotSent("451"), None)
    mail("a")
    delivery.deliver(now=NOW + WINDOW)
    waits_until = Notice.objects.get().next_attempt_at
    mail("b", now=NOW - timedelta(hours=1))
    delivery.deliver(now=NOW + WINDOW)
    assert [letter.title for letter in channel.sent] == ["到期 b"]
    assert Notice.objects.get(key="a").next_attempt_at == waits_until


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    letters=st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 240), st.booleans(), st.sampled_from(["user", "owner"])),
        max_size=25,
    ),
    troubles=st.lists(
        st.sampled_from(
            [None, None, NotSent("451"), Refused("550"), TimeoutError(), Later(NOW + timedelta(minutes=5))]
        ),
        max_size=10,
    ),
)
def test_whatever_is_due_when_and_whatever_goes_wrong_each_row_is_told_once_or_its_fate_is_known(
    route, alone, letters, troubles
):
    Notice.objects.all().delete()
    channel = route(*troubles, None)
    for n, (reader, seconds, urgent, kind) in enumerate(letters):
        at = NOW + timedelta(seconds=seconds)
        mail(f"k{n}", recipients=[f"{kind}:{reader}"], urgent=urgent, now=at, title=f"<k{n}>")
    for minutes in (*range(10), 60, 600, 6000):
        delivery.deliver(now=NOW + timedelta(minutes=minutes))
    told = [
        f"<k{n}>" for n in range(len(letters)) for letter in channel.sent if f"<k{n}>" in letter.title + letter.body
    ]
    rows = Notice.objects.all()
    assert rows.count() == len(letters)
    assert sorted(told) == sorted(set(told)), "nothing is told twice"
    assert sorted(told) == sorted(row.title for row in rows if row.status == NoticeStatus.SENT)
    assert statuses() <= {NoticeStatus.SENT, NoticeStatus.DEAD, NoticeStatus.UNCERTAIN}
    assert all(row.folded_into is None or row.folded_into.folded_into is None for row in rows)


@given(rows=st.lists(st.tuples(st.sampled_from(["user:1", "user:2", "owner:1"]), st.booleans()), max_size=80))
def test_gathering_puts_every_row_in_exactly_one_group(rows):
    notices = [Notice(pk=n, recipient=reader, urgent=urgent) for n, (reader, urgent) in enumerate(rows)]
    groups = folding.gather(notices)
    assert sorted(row.pk for group in groups for row in group) == list(range(len(rows)))
    for group in groups:
        assert len(group) <= folding.MOST
        assert len({row.recipient for row in group}) == 1
        assert len(group) == 1 or not any(row.urgent for row in group)
