"""The site's addresses, and some that refuse or break: ``/refuse/<what>/``."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from shimao_service import urls
from shimao_service.exceptions import Forbidden, IllegalMove, Invalid, NotSeen, Stale, TooMany

handler400, handler429, handler500 = urls.handler400, urls.handler429, urls.handler500
RAISED: dict[str, Exception] = {
    "invalid": Invalid("请填写原因。"),
    "bad": SuspiciousOperation("too many fields"),
    "forbidden": Forbidden("这一步不归您办。"),
    "denied": PermissionDenied(),
    "unseen": NotSeen("没有找到这张工单。"),
    "gone": Http404(),
    "illegal": IllegalMove("工单已办结。"),
    "stale": Stale("工单有变化。"),
    "many": TooMany("请一分钟后再试。"),
    "broken": ZeroDivisionError(),
    "away": OperationalError("the database system is shutting down"),
}


def refuse(request: HttpRequest, what: str) -> HttpResponse:
    raise RAISED[what]


urlpatterns = [*urls.urlpatterns, path("refuse/<what>/", refuse)]
