"""Who changed what about whom: employment, sign-in and powers. Written once, never edited."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.models.employee import Employee
from staff.models.organisation import Project
from staff.models.role import Role


class StaffChange(models.Model):
    """Roles decide about people, so every grant has somebody who answers for it (A7.5)."""

    class Action(models.TextChoices):
        EMPLOYED = "employed", _("新增员工")
        AMENDED = "amended", _("更改资料")
        LEFT = "left", _("办理离职")
        RETURNED = "returned", _("办理复职")
        ACCOUNT_OPENED = "account_opened", _("开通账号")
        PASSWORD_RESET = "password_reset", _("重设密码")
        ACCOUNT_CLOSED = "account_closed", _("停用账号")
        GRANTED = "granted", _("授予角色")
        REVOKED = "revoked", _("收回角色")
        ROLE_CHANGED = "role_changed", _("更改角色权限")
        DUTY_PLANNED = "duty_planned", _("安排值班")
        DUTY_CHANGED = "duty_changed", _("调整值班")
        DUTY_REMOVED = "duty_removed", _("取消值班")
        ABSENCE_RECORDED = "absence_recorded", _("登记请假")
        ABSENCE_ENDED = "absence_ended", _("结束请假")

    at = models.DateTimeField(_("时间"))
    by = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("经办人")
    )
    by_name = models.CharField(_("经办人姓名"), max_length=60)
    action = models.CharField(_("事项"), max_length=16, choices=Action)
    employee = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="changes", verbose_name=_("员工")
    )
    role = models.ForeignKey(
        Role, on_delete=models.PROTECT, null=True, blank=True, related_name="changes", verbose_name=_("角色")
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("项目")
    )
    note = models.CharField(_("说明"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("人员变更记录")
        verbose_name_plural = _("人员变更记录")
        ordering = ["-at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(employee__isnull=False) | models.Q(role__isnull=False),
                name="change_is_about_somebody_or_a_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d} {self.get_action_display()}"
