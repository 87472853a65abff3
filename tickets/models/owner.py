"""The people we serve, and who lives or works where, from when to when."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shimao_service.privacy import mask_name, mask_phone
from tickets.models.estate import Unit


class Owner(models.Model):
    """A person or firm: owner, tenant or family; which of these is told by :class:`Occupancy`.

    No identity-card number, on purpose (Personal Information Protection Law, art. 6: the least that serves).
    Phones are stored normalised; families share one, so it is not unique.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="owner",
        verbose_name=_("登录账号"),
    )
    name = models.CharField(_("姓名"), max_length=60)
    pinyin = models.CharField(_("拼音"), max_length=100, blank=True, editable=False)
    initials = models.CharField(_("拼音首字母"), max_length=20, blank=True, editable=False)
    phone = models.CharField(_("手机"), max_length=20, blank=True)
    phone_alt = models.CharField(_("备用电话"), max_length=20, blank=True)
    email = models.EmailField(_("邮箱"), blank=True)
    note = models.CharField(_("备注"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("建档时间"), auto_now_add=True)

    class Meta:
        verbose_name = _("业主")
        verbose_name_plural = _("业主")
        indexes = [
            models.Index(fields=["phone"], name="owner_phone", opclasses=["text_pattern_ops"]),
            models.Index(fields=["phone_alt"], name="owner_phone_alt", condition=~Q(phone_alt="")),
            models.Index(fields=["name"], name="owner_name", opclasses=["text_pattern_ops"]),
            models.Index(fields=["pinyin"], name="owner_pinyin", opclasses=["text_pattern_ops"]),
            models.Index(fields=["initials"], name="owner_initials", opclasses=["text_pattern_ops"]),
        ]

    def __str__(self) -> str:
        return mask_name(self.name)

    def save(self, *args, **kwargs) -> None:
        from staff.names import initials, pinyin

        self.pinyin, self.initials = pinyin(self.name), initials(self.name)
        super().save(*args, **kwargs)

    @property
    def masked_name(self) -> str:
        return mask_name(self.name)

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)


class OccupancyQuerySet(models.QuerySet["Occupancy"]):
    def on(self, day: date) -> OccupancyQuerySet:
        """Those in force on ``day``."""
        return self.filter(Q(since=None) | Q(since__lte=day)).filter(Q(until=None) | Q(until__gte=day))


class Occupancy(models.Model):
    """``owner`` has to do with ``unit`` as owner, tenant or family, from ``since`` to ``until`` (both included)."""

    class Relation(models.TextChoices):
        OWNER = "owner", _("业主")
        TENANT = "tenant", _("租户")
        FAMILY = "family", _("家属")

    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="occupancies", verbose_name=_("房屋"))
    owner = models.ForeignKey(Owner, on_delete=models.PROTECT, related_name="occupancies", verbose_name=_("业主"))
    relation = models.CharField(_("关系"), max_length=8, choices=Relation, default=Relation.OWNER)
    since = models.DateField(_("入住日期"), null=True, blank=True)
    until = models.DateField(_("迁出日期"), null=True, blank=True)

    objects = OccupancyQuerySet.as_manager()

    class Meta:
        verbose_name = _("入住关系")
        verbose_name_plural = _("入住关系")
        constraints = [
            models.UniqueConstraint(
                fields=["unit", "owner", "relation"], condition=Q(until=None), name="occupancy_once_open"
            ),
            models.CheckConstraint(
                condition=Q(until=None) | Q(since=None) | Q(until__gte=models.F("since")),
                name="occupancy_until_after_since",
                violation_error_message=_("迁出日期不能早于入住日期。"),
            ),
            models.CheckConstraint(condition=Q(relation__in=["owner", "tenant", "family"]), name="occupancy_relation"),
        ]
