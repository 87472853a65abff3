"""What the counter's form asks while somebody types: each answers with a list, a card or a little JSON."""

from __future__ import annotations

from django.db.models import Q, prefetch_related_objects
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from shimao_service.exceptions import NotSeen
from staff import availability
from staff.access import Viewer, holders
from staff.models import Employee, Project
from staff.permissions import Permission
from tickets import callers, deadlines, suggestions
from tickets import lookup as people
from tickets.models import Category
from tickets.statuses import Kind, Level, Urgency

SHOWN = 8


def viewer_of(request: HttpRequest) -> Viewer:
    return request.viewer  # type: ignore[attr-defined]


@never_cache
@require_safe
def lookup(request: HttpRequest) -> HttpResponse:
    """``?q=``: units with who lives there, people with where they live. Masked."""
    viewer = viewer_of(request)
    viewer.check(Permission.OWNER_LOOKUP)
    found = people.find(viewer, request.GET.get("q", ""))
    return render(request, "tickets/intake/_options.html", {"found": found})


@never_cache
@require_safe
def card(request: HttpRequest) -> HttpResponse:
    """``?who=&kind=&category=``: the caller beside the form, with warnings for what is being written."""
    viewer = viewer_of(request)
    viewer.check(Permission.OWNER_LOOKUP)
    kind, category = request.GET.get("kind", ""), request.GET.get("category", "")
    found = callers.caller(
        viewer,
        request.GET.get("who", ""),
        kind=kind if kind in Kind.values else "",
        category_id=people.number_of(category),
    )
    if found is None:
        raise NotSeen(_("没有找到这套房或这位业主，请重新查找。"))
    return render(request, "tickets/intake/_card.html", {"caller": found, "linked": request.GET.getlist("link")})


@never_cache
@require_safe
def categories(request: HttpRequest) -> HttpResponse:
    """``?q=&kind=``: by name, by keyword, by branch; without words those of the kind."""
    viewer_of(request).check(Permission.TICKET_REGISTER)
    words, kind = request.GET.get("q", "").strip(), request.GET.get("kind", "")
    found = suggestions.match(words, suggestions.leaves(kind if kind in Kind.values else ""))[:12]
    return JsonResponse({"results": [{"value": row.pk, "label": str(row), "detail": detail(row)} for row in found]})


def detail(category: Category) -> str:
    return str(Urgency(category.urgency).label) if category.urgency != Urgency.NORMAL else ""


@never_cache
@require_safe
def suggest(request: HttpRequest) -> JsonResponse:
    """``?description=&kind=&category=&urgency=…``: the likely categories, how urgent, and the promise in words."""
    viewer_of(request).check(Permission.TICKET_REGISTER)
    given = request.GET
    kind = given.get("kind", "") if given.get("kind", "") in Kind.values else Kind.REPAIR.value
    text = given.get("description", "")[:500]
    choices = suggestions.leaves(kind)
    ranked = suggestions.rank(text, choices)[:3]
    picked = next((row for row in choices if str(row.pk) == given.get("category")), None)
    urgency = suggestions.urgency_of(text, kind, picked or next(iter(ranked), None))
    chosen = given.get("urgency", "") if given.get("urgency", "") in Urgency.values else urgency
    facts = deadlines.Facts(
        kind,
        chosen,
        given.get("level", "") if given.get("level", "") in Level.values else "",
        bool(given.get("is_collective")),
        parse_moment(given.get("appointment_at", "")),
    )
    return JsonResponse(
        {
            "categories": [{"value": row.pk, "label": str(row)} for row in ranked],
            "urgency": urgency,
            "promise": suggestions.promise(facts, viewer_of(request).project),
        }
    )


def parse_moment(text: str):
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def named(words: str) -> Q:
    low = words.lower()
    return (
        Q(name__startswith=words)
        | Q(pinyin__startswith=low)
        | Q(initials__startswith=low)
        | Q(number__istartswith=words)
    )


@never_cache
@require_safe
def employees(request: HttpRequest) -> JsonResponse:
    """``?q=``: colleagues, for whom a complaint or a praise is about."""
    viewer_of(request).check(Permission.TICKET_REGISTER)
    words = request.GET.get("q", "").strip()[:30]
    found = (
        Employee.objects.active().filter(named(words)).select_related("department").order_by("pinyin", "number")[:SHOWN]
    )
    return JsonResponse({"results": [employee_row(row) for row in found] if words else []})


def employee_row(employee: Employee, *facts: str) -> dict[str, object]:
    parts = [employee.department.name, employee.title, *facts]
    return {"value": employee.pk, "label": employee.name, "detail": " · ".join(part for part in parts if part)}


@never_cache
@require_safe
def handlers(request: HttpRequest) -> JsonResponse:
    """``?q=&who=&project=&department=``: who may be given it."""
    viewer = viewer_of(request)
    viewer.check(Permission.TICKET_DISPATCH)
    given = request.GET
    where = callers.caller(viewer, given.get("who", ""))
    project_id = where.project.pk if where else None
    if project_id is None:
        project_id = people.number_of(given.get("project", "")) or (viewer.project.pk if viewer.project else None)
    if project_id is None or not viewer.can(Permission.TICKET_DISPATCH, project_id):
        return JsonResponse({"results": []})
    words, department = given.get("q", "").strip(), given.get("department", "")
    able = [
        one
        for one in holders(Permission.TICKET_HANDLE, project_id)
        if not department or str(one.department_id) == department
    ]
    prefetch_related_objects(able, "department")
    hits = [one for one in able if matches(one, words)][:SHOWN]
    project = where.project if where else Project.objects.get(pk=project_id)
    absent = availability.away(hits, project, timezone.now())
    hits.sort(key=lambda one: one.pk in absent)
    rows = [employee_row(one, absent[one.pk].words if one.pk in absent else "") for one in hits]
    return JsonResponse({"results": rows})


def matches(employee: Employee, words: str) -> bool:
    low = words.lower()
    return (
        employee.name.startswith(words)
        or words in employee.name
        or employee.pinyin.startswith(low)
        or employee.initials.startswith(low)
        or employee.number.lower().startswith(low)
        or words in employee.department.name
    )
