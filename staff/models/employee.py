"""The people who work here."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.models.organisation import Department


class EmployeeQuerySet(models.QuerySet["Employee"]):
    def active(self) -> EmployeeQuerySet:
        return self.filter(left_on__isnull=True)


class Employee(models.Model):
    """One person at work. Never deleted: history names them; leaving sets ``left_on``."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="employee",
        verbose_name=_("登录账号"),
    )
    number = models.CharField(_("工号"), max_length=20, unique=True)
    name = models.CharField(_("姓名"), max_length=50)
    pinyin = models.CharField(_("拼音"), max_length=100, blank=True, editable=False)
    initials = models.CharField(_("拼音首字母"), max_length=20, blank=True, editable=False)
    phone = models.CharField(_("手机"), max_length=20, blank=True)
    email = models.EmailField(_("邮箱"), blank=True)
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, related_name="employees", verbose_name=_("部门")
    )
    title = models.CharField(_("岗位"), max_length=40, blank=True)
    reports_to = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reports", verbose_name=_("直接上级")
    )
    # The ids of everyone above, nearest first: who must not see a complaint about a superior is asked
    # on every page, so the chain is kept beside the link (see staff.reporting, which alone writes it).
    superiors = ArrayField(models.BigIntegerField(), default=list, blank=True, editable=False)
    hired_on = models.DateField(_("入职日期"), null=True, blank=True)
    left_on = models.DateField(_("离职日期"), null=True, blank=True)
    is_contractor = models.BooleanField(_("委外人员"), default=False)
    employer = models.CharField(_("用工单位"), max_length=60, blank=True)

    # Set with a password somebody else made; nothing opens until the person has chosen their own.
    must_change_password = models.BooleanField(_("须修改密码"), default=False, db_default=False, editable=False)

    objects = EmployeeQuerySet.as_manager()

    class Meta:
        verbose_name = _("员工")
        verbose_name_plural = _("员工")
        ordering = ["number"]
        indexes = [models.Index(fields=["department"], condition=models.Q(left_on=None), name="employee_working")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(left_on=None)
                | models.Q(hired_on=None)
                | models.Q(left_on__gte=models.F("hired_on")),
                name="employee_left_after_hired",
                violation_error_message=_("离职日期不能早于入职日期。"),
            ),
            models.CheckConstraint(
                condition=models.Q(reports_to=None) | ~models.Q(reports_to=models.F("id")),
                name="employee_not_own_superior",
                violation_error_message=_("上级不能是本人。"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args, **kwargs) -> None:
        from staff.names import initials, pinyin

        self.pinyin, self.initials = pinyin(self.name), initials(self.name)
        super().save(*args, **kwargs)

    @property
    def is_active(self) -> bool:
        return self.left_on is None
