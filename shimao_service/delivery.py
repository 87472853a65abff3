"""Delivery: each channel by itself, for a while, with what is due. The broker only rings the bell.

Every channel has runs of its own, so many at once and no more, so that a slow one keeps no worker from the others.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone, translation

from shimao_service import outbox
from shimao_service.channels import CHANNELS
from shimao_service.claims import LEASE, claim, expire
from shimao_service.models import Notice, NoticeStatus, User
from shimao_service.models.notice import EMAIL
from shimao_service.sending import FIRST_WAIT, LONGEST_WAIT, MAX_ATTEMPTS, Run, Sender, wait_after

__all__ = [
    "CHANNELS", "FIRST_WAIT", "LEASE", "LONGEST_WAIT", "MAX_ATTEMPTS", "Run", "claim", "deliver", "deliver_channel",
    "discard", "due_channels", "expire", "retry", "wait_after",
]  # fmt: skip

logger = logging.getLogger(__name__)

# A run stops taking letters after this many seconds, well inside its leases.
RUN_SECONDS = 10.0
# How many runs of a channel go on at once, on all hosts; of every other channel one.
RUNS_AT_ONCE = {EMAIL: 4}
# Any constant will do as long as nothing else in this database uses it: the letters of "send".
LOCK = 0x73656E64


def deliver(*, now: datetime | None = None, seconds: float = RUN_SECONDS) -> Run:
    """Send what is due, one channel after the other, for at most ``seconds`` together; none gets the time of the
    others. Must not be called in a transaction."""
    whole = Run()
    expire(now=now or timezone.now())
    ends = time.monotonic() + seconds
    names = list(CHANNELS)
    for number, name in enumerate(names):
        share = (ends - time.monotonic()) / (len(names) - number)
        run = deliver_channel(name, now=now, seconds=share)
        for word in ("sent", "postponed", "dead", "uncertain"):
            setattr(whole, word, getattr(whole, word) + getattr(run, word))
        whole.more |= run.more
    return whole


def deliver_channel(name: str, *, now: datetime | None = None, seconds: float = RUN_SECONDS) -> Run:
    """Send what one channel has due, for at most ``seconds``. Returns at once when enough runs of it go on.

    ``now`` stands still for tests; otherwise the clock goes on, so that what comes meanwhile goes too.
    """

    def clock() -> datetime:
        return now or timezone.now()

    run = Run(ends=time.monotonic() + seconds)
    if name not in CHANNELS:
        return run
    done = False
    with _place(name) as is_free:
        run.busy = not is_free
        if is_free:
            try:
                with translation.override(settings.LANGUAGE_CODE):
                    done = Sender(name, CHANNELS[name](), run, clock).work()
            except Exception:  # one bad channel holds up no other; its letters were given back
                logger.exception("Channel %s broke.", name)
    if done and _has_due(name, clock()):
        run.more = True  # it came after the last look, and whoever rang for it found us at it
    if run.sent or run.postponed or run.dead or run.uncertain:
        logger.info("Notices by %s: %s", name, run)
    return run


@contextmanager
def _place(name: str) -> Iterator[bool]:
    """One of the channel's places, for as long as the run lasts: an advisory lock on a connection of its own.

    It belongs to a transaction there, so that it also holds through pgbouncer; whatever kills this process
    gives it back.
    """
    keeper = connection.copy()
    try:
        keeper.set_autocommit(False)
        with keeper.cursor() as cursor:
            is_free = False
            for number in range(RUNS_AT_ONCE.get(name, 1)):
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [LOCK, f"{name}:{number}"])
                is_free = cursor.fetchone()[0]
                if is_free:
                    break
            yield is_free
    finally:
        keeper.close()


def due_channels(*, now: datetime) -> list[str]:
    """Registered channels for which a letter waits that could leave now."""
    return [name for name in CHANNELS if _has_due(name, now)]


def _has_due(name: str, now: datetime) -> bool:
    return Notice.objects.due(now).filter(channel=name).exists()


# --- what people decide about letters that stand still -------------------------------------------
STANDING = (NoticeStatus.UNCERTAIN, NoticeStatus.DEAD)


def retry(ids: Collection[int], *, by: User, now: datetime) -> int:
    """Send dead or uncertain ones again because somebody says so; answer how many (0: somebody was quicker)."""
    with transaction.atomic():
        standing = Notice.objects.select_for_update().filter(id__in=ids, status__in=STANDING).order_by("id")
        chosen = dict(standing.values_list("id", "channel"))
        count = Notice.objects.filter(id__in=chosen).update(
            status=NoticeStatus.PENDING, next_attempt_at=now, attempts=0, claimed_by="", error="", folded_into=None,
            handled_at=now, handled_by=by,
        )  # fmt: skip
        for channel in sorted(set(chosen.values())):
            outbox.wake_on_commit(channel)
    return count


def discard(ids: Collection[int], *, by: User, now: datetime) -> int:
    """Let dead or uncertain ones be; the cause stays on the row. Answer how many."""
    return Notice.objects.filter(id__in=ids, status__in=STANDING).update(
        status=NoticeStatus.CANCELLED, handled_at=now, handled_by=by
    )
