"""The ladder: by which steps a missed promise rises, with an example in real times."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service.exceptions import NotSeen
from staff.access import Viewer
from tickets import deadlines, policies, promises, schedule
from tickets.deadlines import ClockState, Facts
from tickets.escalation_settings import can_edit, check_can_edit, check_can_read, remove_step, save_step
from tickets.escalation_steps import Step, moments
from tickets.forms.escalation import StepForm
from tickets.limits import Terms
from tickets.models import EscalationStep
from tickets.statuses import ClockName, Kind, Rung, Status, StepBasis, Urgency


def viewer_of(request: HttpRequest) -> Viewer:
    return request.viewer  # type: ignore[attr-defined]


@never_cache
@require_safe
def ladder(request: HttpRequest) -> HttpResponse:
    viewer = viewer_of(request)
    check_can_read(viewer)
    now = timezone.now()
    terms = policies.current_terms(None)
    rows = sorted(EscalationStep.objects.all(), key=lambda row: _step(row).place)
    state = example(terms, now)
    context = {
        "steps": [described(row, state, terms, now) for row in rows],
        "can_edit": can_edit(viewer),
        "is_silent": not any(row.is_active and not _step(row).is_warning for row in rows),
        "now": now,
        "due_at": state.due_at if state else None,
        "limit": promises.span(state.amount, state.unit) if state else "",
        "alarm_minutes": int(schedule.ALARM_EVERY.total_seconds() // 60),
        "alarm_times": schedule.ALARM_TIMES,
    }
    return render(request, "tickets/escalation/ladder.html", context)


def example(terms: Terms, now: datetime) -> ClockState | None:
    """The resolution of an ordinary repair that comes in now, by the default policy."""
    states = deadlines.clocks(Facts(Kind.REPAIR, Urgency.NORMAL), now, [], lambda _policy, _calendar: terms)
    return next((state for state in states if state.name == ClockName.RESOLUTION), None)


def described(row: EscalationStep, state: ClockState | None, terms: Terms, now: datetime) -> dict[str, Any]:
    step = _step(row)
    ordinary = SimpleNamespace(
        round=1, kind=Kind.REPAIR, urgency=Urgency.NORMAL, level="", is_collective=False, occurrence=1,
        status=Status.IN_PROGRESS, hold_reason="",
    )  # fmt: skip
    found = next(iter(moments(ordinary, [state] if state else [], terms, (), [step])), None)
    return {
        "row": row,
        "when": when_words(step),
        "rung": Rung(row.rung).label,
        "tone": "warning" if step.is_warning else "overdue",
        "at": found.at if found else None,
        "told": [Rung(rung).label for rung in found.rungs] if found else [],
    }


def when_words(step: Step) -> str:
    if step.basis == StepBasis.HOURS:
        return _("超时满 %(n)s 小时") % {"n": step.amount}
    if step.is_warning:
        return _("用到时限的 %(n)s%%") % {"n": step.amount}
    if step.is_breach:
        return _("到期仍未完成")
    return _("用到时限的 %(n)s%%，即超时 %(over)s%%") % {"n": step.amount, "over": step.amount - 100}


def _step(row: EscalationStep) -> Step:
    return Step(row.basis, row.amount, row.rung)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """A new step, or one that is changed or switched off."""
    viewer = viewer_of(request)
    check_can_edit(viewer)
    row = found(pk) if pk else None
    form = StepForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        save_step(form.save(commit=False), by=viewer)
        messages.success(request, _("已保存，未办结的工单稍后按新规则提醒。"))
        return redirect("escalation")
    context = {"form": form, "row": row}
    return render(request, "tickets/escalation/step.html", context, status=400 if form.errors else 200)


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    check_can_edit(viewer)
    remove_step(found(pk), by=viewer)
    messages.success(request, _("已删除这一步。"))
    return redirect("escalation")


def found(pk: int) -> EscalationStep:
    row = EscalationStep.objects.filter(pk=pk).first()
    if row is None:
        raise NotSeen(_("没有找到这一步，可能已被删除。"))
    return row
