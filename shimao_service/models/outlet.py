"""Ways out of the house that people set up: group robots and webhooks, with what became of them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from shimao_service.models.notice import Notice

# How a Fernet token begins: its version byte and the high bytes of its time.
CIPHER = "gAAAA"


class OutletKind(models.TextChoices):
    WECOM = "wecom", _("企业微信群机器人")
    DINGTALK = "dingtalk", _("钉钉群机器人")
    FEISHU = "feishu", _("飞书群机器人")
    APPRISE = "apprise", _("其他（Apprise 地址）")
    WEBHOOK = "webhook", _("Webhook")


class Outlet(models.Model):
    """A group robot (``robot:<id>``) or another system's address (``webhook:<id>``). Secrets are kept encrypted
    and never shown again."""

    kind = models.CharField(_("类型"), max_length=10, choices=OutletKind)
    name = models.CharField(_("名称"), max_length=40, unique=True)
    # "" is the whole company, else such as "project:3": this floor knows no projects.
    scope = models.CharField(_("范围"), max_length=30, blank=True)
    # A robot's whole address, or a webhook's.
    address = EncryptedTextField(_("地址"))
    # What a webhook's signature, or a robot's "signed" mode, is made with.
    secret = EncryptedTextField(_("密钥"), blank=True, null=True)
    topics = ArrayField(models.CharField(max_length=40), default=list, blank=True, verbose_name=_("发送内容"))
    per_minute = models.PositiveSmallIntegerField(_("每分钟最多"), default=20)
    is_active = models.BooleanField(_("启用"), default=True)
    made_at = models.DateTimeField(_("创建时间"), auto_now_add=True)
    tested_at = models.DateTimeField(_("上次测试"), null=True, blank=True)
    test_passed = models.BooleanField(_("测试通过"), null=True, blank=True)
    test_answer = models.TextField(_("测试结果"), blank=True)
    # What became of it lately, kept here so that a list of outlets need not read their attempts.
    succeeded_at = models.DateTimeField(_("上次成功"), null=True, blank=True)
    failed_at = models.DateTimeField(_("上次失败"), null=True, blank=True)
    failure = models.TextField(_("失败原因"), blank=True, db_default="")
    # While the other side does not answer, its letters wait here together instead of each trying for itself.
    rests_until = models.DateTimeField(_("暂缓到"), null=True, blank=True)
    changed_at = models.DateTimeField(_("修改时间"), null=True, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("修改人"),
    )  # fmt: skip

    class Meta:
        verbose_name = _("渠道")
        verbose_name_plural = _("渠道")
        ordering = ["kind", "name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=OutletKind.values), name="outlet_kind_known"),
            models.CheckConstraint(condition=Q(per_minute__gte=1), name="outlet_sends_something"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_webhook(self) -> bool:
        return self.kind == OutletKind.WEBHOOK

    @property
    def channel(self) -> str:
        return "webhook" if self.is_webhook else "robot"

    @property
    def recipient(self) -> str:
        """How notices name it: ``robot:3``, ``webhook:4``."""
        return f"{self.channel}:{self.pk}"

    @property
    def lost_parts(self) -> list[str]:
        """Which of address and secret could not be deciphered, as after SECRET_KEY was changed without a fallback:
        the field then gives the cipher's text instead of raising."""
        lost = {"address": "://" not in self.address, "secret": (self.secret or "").startswith(CIPHER)}
        return [part for part, is_lost in lost.items() if is_lost]

    @property
    def is_readable(self) -> bool:
        return not self.lost_parts


class OutletMinute(models.Model):
    """How many letters went to one receiver from ``minute`` on for a few seconds (see :mod:`shimao_service.rates`):
    what keeps a robot under its limit in any minute, on many hosts."""

    receiver = models.TextField(_("收件方"))
    minute = models.DateTimeField(_("分钟"))
    count = models.PositiveIntegerField(_("条数"))

    class Meta:
        verbose_name = _("发送频率")
        verbose_name_plural = _("发送频率")
        constraints = [models.UniqueConstraint(fields=["receiver", "minute"], name="outlet_minute_once")]


class Verdict(models.TextChoices):
    """What became of one try; the three failures are those of :mod:`shimao_service.channels`."""

    SENT = "sent", _("已送达")
    NOT_SENT = "not_sent", _("未送出，稍后重试")
    REFUSED = "refused", _("对方拒收")
    UNCERTAIN = "uncertain", _("不确定是否送达")


class Attempt(models.Model):
    """One try of a webhook or a robot, as operations see it: what was answered, how long it took."""

    outlet = models.ForeignKey(Outlet, on_delete=models.CASCADE, related_name="attempts")
    notice = models.ForeignKey(Notice, on_delete=models.SET_NULL, null=True, blank=True, related_name="attempts_made")
    at = models.DateTimeField(_("时间"))
    status = models.PositiveSmallIntegerField(_("状态码"), null=True, blank=True)
    verdict = models.CharField(_("结果"), max_length=10, choices=Verdict)
    milliseconds = models.PositiveIntegerField(_("耗时（毫秒）"))
    answer = models.TextField(_("应答"), blank=True)
    is_test = models.BooleanField(_("测试"), default=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name = _("发送记录")
        verbose_name_plural = _("发送记录")
        constraints = [models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="attempt_verdict_known")]
        indexes = [
            models.Index(fields=["outlet", "-id"], name="attempt_latest"),
            models.Index(fields=["at"], name="attempt_oldest"),
        ]
