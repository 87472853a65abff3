"""One's own inbox: what there is to know, newest first; opening an entry is what reads it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shimao_service import health, outbox
from shimao_service.exceptions import NotSeen
from shimao_service.models import Notice

# Lines a page; each may stand for several entries, of which no more than so many are read for it.
PAGE = 30
READ = 200
# Nobody reads further than this on a badge, and counting on would cost.
COUNT_TO = 100
COUNTED = 1000
ALARMS = 5
KIND = re.compile(r"[a-z0-9_]{0,60}")

# Repeated reminders of the same count once, as they stand in one line.
COUNT = """
SELECT (SELECT least(count(DISTINCT CASE WHEN about = '' THEN id::text ELSE kind || ' ' || about END), %(count_to)s)
          FROM (SELECT id, kind, about FROM shimao_service_notice
                 WHERE recipient = %(reader)s AND channel = 'inbox' AND status = 'sent' AND read_at IS NULL
                 ORDER BY id DESC LIMIT %(counted)s) AS unread),
       (SELECT at FROM shimao_service_heartbeat WHERE name = %(beat)s),
       (SELECT jsonb_agg(jsonb_build_object('pk', id, 'title', title, 'url', url, 'about', about) ORDER BY id)
          FROM (SELECT DISTINCT ON (coalesce(nullif(about, ''), id::text)) id, title, url, about
                  FROM shimao_service_notice
                 WHERE recipient = %(reader)s AND channel = 'inbox' AND status = 'sent'
                   AND must_acknowledge AND acknowledged_at IS NULL
                 ORDER BY coalesce(nullif(about, ''), id::text), id DESC LIMIT %(alarms)s) AS alarm)
"""


def counts(viewer: Any) -> dict[str, Any]:
    """For the frame of every page, in one query: lines not read, what must be acknowledged, and for how long
    reminders stand still."""
    values: dict[str, Any] = {
        "reader": f"user:{viewer.user.pk}", "count_to": COUNT_TO, "counted": COUNTED, "alarms": ALARMS,
        "beat": health.HEARTBEAT,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)
        unread, last_tick, alarms = cursor.fetchone()
    if isinstance(alarms, str):
        alarms = json.loads(alarms)
    stalled = health.stalled_since(last_tick, now=timezone.now())
    return {"inbox": unread, "stalled_minutes": stalled or 0, "alarms": alarms or []}


@dataclass(slots=True)
class Line:
    """One line of the inbox: an entry, and the earlier ones of the same kind about the same."""

    notice: Notice
    earlier: list[Notice] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return outbox.kind_label(self.notice.kind)

    @property
    def is_read(self) -> bool:
        return all(notice.is_read for notice in [self.notice, *self.earlier])

    @property
    def count(self) -> int:
        return 1 + len(self.earlier)


def fold(notices: list[Notice]) -> list[Line]:
    """Newest first: repeated reminders about one subject stand in the line of the newest."""
    lines: dict[Any, Line] = {}
    for notice in notices:
        same = (notice.kind, notice.about) if notice.about else notice.pk
        if same in lines:
            lines[same].earlier.append(notice)
        else:
            lines[same] = Line(notice)
    return list(lines.values())


def page_of(notices: list[Notice], *, lines: int) -> list[Notice]:
    """As many of the entries, newest first, as make up so many lines."""
    seen: set[Any] = set()
    for number, notice in enumerate(notices):
        seen.add((notice.kind, notice.about) if notice.about else notice.pk)
        if len(seen) > lines:
            return notices[:number]
    return notices


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
    rows = list(notices[: READ + 1])
    shown = page_of(rows[:READ], lines=PAGE)
    context = {
        "lines": fold(shown),
        "next_before": shown[-1].pk if len(rows) > len(shown) else None,
        "first_url": f"?show={show}&kind={kind}" if before else "",
        "newest": rows[0].pk if rows and not before and not kind else None,
        "show": show,
        "kind": kind,
        "chips": _chips(request, show, kind),
    }
    return render(request, "shimao_service/inbox.html", context)


@require_POST
def open_notice(request: HttpRequest, pk: int) -> HttpResponse:
    """Read an entry and go to what it tells of; what it repeats is read with it. A second click goes there as well."""
    mine = Notice.objects.inbox_of(_reader(request))
    notice = mine.filter(pk=pk).first()
    if notice is None:
        raise NotSeen(_("没有找到这条消息，可能已被撤回。"))
    same = mine.unread().filter(pk__lte=pk)
    same = same.filter(kind=notice.kind, about=notice.about) if notice.about else same.filter(pk=pk)
    same.update(read_at=timezone.now())
    return redirect(notice.url or "inbox")


@require_POST
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """我已知悉: the entry, and whatever else asks this reader to acknowledge the same. Again, it changes nothing."""
    now = timezone.now()
    with transaction.atomic():
        mine = Notice.objects.inbox_of(_reader(request)).filter(must_acknowledge=True)
        notice = mine.filter(pk=pk).first()
        if notice is None:
            raise NotSeen(_("没有找到这条消息，可能已被撤回。"))
        same = mine.filter(about=notice.about) if notice.about else mine.filter(pk=pk)
        waiting = same.filter(acknowledged_at=None, pk__lte=pk)
        ids = list(waiting.select_for_update().order_by("pk").values_list("pk", flat=True))
        Notice.objects.filter(pk__in=ids, read_at=None).update(read_at=now)
        Notice.objects.filter(pk__in=ids).update(acknowledged_at=now)
        if ids:
            outbox.tell_acknowledged(notice.about, request.user, now)
    return HttpResponseRedirect(_next(request))


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else reverse("inbox")


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
    """How many lines of each kind are not read."""
    unread = Notice.objects.inbox_of(_reader(request)).unread().order_by("-id").only("id", "kind", "about")[:COUNTED]
    kinds: dict[str, int] = {}
    for line in fold(list(unread)):
        kinds[line.notice.kind] = kinds.get(line.notice.kind, 0) + 1
    return kinds
