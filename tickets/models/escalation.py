"""What rises to whom when a promise is missed, and what already has."""

import re
import unicodedata

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tickets.models.ticket import Ticket
from tickets.statuses import Rung, StepBasis


class EscalationStep(models.Model):
    """A company's setting: at 80 % of a limit, at its breach (100 %), at +50 % (150 %), or hours after the breach."""

    basis = models.CharField(_("起算"), max_length=8, choices=StepBasis)
    amount = models.PositiveSmallIntegerField(_("数值"))
    rung = models.CharField(_("告知"), max_length=12, choices=Rung)
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = _("升级步骤")
        verbose_name_plural = _("升级步骤")
        constraints = [
            models.UniqueConstraint(
                fields=["basis", "amount"],
                name="escalation_step_once",
                violation_error_message=_("已有这个时点的升级步骤。"),
            ),
            models.CheckConstraint(
                condition=Q(basis=StepBasis.PERCENT, amount__range=(10, 500))
                | Q(basis=StepBasis.HOURS, amount__range=(1, 720)),
                name="escalation_step_sane",
                violation_error_message=_("百分比在 10 到 500 之间，小时在 1 到 720 之间。"),
            ),
        ]


class Escalation(models.Model):
    """One step that was taken, once: its event says whom it told, whom it skipped and why."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, db_index=False, related_name="escalations")
    round = models.PositiveSmallIntegerField(_("轮次"))
    # A clock and a step ("resolution", "percent:150"), or an occasion of its own ("emergency", "urge").
    clock = models.CharField(_("时限"), max_length=12)
    step = models.CharField(_("步骤"), max_length=20)
    due_at = models.DateTimeField(_("应告知"))
    at = models.DateTimeField(_("实际告知"))

    class Meta:
        verbose_name = _("升级")
        verbose_name_plural = _("升级")
        constraints = [
            models.UniqueConstraint(fields=["ticket", "round", "clock", "step"], name="escalation_once"),
        ]


class Urge(models.Model):
    """催单 by the owner, 催办 by staff, 督办 by a manager: it wants an answer; the clocks do not move for it."""

    class By(models.TextChoices):
        OWNER = "owner", _("业主催单")
        STAFF = "staff", _("员工催办")
        MANAGER = "manager", _("经理督办")

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="urges")
    round = models.PositiveSmallIntegerField(_("轮次"))
    by = models.CharField(_("来自"), max_length=8, choices=By)
    by_name = models.CharField(_("催促人"), max_length=60)
    by_id = models.BigIntegerField(null=True, blank=True)
    # Told on the phone and written down by the desk.
    recorded_by = models.CharField(_("记录人"), max_length=60, blank=True)
    note = models.TextField(_("内容"), max_length=2000, blank=True)
    at = models.DateTimeField(_("时间"))
    # Repeats within ten minutes are this one.
    times = models.PositiveSmallIntegerField(_("次数"), default=1)
    last_at = models.DateTimeField(_("最近一次"))
    answered_at = models.DateTimeField(_("答复时间"), null=True, blank=True)
    answered_by = models.CharField(_("答复人"), max_length=60, blank=True)
    answer = models.TextField(_("答复"), max_length=2000, blank=True)

    class Meta:
        verbose_name = _("催促")
        verbose_name_plural = _("催促")
        ordering = ["ticket", "at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(times__gte=1), name="urge_at_least_once"),
            models.CheckConstraint(
                condition=Q(answered_at=None, answered_by="") | (Q(answered_at__isnull=False) & ~Q(answered_by="")),
                name="urge_answered_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["ticket"], name="urge_open", condition=Q(answered_at=None))]


def normalised(number: str) -> str:
    """An authority's number as it is kept and looked for: one width, no blanks, capitals."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", number or "").replace("\x00", "")).upper()


class Referral(models.Model):
    """An authority passed it on (12345, street office …): their number, their deadline, their return window."""

    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, related_name="referral")
    authority = models.CharField(_("转办单位"), max_length=16)
    number = models.CharField(_("转办编号"), max_length=60)
    due_at = models.DateTimeField(_("转办时限"), null=True, blank=True)
    # Until when it may be given back as not ours.
    return_until = models.DateTimeField(_("可退回至"), null=True, blank=True)
    reply = models.TextField(_("正式回复"), max_length=5000, blank=True)
    replied_at = models.DateTimeField(_("回复时间"), null=True, blank=True)
    replied_by = models.CharField(_("回复人"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("转办")
        verbose_name_plural = _("转办")
        constraints = [
            models.UniqueConstraint(
                fields=["authority", "number"],
                name="referral_number_once",
                violation_error_message=_("这个转办编号已经登记过。"),
            ),
            models.CheckConstraint(condition=~Q(number=""), name="referral_has_number"),
            models.CheckConstraint(
                condition=Q(replied_at=None, reply="", replied_by="")
                | (Q(replied_at__isnull=False) & ~Q(reply="") & ~Q(replied_by="")),
                name="referral_reply_whole",
            ),
        ]
