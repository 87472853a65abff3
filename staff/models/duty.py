"""Who is on duty, and who is away: a weekly table per project, until rosters are built."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from staff.models.employee import Employee
from staff.models.organisation import Project


class Weekday(models.IntegerChoices):
    MONDAY = 0, _("周一")
    TUESDAY = 1, _("周二")
    WEDNESDAY = 2, _("周三")
    THURSDAY = 3, _("周四")
    FRIDAY = 4, _("周五")
    SATURDAY = 5, _("周六")
    SUNDAY = 6, _("周日")


class DutySlot(models.Model):
    """``employee`` is on duty in the project every week from ``starts`` to ``ends``, local time; an end that is not
    after the start is next morning's."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="duty_slots", verbose_name=_("项目"))
    weekday = models.PositiveSmallIntegerField(_("星期"), choices=Weekday)
    starts = models.TimeField(_("开始"))
    ends = models.TimeField(_("结束"))
    employee = models.ForeignKey(
        Employee, on_delete=models.PROTECT, related_name="duty_slots", verbose_name=_("值班人")
    )
    deputy = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("副班")
    )

    class Meta:
        verbose_name = _("值班")
        verbose_name_plural = _("值班")
        ordering = ["project", "weekday", "starts", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="duty_weekday_known"),
            models.CheckConstraint(
                condition=Q(deputy=None) | ~Q(deputy=F("employee")),
                name="duty_deputy_is_another",
                violation_error_message=_("副班不能与值班人相同。"),
            ),
            models.UniqueConstraint(
                fields=["project", "weekday", "starts", "employee"],
                name="duty_once",
                violation_error_message=_("这个人在这个时段已有值班。"),
            ),
        ]


class Absence(models.Model):
    """Somebody is on leave, or otherwise not to be counted on, from … to."""

    class Kind(models.TextChoices):
        LEAVE = "leave", _("请假")
        REST = "rest", _("调休")
        TRAINING = "training", _("培训外出")
        OTHER = "other", _("其他")

    employee = models.ForeignKey(Employee, on_delete=models.PROTECT, related_name="absences", verbose_name=_("员工"))
    kind = models.CharField(_("类型"), max_length=10, choices=Kind, default=Kind.LEAVE)
    starts_at = models.DateTimeField(_("开始"))
    ends_at = models.DateTimeField(_("结束"))
    note = models.CharField(_("说明"), max_length=200, blank=True)
    recorded_at = models.DateTimeField(_("登记时间"))
    recorded_by = models.ForeignKey(
        Employee, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("登记人")
    )

    class Meta:
        verbose_name = _("请假")
        verbose_name_plural = _("请假")
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="absence_ends_after",
                violation_error_message=_("结束时间要晚于开始时间。"),
            ),
        ]
        indexes = [models.Index(fields=["employee", "ends_at"], name="absence_current")]
