"""Taking a new version over to open requests: counted first, shown, and done in batches when somebody says so.

The row holds the worker's place. A batch is taken over by writing the next place where the old one still stands, so
that two workers never count the same request twice; one that dies leaves its place, and the tick has another go on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.pools import producers

from shimao_service import calendars
from shimao_service.actors import SYSTEM, Actor
from shimao_service.exceptions import Conflict, Forbidden, IllegalMove, NotSeen, Refusal
from shimao_service.models import CalendarVersion
from shimao_service.outbox import impatient_broker
from staff.access import Everywhere, Viewer
from staff.models import Employee, Project
from staff.permissions import Permission
from staff.powers import everywhere
from tickets import lifecycle, policies
from tickets.lifecycle.recomputing import computed, outlook, stored
from tickets.models import PolicyVersion, TermsChange, Ticket

logger = logging.getLogger(__name__)

Status = TermsChange.Status
BATCH = 100
SAMPLE = 200
# What nobody took up after this time, and a worker that gave no sign for this long, is found by the tick.
PATIENCE, LEASE = timedelta(seconds=20), timedelta(seconds=90)
# A preview nobody decided on is out of date.
FORGOTTEN_AFTER = timedelta(days=7)
TASK = "tickets.tasks.work_on_terms_change"
AT_WORK = (Status.COUNTING, Status.APPLYING)
UNDECIDED = (Status.COUNTING, Status.COUNTED)


# --- beginning --------------------------------------------------------------------------------------
@transaction.atomic
def start(
    *,
    policy_version: PolicyVersion | None = None,
    calendar_version: CalendarVersion | None = None,
    project: Project | None = None,
    by: Actor,
    now: datetime | None = None,
) -> TermsChange:
    """Begin counting what the version would change for open requests.

    With a version: all requests under an older one of the same policy or calendar. With a project: its requests
    under anything but its present policy and calendar. An earlier preview of the same thing is given up.
    """
    if project is not None and policy_version is None and calendar_version is None:
        policy_version = policies.current_policy_version(project)
        calendar_version = calendars.current_version(project.calendar_id)
    for version in (policy_version, calendar_version):
        if version is not None and version.published_at is None:
            raise IllegalMove(_("请先发布这个版本，再重算未办结的工单。"))
    change = TermsChange(
        policy_version=policy_version,
        calendar_version=calendar_version,
        project=project,
        made_at=now or timezone.now(),
        made_by_id=by.id if by.is_employee else None,
    )
    check_may_decide(change, by)
    return _begin(change)


def _begin(change: TermsChange) -> TermsChange:
    _same(change).filter(status__in=UNDECIDED).update(status=Status.ABANDONED, finished_at=change.made_at)
    change.save()
    ring_on_commit(change.pk)
    return change


@transaction.atomic
def start_calendar(version: CalendarVersion, by: Any, now: datetime) -> str:
    """The ground floor's hook, after it has published a calendar: begin counting; the address of the preview.

    ``by`` is an employee, or a user who is none. Who may confirm is asked when somebody does.
    """
    made_by = by if isinstance(by, Employee) else None
    change = _begin(TermsChange(calendar_version=version, made_at=now, made_by=made_by))
    return reverse("terms-change", args=[change.pk])


def _same(change: TermsChange) -> QuerySet[TermsChange]:
    """Changes of the same policy, calendar or project."""
    if change.project is not None:
        return TermsChange.objects.filter(project=change.project)
    if change.policy_version is not None:
        return TermsChange.objects.filter(project=None, policy_version__policy_id=change.policy_version.policy_id)
    assert change.calendar_version is not None
    return TermsChange.objects.filter(project=None, calendar_version__calendar_id=change.calendar_version.calendar_id)


def scope(change: TermsChange) -> QuerySet[Ticket]:
    """Open requests that are not under the change's versions yet."""
    tickets = Ticket.objects.open()
    policy, calendar = change.policy_version, change.calendar_version
    if change.project_id is not None:
        other = Q()
        if policy is not None:
            other |= ~Q(policy_version=policy)
        if calendar is not None:
            other |= ~Q(calendar_version=calendar)
        return tickets.filter(other, project_id=change.project_id)
    if policy is not None:
        # Older ones only: a change that is still being done never undoes a newer one.
        older = PolicyVersion.objects.filter(policy_id=policy.policy_id, number__lt=policy.number)
        return tickets.filter(policy_version_id__in=older.order_by().values("pk"))
    assert calendar is not None
    before = CalendarVersion.objects.filter(calendar_id=calendar.calendar_id, number__lt=calendar.number)
    return tickets.filter(calendar_version_id__in=before.order_by().values("pk"))


# --- who --------------------------------------------------------------------------------------------
def concerned(change: TermsChange) -> set[int]:
    """Projects whose open requests it touches."""
    if change.project_id is not None:
        return {change.project_id}
    return set(scope(change).order_by().values_list("project_id", flat=True).distinct())


def may_decide(change: TermsChange, viewer: Viewer) -> bool:
    """Who manages the terms of every project whose requests are touched."""
    if everywhere(viewer, Permission.TERMS_MANAGE):
        return True
    held = viewer.projects_with(Permission.TERMS_MANAGE)
    return bool(held) and all(project in held for project in concerned(change))


def check_may_decide(change: TermsChange, by: Actor) -> None:
    if not by.is_system and not may_decide(change, by.viewer):
        raise Forbidden(_("这次改动涉及其他项目的工单，请由公司办理。"))


def visible(viewer: Viewer) -> QuerySet[TermsChange]:
    """One's own, those of one's projects; with the company's terms: all."""
    rows = TermsChange.objects.select_related(
        "policy_version__policy", "calendar_version__calendar", "project", "made_by", "decided_by"
    )
    held = viewer.projects_with(Permission.TERMS_MANAGE)
    if isinstance(held, Everywhere):
        return rows
    mine = Q(made_by_id=viewer.employee_id or 0) | Q(project_id__in=sorted(held))
    mine |= Q(project=None, policy_version__policy__project_id__in=sorted(held))
    return rows.filter(mine) if held else rows.none()


def seen(viewer: Viewer, pk: int) -> TermsChange:
    viewer.check(Permission.TERMS_MANAGE)
    found = visible(viewer).filter(pk=pk).first()
    if found is None:
        raise NotSeen(_("没有找到这次时限重算。"))
    return found


# --- deciding ---------------------------------------------------------------------------------------
def is_outdated(change: TermsChange) -> bool:
    """Whether something newer has been published, or the project has moved on, since it was counted."""
    policy, calendar = change.policy_version, change.calendar_version
    if change.project is not None:
        now_policy = policies.current_policy_version(change.project).pk
        now_calendar = calendars.current_version(change.project.calendar_id).pk
        return (policy is not None and policy.pk != now_policy) or (
            calendar is not None and calendar.pk != now_calendar
        )
    if policy is not None:
        newer = PolicyVersion.objects.filter(policy_id=policy.policy_id, number__gt=policy.number)
        return newer.filter(published_at__isnull=False).exists()
    assert calendar is not None
    later = CalendarVersion.objects.filter(calendar_id=calendar.calendar_id, number__gt=calendar.number)
    return later.filter(published_at__isnull=False).exists()


@transaction.atomic
def confirm(change: TermsChange, *, by: Actor, now: datetime | None = None) -> TermsChange:
    """Have it done. A second call changes nothing. Raises ``IllegalMove`` while counting and after the end."""
    row = _locked(change)
    check_may_decide(row, by)
    if row.status in (Status.APPLYING, Status.DONE):
        return row
    if row.status != Status.COUNTED:
        raise IllegalMove(_("这次重算现在是“%(status)s”，不能确认。") % {"status": row.get_status_display()})
    if is_outdated(row):
        raise Conflict(_("已有更新的版本生效，请放弃这次预览，按新版本重新计算。"), code="outdated")
    row.status, row.decided_at = Status.APPLYING, now or timezone.now()
    row.decided_by_id = by.id if by.is_employee else None
    row.cursor, row.looked_at, row.failed, row.working_at = 0, 0, 0, None
    row.save(update_fields=["status", "decided_at", "decided_by", "cursor", "looked_at", "failed", "working_at"])
    # What is still being done of an older one stops where it is: see _take_over.
    _same(row).filter(status=Status.APPLYING, pk__lt=row.pk).update(status=Status.ABANDONED, finished_at=row.decided_at)
    ring_on_commit(row.pk)
    return row


@transaction.atomic
def abandon(change: TermsChange, *, by: Actor, now: datetime | None = None) -> TermsChange:
    """Leave open requests as they are. Raises ``IllegalMove`` once it is being done."""
    row = _locked(change)
    check_may_decide(row, by)
    if row.status == Status.ABANDONED:
        return row
    if row.status not in UNDECIDED:
        raise IllegalMove(_("这次重算现在是“%(status)s”，不能放弃。") % {"status": row.get_status_display()})
    row.status, row.finished_at = Status.ABANDONED, now or timezone.now()
    row.save(update_fields=["status", "finished_at"])
    return row


def _locked(change: TermsChange) -> TermsChange:
    return TermsChange.objects.select_for_update(of=("self",)).select_related(
        "policy_version", "calendar_version", "project", "decided_by"
    ).get(pk=change.pk)  # fmt: skip


# --- the worker -------------------------------------------------------------------------------------
def work(pk: int, *, now: datetime | None = None, batches: int | None = None) -> bool:
    """Count or apply from where the last worker stood; False when another one is at it or there is nothing to do.

    ``batches`` limits how many; ``now`` stands for the present throughout, for tests.
    """
    if not _claim(pk, now or timezone.now()):
        return False
    done = 0
    while batches is None or done < batches:
        if not _batch(pk, now or timezone.now()):
            break
        done += 1
    else:
        TermsChange.objects.filter(pk=pk).update(working_at=None)
    return True


def _claim(pk: int, now: datetime) -> bool:
    free = Q(working_at=None) | Q(working_at__lt=now - LEASE)
    return bool(TermsChange.objects.filter(free, pk=pk, status__in=AT_WORK).update(working_at=now))


def _batch(pk: int, now: datetime) -> bool:
    """One batch, and the worker's place after it; False at the end, or when the change is not ours any more."""
    change = TermsChange.objects.select_related(
        "policy_version", "calendar_version", "project", "decided_by"
    ).get(pk=pk)  # fmt: skip
    if change.status not in AT_WORK:
        return False
    tickets = list(scope(change).filter(pk__gt=change.cursor).order_by("pk")[:BATCH])
    ours = TermsChange.objects.filter(pk=pk, status=change.status, cursor=change.cursor)
    if not tickets:
        ending: dict[str, Any] = {"working_at": None}
        if change.status == Status.COUNTING:
            ending["status"] = Status.COUNTED
        else:
            ending |= {"status": Status.DONE, "finished_at": now}
        ours.update(**ending)
        return False
    found = _count(change, tickets, now) if change.status == Status.COUNTING else _apply(change, tickets, now)
    return bool(ours.update(cursor=tickets[-1].pk, looked_at=F("looked_at") + len(tickets), working_at=now, **found))


def _versions(change: TermsChange) -> dict[str, int]:
    pairs = (("policy_version", change.policy_version_id), ("calendar_version", change.calendar_version_id))
    return {name: pk for name, pk in pairs if pk is not None}


def _count(change: TermsChange, tickets: Iterable[Ticket], now: datetime) -> dict[str, Any]:
    changed = late = saved = failed = 0
    sample = list(change.sample)
    for ticket in tickets:
        try:
            after = outlook(ticket, **_versions(change), now=now)
        except (Refusal, ValueError, OverflowError):
            logger.exception("The times of %s under the new terms cannot be computed.", ticket.number)
            failed += 1
            continue
        changed += stored(ticket) != computed(after.states)
        before = ticket.due_at is not None and ticket.due_at < now
        saved += before and not after.is_late(now)
        if after.is_late(now) and not before:
            late += 1
            if len(sample) < SAMPLE:
                sample.append({"number": ticket.number, "was": _iso(ticket.due_at), "will": _iso(after.due_at)})
    return {
        "changed": F("changed") + changed,
        "becomes_late": F("becomes_late") + late,
        "no_longer_late": F("no_longer_late") + saved,
        "failed": F("failed") + failed,
        "sample": sample,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _apply(change: TermsChange, tickets: Iterable[Ticket], now: datetime) -> dict[str, Any]:
    failed = 0
    for ticket in tickets:
        try:
            _take_over(change, ticket, now)
        except IllegalMove:
            pass  # closed a moment ago
        except (Refusal, ValueError, OverflowError):
            # Never open again by the new calendar, perhaps: it stays as it was, the others go on.
            logger.exception("%s could not be taken over under the new terms.", ticket.number)
            failed += 1
    return {"failed": F("failed") + failed} if failed else {}


@transaction.atomic
def _take_over(change: TermsChange, ticket: Ticket, now: datetime) -> None:
    """One request, while the change is under its lock: a newer one that stops it waits, and then has the last word."""
    held = TermsChange.objects.select_for_update().filter(pk=change.pk, status=Status.APPLYING)
    if held.values_list("pk", flat=True).first() is None:
        return
    who = change.decided_by.name if change.decided_by else SYSTEM.name
    note = _("由%(name)s确认") % {"name": who}
    lifecycle.recompute(ticket, by=SYSTEM, note=note, now=now, **_versions(change))


# --- ringing and sweeping ---------------------------------------------------------------------------
_broker = cache(impatient_broker)


def ring_on_commit(pk: int) -> None:
    transaction.on_commit(partial(ring, pk), robust=True)


def ring(pk: int) -> bool:
    """Wake a worker. Never raises; False when the broker took no ring (the tick sweeps)."""
    try:
        with producers[_broker()].acquire(block=True, timeout=1) as producer:
            current_app.send_task(TASK, args=[pk], producer=producer, retry=False, ignore_result=True)
    except Exception as error:  # whatever a broker's client raises, the change is safe in its row
        logger.warning("Nobody took the ring for change %s (%s); the tick will sweep.", pk, type(error).__name__)
        return False
    return True


def sweep(now: datetime) -> int:
    """The tick's: rings nobody heard, workers that died, previews nobody decided on. Answers how many it cared for.

    When the broker takes no ring, one batch of one change is done here.
    """
    TermsChange.objects.filter(status=Status.COUNTED, made_at__lt=now - FORGOTTEN_AFTER).update(
        status=Status.ABANDONED, finished_at=now
    )
    left = now - PATIENCE
    unheard = Q(working_at=None) & Q(made_at__lt=left) & (Q(decided_at=None) | Q(decided_at__lt=left))
    waiting = list(
        TermsChange.objects.filter(unheard | Q(working_at__lt=now - LEASE), status__in=AT_WORK)
        .order_by("pk")
        .values_list("pk", flat=True)[:20]
    )
    heard = True
    for pk in waiting:
        if heard and not (heard := ring(pk)):
            work(pk, now=now, batches=1)
    return len(waiting)


# --- looking ----------------------------------------------------------------------------------------
def remaining(change: TermsChange) -> int:
    """How many requests the worker has not looked at yet."""
    return scope(change).filter(pk__gt=change.cursor).count() if change.status in AT_WORK else 0


def sample_for(change: TermsChange, viewer: Viewer) -> list[dict[str, Any]]:
    """Those of the sample that ``viewer`` may see, with their times: ``ticket``, ``was``, ``will``."""
    rows = {row["number"]: row for row in change.sample}
    tickets = Ticket.objects.visible_to(viewer).with_people().filter(number__in=rows)
    found = {ticket.number: ticket for ticket in tickets}
    return [
        {
            "ticket": found[number],
            "was": datetime.fromisoformat(row["was"]) if row["was"] else None,
            "will": datetime.fromisoformat(row["will"]) if row["will"] else None,
        }
        for number, row in rows.items()
        if number in found
    ]
