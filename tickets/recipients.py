"""Who hears of what, and who can be counted on: handlers, first receivers, desks, the ladder up to the company.

Never the accused nor those below (涉事回避): they are neither told nor named as skipped. People of many requests are
looked up together, in a number of queries that does not grow with the requests (:class:`Roster`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shimao_service import calendars, working_time
from shimao_service.working_time import SERVICE, Calendar
from staff import duty
from staff.duty import OFF_SHIFT, Reason, Turn
from staff.models import DutySlot, Employee, RoleGrant
from staff.permissions import Permission
from tickets.models import Ticket, TicketSubject
from tickets.statuses import Kind, Rung, Status

# Nearest first: where one level is missing or concerned, the next one up hears it.
LADDER = ("supervisor", "department_manager", "manager", "director")
DESK = "front_desk"
# A complaint that names people goes on from there to who answers to nobody on the ladder, if they see requests at all:
# about the director there is nobody higher.
LAST = ("auditor", "hr")
# Where it goes from each rung when nobody there can be counted on; "duty" is whoever is on duty.
NEXT = {
    Rung.HANDLER.value: ("supervisor", "department_manager", "duty", "manager", "director"),
    Rung.SUPERVISOR.value: ("supervisor", "department_manager", "duty", "manager", "director"),
    Rung.MANAGER.value: ("manager", "director"),
    Rung.COMPANY.value: ("director",),
}
ON_DUTY, NOBODY = _("值班人"), _("无人值班")
# Of an employee, as far as telling needs them; in the order of the model's columns.
PERSON = ("id", "user_id", "name", "department_id", "superiors", "left_on")


class Skipped(NamedTuple):
    """Who was passed over and why; ``employee`` tells two of one name apart, nobody in particular has none."""

    name: str
    why: str
    employee: int | None = None


@dataclass(slots=True)
class Reached:
    """Who is told, and who was passed over and why; each once."""

    told: list[Employee] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def add(self, other: Reached) -> None:
        self.told += [one for one in other.told if one not in self.told]
        self.skipped += [one for one in other.skipped if one not in self.skipped]

    def settled(self) -> Reached:
        """Without those passed over in one place and told in another."""
        told = {employee.pk for employee in self.told}
        return Reached(self.told, [one for one in self.skipped if one.employee not in told])


class Roster:
    """The people around some requests at one moment, each kind looked up once and when first asked for."""

    def __init__(self, tickets: Sequence[Ticket], at: datetime):
        self.tickets, self.at = tickets, at
        self.projects = sorted({ticket.project_id for ticket in tickets})

    @cached_property
    def subjects(self) -> dict[int, set[int]]:
        """Whom each complaint is about."""
        complaints = [ticket.pk for ticket in self.tickets if ticket.kind == Kind.COMPLAINT]
        found: dict[int, set[int]] = defaultdict(set)
        if complaints:
            rows = TicketSubject.objects.filter(ticket__in=complaints).values_list("ticket_id", "employee_id")
            for ticket_id, employee_id in rows:
                found[ticket_id].add(employee_id)
        return found

    @cached_property
    def _grants(self) -> dict[tuple[int | None, str], dict[int, Employee]]:
        """The desk and the ladder by project (None: company-wide) and role."""
        found: dict[tuple[int | None, str], dict[int, Employee]] = defaultdict(dict)
        powers = dict.fromkeys((*LADDER, *LAST), Permission.TICKET_VIEW_ALL.value)
        powers[DESK] = Permission.TICKET_DISPATCH.value
        for project, role, permissions, employee in self._held(Q(role__code__in=powers)):
            if powers[role] in permissions:
                found[(project, role)][employee.pk] = employee
        return found

    @cached_property
    def _handlers(self) -> dict[int, dict[int, Employee]]:
        """Who could take what waits for a department, by project."""
        departments = {ticket.department_id for ticket in self.tickets if ticket.department_id}
        found: dict[int, dict[int, Employee]] = defaultdict(dict)
        power = Permission.TICKET_DEPARTMENT_QUEUE.value
        held = Q(role__permissions__contains=[power], employee__department__in=departments)
        for project, _role, _permissions, employee in self._held(held):
            for one in self.projects if project is None else [project]:
                found[one][employee.pk] = employee
        return found

    def _held(self, condition: Q) -> Iterator[tuple[int | None, str, list[str], Employee]]:
        """Project (None: company-wide), role, its permissions, and who holds it; each person is read once."""
        rows = (
            RoleGrant.objects.filter(condition, employee__left_on=None)
            .filter(Q(project__in=self.projects) | Q(role__is_company_wide=True))
            .order_by("role__order", "employee_id")
            .values_list(
                "project_id",
                "role__code",
                "role__permissions",
                "role__is_company_wide",
                *(f"employee__{name}" for name in PERSON),
            )
        )
        people: dict[int, Employee] = {}
        for project, role, permissions, everywhere, *columns in rows:
            if columns[0] not in people:
                people[columns[0]] = Employee.from_db("default", PERSON, columns)
            yield None if everywhere else project, role, permissions, people[columns[0]]

    def of_role(self, role: str, project: int) -> list[Employee]:
        return list((self._grants.get((project, role), {}) | self._grants.get((None, role), {})).values())

    def department_handlers(self, project: int, department: int | None) -> list[Employee]:
        return [one for one in self._handlers.get(project, {}).values() if one.department_id == department]

    # --- who is there ---------------------------------------------------------------------------
    @cached_property
    def turns(self) -> dict[int, list[Turn]]:
        """Who is on duty by project, also turns that nobody can take."""
        found: dict[int, list[Turn]] = defaultdict(list)
        for turn in duty.turns(self.projects, self.at, self.at + duty.AN_INSTANT):
            found[turn.slot.project_id].append(turn)
        return found

    @cached_property
    def _people(self) -> dict[int, tuple]:
        """Of everybody on a ladder or with work: when they left, whether they can sign in, their absences."""
        ids = {pk for (_project, role), people in self._grants.items() if role != DESK for pk in people}
        ids |= {pk for ticket in self.tickets for pk in (ticket.handler_id, ticket.first_receiver_id) if pk}
        rows = Employee.objects.filter(pk__in=ids).annotate(away=duty.away("pk", self.at)).order_by()
        return {row[0]: row[1:] for row in rows.values_list("pk", "left_on", "user__is_active", "away")}

    @cached_property
    def _slots(self) -> dict[int, list[DutySlot]]:
        """The turns of those people, planned or as deputy, by project."""
        ids = list(self._people)
        found: dict[int, list[DutySlot]] = defaultdict(list)
        for slot in DutySlot.objects.filter(
            Q(employee__in=ids) | Q(deputy__in=ids), project__in=self.projects
        ).order_by():
            found[slot.project_id].append(slot)
        return found

    def calendar(self, ticket: Ticket) -> Calendar:
        return calendars.load(ticket.calendar_version_id)

    def is_served(self, ticket: Ticket) -> bool:
        """Whether the desk of the request's project is open."""
        return working_time.is_open(self.calendar(ticket), SERVICE, self.at)

    def reason(self, employee: Employee, ticket: Ticket) -> Reason | None:
        """Why the employee cannot be counted on now; as :func:`staff.availability.away`, for many at once."""
        zone = self.calendar(ticket).zone
        left_on, is_active, away = self._people.get(employee.pk, (employee.left_on, True, []))
        found = duty.hindrance(left_on, bool(is_active), away, self.at, zone)
        if found is not None:
            return found
        slots = self._slots.get(ticket.project_id, [])
        today = self.at.astimezone(zone).date()
        for slot in slots:
            if employee.pk in (slot.employee_id, slot.deputy_id) and any(
                duty.is_inside(slot, day, self.at, zone) for day in (today - duty.ONE_DAY, today)
            ):
                return None
        planned = any(slot.employee_id == employee.pk for slot in slots)
        return Reason(OFF_SHIFT, str(_("不在班"))) if planned or not self.is_served(ticket) else None


class Audience:
    """The people around one request, filtered by whom it is about."""

    def __init__(self, ticket: Ticket, roster: Roster | None = None, *, at: datetime | None = None):
        self.ticket = ticket
        self.roster = roster or Roster([ticket], at or timezone.now())

    @property
    def subjects(self) -> set[int]:
        return self.roster.subjects.get(self.ticket.pk, set())

    def is_concerned(self, employee: Employee) -> bool:
        return bool(self.subjects and self.subjects & {employee.pk, *employee.superiors})

    def may_hear(self, employee: Employee | None) -> bool:
        return employee is not None and employee.is_active and not self.is_concerned(employee)

    def only(self, employees: Iterable[Employee | None]) -> list[Employee]:
        return [employee for employee in employees if employee is not None and self.may_hear(employee)]

    def handler(self) -> list[Employee]:
        return self.only([self.ticket.handler])

    def first_receiver(self) -> list[Employee]:
        """The first receiver, else the supervisor: the loop is never nobody's."""
        return self.only([self.ticket.first_receiver]) or self.supervisors()

    def department_handlers(self) -> list[Employee]:
        """Who could take what waits for the department; nobody there: the supervisor."""
        ticket = self.ticket
        return self.only(self.roster.department_handlers(ticket.project_id, ticket.department_id)) or self.supervisors()

    def holder(self) -> list[Employee]:
        """Whom the work waits for: the handler, else the department."""
        return self.handler() or self.department_handlers()

    def present(self, employee: Employee | None) -> list[Employee]:
        """The employee unless away or gone, else the supervisor. Who is only off shift reads it later."""
        if employee is not None and self.may_hear(employee) and self._why_away(employee) is None:
            return [employee]
        return self.present_of(LADDER)

    def present_of(self, roles: Iterable[str]) -> list[Employee]:
        """The first of these levels where somebody is neither away nor gone; all are: the first there is."""
        levels = [self.level(role) for role in self._line_of(roles)]
        there = ([one for one in level if self._why_away(one) is None] for level in levels)
        return next(filter(None, [*there, *levels]), [])

    def _why_away(self, employee: Employee) -> Reason | None:
        why = self.roster.reason(employee, self.ticket)
        return None if why is None or why.code == OFF_SHIFT else why

    def away(self, roles: Iterable[str] = ()) -> list[tuple[str, str]]:
        """Of who has the work, who keeps its loop and these levels: names and reasons of those on leave or gone."""
        people = [self.ticket.handler, self.ticket.first_receiver, *(one for role in roles for one in self.level(role))]
        known = {one.pk: one for one in people if one is not None and not self.is_concerned(one)}
        whys = ((one, self._why_away(one)) for one in known.values())
        return [(one.name, why.words) for one, why in whys if why is not None]

    def passed_over(self, *lines: Iterable[str]) -> list[tuple[str, str]]:
        """Of each line up to where :meth:`present_of` stops: names and reasons of those on leave or gone."""
        found: dict[int, tuple[str, str]] = {}
        for roles in lines:
            for role in self._line_of(roles):
                level = self.level(role)
                whys = {one.pk: (one.name, why.words) for one in level if (why := self._why_away(one))}
                found |= whys
                if len(whys) < len(level):
                    break
        return list(found.values())

    def present_handler(self) -> list[Employee]:
        return self.present(self.ticket.handler)

    def present_holder(self) -> list[Employee]:
        return self.present_handler() if self.ticket.handler_id else self.department_handlers()

    def present_receiver(self) -> list[Employee]:
        return self.present(self.ticket.first_receiver)

    def desk(self) -> list[Employee]:
        return self.only(self.roster.of_role(DESK, self.ticket.project_id)) or self.supervisors()

    def desk_or_duty(self) -> list[Employee]:
        """The desk while it is open, else whoever is on duty; nobody is: the desk."""
        return (not self.is_served and self.on_duty().told) or self.desk()

    def level(self, role: str) -> list[Employee]:
        return self.only(self.roster.of_role(role, self.ticket.project_id))

    def _first_of(self, roles: Iterable[str]) -> list[Employee]:
        return next((found for found in map(self.level, self._line_of(roles)) if found), [])

    def _line_of(self, roles: Iterable[str]) -> tuple[str, ...]:
        """With the last behind them where a complaint names people."""
        return (*roles, *LAST) if self.subjects else tuple(roles)

    def falls_to_the_last(self) -> bool:
        """Whether nobody on the ladder may hear of it."""
        return bool(self.subjects) and not any(self.level(role) for role in LADDER)

    def supervisors(self) -> list[Employee]:
        """The project's supervisors, or the next level up that may hear of it."""
        return self._first_of(LADDER)

    def managers(self) -> list[Employee]:
        return self._first_of(LADDER[2:])

    def subject_employees(self) -> list[Employee]:
        return [subject.employee for subject in self.ticket.subjects.select_related("employee")]

    # --- who can be counted on ------------------------------------------------------------------
    @property
    def is_served(self) -> bool:
        return self.roster.is_served(self.ticket)

    def on_duty(self, *, with_deputy: bool = False) -> Reached:
        """Whoever is on duty now; those of the table who cannot be are skipped, each with the reason."""
        found = Reached()
        for turn in self.roster.turns.get(self.ticket.project_id, []):
            people = (turn.employee, turn.deputy) if with_deputy else (turn.employee,)
            found.told += [one for one in self.only(people) if one not in found.told]
            found.skipped += [
                Skipped(one.name, why.words, one.pk) for one, why in turn.skipped if not self.is_concerned(one)
            ]
        if not found.told and not self.is_served:
            found.skipped.append(Skipped(str(ON_DUTY), str(NOBODY)))
        return found

    def climb(self, rung: str) -> Reached:
        """Who of ``rung`` can be counted on now, else the next in line.

        Where nobody is, those who are only off shift are told all the same, and read it when they are back, and
        whoever is on duty hears it too.
        """
        reached = Reached()
        later: list[Employee] = []
        for name, find in self._line(rung):
            if name == "duty":
                on_duty = self.on_duty()
                reached.add(on_duty)
                able = on_duty.told
            else:
                able, resting = self._sort(find(), reached)
                later = later or resting
            if able:
                reached.told += [one for one in able if one not in reached.told]
                return reached.settled()
        reached.add(Reached(later))
        reached.add(self.on_duty())
        return reached.settled()

    def _line(self, rung: str) -> Iterable[tuple[str, Callable[[], list[Employee]]]]:
        # What is done waits for its first receiver to tell the owner.
        worker = self.ticket.first_receiver if self.ticket.status == Status.COMPLETED else self.ticket.handler
        if rung == Rung.HANDLER and worker is not None:
            yield "handler", lambda: [worker]
        for role in self._line_of(NEXT[rung]):
            yield role, lambda role=role: self.roster.of_role(role, self.ticket.project_id)  # type: ignore[misc]

    def _sort(self, people: Iterable[Employee], reached: Reached) -> tuple[list[Employee], list[Employee]]:
        """Those who can be counted on and those only off shift; all who cannot are noted as skipped."""
        able, resting = [], []
        for employee in people:
            if self.is_concerned(employee):
                continue
            why = self.roster.reason(employee, self.ticket)
            if why is None:
                able.append(employee)
                continue
            reached.skipped.append(Skipped(employee.name, why.words, employee.pk))
            if why.code == OFF_SHIFT:
                resting.append(employee)
        return able, resting

    def wake(self, rung: str) -> Reached:
        """Who of ``rung`` hears an emergency, at any hour: only leave, or having left, is a reason to be skipped."""
        reached = Reached()
        for role in self._line_of(NEXT[rung]):
            if role == "duty":
                continue
            able, resting = self._sort(self.roster.of_role(role, self.ticket.project_id), reached)
            if able or resting:
                reached.told += [*able, *resting]
                break
        return reached.settled()


def on_the_ladder(logins: Collection[int]) -> set[int]:
    """Those of these logins to whom late work climbs: supervisors, managers, directors."""
    held = RoleGrant.objects.filter(role__code__in=LADDER, employee__left_on=None, employee__user__in=logins)
    return set(held.values_list("employee__user_id", flat=True))


def addresses(employees: Iterable[Employee]) -> list[str]:
    """``user:<id>`` of those who can sign in, each once."""
    return list(dict.fromkeys(f"user:{employee.user_id}" for employee in employees if employee.user_id))
