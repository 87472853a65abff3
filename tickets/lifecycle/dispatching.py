"""Step 2, 分派: to whom it goes, and who takes it (A6.2, B6.2)."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Invalid
from staff.access import viewer_of
from staff.models import Department, Employee
from staff.permissions import Permission
from tickets.lifecycle.gate import Moving, limited, moving, required
from tickets.models import Ticket
from tickets.permissions import takes_it_on
from tickets.statuses import Kind, Status, Verb


def check_assignment(ticket: Ticket, department: Department | None, handler: Employee | None) -> Department:
    """The department to send it to. Raises ``Invalid`` when the pair does not fit the request."""
    if department is None and handler is not None:
        department = handler.department
    if department is None:
        raise Invalid.field("department", _("请选择责任部门。"))
    if not department.is_active:
        raise Invalid.field("department", _("“%(name)s”已停用，请选择其他部门。") % {"name": department.name})
    if handler is None:
        return department
    if not handler.is_active:
        raise Invalid.field("handler", _("%(name)s 已离职，请选择其他人。") % {"name": handler.name})
    if handler.department_id != department.pk:
        raise Invalid.field(
            "handler", _("%(name)s 不在%(department)s。") % {"name": handler.name, "department": department.name}
        )
    viewer = viewer_of(handler)
    if not (viewer.can(Permission.TICKET_HANDLE, ticket.project_id) or takes_it_on(ticket, viewer)):
        raise Invalid.field("handler", _("%(name)s 在这个项目没有接单权限。") % {"name": handler.name})
    if is_concerned(ticket, handler):
        raise Invalid.field("handler", _("投诉不能派给被投诉人或其下属。"))
    return department


def is_concerned(ticket: Ticket, employee: Employee) -> bool:
    """Whether the complaint is about the employee or somebody above him (涉事回避)."""
    if ticket.kind != Kind.COMPLAINT:
        return False
    return ticket.subjects.filter(employee_id__in=viewer_of(employee).hidden_subjects).exists()


def assignment_data(department: Department, handler: Employee | None) -> dict:
    data: dict = {"department": department.pk, "department_name": department.name}
    if handler:
        data |= {"handler": handler.pk, "handler_name": handler.name}
    return data


def assign(
    move: Moving, verb: Verb, department: Department, handler: Employee | None, note: str, extra: dict | None = None
) -> None:
    """The part that dispatching, transferring and reopening share."""
    move.begin_leg(department.pk, handler.pk if handler else None)
    move.ticket.department, move.ticket.handler = department, handler
    move.event(verb, to=Status.DISPATCHED, note=note, data=assignment_data(department, handler) | (extra or {}))


def dispatch(
    ticket: Ticket,
    *,
    by: Actor,
    department: Department | None = None,
    handler: Employee | None = None,
    note: str = "",
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """派单: send it to a department, or to a named handler in it."""
    with moving(ticket, Verb.DISPATCH, by=by, now=now, version=version) as move:
        department = check_assignment(move.ticket, department, handler)
        move.receive_if_none()
        assign(move, Verb.DISPATCH, department, handler, limited(note, "note"))
    return move.ticket


def take(move: Moving) -> None:
    """Make the acting handler the one who holds it, when none was named."""
    me = move.by.viewer.employee
    if move.ticket.handler_id != me.pk:
        move.begin_leg(move.ticket.department_id or me.department_id, me.pk)
        move.ticket.handler = me


def accept(ticket: Ticket, *, by: Actor, now: datetime | None = None, version: int | None = None) -> Ticket:
    """接单: the named handler takes it; none named, any handler of the department becomes the handler."""
    with moving(ticket, Verb.ACCEPT, by=by, now=now, version=version) as move:
        take(move)
        move.event(Verb.ACCEPT, to=Status.IN_PROGRESS)
    return move.ticket


def return_(
    ticket: Ticket, *, by: Actor, reason: str, now: datetime | None = None, version: int | None = None
) -> Ticket:
    """退单: back to the desk with a reason. The response clock does not start again."""
    with moving(ticket, Verb.RETURN, by=by, now=now, version=version) as move:
        reason = required(reason, "reason", _("请写明退单原因。"))
        department = move.ticket.department
        data = {"department": department.pk, "department_name": department.name} if department else {}
        move.end_leg()
        move.set(department_id=None, handler_id=None, returns=move.ticket.returns + 1)
        move.event(Verb.RETURN, to=Status.REGISTERED, note=reason, data=data | {"times": move.ticket.returns})
    return move.ticket


def transfer(
    ticket: Ticket,
    *,
    by: Actor,
    reason: str,
    department: Department | None = None,
    handler: Employee | None = None,
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """改派: to another department or handler, with a reason; a hold ends with it."""
    with moving(ticket, Verb.TRANSFER, by=by, now=now, version=version) as move:
        reason = required(reason, "reason", _("请写明改派原因。"))
        department = check_assignment(move.ticket, department, handler)
        if department.pk == move.ticket.department_id and (handler.pk if handler else None) == move.ticket.handler_id:
            raise Invalid.field("handler", _("工单已经在这里了，请选择其他部门或责任人。"))
        before = {
            "from_department_name": move.ticket.department.name if move.ticket.department else "",
            "from_handler_name": move.ticket.handler.name if move.ticket.handler else "",
        }
        end_hold(move)
        assign(move, Verb.TRANSFER, department, handler, reason, before)
    return move.ticket


def end_hold(move: Moving) -> None:
    """A hold does not outlive the status it belongs to."""
    if move.ticket.status == Status.ON_HOLD:
        move.ticket.holds.filter(ended_at=None).update(ended_at=move.now)
        move.set(hold_reason="", hold_until=None)
