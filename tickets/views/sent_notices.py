"""``/tickets/notices/``: what was sent."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from shimao_service import topics
from shimao_service.operations import channel_name
from staff.access import Viewer
from staff.permissions import Permission
from tickets import sent_notices
from tickets.lookup import number_of


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    viewer.check(Permission.NOTICE_VIEW)
    asked = sent_notices.Asked.of(request.GET, viewer)
    before = number_of(request.GET.get("before", ""))
    lines, following = sent_notices.page(viewer, asked, before)
    context = {
        "lines": lines,
        "asked": asked,
        "next_url": f"?{asked.query(before=str(following))}" if following else "",
        "first_url": f"?{asked.query()}" if before else "",
        "channels": [(code, channel_name(code)) for code in sent_notices.CHANNELS],
        "states": [(code, label) for code, (label, _where) in sent_notices.STATES.items()],
        "kinds": list(topics.kind_labels().items()),
    }
    return render(request, "tickets/sent_notices.html", context)
