"""The calendars' pages: which there are, what one says of a year, and drafting its next version.

Seen by whoever keeps terms anywhere; changed by whoever keeps those of every project that lives by the calendar.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service import calendar_drafts, calendar_words, calendars
from shimao_service.calendar_forms import DayForm, DraftForm, NewCalendarForm, PublishForm, RemoveDayForm, WeekForm
from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen, Refusal, Stale
from shimao_service.models import CalendarVersion, CalendarYear, OfficialYear, Origin, User, WorkCalendar

FORM_METHODS = ["GET", "HEAD", "POST"]
P = ParamSpec("P")


def keepers_only(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    @never_cache
    @wraps(view)
    def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        viewer = getattr(request, "viewer", None)
        if not viewer or not calendars.uses.may_see(viewer):
            raise Forbidden(_("您没有查看日历的权限，请联系主管。"))
        return view(request, *args, **kwargs)

    return checked


def calendar_of(pk: int) -> WorkCalendar:
    found = WorkCalendar.objects.filter(pk=pk).first()
    if found is None:
        raise NotSeen(_("没有找到这个日历。"))
    return found


def may_edit(request: HttpRequest, calendar: WorkCalendar) -> bool:
    return calendars.uses.may_edit(getattr(request, "viewer", None), calendar)


def edited(request: HttpRequest, pk: int) -> WorkCalendar:
    """The calendar, for someone who may change it. Raises ``Forbidden``."""
    calendar = calendar_of(pk)
    if not may_edit(request, calendar):
        raise Forbidden(_("这个日历还有您不负责的项目在用，请由公司统一修改。"))
    return calendar


def status_of(*forms: Any) -> int:
    return 400 if any(form.is_bound and form.errors for form in forms) else 200


def asked_year(request: HttpRequest) -> int:
    typed = request.GET.get("year", "")
    year = int(typed) if typed.isascii() and typed.isdigit() and len(typed) == 4 else 0
    return year if year >= 2000 else timezone.localdate().year


# --- looking --------------------------------------------------------------------------------------
@require_safe
@keepers_only
def index(request: HttpRequest) -> HttpResponse:
    years = Prefetch("years", queryset=CalendarYear.objects.filter(is_estimate=False), to_attr="settled")
    announced = set(OfficialYear.objects.filter(is_estimate=False).values_list("year", flat=True))
    versions = CalendarVersion.objects.select_related("calendar", "published_by").prefetch_related(years)
    by_calendar: dict[WorkCalendar, list[CalendarVersion]] = {}
    for version in versions.order_by("-calendar__is_default", "calendar__code", "-number"):
        by_calendar.setdefault(version.calendar, []).append(version)
    if not by_calendar:
        calendars.ensure_default()
        return redirect("calendars")
    users = calendars.uses.users_of()
    rows = [_row(calendar, its, users, announced) for calendar, its in by_calendar.items()]
    return render(request, "shimao_service/calendars/index.html", {"rows": rows})


def users_of(calendar: WorkCalendar, users: dict[int | None, list[str]] | None = None) -> list[str]:
    users = calendars.uses.users_of() if users is None else users
    return users.get(calendar.pk, []) + (users.get(None, []) if calendar.is_default else [])


def _row(
    calendar: WorkCalendar, versions: list[CalendarVersion], users: dict[int | None, list[str]], announced: set[int]
) -> dict[str, Any]:
    in_force = next((one for one in versions if one.published_at), None)
    settled = {one.year for one in in_force.settled} if in_force else set()  # type: ignore[attr-defined]
    this_year = timezone.localdate().year
    unsettled = [year for year in (this_year, this_year + 1) if year not in settled] if in_force else []
    return {
        "calendar": calendar,
        "in_force": in_force,
        "draft": next((one for one in versions if not one.published_at), None),
        "users": users_of(calendar, users),
        "estimated": [year for year in unsettled if year not in announced],
        "untaken": [year for year in unsettled if year in announced],
    }


@require_safe
@keepers_only
def calendar(request: HttpRequest, pk: int, number: int | None = None) -> HttpResponse:
    """A version, the one in force unless another is named, through ``?year=``."""
    versions = list(CalendarVersion.objects.filter(calendar=pk).select_related("calendar", "published_by"))
    published = [one for one in versions if one.published_at]
    wanted = [one for one in published if number is None or one.number == number]
    if not wanted and number is None and versions:
        return redirect("calendar-draft", pk)  # never published yet
    if not wanted:
        raise NotSeen(_("没有找到这个日历或版本。"))
    version = calendars.made_whole(wanted[0])
    context = shown(version, asked_year(request)) | {
        "year_url": request.path,
        "versions": published,
        "in_force": published[0],
        "draft": next((one for one in versions if not one.published_at), None),
        "can_edit": may_edit(request, version.calendar),
        "untaken": calendar_drafts.untaken_years(version) if version == published[0] else [],
        "users": users_of(version.calendar),
        "can_recompute": calendars.change is not None,
    }
    return render(request, "shimao_service/calendars/calendar.html", context)


def shown(version: CalendarVersion, year: int) -> dict[str, Any]:
    """What the year's view needs, of a version that is whole."""
    read, days = calendars.read(version), calendars.days_of(version)
    return {
        "calendar": version.calendar,
        "version": version,
        "read": read,
        "days": days,
        "year": year,
        "months": calendar_words.months(read, days, year, timezone.localdate()),
        "special": calendar_words.stretches(read, [row for day, row in days.items() if day.year == year]),
        "week": calendar_words.week_rows(read),
        "is_unknown": year not in read.years,
        "is_estimate": year in read.estimates,
    }


# --- drafting -------------------------------------------------------------------------------------
@require_http_methods(FORM_METHODS)
@keepers_only
def new(request: HttpRequest) -> HttpResponse:
    form = NewCalendarForm(request.POST or None, initial={"timezone": "Asia/Shanghai"})
    if request.method == "POST" and form.is_valid():
        try:
            made = calendar_drafts.create(**form.cleaned_data, now=timezone.now())
        except Invalid as refusal:
            form.take(refusal)
        else:
            messages.success(request, _("已按公司默认日历建立草稿，修改后请发布。"))
            return redirect("calendar-draft", made.pk)
    return render(request, "shimao_service/calendars/new.html", {"form": form}, status=status_of(form))


@require_POST
@keepers_only
def open_draft(request: HttpRequest, pk: int) -> HttpResponse:
    """A draft of the version in force; ``from=`` an older one, to go back to what it said."""
    number = request.POST.get("from", "")
    source = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else None
    calendar_drafts.open_draft(edited(request, pk), source=source, now=timezone.now())
    return redirect("calendar-draft", pk)


@require_safe
@keepers_only
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    return draft_page(request, edited(request, pk))


def draft_page(request: HttpRequest, calendar: WorkCalendar, **bound: Any) -> HttpResponse:
    """The draft with its forms; ``bound`` is the one that was refused, with what was typed.

    After a ``Stale`` the refused form shows the new count of edits, so that saving once more is a decision.
    """
    latest = list(calendars.whole(calendar.versions.order_by("-number"))[:2])
    if not latest or latest[0].published_at:
        raise Conflict(_("这个日历没有草稿：可能刚被发布或放弃，请重新打开日历。"))
    row, base = latest[0], latest[1] if len(latest) > 1 else None
    context = shown(row, asked_year(request))
    forms = {
        "week_form": WeekForm.of(context["read"], row.edits),
        "day_form": DayForm(initial={"edits": row.edits}),
        "publish_form": PublishForm(initial={"edits": row.edits}, can_recompute=bool(calendars.change and base)),
    } | bound
    mine = [each for each in context["days"].values() if each.origin == Origin.OWN]
    context |= forms | {
        "year_url": reverse("calendar-draft", args=[calendar.pk]),
        "edits": row.edits,
        "base": base,
        "changes": changes_of(base, context) if base else [],
        "own": calendar_words.own_days(context["read"], mine),
        "untaken": calendar_drafts.untaken_years(row),
    }
    return render(request, "shimao_service/calendars/draft.html", context, status=status_of(*bound.values()))


def changes_of(base: CalendarVersion, draft: dict[str, Any]) -> list[str]:
    return calendar_words.changes(calendars.read(base), draft["read"], calendars.days_of(base), draft["days"])


def recomputes(calendar: WorkCalendar) -> bool:
    """Whether open requests can be taken along: somebody counts them, and there is an older version to come from."""
    return calendars.change is not None and calendar.versions.filter(published_at__isnull=False).exists()


def attempt(
    request: HttpRequest, calendar: WorkCalendar, name: str, form: Any, verb: Callable[[int], object]
) -> HttpResponse | None:
    """Do ``verb(edits)``; on a refusal the draft's page again, with what was typed."""
    if form.is_valid():
        try:
            verb(form.cleaned_data["edits"])
        except (Invalid, Stale) as refusal:
            refuse(form, refusal, calendar)
        else:
            return None
    return draft_page(request, calendar, **{name: form})


def refuse(form: Any, refusal: Refusal, calendar: WorkCalendar) -> None:
    form.take(refusal)
    if isinstance(refusal, Stale) and (latest := calendar_drafts.draft_of(calendar)):
        form.data = form.data.copy()
        form.data["edits"] = latest.edits


@require_POST
@keepers_only
def write_week(request: HttpRequest, pk: int) -> HttpResponse:
    calendar, form = edited(request, pk), WeekForm(request.POST)
    refused = attempt(
        request, calendar, "week_form", form, lambda edits: calendar_drafts.write_week(calendar, edits, **form.hours())
    )
    if refused is None:
        messages.success(request, _("每周时间已保存到草稿。"))
    return refused or to_draft(pk, "week")


def to_draft(pk: int, part: str, day: date | None = None) -> HttpResponse:
    """Back to the draft, where one was on its long page, with the year of ``day``."""
    year = f"?year={day.year}" if day else ""
    return redirect(f"{reverse('calendar-draft', args=[pk])}{year}#{part}")


@require_POST
@keepers_only
def write_days(request: HttpRequest, pk: int) -> HttpResponse:
    calendar, form = edited(request, pk), DayForm(request.POST)
    refused = attempt(
        request, calendar, "day_form", form, lambda edits: calendar_drafts.write_days(calendar, edits, **form.values())
    )
    if refused is None:
        messages.success(request, _("日期已保存到草稿。"))
    return refused or to_draft(pk, "days", form.cleaned_data["date"])


@require_POST
@keepers_only
def remove_day(request: HttpRequest, pk: int) -> HttpResponse:
    form = RemoveDayForm(request.POST)
    return simple(request, pk, form, _("已去掉，恢复官方安排和平日时间。"), calendar_drafts.remove_days, "days")


@require_POST
@keepers_only
def take_over(request: HttpRequest, pk: int) -> HttpResponse:
    return simple(
        request, pk, DraftForm(request.POST), _("已采用最新的官方安排。"), calendar_drafts.take_over, "publish"
    )


def simple(
    request: HttpRequest, pk: int, form: DraftForm, said: str, verb: Callable[..., object], part: str
) -> HttpResponse:
    """A button of the draft's page: nothing was typed that could be kept."""
    calendar = edited(request, pk)
    if not form.is_valid():
        raise Invalid(_("请从草稿页面操作。"))
    more = {name: value for name, value in form.cleaned_data.items() if name != "edits"}
    verb(calendar, form.cleaned_data["edits"], **more)
    messages.success(request, said)
    return to_draft(pk, part, more.get("day"))


@require_POST
@keepers_only
def adopt(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the official arrangement over and publish, at one press; ``scope=open`` for open requests as well."""
    calendar = edited(request, pk)
    version = calendar_drafts.adopt(calendar, by=cast(User, request.user), now=timezone.now())
    return published(request, version, is_for_open=request.POST.get("scope") == PublishForm.OPEN)


@require_POST
@keepers_only
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    calendar, form = edited(request, pk), DraftForm(request.POST)
    if not form.is_valid():
        raise Invalid(_("请从草稿页面操作。"))
    calendar_drafts.discard(calendar, form.cleaned_data["edits"])
    messages.success(request, _("草稿已放弃。"))
    return redirect("calendars")


@require_POST
@keepers_only
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    """In force at once for new requests; for open ones a preview is made first, where that was chosen."""
    calendar = edited(request, pk)
    form = PublishForm(request.POST, can_recompute=recomputes(calendar))
    now, user = timezone.now(), cast(User, request.user)
    done: list[CalendarVersion] = []
    refused = attempt(
        request,
        calendar,
        "publish_form",
        form,
        lambda edits: done.append(
            calendar_drafts.publish(calendar, edits, note=form.cleaned_data["note"], by=user, now=now)
        ),
    )
    if refused is not None:
        return refused
    return published(request, done[0], is_for_open=form.recomputes)


def published(request: HttpRequest, version: CalendarVersion, *, is_for_open: bool) -> HttpResponse:
    """What happens next after publishing: the preview for open requests, or the calendar, and who is to use it."""
    if users_of(version.calendar):
        said = _("已发布第 %(number)d 版，新工单即日起按它计算。")
    else:
        said = _("已发布第 %(number)d 版。还没有项目使用这个日历，请为项目选用。")
    messages.success(request, said % {"number": version.number})
    if is_for_open and calendars.change is not None:
        employee = getattr(getattr(request, "viewer", None), "employee", None)
        return redirect(calendars.change(version, employee or cast(User, request.user), timezone.now()))
    return redirect("calendar", version.calendar_id)
