"""What the tests of alarms share: a reader, one that must be acknowledged, and what the floor above heard."""

from __future__ import annotations

import pytest

from shimao_service import inbox, outbox
from shimao_service.models import Notice, User
from staff.access import Viewer
from tests.shimao_service.notices import leave


@pytest.fixture
def me(client):
    user = User.objects.create(username="supervisor")
    client.force_login(user, backend="staff.authentication.EmployeeBackend")
    return user


@pytest.fixture
def alarm(me):
    """``alarm("特急：起火", ticket=81)`` leaves one that I must acknowledge and answers it."""

    def leave_one(title="特急", ticket=81, **changes):
        key = f"k:{Notice.objects.count()}"
        values = {"recipients": [f"user:{me.pk}"], "about": f"ticket:{ticket}", "must_acknowledge": True}
        leave(key, **({"title": title} | values | changes))
        return Notice.objects.get(key=key, channel="inbox", recipient=f"user:{me.pk}")

    return leave_one


@pytest.fixture
def heard(monkeypatch):
    """What the floor above was told of."""
    told: list[tuple] = []
    monkeypatch.setattr(outbox, "_acknowledged", {"ticket": lambda pk, user, now: told.append((pk, user))})
    return told


def titles(user):
    return [each["title"] for each in inbox.counts(Viewer(user, None))["alarms"]]


def text(response):
    return response.content.decode()


def button(notice):
    return f'action="/inbox/{notice.pk}/acknowledge/"'
