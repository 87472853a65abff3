"""Claims: who has which rows in hand. The table is the queue, and every word about a row is one statement.

A claim is committed before anything is sent and carries a lease. Rows in hand that nobody has begun to send are
marked as such (:data:`HELD`): if their sender dies they wait as before. A letter that was *begun* may have left:
when its sender dies it becomes uncertain. So a killed sender leaves one question, not fifty.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from shimao_service import folding
from shimao_service.models import Notice, NoticeStatus

BATCH = 100
# What waits for the same readers as a batch and may go along with it.
COMPANY = 500
LEASE = timedelta(minutes=3)
# Before the name of a claim: in hand, not begun.
HELD = "~"

# The readers are an array, looked up in the index: joined, they would be compared with every row that waits as long
# as the statistics say that none does, which is what they say when a flood comes.
CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id, recipient, urgent FROM shimao_service_notice
     WHERE status = 'pending' AND channel = %(channel)s AND next_attempt_at <= %(now)s
     ORDER BY urgent DESC, next_attempt_at, id
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), company AS MATERIALIZED (
    SELECT other.id FROM shimao_service_notice AS other
     WHERE %(folds)s AND other.status = 'pending' AND other.channel = %(channel)s AND NOT other.urgent
       AND other.recipient = ANY (ARRAY(
           SELECT DISTINCT recipient FROM due WHERE NOT urgent AND recipient ~ %(readers)s
       ))
       AND other.id NOT IN (SELECT id FROM due)
       AND (other.next_attempt_at <= %(now)s
            OR (other.next_attempt_at <= %(together)s AND other.attempts = 0 AND other.error = ''))
     ORDER BY other.id
     LIMIT %(company)s
       FOR UPDATE OF other SKIP LOCKED
)
UPDATE shimao_service_notice AS notice
   SET status = 'sending', lease_until = %(until)s, claimed_by = %(claim)s, next_attempt_at = NULL
  FROM (SELECT id FROM due UNION ALL SELECT id FROM company) AS taken
 WHERE notice.id = taken.id
RETURNING notice.*
"""

# What became of the last letters and that the next are begun: one statement, one commit.
TURN = """
WITH finished AS (
    UPDATE shimao_service_notice AS notice
       SET status = %(status)s, lease_until = NULL, next_attempt_at = %(next_attempt_at)s, sent_at = %(sent_at)s,
           error = %(error)s, attempts = attempts - %(uncounted)s,
           folded_into_id = CASE WHEN done.id <> done.first AND %(status)s <> 'pending' THEN done.first END
      FROM unnest(%(ids)s::bigint[], %(firsts)s::bigint[]) AS done (id, first)
     WHERE notice.id = done.id AND notice.claimed_by = %(claim)s AND notice.status IN ('sending', 'uncertain')
), begun AS (
    UPDATE shimao_service_notice
       SET claimed_by = %(next_claim)s, attempts = attempts + 1, lease_until = %(until)s
     WHERE id = ANY(%(next_ids)s) AND claimed_by = %(next_held)s AND status = 'sending'
    RETURNING id
)
SELECT id FROM begun
"""


@dataclass(slots=True)
class Outcome:
    """What became of letters of one claim; each is its rows, the first of which carries the others."""

    letters: list[list[Notice]]
    status: str
    error: str = ""
    sent_at: datetime | None = None
    next_attempt_at: datetime | None = None
    # Put off before it was tried: that is no attempt.
    was_tried: bool = True


def claim(channel: str, *, now: datetime, limit: int = BATCH) -> list[Notice]:
    """Take up to ``limit`` due rows for one sender, committed, urgent ones first, and what waits for the same readers
    and may be folded in. No two senders get the same."""
    token = f"{HELD}{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    values = {
        "channel": channel, "now": now, "limit": limit, "until": now + LEASE, "claim": token,
        "folds": folding.is_on(), "together": folding.leaves_at(now), "company": COMPANY,
        "readers": f"^({'|'.join(folding.READERS)}):",
    }  # fmt: skip
    with transaction.atomic(durable=True):
        rows = list(Notice.objects.raw(CLAIM, values))
    return sorted(rows, key=lambda row: (not row.urgent, row.id))


def turn(done: Outcome | None, following: Collection[Notice], *, now: datetime) -> list[Notice]:
    """Write what became of letters and begin the next; answer which rows of ``following`` are still ours to send.

    Written only while the rows are ours: also when their lease ran out under a slow sender, but not when somebody
    has decided about them since.
    """
    begin = next(iter(following), None)
    letters = done.letters if done else []
    values: dict[str, Any] = {
        "ids": [notice.pk for letter in letters for notice in letter],
        "firsts": [letter[0].pk for letter in letters for _notice in letter],
        "claim": begun_name(letters[0][0]) if letters else "",
        "status": done.status if done else "",
        "error": done.error if done else "",
        "sent_at": done.sent_at if done else None,
        "next_attempt_at": done.next_attempt_at if done else None,
        "uncounted": 0 if done is None or done.was_tried else 1,
        "next_ids": [notice.pk for notice in following],
        "next_held": begin.claimed_by if begin else "",
        "next_claim": begun_name(begin) if begin else "",
        "until": now + LEASE,
    }
    with connection.cursor() as cursor:
        cursor.execute(TURN, values)
        ours = {pk for (pk,) in cursor.fetchall()}
    return [notice for notice in following if notice.pk in ours]


def begun_name(notice: Notice) -> str:
    """How a claim is called once its letter has been begun."""
    return notice.claimed_by.removeprefix(HELD)


def give_back(notices: Iterable[Notice], *, at: datetime, error: str = "") -> int:
    """What was claimed and not begun waits as before, or until ``at``; no attempt is counted."""
    cause = {"error": error} if error else {}
    return _of_claims(
        notices, status=NoticeStatus.PENDING, next_attempt_at=at, lease_until=None, claimed_by="", **cause
    )


def bury(notices: Iterable[Notice], error: str) -> int:
    """What was claimed and can never be sent."""
    return _of_claims(notices, status=NoticeStatus.DEAD, lease_until=None, error=error or "?")


def postpone(notice: Notice, *, at: datetime, error: str) -> int:
    """What was claimed and could not even be begun: an attempt all the same, so that it ends some day."""
    return _of_claims(
        [notice], status=NoticeStatus.PENDING, next_attempt_at=at, lease_until=None, claimed_by="", error=error or "?",
        attempts=notice.attempts + 1,
    )  # fmt: skip


def _of_claims(notices: Iterable[Notice], **values: object) -> int:
    claims: dict[str, list[int]] = {}
    for notice in notices:
        claims.setdefault(notice.claimed_by, []).append(notice.pk)
    return sum(
        Notice.objects.filter(pk__in=ids, claimed_by=name, status=NoticeStatus.SENDING).update(**values)
        for name, ids in claims.items()
    )


def hold_back(channel: str, recipient: str, *, until: datetime, error: str) -> int:
    """All that waits for a receiver in trouble waits until then, untried and uncounted."""
    with transaction.atomic():
        waiting = Notice.objects.select_for_update(skip_locked=True).filter(
            status=NoticeStatus.PENDING, channel=channel, recipient=recipient, next_attempt_at__lt=until
        )
        ids = list(waiting.values_list("pk", flat=True))
        return Notice.objects.filter(pk__in=ids).update(next_attempt_at=until, error=error) if ids else 0


def expire(*, now: datetime) -> int:
    """Claims whose lease ran out: a letter that was begun becomes uncertain, what was only in hand waits again.
    Answer how many became uncertain."""
    with translation.override(settings.LANGUAGE_CODE):
        reason = _("发送途中中断，不能确定对方是否已收到。")
    late = Notice.objects.filter(status=NoticeStatus.SENDING, lease_until__lt=now)
    late.filter(claimed_by__startswith=HELD).update(
        status=NoticeStatus.PENDING, next_attempt_at=now, lease_until=None, claimed_by=""
    )
    return late.exclude(claimed_by__startswith=HELD).update(
        status=NoticeStatus.UNCERTAIN, lease_until=None, error=reason
    )
