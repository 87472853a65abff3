"""What was sent to whom, when, by which channel, and whether it was read: for those who look after a project.

A notice about a complaint against the reader, or anybody above, is not there (涉事回避). Of a request that somebody
may not open, only that something was sent is told, not what it said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from shimao_service import outbox, topics
from shimao_service.models import Notice, NoticeStatus
from shimao_service.operations import channel_name
from staff.access import Viewer
from staff.models import Employee
from staff.permissions import Permission
from tickets.models import Ticket, TicketSubject
from tickets.search import picked_project
from tickets.statuses import Kind

PAGE = 50
PEOPLE = 50
ABOUT = re.compile(r"ticket:([0-9]{1,18})")
INBOX_SENT = Q(channel="inbox", status=NoticeStatus.SENT)

STATES: dict[str, tuple[Any, Q]] = {
    "waiting": (_l("待发送"), Q(status__in=[NoticeStatus.PENDING, NoticeStatus.SENDING])),
    "sent": (_l("已发送"), Q(status=NoticeStatus.SENT) & ~Q(channel="inbox")),
    "unread": (_l("站内未读"), INBOX_SENT & Q(read_at=None)),
    "read": (_l("站内已读"), INBOX_SENT & Q(read_at__isnull=False)),
    "unacknowledged": (_l("待确认知悉"), INBOX_SENT & Q(must_acknowledge=True, acknowledged_at=None)),
    "acknowledged": (_l("已知悉"), Q(acknowledged_at__isnull=False)),
    "uncertain": (_l("不确定是否送达"), Q(status=NoticeStatus.UNCERTAIN)),
    "dead": (_l("未能送达"), Q(status=NoticeStatus.DEAD)),
    "cancelled": (_l("已撤回"), Q(status=NoticeStatus.CANCELLED)),
}
CHANNELS = ("inbox", "email", "sms", "robot", "webhook")


@dataclass(slots=True)
class Asked:
    """The filters of the page. What is not understood is left out and told in ``problems``."""

    values: dict[str, str] = field(default_factory=dict)
    where: Q = field(default_factory=Q)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, params: Mapping[str, Any], viewer: Viewer) -> Asked:
        asked = cls()
        for name, read in READERS.items():
            text = str(params.get(name, "")).replace("\x00", "").strip()[:60]
            if not text:
                continue
            asked.values[name] = text
            found = read(text, viewer)
            if isinstance(found, str):
                asked.problems.append(found)
            else:
                asked.where &= found
        return asked

    def query(self, **more: str) -> str:
        return urlencode(self.values | more)


def _person(text: str, viewer: Viewer) -> Q | str:
    named = Employee.objects.filter(Q(name__icontains=text) | Q(number=text), user__isnull=False)
    users = list(named.values_list("user_id", flat=True)[:PEOPLE])
    return Q(recipient__in=[f"user:{pk}" for pk in users]) if users else _("没有找到这位员工。")


def _number(text: str, viewer: Viewer) -> Q | str:
    pk = Ticket.objects.visible_to(viewer).filter(number=text.upper()).values_list("pk", flat=True).first()
    return Q(about=f"ticket:{pk}") if pk else _("没有找到这个工单编号，或您无权查看。")


def _channel(text: str, viewer: Viewer) -> Q | str:
    return Q(channel=text) if text in CHANNELS else _("没有这种渠道。")


def _state(text: str, viewer: Viewer) -> Q | str:
    return STATES[text][1] if text in STATES else _("没有这种状态。")


def _kind(text: str, viewer: Viewer) -> Q | str:
    return Q(kind=text) if text in topics.kind_labels() else _("没有这种通知。")


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())


def _since(text: str, viewer: Viewer) -> Q | str:
    day = _day(text)
    return Q(created_at__gte=_midnight(day)) if day else _("日期应为 2026-11-03 这样的格式。")


def _until(text: str, viewer: Viewer) -> Q | str:
    day = _day(text)
    if day is None or day == date.max:
        return _("日期应为 2026-11-03 这样的格式。")
    return Q(created_at__lt=_midnight(day + timedelta(days=1)))


READERS = {
    "person": _person, "number": _number, "channel": _channel, "state": _state, "kind": _kind, "from": _since,
    "to": _until,
}  # fmt: skip


def visible_to(viewer: Viewer) -> QuerySet[Notice]:
    """Notices of the projects this person looks after; everywhere: all. Never about a complaint against them."""
    held = viewer.projects_with(Permission.NOTICE_VIEW)
    notices = Notice.objects.all()
    picked = picked_project(viewer)
    if picked is not None:
        notices = notices.filter(scope=f"project:{picked}") if picked in held else notices.none()
    elif isinstance(held, set):
        notices = notices.filter(scope__in=[f"project:{pk}" for pk in sorted(held)])
    if viewer.hidden_subjects:
        subjects = TicketSubject.objects.filter(
            employee_id__in=viewer.hidden_subjects, ticket__kind=Kind.COMPLAINT
        ).annotate(name=Concat(Value("ticket:"), Cast("ticket_id", TextField()), output_field=TextField()))
        notices = notices.exclude(about__in=subjects.values("name"))
    return notices


@dataclass(frozen=True, slots=True)
class Line:
    """A notice as the page shows it."""

    notice: Notice
    reader: str
    number: str
    url: str
    title: str

    @property
    def kind(self) -> str:
        return outbox.kind_label(self.notice.kind)

    @property
    def channel(self) -> str:
        return channel_name(self.notice.channel)

    @property
    def tone(self) -> str:
        status = self.notice.status
        if status in (NoticeStatus.DEAD, NoticeStatus.UNCERTAIN):
            return "overdue" if status == NoticeStatus.DEAD else "warning"
        if self.notice.must_acknowledge and not self.notice.acknowledged_at and status == NoticeStatus.SENT:
            return "warning"
        if self.notice.channel == "inbox" and status == NoticeStatus.SENT and not self.notice.is_read:
            return "waiting"
        return {NoticeStatus.SENT: "done", NoticeStatus.CANCELLED: "muted"}.get(NoticeStatus(status), "waiting")

    @property
    def state(self) -> str:
        notice = self.notice
        if notice.channel == "inbox" and notice.status == NoticeStatus.SENT:
            if notice.must_acknowledge:
                return _("已知悉") if notice.acknowledged_at else _("待确认知悉")
            return _("已读") if notice.is_read else _("未读")
        return str(NoticeStatus(notice.status).label)

    @property
    def is_folded(self) -> bool:
        return self.notice.folded_into_id is not None


def page(viewer: Viewer, asked: Asked, before: int | None) -> tuple[list[Line], int | None]:
    """One page, newest first, and where the next one begins."""
    notices = visible_to(viewer).filter(asked.where)
    if before is not None:
        notices = notices.filter(pk__lt=before)
    if asked.problems:
        notices = notices.none()
    rows = list(notices.order_by(F("id").desc())[: PAGE + 1])
    shown = rows[:PAGE]
    return _lines(shown, viewer), shown[-1].pk if len(rows) > PAGE else None


def _lines(notices: list[Notice], viewer: Viewer) -> list[Line]:
    names = outbox.names({notice.recipient for notice in notices})
    subjects = {notice.pk: int(match[1]) for notice in notices if (match := ABOUT.fullmatch(notice.about))}
    seen = dict(
        Ticket.objects.visible_to(viewer).filter(pk__in=set(subjects.values())).values_list("pk", "number")
    ) if subjects else {}  # fmt: skip
    lines = []
    for notice in notices:
        subject = subjects.get(notice.pk)
        number = seen.get(subject, "") if subject is not None else ""
        may_read = subject is None or bool(number)
        lines.append(
            Line(
                notice=notice,
                reader=names.get(notice.recipient, _("未知收件人")),
                number=number,
                url=Ticket(number=number).get_absolute_url() if number else "",
                title=notice.title if may_read else "",
            )
        )
    return lines
