"""Who held a request, from when to when: handlers, first receivers, and holds."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from staff.models import Department, Employee
from tickets.models.ticket import Ticket
from tickets.statuses import HoldReason


class Leg(models.Model):
    """A department, or a handler in it, holds the request. At most one leg of a request is open."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="legs")
    round = models.PositiveSmallIntegerField(_("轮次"))
    department = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="legs", verbose_name=_("部门"))
    handler = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="legs", verbose_name=_("责任人")
    )
    started_at = models.DateTimeField(_("开始"))
    ended_at = models.DateTimeField(_("结束"), null=True, blank=True)

    class Meta:
        verbose_name = _("经手")
        verbose_name_plural = _("经手")
        ordering = ["ticket", "started_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["ticket"], condition=Q(ended_at=None), name="leg_one_open"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="leg_ends_after"
            ),
        ]
        indexes = [models.Index(fields=["handler", "ticket"], name="leg_by_handler", condition=~Q(handler=None))]


class ReceiverTerm(models.Model):
    """``employee`` is the first receiver (首问责任人) from ``started_at`` on. At most one is open."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="receiver_terms")
    round = models.PositiveSmallIntegerField(_("轮次"))
    employee = models.ForeignKey(Employee, on_delete=models.PROTECT, related_name="receiver_terms")
    started_at = models.DateTimeField(_("开始"))
    ended_at = models.DateTimeField(_("结束"), null=True, blank=True)

    class Meta:
        verbose_name = _("首问责任")
        verbose_name_plural = _("首问责任")
        ordering = ["ticket", "started_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["ticket"], condition=Q(ended_at=None), name="receiver_one_open"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="receiver_ends_after"
            ),
        ]


class Hold(models.Model):
    """The work rests, for a reason, until a time."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="holds")
    round = models.PositiveSmallIntegerField(_("轮次"))
    reason = models.CharField(_("原因"), max_length=12, choices=HoldReason)
    started_at = models.DateTimeField(_("开始"))
    resume_at = models.DateTimeField(_("预计恢复"))
    ended_at = models.DateTimeField(_("结束"), null=True, blank=True)

    class Meta:
        verbose_name = _("挂起")
        verbose_name_plural = _("挂起")
        constraints = [
            models.UniqueConstraint(fields=["ticket"], condition=Q(ended_at=None), name="hold_one_open"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="hold_ends_after"
            ),
        ]
