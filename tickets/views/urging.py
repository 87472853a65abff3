"""The owner's phone call about what is open already: written down with one press, no second request."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from staff.access import Viewer
from tickets import lifecycle
from tickets.casefile import seen_ticket
from tickets.forms.feedback import CAME_BY
from tickets.models import Urge


@require_POST
def urged(request: HttpRequest, number: str) -> HttpResponse:
    """业主催单, told to the desk. ``source``: how the caller came. By script the answer is the sentence alone."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    ticket = seen_ticket(viewer, number)
    channel = CAME_BY.get(request.POST.get("source", ""), "")
    lifecycle.urge(
        ticket, by=viewer.actor, note=request.POST.get("note", ""), told_by_owner=True, channel=channel
    )  # fmt: skip
    said = words(Urge.objects.filter(ticket=ticket, by=Urge.By.OWNER).order_by("-at", "-pk").first())
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(escape(said))
    messages.success(request, f"{ticket.number} {said}")
    return HttpResponseRedirect(ticket.get_absolute_url())


def words(urge: Urge | None) -> str:
    times = urge.times if urge else 1
    return _("已记下第 %(n)s 次") % {"n": times} if times > 1 else _("已记下并转告")
