"""Whether this process is up, whether it can work, and whether reminders stand still.

``/healthz`` answers for the process alone; ``/readyz`` also asks the database, the broker, the migrations
and the beat. Neither wants a login, and neither tells why something is down: that is in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from shimao_service import outbox
from shimao_service.models import Heartbeat
from shimao_service.ticking import HEARTBEAT

logger = logging.getLogger(__name__)

# The beat may miss a tick or two (a restart, a busy worker) before anybody needs to know.
STALLED_AFTER = timedelta(minutes=3)
STARTED = timezone.now()

OPERATORS: list[tuple[Callable[[Any], bool], Callable[[Any], bool]]] = []

_migrated = False


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing else."""
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when this process can do its work, else 503; ``parts`` says which part it waits for."""
    parts = {name: _ask(name, part) for name, part in PARTS.items()}
    ready = all(parts.values())
    body = {"status": "ok" if ready else "unavailable", "parts": {k: "ok" if v else "down" for k, v in parts.items()}}
    return JsonResponse(body, status=200 if ready else 503)


def _ask(name: str, part: Callable[[], bool]) -> bool:
    try:
        return part()
    except Exception:  # whatever is wrong with it, it is down
        logger.warning("Not ready: %s.", name, exc_info=True)
        return False


def database_answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def broker_answers() -> bool:
    """A new line to the broker, so that an old one that is half dead does not count."""
    with outbox.impatient_broker() as line:
        line.connect()
    return True


def is_migrated() -> bool:
    """No migration of this code waits. Asked until it is true: this process never grows new migrations."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


def beat_ticks() -> bool:
    return minutes_stalled(now=timezone.now()) is None


PARTS: dict[str, Callable[[], bool]] = {
    "database": database_answers,
    "broker": broker_answers,
    "migrations": is_migrated,
    "beat": beat_ticks,
}


def last_tick() -> Heartbeat | None:
    return Heartbeat.objects.filter(name=HEARTBEAT).first()


def minutes_stalled(*, now: datetime) -> int | None:
    """For how many minutes nothing has ticked; ``None`` while all is well or this process is younger than that."""
    heartbeat = last_tick()
    return stalled_since(heartbeat.at if heartbeat else None, now=now)


def stalled_since(last: datetime | None, *, now: datetime) -> int | None:
    """As :func:`minutes_stalled`, for callers who have the last tick's time at hand. A tick of the future is none: it
    was noted by a clock that has been put right since."""
    if last and last - now > STALLED_AFTER:
        last = None
    if now - STARTED <= STALLED_AFTER or (last and now - last <= STALLED_AFTER):
        return None
    return int((now - (last or STARTED)) / timedelta(minutes=1))


def stalled_warning(viewer: Any, counts: dict[str, Any]) -> str:
    """The line above every page of those who can do something about it."""
    minutes = counts.get("stalled_minutes", 0)
    if not minutes or not may_see_notices(viewer):
        return ""
    return ngettext(
        "提醒已停顿 %(minutes)s 分钟，请联系管理员。", "提醒已停顿 %(minutes)s 分钟，请联系管理员。", minutes
    ) % {"minutes": minutes}


def may_see_notices(viewer: Any) -> bool:
    """Who sees how notices go out: administrators, and whom the floors above name."""
    return bool(viewer.user.is_superuser or any(see(viewer) for see, _act in OPERATORS))


def may_resend(viewer: Any) -> bool:
    """Who decides about notices that stand still: administrators, and whom the floors above name."""
    return bool(viewer.user.is_superuser or any(act(viewer) for _see, act in OPERATORS))


def register_operators(*, see: Callable[[Any], bool], act: Callable[[Any], bool]) -> None:
    """``see(viewer)`` and ``act(viewer)`` say whether this person may look at what stands still, and decide
    about it."""
    OPERATORS.append((see, act))
