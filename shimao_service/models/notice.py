"""Notices: what somebody should hear, as rows of an outbox, and the beat's last sign of life.

A row names its reader and its subject as text (``user:7``, ``ticket:81``): this floor knows no model
of those above. The row of the channel ``inbox`` *is* the entry in the inbox and is born sent; rows of
all other channels wait for :mod:`shimao_service.delivery`.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

INBOX = "inbox"
EMAIL = "email"


class NoticeStatus(models.TextChoices):
    """Where a notice stands. ``uncertain``: a sender died or lost the line with it in hand."""

    PENDING = "pending", _("待发送")
    SENDING = "sending", _("发送中")
    SENT = "sent", _("已发送")
    UNCERTAIN = "uncertain", _("不确定是否送达")
    DEAD = "dead", _("未能送达")
    CANCELLED = "cancelled", _("已撤回")


class NoticeQuerySet(models.QuerySet["Notice"]):
    def inbox_of(self, user_id: int) -> NoticeQuerySet:
        """What this person's inbox holds; entries taken back are not in it."""
        return self.filter(channel=INBOX, recipient=f"user:{user_id}", status=NoticeStatus.SENT)

    def unread(self) -> NoticeQuerySet:
        return self.filter(read_at__isnull=True)

    def to_acknowledge(self) -> NoticeQuerySet:
        return self.filter(must_acknowledge=True, acknowledged_at__isnull=True)

    def due(self, now: datetime) -> NoticeQuerySet:
        return self.filter(status=NoticeStatus.PENDING, next_attempt_at__lte=now)


class Notice(models.Model):
    """One thing to tell one reader by one channel: at most one row for each (key, recipient, channel)."""

    key = models.TextField(_("键"))
    recipient = models.TextField(_("收件人"))
    channel = models.TextField(_("渠道"))
    kind = models.TextField(_("种类"))
    title = models.TextField(_("标题"))
    body = models.TextField(_("正文"), blank=True)
    # A path inside the site; made into an address when sending.
    url = models.TextField(_("页面"), blank=True)
    # "track:81": a registered maker turns it into an address when sending, so that no token is stored.
    link = models.TextField(_("外部链接"), blank=True)
    about = models.TextField(_("关于"), blank=True)
    # Whose supervisors may look it up later: "project:3". This floor knows no projects.
    scope = models.TextField(_("范围"), blank=True, db_default="")
    urgent = models.BooleanField(_("紧急"), db_default=False)
    created_at = models.DateTimeField(_("产生时间"))

    status = models.TextField(_("状态"), choices=NoticeStatus.choices)
    attempts = models.PositiveSmallIntegerField(_("尝试次数"), db_default=0)
    next_attempt_at = models.DateTimeField(_("下次尝试"), null=True, blank=True)
    lease_until = models.DateTimeField(_("占用到"), null=True, blank=True)
    # Which claim holds or last held the row. Stays on an uncertain one, so that its own sender,
    # slow but alive, may still say what became of it.
    claimed_by = models.TextField(_("发送进程"), blank=True, db_default="")
    sent_at = models.DateTimeField(_("发送时间"), null=True, blank=True)
    error = models.TextField(_("原因"), blank=True, db_default="")
    read_at = models.DateTimeField(_("阅读时间"), null=True, blank=True)
    # An emergency stays on the screen of whoever must know of it, until they say that they do.
    must_acknowledge = models.BooleanField(_("须确认"), db_default=False)
    acknowledged_at = models.DateTimeField(_("确认时间"), null=True, blank=True)
    # Several to one reader in a short span leave as one letter: the first of them carries the others.
    folded_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="folded", db_index=False,
        verbose_name=_("并入"),
    )  # fmt: skip
    # Who sent it again or let it be, after it was dead or uncertain.
    handled_at = models.DateTimeField(_("处理时间"), null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("处理人"),
    )

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("通知")
        verbose_name_plural = _("通知")
        constraints = [
            models.UniqueConstraint(fields=["key", "recipient", "channel"], name="notice_once"),
            models.CheckConstraint(
                condition=~Q(key="") & ~Q(title="") & ~Q(kind="") & ~Q(channel=""),
                name="notice_says_something",
            ),
            models.CheckConstraint(
                condition=Q(recipient__regex=r"^[a-z]+:[0-9]+$"),
                name="notice_has_reader",
            ),
            models.CheckConstraint(
                condition=Q(url="") | (Q(url__startswith="/") & ~Q(url__startswith="//")),
                name="notice_url_is_path",
            ),
            models.CheckConstraint(condition=Q(status__in=NoticeStatus.values), name="notice_status_known"),
            models.CheckConstraint(
                condition=Q(status=NoticeStatus.PENDING, next_attempt_at__isnull=False)
                | (~Q(status=NoticeStatus.PENDING) & Q(next_attempt_at__isnull=True)),
                name="notice_pending_has_attempt",
            ),
            models.CheckConstraint(
                condition=(Q(status=NoticeStatus.SENDING, lease_until__isnull=False) & ~Q(claimed_by=""))
                | (~Q(status=NoticeStatus.SENDING) & Q(lease_until__isnull=True)),
                name="notice_sending_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(status=NoticeStatus.SENT) | Q(sent_at__isnull=False),
                name="notice_sent_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[NoticeStatus.DEAD, NoticeStatus.UNCERTAIN]) | ~Q(error=""),
                name="notice_failure_has_reason",
            ),
            models.CheckConstraint(
                condition=~Q(channel=INBOX) | Q(status__in=[NoticeStatus.SENT, NoticeStatus.CANCELLED]),
                name="notice_inbox_is_sent",
            ),
            models.CheckConstraint(
                condition=Q(read_at__isnull=True) | Q(channel=INBOX),
                name="notice_read_in_inbox",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True) | Q(channel=INBOX, must_acknowledge=True),
                name="notice_acknowledged_in_inbox",
            ),
            models.CheckConstraint(
                condition=Q(handled_at__isnull=True, handled_by__isnull=True)
                | Q(handled_at__isnull=False, handled_by__isnull=False),
                name="notice_handled_by_somebody",
            ),
        ]
        indexes = [
            models.Index(
                "channel", models.F("urgent").desc(), "next_attempt_at", "id",
                name="notice_due", condition=Q(status="pending"),
            ),
            # What else waits for the same reader: to fold it in, or to hold it back with what just failed.
            models.Index(fields=["channel", "recipient"], name="notice_waiting", condition=Q(status="pending")),
            models.Index(fields=["lease_until"], name="notice_leased", condition=Q(status="sending")),
            models.Index(
                fields=["status", "-id"], name="notice_attention", condition=Q(status__in=["uncertain", "dead"])
            ),
            models.Index(fields=["recipient", "-id"], name="notice_inbox", condition=Q(channel="inbox", status="sent")),
            models.Index(
                fields=["recipient", "-id"],
                name="notice_unread",
                condition=Q(channel="inbox", status="sent", read_at__isnull=True),
            ),
            models.Index(
                fields=["recipient"],
                name="notice_unacknowledged",
                condition=Q(
                    channel="inbox", status="sent", must_acknowledge=True, acknowledged_at__isnull=True
                ),
            ),
            models.Index(fields=["about"], name="notice_about", condition=~Q(about="")),
            models.Index(fields=["scope", "-id"], name="notice_history", condition=~Q(scope="")),
            models.Index(fields=["folded_into"], name="notice_folded", condition=Q(folded_into__isnull=False)),
            # Rows lie in the order they were made: a period is a few blocks, and the index next to nothing.
            BrinIndex(fields=["created_at"], name="notice_made", autosummarize=True),
            BrinIndex(fields=["sent_at"], name="notice_left", autosummarize=True),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.key} → {self.recipient} ({self.channel})"

    @property
    def is_read(self) -> bool:
        return self.read_at is not None


class Heartbeat(models.Model):
    """When something that should happen every minute last did, and what it found."""

    name = models.TextField(_("名称"), primary_key=True)
    at = models.DateTimeField(_("时间"))
    detail = models.JSONField(_("详情"), default=dict, blank=True)

    class Meta:
        verbose_name = _("心跳")
        verbose_name_plural = _("心跳")

    def __str__(self) -> str:
        return f"{self.name} {self.at:%F %T}"
