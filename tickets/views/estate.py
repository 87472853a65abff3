"""Owners, where they live, and the estate: looking up, entering, moving in and out, the poster."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service.exceptions import Conflict, Invalid, NotSeen
from staff.access import Viewer
from staff.permissions import Permission
from tickets import estate, lookup, owners, promises
from tickets.estate_forms import AmendForm, BuildingForm, MoveOutForm, NewOwnerForm, PlaceForm, UnitForm
from tickets.models import Occupancy, Owner, Ticket, Unit

FORM_METHODS = ["GET", "HEAD", "POST"]


def viewer_of(request: HttpRequest) -> Viewer:
    return request.viewer  # type: ignore[attr-defined]


# --- owners ---------------------------------------------------------------------------------------
@never_cache
@require_safe
def owner_list(request: HttpRequest) -> HttpResponse:
    """``?q=``: the counter's look-up as a page of its own."""
    viewer = viewer_of(request)
    viewer.check(Permission.OWNER_LOOKUP)
    words = request.GET.get("q", "").strip()
    rows = [(row, lookup.Where.parse(row.value)) for row in lookup.find(viewer, words)]
    context = {"words": words, "rows": rows, "can_edit": viewer.can(Permission.OWNER_EDIT)}
    return render(request, "tickets/estate/owners.html", context)


def owner_context(viewer: Viewer, owner: Owner) -> dict[str, Any]:
    homes = owner.occupancies.select_related("unit__project").order_by("-until", "-since", "pk")
    seen = [row for row in homes if viewer.can(Permission.OWNER_LOOKUP, row.unit.project_id)]
    today = timezone.localdate()
    tickets = Ticket.objects.visible_to(viewer).with_people().filter(owner=owner).order_by("-created_at")
    return {
        "owner": owner,
        "now_in": [row for row in seen if row.until is None or row.until >= today],
        "was_in": [row for row in seen if row.until is not None and row.until < today],
        "tickets": list(tickets[:30]),
        "can_edit": owners.may(viewer, Permission.OWNER_EDIT, owner),
        "can_reveal": owners.may(viewer, Permission.OWNER_REVEAL, owner),
        "shared": owners.alike(owner.phone, viewer=viewer, but=owner),
    }


@never_cache
@require_safe
def owner(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    return render(request, "tickets/estate/owner.html", owner_context(viewer, owners.seen_owner(viewer, pk)))


@never_cache
@require_POST
def owner_reveal(request: HttpRequest, pk: int) -> HttpResponse:
    """Name and phones for a reason, which is written down."""
    viewer = viewer_of(request)
    person = owners.seen_owner(viewer, pk)
    try:
        context = {
            "owner": owners.reveal(person, viewer=viewer, reason=request.POST.get("reason", "")),
            "revealed": True,
        }
        status = 200
    except Invalid as refusal:
        context, status = {"owner": person, "can_reveal": True, "reveal_error": str(refusal.detail)}, 400
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "tickets/estate/_contact.html", context, status=status)
    return render(request, "tickets/estate/owner.html", owner_context(viewer, person) | context, status=status)


@never_cache
@require_http_methods(FORM_METHODS)
def owner_new(request: HttpRequest) -> HttpResponse:
    """Somebody new, in a unit. A phone that others have is a warning; pressing again is the answer."""
    viewer = viewer_of(request)
    viewer.check(Permission.OWNER_EDIT)
    unit = Unit.objects.filter(
        viewer.scope(Permission.OWNER_EDIT), pk=lookup.number_of(request.GET.get("unit", "")) or 0
    ).first()
    initial = {"unit": unit.label, "unit_id": unit.pk} if unit else {}
    form = NewOwnerForm(request.POST or None, viewer=viewer, initial=initial)
    shared: list[Owner] = []
    if request.method == "POST" and form.is_valid():
        try:
            person, home = form.person(), form.cleaned_data["home"]
            shared = unnoticed(form, person.clean().get("phone", ""), viewer)
            if not shared:
                since = form.cleaned_data["since"]
                made = owners.create(person, home, by=viewer.actor, relation=form.cleaned_data["relation"], since=since)
                messages.success(request, _("%(unit)s 已登记") % {"unit": home.label})
                return redirect("owner", made.pk)
        except Invalid as refusal:
            form.take(refusal)
    return render(request, "tickets/estate/owner_form.html", {"form": form, "shared": shared}, status=status_of(form))


def unnoticed(form: Any, phone: str, viewer: Viewer, but: Owner | None = None) -> list[Owner]:
    """Others with this phone, unless they were on the screen already."""
    if not phone or form.cleaned_data.get("noticed") == phone[-4:]:
        return []
    return owners.alike(phone, viewer=viewer, name=form.cleaned_data.get("name", ""), but=but)


def status_of(form: Any) -> int:
    return 400 if form.is_bound and form.errors else 200


@never_cache
@require_http_methods(FORM_METHODS)
def owner_edit(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    person = owners.seen_owner(viewer, pk)
    owners.check_may(viewer, Permission.OWNER_EDIT, person)
    form = AmendForm(request.POST or None, initial={"note": person.note})
    masks = {"name": person.masked_name, "phone": person.masked_phone}
    for name, mask in (
        masks | {"phone_alt": "****" if person.phone_alt else "", "email": "****" if person.email else ""}
    ).items():
        form.fields[name].widget.attrs["placeholder"] = mask
    shared: list[Owner] = []
    if request.method == "POST" and form.is_valid():
        try:
            shared = unnoticed(form, form.person().clean().get("phone", ""), viewer, person)
            if not shared:
                owners.amend(person, form.person(), by=viewer.actor)
                messages.success(request, _("已保存"))
                return redirect("owner", pk)
        except Invalid as refusal:
            form.take(refusal)
    context = {"form": form, "owner": person, "shared": shared}
    return render(request, "tickets/estate/owner_form.html", context, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def owner_move_in(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    person = owners.seen_owner(viewer, pk)
    owners.check_may(viewer, Permission.OWNER_EDIT, person)
    form = PlaceForm(request.POST or None, viewer=viewer)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            owners.move_in(person, values["home"], by=viewer.actor, relation=values["relation"], since=values["since"])
            return redirect("owner", pk)
        except Invalid as refusal:
            form.take(refusal)
    context = {"form": form, "owner": person, "title": _("增加房屋"), "submit": _("入住")}
    return render(request, "tickets/estate/form.html", context, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def move_out(request: HttpRequest, pk: int) -> HttpResponse:
    """The last day in the unit. The tracking links of open requests there die with it."""
    viewer = viewer_of(request)
    row = Occupancy.objects.filter(viewer.scope(Permission.OWNER_LOOKUP, "unit__project_id"), pk=pk)
    home = row.select_related("unit", "owner").first()
    if home is None or not viewer.can(Permission.OWNER_LOOKUP):
        raise NotSeen(_("没有找到这条入住记录。"))
    owners.check_unit(home.unit, viewer.actor)
    form = MoveOutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            revoked = owners.move_out(home, by=viewer.actor, until=form.cleaned_data["until"])
            words = _("已迁出，%(n)s 件未办结工单的查询链接已作废") if revoked else _("已记下迁出日期")
            messages.success(request, words % {"n": len(revoked)})
            return redirect("owner", home.owner_id)
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    text = _("%(name)s 从 %(unit)s 迁出。历史保留；查找时不再出现，未办结工单的查询链接作废。") % {
        "name": home.owner.masked_name, "unit": home.unit.label,
    }  # fmt: skip
    context = {"form": form, "owner": home.owner, "title": _("迁出"), "submit": _("确定迁出"), "text": text}
    return render(request, "tickets/estate/form.html", context, status=status_of(form))


# --- units and buildings --------------------------------------------------------------------------
@never_cache
@require_safe
def unit(request: HttpRequest, pk: int) -> HttpResponse:
    """Who lives there now and before, and what was asked for there."""
    viewer = viewer_of(request)
    home = estate.seen_unit(viewer, pk)
    today = timezone.localdate()
    rows = list(home.occupancies.select_related("owner").order_by("-until", "-since", "pk"))
    tickets = Ticket.objects.visible_to(viewer).with_people().filter(unit=home).order_by("-created_at")
    context = {
        "unit": home,
        "now_here": [row for row in rows if row.until is None or row.until >= today],
        "was_here": [row for row in rows if row.until is not None and row.until < today],
        "tickets": list(tickets[:30]),
        "can_edit": viewer.can(Permission.OWNER_EDIT, home.project_id),
        "can_register": viewer.can(Permission.TICKET_REGISTER, home.project_id),
    }
    return render(request, "tickets/estate/unit.html", context)


@never_cache
@require_safe
def unit_options(request: HttpRequest) -> JsonResponse:
    """``?q=``: units where this person may enter who lives there."""
    viewer = viewer_of(request)
    viewer.check(Permission.OWNER_EDIT)
    place = lookup.as_place(lookup.narrow(request.GET.get("q", "")))
    found = lookup.find_units(viewer, place, Permission.OWNER_EDIT) if place else []
    rows = [{"value": row.pk, "label": row.label, "detail": row.project.name} for row in found]
    return JsonResponse({"results": rows})


@never_cache
@require_safe
def building_list(request: HttpRequest) -> HttpResponse:
    viewer = viewer_of(request)
    if not viewer.can(Permission.OWNER_LOOKUP):
        viewer.check(Permission.ESTATE_MANAGE)
    found = estate.buildings(viewer).select_related("project", "steward").annotate(unit_count=Count("units"))
    if viewer.project:
        found = found.filter(project=viewer.project)
    rows = sorted(found, key=lambda row: (row.project.code, len(row.code), row.code))
    return render(
        request, "tickets/estate/buildings.html", {"rows": rows, "can_manage": viewer.can(Permission.ESTATE_MANAGE)}
    )


@never_cache
@require_safe
def building(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    found = estate.seen_building(viewer, pk)
    context = {
        "building": found,
        "units": estate.units_of(found, viewer),
        "can_manage": viewer.can(Permission.ESTATE_MANAGE, found.project_id),
    }
    return render(request, "tickets/estate/building.html", context)


@never_cache
@require_http_methods(FORM_METHODS)
def building_new(request: HttpRequest) -> HttpResponse:
    viewer = viewer_of(request)
    viewer.check(Permission.ESTATE_MANAGE)
    initial = {"project": viewer.project.pk} if viewer.project else {}
    form = BuildingForm(request.POST or None, viewer=viewer, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = estate.add_building(by=viewer.actor, **form.cleaned_data)
            return redirect("building", made.pk)
        except Invalid as refusal:
            form.take(refusal)
    context = {"form": form, "title": _("新增楼栋"), "submit": _("保存")}
    return render(request, "tickets/estate/form.html", context, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def building_edit(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    found = estate.seen_building(viewer, pk)
    estate.check_manage(found.project_id, viewer.actor)
    initial = {"name": found.name, "steward": found.steward_id}
    form = BuildingForm(request.POST or None, viewer=viewer, is_new=False, initial=initial)
    if request.method == "POST" and form.is_valid():
        estate.amend_building(found, by=viewer.actor, **form.cleaned_data)
        messages.success(request, _("已保存"))
        return redirect("building", pk)
    context = {"form": form, "title": _("修改 %(name)s") % {"name": found.name}, "submit": _("保存")}
    return render(request, "tickets/estate/form.html", context, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def unit_new(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    found = estate.seen_building(viewer, pk)
    estate.check_manage(found.project_id, viewer.actor)
    form = UnitForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = estate.add_unit(found, by=viewer.actor, **form.cleaned_data)
            return redirect("unit", made.pk)
        except Invalid as refusal:
            form.take(refusal)
    context = {"form": form, "title": _("%(name)s 新增房屋") % {"name": found.name}, "submit": _("保存")}
    return render(request, "tickets/estate/form.html", context, status=status_of(form))


@never_cache
@require_safe
def poster(request: HttpRequest, pk: int) -> HttpResponse:
    """One A4 page for the lobby: the code that opens the owners' form with the place filled in."""
    found = estate.seen_building(viewer_of(request), pk)
    address = settings.SITE_URL + reverse("report-place", args=[found.qr_code])
    context = {"building": found, "address": address, "offers": list(promises.offers(found.project).values())[:2]}
    return render(request, "tickets/estate/poster.html", context)
