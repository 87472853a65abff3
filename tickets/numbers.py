"""Request numbers: kind letters, Shanghai day, serial: BX20261123-0001. People say them over the phone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection

from tickets.statuses import NUMBER_LETTERS, Kind

SHANGHAI = ZoneInfo("Asia/Shanghai")

NEXT = """
insert into tickets_numbercounter (kind, day, last) values (%s, %s, 1)
on conflict (kind, day) do update set last = tickets_numbercounter.last + 1
returning last
"""


def next_number(kind: str, now: datetime) -> str:
    """The next number of the kind for the day. Locks the day's counter row until the transaction ends,
    so take it late; a rolled-back one leaves a gap, or is given out again."""
    day = now.astimezone(SHANGHAI).date()
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [kind, day])
        serial = cursor.fetchone()[0]
    return f"{NUMBER_LETTERS[Kind(kind)]}{day:%Y%m%d}-{serial:04d}"
