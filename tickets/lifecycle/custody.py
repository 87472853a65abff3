"""首问责任: who keeps the loop until it closes, and what happens when somebody leaves."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Invalid
from staff.access import holders, viewer_of
from staff.models import Employee
from staff.permissions import Permission
from tickets.lifecycle.dispatching import end_hold
from tickets.lifecycle.gate import limited, moving
from tickets.models import Ticket
from tickets.recipients import LADDER, LAST
from tickets.statuses import OPEN, Kind, Status, Verb


def hand_over(
    ticket: Ticket,
    *,
    by: Actor,
    to: Employee,
    note: str = "",
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """移交首问: another employee keeps the loop from now on."""
    with moving(ticket, Verb.HAND_OVER, by=by, now=now, version=version) as move:
        if not to.is_active:
            raise Invalid.field("to", _("%(name)s 已离职，请选择其他人。") % {"name": to.name})
        if to.pk == move.ticket.first_receiver_id:
            raise Invalid.field("to", _("首问责任人已经是 %(name)s。") % {"name": to.name})
        if not may_receive(move.ticket, to):
            raise Invalid.field("to", _("%(name)s 看不到这张工单，不能接任首问责任人。") % {"name": to.name})
        before = move.ticket.first_receiver
        move.receive(to)
        data = {"to": to.pk, "to_name": to.name}
        if before:
            data |= {"from": before.pk, "from_name": before.name}
        move.event(Verb.HAND_OVER, note=limited(note, "note"), data=data)
    return move.ticket


def may_receive(ticket: Ticket, employee: Employee) -> bool:
    """Whether the employee sees the project's requests and is not who the complaint is about, nor below."""
    viewer = viewer_of(employee)
    if not viewer.can(Permission.TICKET_VIEW_ALL, ticket.project_id):
        return False
    if ticket.kind != Kind.COMPLAINT:
        return True
    return not ticket.subjects.filter(employee_id__in=viewer.hidden_subjects).exists()


def successor(ticket: Ticket, leaving: Employee, wanted: Employee | None) -> Employee | None:
    """Who keeps the loop next: the one asked for, else the project's supervisor, else the next one up that may."""
    candidates = [wanted] if wanted else []
    for role in (*LADDER, *(LAST if ticket.kind == Kind.COMPLAINT and ticket.subjects.exists() else ())):
        candidates += holders(Permission.TICKET_VIEW_ALL, ticket.project_id, role=role)
    return next(
        (one for one in candidates if one.pk != leaving.pk and one.is_active and may_receive(ticket, one)), None
    )


@transaction.atomic
def release_employee(
    employee: Employee, *, by: Actor, successor_wanted: Employee | None = None, now: datetime | None = None
) -> dict[str, int]:
    """What a leaver held goes on: loops to the successor (else the supervisor), work back to the department.

    Returns ``{"received": n, "handled": m}``. The history keeps the leaver's name.
    """
    counts = {"received": 0, "handled": 0}
    note = f"{employee.name} 离职移交"
    for ticket in Ticket.objects.filter(first_receiver=employee, status__in=OPEN).order_by("pk"):
        to = successor(ticket, employee, successor_wanted)
        if to is not None:
            hand_over(ticket, by=by, to=to, note=note, now=now)
            counts["received"] += 1
    held = (Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD)
    for ticket in Ticket.objects.filter(handler=employee, status__in=held).order_by("pk"):
        with moving(ticket, Verb.HAND_OVER, by=by, now=now) as move:
            end_hold(move)
            department = move.ticket.department
            move.begin_leg(move.ticket.department_id or employee.department_id, None)
            move.ticket.handler = None
            move.event(
                Verb.TRANSFER,
                to=Status.DISPATCHED,
                note=note,
                data={"from_handler_name": employee.name, "department_name": department.name if department else ""},
            )
            counts["handled"] += 1
    return counts


def open_work(employee: Employee) -> dict[str, int]:
    """How many open requests somebody keeps or holds, for the question asked before they leave."""
    return {
        "received": Ticket.objects.filter(first_receiver=employee, status__in=OPEN).count(),
        "handled": Ticket.objects.filter(
            handler=employee, status__in=(Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD)
        ).count(),
    }
