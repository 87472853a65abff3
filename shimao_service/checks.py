"""What must not be true where real people work: a published key, accounts that a published password opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from shimao_service.demo import DEMO_ACCOUNTS, DEMO_PASSWORD


def open_demo_accounts() -> list[str]:
    """The demo's user names that its published password still opens."""
    users = get_user_model()._default_manager.filter(username__in=DEMO_ACCOUNTS, is_active=True)
    return [user.get_username() for user in users if user.check_password(DEMO_PASSWORD)]


@register(Tags.security, deploy=True)
def check_secret_key(**kwargs: Any) -> list[CheckMessage]:
    """The key that stands in the source signs nothing outside the demo."""
    if settings.SECRET_KEY == settings.DEMO_SECRET_KEY:
        return [Error("SECRET_KEY 是源代码里的演示密钥，请换成随机值。", id="shimao.E001")]
    return []


@register(Tags.database)
def check_demo_accounts(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Run by ``check --database default`` and by ``migrate``; a database without tables yet is clean."""
    if settings.DEBUG or not databases:
        return []
    try:
        names = open_demo_accounts()
    except DatabaseError:
        return []
    if not names:
        return []
    return [Error(f"演示账号仍可用公开的密码登录：{'、'.join(names)}。请停用，或换一个库。", id="shimao.E002")]


def refuse_demo_accounts() -> None:
    """Called once where the web process starts. Raises ``ImproperlyConfigured``.

    An unreachable or empty database does not stop it: /readyz tells, and signing in with the demo's
    password is refused in any case.
    """
    if settings.DEBUG:
        return
    try:
        names = open_demo_accounts()
    except DatabaseError:
        return
    if names:
        raise ImproperlyConfigured(
            f"演示账号仍可登录（{'、'.join(names)}），没有 DEBUG=1 时不启动。Demo accounts are refused without DEBUG."
        )
