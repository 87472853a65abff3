"""What the tests of notices share: a frozen now, a way to leave one, and a channel that does as it is told."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from shimao_service import outbox
from shimao_service.channels import Letter
from shimao_service.models import Notice

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def leave(key: str = "ticket:81:r1:dispatched", **changes: Any) -> int:
    """Post a notice in a transaction of its own."""
    values: dict[str, Any] = {
        "recipients": ["user:7"],
        "title": "新派单：厨房水管爆裂",
        "kind": "dispatched",
        "url": "/tickets/BX20261123-0031/",
        "about": "ticket:81",
        "now": NOW,
    }
    with transaction.atomic():
        return outbox.post(key=key, **(values | changes))


def only() -> Notice:
    return Notice.objects.get()


class ObedientChannel:
    """Keeps what it was given; raises what it was told to, one error a letter, the last one for ever."""

    def __init__(self, *errors: Exception | None, closed: Exception | None = None) -> None:
        self.errors = list(errors)
        self.closed = closed
        self.opened = 0
        self.sent: list[Letter] = []

    def __call__(self) -> ObedientChannel:
        return self

    def open(self) -> None:
        self.opened += 1
        if self.closed:
            raise self.closed

    def send(self, letter: Letter) -> None:
        error = (self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]) if self.errors else None
        if error:
            raise error
        self.sent.append(letter)

    def close(self) -> None:
        pass


# --- sources of a tick ---------------------------------------------------------------------------
def remind_of_one(now: datetime) -> int:
    return leave("ticket:81:r1:response_due:1", channels=("inbox", "email"), now=now)


def remind_of_another(now: datetime) -> int:
    return leave("ticket:82:r1:response_due:1", about="ticket:82", now=now)


def remind_everybody(now: datetime) -> int:
    """Sixty requests' reminders for the reader named by the environment."""
    reader = f"user:{os.environ['REMIND']}"
    return sum(leave(f"t:{n}", recipients=[reader], channels=("inbox", "email"), now=now) for n in range(60))


def break_down(now: datetime) -> int:
    raise ZeroDivisionError("a source with a bug")
