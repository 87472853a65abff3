"""Signing in: by name and password, through allauth's rate limits; leavers cannot."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth import get_user_model
from django.http import HttpRequest


class EmployeeBackend(AuthenticationBackend):
    """allauth's backend that also fetches the employee, in the same query, on every request."""

    def get_user(self, user_id: Any) -> Any:
        users = get_user_model()._default_manager.select_related("employee__department")
        user = users.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


class AccountAdapter(DefaultAccountAdapter):
    """Staff accounts are made by the company; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
