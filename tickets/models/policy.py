"""How long each step may take: presets and a project's own, as published versions that never change."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shimao_service.models import CalendarVersion
from staff.models import Employee, Project
from tickets.statuses import ClockName, Kind, LimitUnit, Rung, Urgency


class Policy(models.Model):
    """A set of limits: 基础, 标准, 高端, another of the company's, or a project's own."""

    code = models.CharField(_("编码"), max_length=20, unique=True)
    name = models.CharField(_("名称"), max_length=40, unique=True)
    order = models.PositiveSmallIntegerField(_("排序"), default=100)
    is_default = models.BooleanField(_("默认"), default=False)
    # Whose own it is; None: the company's, for any project to choose.
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="policies", verbose_name=_("所属项目")
    )

    class Meta:
        verbose_name = _("时限标准")
        verbose_name_plural = _("时限标准")
        ordering = ["order", "code"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="policy_one_default"),
            models.CheckConstraint(condition=Q(is_default=False) | Q(project=None), name="policy_default_is_company"),
        ]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """What a policy says from its publication on; without a date of publication it is a draft."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("版本"))
    note = models.CharField(_("说明"), max_length=200, blank=True)
    made_at = models.DateTimeField(_("创建时间"))
    published_at = models.DateTimeField(_("发布时间"), null=True, blank=True)
    published_by = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("发布人")
    )

    class Meta:
        verbose_name = _("时限版本")
        verbose_name_plural = _("时限版本")
        ordering = ["policy", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once"),
            models.UniqueConstraint(fields=["policy"], condition=Q(published_at=None), name="policy_one_draft"),
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} v{self.number}"


class Limit(models.Model):
    """One clock of one class of requests. ``amount`` is minutes for h and sh, days for wd.

    The target is ours; the promise is what the owner is told and may differ (a published promise is part of the
    contract), or be absent: then nothing is promised. ``told_at_miss`` is the lowest rung that hears of a miss.
    """

    version = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="limits")
    kind = models.CharField(_("类型"), max_length=12, choices=Kind)
    urgency = models.CharField(_("紧急程度"), max_length=10, choices=Urgency)
    # A complaint that is major or by three households and more.
    is_grave = models.BooleanField(_("重大或群诉"), default=False)
    clock = models.CharField(_("时限"), max_length=10, choices=ClockName)
    amount = models.PositiveIntegerField(_("目标"))
    unit = models.CharField(_("单位"), max_length=2, choices=LimitUnit)
    promise_amount = models.PositiveIntegerField(_("承诺"), null=True, blank=True)
    promise_unit = models.CharField(_("承诺单位"), max_length=2, choices=LimitUnit, blank=True)
    told_at_miss = models.CharField(_("超时告知"), max_length=12, choices=Rung, default=Rung.SUPERVISOR)

    class Meta:
        verbose_name = _("时限值")
        verbose_name_plural = _("时限值")
        constraints = [
            models.UniqueConstraint(
                fields=["version", "kind", "urgency", "is_grave", "clock"], name="limit_once"
            ),
            models.CheckConstraint(condition=Q(unit__in=LimitUnit.values), name="limit_unit_known"),
            models.CheckConstraint(condition=Q(clock__in=ClockName.values), name="limit_clock_known"),
            models.CheckConstraint(condition=Q(is_grave=False) | Q(kind=Kind.COMPLAINT), name="limit_grave_complaint"),
            models.CheckConstraint(
                condition=Q(promise_amount=None, promise_unit="")
                | Q(promise_amount__isnull=False, promise_unit__in=LimitUnit.values),
                name="limit_promise_has_unit",
            ),
            # Two years at the most: what is longer is a slip of the hand.
            models.CheckConstraint(condition=Q(amount__lte=1_051_200), name="limit_amount_sane"),
        ]  # fmt: skip


class ProjectTerms(models.Model):
    """Which policy a project's new requests come under; no row: the default one."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="terms", verbose_name=_("项目"))
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="terms", verbose_name=_("时限标准"))

    class Meta:
        verbose_name = _("项目时限")
        verbose_name_plural = _("项目时限")


class TermsChange(models.Model):
    """Taking a new version over to open requests: first counted (a preview), then done, in batches, by a worker."""

    class Status(models.TextChoices):
        COUNTING = "counting", _("预览计算中")
        COUNTED = "counted", _("待确认")
        APPLYING = "applying", _("重算中")
        DONE = "done", _("已完成")
        ABANDONED = "abandoned", _("已放弃")

    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    calendar_version = models.ForeignKey(
        CalendarVersion, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    # Only this project's (it was moved to another policy or calendar); None: all that use the policy or calendar.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    status = models.CharField(_("状态"), max_length=10, choices=Status, default=Status.COUNTING)
    made_at = models.DateTimeField(_("创建时间"))
    made_by = models.ForeignKey(Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(_("确认时间"), null=True, blank=True)
    decided_by = models.ForeignKey(Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    finished_at = models.DateTimeField(_("完成时间"), null=True, blank=True)
    # The worker's place: everything up to this request is counted or done.
    cursor = models.BigIntegerField(default=0)
    working_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.PositiveIntegerField(_("已检查"), default=0)
    changed = models.PositiveIntegerField(_("时限有变"), default=0)
    becomes_late = models.PositiveIntegerField(_("将变为超时"), default=0)
    no_longer_late = models.PositiveIntegerField(_("将不再超时"), default=0)
    # Requests whose times could not be computed: left as they were, and shown.
    failed = models.PositiveIntegerField(_("未能计算"), default=0)
    # The first of those that become late, for people to look at: [{"number", "was", "will"}].
    sample = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = _("时限重算")
        verbose_name_plural = _("时限重算")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(policy_version__isnull=False) | Q(calendar_version__isnull=False),
                name="terms_change_of_something",
            ),
        ]
        indexes = [
            models.Index(fields=["status"], name="terms_change_work", condition=Q(status__in=["counting", "applying"])),
        ]
