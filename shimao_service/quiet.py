"""Quiet hours: nobody is woken by what can wait. Asked when a letter is about to leave, so that a change counts at
once, and in the site's own time of day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.dateparse import parse_time

from shimao_service.models import Notice, NoticePreference

Hours = tuple[time, time]

# Who may be asleep. Other systems are not.
SLEEPERS = ("user", "owner", "ticket", "robot")


def house_hours() -> Hours | None:
    """``settings.QUIET_HOURS`` for owners, groups, and staff who never chose; ``None`` when there are none."""
    return _read(settings.QUIET_HOURS)


@lru_cache(maxsize=4)
def _read(words: str) -> Hours | None:
    if not words.strip():
        return None
    try:
        start, end = (parse_time(part.strip()) for part in words.split("-"))
    except ValueError:
        start = end = None
    if start is None or end is None:
        raise ImproperlyConfigured(f"QUIET_HOURS={words!r} is not like 21:00-08:00.")
    return start, end


def length(hours: Hours | None) -> timedelta:
    """How long they are in a day; no time at all for none."""
    if hours is None:
        return timedelta(0)
    start, end = (timedelta(hours=at.hour, minutes=at.minute, seconds=at.second) for at in hours)
    return (end - start) % timedelta(days=1)


def ends(now: datetime, start: time, end: time) -> datetime | None:
    """When the quiet hours that ``now`` lies in are over; ``None`` outside them. Over midnight when they end before
    they start; equal ones are none."""
    local = timezone.localtime(now, timezone.get_default_timezone())
    clock = local.time()
    within = start <= clock < end if start < end else start != end and (clock >= start or clock < end)
    if not within:
        return None
    day = local.date() + timedelta(days=1 if clock >= end else 0)
    over = datetime.combine(day, end, tzinfo=local.tzinfo)
    return max(over, now + timedelta(minutes=1))  # where clocks are changed, an end may lie before its start


def quiet_until(notices: Iterable[Notice], now: datetime) -> dict[str, datetime]:
    """For each reader of letters that can wait: until when. One query for all."""
    readers = {notice.recipient for notice in notices if not notice.urgent}
    readers = {reader for reader in readers if reader.partition(":")[0] in SLEEPERS}
    users = {int(reader[5:]) for reader in readers if reader.startswith("user:")}
    own: dict[str, Hours] = {}
    if users:
        rows = NoticePreference.objects.filter(user__in=users).values_list("user_id", "quiet_from", "quiet_to")
        own = {f"user:{user}": (start, end) for user, start, end in rows}
    house = house_hours()
    until = {}
    for reader in readers:
        hours = own.get(reader, house)
        over = ends(now, *hours) if hours else None
        if over is not None:
            until[reader] = over
    return until
