"""Duty tables and leave of the demo: the control room by night and at the weekend, a few people away."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from staff.models import Absence, Department, DutySlot, Role, RoleGrant, Weekday
from tickets.categories import ORDER
from tickets.demo.company import Place

ZONE = ZoneInfo("Asia/Shanghai")
NIGHT = (time(20), time(8, 30))
DAY = (time(8, 30), time(20))
# How long somebody is away: kind, note, first day from today, days.
AWAY = (
    (Absence.Kind.LEAVE, "家中有事", -1, 3), (Absence.Kind.REST, "周末加班调休", 2, 1),
    (Absence.Kind.TRAINING, "消防设施操作员复训", 5, 2), (Absence.Kind.LEAVE, "年假", -12, 5),
)  # fmt: skip


def fill(rng: random.Random, places: Sequence[Place], *, now: datetime) -> None:
    """Write both for every project. The faces of the demo accounts stay at work."""
    order = Department.objects.get(code=ORDER).pk
    control_room = Role.objects.get(code="duty_desk").pk
    grants: list[RoleGrant] = []
    slots: list[DutySlot] = []
    absences: list[Absence] = []
    for number, place in enumerate(places):
        crew = [pk for pk, _name, _dept in place.team.get("duty_desk", [])]
        guards = [pk for pk, _name, department in place.team.get("handler", []) if department == order]
        # Who has the night must be able to open and dispatch what comes.
        grants += [RoleGrant(employee_id=pk, role_id=control_room, project_id=place.id) for pk in guards]
        crew += guards
        if len(crew) >= 2:
            slots += table(place, crew)
        absences += leave(rng, place, now.astimezone(ZONE), is_first=number == 0)
    RoleGrant.objects.bulk_create(grants, batch_size=2000, ignore_conflicts=True)
    DutySlot.objects.bulk_create(slots, batch_size=2000)
    Absence.objects.bulk_create(absences, batch_size=2000)


def table(place: Place, crew: list[int]) -> list[DutySlot]:
    """Every night by turns, and the control room manned on weekend days; each with a deputy of the crew."""
    rows = []
    for weekday in range(7):
        lead, deputy = (crew[(weekday + step) % len(crew)] for step in (0, 1))
        rows.append((weekday, NIGHT, lead, deputy))
        if weekday in (Weekday.SATURDAY, Weekday.SUNDAY):  # who comes from no night and stands by for the next
            rows.append((weekday, DAY, deputy, lead))
    return [
        DutySlot(
            project_id=place.id, weekday=weekday, starts=starts, ends=ends, employee_id=lead, deputy_id=deputy
        )
        for weekday, (starts, ends), lead, deputy in rows
    ]  # fmt: skip


def leave(rng: random.Random, place: Place, now: datetime, *, is_first: bool) -> list[Absence]:
    """Two or three people: somebody away today, somebody soon, somebody back again."""
    people = [pk for role in ("steward", "front_desk", "handler") for pk, _name, _dept in place.team.get(role, [])[1:]]
    chief = next((pk for pk, _name, _dept in place.team.get("supervisor", [])), None)
    plans = list(AWAY) if is_first else rng.sample(AWAY, 2)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = []
    for who, (kind, note, first, days) in zip(rng.sample(people, min(len(plans), len(people))), plans, strict=False):
        starts_at = midnight + timedelta(days=first, hours=8, minutes=30)
        rows.append(
            Absence(
                employee_id=who,
                kind=kind,
                note=note,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(days=days),
                recorded_at=min(starts_at - timedelta(days=2), now),
                recorded_by_id=chief,
            )
        )
    return rows
