"""Employees: the list, the person, their way in, their roles, and their leaving."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen
from staff import accounts, leaving, people, powers
from staff.access import Viewer, viewer_of
from staff.forms import AccountForm, EmployeeForm, GrantForm, ReturnForm
from staff.leaving_forms import LeaveForm
from staff.models import Department, Employee, Project, Role, RoleGrant
from staff.permissions import Permission
from staff.powers import check_everywhere, everywhere

FORM_METHODS = ["GET", "HEAD", "POST"]
PAGE = 50
CHANGES = 30


def admitted(request: HttpRequest) -> Viewer:
    """The viewer, who manages employees or roles for the company. Raises ``Forbidden``."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    check_everywhere(viewer, Permission.EMPLOYEE_MANAGE, Permission.ROLE_MANAGE)
    return viewer


def manager(request: HttpRequest) -> Viewer:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    check_everywhere(viewer, Permission.EMPLOYEE_MANAGE)
    return viewer


def person(pk: int) -> Employee:
    found = Employee.objects.select_related("department", "user", "reports_to").filter(pk=pk).first()
    if found is None:
        raise NotSeen(_("没有找到这位员工。"))
    return found


def status_of(form: Any) -> int:
    return 400 if form.is_bound and form.errors else 200


# --- the list -------------------------------------------------------------------------------------
def found(words: str) -> Q:
    """By name, pinyin, initials, number or phone, as typed."""
    lower = words.lower().replace(" ", "")
    wanted = Q(name__contains=words) | Q(number__istartswith=words)
    if lower.isascii():
        wanted |= Q(pinyin__startswith=lower) | Q(initials__startswith=lower)
    if words.isdigit() and len(words) >= 3:
        wanted |= Q(phone__contains=words)
    return wanted


def narrowed(request: HttpRequest) -> QuerySet[Employee]:
    asked = request.GET
    rows = Employee.objects.filter(left_on__isnull=asked.get("left") != "1")
    if words := asked.get("q", "").strip()[:50].replace("\x00", ""):
        rows = rows.filter(found(words))
    if department := asked.get("department", ""):
        rows = rows.filter(department__code=department)
    if role := asked.get("role", ""):
        rows = rows.filter(pk__in=RoleGrant.objects.filter(role__code=role).values("employee"))
    if project := asked.get("project", ""):
        rows = rows.filter(pk__in=RoleGrant.objects.filter(project__code=project).values("employee"))
    return rows


@never_cache
@require_safe
def employees(request: HttpRequest) -> HttpResponse:
    viewer = admitted(request)
    rows = narrowed(request)
    total = rows.count()
    after = request.GET.get("after", "")[:20].replace("\x00", "")
    grants = Prefetch("grants", RoleGrant.objects.select_related("role", "project").order_by("role__order"))
    shown = rows.filter(number__gt=after) if after else rows
    page = list(shown.select_related("department", "user").prefetch_related(grants).order_by("number")[: PAGE + 1])
    asked = {name: value for name, value in request.GET.items() if value and name != "after"}
    more = asked | {"after": page[PAGE - 1].number} if len(page) > PAGE else None
    context = {
        "rows": page[:PAGE],
        "total": total,
        "asked": request.GET,
        "left": request.GET.get("left") == "1",
        "next_url": f"?{urlencode(more)}" if more else "",
        "first_url": f"?{urlencode(asked)}" if after else "",
        "departments": Department.objects.all(),
        "projects": Project.objects.all(),
        "roles": Role.objects.all(),
        "can_manage": everywhere(viewer, Permission.EMPLOYEE_MANAGE),
        "can_import": everywhere(viewer, Permission.IMPORT_EMPLOYEES),
    }
    return render(request, "staff/employees/list.html", context)


@never_cache
@require_safe
def options(request: HttpRequest) -> JsonResponse:
    """Colleagues at work for a look-up while typing."""
    admitted(request)
    words = request.GET.get("q", "").strip()[:50].replace("\x00", "")
    rows = Employee.objects.active().filter(found(words)).select_related("department")[:12] if words else []
    results = [
        {"value": one.pk, "label": f"{one.number} {one.name}", "detail": f"{one.department} {one.title}".strip()}
        for one in rows
    ]
    return JsonResponse({"results": results})


# --- the person -----------------------------------------------------------------------------------
def page(request: HttpRequest, employee: Employee, *, status: int = 200, **forms: Any) -> HttpResponse:
    viewer = admitted(request)
    manages = everywhere(viewer, Permission.EMPLOYEE_MANAGE)
    himself = employee.pk == viewer.employee_id
    grants = list(employee.grants.select_related("role", "project").order_by("role__order"))
    audits = any(Permission.REVEAL_AUDIT in held.role.permissions for held in grants)
    guarded = manages and not everywhere(viewer, Permission.ROLE_MANAGE)
    context = {
        "employee": employee,
        "grants": grants,
        # Complaints about the director end with who audits, and never reach who reports to him.
        "audits_below": audits and employee.is_active and bool(employee.superiors),
        "changes": employee.changes.select_related("role", "project")[:CHANGES],
        "reports": employee.reports.filter(left_on=None).order_by("number")[:50],
        "can_manage": manages,
        "can_account": manages and not himself and not (guarded and viewer_of(employee).can(Permission.ROLE_MANAGE)),
        "can_leave": manages and not himself and employee.is_active,
        "can_grant": viewer.can(Permission.ROLE_MANAGE) and not himself and employee.is_active,
        "is_self": himself,
        "grant_form": forms.get("grant_form") or GrantForm(),
        "account_form": forms.get("account_form") or AccountForm(initial={"username": suggested(employee)}),
        "return_form": forms.get("return_form") or ReturnForm(),
    }
    return render(request, "staff/employees/page.html", context, status=status)


def suggested(employee: Employee) -> str:
    return employee.pinyin if employee.pinyin.isascii() else employee.number.lower()


@never_cache
@require_safe
def employee(request: HttpRequest, pk: int) -> HttpResponse:
    admitted(request)
    return page(request, person(pk))


@never_cache
@require_http_methods(FORM_METHODS)
def new(request: HttpRequest) -> HttpResponse:
    viewer = manager(request)
    form = EmployeeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = people.employ(form.save(commit=False), superior=form.cleaned_data["superior"], by=viewer.actor)
            messages.success(request, _("已新增 %(name)s，可继续开通账号、授予角色。") % {"name": made.name})
            return redirect("employee", made.pk)
        except Invalid as refusal:
            form.take(refusal)
    return render(request, "staff/employees/form.html", {"form": form}, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = manager(request)
    row = person(pk)
    if not row.is_active:
        raise Conflict(_("%(name)s 已离职，资料不再更改。") % {"name": row.name})
    form = EmployeeForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        try:
            people.amend(form.save(commit=False), superior=form.cleaned_data["superior"], by=viewer.actor)
            messages.success(request, _("已保存"))
            return redirect("employee", pk)
        except (Invalid, Forbidden) as refusal:
            form.take(refusal)
    context = {"form": form, "employee": person(pk)}
    return render(request, "staff/employees/form.html", context, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """What is still open, who takes it, and the last day."""
    viewer = manager(request)
    row = person(pk)
    leaving.check_can_let_go(viewer.actor, row)
    if not row.is_active:
        return redirect("employee", pk)
    form = LeaveForm(request.POST or None, person=row, people=leaving.successors(row))
    if request.method == "POST" and form.is_valid():
        try:
            rest = leaving.leave(
                row, by=viewer.actor, on=form.cleaned_data["on"], successor=form.chosen(), duties=form.duties()
            )
            tell_left(request, row, rest)
            return redirect("employee", pk)
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    reports = row.reports.filter(left_on=None).count()
    context = {"form": form, "employee": row, "work": leaving.open_work(row), "reports": reports}
    return render(request, "staff/employees/leave.html", context, status=status_of(form))


def tell_left(request: HttpRequest, employee: Employee, rest: list[tuple[str, int]]) -> None:
    messages.success(request, _("已为 %(name)s 办理离职，账号已停用。") % {"name": employee.name})
    for label, count in rest:
        words = _("%(label)s还有 %(count)d 件没有人可以接任，请为项目指定主管后移交。")
        messages.warning(request, words % {"label": label, "count": count})


@require_POST
def return_to_work(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = manager(request)
    row, form = person(pk), ReturnForm(request.POST)
    if form.is_valid():
        try:
            people.return_to_work(row, on=form.cleaned_data["on"], by=viewer.actor)
            messages.success(request, _("已复职，请重新开通账号、授予角色。"))
            return redirect("employee", pk)
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return page(request, row, status=400, return_form=form)


# --- the way in -----------------------------------------------------------------------------------
def shown_once(request: HttpRequest, pk: int, password: str) -> HttpResponse:
    """The answer itself, never stored: not in a session, not in an address."""
    return render(request, "staff/employees/password.html", {"employee": person(pk), "password": password})


@never_cache
@require_POST
def account(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = manager(request)
    row, form = person(pk), AccountForm(request.POST)
    if form.is_valid():
        try:
            return shown_once(
                request, pk, accounts.open_account(row, username=form.cleaned_data["username"], by=viewer.actor)
            )
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return page(request, row, status=400, account_form=form)


@never_cache
@require_POST
def account_reset(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = manager(request)
    return shown_once(request, pk, accounts.reset_password(person(pk), by=viewer.actor))


@require_POST
def account_close(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = manager(request)
    accounts.close_account(person(pk), by=viewer.actor)
    messages.success(request, _("账号已停用，登录状态和接口令牌已失效。"))
    return redirect("employee", pk)


# --- roles ----------------------------------------------------------------------------------------
@require_POST
def grant(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = admitted(request)
    row, form = person(pk), GrantForm(request.POST)
    if form.is_valid():
        try:
            powers.grant(row, role=form.cleaned_data["role"], project=form.cleaned_data["project"], by=viewer.actor)
            messages.success(request, _("已授予角色"))
            return redirect(reverse("employee", args=[pk]) + "#roles")
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return page(request, row, status=400, grant_form=form)


@require_POST
def revoke(request: HttpRequest, pk: int, grant_pk: int) -> HttpResponse:
    viewer = admitted(request)
    held = RoleGrant.objects.filter(pk=grant_pk, employee_id=pk).first()
    if held is not None:
        powers.revoke(held, by=viewer.actor)
        messages.success(request, _("已收回角色"))
    return redirect(reverse("employee", args=[pk]) + "#roles")
