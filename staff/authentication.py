"""Signing in: by name and password, through allauth's rate limits; leavers cannot."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from shimao_service.demo import DEMO_PASSWORD


class EmployeeBackend(AuthenticationBackend):
    """allauth's backend that also fetches the employee, in the same query, on every request."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:
        if not settings.DEBUG and credentials.get("password") == DEMO_PASSWORD:
            return None  # published in the README: it opens nothing outside a demo
        return super().authenticate(request, **credentials)

    def user_can_authenticate(self, user: Any) -> bool:
        employee = getattr(user, "employee", None)
        return super().user_can_authenticate(user) and (employee is None or employee.is_active)

    def get_user(self, user_id: Any) -> Any:
        users = get_user_model()._default_manager.select_related("employee__department")
        user = users.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


class AccountAdapter(DefaultAccountAdapter):
    """Staff accounts are made by the company; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
