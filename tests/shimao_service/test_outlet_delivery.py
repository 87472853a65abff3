"""Robots and webhooks through delivery: what waits, what is tried again, and that none holds up another."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from shimao_service import delivery, outlets
from shimao_service.models import Notice, NoticeStatus, Outlet, OutletKind
from tests.shimao_service import web_server
from tests.shimao_service.notices import NOW, leave
from tests.shimao_service.outlets import at_home, be_hasty, outlet

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("at_home", "be_hasty", "daytime", "clean_channels"),
]
__all__ = ["at_home", "be_hasty"]


@pytest.fixture
def daytime(time_machine):
    """Groups are left in peace at night; ``NOW`` is ten in the morning, for the channel's own clock as well."""
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def clean_channels(monkeypatch):
    monkeypatch.setattr(delivery, "CHANNELS", dict.fromkeys(("robot", "webhook"), outlets.OutletChannel))


@pytest.fixture
def server():
    with web_server.running() as running:
        yield running


@pytest.fixture
def silent():
    with web_server.running() as running:
        running.stalls = True
        yield running


def hook(server: web_server.WebServer, name: str = "OA", **fields) -> Outlet:
    return outlet(OutletKind.WEBHOOK, name=name, address=f"{server.url}/", secret="shared", **fields)


def tell(receiver: Outlet, count: int = 1, **fields) -> None:
    for number in range(count):
        leave(f"k{number}", recipients=[receiver.recipient], channels=("webhook",), **fields)


def stand(receiver: Outlet) -> Counter:
    return Counter(Notice.objects.filter(recipient=receiver.recipient).values_list("status", flat=True))


def test_what_is_over_the_limit_waits_and_goes_a_minute_later(server, daytime):
    receiver = hook(server, per_minute=5)
    tell(receiver, 8)
    delivery.deliver(now=NOW)
    assert stand(receiver) == {NoticeStatus.SENT: 5, NoticeStatus.PENDING: 3}
    waiting = Notice.objects.filter(status=NoticeStatus.PENDING)
    assert set(waiting.values_list("attempts", flat=True)) == {0}, "waiting for one's turn is no attempt"
    later = NOW + timedelta(minutes=2)
    daytime.move_to(later, tick=False)
    delivery.deliver(now=later)
    assert stand(receiver) == {NoticeStatus.SENT: 8}
    assert len(server.seen) == 8


def test_a_silent_one_holds_up_no_other_and_is_asked_about_one_letter_only(server, silent):
    mute, other = hook(silent, "不应答"), hook(server, "正常")
    tell(mute, 5)
    tell(other, 5)
    delivery.deliver(now=NOW)
    assert stand(other) == {NoticeStatus.SENT: 5}
    assert stand(mute) == {NoticeStatus.UNCERTAIN: 1, NoticeStatus.PENDING: 4}
    assert len(silent.seen) == 1


def test_what_is_uncertain_is_sent_again_by_a_click_under_the_same_name(server, django_user_model):
    receiver = hook(server)
    server.says(None, (200, ""))
    tell(receiver)
    delivery.deliver(now=NOW)
    assert stand(receiver) == {NoticeStatus.UNCERTAIN: 1}
    assert "连接中断" in Notice.objects.get().error
    by = django_user_model.objects.create(username="manager")
    delivery.retry([Notice.objects.get().pk], by=by, now=NOW)
    Outlet.objects.update(rests_until=None)
    delivery.deliver(now=NOW)
    assert stand(receiver) == {NoticeStatus.SENT: 1}
    first, second = (seen["headers"]["X-Shimao-Delivery"] for seen in server.seen)
    assert first == second


def test_an_error_of_theirs_is_tried_again_with_back_off(server, daytime):
    receiver = hook(server)
    server.says((503, "busy"), (200, ""))
    tell(receiver)
    delivery.deliver(now=NOW)
    notice = Notice.objects.get()
    assert (notice.status, notice.attempts) == (NoticeStatus.PENDING, 1)
    assert notice.next_attempt_at > NOW
    assert "503 busy" in notice.error
    later = NOW + timedelta(minutes=5)
    daytime.move_to(later, tick=False)
    delivery.deliver(now=later)
    assert stand(receiver) == {NoticeStatus.SENT: 1}


def test_a_refusal_is_dead_with_its_cause(server):
    receiver = hook(server)
    server.says((403, "who are you"))
    tell(receiver)
    delivery.deliver(now=NOW)
    notice = Notice.objects.get()
    assert (notice.status, notice.error) == (NoticeStatus.DEAD, "403 who are you")


def test_a_paused_one_keeps_its_letters(server, daytime, django_user_model):
    receiver = hook(server, is_active=False)
    tell(receiver, 2)
    delivery.deliver(now=NOW)
    assert stand(receiver) == {NoticeStatus.PENDING: 2}
    assert "停用" in Notice.objects.first().error
    outlets.resume(receiver, by=django_user_model.objects.create(username="m"), now=NOW)
    delivery.deliver(now=NOW)
    assert stand(receiver) == {NoticeStatus.SENT: 2}
