"""The login. Who the person is stands on the floors above: staff.Employee and tickets.Owner point here."""

from collections.abc import Collection

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


def email_addresses(ids: Collection[int]) -> dict[int, str]:
    """Where the outbox reaches logins by mail; nobody whose login is closed."""
    return dict(User.objects.filter(pk__in=ids, is_active=True).exclude(email="").values_list("pk", "email"))


def names(ids: Collection[int]) -> dict[int, str]:
    return {user.pk: user.get_full_name() for user in User.objects.filter(pk__in=ids).only("name", "username")}
