"""Setting up channels: what is kept, what waits, what may be deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shimao_service import outbox, outlets
from shimao_service.exceptions import Conflict, Invalid, TooMany
from shimao_service.models import Notice, NoticeStatus, Outlet, OutletKind, Verdict
from shimao_service.outlets import Outcome
from tests.shimao_service.notices import NOW, leave
from tests.shimao_service.outlets import WECOM, outlet

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(django_user_model):
    return django_user_model.objects.create(username="manager", name="王志强")


@pytest.fixture(autouse=True)
def topics(monkeypatch):
    monkeypatch.setattr(outlets, "TOPICS", {})
    outlets.register_topics([outlets.Topic("critical", "特急"), outlets.Topic("moved", "进展", channels=("webhook",))])


def create(by, **fields) -> Outlet:
    values = {
        "kind": OutletKind.WECOM, "name": " 滨江  客服群 ", "scope": "project:3", "address": WECOM,
        "topics": ["critical"],
    }  # fmt: skip
    return outlets.create(**(values | fields), by=by, now=NOW)


def test_a_new_robot_keeps_what_was_said_about_it(by):
    made = create(by)
    found = Outlet.objects.get()
    assert (found.name, found.scope, found.topics) == ("滨江 客服群", "project:3", ["critical"])
    assert (found.address, found.secret, found.changed_by) == (WECOM, None, by)
    assert found.recipient == f"robot:{made.pk}"


def test_two_channels_never_share_a_name(by):
    create(by)
    with pytest.raises(Invalid) as refused:
        create(by)
    assert "name" in refused.value.fields


@pytest.mark.parametrize("topics", [[], ["nonsense"], ["moved"]])
def test_something_it_could_be_told_must_be_chosen(by, topics):
    with pytest.raises(Invalid) as refused:
        create(by, topics=topics)
    assert "topics" in refused.value.fields


def test_a_webhook_s_secret_is_made_here_and_can_be_renewed(by):
    hook = create(by, kind=OutletKind.WEBHOOK, address="https://example.cn/", secret="typed by somebody")
    first = hook.secret
    assert first != "typed by somebody"
    assert len(first) >= 32
    second = outlets.renew_secret(hook, by=by, now=NOW)
    assert second != first
    assert Outlet.objects.get().secret == second


def test_an_empty_address_leaves_the_old_one(by):
    robot = create(by)
    outlets.change(robot, name="别的名字", topics=["critical"], per_minute=5, by=by, now=NOW)
    found = Outlet.objects.get()
    assert (found.name, found.per_minute, found.address) == ("别的名字", 5, WECOM)


def test_a_channel_whose_key_is_lost_is_not_written_over_by_other_changes(by):
    """Its address reads as cipher text; saving that again would bury it for good."""
    from django.db import connection

    robot = create(by)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shimao_service_outlet SET address = 'gAAAAAB-of-another-key'")
    robot = Outlet.objects.get()
    assert not robot.is_readable
    outlets.change(robot, name="新名字", topics=["critical"], per_minute=20, by=by, now=NOW)
    outlets.pause(robot, by=by, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM shimao_service_outlet")
        assert cursor.fetchone() == ("gAAAAAB-of-another-key",)
    outlets.change(robot, name="新名字", topics=["critical"], per_minute=20, address=WECOM, by=by, now=NOW)
    assert Outlet.objects.get().is_readable


def test_nothing_is_deleted_while_letters_wait_or_need_a_decision(by):
    robot = create(by)
    leave(recipients=[robot.recipient], channels=("robot",))
    with pytest.raises(Conflict):
        outlets.delete(robot, by=by)
    Notice.objects.update(status=NoticeStatus.UNCERTAIN, next_attempt_at=None, error="?")
    with pytest.raises(Conflict):
        outlets.delete(robot, by=by)
    Notice.objects.update(status=NoticeStatus.CANCELLED)
    outlets.delete(robot, by=by)
    outlets.delete(robot, by=by)
    assert not Outlet.objects.exists()


def test_waiting_letters_can_be_withdrawn_others_cannot(by):
    robot, other = create(by), outlet(OutletKind.FEISHU)
    leave("a", recipients=[robot.recipient, other.recipient], channels=("robot",))
    assert outlets.withdraw(robot, by=by, now=NOW) == 1
    assert Notice.objects.get(recipient=robot.recipient).status == NoticeStatus.CANCELLED
    assert Notice.objects.get(recipient=other.recipient).status == NoticeStatus.PENDING


def test_what_waited_while_it_was_paused_goes_when_it_is_resumed(by):
    robot = create(by)
    leave(recipients=[robot.recipient], channels=("robot",))
    outlets.pause(robot, by=by, now=NOW)
    Notice.objects.update(next_attempt_at=NOW + timedelta(minutes=10))
    outlets.resume(robot, by=by, now=NOW)
    assert Notice.objects.get().next_attempt_at == NOW
    assert Outlet.objects.get().is_active


def test_letters_are_counted_by_where_they_stand(by):
    robot, idle = create(by), outlet(OutletKind.FEISHU)
    leave("a", recipients=[robot.recipient], channels=("robot",))
    leave("b", recipients=[robot.recipient], channels=("robot",))
    Notice.objects.filter(key="b").update(status=NoticeStatus.DEAD, next_attempt_at=None, error="93000")
    leave("c", recipients=["robot:99"], channels=("robot",))
    assert outlets.standing([robot, idle]) == {robot.pk: {"pending": 1, "dead": 1}, idle.pk: {}}


def test_tests_are_few_a_minute(by, monkeypatch):
    monkeypatch.setitem(outlets.SENDERS, OutletKind.WECOM, lambda outlet, letter: Outcome(Verdict.SENT, "200 ok", 200))
    robot = create(by)
    for _turn in range(3):
        assert outlets.test(robot, by=by, now=NOW).verdict == Verdict.SENT
    with pytest.raises(TooMany):
        outlets.test(robot, by=by, now=NOW)
    assert robot.attempts.count() == 3


def test_operations_read_a_channel_s_name(by):
    robot = create(by)
    assert outbox.names([robot.recipient]) == {robot.recipient: "滨江 客服群"}
    assert outbox.addresses([robot.recipient], channel="robot") == {robot.recipient: str(robot.pk)}


def test_no_secret_is_in_a_channel_s_own_words(by):
    robot = create(by, secret="SEC0123456789")
    assert WECOM not in f"{robot} {robot!r}"
    assert outlets.scrub(f"see {WECOM} now", WECOM) == "see *** now"
    assert outlets.scrub("a https://x.cn/hook/abc?k=1 b\nc") == "a https://x.cn/… b c"
