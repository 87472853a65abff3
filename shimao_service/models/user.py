"""The login. Who the person is stands on the floors above: staff.Employee and tickets.Owner point here."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A name and a password. Its display name is kept here for what has no employee behind it."""

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    name = models.CharField(_("姓名"), max_length=50, blank=True)

    class Meta:
        verbose_name = _("登录账号")
        verbose_name_plural = _("登录账号")

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.get_full_name()
