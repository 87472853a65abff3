"""One's own views of the queue: kept under a name, and given up again."""

from __future__ import annotations

from urllib.parse import parse_qsl

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shimao_service.exceptions import Forbidden
from staff.access import Viewer
from tickets.models import SavedView
from tickets.search import TicketFilter

MOST_VIEWS = 20


@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the filter one looks at; the same name again takes the new filter."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    if viewer.employee_id is None:
        raise Forbidden(_("只有员工可以保存视图。"))
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())
    query = TicketFilter.from_query(dict(parse_qsl(request.POST.get("query", "")[:2000])), viewer).query()
    problem = _problem(viewer, name, query)
    if problem:
        messages.error(request, problem)
    else:
        SavedView.objects.update_or_create(employee_id=viewer.employee_id, name=name, defaults={"query": query})
        messages.success(request, _("已存为视图“%(name)s”。") % {"name": name})
    return HttpResponseRedirect(f"{reverse('tickets')}?{query}")


def _problem(viewer: Viewer, name: str, query: str) -> str:
    if not name:
        return _("请给视图起个名字。")
    if len(name) > 20:
        return _("视图名称最多 20 个字。")
    if len(query) > 500:
        return _("筛选条件太长，不能存为视图。")
    others = SavedView.objects.filter(employee_id=viewer.employee_id or 0).exclude(name=name)
    return _("最多保存 20 个视图，请先删除不用的。") if others.count() >= MOST_VIEWS else ""


@require_POST
def delete_view(request: HttpRequest, pk: int) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    gone, _rows = SavedView.objects.filter(pk=pk, employee_id=viewer.employee_id or 0).delete()
    if gone:
        messages.success(request, _("视图已删除。"))
    return HttpResponseRedirect(reverse("tickets"))
