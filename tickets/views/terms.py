"""Policies: who uses which, what they say, drafting the next version, and publishing it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shimao_service import calendars
from shimao_service.exceptions import Conflict, Invalid, NotSeen, Refusal
from staff.access import Viewer
from staff.models import Project
from staff.powers import everywhere
from tickets import limit_checks, policies, policy_drafts, terms_changes
from tickets.forms.terms import ChooseForm, CopyForm, LimitsForm, PublishForm
from tickets.limit_words import COLUMNS, differences, fingerprint, limit_words, tables
from tickets.models import Limit, Policy, PolicyVersion, TermsChange, Ticket
from tickets.policy_drafts import MANAGE
from tickets.statuses import Kind

FORM_METHODS = ["GET", "HEAD", "POST"]
PROJECTS = 100
# Who uses the default is of no interest on another policy's page.
NO_POLICY = -1
# What tells policies apart at a glance: clock, kind and urgency.
TELLING = (("on_site", "repair", "urgent"), ("resolution", "repair", "normal"), ("answer", "complaint", "normal"))


def viewer_of(request: HttpRequest) -> Viewer:
    return request.viewer  # type: ignore[attr-defined]


def status_of(form: Any) -> int:
    return 400 if form.is_bound and form.errors else 200


# --- reading --------------------------------------------------------------------------------------
@never_cache
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Every policy with who uses it, and every project one manages with its policy."""
    viewer = viewer_of(request)
    viewer.check(MANAGE)
    rows = list(policy_drafts.visible(viewer))
    if not rows:
        policies.ensure_policies()
        rows = list(policy_drafts.visible(viewer))
    usage = policy_drafts.usage(next(row.pk for row in rows if row.is_default))
    newest, drafts = newest_of(rows)
    words = request.GET.get("q", "").strip()
    managed = [
        (project, policy)
        for policy in rows  # whose project one manages, its policy one sees
        for project in usage.get(policy.pk, [])
        if viewer.can(MANAGE, project.pk) and words.lower() in f"{project.code} {project.name}".lower()
    ]
    managed.sort(key=lambda pair: pair[0].code)
    facts = facts_of(newest)
    context = {
        "policies": [
            described(viewer, row, usage, newest.get(row.pk), row.pk in drafts) | {"facts": facts.get(row.pk)}
            for row in rows
        ],
        "projects": managed[:PROJECTS],
        "more": max(len(managed) - PROJECTS, 0),
        "words": words,
        "changes": terms_changes.visible(viewer).exclude(status__in=("done", "abandoned"))[:10],
    }
    return render(request, "tickets/terms/overview.html", context)


def newest_of(rows: list[Policy]) -> tuple[dict[int, PolicyVersion], set[int]]:
    """The version in force of each, and which have a draft."""
    newest: dict[int, PolicyVersion] = {}
    drafts: set[int] = set()
    for version in PolicyVersion.objects.filter(policy__in=rows).select_related("published_by").order_by("number"):
        if version.published_at is None:
            drafts.add(version.policy_id)
        else:
            newest[version.policy_id] = version
    return newest, drafts


def described(
    viewer: Viewer, row: Policy, usage: policy_drafts.Usage, version: PolicyVersion | None, has_draft: bool
) -> dict[str, Any]:
    users = usage.get(row.pk, [])
    mine = [project for project in users if viewer.can(MANAGE, project.pk)]
    return {
        "policy": row,
        "version": version,
        "has_draft": has_draft,
        "users": mine[:6],
        "others": len(users) - len(mine[:6]),
        "can_edit": policy_drafts.may_edit(viewer, row, users),
    }


@never_cache
@require_safe
def policy(request: HttpRequest, pk: int) -> HttpResponse:
    """What a policy says; ``?version=`` an older one, with what it changed."""
    viewer = viewer_of(request)
    row = policy_drafts.seen_policy(viewer, pk)
    versions = list(row.versions.select_related("published_by"))
    published = [version for version in versions if version.published_at]
    shown = chosen(published, request.GET.get("version", ""))
    before = next((version for version in published if version.number < shown.number), None)
    limits = policies.load_limits(shown.pk)
    users = policy_drafts.usage(row.pk if row.is_default else NO_POLICY).get(row.pk, [])
    in_its_project = row.project in users if row.project else False
    may_differ = in_its_project or len(published) > 1
    older = terms_changes.scope(takeover(row, published[0], in_its_project)).count() if may_differ else 0
    context = {
        "policy": row,
        "version": shown,
        "is_current": shown == published[0],
        "versions": published,
        "draft": next((version for version in versions if not version.published_at), None),
        "tables": tables(limits, row.code),
        "oddities": limit_checks.for_page(limits, users, timezone.now()) if shown == published[0] else [],
        "changes": differences(policies.load_limits(before.pk), limits) if before else [],
        "can_edit": policy_drafts.may_edit(viewer, row, users),
        "older": older,
        "user_row": described(viewer, row, {row.pk: users}, shown, False),
    }
    return render(request, "tickets/terms/policy.html", context)


def chosen(published: list[PolicyVersion], number: str) -> PolicyVersion:
    """The version asked for, else the one in force."""
    if not number:
        return published[0]
    found = next((version for version in published if str(version.number) == number), None)
    if found is None:
        raise NotSeen(_("没有找到这个版本。"))
    return found


# --- drafting -------------------------------------------------------------------------------------
@never_cache
@require_http_methods(FORM_METHODS)
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """The draft as it stands; a press makes one where there is none, of an older version where ``from`` names it."""
    viewer = viewer_of(request)
    row = policy_drafts.seen_policy(viewer, pk)
    policy_drafts.check_can_edit(viewer.actor, row)
    if request.method == "POST":
        published = list(row.versions.filter(published_at__isnull=False))
        policy_drafts.draft(row, source=chosen(published, request.POST.get("from", "")), by=viewer.actor)
        return redirect("policy-draft", pk)
    current, version = policy_drafts.standing(row)
    if version is None:
        return redirect("policy", pk)
    limits = policies.read_limits(version.pk)
    before = policies.load_limits(current.pk)
    context = {
        "policy": row,
        "version": version,
        "current": current,
        "tables": tables(limits, row.code, before),
        "oddities": limit_checks.for_page(limits, [row.project] if row.project else [], timezone.now()),
        "changes": differences(before, limits),
    }
    return render(request, "tickets/terms/draft.html", context)


@never_cache
@require_http_methods(FORM_METHODS)
def draft_kind(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The draft's limits of one kind as a form; what was typed stays whatever is refused."""
    viewer = viewer_of(request)
    row = policy_drafts.seen_policy(viewer, pk)
    policy_drafts.check_can_edit(viewer.actor, row)
    if kind not in COLUMNS:
        raise NotSeen(_("没有找到这个类型。"))
    current, version = policy_drafts.standing(row)
    if version is None and request.method != "POST":
        return redirect("policy", pk)
    limits = policies.read_limits(version.pk) if version else policies.load_limits(current.pk)
    mark = fingerprint(limits, kind)
    form = LimitsForm(
        request.POST or None, kind=kind, limits=limits, calendar=calendars.current(), initial={"made_from": mark}
    )
    refusal = save_kind(form, row, kind, viewer) if request.method == "POST" and form.is_valid() else None
    if form.is_bound and form.is_valid() and refusal is None:
        messages.success(request, _("已保存到草稿"))
        return redirect("policy-draft", pk)
    # After a stale press the next one is made from what the draft says now, which the page shows beside.
    made_from = request.POST.get("made_from", mark) if refusal is None else mark
    context: dict[str, Any] = {"policy": row, "version": version, "form": form, "refusal": refusal}
    now = [one for one in tables(limits, row.code) if one.kind == kind]
    context |= {"made_from": made_from, "label": Kind(kind).label, "now": now}
    status = refusal.status if refusal else status_of(form)
    return render(request, "tickets/terms/draft_kind.html", context, status=status)


def save_kind(form: LimitsForm, row: Policy, kind: str, viewer: Viewer) -> Refusal | None:
    try:
        made_from = form.cleaned_data["made_from"]
        policy_drafts.save(row, kind, form.rows(), by=viewer.actor, made_from=made_from)
    except (Invalid, Conflict) as refusal:
        return refusal
    return None


@require_POST
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    viewer = viewer_of(request)
    policy_drafts.discard(policy_drafts.seen_policy(viewer, pk), by=viewer.actor)
    messages.success(request, _("草稿已放弃"))
    return redirect("policy", pk)


@never_cache
@require_http_methods(FORM_METHODS)
def publish(request: HttpRequest, pk: int) -> HttpResponse:
    """What would change, in words; then into force for new requests, and where wanted on to the preview."""
    viewer = viewer_of(request)
    row = policy_drafts.seen_policy(viewer, pk)
    policy_drafts.check_can_edit(viewer.actor, row)
    current, version = policy_drafts.standing(row)
    if version is None and request.method != "POST":
        return redirect("policy", pk)
    limits = policies.read_limits(version.pk) if version else None
    form = PublishForm(request.POST or None, initial={"made_from": fingerprint(limits) if limits else ""})
    if request.method == "POST" and form.is_valid():
        answer = published(request, row, form, viewer)
        if answer is not None:
            return answer
    before = policies.load_limits(current.pk)
    open_ones = terms_changes.scope(takeover(row, version, policy_drafts.is_used_by_its_project(row)))
    context = {
        "policy": row,
        "version": version,
        "form": form,
        "mark": fingerprint(limits) if limits else "",
        "changes": differences(before, limits) if limits else [],
        "open": open_ones.count() if version else 0,
    }
    return render(request, "tickets/terms/publish.html", context, status=status_of(form))


def published(request: HttpRequest, row: Policy, form: PublishForm, viewer: Viewer) -> HttpResponse | None:
    values = form.cleaned_data
    try:
        version = policy_drafts.publish(row, by=viewer.actor, made_from=values["made_from"], note=values["note"])
    except (Invalid, Conflict) as refusal:
        form.take(refusal)
        return None
    messages.success(request, _("第 %(number)d 版已发布，新登记的工单即按此计时") % {"number": version.number})
    if values["apply"] == "open":
        return redirect("terms-change", take_over(row, version, viewer).pk)
    return redirect("policy", row.pk)


def takeover(row: Policy, version: PolicyVersion | None, in_its_project: bool) -> TermsChange:
    """What taking the version over to open requests means, not begun: a project's own policy, where it is in use,
    concerns all its open requests, those too that came in before under another policy."""
    return TermsChange(policy_version=version, project=row.project if in_its_project else None)


def take_over(row: Policy, version: PolicyVersion, viewer: Viewer) -> TermsChange:
    project = row.project if policy_drafts.is_used_by_its_project(row) else None
    return terms_changes.start(policy_version=version, project=project, by=viewer.actor)


# --- copies and projects --------------------------------------------------------------------------
@never_cache
@require_http_methods(FORM_METHODS)
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """A policy of a project's own, to begin with the same limits."""
    viewer = viewer_of(request)
    row = policy_drafts.seen_policy(viewer, pk)
    projects = [project for project in viewer.projects if viewer.can(MANAGE, project.pk)]
    wanted = next((project for project in projects if project.code == request.GET.get("project")), None)
    first = wanted or viewer.project or (projects[0] if len(projects) == 1 else None)
    initial = {"project": first, "name": (_("%(name)s时限") % {"name": first.name})[:40] if first else ""}
    form = CopyForm(request.POST or None, projects=projects, company=everywhere(viewer, MANAGE), initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = policy_drafts.copy(row, by=viewer.actor, **form.cleaned_data)
            copied = _("已复制，%(name)s新登记的工单即按这份标准计时，可以开始修改")
            project = form.cleaned_data["project"]
            messages.success(request, copied % {"name": project.name} if project else _("已复制，可以开始修改"))
            return redirect("policy", made.pk)
        except (Invalid, Conflict) as refusal:
            form.take(refusal)
    return render(request, "tickets/terms/copy.html", {"policy": row, "form": form}, status=status_of(form))


@never_cache
@require_http_methods(FORM_METHODS)
def project_terms(request: HttpRequest, code: str) -> HttpResponse:
    """Which policy a project's new requests come under."""
    viewer = viewer_of(request)
    project = policy_drafts.managed_project(code, viewer)
    choices = policy_drafts.visible(viewer).filter(policy_drafts.for_project(project))
    rows = list(choices)
    terms = getattr(project, "terms", None)
    current = terms.policy_id if terms else next(row.pk for row in rows if row.is_default)
    offered = list(policy_drafts.calendars_for(project, viewer))
    calendar = project.calendar_id or next((one.pk for one in offered if one.is_default), None)
    initial = {"policy": current, "calendar": calendar}
    form = ChooseForm(request.POST or None, choices=choices, calendars=offered, initial=initial)
    if request.method == "POST" and form.is_valid():
        return assigned(request, project, form, viewer)
    picked = str(form.data.get("policy", "")) if form.is_bound else str(current)
    context: dict[str, Any] = {"project": project, "form": form, "current": current}
    context["picked"] = int(picked) if picked.isascii() and picked.isdigit() else 0
    context |= {"choices": telling(rows), "open": Ticket.objects.open().filter(project=project).count()}
    return render(request, "tickets/terms/project.html", context, status=status_of(form))


def assigned(request: HttpRequest, project: Project, form: ChooseForm, viewer: Viewer) -> HttpResponse:
    values = form.cleaned_data
    changed = policy_drafts.assign(project, values["policy"], calendar=values["calendar"], by=viewer.actor)
    done = _("已保存，%(name)s新登记的工单即按此计时") % {"name": project.name}
    messages.success(request, done if changed else _("没有改动"))
    if form.cleaned_data["apply"] == "open":
        return redirect("terms-change", terms_changes.start(project=project, by=viewer.actor).pk)
    return redirect("terms")


def telling(rows: list[Policy]) -> list[dict[str, Any]]:
    """Each with the few limits by which people know it."""
    facts = facts_of(newest_of(rows)[0])
    return [{"policy": row, "facts": facts[row.pk]} for row in rows]


def facts_of(newest: dict[int, PolicyVersion]) -> dict[int, list[tuple[str, str]]]:
    """What tells policies apart at a glance, by their ids: ``(which limit, how long)``."""
    of = {version.pk: pk for pk, version in newest.items()}
    limits = Limit.objects.filter(version_id__in=of, is_grave=False, clock__in=[clock for clock, *_rest in TELLING])
    found = {(of[one.version_id], one.clock, one.kind, one.urgency): one for one in limits}
    labels = (_("急修到场"), _("报修办结"), _("投诉答复"))
    return {
        pk: [
            (label, limit_words(one.clock, one.amount, one.unit) if one else _("不设时限"))
            for label, key in zip(labels, TELLING, strict=True)
            for one in (found.get((pk, *key)),)
        ]
        for pk in newest
    }
