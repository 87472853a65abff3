"""How much a receiver may get in a minute, on any number of hosts.

A rolling minute, not the clock's: robots that get twenty at 10:00:59 and twenty at 10:01:00 are silenced for ten
minutes by their makers. Counts lie in short slots, so that a minute is a dozen rows whatever the limit.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from shimao_service.models import OutletMinute

SLOT = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
KEEP = timedelta(hours=1)
# Any constant: advisory locks of one receiver, apart from others' locks. The letters of "rate".
LOCKS = 0x72617465

TAKE = """
WITH lately AS (
    SELECT coalesce(sum(count), 0) AS count, min(minute) AS oldest
      FROM shimao_service_outletminute
     WHERE receiver = %(receiver)s AND minute > %(since)s
), taken AS (
    INSERT INTO shimao_service_outletminute AS slot (receiver, minute, count)
    SELECT %(receiver)s, %(slot)s, 1 FROM lately WHERE count < %(limit)s
    ON CONFLICT (receiver, minute) DO UPDATE SET count = slot.count + 1
    RETURNING 1
)
SELECT (SELECT count(*) FROM taken), oldest FROM lately
"""


def take(receiver: str, *, limit: int, now: datetime) -> datetime | None:
    """Count one more for ``receiver``. ``None``: it may have it; else the time from which it may be asked again.

    One at a time a receiver, whatever the host: the lock is taken before the count is read.
    """
    slot = datetime.fromtimestamp(now.timestamp() // SLOT.seconds * SLOT.seconds, tz=now.tzinfo)
    values: dict[str, Any] = {"receiver": receiver, "slot": slot, "since": now - MINUTE - SLOT, "limit": limit}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCKS, receiver])
        cursor.execute(TAKE, values)
        taken, oldest = cursor.fetchone()
    if taken:
        return None
    free: datetime = oldest + MINUTE + SLOT
    return max(free, now + SLOT)


def forget(now: datetime) -> int:
    """Delete the counts that no minute needs any more; how many."""
    return OutletMinute.objects.filter(minute__lt=now - KEEP).delete()[0]
