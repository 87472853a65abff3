"""Buildings and units: the places requests are about."""

from __future__ import annotations

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

from staff.models import Employee, Project


def new_qr_code() -> str:
    """What a building's poster carries: it names a place and opens nothing, so it need not be secret."""
    return secrets.token_urlsafe(9)


class Building(models.Model):
    """A building of a project, with its steward (管家)."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="buildings", verbose_name=_("项目"))
    code = models.CharField(_("楼栋号"), max_length=10)
    name = models.CharField(_("名称"), max_length=40)
    steward = models.ForeignKey(
        Employee, on_delete=models.SET_NULL, null=True, blank=True, related_name="buildings", verbose_name=_("管家")
    )
    qr_code = models.CharField(_("二维码编号"), max_length=20, unique=True, default=new_qr_code, editable=False)

    class Meta:
        verbose_name = _("楼栋")
        verbose_name_plural = _("楼栋")
        ordering = ["project", "code"]
        constraints = [models.UniqueConstraint(fields=["project", "code"], name="building_code_once")]

    def __str__(self) -> str:
        return self.name


class Unit(models.Model):
    """A flat, shop or office. ``label`` is how people say it: 3-2-1502."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="units", verbose_name=_("项目"))
    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="units", verbose_name=_("楼栋"))
    entrance = models.CharField(_("单元"), max_length=10, blank=True)
    room = models.CharField(_("房号"), max_length=12)
    label = models.CharField(_("房屋"), max_length=36, editable=False)
    floor = models.SmallIntegerField(_("楼层"), null=True, blank=True)
    area = models.DecimalField(_("建筑面积（㎡）"), max_digits=8, decimal_places=2, null=True, blank=True)
    # Warranty periods count from here (Regulation on Quality Management of Construction Projects, art. 40).
    handed_over_on = models.DateField(_("交付日期"), null=True, blank=True)

    class Meta:
        verbose_name = _("房屋")
        verbose_name_plural = _("房屋")
        ordering = ["building", "entrance", "room"]
        constraints = [
            models.UniqueConstraint(fields=["building", "entrance", "room"], name="unit_once"),
            models.CheckConstraint(
                condition=models.Q(area=None) | models.Q(area__gt=0),
                name="unit_area_positive",
                violation_error_message=_("建筑面积必须大于 0。"),
            ),
        ]
        indexes = [
            models.Index(fields=["project", "label"], name="unit_by_label", opclasses=["int8_ops", "text_pattern_ops"]),
            models.Index(fields=["label"], name="unit_label_pattern", opclasses=["text_pattern_ops"]),
            models.Index(fields=["room"], name="unit_room_pattern", opclasses=["text_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return self.label

    def save(self, *args, **kwargs) -> None:
        self.label = unit_label(self.building.code, self.entrance, self.room)
        self.project_id = self.building.project_id
        super().save(*args, **kwargs)


def unit_label(building: str, entrance: str, room: str) -> str:
    """``("3", "2", "1502")`` → ``3-2-1502``; without entrances ``A-1502``."""
    return "-".join(part for part in (building, entrance, room) if part)
