"""Roles are data: a role is a set of permissions, granted to an employee for a project."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.models.employee import Employee
from staff.models.organisation import Project
from staff.permissions import Permission


class Role(models.Model):
    """What someone in this position may do. ``is_company_wide`` ones hold in every project."""

    code = models.CharField(_("编码"), max_length=30, unique=True)
    name = models.CharField(_("名称"), max_length=30, unique=True)
    permissions = ArrayField(
        models.CharField(max_length=40, choices=Permission.choices), default=list, blank=True, verbose_name=_("权限")
    )
    is_company_wide = models.BooleanField(_("全公司"), default=False)
    order = models.PositiveSmallIntegerField(_("排序"), default=100)

    class Meta:
        verbose_name = _("角色")
        verbose_name_plural = _("角色")
        ordering = ["order", "code"]

    def __str__(self) -> str:
        return self.name


class RoleGrant(models.Model):
    """``employee`` has ``role`` in ``project``; no project: in all of them (company-wide roles only)."""

    employee = models.ForeignKey(Employee, on_delete=models.PROTECT, related_name="grants", verbose_name=_("员工"))
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="grants", verbose_name=_("角色"))
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="grants", verbose_name=_("项目")
    )
    granted_at = models.DateTimeField(_("授予时间"), auto_now_add=True)

    class Meta:
        verbose_name = _("角色授予")
        verbose_name_plural = _("角色授予")
        constraints = [
            models.UniqueConstraint(
                fields=["employee", "role", "project"],
                name="grant_once",
                nulls_distinct=False,
                violation_error_message=_("该员工在此项目已有这个角色。"),
            ),
        ]
        indexes = [models.Index(fields=["project", "role"], name="grant_by_project")]

    def __str__(self) -> str:
        return f"{self.employee} {self.role}"
