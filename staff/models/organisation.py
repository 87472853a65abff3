"""Where people work: projects (the estates we serve) and the company's departments."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from shimao_service.models import WorkCalendar

CODE = RegexValidator(r"^[A-Za-z0-9_-]{1,20}$", _("编码只能用字母、数字、短横线和下划线，最多 20 个字符。"))


class Project(models.Model):
    """An estate: residential, commercial or office (A2, B2)."""

    class Kind(models.TextChoices):
        RESIDENTIAL = "residential", _("住宅")
        COMMERCIAL = "commercial", _("商业")
        OFFICE = "office", _("办公")

    code = models.CharField(_("项目编码"), max_length=20, unique=True, validators=[CODE])
    name = models.CharField(_("项目名称"), max_length=60, unique=True)
    kind = models.CharField(_("类型"), max_length=12, choices=Kind, default=Kind.RESIDENTIAL)
    address = models.CharField(_("地址"), max_length=120, blank=True)
    service_phone = models.CharField(_("服务电话"), max_length=20, blank=True)
    is_active = models.BooleanField(_("在管"), default=True)
    # None: the company's default calendar.
    calendar = models.ForeignKey(
        WorkCalendar, on_delete=models.PROTECT, null=True, blank=True, related_name="projects", verbose_name=_("日历")
    )

    class Meta:
        verbose_name = _("项目")
        verbose_name_plural = _("项目")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["residential", "commercial", "office"]), name="project_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Department(models.Model):
    """A department of the company; projects share them."""

    code = models.CharField(_("部门编码"), max_length=20, unique=True, validators=[CODE])
    name = models.CharField(_("部门名称"), max_length=40, unique=True)
    is_front_desk = models.BooleanField(_("客服部门"), default=False)
    is_active = models.BooleanField(_("启用"), default=True)

    class Meta:
        verbose_name = _("部门")
        verbose_name_plural = _("部门")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name
