"""Puts ``request.viewer`` beside ``request.user``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from staff.access import Viewer

SWITCHED_PROJECT = "project"


def viewer_for(request: HttpRequest) -> Viewer | None:
    user: Any = request.user
    if not user.is_authenticated:
        return None
    return Viewer(user, getattr(user, "employee", None), switched=request.session.get(SWITCHED_PROJECT))


class ViewerMiddleware:
    """``request.viewer``: the signed-in person's :class:`staff.access.Viewer`, or falsy when nobody is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.viewer = SimpleLazyObject(lambda: viewer_for(request))  # type: ignore[attr-defined]
        return self.get_response(request)
