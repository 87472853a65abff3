"""/healthz and /readyz: without a login, without secrets, and true."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from shimao_service import health, outbox, ticking
from shimao_service.celery import app
from shimao_service.models import Heartbeat

ALL_WELL = {"database": "ok", "broker": "ok", "migrations": "ok", "beat": "ok"}


def broken():
    raise RuntimeError("password=secret")


def test_healthz_answers_without_the_database(client):
    # No django_db mark: any query would fail the test.
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_ready_with_real_services(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "parts": ALL_WELL})
    assert "no-store" in answer["Cache-Control"]


def test_readyz_without_a_database_says_so_instead_of_breaking(client):
    # No django_db mark: the database refuses.
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["database"] == "down"
    assert answer.json()["parts"]["broker"] == "ok"


@pytest.mark.django_db
def test_readyz_without_a_broker_says_so(client, monkeypatch, closed_broker):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"] == ALL_WELL | {"broker": "down"}


@pytest.mark.django_db
def test_readyz_fails_when_the_beat_stands_still_and_recovers_with_a_tick(client, monkeypatch):
    monkeypatch.setattr(health, "STARTED", timezone.now() - timedelta(hours=1))
    Heartbeat.objects.create(name=ticking.HEARTBEAT, at=timezone.now() - timedelta(minutes=4))
    assert client.get("/readyz").json()["parts"] == ALL_WELL | {"beat": "down"}
    ticking.tick()
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_readyz_fails_while_a_migration_waits(client, monkeypatch):
    monkeypatch.setattr(health, "_migrated", False)
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda self, targets: ["one"])
    assert client.get("/readyz").json()["parts"] == ALL_WELL | {"migrations": "down"}


@pytest.mark.django_db
@pytest.mark.parametrize("part", health.PARTS)
def test_readyz_tells_no_secrets(client, monkeypatch, part):
    monkeypatch.setitem(health.PARTS, part, broken)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "secret" not in answer.content.decode()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.django_db
def test_probes_are_not_sent_to_https_nor_to_sign_in(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 405


@pytest.fixture
def closed_broker(monkeypatch, unused_port):
    options = {"max_retries": 0, "socket_connect_timeout": 1, "socket_timeout": 1}
    address = f"redis://127.0.0.1:{unused_port}/0"
    monkeypatch.setattr(
        outbox, "impatient_broker", lambda: app.connection_for_write(address, transport_options=options)
    )
