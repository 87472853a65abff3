"""Who hears of what: handlers, first receivers, desks, supervisors; never the accused nor those below (涉事回避)."""

from __future__ import annotations

from collections.abc import Iterable

from staff.access import holders
from staff.models import Employee
from staff.permissions import Permission
from tickets.models import Ticket
from tickets.statuses import Kind

# Nearest first: where one level is missing or concerned, the next one up hears it.
LADDER = ("supervisor", "department_manager", "manager", "director")


class Audience:
    """The people around one request, looked up once and filtered once."""

    def __init__(self, ticket: Ticket):
        self.ticket = ticket
        self._subjects: set[int] | None = None

    @property
    def subjects(self) -> set[int]:
        if self._subjects is None:
            complaint = self.ticket.kind == Kind.COMPLAINT
            self._subjects = set(self.ticket.subjects.values_list("employee_id", flat=True)) if complaint else set()
        return self._subjects

    def may_hear(self, employee: Employee | None) -> bool:
        return (
            employee is not None
            and employee.is_active
            and not (self.subjects and self.subjects & {employee.pk, *employee.superiors})
        )

    def only(self, employees: Iterable[Employee | None]) -> list[Employee]:
        return [employee for employee in employees if employee is not None and self.may_hear(employee)]

    def handler(self) -> list[Employee]:
        return self.only([self.ticket.handler])

    def first_receiver(self) -> list[Employee]:
        """The first receiver, else the supervisor: the loop is never nobody's."""
        return self.only([self.ticket.first_receiver]) or self.supervisors()

    def department_handlers(self) -> list[Employee]:
        """Who could take what waits for the department; nobody there: the supervisor."""
        handlers = holders(Permission.TICKET_DEPARTMENT_QUEUE, self.ticket.project_id)
        return self.only(e for e in handlers if e.department_id == self.ticket.department_id) or self.supervisors()

    def holder(self) -> list[Employee]:
        """Whom the work waits for: the handler, else the department."""
        return self.handler() or self.department_handlers()

    def desk(self) -> list[Employee]:
        return self.only(holders(Permission.TICKET_DISPATCH, self.ticket.project_id, role="front_desk")) or (
            self.supervisors()
        )

    def level(self, role: str) -> list[Employee]:
        return self.only(holders(Permission.TICKET_VIEW_ALL, self.ticket.project_id, role=role))

    def supervisors(self) -> list[Employee]:
        """The project's supervisors, or the next level up that may hear of it."""
        for role in LADDER:
            found = self.level(role)
            if found:
                return found
        return []

    def managers(self) -> list[Employee]:
        for role in LADDER[2:]:
            found = self.level(role)
            if found:
                return found
        return []

    def subject_employees(self) -> list[Employee]:
        return [subject.employee for subject in self.ticket.subjects.select_related("employee")]


def addresses(employees: Iterable[Employee]) -> list[str]:
    """``user:<id>`` of those who can sign in, each once."""
    return list(dict.fromkeys(f"user:{employee.user_id}" for employee in employees if employee.user_id))
