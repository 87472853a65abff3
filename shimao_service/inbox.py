"""One's own inbox: what there is to know, newest first; opening an entry is what reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from shimao_service import health, outbox, ticking
from shimao_service.exceptions import NotSeen
from shimao_service.models import Notice
from shimao_service.models.notice import NoticeQuerySet
from shimao_service.navigation import frame_of

# Lines a page, and how many of the earlier entries a line lists.
PAGE = 30
EARLIER = 20
# Nobody reads further than this on a badge, and counting on would cost.
COUNT_TO = 100
COUNTED = 1000
ALARMS = 5
KIND = re.compile(r"[a-z0-9_]{0,60}")
# What the inbox can be narrowed to; the first is what it opens with.
SHOWN = ("unread", "waiting", "all")

# Repeated reminders of the same count once, as they stand in one line.
COUNT = """
WITH alarm AS MATERIALIZED (
    SELECT DISTINCT ON (coalesce(nullif(about, ''), id::text)) id, title, url, created_at
      FROM (SELECT id, title, url, about, created_at FROM shimao_service_notice
             WHERE recipient = %(reader)s AND channel = 'inbox' AND status = 'sent'
               AND must_acknowledge AND acknowledged_at IS NULL
             ORDER BY id DESC LIMIT %(counted)s) AS waiting
     ORDER BY coalesce(nullif(about, ''), id::text), id DESC
)
SELECT (SELECT least(count(DISTINCT CASE WHEN about = '' THEN id::text ELSE kind || ' ' || about END), %(count_to)s)
          FROM (SELECT id, kind, about FROM shimao_service_notice
                 WHERE recipient = %(reader)s AND channel = 'inbox' AND status = 'sent' AND read_at IS NULL
                 ORDER BY id DESC LIMIT %(counted)s) AS unread),
       (SELECT least(at, (detail ->> %(failing)s)::timestamptz) FROM shimao_service_heartbeat WHERE name = %(beat)s),
       (SELECT jsonb_agg(jsonb_build_object('pk', id, 'title', title, 'url', url, 'at', created_at) ORDER BY id DESC)
          FROM (SELECT * FROM alarm ORDER BY id DESC LIMIT %(alarms)s) AS newest),
       (SELECT count(*) FROM alarm)
"""


def counts(viewer: Any) -> dict[str, Any]:
    """For the frame of every page, in one query: lines not read, what must be acknowledged (the newest few, and how
    many in all), and for how long reminders stand still."""
    values: dict[str, Any] = {
        "reader": f"user:{viewer.user.pk}", "count_to": COUNT_TO, "counted": COUNTED, "alarms": ALARMS,
        "beat": ticking.HEARTBEAT, "failing": ticking.FAILING_SINCE,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)
        unread, last_tick, newest, alarm_count = cursor.fetchone()
    found = json.loads(newest) if isinstance(newest, str) else newest or []
    stalled = health.stalled_since(last_tick, now=timezone.now())
    return {
        "inbox": unread,
        "stalled_minutes": stalled or 0,
        "alarms": [alarm | {"at": datetime.fromisoformat(alarm["at"])} for alarm in found],
        "alarm_count": alarm_count,
    }


@dataclass(slots=True)
class Line:
    """One line of the inbox: an entry, and the earlier ones of the same kind about the same, the latest of them as
    rows."""

    notice: Notice
    earlier: list[Notice] = field(default_factory=list)
    count: int = 1
    is_read: bool = True

    @property
    def kind(self) -> str:
        return outbox.kind_label(self.notice.kind)

    @property
    def is_waiting(self) -> bool:
        return self.notice.must_acknowledge and self.notice.acknowledged_at is None

    @property
    def unlisted(self) -> int:
        return self.count - 1 - len(self.earlier)


def newest_of_lines(notices: NoticeQuerySet) -> NoticeQuerySet:
    """Of these entries those that begin a line: none of the same kind about the same is newer."""
    # Said inside: an "or" around it would be asked of every row by a walk over the whole inbox.
    newer = notices.filter(~Q(about=""), kind=OuterRef("kind"), about=OuterRef("about"), pk__gt=OuterRef("pk"))
    return notices.filter(~Exists(newer)).order_by("-pk")


def lines_of(heads: Iterable[Notice], notices: NoticeQuerySet) -> list[Line]:
    """A line for each of ``heads``, with what it repeats among ``notices``. One query, none when nothing can."""
    lines = {(head.kind, head.about or head.pk): Line(head, is_read=head.is_read) for head in heads}
    subjects = {line.notice.about for line in lines.values()} - {""}
    same = notices.filter(about__in=subjects) if subjects else notices.none()
    for notice in same.only("pk", "kind", "about", "title", "created_at", "read_at").order_by("-pk"):
        line = lines.get((notice.kind, notice.about))
        if line is None or notice.pk >= line.notice.pk:
            continue
        line.count += 1
        line.is_read = line.is_read and notice.is_read
        if len(line.earlier) < EARLIER:
            line.earlier.append(notice)
    return list(lines.values())


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """``?show=all`` has the read ones as well, ``waiting`` those to be acknowledged; ``?kind=`` one kind. ``?before=``
    goes on below an entry, among what was there when the first page was made (``upto``)."""
    show = request.GET.get("show", "")
    show = show if show in SHOWN else SHOWN[0]
    kind = request.GET.get("kind", "") if KIND.fullmatch(request.GET.get("kind", "")) else ""
    before, upto = _number(request, "before"), _number(request, "upto")
    notices = _narrowed(request, show, kind)
    if upto is not None:
        notices = notices.filter(pk__lte=upto)
    heads = newest_of_lines(notices)
    if before is not None:
        heads = heads.filter(pk__lt=before)
    rows = list(heads[: PAGE + 1])
    shown = rows[:PAGE]
    context = {
        "lines": lines_of(shown, notices),
        "next_before": shown[-1].pk if len(rows) > PAGE else None,
        "next_upto": upto or (rows[0].pk if rows else None),
        "first_url": f"?show={show}&kind={kind}" if before is not None else "",
        "newest": rows[0].pk if rows and show != "waiting" and before is None and not kind else None,
        "show": show,
        "kind": kind,
        "chips": _chips(request, show, kind),
    }
    return render(request, "shimao_service/inbox.html", context)


def _narrowed(request: HttpRequest, show: str, kind: str) -> NoticeQuerySet:
    notices = Notice.objects.inbox_of(_reader(request))
    if show == "unread":
        notices = notices.unread()
    elif show == "waiting":
        notices = notices.to_acknowledge()
    return notices.filter(kind=kind) if kind else notices


def _number(request: HttpRequest, name: str) -> int | None:
    """An entry's id from the address, if it could be one."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


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


# --- what must be acknowledged --------------------------------------------------------------------
@never_cache
@require_safe
def alarm_banner(request: HttpRequest) -> HttpResponse:
    """The banner by itself, for pages that are left open."""
    return _banner(request)


def _banner(request: HttpRequest) -> HttpResponse:
    context = {"alarms": frame_of(request).alarms, "is_part": True}
    return render(request, "shimao_service/alarms.html", context)


@require_POST
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """我已知悉: the entry, and whatever else asks this reader to acknowledge the same. Again, it changes nothing.

    A page that asks by script gets the banner that remains, others go back to where they were.
    """
    notice = _acknowledged(request, pk, timezone.now())
    if getattr(request, "htmx", False):
        return _banner(request)
    messages.success(request, _("已确认知悉：%(title)s") % {"title": notice.title})
    return HttpResponseRedirect(_next(request))


@transaction.atomic
def _acknowledged(request: HttpRequest, pk: int, now: datetime) -> Notice:
    mine = Notice.objects.inbox_of(_reader(request)).filter(must_acknowledge=True)
    notice = mine.filter(pk=pk).first()
    if notice is None:
        raise NotSeen(_("没有找到这条消息，可能已被撤回。"))
    same = mine.filter(about=notice.about) if notice.about else mine.filter(pk=pk)
    waiting = same.filter(acknowledged_at=None, pk__lte=pk)
    if waiting.exists():
        # The subject first: whoever changes it holds its row before he touches notices about it.
        outbox.tell_acknowledged(notice.about, request.user, now)
    ids = list(waiting.select_for_update().order_by("pk").values_list("pk", flat=True))
    Notice.objects.filter(pk__in=ids, read_at=None).update(read_at=now)
    Notice.objects.filter(pk__in=ids).update(acknowledged_at=now)
    return notice


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


# --- chips ----------------------------------------------------------------------------------------
def _chips(request: HttpRequest, show: str, kind: str) -> list[dict]:
    """未读, 待确认 while there are any, and 全部, then the kinds among the unread; each with its count, none longer
    than a badge."""
    kinds = _unread_kinds(request)
    alarms = frame_of(request).alarms
    waiting = alarms.count if alarms else 0
    unread = sum(kinds.values())
    chips: list[dict] = [
        {"label": _("未读"), "href": "?show=unread", "count": unread, "active": show == "unread" and not kind},
        {
            "label": _("待确认"),
            "href": "?show=waiting",
            "count": waiting,
            "active": show == "waiting",
            "tone": "overdue",
        },
        {"label": _("全部"), "href": "?show=all", "count": None, "active": show == "all" and not kind},
    ]
    if not waiting and show != "waiting":
        del chips[1]
    for code in sorted({*kinds, kind} - {""}, key=outbox.kind_label):
        href = f"?show={show}" if code == kind else f"?show={show}&kind={code}"
        chips.append({"label": outbox.kind_label(code), "href": href, "count": kinds.get(code), "active": code == kind})
    return chips


def _unread_kinds(request: HttpRequest) -> dict[str, int]:
    """How many lines of each kind are not read."""
    unread = Notice.objects.inbox_of(_reader(request)).unread().order_by("-id")
    lines = {(kind, about or pk) for pk, kind, about in unread.values_list("pk", "kind", "about")[:COUNTED]}
    kinds: dict[str, int] = {}
    for kind, _subject in lines:
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds
