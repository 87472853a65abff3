"""接待: what the counter does with one press: register, and dispatch or answer at once (A6.1, B6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict
from staff.models import Department, Employee
from tickets import lifecycle
from tickets.lifecycle import gate
from tickets.lifecycle.intake import Intake
from tickets.models import Submission, Ticket
from tickets.pictures import Picture
from tickets.statuses import Channel, Source, Status


class Action(StrEnum):
    DISPATCH = "dispatch"
    REGISTER = "register"
    ANSWER = "answer"


# How the answer reached the owner, told by how the question came.
CHANNEL_OF = {Source.PHONE.value: Channel.PHONE, Source.WECHAT.value: Channel.WECHAT}


@dataclass(slots=True)
class Reception:
    """One press of a button: what is recorded, and what follows at once."""

    intake: Intake
    action: Action = Action.DISPATCH
    department: Department | None = None
    handler: Employee | None = None
    answer: str = ""
    grade: int | None = None
    links: Iterable[Ticket] = field(default_factory=tuple)
    pictures: Sequence[Picture] = field(default_factory=tuple)


def receive(reception: Reception, *, by: Actor, key: str, scope: str) -> Ticket:
    """Register and carry on, all or nothing. The same ``key`` again finds the request made before.

    A complaint about the person at the counter, or about somebody above, is only registered: they may not
    see it from then on (涉事回避), so they send it nowhere.
    """
    with transaction.atomic():
        ticket = lifecycle.register(reception.intake, by=by, key=key, scope=scope, pictures=reception.pictures)
        if ticket.version > 1 or ticket.status != Status.REGISTERED:
            return ticket  # pressed twice: the first press has done all of it
        if not gate.sees(ticket, by.viewer, timezone.now()):
            return ticket
        for other in reception.links:
            connect(ticket, other, by)
        if reception.action == Action.DISPATCH:
            ticket = lifecycle.dispatch(ticket, by=by, department=reception.department, handler=reception.handler)
        elif reception.action == Action.ANSWER:
            ticket = lifecycle.answer_on_spot(
                ticket,
                by=by,
                answer=reception.answer,
                grade=reception.grade,
                channel=CHANNEL_OF.get(ticket.source, Channel.FACE).value,
            )
    return ticket


def was_received(scope: str, key: str) -> bool:
    """Whether this sheet came before: then nothing is asked again."""
    return Submission.objects.filter(scope=scope, key=key).exists()


def connect(ticket: Ticket, other: Ticket, by: Actor) -> None:
    # Linked already, or the other one was withdrawn meanwhile: no reason to lose the registration.
    with suppress(Conflict):
        lifecycle.link(ticket, other, by=by)
