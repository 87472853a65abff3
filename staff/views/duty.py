"""The duty table of a project, and who is away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service.exceptions import Conflict, Invalid, NotSeen
from staff import absences, duty_grid, duty_table
from staff.access import Viewer
from staff.duty_forms import AbsenceForm, CopyForm, HandOnForm, NewSlotForm, SlotForm
from staff.models import Absence, DutySlot, Project, Weekday
from staff.permissions import Permission
from staff.views.people import FORM_METHODS, found, status_of

PAST = 50


def tabs(here: str) -> list[dict[str, Any]]:
    rows = (("duty", _("值班表")), ("absences", _("请假")))
    return [{"label": label, "href": reverse(name), "active": name == here} for name, label in rows]


def project_of(viewer: Viewer, code: str) -> Project:
    """The project asked for, else the one picked in the top bar, else the first. Raises ``NotSeen``."""
    if not code:
        asked = viewer.project or next(iter(viewer.projects), None)
    else:
        asked = next((one for one in viewer.projects if one.code == code), None)
    if asked is None:
        raise NotSeen(_("没有找到这个项目。"))
    return asked


def keeper_of(viewer: Viewer, code: str) -> Project:
    """The project, whose duty table ``viewer`` keeps. Unseen is 404, seen and not his to change 403."""
    project = project_of(viewer, code)
    duty_table.check_can_plan(viewer.actor, project.pk)
    return project


def table_of(project: Project) -> str:
    return reverse("duty") + f"?project={project.code}"


# --- the table ------------------------------------------------------------------------------------
def table(request: HttpRequest, project: Project, *, status: int = 200, copy_form: CopyForm | None = None) -> Any:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    context = {
        "project": project,
        "projects": viewer.projects,
        "week": duty_grid.week(project, timezone.now()),
        "tabs": tabs("duty"),
        "can_manage": viewer.can(Permission.DUTY_MANAGE, project.pk),
        "copy_form": copy_form or CopyForm(initial={"weekday": Weekday.MONDAY}),
    }
    return render(request, "staff/duty.html", context, status=status)


@never_cache
@require_safe
def duty(request: HttpRequest) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    if not viewer.projects:
        return render(request, "staff/duty.html", {"tabs": tabs("duty")})
    return table(request, project_of(viewer, request.GET.get("project", "")))


def slot_page(request: HttpRequest, form: SlotForm, project: Project, slot: DutySlot | None = None) -> HttpResponse:
    context = {"form": form, "project": project, "slot": slot, "back": table_of(project)}
    return render(request, "staff/duty_form.html", context, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def new(request: HttpRequest) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    project = keeper_of(viewer, request.GET.get("project", ""))
    asked = {name: value for name, value in request.GET.items() if name in ("starts", "ends")}
    start = {"starts": "20:00", "ends": "08:30"} | asked | {"weekdays": request.GET.getlist("weekday")}
    form = NewSlotForm(request.POST or None, project=project, initial=start)
    if request.method == "POST" and form.is_valid():
        try:
            made = duty_table.plan_days(project, by=viewer.actor, **form.cleaned_data)
            messages.success(request, _("已安排 %(count)d 个时段") % {"count": len(made)})
            return redirect(table_of(project))
        except Invalid as refusal:
            form.take(refusal)
    return slot_page(request, form, project)


def slot_of(viewer: Viewer, pk: int) -> DutySlot:
    """A slot of the projects ``viewer`` works in, to be changed by him."""
    slot = DutySlot.objects.select_related("project", "employee", "deputy").filter(pk=pk).first()
    if slot is None or slot.project not in viewer.projects:
        raise NotSeen(_("这个值班时段已被删除。"))
    duty_table.check_can_plan(viewer.actor, slot.project_id)
    return slot


@never_cache
@require_http_methods(FORM_METHODS)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    slot = slot_of(viewer, pk)
    now = {name: getattr(slot, name) for name in ("weekday", "starts", "ends")}
    now |= {"employee": slot.employee_id, "deputy": slot.deputy_id or ""}
    form = SlotForm(request.POST or None, project=slot.project, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            duty_table.amend(slot, by=viewer.actor, **form.cleaned_data)
            messages.success(request, _("已保存"))
            return redirect(table_of(slot.project))
        except Invalid as refusal:
            form.take(refusal)
    return slot_page(request, form, slot.project, slot)


@never_cache
@require_http_methods(FORM_METHODS)
def hand_on(request: HttpRequest, pk: int) -> HttpResponse:
    """All slots of one person in the project, to somebody else or to nobody."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    project = keeper_of(viewer, request.GET.get("project", ""))
    slots = list(duty_table.slots_of(pk).filter(project=project))
    if not slots:
        raise NotSeen(_("这位员工在本项目没有值班时段。"))
    whose = next(one for slot in slots for one in (slot.employee, slot.deputy) if one and one.pk == pk)
    form = HandOnForm(request.POST or None, person=whose, project=project)
    if request.method == "POST" and form.is_valid():
        try:
            count = duty_table.hand_on(whose, project, to=form.cleaned_data["to"], by=viewer.actor)
            messages.success(request, _("已调整 %(name)s 的 %(count)d 个时段") % {"name": whose.name, "count": count})
            return redirect(table_of(project))
        except Invalid as refusal:
            form.take(refusal)
    leftover = duty_grid.Leftover(whose, "", slots)
    context = {"form": form, "project": project, "leftover": leftover, "back": table_of(project)}
    return render(request, "staff/duty_hand_on.html", context, status=status_of(form))


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    slot = slot_of(viewer, pk)
    duty_table.remove(slot, by=viewer.actor)
    messages.success(request, _("已取消 %(name)s 的值班") % {"name": slot.employee.name})
    return redirect(table_of(slot.project))


@never_cache
@require_POST
def copy(request: HttpRequest) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    project = keeper_of(viewer, request.GET.get("project", ""))
    form = CopyForm(request.POST)
    if form.is_valid():
        try:
            values = form.cleaned_data
            made, left = duty_table.copy_day(project, values["weekday"], to=values["to"], by=viewer.actor)
            messages.success(request, told(made, left))
            return redirect(table_of(project))
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return table(request, project, status=400, copy_form=form)


def told(made: int, left: int) -> str:
    words = _("已复制 %(made)d 个时段") % {"made": made}
    return words + (_("，%(left)d 个因同时段已有值班或人员已离开而跳过") % {"left": left} if left else "")


# --- who is away ----------------------------------------------------------------------------------
@never_cache
@require_safe
def away(request: HttpRequest) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    now = timezone.now()
    rows = absences.visible_to(viewer).select_related("employee__department", "recorded_by")
    context = {
        "now": now,
        "tabs": tabs("absences"),
        "current": rows.filter(ends_at__gt=now).order_by("starts_at", "pk"),
        "past": rows.filter(ends_at__lte=now).order_by("-ends_at", "-pk")[:PAST],
        "can_manage": viewer.can(Permission.DUTY_MANAGE),
    }
    return render(request, "staff/duty_absences.html", context)


@never_cache
@require_safe
def people(request: HttpRequest) -> JsonResponse:
    """The viewer's own people for a look-up while typing."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    viewer.check(Permission.DUTY_MANAGE)
    words = request.GET.get("q", "").strip()[:50]
    rows = absences.manageable(viewer).filter(found(words)).select_related("department")[:12] if words else []
    results = [
        {"value": one.pk, "label": f"{one.number} {one.name}", "detail": f"{one.department} {one.title}".strip()}
        for one in rows
    ]
    return JsonResponse({"results": results})


@never_cache
@require_http_methods(FORM_METHODS)
def absence_new(request: HttpRequest) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    viewer.check(Permission.DUTY_MANAGE)
    form = AbsenceForm(request.POST or None, viewer=viewer)
    if request.method == "POST" and form.is_valid():
        try:
            made = absences.absence(by=viewer.actor, **form.cleaned_data)
            messages.success(request, _("已登记 %(name)s 的请假") % {"name": made.employee.name})
            return redirect("absences")
        except Invalid as refusal:
            form.take(refusal)
    return render(request, "staff/duty_absence_form.html", {"form": form}, status=status_of(form))


@require_POST
def absence_end(request: HttpRequest, pk: int) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    row: Absence | None = absences.visible_to(viewer).select_related("employee").filter(pk=pk).first()
    if row is None:
        raise NotSeen(_("没有找到这次请假，可能已被取消。"))
    ended = absences.end_absence(row, by=viewer.actor)
    words = _("%(name)s 已恢复在岗") if ended else _("已取消 %(name)s 的请假")
    messages.success(request, words % {"name": row.employee.name})
    return redirect("absences")
