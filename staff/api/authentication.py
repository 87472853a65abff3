"""Who calls: a token or the session of somebody who works here."""

from __future__ import annotations

import re
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework import authentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed

from shimao_service.exceptions import Forbidden, Refusal, TooMany
from staff.authentication import has_left

KEY = re.compile(r"[0-9a-f]{40}")


class NotSignedIn(Refusal):
    """Nobody is let in. Wrong name, wrong password and a closed account are not told apart."""

    status = 401
    code = "invalid_credentials"


def may_enter(user: Any) -> bool:
    """An open account, and not of somebody who has left."""
    return bool(user.is_active) and not has_left(user)


class EmployeeTokenAuthentication(authentication.TokenAuthentication):
    """``Authorization: Token <key>``; the employee comes in the same query, and leavers' tokens open nothing."""

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        tokens = Token.objects.select_related("user__employee__department")
        token = tokens.filter(key=key).first() if KEY.fullmatch(key) else None
        if token is None or not may_enter(token.user):
            raise AuthenticationFailed(_("令牌无效或账号已停用，请重新登录。"))
        return token.user, token


class EmployeeSessionAuthentication(authentication.SessionAuthentication):
    """The browser's own session, for the page that shows the API; leavers are refused as everywhere."""

    def authenticate(self, request: Any) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        if found and not may_enter(found[0]):
            raise AuthenticationFailed(_("账号已停用。"))
        return found


def sign_in(request: HttpRequest, *, username: str, password: str, code: str = "") -> Token:
    """The caller's token, by the backend and within the rate limits of the sign-in page.

    Raises ``NotSignedIn`` (401) and ``TooMany`` (429). Whoever has a second factor needs ``code`` as well.
    """
    if not ratelimit.consume(request, action="login"):
        raise TooMany(_("登录太频繁，请稍后再试。"))
    try:
        user: Any = get_adapter().authenticate(request, username=username, password=password)
    except ValidationError as error:
        raise TooMany(_("密码错误次数过多，请几分钟后再试。")) from error
    if user is None or not may_enter(user):
        raise NotSignedIn(_("用户名或密码不正确，或账号已停用。"))
    employee = getattr(user, "employee", None)
    if employee is not None and employee.must_change_password:
        raise Forbidden(_("请先在网页登录并修改一次性密码。"), code="password_change_required")
    if is_mfa_enabled(user):
        check_second_factor(request, user, code)
    return Token.objects.get_or_create(user=user)[0]


def check_second_factor(request: HttpRequest, user: Any, code: str) -> None:
    if not code:
        raise NotSignedIn(_("这个账号开启了两步验证，请同时提供 code。"), code="second_factor_required")
    key = f"mfa-auth-user-{user.pk}"
    if not ratelimit.consume(request, action="login_failed", key=key):
        raise TooMany(_("验证码错误次数过多，请几分钟后再试。"))
    if not any(one.wrap().validate_code(code) for one in Authenticator.objects.filter(user_id=user.pk)):
        raise NotSignedIn(_("验证码不正确或已过期。"))
    ratelimit.clear(request, action="login_failed", key=key)
