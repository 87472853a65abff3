"""The tick: once a minute ask the database what is due, write notices, and see that they leave.

Any number of beats may tick. One tick runs at a time; whatever a tick finds is written under keys that
exist once, so that a repeated, late or doubled tick changes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.module_loading import import_string

from shimao_service import beat, delivery, outbox
from shimao_service.models import Heartbeat

logger = logging.getLogger(__name__)

HEARTBEAT = "tick"
# In the heartbeat's detail: since when every tick failed to ask what is to be reminded of.
FAILING_SINCE = "failing_since"
# Any constant will do as long as nothing else in this database uses it: the letters of "tick".
LOCK = 0x7469636B
# When the broker is gone the tick sends a few itself, and leaves time for the next tick.
SECONDS_WITHOUT_BROKER = 10.0


@dataclass(slots=True)
class Tick:
    """What a tick did. ``ran`` is false when another one was at it."""

    ran: bool = False
    found: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    milliseconds: int = 0


def tick(*, now: datetime | None = None) -> Tick:
    """Run every source of :data:`beat.TICK`, note the time, and ring for what waits to be delivered.

    A source is a function ``f(now) -> int`` that keeps its own transactions. One that fails is logged and
    written into the heartbeat, and the others go on. Returns at once when another tick is running.
    """
    done = Tick()
    with _only_one() as mine:
        if mine:
            now = now or timezone.now()  # read under the lock
            _ask_sources(done, now)
            _beat(done, now)
            done.ran = True
    if done.ran and now:
        _sweep(now)
    return done


@contextmanager
def _only_one() -> Iterator[bool]:
    """An advisory lock on a connection of its own.

    It belongs to a transaction, not to a session, so that it also holds through pgbouncer; and not to the
    sources' connection, which commit one by one. Whatever kills this process gives it back.
    """
    keeper = connection.copy()
    try:
        keeper.set_autocommit(False)
        with keeper.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            yield cursor.fetchone()[0]
    finally:
        keeper.close()


def _ask_sources(done: Tick, now: datetime) -> None:
    begun = time.monotonic()
    for path in beat.TICK:
        try:
            source: Callable[[datetime], int] = import_string(path)
            done.found[path] = source(now)
        except Exception as error:
            logger.exception("%s could not say what is due.", path)
            done.errors[path] = f"{type(error).__name__}: {error}"[:300]
    done.milliseconds = round((time.monotonic() - begun) * 1000)


def _beat(done: Tick, now: datetime) -> None:
    detail: dict[str, Any] = {"found": done.found, "errors": done.errors, "milliseconds": done.milliseconds}
    if beat.REMINDERS in done.errors:
        before = Heartbeat.objects.filter(name=HEARTBEAT).values_list("detail", flat=True).first()
        detail[FAILING_SINCE] = (before or {}).get(FAILING_SINCE, now.isoformat())
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=HEARTBEAT, at=now, detail=detail)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["at", "detail"],
    )


def _sweep(now: datetime) -> None:
    """Letters whose ring nobody heard go out now; claims of dead senders are shown."""
    delivery.expire(now=now)
    unheard = [channel for channel in delivery.due_channels(now=now) if not outbox.wake(channel)]
    if unheard:
        delivery.deliver(now=now, seconds=SECONDS_WITHOUT_BROKER)
