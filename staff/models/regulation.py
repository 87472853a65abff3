"""The regulation: versions and their clauses, each with its number, so that steps can point at them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.models.employee import Employee


class RegulationVersion(models.Model):
    """One published text. The one in force is the latest whose ``effective_on`` has come (A11)."""

    number = models.PositiveIntegerField(_("版本"), unique=True)
    title = models.CharField(_("名称"), max_length=80)
    effective_on = models.DateField(_("生效日期"))
    published_by = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("发布人")
    )

    class Meta:
        verbose_name = _("制度版本")
        verbose_name_plural = _("制度版本")
        ordering = ["-number"]

    def __str__(self) -> str:
        return self.title


class Clause(models.Model):
    """A clause such as A6.2. One that the text at hand lacks is kept as missing, never invented."""

    version = models.ForeignKey(
        RegulationVersion, on_delete=models.PROTECT, related_name="clauses", verbose_name=_("版本")
    )
    code = models.CharField(_("条款号"), max_length=12)
    title = models.CharField(_("标题"), max_length=60)
    text = models.TextField(_("内容"), blank=True)
    is_missing = models.BooleanField(_("原文缺失"), default=False)
    order = models.PositiveIntegerField(_("顺序"), default=0)

    class Meta:
        verbose_name = _("条款")
        verbose_name_plural = _("条款")
        ordering = ["order"]
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="clause_once_a_version"),
            models.CheckConstraint(
                condition=models.Q(is_missing=True, text="") | (models.Q(is_missing=False) & ~models.Q(text="")),
                name="clause_missing_or_worded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}"
