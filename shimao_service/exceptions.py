"""One family of refusals, and one mapping of them to answers for pages and for the API.

Domain code raises :class:`Refusal`; it never knows about HTTP beyond the class it picks. Pages that
own a form catch ``Invalid``/``Stale``/``IllegalMove`` themselves to keep what was typed; whatever
they let through is rendered here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions as drf
from rest_framework.response import Response

from shimao_service.navigation import frame_of

logger = logging.getLogger(__name__)


class Refusal(Exception):
    """Something was asked that is not done. ``detail`` is a sentence for people; ``code`` is for programs."""

    status = 400
    code = "refused"

    def __init__(self, detail: object, *, code: str | None = None, fields: Mapping[str, list[str]] | None = None):
        super().__init__(str(detail))
        self.detail = detail
        self.code = code or self.code
        self.fields = dict(fields or {})


class Invalid(Refusal):
    """Bad input. ``fields`` maps a field to its messages."""

    status = 400
    code = "invalid"

    @classmethod
    def field(cls, name: str, message: object) -> Invalid:
        return cls(message, fields={name: [str(message)]})


class Forbidden(Refusal):
    """Seen, but not this person's to do."""

    status = 403
    code = "forbidden"


class NotSeen(Refusal):
    """Not there, or not for these eyes: the two are not told apart."""

    status = 404
    code = "not_found"


class Conflict(Refusal):
    status = 409
    code = "conflict"


class IllegalMove(Conflict):
    """The move is not legal from the present status."""

    code = "illegal_move"


class Stale(Conflict):
    """The page was made from an older version. ``changes`` tells what happened since (events, newest last)."""

    code = "stale"

    def __init__(self, detail: object, *, changes: list | None = None):
        super().__init__(detail)
        self.changes = changes or []


class TooMany(Refusal):
    status = 429
    code = "too_many"


def refusal_response(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The page (or, for htmx, the partial) that tells people what was refused and what to do."""
    template = "components/refusal.html" if getattr(request, "htmx", False) else "errors/refusal.html"
    response = render(request, template, {"refusal": refusal}, status=refusal.status)
    if getattr(request, "htmx", False):
        # Shown in the toast area whatever the request's own target was.
        response["HX-Retarget"] = "#toasts"
        response["HX-Reswap"] = "beforeend"
    return response


class RefusalMiddleware:
    """Turns refusals that a page let through, 404 and 403 into our own pages, also while DEBUG is on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # A null byte means nothing to anybody and is what Postgres cannot store: searches go without it.
        if "%00" in (asked := request.META.get("QUERY_STRING", "")):
            request.META["QUERY_STRING"] = asked.replace("%00", "")
        response = self.get_response(request)
        if settings.DEBUG and response.status_code == 404 and request.resolver_match is None:
            return render(request, "404.html", status=404)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple, kwargs: dict
    ) -> HttpResponse | None:
        # The API looks at its numbers itself, and answers in its own form.
        wicked = any("\x00" in value for value in kwargs.values() if isinstance(value, str))
        if wicked and not request.path.startswith("/api/"):
            return self.process_exception(request, Http404())
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Refusal):
            return refusal_response(request, exception)
        if isinstance(exception, Http404):
            return refusal_response(request, NotSeen(_("没有找到这个页面，可能已被移动，或您没有查看权限。")))
        if isinstance(exception, PermissionDenied):
            return refusal_response(request, Forbidden(_("您没有做这件事的权限。如有需要，请联系主管。")))
        return None


# What a database that restarts, is gone or has to choose between two raises: the same call may work in a moment.
PASSING = (OperationalError, InterfaceError)
TRY_AGAIN_AFTER = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What no form sends, or more than it may: 400, in the frame of our other refusals."""
    return render(request, "400.html", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    """What nobody foresaw: 500. While the database is away: 503, ``unavailable``, and when to try again (seconds)."""
    status = 503 if _is_passing(sys.exc_info()[1]) else 500
    code = "unavailable" if status == 503 else "error"
    words = _("系统暂时无法使用，请稍后再试。") if status == 503 else _("系统出了问题，这一步没有办成，已经记录下来。")
    response: HttpResponse
    if request.path.startswith("/api/"):
        response = JsonResponse({"code": code, "detail": str(words)}, status=status)
    else:
        page = _with_alarms(request) if status == 500 else ""
        response = HttpResponse(page or render_to_string(f"{status}.html"), status=status)
    if status == 503:
        response["Retry-After"] = str(TRY_AGAIN_AFTER)
    return response


def _with_alarms(request: HttpRequest) -> str:
    """500 with what its reader must acknowledge, or nothing: what broke may also break this."""
    try:
        alarms = frame_of(request).alarms
        if alarms is None or not alarms.count:
            return ""
        return render_to_string("500.html", {"alarms": alarms, "csrf_token": get_token(request), "request": request})
    except Exception:  # the page without them is better than none
        logger.warning("No alarms on the page of an error.", exc_info=True)
        return ""


def _is_passing(error: BaseException | None) -> bool:
    """Also when it was met while dealing with another, as a transaction that cannot even be rolled back."""
    while error is not None and not isinstance(error, PASSING):
        error = error.__cause__ or error.__context__
    return error is not None


def api_exception_handler(exc: Exception, context: dict) -> Response | None:
    """Every API error as ``{"code", "detail", "fields"?}``; ``fields`` maps each to a list of sentences."""
    # The framework's views import what settings name, which in turn stands on this module.
    from rest_framework.views import exception_handler

    if isinstance(exc, Refusal):
        body: dict = {"code": exc.code, "detail": str(exc.detail)}
        if exc.fields:
            body["fields"] = exc.fields
        return Response(body, status=exc.status)
    response = exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, drf.ValidationError):
        wrong = exc.detail if isinstance(exc.detail, dict) else {"non_field_errors": exc.detail}
        fields = {str(name): _sentences(value) for name, value in wrong.items()}
        first = next((words[0] for words in fields.values() if words), "")
        response.data = {"code": Invalid.code, "detail": first, "fields": fields}
    else:
        detail = getattr(exc, "detail", None) or _("没有找到。")
        code = CODES.get(response.status_code) or getattr(detail, "code", None) or "error"
        response.data = {"code": code, "detail": str(detail)}
    return response


# Said the same whoever says it.
CODES = {403: Forbidden.code, 404: NotSeen.code, 429: TooMany.code}


def _sentences(value: object) -> list[str]:
    if isinstance(value, dict):
        return [sentence for each in value.values() for sentence in _sentences(each)]
    if isinstance(value, list | tuple):
        return [sentence for each in value for sentence in _sentences(each)]
    return [str(value)]
