"""The request page, what refreshes on it, and what is read beside it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shimao_service.exceptions import Forbidden, Invalid, NotSeen
from staff.permissions import Permission
from tickets import contacts, links, presence, timeline
from tickets.casefile import CaseFile, seen_ticket
from tickets.forms import FORMS
from tickets.models import Occupancy, Ticket
from tickets.statuses import Kind

# htmx stops polling on this answer.
STOP_POLLING = 286


def viewer_of(request: HttpRequest) -> Any:
    return request.viewer  # type: ignore[attr-defined]


def open_case(request: HttpRequest, number: str) -> CaseFile:
    """The request as this person sees it. Raises ``NotSeen``."""
    viewer = viewer_of(request)
    return CaseFile(seen_ticket(viewer, number), viewer)


def page_context(case: CaseFile) -> dict[str, Any]:
    reply = FORMS[case.reply_verb](ticket=case.ticket, viewer=case.viewer) if case.reply_verb else None
    return {
        "case": case,
        "ticket": case.ticket,
        "reply": reply,
        "reason": contacts.reason_for(case.ticket),
        "may_see_notices": case.viewer.can(Permission.NOTICE_VIEW, case.ticket.project_id),
    }


@require_safe
def page(request: HttpRequest, number: str) -> HttpResponse:
    return render(request, "tickets/request/page.html", page_context(open_case(request, number)))


@require_safe
def live(request: HttpRequest, number: str) -> HttpResponse:
    """``?version=``, ``?at=``, ``?seen=``: 204 while nothing changed, nor who looks at it; else what did."""
    try:
        case = open_case(request, number)
    except NotSeen:
        return HttpResponse(status=STOP_POLLING)
    others = presence.arrive(case.ticket, case.viewer, case.now)
    changed = request.GET.get("version") != str(case.ticket.version) or request.GET.get("at", case.stamp) != case.stamp
    if not changed and request.GET.get("seen", "") == "、".join(others):
        return HttpResponse(status=204)
    context = {"case": case, "ticket": case.ticket, "others": others, "changed": changed}
    if changed and case.events:
        context["news"] = timeline.sentence(case.events[-1])
    return render(request, "tickets/request/live.html", context)


@require_POST
def reveal(request: HttpRequest, number: str) -> HttpResponse:
    """Show the contact to who may see it; the look is written down. ``call=1`` answers with a link that dials."""
    case = open_case(request, number)
    try:
        contact = contacts.reveal(case.ticket, viewer=case.viewer, reason=request.POST.get("reason", ""))
    except Invalid as refusal:
        context = page_context(case) | {"reveal_error": str(refusal.detail)}
        template = "tickets/request/_contact.html" if request.htmx else "tickets/request/page.html"  # type: ignore[attr-defined]
        return render(request, template, context, status=400)
    context = page_context(case) | {"contact": contact}
    if request.htmx:  # type: ignore[attr-defined]
        template = "tickets/request/_call.html" if request.POST.get("call") else "tickets/request/_contact.html"
        return render(request, template, context)
    return render(request, "tickets/request/page.html", context)


@require_safe
def history(request: HttpRequest, number: str) -> HttpResponse:
    """What else this owner and this unit had: loaded after the page, or opened as a page of its own."""
    case = open_case(request, number)
    ticket = case.ticket
    context = {"case": case, "ticket": ticket} | past_of(ticket, case)
    template = "tickets/request/_history.html" if request.htmx else "tickets/request/history.html"  # type: ignore[attr-defined]
    return render(request, template, context)


def past_of(ticket: Ticket, case: CaseFile) -> dict[str, Any]:
    """Counts of a year, the last five of the owner, and the same kind of thing in the same unit within 30 days."""
    seen = Ticket.objects.visible_to(case.viewer).exclude(pk=ticket.pk)
    year = case.now - timedelta(days=365)
    mine = seen.filter(owner_id=ticket.owner_id) if ticket.owner_id else seen.none()
    counts = mine.filter(created_at__gte=year).aggregate(
        total=Count("pk"), good=Count("pk", filter=Q(grade__gte=4)), bad=Count("pk", filter=Q(grade__lte=2))
    )
    similar = seen.none()
    if ticket.unit_id and ticket.category_id:
        since = ticket.created_at - timedelta(days=30)
        similar = seen.filter(
            unit_id=ticket.unit_id, category_id=ticket.category_id, created_at__range=(since, ticket.created_at)
        )
    homes = (
        Occupancy.objects.on(timezone.localdate())
        .filter(owner_id=ticket.owner_id, unit__project_id__in=[project.pk for project in case.viewer.projects])
        .select_related("unit")
        if ticket.owner_id
        else Occupancy.objects.none()
    )
    return {
        "counts": counts,
        "recent": mine.with_people().order_by("-created_at")[:5],
        "similar": list(similar.with_people().order_by("-created_at")[:5]),
        "homes": list(homes[:6]),
    }


@require_safe
def share(request: HttpRequest, number: str) -> HttpResponse:
    """The tracking link and its QR code, for those who may hand it to the owner."""
    case = open_case(request, number)
    if not contacts.may_share(case.ticket, case.viewer):
        raise Forbidden(_("查询链接由前台、首问责任人或主管交给业主。"))
    context = {"case": case, "ticket": case.ticket, "address": links.address(case.ticket)}
    response = render(request, "tickets/request/share.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def paper(request: HttpRequest, number: str) -> HttpResponse:
    """派工单 or 投诉处理单 on paper, with signature lines; the contact stays masked."""
    case = open_case(request, number)
    complaint = case.ticket.kind == Kind.COMPLAINT
    title = _("投诉处理单") if complaint else (_("派工单") if case.ticket.kind == Kind.REPAIR else _("处理单"))
    labels = (
        [_("经办人"), _("主管意见"), _("业主签字"), _("日期")]
        if complaint
        else [_("派单人"), _("维修人员"), _("到场时间"), _("完工时间"), _("业主签字"), _("日期")]
    )
    context = {"case": case, "ticket": case.ticket, "title": title, "labels": labels}
    return render(request, "tickets/print/sheet.html", context)
