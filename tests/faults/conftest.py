"""Servers of a test's own, which it may stop, flush, silence and kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import LazySettings

from shimao_service import outbox
from shimao_service.celery import app
from shimao_service.embedded.valkey import Valkey
from shimao_service.models import User
from tests.faults.ledger import Ledger
from tests.faults.receivers import Receiver, receiving
from tests.shimao_service.mail_server import MailServer, running


@pytest.fixture(autouse=True)
def letters_leave_at_once(settings: LazySettings) -> None:
    """Each by itself and at any hour; the tests that are about folding switch it on."""
    settings.FOLD_SECONDS = 0
    settings.QUIET_HOURS = ""


@pytest.fixture(autouse=True)
def nothing_rung_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_quiet_until", 0.0)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def reader(transactional_db: None) -> User:
    return User.objects.create(username="handler", email="handler@example.com")


@pytest.fixture
def mail(settings: LazySettings) -> Iterator[MailServer]:
    """A mail server, and this process set up to use it."""
    with running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def rung_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``rung_at(url)``: this process rings at another broker, with its own impatience."""
    real = outbox.impatient_broker

    def set_up(url: str) -> None:
        monkeypatch.setattr(app.conf, "broker_write_url", url)
        monkeypatch.setattr(outbox, "_broker", cache(real))

    return set_up


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A broker that a test may stop, flush and start again; it always comes back at the same address."""
    server = Valkey(tmp_path / "valkey", durable=False, log=tmp_path / "valkey.log")
    server.start()
    yield server
    server.stop()
