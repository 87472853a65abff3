"""Calendars: when somebody is at the desk, which days are working days, and what the State Council arranged.

A calendar is edited as a draft and published as a version; a published version never changes, so that a due
time computed from it can always be computed again.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

DAY_MINUTES = 24 * 60
# The eighth "weekday" of the service hours: a public holiday.
HOLIDAY = 7


class Origin(models.TextChoices):
    """Where a day's arrangement comes from; our own stands above the others."""

    LIBRARY = "library", _("内置数据")
    IMPORT = "import", _("导入")
    OWN = "own", _("自定义")


class OfficialYear(models.Model):
    """A year's public holidays and make-up workdays (调休), company-wide: the seed of every calendar."""

    year = models.PositiveSmallIntegerField(_("年份"), primary_key=True)
    origin = models.CharField(_("来源"), max_length=8, choices=Origin)
    # The arrangement is not announced yet: computed from the lunar calendar, without make-up workdays.
    is_estimate = models.BooleanField(_("预估"))
    updated_at = models.DateTimeField(_("更新时间"))
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("节假日安排")
        verbose_name_plural = _("节假日安排")

    def __str__(self) -> str:
        return str(self.year)


class OfficialDay(models.Model):
    """One day of an official arrangement: off, or worked in exchange for another."""

    date = models.DateField(_("日期"), primary_key=True)
    year = models.ForeignKey(OfficialYear, on_delete=models.CASCADE, related_name="days")
    name = models.CharField(_("名称"), max_length=60)
    is_off = models.BooleanField(_("放假"))

    class Meta:
        verbose_name = _("节假日")
        verbose_name_plural = _("节假日")

    def __str__(self) -> str:
        return f"{self.date} {self.name}"


class WorkCalendar(models.Model):
    """A calendar that projects share or have for themselves."""

    code = models.CharField(_("编码"), max_length=20, unique=True)
    name = models.CharField(_("名称"), max_length=40, unique=True)
    timezone = models.CharField(_("时区"), max_length=40, default="Asia/Shanghai")
    is_default = models.BooleanField(_("默认"), default=False)

    class Meta:
        verbose_name = _("日历")
        verbose_name_plural = _("日历")
        ordering = ["-is_default", "code"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="calendar_one_default"),
        ]

    def __str__(self) -> str:
        return self.name


class CalendarVersion(models.Model):
    """What a calendar says from its publication on; without a date of publication it is a draft."""

    calendar = models.ForeignKey(WorkCalendar, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("版本"))
    note = models.CharField(_("说明"), max_length=200, blank=True)
    made_at = models.DateTimeField(_("创建时间"))
    published_at = models.DateTimeField(_("发布时间"), null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Whether the desk serves on public holidays when it has no hours of their own for them.
    serves_holidays = models.BooleanField(_("节假日照常服务"), default=True)
    # Counts the changes of a draft, so that of two who edit it at once the second is told.
    edits = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("日历版本")
        verbose_name_plural = _("日历版本")
        ordering = ["calendar", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "number"], name="calendar_version_once"),
            models.UniqueConstraint(fields=["calendar"], condition=Q(published_at=None), name="calendar_one_draft"),
        ]

    def __str__(self) -> str:
        return f"{self.calendar_id} v{self.number}"


class Use(models.TextChoices):
    SERVICE = "service", _("服务时间")
    WORKING = "working", _("工作时间")


class CalendarSpan(models.Model):
    """Open from … to, in minutes of the local day (510–720 is 08:30–12:00); any number a day.

    ``weekday`` 0 is Monday, 6 Sunday, 7 a public holiday (service time only); or one ``date`` of its own, whose
    spans replace the weekday's.
    """

    version = models.ForeignKey(CalendarVersion, on_delete=models.CASCADE, related_name="spans")
    use = models.CharField(_("用途"), max_length=8, choices=Use)
    weekday = models.PositiveSmallIntegerField(_("星期"), null=True, blank=True)
    date = models.DateField(_("日期"), null=True, blank=True)
    minutes = IntegerRangeField(_("时段"))

    class Meta:
        verbose_name = _("时段")
        verbose_name_plural = _("时段")
        constraints = [
            models.CheckConstraint(condition=Q(use__in=Use.values), name="calendar_span_use_known"),
            models.CheckConstraint(
                condition=Q(weekday__isnull=False, date=None, weekday__lte=HOLIDAY)
                | Q(weekday=None, date__isnull=False),
                name="calendar_span_of_weekday_or_date",
            ),
            models.CheckConstraint(
                condition=Q(minutes__startswith__gte=0)
                & Q(minutes__endswith__lte=DAY_MINUTES)
                & Q(minutes__isempty=False),
                name="calendar_span_within_day",
            ),
            ExclusionConstraint(
                name="calendar_spans_of_weekday_apart",
                expressions=[
                    ("version", RangeOperators.EQUAL), ("use", RangeOperators.EQUAL),
                    ("weekday", RangeOperators.EQUAL), ("minutes", RangeOperators.OVERLAPS),
                ],
                condition=Q(weekday__isnull=False),
            ),
            ExclusionConstraint(
                name="calendar_spans_of_date_apart",
                expressions=[
                    ("version", RangeOperators.EQUAL), ("use", RangeOperators.EQUAL),
                    ("date", RangeOperators.EQUAL), ("minutes", RangeOperators.OVERLAPS),
                ],
                condition=Q(date__isnull=False),
            ),
        ]  # fmt: skip


class CalendarDay(models.Model):
    """A day that is not what its weekday says: off (放假), or worked in exchange (调休上班)."""

    version = models.ForeignKey(CalendarVersion, on_delete=models.CASCADE, related_name="days")
    date = models.DateField(_("日期"))
    is_off = models.BooleanField(_("放假"))
    name = models.CharField(_("名称"), max_length=60)
    origin = models.CharField(_("来源"), max_length=8, choices=Origin)
    # Nobody is at the desk either: no service hours at all that day.
    is_unserved = models.BooleanField(_("停止服务"), default=False)

    class Meta:
        verbose_name = _("特殊日期")
        verbose_name_plural = _("特殊日期")
        ordering = ["version", "date"]
        constraints = [models.UniqueConstraint(fields=["version", "date"], name="calendar_day_once")]


class CalendarYear(models.Model):
    """Which years a version knows, and which of them only as an estimate."""

    version = models.ForeignKey(CalendarVersion, on_delete=models.CASCADE, related_name="years")
    year = models.PositiveSmallIntegerField(_("年份"))
    is_estimate = models.BooleanField(_("预估"))

    class Meta:
        verbose_name = _("日历年份")
        verbose_name_plural = _("日历年份")
        constraints = [models.UniqueConstraint(fields=["version", "year"], name="calendar_year_once")]
