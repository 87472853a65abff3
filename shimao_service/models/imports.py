"""Imports from Excel: the run, and its report row by row."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class RunStatus(models.TextChoices):
    UPLOADED = "uploaded", _("等待检查")
    CHECKING = "checking", _("正在检查")
    CHECKED = "checked", _("待确认")
    APPLYING = "applying", _("正在导入")
    APPLIED = "applied", _("已导入")
    FAILED = "failed", _("未能导入")
    DISCARDED = "discarded", _("已放弃")


class Outcome(models.TextChoices):
    CREATE = "create", _("新增")
    CHANGE = "change", _("变更")
    SAME = "same", _("无变化")
    BAD = "bad", _("有问题")


def file_path(run: ImportRun, filename: str) -> str:
    """A random name: what people call their files may itself tell something."""
    return f"imports/{secrets.token_hex(16)}.xlsx"


class ImportRun(models.Model):
    """One file, from upload to the end. Only :mod:`shimao_service.imports.engine` writes it.

    A worker that takes it writes ``claim`` and renews ``lease_until``; a lease that ran out means the
    worker is dead. In ``uploaded`` and ``applying`` without a claim the run waits for a worker.
    """

    kind = models.CharField(_("类别"), max_length=30)
    file_name = models.CharField(_("文件名"), max_length=200)
    # Deleted some days after the end: it holds people's names and numbers.
    file = models.FileField(_("文件"), upload_to=file_path, max_length=100, blank=True)
    status = models.CharField(_("状态"), max_length=10, choices=RunStatus, default=RunStatus.UPLOADED)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="imports", verbose_name=_("上传人")
    )
    uploaded_at = models.DateTimeField(_("上传时间"))
    checked_at = models.DateTimeField(_("检查完成"), null=True, blank=True)
    # Raised by every check: accepting names the report that was looked at.
    revision = models.PositiveSmallIntegerField(_("报告版本"), default=0)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("确认人"),
    )
    accepted_at = models.DateTimeField(_("确认时间"), null=True, blank=True)
    skip_bad = models.BooleanField(_("跳过有问题的行"), default=False)
    finished_at = models.DateTimeField(_("结束时间"), null=True, blank=True)

    # Rows by outcome, rows with a warning, and things by name: {"楼栋": [created, changed]}.
    totals = models.JSONField(_("统计"), default=dict, blank=True)
    # What to know about the file or the report as a whole, in sentences.
    notes = models.JSONField(_("说明"), default=list, blank=True)
    error = models.CharField(_("原因"), max_length=300, blank=True)

    stage = models.CharField(_("阶段"), max_length=10, blank=True)
    progress_done = models.PositiveIntegerField(_("已处理"), default=0)
    progress_total = models.PositiveIntegerField(_("总数"), default=0)
    claim = models.CharField(_("占用"), max_length=32, blank=True)
    lease_until = models.DateTimeField(_("占用至"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("尝试次数"), default=0)

    class Meta:
        verbose_name = _("导入")
        verbose_name_plural = _("导入")
        indexes = [
            models.Index(fields=["uploaded_by", "-id"], name="import_by_person"),
            models.Index(
                fields=["status"], name="import_waiting", condition=Q(status__in=["uploaded", "checking", "applying"])
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=RunStatus.values), name="import_status_known"),
            models.CheckConstraint(
                condition=~Q(status__in=["checked", "applying", "applied"]) | Q(checked_at__isnull=False),
                name="import_checked_has_time",
            ),
            models.CheckConstraint(
                # Nothing is written unless somebody accepted it.
                condition=~Q(status__in=["applying", "applied"])
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="import_applied_was_accepted",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None, accepted_by=None)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="import_accepted_at_and_by",
            ),
            models.CheckConstraint(condition=~Q(status="failed") | ~Q(error=""), name="import_failure_has_reason"),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(status__in=["applied", "failed", "discarded"]),
                name="import_finished_is_final",
            ),
            models.CheckConstraint(
                condition=Q(claim="", lease_until=None) | (~Q(claim="") & Q(lease_until__isnull=False)),
                name="import_claim_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_working(self) -> bool:
        """The page asks again: something is going on or waits for a worker."""
        return self.status in (RunStatus.UPLOADED, RunStatus.CHECKING, RunStatus.APPLYING)

    @property
    def is_queued(self) -> bool:
        return self.is_working and not self.claim

    def count(self, outcome: str) -> int:
        return int(self.totals.get(outcome, 0))


class ImportRow(models.Model):
    """What the check found about one row. Names and phones are masked in it; ``raw`` is kept for bad rows only."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField(_("行"))
    outcome = models.CharField(_("结果"), max_length=6, choices=Outcome)
    has_warning = models.BooleanField(_("有提醒"), default=False)
    label = models.CharField(_("内容"), max_length=200, blank=True)
    detail = models.JSONField(_("明细"), default=dict)
    # The cells as they were, for the download of bad rows; emptied together with the file.
    raw = models.JSONField(_("原文"), default=dict, blank=True)
    digest = models.CharField(max_length=24)

    class Meta:
        verbose_name = _("导入行")
        verbose_name_plural = _("导入行")
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="import_row_once"),
            models.CheckConstraint(condition=Q(outcome__in=Outcome.values), name="import_row_outcome_known"),
        ]
        indexes = [
            models.Index(fields=["run", "outcome", "number"], name="import_row_by_outcome"),
            models.Index(fields=["run", "number"], name="import_row_warned", condition=Q(has_warning=True)),
        ]
