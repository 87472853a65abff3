"""What the owner thought of it, and what we learned from it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from staff.models import Employee
from tickets.models.ticket import Ticket
from tickets.statuses import Channel, Liability, RatingSource


class Rating(models.Model):
    """A grade from 1 to 5 with its source. One counts a round; one that was replaced stays, marked."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="ratings")
    round = models.PositiveSmallIntegerField(_("轮次"))
    grade = models.PositiveSmallIntegerField(_("评价"))
    comment = models.TextField(_("意见"), blank=True, max_length=2000)
    source = models.CharField(_("来源"), max_length=8, choices=RatingSource)
    channel = models.CharField(_("方式"), max_length=12, choices=Channel, blank=True)
    recorded_by = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("代录人")
    )
    at = models.DateTimeField(_("时间"))
    is_late = models.BooleanField(_("逾期评价"), default=False)
    replaced_at = models.DateTimeField(_("被替换于"), null=True, blank=True)

    class Meta:
        verbose_name = _("评价")
        verbose_name_plural = _("评价")
        ordering = ["ticket", "at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(grade__range=(1, 5)), name="rating_grade_range"),
            models.UniqueConstraint(
                fields=["ticket", "round"], condition=Q(replaced_at=None), name="rating_one_counts_a_round"
            ),
            models.CheckConstraint(
                # 代录评价: nobody writes 满意 for the owner without saying who heard it, and how.
                condition=(
                    Q(source__in=[RatingSource.STAFF, RatingSource.ON_SPOT]) & ~Q(recorded_by=None) & ~Q(channel="")
                )
                | Q(source__in=[RatingSource.LINK, RatingSource.OWNER], recorded_by=None),
                name="rating_says_who_heard_it",
            ),
        ]


class Summary(models.Model):
    """Cause, liability, improvement (A6.5, B6.5). A later round writes it anew; the events keep each."""

    ticket = models.OneToOneField(Ticket, on_delete=models.CASCADE, related_name="summary")
    round = models.PositiveSmallIntegerField(_("轮次"))
    cause = models.TextField(_("原因"), max_length=2000)
    liability = models.CharField(_("责任归属"), max_length=16, choices=Liability)
    improvement = models.TextField(_("改进措施"), max_length=2000, blank=True)
    written_by = models.ForeignKey(Employee, on_delete=models.PROTECT, related_name="+", verbose_name=_("总结人"))
    at = models.DateTimeField(_("时间"))

    class Meta:
        verbose_name = _("总结")
        verbose_name_plural = _("总结")
        constraints = [models.CheckConstraint(condition=~Q(cause=""), name="summary_has_cause")]
