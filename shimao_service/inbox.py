"""One's own inbox: what there is to know, newest first; opening an entry is what reads it."""

from __future__ import annotations

import re
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shimao_service import health, outbox
from shimao_service.exceptions import NotSeen
from shimao_service.models import Notice

PAGE = 30
# Nobody reads further than this on a badge, and counting on would cost.
COUNT_TO = 100
KIND = re.compile(r"[a-z0-9_]{0,60}")

COUNT = """
SELECT (SELECT count(*) FROM (
          SELECT 1 FROM shimao_service_notice
           WHERE recipient = %s AND channel = 'inbox' AND status = 'sent' AND read_at IS NULL LIMIT %s) AS unread),
       (SELECT at FROM shimao_service_heartbeat WHERE name = %s)
"""


def counts(viewer: Any) -> dict[str, int]:
    """For the frame of every page, in one query: unread entries, and for how long reminders stand still."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [f"user:{viewer.user.pk}", COUNT_TO, health.HEARTBEAT])
        unread, last_tick = cursor.fetchone()
    stalled = health.stalled_since(last_tick, now=timezone.now())
    return {"inbox": unread, "stalled_minutes": stalled or 0}


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """``?show=all`` has the read ones as well; ``?kind=`` one kind; ``?before=`` goes on from an entry."""
    show = "all" if request.GET.get("show") == "all" else "unread"
    kind = request.GET.get("kind", "") if KIND.fullmatch(request.GET.get("kind", "")) else ""
    notices = Notice.objects.inbox_of(_reader(request)).order_by("-id")
    if show == "unread":
        notices = notices.unread()
    if kind:
        notices = notices.filter(kind=kind)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        notices = notices.filter(id__lt=int(before))
    rows = list(notices[: PAGE + 1])
    context = {
        "notices": [{"notice": row, "kind": outbox.kind_label(row.kind)} for row in rows[:PAGE]],
        "next_before": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "first_url": f"?show={show}&kind={kind}" if before else "",
        "newest": rows[0].pk if rows and not before and not kind else None,
        "show": show,
        "kind": kind,
        "chips": _chips(request, show, kind),
    }
    return render(request, "shimao_service/inbox.html", context)


@require_POST
def open_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Read an entry and go to what it tells of. A second click goes there as well."""
    mine = Notice.objects.inbox_of(_reader(request))
    notice = mine.filter(pk=pk).first()
    if notice is None:
        raise NotSeen(_("没有找到这条消息，可能已被撤回。"))
    mine.unread().filter(pk=pk).update(read_at=timezone.now())
    return redirect(notice.url or "inbox")


@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """All that were there when the page was made: what came since stays unread."""
    unread = Notice.objects.inbox_of(_reader(request)).unread()
    newest = request.POST.get("newest", "")
    if newest.isascii() and newest.isdigit() and len(newest) < 19:
        unread.filter(id__lte=int(newest)).update(read_at=timezone.now())
    return redirect("inbox")


def _reader(request: HttpRequest) -> int:
    return request.user.pk or 0


def _chips(request: HttpRequest, show: str, kind: str) -> list[dict]:
    """未读 and 全部, then the kinds among the unread; each with its count, none longer than a badge."""
    kinds = _unread_kinds(request)
    unread = sum(kinds.values())
    chips: list[dict] = [
        {"label": _("未读"), "href": "?show=unread", "count": unread, "active": show == "unread" and not kind},
        {"label": _("全部"), "href": "?show=all", "count": None, "active": show == "all" and not kind},
    ]
    for code in sorted({*kinds, kind} - {""}, key=outbox.kind_label):
        href = f"?show={show}" if code == kind else f"?show={show}&kind={code}"
        chips.append({"label": outbox.kind_label(code), "href": href, "count": kinds.get(code), "active": code == kind})
    return chips


def _unread_kinds(request: HttpRequest) -> dict[str, int]:
    kinds: dict[str, int] = {}
    for code in Notice.objects.inbox_of(_reader(request)).unread().values_list("kind", flat=True)[:1000]:
        kinds[code] = kinds.get(code, 0) + 1
    return kinds
