"""Delivery: claim rows, send them, mark them. The table is the queue; the broker only rings the bell.

A claim is committed before anything is sent and carries a lease. A sender that dies leaves its claim
behind; when the lease has run out the row becomes *uncertain*: it may have been sent, so it is shown
and sent again by a click (:func:`retry`), never by itself.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from shimao_service import outbox
from shimao_service.channels import CHANNELS, Channel, Letter, NotSent, Refused
from shimao_service.models import Notice, NoticeStatus, User

logger = logging.getLogger(__name__)

BATCH = 50
# A run stops taking letters after this many seconds, well inside its leases.
RUN_SECONDS = 20.0
LEASE = timedelta(minutes=3)
# 1, 2, 4 … minutes, then every four hours: a mail server that is gone over a weekend loses nothing.
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=4)
MAX_ATTEMPTS = 20

CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM shimao_service_notice
     WHERE status = 'pending' AND channel = %(channel)s AND next_attempt_at <= %(now)s
     ORDER BY urgent DESC, next_attempt_at, id
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
)
UPDATE shimao_service_notice AS notice
   SET status = 'sending', lease_until = %(until)s, claimed_by = %(claim)s, next_attempt_at = NULL,
       attempts = attempts + 1
  FROM due
 WHERE notice.id = due.id
RETURNING notice.*
"""


@dataclass(slots=True)
class Run:
    """What one run of :func:`deliver` did. ``more``: it stopped for time, not for want of letters."""

    sent: int = 0
    postponed: int = 0
    dead: int = 0
    uncertain: int = 0
    more: bool = False
    ends: float = field(default=0.0, repr=False)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.ends


def deliver(*, now: datetime | None = None, seconds: float = RUN_SECONDS) -> Run:
    """Send what is due, channel by channel, for at most ``seconds``; must not be called in a transaction."""
    now = now or timezone.now()
    run = Run(ends=time.monotonic() + seconds)
    expire(now=now)
    with translation.override(settings.LANGUAGE_CODE):
        for name, make in CHANNELS.items():
            try:
                _deliver_channel(name, make(), run, now)
            except Exception:  # one bad channel holds up no other; its letters were given back
                logger.exception("Channel %s broke.", name)
    if run.sent or run.postponed or run.dead or run.uncertain:
        logger.info("Notices: %s", run)
    return run


def is_due(*, now: datetime) -> bool:
    """Whether a letter waits that a registered channel could take now."""
    return Notice.objects.due(now).filter(channel__in=list(CHANNELS)).exists()


def claim(channel: str, *, now: datetime, limit: int = BATCH) -> list[Notice]:
    """Take up to ``limit`` due rows for one sender, committed; urgent ones first. No two senders get the same."""
    token = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    values = {"channel": channel, "now": now, "limit": limit, "until": now + LEASE, "claim": token}
    with transaction.atomic(durable=True):
        rows = list(Notice.objects.raw(CLAIM, values))
    return sorted(rows, key=lambda row: (not row.urgent, row.id))


def expire(*, now: datetime) -> int:
    """Claims whose lease ran out become uncertain; answer how many."""
    with translation.override(settings.LANGUAGE_CODE):
        reason = _("发送途中中断，不能确定对方是否已收到。")
    return Notice.objects.filter(status=NoticeStatus.SENDING, lease_until__lt=now).update(
        status=NoticeStatus.UNCERTAIN, lease_until=None, error=reason
    )


def wait_after(attempts: int) -> timedelta:
    """How long to leave a letter alone after its n-th failure, a fifth more or less so that crowds disperse."""
    wait = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return wait * random.uniform(0.8, 1.2)


# --- what people decide about letters that stand still -------------------------------------------
STANDING = (NoticeStatus.UNCERTAIN, NoticeStatus.DEAD)


def retry(ids: Collection[int], *, by: User, now: datetime) -> int:
    """Send dead or uncertain ones again because somebody says so; answer how many (0: somebody was quicker)."""
    with transaction.atomic():
        count = Notice.objects.filter(id__in=ids, status__in=STANDING).update(
            status=NoticeStatus.PENDING, next_attempt_at=now, attempts=0, claimed_by="", error="",
            handled_at=now, handled_by=by,
        )  # fmt: skip
        if count:
            outbox.wake_on_commit()
    return count


def discard(ids: Collection[int], *, by: User, now: datetime) -> int:
    """Let dead or uncertain ones be; the cause stays on the row. Answer how many."""
    return Notice.objects.filter(id__in=ids, status__in=STANDING).update(
        status=NoticeStatus.CANCELLED, handled_at=now, handled_by=by
    )


# --- one channel's run ---------------------------------------------------------------------------
def _deliver_channel(name: str, channel: Channel, run: Run, now: datetime) -> None:
    try:
        while not run.is_over:
            batch = claim(name, now=now)
            if not batch:
                return
            if not _send_batch(name, channel, batch, run, now):
                return
        run.more = True
    finally:
        channel.close()


def _send_batch(name: str, channel: Channel, batch: list[Notice], run: Run, now: datetime) -> bool:
    """Send what was claimed; ``False`` when the channel is down and the rest was put off."""
    left = list(batch)
    try:
        addresses = outbox.addresses({notice.recipient for notice in batch}, channel=name)
        while left and not run.is_over:
            address = addresses.get(left[0].recipient, "")
            reason = _why_closed(channel) if address else ""
            if reason:
                while left:
                    _postpone(left.pop(), reason, run, now)
                return False
            _send(channel, left.pop(0), address, run, now)
    finally:
        _give_back(left, now)
    return True


def _why_closed(channel: Channel) -> str:
    try:
        channel.open()
    except Exception as error:  # nothing was sent yet, so whatever it is can be tried again
        return str(error) or type(error).__name__
    return ""


def _send(channel: Channel, notice: Notice, address: str, run: Run, now: datetime) -> None:
    """One letter, and one committed word about what became of it."""
    if not address:
        _bury(notice, _("收件人没有登记可用的地址。"), run)
        return
    try:
        letter = _letter(notice, address)
    except Exception as error:  # a maker of links is somebody else's code; its letter waits, the others go
        logger.warning("Notice %s cannot be made ready.", notice.pk, exc_info=True)
        _postpone(notice, f"{type(error).__name__}: {error}"[:300], run, now)
        return
    try:
        channel.send(letter)
    except Refused as error:
        _bury(notice, str(error), run)
    except NotSent as error:
        _postpone(notice, str(error), run, now)
    except Exception as error:  # whatever it is, the letter may have left
        logger.warning("Notice %s: the line was lost while sending.", notice.pk, exc_info=True)
        reason = _("发送途中断线（%(error)s），不能确定对方是否已收到。") % {"error": type(error).__name__}
        run.uncertain += _mark(notice, status=NoticeStatus.UNCERTAIN, error=reason)
    else:
        run.sent += _mark(notice, status=NoticeStatus.SENT, sent_at=now, error="")


def _letter(notice: Notice, address: str) -> Letter:
    link = outbox.make_link(notice.link) if notice.link else notice.url
    if link.startswith("/"):
        link = f"{settings.SITE_URL}{link}"
    return Letter(
        notice_id=notice.pk, address=address, title=notice.title, body=notice.body, link=link, urgent=notice.urgent
    )


def _mark(notice: Notice, **values: object) -> int:
    """Write what became of a claim, only while it is still ours: also when its lease ran out under a slow
    sender, but not when somebody has decided about it since."""
    return Notice.objects.filter(
        pk=notice.pk, claimed_by=notice.claimed_by, status__in=[NoticeStatus.SENDING, NoticeStatus.UNCERTAIN]
    ).update(lease_until=None, **values)


def _postpone(notice: Notice, reason: str, run: Run, now: datetime) -> None:
    if notice.attempts >= MAX_ATTEMPTS:
        _bury(notice, reason, run)
        return
    wait = wait_after(notice.attempts)
    run.postponed += _mark(notice, status=NoticeStatus.PENDING, next_attempt_at=now + wait, error=reason or "?")


def _bury(notice: Notice, reason: str, run: Run) -> None:
    run.dead += _mark(notice, status=NoticeStatus.DEAD, error=reason or "?")


def _give_back(untouched: list[Notice], now: datetime) -> None:
    """What was claimed and not begun waits as before, its attempt not counted."""
    for notice in untouched:
        _mark(notice, status=NoticeStatus.PENDING, next_attempt_at=now, attempts=notice.attempts - 1)
