"""``/``: what waits for me now."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from staff import duty_grid
from staff.access import Viewer
from staff.permissions import Permission as P
from tickets import home as homes
from tickets.contacts import handles_or_answers, reason_for


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    sections = homes.waiting(viewer)
    context: dict[str, Any] = {"sections": sections, "shortcuts": shortcuts(viewer)}
    context["waits"] = any(section.rows for section in sections)
    if homes.is_handler(viewer):
        context["groups"] = [(section, cards(section, viewer)) for section in sections]
        return render(request, "tickets/home/tasks.html", context)
    looks_on = viewer.can(P.TICKET_VIEW_ALL) and not sections
    if looks_on or (viewer.can(P.TICKET_VIEW_ALL) and viewer.project is None and len(viewer.projects) > 1):
        context["projects"] = homes.by_project(viewer)
        context["totals"] = homes.totals(context["projects"])
    if sections:
        context["shortcuts"] = []  # the rail has them too
    context["dispatchable"] = homes.dispatchable(sections, viewer)
    context["shows_project"] = "projects" in context
    context["may_register"] = viewer.can(P.TICKET_REGISTER)
    context["on_duty"] = duty_grid.at_home(viewer, timezone.now())
    return render(request, "tickets/home/desk.html", context)


def cards(section: homes.Waiting, viewer: Viewer) -> list[dict[str, Any]]:
    """Each task with what one tap can do about it."""
    return [
        {
            "row": row,
            "taps": homes.taps(row, viewer),
            "may_call": handles_or_answers(row.ticket, viewer) and not row.ticket.is_anonymous,
            "reason": reason_for(row.ticket),
        }
        for row in section.rows
    ]


SHORTCUTS: tuple[tuple[Any, Any, str, str, tuple[Any, ...]], ...] = (
    (P.IMPORT_EMPLOYEES, gettext_noop("导入员工"), "users", "import-new", ("employees",)),
    (P.IMPORT_ESTATE, gettext_noop("导入房产与业主"), "building-community", "import-new", ("estate",)),
    (P.EMPLOYEE_MANAGE, gettext_noop("员工"), "id-badge-2", "employees", ()),
    (P.NOTICE_VIEW, gettext_noop("提醒发送情况"), "bell-ringing", "outbox", ()),
)


def shortcuts(viewer: Viewer) -> list[dict[str, str]]:
    """The pages of those whose work is not requests."""
    found = []
    if viewer.can(P.TICKET_REGISTER) or viewer.can(P.TICKET_HANDLE):
        return []
    for power, label, icon, name, arguments in SHORTCUTS:
        if not viewer.can(power):
            continue
        try:
            found.append({"label": _(label), "icon": icon, "url": reverse(name, args=arguments)})
        except NoReverseMatch:
            continue  # a page that is not there yet
    if viewer.user.is_staff:
        found.append({"label": _("系统后台"), "icon": "settings", "url": reverse("admin:index")})
    return found
