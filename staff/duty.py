"""Who is on duty in a project, and who can be counted on at a moment.

The duty table repeats every week, in the local time of the project's calendar; a slot that ends at or before its
own start ends the next morning, Sunday's on Monday. How the table is kept is in :mod:`staff.duty_table`, how leave is
recorded in :mod:`staff.absences`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject
from django.utils.translation import gettext as _

from shimao_service import working_time
from shimao_service.looks import full_day, is_chinese
from shimao_service.models import WorkCalendar
from shimao_service.working_time import ONE_DAY
from staff.models import Absence, DutySlot, Employee, RoleGrant
from staff.permissions import Permission

UTC = working_time.UTC
LEFT, CLOSED, ABSENT, OFF_SHIFT = "left", "closed", "absent", "off_shift"
MOVED, POWERLESS = "moved", "powerless"
# Why somebody in the table will not be back of himself: the table has to be changed.
GONE = frozenset({LEFT, CLOSED, MOVED, POWERLESS})
AN_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is not to be counted on: ``left``, ``closed`` (no login to reach him by), ``absent`` or
    ``off_shift``; of who is in the table also ``moved`` (works in other projects now) or ``powerless`` (could not
    hand out what comes at night); ``words`` as an event says it (请假至 11月25日 08:30)."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A slot as it falls on one day. ``starts_at`` and ``ends_at`` are instants (UTC), the end not included.

    ``employee`` answers: who is planned, else the deputy who stands in, None when neither can. ``deputy`` is who can be
    called second. ``skipped`` are those of the two who cannot, each with the reason.
    """

    slot: DutySlot
    starts_at: datetime
    ends_at: datetime
    employee: Employee | None
    deputy: Employee | None
    skipped: tuple[tuple[Employee, Reason], ...] = ()

    @property
    def planned(self) -> Employee:
        return self.slot.employee

    @property
    def is_stood_in(self) -> bool:
        return self.employee is not None and self.employee.pk != self.slot.employee_id

    @property
    def hours(self) -> str:
        return hours(self.slot)

    def covers(self, moment: datetime) -> bool:
        return self.starts_at <= moment < self.ends_at


def turns(projects: Collection[int], start: datetime, end: datetime) -> list[Turn]:
    """Every turn that has a part in start … end, also those nobody can take, by project and begin. One query.

    Who can be counted on is asked for when the turn begins, or at ``start`` when it had begun before.
    """
    if not projects or end <= start:
        return []
    # Somewhere on earth it is the day before, or after; a turn may have begun a day earlier still.
    first, last = start.astimezone(UTC).date() - 2 * ONE_DAY, end.astimezone(UTC).date() + ONE_DAY
    days = [first + n * ONE_DAY for n in range((last - first).days + 1)]
    rows = slots(Q(project__in=list(projects), weekday__in={day.weekday() for day in days}), start)
    found = []
    slot: Any  # with the annotations of slots()
    for slot in rows:
        zone = ZoneInfo(slot.zone)
        for day in days:
            if day.weekday() == slot.weekday:
                since, until = instants(slot, day, zone)
                if since < end and until > start:
                    found.append(turn_of(slot, since, until, max(since, start), zone))
    return sorted(found, key=lambda turn: (turn.slot.project_id, turn.starts_at, turn.slot.pk))


def turn_of(slot: Any, since: datetime, until: datetime, moment: datetime, zone: ZoneInfo) -> Turn:
    able, skipped = [], []
    planned = (
        (slot.employee, slot.lead_here, slot.lead_may, slot.lead_away),
        (slot.deputy, slot.deputy_here, slot.deputy_may, slot.deputy_away),
    )
    for person, is_here, may, away in planned:
        if person is None:
            continue
        has_login = bool(person.user and person.user.is_active)
        reason = unfitness(person, has_login, is_here, may) or absence_of(away, moment, zone)
        if reason:
            skipped.append((person, reason))
        else:
            able.append(person)
    lead, second, *_rest = [*able, None, None]
    return Turn(slot, since, until, lead, second, tuple(skipped))


def unfitness(person: Employee, has_login: bool, is_here: bool, may: bool) -> Reason | None:
    """Why somebody in the table could not answer there at any time: told at night, he could not open what came."""
    gone = gone_for_good(person.left_on, has_login)
    if gone or may:
        return gone
    return Reason(POWERLESS, _("没有派单权限")) if is_here else Reason(MOVED, _("已不在本项目"))


def slots(where: Q, since: datetime) -> QuerySet[DutySlot]:
    """Slots with what a turn needs beside them: people and whether they still work there and may dispatch, the zone's
    name, absences that are not over by ``since``."""
    published = WorkCalendar.objects.filter(versions__published_at__isnull=False)
    zone = Coalesce(
        Subquery(published.filter(pk=OuterRef("project__calendar")).values("timezone")[:1]),
        Subquery(published.filter(is_default=True).values("timezone")[:1]),
        Value(WorkCalendar._meta.get_field("timezone").default),
    )
    people = ("project", "employee__user", "deputy__user")
    return (
        DutySlot.objects.filter(where)
        .select_related(*people)
        .annotate(zone=zone, lead_away=away("employee", since), deputy_away=away("deputy", since))
        .annotate(lead_here=holds("employee"), lead_may=holds("employee", Permission.TICKET_DISPATCH))
        .annotate(deputy_here=holds("deputy"), deputy_may=holds("deputy", Permission.TICKET_DISPATCH))
    )


def holds(person: str, power: Permission | None = None) -> Exists:
    """Whether the row's ``person`` has a role in the row's project, one with ``power`` if named."""
    grants = RoleGrant.objects.filter(
        Q(project=OuterRef("project")) | Q(role__is_company_wide=True), employee=OuterRef(person)
    )
    return Exists(grants.filter(role__permissions__contains=[power.value]) if power else grants)


def away(person: str, since: datetime) -> ArraySubquery:
    """The absences of the row's ``person`` that are not over by ``since``, as :func:`hindrance` reads them."""
    rows = Absence.objects.filter(employee=OuterRef(person), ends_at__gt=since)
    return ArraySubquery(
        rows.order_by("starts_at").values(one=JSONObject(kind="kind", since="starts_at", until="ends_at"))
    )


def hindrance(
    left_on: date | None, has_login: bool, absences: Sequence[dict[str, str]], at: datetime, zone: ZoneInfo
) -> Reason | None:
    """Why somebody cannot be counted on at ``at``, apart from the shift."""
    return gone_for_good(left_on, has_login) or absence_of(absences, at, zone)


def gone_for_good(left_on: date | None, has_login: bool) -> Reason | None:
    if left_on is not None:
        return Reason(LEFT, _("已离职"))
    return None if has_login else Reason(CLOSED, _("没有可用账号"))


def absence_of(absences: Sequence[dict[str, str]], at: datetime, zone: ZoneInfo) -> Reason | None:
    """Leave, or another absence, and until when."""
    kind, until = "", at
    for one in absences:  # by their begin: one that follows without a gap carries on
        since, end = datetime.fromisoformat(one["since"]), datetime.fromisoformat(one["until"])
        if since <= until < end:
            kind, until = kind or one["kind"], end
    if not kind:
        return None
    named = Absence.Kind.LEAVE if kind == Absence.Kind.OTHER else Absence.Kind(kind)
    words = {"kind": named.label, "moment": moment_words(until.astimezone(zone), at.astimezone(zone))}
    return Reason(ABSENT, _("%(kind)s至 %(moment)s") % words)


def moment_words(local: datetime, now: datetime) -> str:
    """``11月25日 08:30``: kept on events, so never 今天 or 明天."""
    if local.year != now.year:
        return f"{full_day(local.date())} {local:%H:%M}"
    day = f"{local.month}月{local.day}日" if is_chinese() else f"{local.day} {local:%b}"
    return f"{day} {local:%H:%M}"


# --- one slot -----------------------------------------------------------------------------------------
def is_inside(slot: DutySlot, day: date, at: datetime, zone: ZoneInfo) -> bool:
    if day.weekday() != slot.weekday:
        return False
    since, until = instants(slot, day, zone)
    return since <= at < until


def instants(slot: DutySlot, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When the slot that begins on ``day`` runs, in UTC: by the clock on the wall, whatever it does that night."""
    ends_on = day + ONE_DAY if slot.ends <= slot.starts else day
    since, until = (
        datetime.combine(on, wall, tzinfo=zone).astimezone(UTC)
        for on, wall in ((day, slot.starts), (ends_on, slot.ends))
    )
    return since, until


def hours(slot: DutySlot) -> str:
    """``20:00–08:30``."""
    return f"{slot.starts:%H:%M}–{slot.ends:%H:%M}"
