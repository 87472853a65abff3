"""涉事回避: whom a complaint is about, named or corrected later; they and those below lose every trace of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils.translation import gettext as _

from shimao_service import outbox
from shimao_service.actors import SYSTEM, Actor
from shimao_service.exceptions import Invalid
from staff.models import Employee
from tickets import group_messages
from tickets.lifecycle.custody import may_receive, successor
from tickets.lifecycle.dispatching import end_hold
from tickets.lifecycle.gate import Moving, moving, required
from tickets.models import Ticket, TicketSubject
from tickets.statuses import Kind, Status, Verb


def name_subjects(
    ticket: Ticket,
    *,
    by: Actor,
    subjects: Collection[Employee],
    reason: str,
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """更正涉及员工: a complaint or praise is about these employees and nobody else.

    Who now must not see a complaint loses it: notices leave the inbox, the work goes back to the desk, the loop
    to the next one up.
    """
    with moving(ticket, Verb.NAME_SUBJECTS, by=by, now=now, version=version) as move:
        reason = required(reason, "reason", _("请写明更正原因。"))
        before = {s.employee_id: s.employee.name for s in move.ticket.subjects.select_related("employee")}
        after = {employee.pk: employee.name for employee in subjects}
        if before.keys() == after.keys():
            raise Invalid(_("没有改动任何内容。"), code="nothing_changed")
        TicketSubject.objects.filter(ticket=move.ticket).exclude(employee_id__in=after).delete()
        TicketSubject.objects.bulk_create(
            TicketSubject(ticket=move.ticket, employee_id=pk) for pk in after.keys() - before.keys()
        )
        move.event(
            Verb.NAME_SUBJECTS, note=reason, data={"before": list(before.values()), "after": list(after.values())}
        )
        if move.ticket.kind == Kind.COMPLAINT:
            recuse(move, set(after))
    return move.ticket


def recuse(move: Moving, subjects: set[int]) -> None:
    """Take the complaint away from whoever is concerned: inbox, work and loop."""
    ticket = move.ticket
    concerned = Employee.objects.filter(pk__in=subjects) | Employee.objects.filter(superiors__overlap=list(subjects))
    outbox.withdraw(
        about=f"ticket:{ticket.pk}",
        recipients=[f"user:{user}" for user in concerned.exclude(user=None).values_list("user_id", flat=True)],
        from_inbox=True,
    )
    if subjects:
        group_messages.withdraw(ticket)
    handler = ticket.handler
    if handler and ticket.status in (Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD) and _is(handler, subjects):
        if ticket.status == Status.ON_HOLD:
            end_hold(move)
            move.event(Verb.RESUME, to=Status.IN_PROGRESS, by=SYSTEM)
        move.end_leg()
        move.set(department_id=None, handler_id=None)
        move.ticket.department = move.ticket.handler = None
        move.event(Verb.RETURN, to=Status.REGISTERED, note=_("涉事回避"), by=SYSTEM)
    receiver = ticket.first_receiver
    if receiver and _is(receiver, subjects):
        to = successor(ticket, receiver, None)
        if to is not None and may_receive(ticket, to):
            move.receive(to)
            move.event(
                Verb.HAND_OVER, note=_("涉事回避"), by=SYSTEM,
                data={"from": receiver.pk, "from_name": receiver.name, "to": to.pk, "to_name": to.name},
            )  # fmt: skip


def _is(employee: Employee, subjects: set[int]) -> bool:
    return bool(subjects & {employee.pk, *employee.superiors})
