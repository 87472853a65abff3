"""查询: what became of a request, for whoever holds its link, and what they may do about it.

The link is the only key, so these pages never leave a trace of it: no referrer, no cache, no search engine,
nothing loaded from elsewhere. Where a browser takes "no referrer" at its word it sends ``Origin: null``, which
Django's CSRF check refuses; that check adds nothing here, since nobody can forge a request to an address they
do not know.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from shimao_service.actors import Actor, ActorKind
from shimao_service.exceptions import Conflict, Forbidden, IllegalMove, Invalid, Refusal
from shimao_service.forms import RefusableForm
from tickets import lifecycle, links, permissions, pictures, story, tracking
from tickets.models import Ticket
from tickets.report_forms import RateForm, ReasonForm, ReopenForm, SupplementForm, UrgeForm, renewed
from tickets.statuses import Verb

View = Callable[..., HttpResponseBase]


def held(view: View) -> View:
    """Open the link and hand the request to the view; whatever does not open is one and the same page."""

    @wraps(view)
    def opened(request: HttpRequest, token: str, **kwargs: Any) -> HttpResponseBase:
        ticket = links.open_link(token)
        response = gone(request) if ticket is None else view(request, ticket, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "private, no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        # Django would log a refusal with its path; what collects log records must not collect keys.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response

    return login_not_required(csrf_exempt(opened))


def gone(request: HttpRequest) -> HttpResponse:
    return render(request, "tickets/track/gone.html", status=404)


def holder(ticket: Ticket) -> Actor:
    return Actor(kind=ActorKind.LINK, id=ticket.owner_id, name="业主")  # kept with what they do, so in Chinese


@held
@require_safe
def track(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    return page(request, ticket)


def page(
    request: HttpRequest,
    ticket: Ticket,
    *,
    status: int = 200,
    refusal: Refusal | None = None,
    typed: dict[str, forms.Form] | None = None,
) -> HttpResponse:
    """The progress; ``typed`` is the form that was refused, by name: rating, supplement, urging, reopening …"""
    blank: dict[str, forms.Form] = {
        "rating": RateForm(initial={"round": ticket.round}),
        "supplement": SupplementForm(),
        "urging": UrgeForm(),
        "reopening": ReopenForm(initial={"version": ticket.version}, prefix="reopen"),
        "withdrawal": ReasonForm(initial={"version": ticket.version}, prefix="withdraw"),
    }
    context = tracking.page(ticket, now=timezone.now()) | blank | (typed or {})
    context |= {"refusal": refusal, "opened": next(iter(typed or {}), ""), "lost": lost(typed) if refusal else ""}
    return render(request, "tickets/track/page.html", context, status=status)


def in_owners_words(refusal: Refusal, verb: Verb, ticket: Ticket) -> Refusal:
    """That a status does not allow a verb is staff's way to put it."""
    if refusal.code == IllegalMove.code and not permissions.is_legal(verb, ticket):
        return IllegalMove(_("情况有变：%(now)s。") % {"now": story.headline(ticket)[0]})
    return refusal


def lost(typed: dict[str, forms.Form] | None) -> str:
    """The words of a form that may not stand open any more, so that they can still be copied."""
    fields = ((form, name) for form in (typed or {}).values() for name in ("note", "reason", "comment"))
    return "\n".join(str(form[name].value() or "") for form, name in fields if name in form.fields).strip()


Act = Callable[[HttpRequest, Ticket, Any], str]


def action(verb: Verb, name: str, make: Callable[[HttpRequest, Ticket], RefusableForm]) -> Callable[[Act], View]:
    """A POST that does one thing and returns to the progress; refused, it shows the page with what was typed."""

    def decorate(act: Act) -> View:
        @held
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(act)
        def view(request: HttpRequest, ticket: Ticket) -> HttpResponse:
            if request.method != "POST":
                return redirect(links.path(ticket))
            form = make(request, ticket)
            if not form.is_valid():
                return page(request, ticket, status=400, typed={name: form})
            try:
                said = act(request, ticket, form)
            except Invalid as refusal:
                form.take(refusal)
                return page(request, ticket, status=400, typed={name: form})
            except (Conflict, Forbidden) as refusal:
                fresh = links.open_link(links.token(ticket)) or ticket
                told = in_owners_words(refusal, verb, fresh)
                return page(request, fresh, status=told.status, refusal=told, typed={name: again(form, fresh)})
            messages.success(request, said)
            return redirect(links.path(ticket))

        return view

    return decorate


def again(form: forms.Form, ticket: Ticket) -> forms.Form:
    """The form as typed, made from the request as it stands now."""
    present = {"version": ticket.version, "round": ticket.round}
    fresh = {form.add_prefix(name): str(value) for name, value in present.items() if name in form.fields}
    return type(form)(renewed(form.data, **fresh), prefix=form.prefix)


@action(Verb.RATE, "rating", lambda request, ticket: RateForm(request.POST))
def rate(request: HttpRequest, ticket: Ticket, form: RateForm) -> str:
    """One tap. Bound to the round that was seen, not to the version: a note by a colleague is no obstacle."""
    values = form.cleaned_data
    if values["round"] not in (None, ticket.round):
        raise Conflict(_("已经在重新处理了，处理好后再请您评价。"), code="already_reopened")
    rated = lifecycle.rate(ticket, by=holder(ticket), grade=values["grade"], comment=values["comment"])
    return _("抱歉没有让您满意，已安排重新处理。") if rated.round > ticket.round else _("谢谢您的评价。")


@action(Verb.SUPPLEMENT, "supplement", lambda request, ticket: SupplementForm(request.POST, request.FILES))
def supplement(request: HttpRequest, ticket: Ticket, form: SupplementForm) -> str:
    values = form.cleaned_data
    files = pictures.read(values["pictures"])
    lifecycle.supplement(ticket, by=holder(ticket), note=values["note"], pictures=files)
    return _("已补充，处理的人会看到。")


@action(Verb.URGE, "urging", lambda request, ticket: UrgeForm(request.POST))
def urge(request: HttpRequest, ticket: Ticket, form: UrgeForm) -> str:
    """Bound to no version: whatever happened meanwhile, the owner would like it sooner."""
    lifecycle.urge(ticket, by=holder(ticket), note=form.cleaned_data["note"])
    urged = tracking.urged(ticket)
    if urged is not None and urged.times > 1:
        return _("刚才已经转告处理人员，这次也记下了，请稍候。")
    return _("已转告处理人员。")


@action(Verb.REOPEN, "reopening", lambda request, ticket: ReopenForm(request.POST, prefix="reopen"))
def reopen(request: HttpRequest, ticket: Ticket, form: ReopenForm) -> str:
    values = form.cleaned_data
    lifecycle.reopen(ticket, by=holder(ticket), reason=values["reason"], version=values["version"])
    return _("已安排重新处理。")


@action(Verb.CANCEL, "withdrawal", lambda request, ticket: ReasonForm(request.POST, prefix="withdraw"))
def withdraw(request: HttpRequest, ticket: Ticket, form: ReasonForm) -> str:
    values = form.cleaned_data
    reason = values["reason"] or "业主撤销"  # kept with the request, so in Chinese
    lifecycle.cancel(ticket, by=holder(ticket), reason=reason, version=values["version"])
    return _("已撤销。")


@held
@require_safe
def picture(request: HttpRequest, ticket: Ticket, pk: int) -> HttpResponseBase:
    return serve(request, ticket, pk, "file")


@held
@require_safe
def thumbnail(request: HttpRequest, ticket: Ticket, pk: int) -> HttpResponseBase:
    return serve(request, ticket, pk, "thumbnail")


def serve(request: HttpRequest, ticket: Ticket, pk: int, size: str) -> HttpResponseBase:
    """A picture of the story; any other, of this request or another, is not there."""
    found = story.pictures(ticket).get(pk)
    if found is None:
        return gone(request)
    try:
        return FileResponse(getattr(found, size).open("rb"), content_type="image/jpeg")
    except FileNotFoundError:
        return gone(request)
