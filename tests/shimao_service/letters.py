"""What the tests of delivery share: an address book, a way out, and letters that wait for it."""

from __future__ import annotations

import pytest

from shimao_service import delivery, outbox
from shimao_service.models import User
from tests.shimao_service.notices import ObedientChannel, leave


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
