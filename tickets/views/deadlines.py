"""How the due times of one request came about: no mystery."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from staff.access import Viewer
from tickets import casefile, explanation


@require_safe
def page(request: HttpRequest, number: str) -> HttpResponse:
    """All clocks of all rounds, the present one first, each with its steps."""
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    ticket = casefile.seen_ticket(viewer, number)
    now = timezone.now()
    rounds: dict[int, list[explanation.Explained]] = {}
    for found in explanation.explain_all(ticket, now=now):
        rounds.setdefault(found.state.round, []).append(found)
    context = {"ticket": ticket, "rounds": sorted(rounds.items(), reverse=True), "now": now}
    return render(request, "tickets/deadline_explanation.html", context)
