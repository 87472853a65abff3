"""``/tickets/export/``: the filtered list as an Excel file."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from staff.access import Viewer
from staff.permissions import Permission
from tickets import exporting
from tickets.search import OPEN_ONES, TicketFilter


@require_POST
def export(request: HttpRequest) -> FileResponse:
    """A POST, because it leaves a record; the filter stands in the address as on the page."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    viewer.check(Permission.TICKET_VIEW_ALL)
    asked = TicketFilter.from_query(request.GET, viewer, status=OPEN_ONES)
    name = _("工单") + timezone.localtime(asked.now).strftime("-%Y%m%d-%H%M.xlsx")
    return FileResponse(exporting.write(asked, viewer), as_attachment=True, filename=name)
