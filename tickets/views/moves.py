"""Every move as a form: a plain page, the same form in a dialog, and what a refusal does to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from shimao_service.exceptions import Conflict, IllegalMove, Invalid, NotSeen, Refusal, Stale
from staff.access import Viewer
from staff.permissions import Permission
from tickets import contacts, discretion, permissions, pictures, timeline
from tickets.casefile import seen_ticket
from tickets.forms import FORMS, MoveForm
from tickets.forms.dispatching import DispatchForm
from tickets.lifecycle import gate
from tickets.models import Event, Ticket, Unit
from tickets.statuses import Status, Verb

# After these a handler's hands are free: on to the next task.
LETS_GO = frozenset({Verb.COMPLETE, Verb.RETURN, Verb.TRANSFER})

# Made with the owner on the phone: the form shows the contact above it.
SPEAKS = frozenset({Verb.FEED_BACK, Verb.ATTEMPT, Verb.RATE, Verb.TALK, Verb.ANSWER_URGE})


def movable(viewer: Viewer, number: str) -> Ticket:
    """The request, also for a colleague who saw it waiting a moment ago. Raises ``NotSeen``."""
    ticket = Ticket.objects.for_page().filter(number=number.upper()).first()
    if ticket is None or viewer.employee_id is None or not gate.sees(ticket, viewer, timezone.now()):
        raise NotSeen(_("没有找到这张工单。"))
    return ticket


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, number: str, verb: str) -> HttpResponse:
    form_class = FORMS.get(verb.replace("-", "_"))
    if form_class is None:
        raise NotSeen(_("没有找到这个页面。"))
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    if request.method == "POST":
        return make(request, movable(viewer, number), form_class)
    ticket = seen_ticket(viewer, number)
    permissions.check_power(form_class.verb, ticket.project_id, viewer.actor)
    form = form_class(ticket=ticket, viewer=viewer, initial=given(request, form_class))
    if not permissions.is_legal(form_class.verb, ticket):
        return answer(request, form, IllegalMove(gate.illegal_words(ticket, form_class.verb)))
    permissions.check_stands_right(form_class.verb, ticket, viewer.actor)
    return answer(request, form)


def given(request: HttpRequest, form_class: type[MoveForm]) -> dict[str, Any]:
    """Values the address brings along, such as the number to unlink."""
    return {name: value for name, value in request.GET.items() if name in form_class.base_fields}


def make(request: HttpRequest, ticket: Ticket, form_class: type[MoveForm]) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    actor, verb = viewer.actor, form_class.verb
    permissions.check_power(verb, ticket.project_id, actor)
    if request.POST.get("version") in ("", None, str(ticket.version)) and permissions.is_legal(verb, ticket):
        permissions.check_stands_right(verb, ticket, actor)
    form = form_class(request.POST, ticket=ticket, viewer=viewer)
    if form.was_made(missed(request, ticket)):
        return moved(request, form)  # pressed twice, or the answer got lost on the way
    try:
        if not form.is_valid():
            return answer(request, form, status=400)
        form.make(pictures=pictures.read(uploads(request)))
    except Invalid as refusal:
        form.take(refusal)
        return answer(request, form, status=refusal.status)
    except Conflict as refusal:
        if isinstance(refusal, Stale) and form.was_made(refusal.changes):
            return moved(request, form)  # the other press was faster by a moment
        if refusal.fields:
            form.take(refusal)  # taken elsewhere: it is said where it was typed
            return answer(request, form, status=refusal.status)
        return conflict(request, form, refusal)
    return moved(request, form)


def missed(request: HttpRequest, ticket: Ticket) -> list[Event]:
    """What happened since the page that was posted was made; nothing when it names no version."""
    version = request.POST.get("version", "")
    return gate.changes_since(ticket, int(version)) if version.isdecimal() and len(version) < 10 else []


def uploads(request: HttpRequest) -> list[Any]:
    """Files of the form in a page of its own, or of the reply box on the request page."""
    return [*request.FILES.getlist("pictures"), *request.FILES.getlist("reply_pictures")]


def conflict(request: HttpRequest, form: MoveForm, refusal: Refusal) -> HttpResponse:
    """Somebody was faster: tell what changed, keep what was typed, and let it be pressed again where it still can."""
    ticket = Ticket.objects.for_page().get(pk=form.ticket.pk)
    form.renew(ticket)
    if isinstance(refusal, Stale) and not permissions.is_legal(form.verb, ticket):
        changes = refusal.changes
        refusal = IllegalMove(gate.illegal_words(ticket, form.verb))
        refusal.changes = changes  # type: ignore[attr-defined]
    return answer(request, form, refusal)


def answer(request: HttpRequest, form: MoveForm, refusal: Refusal | None = None, *, status: int = 200) -> HttpResponse:
    """The form as a page, or as the part of it that htmx asked for."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    ticket, verb = form.ticket, form.verb
    context = {
        "form": form,
        "ticket": ticket,
        "title": form.title or Verb(verb).label,
        "url": reverse("ticket-move", args=[ticket.number, verb.value]),
        "refusal": refusal,
        "changes": [timeline.sentence(e) for e in discretion.told_to(viewer, getattr(refusal, "changes", []))],
        "possible": permissions.can(verb, ticket, viewer.actor),
        "one_tap": verb in SPEAKS and contacts.one_tap(ticket, viewer),
        "reason": contacts.reason_for(ticket),
        "seen": refusal is None or Ticket.objects.visible_to(viewer).filter(pk=ticket.pk).exists(),
    }
    template = "tickets/moves/_move.html" if request.htmx else "tickets/moves/page.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=refusal.status if refusal else status)


def moved(request: HttpRequest, form: MoveForm) -> HttpResponse:
    """On to where the person goes next, with a word of what was done."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    messages.success(request, _("%(number)s %(done)s") % {"number": form.ticket.number, "done": form.done})
    for words in form.cautions:
        messages.warning(request, words)
    where = reverse("ticket", args=[form.ticket.number])
    if form.verb == Verb.NAME_SUBJECTS and not Ticket.objects.visible_to(viewer).filter(pk=form.ticket.pk).exists():
        where = reverse("home")  # the complaint turned out to be about a superior: it is the next one up's now
    if form.verb in LETS_GO and not viewer.can(Permission.TICKET_VIEW_ALL, form.ticket.project_id):
        where = reverse("home")
    if request.htmx:  # type: ignore[attr-defined]
        response = HttpResponse(status=204)
        response["HX-Redirect"] = where
        return response
    return HttpResponseRedirect(where)


@require_safe
def handlers(request: HttpRequest, number: str) -> HttpResponse:
    """The options of the handler list for one department, with what each has open in this project."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    ticket = seen_ticket(viewer, number)
    verb = Verb.DISPATCH if ticket.status == Status.REGISTERED else Verb.TRANSFER
    permissions.check_power(verb, ticket.project_id, viewer.actor)
    if permissions.is_legal(verb, ticket):
        permissions.check_stands_right(verb, ticket, viewer.actor)
    form = DispatchForm(ticket=ticket, viewer=viewer)
    department = request.GET.get("department", "")
    return render(
        request,
        "tickets/moves/_handler_options.html",
        {"candidates": form.narrowed(department), "suggest": bool(department) and verb == Verb.DISPATCH},
    )


@require_safe
def units(request: HttpRequest, number: str) -> HttpResponse:
    """Units of the request's project by label or room, for amending it."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    ticket = seen_ticket(viewer, number)
    permissions.check_power(Verb.AMEND, ticket.project_id, viewer.actor)
    text = request.GET.get("q", "").strip()
    here = Unit.objects.filter(project_id=ticket.project_id)
    found = here.filter(label__startswith=text).order_by("label")[:10] if text else here.none()
    rooms = here.filter(room__startswith=text).order_by("label")[:10] if text and not found else found
    return render(request, "tickets/moves/_unit_options.html", {"units": rooms})
