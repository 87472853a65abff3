"""Changing policies: who may, drafting, publishing, copying, and which project uses which.

A published version never changes. What is in force for open requests changes only by :mod:`tickets.terms_changes`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Forbidden, Invalid, NotSeen, Stale
from shimao_service.models import WorkCalendar
from staff.access import Everywhere, Viewer
from staff.models import Project
from staff.permissions import Permission
from staff.powers import everywhere
from tickets import policies
from tickets.limit_words import differences, fingerprint
from tickets.limits import Allowance, Class, Limits
from tickets.models import Limit, Policy, PolicyVersion, ProjectTerms
from tickets.presets import PRESETS

MANAGE = Permission.TERMS_MANAGE
PRESET_CODES = frozenset(preset.code for preset in PRESETS)
Usage = dict[int, list[Project]]


# --- who sees and who changes -----------------------------------------------------------------------
def visible(viewer: Viewer) -> QuerySet[Policy]:
    """The company's policies, and those of the projects whose terms one manages."""
    rows = Policy.objects.select_related("project")
    held = viewer.projects_with(MANAGE)
    if isinstance(held, Everywhere):
        return rows
    return rows.filter(Q(project=None) | Q(project_id__in=sorted(held))) if held else rows.none()


def for_project(project: Project) -> Q:
    """Those a project may use: the company's, and its own."""
    return Q(project=None) | Q(project=project)


def seen_policy(viewer: Viewer, pk: int) -> Policy:
    """Raises ``Forbidden`` for who manages no terms at all, ``NotSeen`` for another project's own."""
    viewer.check(MANAGE)
    found = visible(viewer).filter(pk=pk).first()
    if found is None:
        raise NotSeen(_("没有找到这份时限标准。"))
    return found


def usage(default: int | None = None) -> Usage:
    """Active projects by the id of the policy their new requests come under; ``default`` where it is known already."""
    found: Usage = defaultdict(list)
    default = default or Policy.objects.filter(is_default=True).values_list("pk", flat=True).first()
    for project in Project.objects.filter(is_active=True).select_related("terms", "calendar").order_by("code"):
        terms: ProjectTerms | None = getattr(project, "terms", None)
        found[terms.policy_id if terms else default or 0].append(project)
    return found


def may_edit(viewer: Viewer, policy: Policy, users: Iterable[Project]) -> bool:
    """Who manages the terms of every active project that uses it; presets and the default are the company's."""
    if everywhere(viewer, MANAGE):
        return True
    if policy.is_default or policy.code in PRESET_CODES:
        return False
    projects = [project.pk for project in users] + ([policy.project_id] if policy.project_id else [])
    return bool(projects) and all(viewer.can(MANAGE, project) for project in projects)


def check_can_edit(by: Actor, policy: Policy) -> None:
    if by.is_system or everywhere(by.viewer, MANAGE) or may_edit(by.viewer, policy, usage()[policy.pk]):
        return
    if policy.project_id is None and policy.code in PRESET_CODES:
        raise Forbidden(_("公司的时限标准由公司统一修改。可以复制为本项目自己的标准，再作调整。"))
    raise Forbidden(_("这份时限标准还有其他项目在用，您不能修改。"))


# --- versions ---------------------------------------------------------------------------------------
def in_force(policy: Policy) -> PolicyVersion:
    """The newest published version; every policy has one."""
    return policy.versions.filter(published_at__isnull=False).latest("number")


def standing(policy: Policy) -> tuple[PolicyVersion, PolicyVersion | None]:
    """The version in force and the draft, if there is one; one query."""
    newest = list(policy.versions.order_by("-number")[:2])
    draft = newest[0] if newest[0].published_at is None else None
    return next(version for version in newest if version.published_at), draft


def draft_of(policy: Policy) -> PolicyVersion | None:
    return policy.versions.filter(published_at=None).first()


@transaction.atomic
def draft(
    policy: Policy, *, source: PolicyVersion | None = None, by: Actor, now: datetime | None = None
) -> PolicyVersion:
    """A copy of the version in force, or of an older one, to be edited; the one there is, when there is one already."""
    check_can_edit(by, policy)
    row = Policy.objects.select_for_update().get(pk=policy.pk)
    found = draft_of(row)
    if found is not None:
        return found
    source = source or in_force(row)
    number = row.versions.order_by("-number").values_list("number", flat=True)[0] + 1
    made = PolicyVersion.objects.create(policy=row, number=number, made_at=now or timezone.now())
    write(made, policies.load_limits(source.pk))
    return made


def write(version: PolicyVersion, limits: Limits, kind: str | None = None) -> None:
    Limit.objects.bulk_create(
        Limit(
            version=version,
            kind=of[0],
            urgency=of[1],
            is_grave=of[2],
            clock=each.clock,
            amount=each.amount,
            unit=each.unit,
            promise_amount=each.promise[0] if each.promise else None,
            promise_unit=each.promise[1] if each.promise else "",
            told_at_miss=each.told_at_miss,
        )
        for of, allowances in limits.classes.items()
        if kind is None or of[0] == kind
        for each in allowances.values()
    )


def opened(policy: Policy) -> PolicyVersion:
    """The draft under its lock. Raises ``Stale`` when it was published or given up meanwhile."""
    found = PolicyVersion.objects.select_for_update().filter(policy=policy, published_at=None).first()
    if found is None:
        raise Stale(_("这份草稿已被发布或放弃，请重新打开这份标准。"))
    return found


@transaction.atomic
def save(
    policy: Policy, kind: str, rows: dict[Class, dict[str, Allowance]], *, by: Actor, made_from: str
) -> PolicyVersion:
    """Replace the draft's limits of one kind. ``made_from`` is the fingerprint of what the page showed.

    Raises ``Stale`` when somebody else has changed this kind meanwhile.
    """
    check_can_edit(by, policy)
    version = opened(policy)
    if fingerprint(policies.read_limits(version.pk), kind) != made_from:
        raise Stale(_("另一位同事刚刚改过这一类的时限。您填写的内容还在，请核对后再保存。"))
    version.limits.filter(kind=kind).delete()
    write(version, Limits(rows), kind)
    return version


@transaction.atomic
def discard(policy: Policy, *, by: Actor) -> None:
    check_can_edit(by, policy)
    opened(policy).delete()


@transaction.atomic
def publish(policy: Policy, *, by: Actor, made_from: str, note: str = "", now: datetime | None = None) -> PolicyVersion:
    """The draft comes into force for new requests. ``made_from``: the fingerprint of the draft that was looked at."""
    check_can_edit(by, policy)
    version = opened(policy)
    limits = policies.read_limits(version.pk)
    if fingerprint(limits) != made_from:
        raise Stale(_("草稿刚刚又有改动，请看过差异后再发布。"))
    if not differences(policies.load_limits(in_force(policy).pk), limits):
        raise Invalid(_("与现行版本没有差别，不需要发布。"), code="nothing_changed")
    if len(note.strip()) > 200:
        raise Invalid.field("note", _("最多 200 个字。"))
    version.note = note.strip()
    version.published_at = now or timezone.now()
    version.published_by_id = by.id if by.is_employee else None
    version.save(update_fields=["note", "published_at", "published_by"])
    return version


# --- policies and projects --------------------------------------------------------------------------
def check_can_assign(by: Actor, project: Project) -> None:
    if not by.is_system:
        by.viewer.check(MANAGE, project.pk)


@transaction.atomic
def assign(project: Project, policy: Policy, *, calendar: WorkCalendar | None = None, by: Actor) -> bool:
    """Which policy and calendar the project's new requests come under; False when they already were those.

    Without ``calendar`` the project keeps its own; the company's default one is kept as none.
    """
    check_can_assign(by, project)
    if policy.project_id not in (None, project.pk):
        raise Invalid.field("policy", _("这份标准属于另一个项目。"))
    before = policies.current_policy_version(project).policy_id
    ProjectTerms.objects.update_or_create(project=project, defaults={"policy": policy})
    has_moved = calendar is not None and _live_by(project, calendar)
    return has_moved or before != policy.pk


def _live_by(project: Project, calendar: WorkCalendar) -> bool:
    if not calendar.versions.filter(published_at__isnull=False).exists():
        raise Invalid.field("calendar", _("这个日历还没有发布，请先发布再选用。"))
    chosen = None if calendar.is_default else calendar.pk
    was = project.calendar if project.calendar_id else None
    project.calendar_id = chosen
    project.save(update_fields=["calendar"])
    return (None if was is None or was.is_default else was.pk) != chosen


def calendars_for(project: Project, viewer: Viewer) -> QuerySet[WorkCalendar]:
    """Those a project may be given: the company's, its present one, and what only projects of the viewer's use.

    Whoever takes another manager's calendar would have a say in it, and take theirs away.
    """
    rows = WorkCalendar.objects.filter(versions__published_at__isnull=False).distinct()
    held = viewer.projects_with(MANAGE)
    if not isinstance(held, Everywhere):
        others = Project.objects.filter(is_active=True, calendar__isnull=False).exclude(pk__in=held)
        free = Q(is_default=True) | Q(pk=project.calendar_id) | ~Q(pk__in=others.values("calendar"))
        rows = rows.filter(free)
    return rows.order_by("-is_default", "name")


def is_used_by_its_project(policy: Policy) -> bool:
    """Whether the project whose own policy it is lives by it: then all its open requests are concerned."""
    return (
        policy.project_id is not None
        and ProjectTerms.objects.filter(
            project_id=policy.project_id, project__is_active=True, policy_id=policy.pk
        ).exists()
    )


@transaction.atomic
def copy(policy: Policy, *, name: str, project: Project | None, by: Actor, now: datetime | None = None) -> Policy:
    """A policy with the same limits, for a project's own use (which then uses it) or for the company.

    Raises ``Invalid`` on ``name``, ``Forbidden`` where the project's (or the company's) terms are not one's to manage.
    """
    if project is not None:
        check_can_assign(by, project)
    elif not by.is_system and not everywhere(by.viewer, MANAGE):
        raise Forbidden(_("全公司使用的标准由公司建立，请选择您的项目。"))
    name = " ".join(name.split())
    if not name or len(name) > 40:
        raise Invalid.field("name", _("请填写名称，最多 40 个字。"))
    source, moment = in_force(policy), now or timezone.now()
    count = Policy.objects.filter(project=project).count() + 1
    code = f"p{project.pk}-{count}" if project else f"company-{count}"
    if Policy.objects.filter(name=name).exists():
        raise Invalid.field("name", _("已有同名的时限标准，请换一个名称。"))
    try:
        with transaction.atomic():
            made = Policy.objects.create(code=code, name=name, project=project, order=200 if project else 100)
    except IntegrityError as error:
        raise Conflict(_("刚刚有人也在复制，请再试一次。")) from error
    version = PolicyVersion.objects.create(
        policy=made, number=1, made_at=moment, note=(_("复制自“%(name)s”") % {"name": _(policy.name)})[:200]
    )
    write(version, policies.load_limits(source.pk))
    version.published_at = moment
    version.published_by_id = by.id if by.is_employee else None
    version.save(update_fields=["published_at", "published_by"])
    if project is not None:
        assign(project, made, by=by)
    return made


def managed_project(code: str, viewer: Viewer) -> Project:
    """A project whose terms ``viewer`` manages. ``NotSeen`` else."""
    viewer.check(MANAGE)
    project = Project.objects.filter(code=code, is_active=True).select_related("terms__policy", "calendar").first()
    if project is None or not viewer.can(MANAGE, project.pk):
        raise NotSeen(_("没有找到这个项目。"))
    return project
