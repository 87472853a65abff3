"""Signing in. The work is allauth's; here is what our page shows beside it."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shimao_service.demo import DEMO_ACCOUNTS, DEMO_PASSWORD


class SignInView(LoginView):
    """``/login/``; in a demo it also says who may be tried out."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        demo = {"demo_accounts": DEMO_ACCOUNTS, "demo_password": DEMO_PASSWORD} if settings.DEBUG else {}
        return super().get_context_data(**kwargs) | demo


sign_in = SignInView.as_view()


def too_many(request: HttpRequest) -> HttpResponse:
    """Too many attempts from one address within a minute."""
    return render(request, "429.html", status=429)
