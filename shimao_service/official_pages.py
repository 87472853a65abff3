"""The State Council's arrangements: which years are known, and importing one from a file after a look at it."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from shimao_service import calendars
from shimao_service.calendar_forms import AcceptYearForm, YearFileForm
from shimao_service.calendar_pages import keepers_only, may_edit, status_of
from shimao_service.exceptions import Forbidden, Invalid
from shimao_service.models import OfficialYear, User, WorkCalendar
from shimao_service.official_days import missing_holidays, read_file


def check_company(request: HttpRequest) -> None:
    """The arrangements are the company's: whoever may change its default calendar imports them."""
    default = WorkCalendar.objects.filter(is_default=True).first()
    if default is None or not may_edit(request, default):
        raise Forbidden(_("节假日安排由公司统一导入，请联系能修改公司日历的同事。"))


@require_safe
@keepers_only
def years(request: HttpRequest) -> HttpResponse:
    return years_page(request, YearFileForm())


def years_page(request: HttpRequest, form: YearFileForm) -> HttpResponse:
    default = WorkCalendar.objects.filter(is_default=True).first() or calendars.ensure_default().calendar
    rows = OfficialYear.objects.select_related("updated_by").prefetch_related("days").order_by("-year")
    counted = [
        {
            "year": row,
            "off": sum(day.is_off for day in row.days.all()),
            "worked": sum(not day.is_off for day in row.days.all()),
        }
        for row in rows
    ]
    context = {"rows": counted, "form": form, "can_import": may_edit(request, default)}
    return render(request, "shimao_service/calendars/official.html", context, status=status_of(form))


@require_POST
@keepers_only
def preview(request: HttpRequest) -> HttpResponse:
    """What the file would change; nothing is written."""
    check_company(request)
    form = YearFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            return preview_page(request, form.cleaned_data["file"])
        except Invalid as refusal:
            form.take(refusal)
    return years_page(request, form)


def preview_page(request: HttpRequest, raw: bytes) -> HttpResponse:
    arrangement = read_file(raw)
    known = OfficialYear.objects.filter(pk=arrangement.year).first()
    differences = calendars.year_differences(arrangement)
    context: dict[str, Any] = {
        "arrangement": arrangement,
        "known": known,
        "differences": differences,
        "is_same": not differences and known is not None and not known.is_estimate,
        "missing": missing_holidays(arrangement),
        "form": AcceptYearForm(initial={"content": raw.decode("utf-8-sig")}),
    }
    return render(request, "shimao_service/calendars/preview.html", context)


@require_POST
@keepers_only
def apply(request: HttpRequest) -> HttpResponse:
    check_company(request)
    form = AcceptYearForm(request.POST)
    if not form.is_valid():
        raise Invalid(_("没有收到文件内容，请重新选择文件。"))
    arrangement = read_file(form.cleaned_data["content"].encode())
    calendars.import_year(arrangement, by=cast(User, request.user), now=timezone.now())
    messages.success(
        request, _("已导入 %(year)d 年。各日历采用并发布后，时限才按新安排计算。") % {"year": arrangement.year}
    )
    return redirect("calendars")
