"""Filters that somebody keeps under a name."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.models import Employee


class SavedView(models.Model):
    """An employee's own view of the queue: ``query`` is the part of its address after the question mark."""

    employee = models.ForeignKey(Employee, on_delete=models.CASCADE, related_name="saved_views", verbose_name=_("员工"))
    name = models.CharField(_("名称"), max_length=20)
    query = models.CharField(_("条件"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("保存时间"), auto_now_add=True)

    class Meta:
        verbose_name = _("视图")
        verbose_name_plural = _("视图")
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["employee", "name"], name="view_once", violation_error_message=_("已有同名的视图。")
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="view_has_name"),
        ]

    def __str__(self) -> str:
        return self.name
