"""接待登记: the counter's one screen, and the receipt."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from shimao_service.exceptions import Conflict, Invalid, Refusal
from staff import availability
from staff.access import Viewer
from staff.permissions import Permission
from tickets import callers, contacts, deadlines, desk, links, lookup, pictures, suggestions
from tickets.casefile import seen_ticket
from tickets.intake_forms import IntakeForm
from tickets.models import Ticket
from tickets.statuses import Kind, Status

LAST_SOURCE = "intake_source"


def viewer_of(request: HttpRequest) -> Viewer:
    return request.viewer  # type: ignore[attr-defined]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def intake(request: HttpRequest) -> HttpResponse:
    """The form; ``?who=`` fills the caller in, ``?q=`` looks for one without scripts."""
    viewer = viewer_of(request)
    viewer.check(Permission.TICKET_REGISTER)
    if request.method == "POST":
        return take_in(request, viewer)
    form = IntakeForm(viewer=viewer, initial=given(request))
    if value := request.GET.get("who"):
        form.caller = callers.caller(viewer, value)
    if words := request.GET.get("q", "").strip():
        form.candidates = lookup.find(viewer, words)
    return page(request, form)


def given(request: HttpRequest) -> dict[str, Any]:
    """What the address and the last registration bring along."""
    brought = {name: request.GET[name] for name in ("who", "kind", "description", "place") if name in request.GET}
    return brought | {"find": request.GET.get("q", ""), "source": request.session.get(LAST_SOURCE, "phone")}


def take_in(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The press of a button. Whatever is refused comes back with everything that was typed."""
    form = IntakeForm(request.POST, request.FILES, viewer=viewer)
    action = request.POST.get("press", desk.Action.DISPATCH.value)
    valid = form.is_valid()
    if action == "find":  # without scripts: a step between, which keeps everything typed
        form.errors.clear()
        return page(request, form)
    if not valid or action not in list(desk.Action):
        return page(request, form, status=400)
    scope, key = f"page:user:{viewer.user.pk}", form.cleaned_data["key"]
    doubted = form.unnoticed
    # Asked in this order: what looks like a duplicate may be this very sheet, pressed twice.
    if doubted and not desk.was_received(scope, key):
        return page(request, form, doubted=doubted)
    try:
        reception = form.reception(desk.Action(action), pictures.read(form.cleaned_data["pictures"]))
        ticket = desk.receive(reception, by=viewer.actor, key=key, scope=scope)
    except Invalid as refusal:
        form.take(refusal)
        return page(request, form, status=400)
    except Conflict as refusal:
        return again(request, form, refusal)
    return received(request, viewer, ticket, form.cleaned_data["source"])


def received(request: HttpRequest, viewer: Viewer, ticket: Ticket, source: str) -> HttpResponse:
    """On to the receipt; a complaint about oneself or one's superior has none for these eyes (涉事回避)."""
    if source and request.session.get(LAST_SOURCE) != source:
        request.session[LAST_SOURCE] = source
    if not Ticket.objects.visible_to(viewer).filter(pk=ticket.pk).exists():
        text = _("已登记 %(number)s。内容涉及您或您的上级，按回避规则转上一级处理，这里不再显示。")
        messages.success(request, text % {"number": ticket.number})
        return redirect("ticket-new")
    if ticket.handler is not None and ticket.is_open:
        for one in availability.away([ticket.handler], ticket.project, timezone.now()).values():
            messages.warning(request, one.caution)
    return HttpResponseRedirect(reverse("ticket-receipt", args=[ticket.number]))


def again(request: HttpRequest, form: IntakeForm, refusal: Refusal) -> HttpResponse:
    """This very sheet was registered before, and its content is another now; or somebody has what it names."""
    if refusal.fields:
        form.take(refusal)  # the authority's number is on another request
        return page(request, form, status=409)
    if refusal.code != "idempotency_mismatch":
        raise refusal
    form.renew_key()
    form.add_error(None, _("这张表刚才已登记过一次。如果是另一件事，请再按一次按钮；要补充，请打开刚才的工单。"))
    return page(request, form, status=409)


def page(
    request: HttpRequest, form: IntakeForm, *, status: int = 200, doubted: list[Ticket] | None = None
) -> HttpResponse:
    viewer = viewer_of(request)
    caller = form.caller
    context = {
        "form": form,
        "caller": caller,
        "candidates": form.candidates,
        "doubted": doubted or [],
        "linked": request.POST.getlist("link"),
        "branches": branches(),
        "can_answer": viewer.can(Permission.TICKET_ANSWER_ON_SPOT),
        "can_dispatch": viewer.can(Permission.TICKET_DISPATCH),
        "lost_pictures": form.is_bound and bool(request.FILES),
        "promise": suggestions.promise(deadlines.Facts(Kind.REPAIR.value, "normal"), viewer.project),
    }
    return render(request, "tickets/intake/page.html", context, status=status)


def branches() -> list[tuple[str, list[tuple[int, str]]]]:
    """Categories by kind, for the plain list without scripts."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for category in suggestions.leaves():
        groups.setdefault(str(Kind(category.kind).label), []).append((category.pk, str(category)))
    return list(groups.items())


@never_cache
@require_safe
def receipt(request: HttpRequest, number: str) -> HttpResponse:
    """The number, the promise, and the link for the owner."""
    viewer = viewer_of(request)
    ticket = seen_ticket(viewer, number)
    facts = deadlines.Facts(ticket.kind, ticket.urgency, ticket.level, ticket.is_collective, ticket.appointment_at)
    share = contacts.may_share(ticket, viewer)
    context = {
        "ticket": ticket,
        "promise": suggestions.promise(facts, ticket.project) if ticket.is_open else "",
        "address": links.address(ticket) if share else "",
        "is_fresh": (timezone.now() - ticket.created_at).total_seconds() < 300,
        "waits": ticket.status == Status.REGISTERED,
    }
    response = render(request, "tickets/intake/receipt.html", context)
    response["Referrer-Policy"] = "no-referrer"
    return response
