"""The one gate every move passes: lock, look, check, write the row and its event, all in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import IllegalMove, Invalid, NotSeen, Refusal, Stale
from staff.access import Viewer
from staff.models import Clause, Employee
from staff.permissions import Permission
from tickets import deadlines, escalation, notices, permissions, pictures, schedule
from tickets.circumstances import NOTHING, around_of
from tickets.lifecycle import clockwork
from tickets.models import Attachment, Event, Leg, ReceiverTerm, Ticket
from tickets.statuses import CLAUSE_OF, FINAL, QUIET, Status, Verb

logger = logging.getLogger(__name__)

MAX_NOTE = 5000
# How long a colleague who lost the race to accept is still told who won it, instead of a bare 404.
JUST_NOW = timedelta(hours=1)


@dataclass
class Moving:
    """A request under its lock, and what one move does to it. Written when the block ends."""

    ticket: Ticket
    by: Actor
    now: datetime
    seq: int
    events: list[Event] = field(default_factory=list)
    _changed: set[str] = field(default_factory=set)

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self.ticket, name, value)
            self._changed.add(name)

    def event(
        self,
        verb: Verb,
        *,
        to: str | None = None,
        note: str = "",
        data: dict[str, Any] | None = None,
        by: Actor | None = None,
        files: Iterable[pictures.Picture] = (),
    ) -> Event:
        """Write what happened; ``to`` moves the request."""
        ticket, actor = self.ticket, by or self.by
        before = ticket.status
        if to is not None and to != before:
            self.set(status=to, status_at=self.now)
        self.seq += 1
        event = Event.objects.create(
            ticket=ticket,
            seq=self.seq,
            verb=verb,
            at=self.now,
            actor_kind=actor.kind.value,
            actor_id=actor.id,
            actor_name=actor.name,
            from_status=before if self.seq > 1 else "",
            to_status=ticket.status,
            round=ticket.round,
            note=note.strip(),
            data=data or None,
            clause_id=clause_id(CLAUSE_OF.get(verb, ""), self.now.astimezone(timezone.get_default_timezone()).date()),
        )
        self.events.append(event)
        try:
            Attachment.objects.bulk_create(
                picture.attachment(ticket=ticket, event=event, at=self.now) for picture in files
            )
        except OSError as error:
            # The disk is full or cannot be written: the words must not be lost with the pictures.
            logger.exception("Pictures of %s could not be stored", ticket.number)
            raise Invalid.field("pictures", _("图片暂时无法保存，请稍后再试，或先不附图片提交。")) from error
        return event

    # --- legs -----------------------------------------------------------------------------------
    def end_leg(self) -> Leg | None:
        leg = Leg.objects.filter(ticket=self.ticket, ended_at=None).first()
        if leg:
            leg.ended_at = max(self.now, leg.started_at)
            leg.save(update_fields=["ended_at"])
        return leg

    def begin_leg(self, department_id: int, handler_id: int | None) -> None:
        self.end_leg()
        Leg.objects.create(
            ticket=self.ticket,
            round=self.ticket.round,
            department_id=department_id,
            handler_id=handler_id,
            started_at=self.now,
        )
        self.set(department_id=department_id, handler_id=handler_id)

    def receive(self, employee: Employee) -> None:
        """Make ``employee`` the first receiver from now on (首问责任人)."""
        ReceiverTerm.objects.filter(ticket=self.ticket, ended_at=None).update(ended_at=self.now)
        ReceiverTerm.objects.create(ticket=self.ticket, round=self.ticket.round, employee=employee, started_at=self.now)
        self.set(first_receiver=employee)

    def receive_if_none(self) -> None:
        """A web form's first receiver is who first dispatched or answered it."""
        if self.ticket.first_receiver_id is None and self.by.is_employee and self.by.viewer.employee:
            self.receive(self.by.viewer.employee)

    def end_custody(self) -> None:
        """The request is over: nobody holds it, nobody keeps its loop."""
        self.end_leg()
        ReceiverTerm.objects.filter(ticket=self.ticket, ended_at=None).update(ended_at=self.now)

    def new_round(self) -> None:
        self.set(
            round=self.ticket.round + 1,
            grade=None,
            fed_back_at=None,
            feedback_channel="",
            summarised_at=None,
            concluded_at=None,
            closed_at=None,
            arrived_at=None,
            promised_at=None,
        )

    # --- writing --------------------------------------------------------------------------------
    def close(self) -> None:
        """What the row carries of its events, but for the clocks."""
        self.set(last_event_at=self.now)
        if any(event.verb not in QUIET for event in self.events):
            self.set(version=self.ticket.version + 1)
        if any(event.verb in PROGRESS for event in self.events):
            self.set(progress_at=self.now)
        if self.ticket.status in FINAL:
            self.end_custody()

    @property
    def changed(self) -> tuple[str, ...]:
        return tuple(sorted(self._changed))


def write(moves: Sequence[Moving], *, by: Actor, now: datetime) -> None:
    """Write what these moves did to their rows, and tell of it; as many queries for many as for one."""
    moves = [move for move in moves if move.events]
    if not moves:
        return
    for move in moves:
        move.close()
        escalation.begin_anew(move.ticket, move.events)
    tickets = [move.ticket for move in moves]
    # The clocks are derived from the events; the row carries only the earliest one.
    clocks = clockwork.refresh(tickets)
    around = around_of(ticket for ticket in tickets if ticket.status not in FINAL)
    for move in moves:
        ticket, states = move.ticket, clocks[move.ticket.pk]
        if ticket.pk in around and any(event.verb in deadlines.CHANGES_FACTS for event in move.events):
            around[ticket.pk] = escalation.take_back(ticket, states, around[ticket.pk], now=move.now)
        ticket.due_at = None if ticket.status in FINAL else deadlines.next_due(states, ticket.round)
        ticket.remind_at = schedule.next_at(ticket, clocks=states, around=around.get(ticket.pk, NOTHING))
    _write_rows(moves)
    notices.announce([(move.ticket, move.events) for move in moves], by=by, now=now)


def _write_rows(moves: Sequence[Moving]) -> None:
    if len(moves) == 1:
        moves[0].ticket.save(update_fields=[*moves[0].changed, "due_at", "remind_at"])
        return
    alike: dict[tuple[str, ...], list[Ticket]] = {}
    for move in moves:
        alike.setdefault(move.changed, []).append(move.ticket)
    for names, tickets in alike.items():
        Ticket.objects.bulk_update(tickets, [*names, "due_at", "remind_at"])


# What counts as progress for the follow-up reminder: somebody did something for the owner.
PROGRESS = frozenset(
    {
        Verb.REGISTER, Verb.DISPATCH, Verb.ACCEPT, Verb.ARRIVE, Verb.RETURN, Verb.TRANSFER, Verb.FOLLOW_UP, Verb.HOLD,
        Verb.RESUME, Verb.COMPLETE, Verb.FEED_BACK, Verb.ATTEMPT, Verb.REOPEN, Verb.TALK, Verb.SUMMARISE,
    }
)  # fmt: skip


@lru_cache(maxsize=256)
def _clause_id(code: str, day: date, _generation: int) -> int | None:
    clauses = Clause.objects.filter(code=code, version__effective_on__lte=day).order_by("-version__number")
    return clauses.values_list("pk", flat=True).first()


_generation = 0


def forget_clauses() -> None:
    """Called when a version of the regulation is written (and between tests)."""
    global _generation
    _generation += 1


def clause_id(code: str, day: date) -> int | None:
    """The clause in force on ``day``. Kept in the process: asked on every move, changed once a year."""
    if not code:
        return None
    found = _clause_id(code, day, _generation)
    if found is None:
        _clause_id.cache_clear()
    return found


# What a move needs to know of its request beside the row itself.
BESIDE = ("project", "building", "unit", "category", "department", "handler", "first_receiver", "owner")


def lock(pk: int) -> Ticket:
    """The row under its lock, freshly read. Raises ``NotSeen`` when there is none.

    Two queries on purpose: one that waited for the lock would bring the row as it is now, joined with the
    handler and the department as they were before.
    """
    if not Ticket.objects.select_for_update().filter(pk=pk).values_list("pk").first():
        raise NotSeen(_("没有找到这张工单。"))
    return Ticket.objects.select_related(*BESIDE).get(pk=pk)


def sees(ticket: Ticket, viewer: Viewer, now: datetime) -> bool:
    """Whether the viewer sees the request, or saw it waiting for his department a moment ago."""
    if Ticket.objects.filter(pk=ticket.pk).visible_to(viewer).exists():
        return True
    if not Ticket.objects.filter(pk=ticket.pk).not_about(viewer).exists():
        return False
    return (
        Leg.objects.filter(ticket=ticket, department_id=viewer.department_id or 0, ended_at__gte=now - JUST_NOW)
        .filter(viewer.scope(Permission.TICKET_DEPARTMENT_QUEUE, "ticket__project_id"))
        .exists()
    )


@contextmanager
def moving(
    ticket: Ticket, verb: Verb, *, by: Actor, now: datetime | None = None, version: int | None = None
) -> Iterator[Moving]:
    """Open the gate for one move.

    In this order: the row is locked and read anew; whoever does not see it gets ``NotSeen``; who could never
    do this, ``Forbidden``; a page made from an older version, ``Stale``; a move that is not legal from here,
    ``IllegalMove``; who does not stand right to it, ``Forbidden``.
    """
    with transaction.atomic():
        row = lock(ticket.pk)
        moment = max(now or timezone.now(), row.last_event_at)
        if by.is_employee and not sees(row, by.viewer, moment):
            raise NotSeen(_("没有找到这张工单。"))
        permissions.check_power(verb, row.project_id, by)
        if version is not None and version != row.version:
            raise Stale(_("这张工单刚刚有了新动态，请看过后再操作。"), changes=changes_since(row, version))
        if not permissions.is_legal(verb, row):
            raise IllegalMove(illegal_words(row, verb))
        permissions.check_stands_right(verb, row, by)
        move = Moving(ticket=row, by=by, now=moment, seq=_last_seqs([row.pk]).get(row.pk, 0))
        yield move
        write([move], by=by, now=moment)


def move_together(
    tickets: Iterable[Ticket], verb: Verb, act: Callable[[Moving], None], *, by: Actor, now: datetime
) -> dict[int, Refusal]:
    """The same move of many requests, for the company's own clock, in as many queries as one, but for those of ``act``.

    Those that cannot move are left as they are and answered by their ids; ``act`` refuses before it writes anything.
    In the order of :func:`moving`, without the questions that only people are asked.
    """
    refused: dict[int, Refusal] = {}
    moves: list[Moving] = []
    with transaction.atomic():
        keys = list(
            Ticket.objects.select_for_update()
            .filter(pk__in=[ticket.pk for ticket in tickets])
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        last = _last_seqs(keys)
        for row in Ticket.objects.filter(pk__in=keys).select_related(*BESIDE).order_by("pk"):
            move = Moving(ticket=row, by=by, now=max(now, row.last_event_at), seq=last.get(row.pk, 0))
            try:
                permissions.check_power(verb, row.project_id, by)
                if not permissions.is_legal(verb, row):
                    raise IllegalMove(illegal_words(row, verb))
                permissions.check_stands_right(verb, row, by)
                act(move)
            except Refusal as refusal:
                refused[row.pk] = refusal
            else:
                moves.append(move)
        write(moves, by=by, now=now)
    return refused


def _last_seqs(keys: Sequence[int]) -> dict[int, int]:
    """The number of each request's last event; those without any are left out."""
    return dict(Event.objects.filter(ticket__in=keys).order_by().values_list("ticket_id").annotate(last=Max("seq")))


def changes_since(ticket: Ticket, version: int) -> list[Event]:
    """The events a page of ``version`` had not seen yet, newest last; at most the last ten moves.

    Each move raises the version by one and may leave several events, all of one moment.
    """
    missed = min(max(ticket.version - version, 0), 10)
    changes: list[Event] = []
    moments: set[datetime] = set()
    loud = Event.objects.filter(ticket=ticket).exclude(verb__in=QUIET)  # quiet ones left the version alone
    for event in loud.order_by("-seq")[: missed * 6]:
        if event.at not in moments and len(moments) == missed:
            break
        moments.add(event.at)
        changes.append(event)
    return changes[::-1]


def illegal_words(ticket: Ticket, verb: Verb) -> str:
    if verb == Verb.ACCEPT and ticket.status == Status.IN_PROGRESS and ticket.handler:
        return _("这张工单已由 %(name)s 接单。") % {"name": ticket.handler.name}
    return _("工单现在是“%(status)s”，不能“%(verb)s”。") % {"status": ticket.status_label, "verb": Verb(verb).label}


def required(value: str | None, name: str, message: str, *, limit: int = MAX_NOTE) -> str:
    """``value`` stripped. Raises ``Invalid`` on ``name`` when empty or longer than ``limit`` characters."""
    text = (value or "").strip()
    if not text:
        raise Invalid.field(name, message)
    return limited(text, name, limit=limit)


def limited(value: str | None, name: str, *, limit: int = MAX_NOTE) -> str:
    text = (value or "").strip().replace("\x00", "")
    if len(text) > limit:
        raise Invalid.field(
            name, _("最多 %(limit)s 个字，现在有 %(count)s 个。") % {"limit": limit, "count": len(text)}
        )
    return text


def future(value: datetime | None, name: str, now: datetime, *, message: str) -> datetime:
    """``value``, which must lie after ``now`` and within two years. Raises ``Invalid`` on ``name``."""
    if value is None:
        raise Invalid.field(name, message)
    if value <= now:
        raise Invalid.field(name, _("时间要晚于现在。"))
    if value > now + timedelta(days=730):
        raise Invalid.field(name, _("时间太远了，请核对年份。"))
    return value
