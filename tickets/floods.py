"""How often the web form may be sent: per phone, per address it comes from, and per place.

One row an attempt; the address is kept as a keyed hash, and everything is gone after a day. The limits are
``settings.REPORT_LIMITS`` an hour, generous enough for a lobby that shares one connection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from shimao_service.exceptions import TooMany
from shimao_service.looks import moment_words
from tickets.models import ReportAttempt

WINDOW = timedelta(hours=1)
KEPT = timedelta(days=1)

SWEEP = """
delete from tickets_reportattempt where id in (
    select id from tickets_reportattempt where at < %s order by at limit 500 for update skip locked)
"""


class Flood(TooMany):
    """``again_at`` is when the form is open again."""

    def __init__(self, detail: object, *, again_at: datetime):
        super().__init__(detail)
        self.again_at = again_at


def address_of(request: HttpRequest) -> str:
    """Who sends, as a hash that only this site can make. Behind a proxy, what the proxy says (its last word)."""
    text = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        # Only the entry our own proxy appended is true; those before it are the sender's to invent.
        text = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1].strip() or text
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _hash(text)
    if isinstance(address, ipaddress.IPv6Address):
        # A household has a whole /64 to change through.
        return _hash(str(ipaddress.ip_network(f"{address}/64", strict=False)))
    return _hash(str(address))


def _hash(text: str) -> str:
    return salted_hmac("tickets.floods.address", text, algorithm="sha256").hexdigest()


def check(keys: Mapping[str, str], now: datetime) -> None:
    """Raise :class:`Flood` when one of ``{"phone": …, "address": …, "place": …}`` has had its fill this hour."""
    keys = {name: value for name, value in keys.items() if value}
    if not keys:
        return
    wanted = Q()
    for name, value in keys.items():
        wanted |= Q(**{name: value})
    rows = list(ReportAttempt.objects.filter(wanted, at__gt=now - WINDOW).order_by("-at").values("at", *keys)[:2000])
    again: datetime | None = None
    for name, value in keys.items():
        times = [row["at"] for row in rows if row[name] == value]
        limit = settings.REPORT_LIMITS[name]
        if len(times) >= limit:
            # The oldest of the last `limit` must leave the hour first.
            opens = times[limit - 1] + WINDOW
            again = max(again, opens) if again else opens
    if again:
        words = moment_words(timezone.localtime(again + timedelta(minutes=1)), timezone.localtime(now), short=True)
        raise Flood(_("提交有些频繁，请在 %(when)s 之后再试。") % {"when": words}, again_at=again)


def admit(keys: Mapping[str, str], now: datetime) -> None:
    """As :func:`check`, with the senders of the same keys made to queue. Inside the caller's transaction."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Admission belongs to the transaction that makes the request.")
    with connection.cursor() as cursor:
        # In one order, so that two senders with two keys in common never wait for each other.
        for key in sorted(f"report:{name}:{value}" for name, value in keys.items() if value):
            cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
    check(keys, now)


def note(keys: Mapping[str, str], now: datetime) -> None:
    """Write an attempt down, and sweep away those of yesterday."""
    ReportAttempt.objects.create(at=now, **{name: keys.get(name, "") for name in ("address", "phone", "place")})
    with connection.cursor() as cursor:
        cursor.execute(SWEEP, [now - KEPT])
