"""报事报修: the owners' form. No sign-in; opened from the site or from a building's QR code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from shimao_service.exceptions import Conflict, Invalid
from staff.models import Project
from tickets import floods, links, pictures, promises, web_reports
from tickets.models import Building
from tickets.report_forms import ReportForm
from tickets.web_reports import WebReport


@login_not_required
@cache_control(private=True, no_cache=True)
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, qr: str = "") -> HttpResponse:
    """The form, and its sending. A poster's code fills the place in; one we do not know asks for it."""
    place = (
        Building.objects.select_related("project").filter(qr_code=qr, project__is_active=True).first() if qr else None
    )
    if qr and place is None:
        messages.warning(request, _("这个二维码已停用，请选择您所在的项目。"))
        return redirect("report")
    projects = [place.project] if place else list(Project.objects.filter(is_active=True))
    if request.method != "POST":
        initial = {"project": request.GET.get("project", "")}
        return page(request, ReportForm(projects=projects, place=place, initial=initial))
    form = ReportForm(request.POST, request.FILES, projects=projects, place=place)
    if form.is_trap:
        return redirect("report-received")
    if not form.is_valid():
        return page(request, form, status=400)
    return send(request, form)


# The cookie by which this browser knows for an hour what it sent last.
SENT = "report_sent"


def send(request: HttpRequest, form: ReportForm) -> HttpResponse:
    """Register what the form holds; whatever is refused comes back with everything that was typed."""
    wanted = same_as_before(request, WebReport.of(form.cleaned_data, form.place))
    address = floods.address_of(request)
    try:
        if not web_reports.was_sent(wanted):
            # Asked before the pictures are decoded: a flood should cost little.
            floods.check(web_reports.keys_of(wanted, address), timezone.now())
        ticket = web_reports.submit(wanted, pictures=pictures.read(form.cleaned_data["pictures"]), address=address)
    except floods.Flood as flood:
        return page(request, form, status=429, flood=flood)
    except Invalid as refusal:
        form.take(refusal)
        return page(request, form, status=400)
    except Conflict:
        form.renew_key()
        form.add_error(None, _("您刚才已提交过一件。如果是另一件事，请再点一次“提交”；要补充，请打开刚才的查询页面。"))
        return page(request, form, status=409)
    response = redirect(links.path(ticket))
    response.set_signed_cookie(
        SENT, f"{wanted.content}:{wanted.key}", max_age=3600, path=reverse("report"), httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return response


def same_as_before(request: HttpRequest, wanted: WebReport) -> WebReport:
    """Back, and "submit" once more: a form fetched anew has a new key, but the same words are the same request."""
    content, _colon, key = str(request.get_signed_cookie(SENT, "", max_age=3600)).partition(":")
    return replace(wanted, key=key) if key and content == wanted.content else wanted


def page(
    request: HttpRequest, form: ReportForm, *, status: int = 200, flood: floods.Flood | None = None
) -> HttpResponse:
    now = timezone.now()
    project = form.only
    if project is None and form.is_bound:
        project = getattr(form, "cleaned_data", {}).get("project")
    context: dict[str, Any] = {
        "form": form,
        "place": form.place,
        "project": project,
        "offers": promises.offers(project),
        "night": promises.night_words(project, now),
        "service_phone": promises.service_phone(project),
        "flood": flood,
    }
    response = render(request, "tickets/report/form.html", context, status=status)
    if flood:
        response["Retry-After"] = str(max(1, int((flood.again_at - now).total_seconds())))
    return response


@login_not_required
@require_safe
def received(request: HttpRequest) -> HttpResponse:
    """Where programs that fill in every field are sent. A person who gets here all the same is told whom to call."""
    phone = Project.objects.filter(is_active=True).exclude(service_phone="").values_list("service_phone", flat=True)
    return render(request, "tickets/report/received.html", {"service_phone": phone[0] if len(phone) == 1 else ""})
