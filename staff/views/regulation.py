"""The regulation: its versions, each clause, what rests on it, and drafting the next version."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service.exceptions import Conflict, Invalid, NotSeen
from staff import regulation
from staff.access import Viewer
from staff.forms import ClauseForm, NewClauseForm, VersionForm
from staff.models import Clause, RegulationVersion
from staff.permissions import Permission
from staff.powers import check_everywhere, everywhere
from staff.views.people import FORM_METHODS, status_of


def viewer_of(request: HttpRequest) -> Viewer:
    return request.viewer  # type: ignore[attr-defined]


def editor(request: HttpRequest) -> Viewer:
    viewer = viewer_of(request)
    check_everywhere(viewer, Permission.REGULATION_MANAGE)
    return viewer


def version_of(viewer: Viewer, number: int) -> RegulationVersion:
    """A draft is seen by those who write it only."""
    row = RegulationVersion.objects.select_related("published_by").filter(number=number).first()
    if row is None or (regulation.is_open(row) and not everywhere(viewer, Permission.REGULATION_MANAGE)):
        raise NotSeen(_("没有找到这个版本。"))
    return row


def clause_of(version: RegulationVersion, code: str) -> Clause:
    row = Clause.objects.filter(version=version, code=code).first()
    if row is None:
        raise NotSeen(_("没有找到这一条款。"))
    return row


@require_safe
def current(request: HttpRequest) -> HttpResponse:
    """The version in force."""
    return show(request, regulation.in_force())


@require_safe
def version(request: HttpRequest, number: int) -> HttpResponse:
    return show(request, version_of(viewer_of(request), number))


def parts(clauses: list[Clause]) -> list[tuple[str, list[Clause]]]:
    """By the letter of the part, in order."""
    found: dict[str, list[Clause]] = {}
    for clause in clauses:
        found.setdefault(clause.code[:1], []).append(clause)
    return list(found.items())


def show(request: HttpRequest, row: RegulationVersion | None) -> HttpResponse:
    viewer = viewer_of(request)
    manages = everywhere(viewer, Permission.REGULATION_MANAGE)
    versions = RegulationVersion.objects.select_related("published_by")
    others = [one for one in versions if manages or not regulation.is_open(one)]
    in_force = regulation.in_force()
    context = {
        "version": row,
        "parts": parts(list(row.clauses.all())) if row else [],
        "versions": others,
        "in_force": in_force,
        "is_draft": bool(row and regulation.is_open(row)),
        "draft": next((one for one in others if regulation.is_open(one)), None),
        "can_edit": manages,
    }
    return render(request, "staff/regulation/version.html", context)


@never_cache
@require_safe
def clause(request: HttpRequest, number: int, code: str) -> HttpResponse:
    """The words, and what rests on the clause in whichever version."""
    viewer = viewer_of(request)
    row = version_of(viewer, number)
    found = clause_of(row, code)
    beside = list(Clause.objects.filter(version=row).only("code", "title", "order"))
    at = next(index for index, one in enumerate(beside) if one.pk == found.pk)
    earlier = Clause.objects.filter(code=code, version__number__lt=number).order_by("-version__number")
    context = {
        "version": row,
        "clause": found,
        "resting": regulation.resting_on(code, viewer),
        "previous": beside[at - 1] if at else None,
        "next": beside[at + 1] if at + 1 < len(beside) else None,
        "earlier": earlier.select_related("version").first(),
        "is_draft": regulation.is_open(row),
        "can_edit": everywhere(viewer, Permission.REGULATION_MANAGE),
    }
    return render(request, "staff/regulation/clause.html", context)


# --- drafting -------------------------------------------------------------------------------------
def form_page(request: HttpRequest, form: Any, title: str, row: RegulationVersion | None) -> HttpResponse:
    context = {"form": form, "title": title, "version": row}
    return render(request, "staff/regulation/form.html", context, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def draft(request: HttpRequest) -> HttpResponse:
    viewer = editor(request)
    newest = RegulationVersion.objects.first()
    number = newest.number + 1 if newest else 1
    title = _("客服中心管理制度（第 %(number)d 版）") % {"number": number}
    form = VersionForm(request.POST or None, initial={"title": title})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            made = regulation.draft(title=values["title"], effective_on=values["effective_on"], by=viewer.actor)
            messages.success(request, _("已从上一版复制，请逐条修改。"))
            return redirect("regulation-version", made.number)
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return form_page(request, form, _("起草新版本"), newest)


@never_cache
@require_http_methods(FORM_METHODS)
def version_edit(request: HttpRequest, number: int) -> HttpResponse:
    viewer = editor(request)
    row = version_of(viewer, number)
    form = VersionForm(request.POST or None, initial={"title": row.title, "effective_on": row.effective_on})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            regulation.rename(row, title=values["title"], effective_on=values["effective_on"], by=viewer.actor)
            return redirect("regulation-version", number)
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return form_page(request, form, _("名称与生效日期"), row)


@require_POST
def discard(request: HttpRequest, number: int) -> HttpResponse:
    viewer = editor(request)
    regulation.discard(version_of(viewer, number), by=viewer.actor)
    messages.success(request, _("草稿已放弃"))
    return redirect("regulation")


@never_cache
@require_http_methods(FORM_METHODS)
def clause_edit(request: HttpRequest, number: int, code: str) -> HttpResponse:
    viewer = editor(request)
    row = version_of(viewer, number)
    found = clause_of(row, code)
    form = ClauseForm(request.POST or None, initial={"title": found.title, "text": found.text})
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            regulation.write(row, code=code, title=values["title"], text=values["text"], by=viewer.actor)
            messages.success(request, _("已保存 %(code)s") % {"code": code})
            return redirect("regulation-version", number)
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return form_page(request, form, f"{code} {found.title}", row)


@never_cache
@require_http_methods(FORM_METHODS)
def clause_new(request: HttpRequest, number: int) -> HttpResponse:
    viewer = editor(request)
    row = version_of(viewer, number)
    form = NewClauseForm(request.POST or None, version=row)
    if request.method == "POST" and form.is_valid():
        try:
            regulation.write(row, by=viewer.actor, **form.cleaned_data)
            return redirect("regulation-version", number)
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return form_page(request, form, _("增加条款"), row)
