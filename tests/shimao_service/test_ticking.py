"""The tick: every source asked, one at a time, and nothing twice however often and late it comes."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.module_loading import import_string

from shimao_service import beat, claims, delivery, health, outbox, ticking
from shimao_service.celery import app
from shimao_service.models import Heartbeat, Notice, NoticeStatus
from tests.shimao_service import notices
from tests.shimao_service.notices import NOW, ObedientChannel, leave

ONE = "tests.shimao_service.notices.remind_of_one"
ANOTHER = "tests.shimao_service.notices.remind_of_another"
BROKEN = "tests.shimao_service.notices.break_down"

pytestmark = pytest.mark.django_db


@pytest.fixture
def rings(monkeypatch):
    """How often delivery was rung for; nobody comes."""
    heard: list[str] = []
    monkeypatch.setattr(outbox, "wake", lambda channel: heard.append(channel) or True)
    return heard


@pytest.fixture
def sources(monkeypatch):
    def set_up(*paths):
        monkeypatch.setattr(beat, "TICK", list(paths))

    return set_up


def test_a_tick_asks_every_source_and_leaves_a_sign_of_life(sources, rings):
    sources(ONE, ANOTHER)
    done = ticking.tick(now=NOW)
    assert done.ran
    assert done.found == {ONE: 2, ANOTHER: 1}
    heartbeat = Heartbeat.objects.get()
    assert heartbeat.at == NOW
    assert heartbeat.detail["found"] == {ONE: 2, ANOTHER: 1}
    assert rings


def test_a_tick_repeated_late_or_doubled_leaves_the_same_rows(sources, rings):
    sources(ONE, ANOTHER)
    for late in (0, 0, 1, 60, 24 * 60):
        ticking.tick(now=NOW + timedelta(minutes=late))
    assert Notice.objects.count() == 3
    assert Heartbeat.objects.get().at == NOW + timedelta(days=1)


def test_a_source_that_breaks_is_named_and_stops_no_other(sources, rings):
    sources(BROKEN, "nowhere.to.be.found", ONE)
    done = ticking.tick(now=NOW)
    assert done.found == {ONE: 2}
    errors = Heartbeat.objects.get().detail["errors"]
    assert errors[BROKEN] == "ZeroDivisionError: a source with a bug"
    assert "ModuleNotFoundError" in errors["nowhere.to.be.found"]


@pytest.mark.django_db(transaction=True)
def test_a_source_whose_statement_breaks_stops_no_other(sources, rings, monkeypatch):
    def ask_nonsense(now):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    monkeypatch.setattr(notices, "break_down", ask_nonsense)
    sources(BROKEN, ONE)
    done = ticking.tick(now=NOW)
    assert "division by zero" in done.errors[BROKEN]
    assert done.found == {ONE: 2}


@pytest.mark.django_db(transaction=True)
def test_a_second_tick_at_the_same_time_returns_at_once(sources, rings, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def take_long(now):
        begun.set()
        assert may_end.wait(10)
        return 0

    monkeypatch.setattr(notices, "break_down", take_long)
    sources(BROKEN)
    first: list[ticking.Tick] = []

    def run():
        first.append(ticking.tick(now=NOW))
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(10)
        assert not ticking.tick(now=NOW).ran
    finally:
        may_end.set()
        thread.join()
    assert first[0].ran
    assert ticking.tick(now=NOW).ran, "the lock was given back"


def test_a_tick_shows_what_a_dead_sender_left_behind(sources, rings):
    sources()
    leave(channels=("email",))
    claims.turn(None, delivery.claim("email", now=NOW), now=NOW)
    ticking.tick(now=NOW + timedelta(hours=1))
    assert Notice.objects.get().status == NoticeStatus.UNCERTAIN


def test_a_tick_rings_for_what_nobody_came_for_and_not_without_need(sources, rings):
    sources()
    ticking.tick(now=NOW)
    assert not rings
    leave(channels=("email",))
    ticking.tick(now=NOW)
    assert len(rings) == 1


def test_without_a_broker_the_tick_itself_delivers(sources, monkeypatch):
    sources()
    channel = ObedientChannel()
    monkeypatch.setattr(outbox, "wake", lambda channel: False)
    monkeypatch.setattr(outbox, "_addresses", {("user", "email"): lambda ids: dict.fromkeys(ids, "a@example.com")})
    monkeypatch.setattr(delivery, "CHANNELS", {"email": channel})
    leave(channels=("email",))
    ticking.tick(now=NOW)
    assert len(channel.sent) == 1


def test_every_source_and_task_of_the_schedule_exists():
    for path in beat.TICK:
        assert callable(import_string(path)), path
    app.loader.import_default_modules()
    for entry in beat.SCHEDULE.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["expires"] < 60
    assert app.conf.beat_schedule == beat.SCHEDULE


def test_reminders_stand_still_after_three_minutes_without_a_tick(monkeypatch):
    monkeypatch.setattr(health, "STARTED", NOW - timedelta(hours=1))
    Heartbeat.objects.create(name=ticking.HEARTBEAT, at=NOW)
    assert health.minutes_stalled(now=NOW + timedelta(minutes=3)) is None
    assert health.minutes_stalled(now=NOW + timedelta(minutes=5)) == 5


def test_a_tick_noted_by_a_clock_that_was_ahead_is_no_sign_of_life(monkeypatch):
    monkeypatch.setattr(health, "STARTED", NOW - timedelta(hours=1))
    Heartbeat.objects.create(name=ticking.HEARTBEAT, at=NOW + timedelta(days=1))
    assert health.minutes_stalled(now=NOW) == 60
    ticking.tick(now=NOW)
    assert health.minutes_stalled(now=NOW) is None, "the next tick puts it right"


def test_a_process_just_started_gives_the_beat_three_minutes(monkeypatch):
    monkeypatch.setattr(health, "STARTED", NOW)
    assert health.minutes_stalled(now=NOW + timedelta(minutes=3)) is None
    assert health.minutes_stalled(now=NOW + timedelta(minutes=4)) == 4
