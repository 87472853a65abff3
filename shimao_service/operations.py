"""The page of those who look after notices: what waits, what stands still, and what they decide about it.

It names kinds, readers and causes, never a title or a subject: whoever runs the machine may be the very
person a complaint is about.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Max, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from shimao_service import delivery, health, outbox
from shimao_service.channels import CHANNELS
from shimao_service.exceptions import Forbidden, NotSeen
from shimao_service.models import Notice, NoticeStatus, User
from shimao_service.models.notice import INBOX

SHOWN = 100
HELD_SHOWN = 20
CAUSES_SHOWN = 20
LATE = timedelta(minutes=2)
MAILS_SHOWN = 50


def operators_only(may: Callable[[Any], bool]) -> Callable[[Any], Any]:
    def decorate(view: Any) -> Any:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            viewer = getattr(request, "viewer", None)
            if not viewer or not may(viewer):
                raise Forbidden(_("您没有查看或处理提醒发送情况的权限，请联系主管。"))
            return view(request, *args, **kwargs)

        return checked

    return decorate


@require_safe
@operators_only(health.may_see_notices)
def outbox_page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    channels, held, standing, heartbeat = queues(now), held_back(), _standing(), health.last_tick()
    lines: list[dict[str, Any]] = [*held, *(row for stood in standing.values() for row in stood["rows"])]
    names = outbox.names({line["recipient"] for line in lines})
    for line in lines:
        line["reader"] = names.get(line["recipient"], _("未知收件人"))
    context = {
        "channels": channels,
        "waiting": sum(channel.waiting for channel in channels),
        "late": sum(channel.late for channel in channels),
        "sent": sum(channel.sent for channel in channels),
        "held": held,
        "uncertain": standing[NoticeStatus.UNCERTAIN],
        "dead": standing[NoticeStatus.DEAD],
        "heartbeat": heartbeat,
        "stalled_minutes": health.stalled_since(heartbeat.at if heartbeat else None, now=now),
        "may_act": health.may_resend(getattr(request, "viewer", None)),
        "shows_mail": _mail_folder() is not None,
    }
    return render(request, "shimao_service/outbox.html", context)


@dataclass(slots=True)
class Queue:
    """One channel: how much waits, since when, and what left in the last hour."""

    channel: str
    waiting: int = 0
    # Due for longer than a run takes and still here: something is wrong, or there is too much of it.
    late: int = 0
    # Put off on purpose: for company, for the end of quiet hours, after a failure.
    resting: int = 0
    oldest: datetime | None = None
    sending: int = 0
    sent: int = 0

    @property
    def name(self) -> str:
        return channel_name(self.channel)


def queues(now: datetime) -> list[Queue]:
    """Every channel that is there or has something waiting; two queries, both by index."""
    found = {name: Queue(name) for name in CHANNELS}
    waiting = Notice.objects.filter(status__in=[NoticeStatus.PENDING, NoticeStatus.SENDING]).values("channel")
    rows = waiting.annotate(
        count=Count("id"),
        is_sending=Count("id", filter=Q(status=NoticeStatus.SENDING)),
        is_late=Count("id", filter=Q(next_attempt_at__lt=now - LATE)),
        is_resting=Count("id", filter=Q(next_attempt_at__gt=now)),
        oldest=Min("created_at"),
    )
    for row in rows.order_by("channel"):
        queue = found.setdefault(row["channel"], Queue(row["channel"]))
        queue.waiting, queue.sending, queue.late = row["count"], row["is_sending"], row["is_late"]
        queue.resting, queue.oldest = row["is_resting"], row["oldest"]
    left = Notice.objects.filter(status=NoticeStatus.SENT, sent_at__gte=now - timedelta(hours=1))
    left = left.exclude(channel=INBOX).filter(folded_into=None)
    for channel, count in left.values_list("channel").annotate(count=Count("id")).order_by("channel"):
        found.setdefault(channel, Queue(channel)).sent = count
    return list(found.values())


def held_back() -> list[dict[str, Any]]:
    """Receivers whose letters wait because something went wrong with them, the longest queue first."""
    pending = Notice.objects.filter(status=NoticeStatus.PENDING).exclude(error="")
    rows = (
        pending.values("channel", "recipient")
        .annotate(count=Count("id"), until=Min("next_attempt_at"), attempts=Max("attempts"), error=Max("error"))
        .order_by("-count", "recipient")[:HELD_SHOWN]
    )
    return [{**row, "channel": channel_name(row["channel"])} for row in rows]


@require_POST
@operators_only(health.may_resend)
def decide(request: HttpRequest) -> HttpResponse:
    """``do=retry`` or ``do=discard`` for the ticked ``ids``, or for all dead ones of one ``channel`` and ``cause``."""
    verbs = {"retry": delivery.retry, "discard": delivery.discard}
    verb = verbs.get(request.POST.get("do", ""))
    ids = _chosen(request)
    count = verb(ids, by=cast(User, request.user), now=timezone.now()) if verb and ids else 0
    if not ids:
        messages.warning(request, _("请先勾选要处理的通知。"))
    elif count < len(ids):
        messages.warning(request, _("已处理 %(count)s 条，其余的已由他人处理。") % {"count": count})
    else:
        messages.success(request, ngettext("已处理 %(count)s 条。", "已处理 %(count)s 条。", count) % {"count": count})
    return redirect("outbox")


def _chosen(request: HttpRequest) -> list[int]:
    if "cause" in request.POST:
        cause = {"channel": request.POST.get("channel", ""), "error": request.POST["cause"]}
        return list(Notice.objects.filter(status=NoticeStatus.DEAD, **cause).values_list("id", flat=True)[:10_000])
    return [
        int(value) for value in request.POST.getlist("ids") if value.isascii() and value.isdigit() and len(value) < 19
    ]


def _standing() -> dict[str, dict[str, Any]]:
    """Those that stand still, uncertain and dead: how many, by which causes, and the latest of them."""
    notices = Notice.objects.filter(status__in=delivery.STANDING)
    causes = notices.values("status", "channel", "error").annotate(count=Count("id")).order_by("-count")
    found: dict[str, dict[str, Any]] = {
        status: {"tone": "", "count": 0, "causes": [], "rows": _latest(status)} for status in delivery.STANDING
    }
    for cause in causes:
        stood = found[cause["status"]]
        stood["tone"], stood["count"] = "overdue", stood["count"] + cause["count"]
        if len(stood["causes"]) < CAUSES_SHOWN:
            stood["causes"].append({**cause, "channel_name": channel_name(cause["channel"])})
    return found


def _latest(status: str) -> list[dict[str, Any]]:
    columns = ("id", "kind", "channel", "recipient", "error", "attempts", "created_at")
    return [
        {
            "notice": notice,
            "kind": outbox.kind_label(notice.kind),
            "channel": channel_name(notice.channel),
            "recipient": notice.recipient,
        }
        for notice in Notice.objects.filter(status=status).order_by("-id").only(*columns)[:SHOWN]
    ]


def channel_name(channel: str) -> str:
    return {
        "inbox": _("站内消息"), "email": _("邮件"), "sms": _("短信"), "robot": _("群机器人"), "webhook": _("Webhook"),
    }.get(channel, channel)  # fmt: skip


# --- the demo's mail -----------------------------------------------------------------------------
@require_safe
@operators_only(health.may_see_notices)
def mail_page(request: HttpRequest) -> HttpResponse:
    """What would have been mailed, while mail is written to files (the demo). Not there otherwise."""
    folder = _mail_folder()
    if folder is None:
        raise NotSeen(_("邮件已通过邮件服务器发出，这里没有可看的副本。"))
    return render(request, "shimao_service/mail.html", {"mails": _mails(folder)[:MAILS_SHOWN]})


def _mail_folder() -> Path | None:
    is_file_backend = settings.EMAIL_BACKEND == "django.core.mail.backends.filebased.EmailBackend"
    return Path(getattr(settings, "EMAIL_FILE_PATH", "")) if settings.DEBUG and is_file_backend else None


def _mails(folder: Path) -> list[dict[str, Any]]:
    """Newest first. The file backend writes one file a connection, its letters parted by a line of dashes."""
    found: list[dict[str, Any]] = []
    files = sorted(folder.glob("*.log"), reverse=True) if folder.is_dir() else []
    for file in files[:MAILS_SHOWN]:
        letters = [part for part in file.read_bytes().split(b"-" * 79) if part.strip()]
        found += [_mail(part) for part in reversed(letters)]
    return found


def _mail(raw: bytes) -> dict[str, Any]:
    message = email.message_from_bytes(raw.lstrip(), policy=email.policy.default)
    body = message.get_body(preferencelist=("plain",))
    date = message["Date"]
    return {
        "to": str(message["To"] or ""),
        "subject": str(message["Subject"] or ""),
        # Django writes -0000, which the parser gives back without a zone: it is UTC.
        "at": date.datetime.replace(tzinfo=date.datetime.tzinfo or UTC) if date and date.datetime else None,
        "body": body.get_content().strip() if body else "",
    }
