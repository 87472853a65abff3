"""Taking new terms over to open requests: the preview, while it is counted, and the decision."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from shimao_service.exceptions import IllegalMove
from tickets import policy_drafts, terms_changes
from tickets.terms_changes import AT_WORK, Status
from tickets.views.terms import take_over, viewer_of


@never_cache
@require_safe
def change(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    row = terms_changes.seen(viewer, pk)
    remaining = terms_changes.remaining(row)
    context = {
        "change": row,
        "is_working": row.status in AT_WORK,
        "is_waiting": row.status in AT_WORK and row.working_at is None and not row.cursor,
        "remaining": remaining,
        "total": row.looked_at + remaining,
        "rows": terms_changes.sample_for(row, viewer) if row.status not in AT_WORK else [],
        "hidden": max(row.becomes_late - len(row.sample), 0),
        "may_decide": row.status in (Status.COUNTING, Status.COUNTED) and terms_changes.may_decide(row, viewer),
        "is_outdated": row.status == Status.COUNTED and terms_changes.is_outdated(row),
        "now": timezone.now(),
    }
    return render(request, "tickets/terms/change.html", context)


@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    terms_changes.confirm(terms_changes.seen(viewer, pk), by=viewer.actor)
    messages.success(request, _("已确认，正在重算"))
    return redirect("terms-change", pk)


@require_POST
def abandon(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    terms_changes.abandon(terms_changes.seen(viewer, pk), by=viewer.actor)
    messages.success(request, _("已放弃，未办结的工单仍按原来的时限"))
    return redirect("terms-change", pk)


@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask again, or for the first time, what the version in force would change."""
    viewer = viewer_of(request)
    row = policy_drafts.seen_policy(viewer, pk)
    is_first = row.versions.filter(published_at__isnull=False).count() < 2
    if is_first and not policy_drafts.is_used_by_its_project(row):
        raise IllegalMove(_("这份标准还没有改过，没有需要重算的工单。"))
    return redirect("terms-change", take_over(row, policy_drafts.in_force(row), viewer).pk)
