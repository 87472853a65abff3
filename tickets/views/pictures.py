"""Pictures of a request, for those who may see the request."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from shimao_service.exceptions import NotSeen
from tickets.models import Attachment, Ticket

SIZES = {"full": "file", "thumb": "thumbnail"}


@require_safe
def picture(request: HttpRequest, pk: int, size: str) -> FileResponse:
    """``size`` is ``full`` or ``thumb``. Whoever may not see the request gets 404, as for no picture at all."""
    attachment = Attachment.objects.filter(pk=pk).first() if size in SIZES else None
    seen = Ticket.objects.visible_to(request.viewer)  # type: ignore[attr-defined]
    if attachment is None or not seen.filter(pk=attachment.ticket_id).exists():
        raise NotSeen(_("没有找到这张图片。"))
    return serve(attachment, size)


def serve(attachment: Attachment, size: str) -> FileResponse:
    """The JPEG we made ourselves: its type is known and never guessed. Raises ``NotSeen`` when the file is gone."""
    stored = getattr(attachment, SIZES[size])
    try:
        response = FileResponse(stored.open("rb"), content_type="image/jpeg")
    except FileNotFoundError as error:
        raise NotSeen(_("这张图片已不在了。")) from error
    response["Content-Disposition"] = f'inline; filename="{attachment.pk}.jpg"'
    response["X-Content-Type-Options"] = "nosniff"
    # One's own browser may keep it for an hour, nobody in between may.
    response["Cache-Control"] = "private, max-age=3600"
    return response
