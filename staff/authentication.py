"""Signing in: by name and password, through allauth's rate limits; leavers cannot."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from shimao_service.demo import DEMO_PASSWORD


class EmployeeBackend(AuthenticationBackend):
    """allauth's backend that also fetches the employee, in the same query, on every request."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:  # type: ignore[override]
        if not settings.DEBUG and credentials.get("password") == DEMO_PASSWORD:
            return None  # published in the README: it opens a demo and nothing else
        return super().authenticate(request, **credentials)

    def get_user(self, user_id: Any) -> Any:
        users = get_user_model()._default_manager.select_related("employee__department")
        user = users.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

    def user_can_authenticate(self, user: Any) -> bool:
        return bool(super().user_can_authenticate(user)) and not has_left(user)


def has_left(user: Any) -> bool:
    """A leaver's access ends with the work (A7.5), whether or not the login was closed as well."""
    employee = getattr(user, "employee", None)
    return employee is not None and not employee.is_active


class AccountAdapter(DefaultAccountAdapter):
    """Staff accounts are made by the company; nobody signs up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("用户名或密码不对，请核对后再试。"),
        "too_many_login_attempts": _("登录失败次数过多，请 5 分钟后再试，或联系管理员。"),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> Any:
        """allauth looks at ``is_active`` alone; what is answered to a right password is the same for a leaver."""
        if has_left(user):
            return self.respond_user_inactive(request, user)
        return super().pre_login(request, user, **kwargs)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("home")
