"""What the frame around every page does by itself: the project one looks at, and one's own page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from staff.access import Viewer
from staff.middleware import SWITCHED_PROJECT


@require_POST
def switch_project(request: HttpRequest) -> HttpResponse:
    """Look at one project only, or (empty) at all of mine. What is not mine is taken as all."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    picked = request.POST.get("project", "")
    mine = {str(project.pk): project.pk for project in viewer.projects}
    if picked in mine:
        request.session[SWITCHED_PROJECT] = mine[picked]
    else:
        request.session.pop(SWITCHED_PROJECT, None)
    return HttpResponseRedirect(safe_next(request))


def safe_next(request: HttpRequest, default: str = "/") -> str:
    """Where the form asked to go afterwards, when that is on this site."""
    wanted = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else default


@require_safe
def me(request: HttpRequest) -> HttpResponse:
    """我的: who I am here, which project I look at, password, language, signing out."""
    return render(request, "staff/me.html")
