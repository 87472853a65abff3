"""Fetching a request for the caller, and telling it as it is now."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.response import Response

from shimao_service.exceptions import NotSeen, Stale
from staff.access import Viewer
from staff.api.base import View
from tickets import discretion
from tickets.api.serializers.tickets import EventBody, TicketBody
from tickets.lifecycle import gate
from tickets.models import Leg, Ticket

NUMBER = re.compile(r"[A-Za-z]{2}[0-9]{8}-[0-9]{1,9}")


def whole() -> Any:
    """Requests with everything that the whole of one tells."""
    legs = Prefetch("legs", Leg.objects.select_related("department", "handler__user"))
    return (
        Ticket.objects.for_page()
        .select_related("handler__user", "first_receiver__user")
        .prefetch_related("clocks", legs, "ratings", "events", "urges")
    )


def seen(viewer: Viewer, number: str) -> Ticket:
    """The request as the caller sees it. Raises ``NotSeen``: unseen and unknown are not told apart."""
    found = whole().visible_to(viewer).filter(number=number.upper()).first() if NUMBER.fullmatch(number) else None
    if found is None:
        raise NotSeen(_("没有找到这张工单。"))
    return found


def movable(viewer: Viewer, number: str) -> Ticket:
    """The same for a move: also for a colleague who saw it waiting a moment ago."""
    found = Ticket.objects.filter(number=number.upper()).first() if NUMBER.fullmatch(number) else None
    if found is None or viewer.employee_id is None or not gate.sees(found, viewer, timezone.now()):
        raise NotSeen(_("没有找到这张工单。"))
    return found


class TicketEndpoint(View):
    """An endpoint about one request."""

    def told(self, ticket: Ticket, status: int = 200, *, body: type[TicketBody] = TicketBody) -> Response:
        """The whole request as it is now, also for who has just let go of it."""
        now = whole().get(pk=ticket.pk)
        return Response(body(now, context={"viewer": self.viewer, "now": timezone.now()}).data, status=status)

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(exc, Stale):
            response.data["changes"] = EventBody(discretion.told_to(self.viewer, exc.changes), many=True).data
        return response
