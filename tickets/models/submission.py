"""What keeps one request from becoming two, and one flood from becoming a night's work."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tickets.models.ticket import Ticket
from tickets.statuses import Kind


class Submission(models.Model):
    """One filled-in form or one API call, by the key it came with; the same again finds its request."""

    scope = models.CharField(max_length=60)
    key = models.CharField(max_length=80)
    body_hash = models.CharField(max_length=64)
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="submissions")
    at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("提交记录")
        verbose_name_plural = _("提交记录")
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="submission_once"),
            models.CheckConstraint(condition=~Q(key=""), name="submission_has_key"),
        ]


class NumberCounter(models.Model):
    """The last serial given out, per kind and Shanghai day. Taken late in the creating transaction."""

    kind = models.CharField(max_length=12, choices=Kind)
    day = models.DateField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("编号计数")
        verbose_name_plural = _("编号计数")
        constraints = [models.UniqueConstraint(fields=["kind", "day"], name="counter_once")]


class ReportAttempt(models.Model):
    """A web form sent in, for the limits per phone, address and unit. Deleted after a day."""

    at = models.DateTimeField(db_index=True)
    address = models.CharField(max_length=64)
    phone = models.CharField(max_length=20, blank=True)
    place = models.CharField(max_length=40, blank=True)

    class Meta:
        verbose_name = _("网页提交")
        verbose_name_plural = _("网页提交")
