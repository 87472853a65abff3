"""Projects, departments, and what each role may do."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen
from staff import powers
from staff.access import Viewer
from staff.forms import DepartmentForm, NewRoleForm, ProjectForm, RoleForm
from staff.models import Department, Project, Role, RoleGrant
from staff.permissions import Permission
from staff.powers import check_everywhere, everywhere
from staff.views.people import FORM_METHODS, admitted, status_of

AT_WORK = Q(employees__left_on=None)
HOLDERS = 50
CHANGES = 30


def tabs(here: str) -> list[dict[str, Any]]:
    rows = (("projects", _("项目")), ("departments", _("部门")), ("roles", _("角色")))
    return [{"label": label, "href": reverse(name), "active": name == here} for name, label in rows]


def definer(request: HttpRequest) -> Viewer:
    """The viewer, who manages roles for the company: projects and roles are theirs."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    check_everywhere(viewer, Permission.ROLE_MANAGE)
    return viewer


def form_page(request: HttpRequest, form: Any, title: str, back: str, **more: Any) -> HttpResponse:
    context = {"form": form, "title": title, "tabs": tabs(back), "back": reverse(back)} | more
    return render(request, "staff/organisation/form.html", context, status=status_of(form))


# --- projects and departments ---------------------------------------------------------------------
@never_cache
@require_safe
def projects(request: HttpRequest) -> HttpResponse:
    viewer = admitted(request)
    rows = Project.objects.annotate(people=Count("grants__employee", distinct=True)).order_by("-is_active", "code")
    context = {"rows": rows, "tabs": tabs("projects"), "can_edit": everywhere(viewer, Permission.ROLE_MANAGE)}
    return render(request, "staff/organisation/projects.html", context)


@never_cache
@require_http_methods(FORM_METHODS)
def project(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    definer(request)
    row = Project.objects.filter(pk=pk).first() if pk else None
    if pk and row is None:
        raise NotSeen(_("没有找到这个项目。"))
    form = ProjectForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, _("已保存 %(name)s") % {"name": saved.name})
        return redirect("projects")
    text = _("撤管的项目不再接受新工单，历史保留。")
    return form_page(request, form, _("修改项目") if row else _("新增项目"), "projects", text=text)


@never_cache
@require_safe
def departments(request: HttpRequest) -> HttpResponse:
    admitted(request)
    rows = Department.objects.annotate(people=Count("employees", filter=AT_WORK)).order_by("-is_active", "code")
    return render(request, "staff/organisation/departments.html", {"rows": rows, "tabs": tabs("departments")})


@never_cache
@require_http_methods(FORM_METHODS)
def department(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    admitted(request)
    row = Department.objects.filter(pk=pk).first() if pk else None
    if pk and row is None:
        raise NotSeen(_("没有找到这个部门。"))
    form = DepartmentForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, _("已保存 %(name)s") % {"name": saved.name})
        return redirect("departments")
    return form_page(request, form, _("修改部门") if row else _("新增部门"), "departments")


# --- roles ----------------------------------------------------------------------------------------
@never_cache
@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    viewer = admitted(request)
    working = Q(grants__employee__left_on=None)
    rows = Role.objects.annotate(people=Count("grants__employee", filter=working, distinct=True))
    words = {power.value: power.label for power in Permission}
    table = [(row, [words[value] for value in row.permissions if value in words]) for row in rows]
    context = {"rows": table, "tabs": tabs("roles"), "can_edit": everywhere(viewer, Permission.ROLE_MANAGE)}
    return render(request, "staff/organisation/roles.html", context)


@never_cache
@require_http_methods(FORM_METHODS)
def role(request: HttpRequest, code: str) -> HttpResponse:
    viewer = admitted(request)
    row = Role.objects.filter(code=code).first()
    if row is None:
        raise NotSeen(_("没有找到这个角色。"))
    form = RoleForm(request.POST if request.method == "POST" else None, initial={"permissions": row.permissions})
    if request.method == "POST" and form.is_valid():
        try:
            powers.allow(row, form.cleaned_data["permissions"], by=viewer.actor)
            messages.success(request, _("已保存，立即生效。"))
            return redirect("role", code)
        except Conflict as refusal:
            form.take(refusal)
        except Forbidden as refusal:
            if not everywhere(viewer, Permission.ROLE_MANAGE):
                raise
            form.take(refusal)
    holders = RoleGrant.objects.filter(role=row, employee__left_on=None).select_related("employee", "project")
    context = {
        "role": row,
        "form": form,
        "tabs": tabs("roles"),
        "can_edit": everywhere(viewer, Permission.ROLE_MANAGE),
        "holders": holders.order_by("project__code", "employee__number")[:HOLDERS],
        "changes": row.changes.filter(employee=None)[:CHANGES],
    }
    return render(request, "staff/organisation/role.html", context, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def role_new(request: HttpRequest) -> HttpResponse:
    viewer = definer(request)
    form = NewRoleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = powers.create_role(form.save(commit=False), by=viewer.actor)
            return redirect("role", made.code)
        except Invalid as refusal:
            form.take(refusal)
    return form_page(request, form, _("新增角色"), "roles", text=_("保存后选择这个角色的权限。"))
