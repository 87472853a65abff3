"""``/tickets/``: the queue, and several requests at once."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from shimao_service.exceptions import Refusal
from staff.access import Viewer
from staff.permissions import Permission
from tickets import lifecycle, queue
from tickets.forms.bulk import DispatchManyForm, SummariseManyForm
from tickets.lifecycle.closing import prefill, wants_words
from tickets.models import Ticket
from tickets.search import OPEN_ONES, TicketFilter
from tickets.statuses import Status

PAGE = 50
# A selection is made by hand; more at once is a mistake of the hand.
MOST_AT_ONCE = 100


@require_safe
def tickets(request: HttpRequest) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    if "special" in request.GET or "" in request.GET.values():
        return HttpResponseRedirect(f"{request.path}?{spelt_out(request)}".rstrip("?"))
    asked = TicketFilter.from_query(request.GET, viewer, status=OPEN_ONES)
    cursor = request.GET.get("cursor", "")
    page = asked.page(cursor, size=PAGE, annotate=queue.with_clock_names)
    found = None if asked.q else queue.counts(asked.states_left_out.rows(), asked.now)
    menus = queue.menus_for(viewer, asked)
    context = {
        "asked": asked,
        "rows": [queue.Row(ticket, asked.now) for ticket in page.rows],
        "next_url": f"?{_with_cursor(asked, page.next_cursor)}" if page.next_cursor else "",
        "first_url": f"?{asked.query()}" if cursor else "",
        "counts": found,
        "chips": queue.state_chips(asked, found),
        "applied": queue.applied(asked, menus),
        "menus": menus,
        "quick": queue.quick(asked, menus),
        "choices": queue.choices(asked, menus),
        "kept": [(name, asked.params[name]) for name in ("project", "overdue", "step") if name in asked.params],
        "views": queue.view_chips(asked, menus),
        "bulk_actions": queue.bulk_actions(viewer),
        "may_export": viewer.can(Permission.TICKET_VIEW_ALL),
        "may_register": viewer.can(Permission.TICKET_REGISTER),
        "shows_project": viewer.project is None and len(viewer.projects) > 1 and "project" not in asked.params,
        "notices": [*asked.problems.values(), *asked.notes, *_cursor_problem(asked, cursor)],
    }
    return render(request, "tickets/queue.html", context)


def spelt_out(request: HttpRequest) -> str:
    """What the form sent, without its empty fields, and its one menu of special things as plain parameters."""
    params = request.GET.copy()
    special = params.pop("special", [""])[-1]
    if special in queue.SPECIALS:
        name, value, _words = queue.SPECIALS[special]
        params[name] = value
    return urlencode([(name, value) for name, values in params.lists() for value in values if value])


def _with_cursor(asked: TicketFilter, cursor: str) -> str:
    query = asked.query()
    return f"{query}&cursor={cursor}" if query else f"cursor={cursor}"


def _cursor_problem(asked: TicketFilter, cursor: str) -> list[str]:
    return [] if not cursor or asked.knows(cursor) else [_("翻页位置无效，已回到第一页。")]


# --- several at once --------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
def dispatch_many(request: HttpRequest) -> HttpResponse:
    """First POST: what was ticked, and the question to whom. Second (``confirmed``): it is done, one by one."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    chosen = selected(request, viewer)
    able = [t for t in chosen if t.status == Status.REGISTERED and viewer.can(Permission.TICKET_DISPATCH, t.project_id)]
    if not able:
        return nothing(request, _("所选工单里没有可以派单的：只有“待派单”的工单可以一起派。"))
    confirmed = "confirmed" in request.POST
    form = DispatchManyForm(request.POST if confirmed else None, tickets=able)
    if not confirmed:
        form.initial["department"] = common_department(able)
    elif form.is_valid():
        return dispatched(request, able, form)
    context = {"form": form, "tickets": able, "left_out": len(chosen) - len(able), "back": back_to(request)}
    return render(request, "tickets/queue_dispatch.html", context, status=400 if confirmed else 200)


def dispatched(request: HttpRequest, able: list[Ticket], form: DispatchManyForm) -> HttpResponse:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    to, done = form.cleaned_data, 0
    for ticket in able:
        try:
            lifecycle.dispatch(ticket, by=viewer.actor, version=seen_version(request, ticket), **to)
            done += 1
        except Refusal as refusal:
            messages.warning(
                request, _("%(number)s 没有派出：%(why)s") % {"number": ticket.number, "why": refusal.detail}
            )
    if done:
        whom = to["handler"] or to["department"]
        messages.success(request, _("已派 %(n)d 件给%(whom)s。") % {"n": done, "whom": whom})
        if to["handler"] and to["handler"].pk in form.absent:
            messages.warning(request, form.absent[to["handler"].pk].caution)
    return HttpResponseRedirect(f"{reverse('tickets')}?{back_to(request)}")


@require_http_methods(["GET", "POST"])
def summarise_many(request: HttpRequest) -> HttpResponse:
    """Ordinary requests confirmed together; the others are shown with the reason why they want words."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    chosen = [ticket for ticket in selected(request, viewer) if ticket.status == Status.AWAITING_SUMMARY]
    plain = [t for t in chosen if not wants_words(t) and (t.grade or 0) >= 3]
    if not chosen:
        return nothing(request, _("所选工单里没有“待总结”的。"))
    confirmed = "confirmed" in request.POST
    form = SummariseManyForm(request.POST if confirmed else None)
    if confirmed and form.is_valid():
        done, refused = lifecycle.summarise_many(plain, by=viewer.actor, liability=form.cleaned_data["liability"])
        for number, why in refused.items():
            messages.warning(request, _("%(number)s 没有办结：%(why)s") % {"number": number, "why": why})
        if done:
            messages.success(request, _("已总结办结 %(n)d 件。") % {"n": len(done)})
        return HttpResponseRedirect(f"{reverse('tickets')}?{back_to(request)}")
    context = {
        "form": form,
        "plain": [(ticket, prefill(ticket)["cause"]) for ticket in plain],
        "others": [ticket for ticket in chosen if ticket not in plain],
        "back": back_to(request),
    }
    return render(request, "tickets/queue_summarise.html", context, status=400 if confirmed else 200)


def selected(request: HttpRequest, viewer: Viewer) -> list[Ticket]:
    """Those ticked that this person sees, oldest first."""
    ids = {int(pk) for pk in request.POST.getlist("ids") if pk.isascii() and pk.isdigit() and len(pk) < 19}
    if len(ids) > MOST_AT_ONCE:
        messages.warning(request, _("一次最多处理 %(n)d 件，其余的请再选一次。") % {"n": MOST_AT_ONCE})
    rows = Ticket.objects.visible_to(viewer).filter(pk__in=sorted(ids)[:MOST_AT_ONCE])
    return list(rows.with_people().prefetch_related("clocks").order_by("created_at", "pk"))


def nothing(request: HttpRequest, words: str) -> HttpResponse:
    if request.method == "POST":
        messages.warning(request, words)
    return HttpResponseRedirect(f"{reverse('tickets')}?{back_to(request)}")


def seen_version(request: HttpRequest, ticket: Ticket) -> int:
    """The version that stood on the page where it was confirmed."""
    value = request.POST.get(f"version-{ticket.pk}", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else ticket.version


def back_to(request: HttpRequest) -> str:
    """The filter one came from: only ever behind our own address's question mark."""
    return request.POST.get("back", "").split("#")[0].replace("\r", "").replace("\n", "")[:1000]


def common_department(chosen: list[Ticket]) -> int | None:
    """The department that all of their categories suggest, if they agree."""
    suggested = {ticket.category.department_id if ticket.category else None for ticket in chosen}
    return suggested.pop() if len(suggested) == 1 else None
