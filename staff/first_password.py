"""A password that somebody else made opens one page only: the one where it is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

OPEN_TO_ALL = frozenset({"account_change_password", "account_logout", "set_language"})


class FirstPasswordMiddleware:
    """After authentication; asks nothing of the database, the employee comes with the user."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if not getattr(view, "login_required", True):
            return None
        employee = getattr(request.user, "employee", None) if request.user.is_authenticated else None
        if employee is None or not employee.must_change_password:
            return None
        # Whoever made the password could still come in by it: nothing of the person's is shown yet.
        request.is_entering = True  # type: ignore[attr-defined]
        if request.resolver_match and request.resolver_match.url_name in OPEN_TO_ALL:
            return None
        messages.info(request, _("这是一次性密码，请先设置您自己的密码。"))
        return redirect("account_change_password")
