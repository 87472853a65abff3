"""Rising: each step is written once, as an event that says whom it told, whom it skipped and why.

Called with the requests' rows locked, in the transaction that does the rest: by the tick for many requests, by the
move itself for an emergency or for what comes in at night.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service import outbox
from shimao_service.actors import SYSTEM
from staff.models import Employee
from tickets import escalation_steps, group_messages, policies
from tickets.circumstances import EMERGENCY, NIGHT, Around
from tickets.deadlines import ClockState
from tickets.escalation_steps import Moment, Step
from tickets.letters import about, letter
from tickets.models import Escalation, Event, Ticket
from tickets.recipients import Audience, Reached
from tickets.statuses import CLAUSE_OF, ClockName, Kind, Rung, Status, StepBasis, Urgency, Verb

RANK = {rung.value: number for number, rung in enumerate(Rung)}


@dataclass(slots=True)
class Rise:
    """One step of one request; ``key`` is that of its notice, ``wakes`` whether it may disturb at night."""

    ticket: Ticket
    clock: str
    step: str
    rung: str
    due_at: datetime
    reached: Reached
    title: str
    key: str
    kind: str = "escalated"
    wakes: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> dict[str, Any]:
        """What the event keeps."""
        return {
            "clock": self.clock,
            "step": self.step,
            "rung": self.rung,
            "told": [employee.name for employee in self.reached.told],
            "skipped": [{"name": one.name, "why": one.why} for one in self.reached.skipped],
            "due_at": self.due_at.isoformat(),
        } | self.facts


# --- what rises ---------------------------------------------------------------------------------
def of_step(ticket: Ticket, moment: Moment, audience: Audience, *, key: str) -> Rise:
    """A step of a clock: its rungs, each with who can be counted on. Without a handler, the supervisor and, from the
    breach on, the desk, which was reminded shortly before."""
    reached = Reached()
    for rung in moment.rungs:
        reached.add(audience.climb(rung))
    if ticket.handler_id is None and not moment.step.is_warning:
        reached.add(Reached(audience.desk_or_duty()))
    rung = moment.rungs[0]
    if rung == Rung.HANDLER and ticket.handler_id is None:
        rung = Rung.SUPERVISOR.value
    return Rise(
        ticket, moment.clock, moment.step.code, rung, moment.at, reached.settled(),
        title_of(ticket, moment.clock, moment.step), key,
    )  # fmt: skip


def title_of(ticket: Ticket, clock: str, step: Step) -> str:
    words = {"clock": str(ClockName(clock).label), "n": step.amount, "about": about(ticket)}
    if step.basis == StepBasis.HOURS:
        return _("%(clock)s超时已 %(n)s 小时：%(about)s") % words
    if step.is_warning and clock == ClockName.RESPONSE and ticket.status == Status.DISPATCHED:
        return _("%(clock)s时限已用 %(n)s%%，请尽快接单：%(about)s") % words
    if step.is_warning and clock == ClockName.RESPONSE:
        return _("%(clock)s时限已用 %(n)s%%，请尽快派单：%(about)s") % words
    if step.is_warning:
        return _("%(clock)s时限已用 %(n)s%%，请抓紧：%(about)s") % words
    if step.is_breach:
        return _("%(clock)s超时：%(about)s") % words
    return _("%(clock)s超时，已用到时限的 %(n)s%%：%(about)s") % words


def of_emergency(ticket: Ticket, number: int, audience: Audience, *, due_at: datetime) -> Rise:
    """特急: supervisor and manager at any hour, out of hours also who is on duty and their deputy; from the first
    repeat on the company as well."""
    reached = Reached()
    for rung in (Rung.SUPERVISOR, Rung.MANAGER, *((Rung.COMPANY,) if number else ())):
        reached.add(audience.wake(rung))
    if not audience.is_served:
        reached.add(audience.on_duty(with_deputy=True))
    title = _("特急仍无人接手，请立即处置并确认：%s") if number else _("特急，请立即处置并确认：%s")
    key = f"ticket:{ticket.pk}:r{ticket.round}:emergency:{int(due_at.timestamp())}"
    return Rise(
        ticket, EMERGENCY, f"alarm:{number}", (Rung.COMPANY if number else Rung.MANAGER).value, due_at,
        reached.settled(), title % about(ticket), key, "emergency", wakes=True,
    )  # fmt: skip


def of_night(ticket: Ticket, audience: Audience, *, at: datetime) -> Rise:
    """What came in by itself out of hours: whoever is on duty; nobody is: desk and supervisor."""
    reached = audience.on_duty()
    if not reached.told:
        reached.add(Reached([*audience.desk(), *audience.supervisors()]))
    return Rise(
        ticket, NIGHT, "night", "", at, reached.settled(), _("新工单待派单：%s") % about(ticket),
        f"ticket:{ticket.pk}:night", "registered", wakes=ticket.urgency == Urgency.URGENT,
    )  # fmt: skip


def is_alarming(ticket: Ticket, events: Iterable[Event]) -> bool:
    """Whether these events make an emergency of it that nobody has: it came in as one, became one, was handed back,
    or is to be done again."""
    if ticket.urgency != Urgency.CRITICAL or ticket.kind == Kind.PRAISE or not ticket.is_open:
        return False
    return any(
        event.verb in (Verb.REGISTER, Verb.RETURN, Verb.REOPEN)
        or (event.verb == Verb.AMEND and "urgency" in (event.data or {}).get("changes", {}))
        for event in events
    )


def begin_anew(ticket: Ticket, events: Iterable[Event]) -> None:
    """Where these events alarm once more, an earlier alarm of the round counts no longer: neither its repeats nor who
    acknowledged it. Its events stay. Nothing is asked for what has just come in."""
    if is_alarming(ticket, events) and not any(event.verb == Verb.REGISTER for event in events):
        Escalation.objects.filter(ticket=ticket, round=ticket.round, clock=EMERGENCY).delete()


def take_back(ticket: Ticket, clocks: Iterable[ClockState], around: Around, *, now: datetime) -> Around:
    """After the facts were changed: a step that comes later now is taken back, so that it rises when it does. What it
    told stays told, and its event stays. Nothing is asked of the database where no step had risen."""
    if not around.risen:
        return around
    terms = policies.terms_of(ticket.policy_version_id, ticket.calendar_version_id)
    back = escalation_steps.ahead(ticket, clocks, terms, around.pauses, around.risen, now)
    for clock, step in back:
        Escalation.objects.filter(ticket=ticket, round=ticket.round, clock=clock, step=step).delete()
    return replace(around, risen=around.risen - back)


# --- writing it down ----------------------------------------------------------------------------
def raise_all(rises: Sequence[Rise], *, now: datetime, but: str = "") -> list[outbox.Draft]:
    """Write what was not written before, and answer the notices of that; ``but`` is who need not be told.

    Of several steps of one request that have come together each leaves its event, and each person hears once, of
    the highest. Five statements whatever the number.
    """
    if not rises:
        return []
    # What makes an emergency of it may come with it: nothing is written twice, whoever asks.
    before = set(
        Escalation.objects.filter(ticket__in={rise.ticket.pk for rise in rises}).values_list(
            "ticket_id", "round", "clock", "step"
        )
    )
    new = [rise for rise in rises if (rise.ticket.pk, rise.ticket.round, rise.clock, rise.step) not in before]
    if not new:
        return []
    Escalation.objects.bulk_create(
        [
            Escalation(
                ticket=rise.ticket,
                round=rise.ticket.round,
                clock=rise.clock,
                step=rise.step,
                due_at=rise.due_at,
                at=now,
            )
            for rise in new
        ],
        ignore_conflicts=True,
    )
    events = _write_events(new, now)
    return [*_letters(new, but), *group_messages.drafts_of_steps(events)]


def _write_events(rises: Sequence[Rise], now: datetime) -> list[Event]:
    from tickets.lifecycle.gate import clause_id  # the gate announces, and what is announced may rise

    last = dict(
        Event.objects.filter(ticket__in={rise.ticket.pk for rise in rises})
        .order_by()
        .values_list("ticket_id")
        .annotate(Max("seq"))
    )
    clause = clause_id(CLAUSE_OF[Verb.ESCALATE], timezone.localtime(now).date())
    events = []
    for rise in sorted(rises, key=lambda rise: (rise.ticket.pk, rise.due_at)):
        ticket = rise.ticket
        last[ticket.pk] = last.get(ticket.pk, 0) + 1
        ticket.last_event_at = max(now, ticket.last_event_at)
        events.append(
            Event(
                ticket=ticket,
                seq=last[ticket.pk],
                verb=Verb.ESCALATE,
                at=ticket.last_event_at,
                actor_kind=SYSTEM.kind.value,
                actor_id=SYSTEM.id,
                actor_name=SYSTEM.name,
                from_status=ticket.status,
                to_status=ticket.status,
                round=ticket.round,
                data=rise.data,
                clause_id=clause,
            )
        )
    return Event.objects.bulk_create(events)


def _letters(rises: Sequence[Rise], but: str) -> Iterable[outbox.Draft]:
    """The highest first: whoever heard of that needs no other."""
    heard: dict[int, set[str]] = {}
    for rise in sorted(rises, key=lambda rise: (rise.wakes, RANK.get(rise.rung, 0), rise.due_at), reverse=True):
        ticket = rise.ticket
        told = heard.setdefault(ticket.pk, {but})
        people: list[Employee] = []
        for employee in rise.reached.told:
            address = f"user:{employee.user_id}"
            if employee.user_id and address not in told:
                told.add(address)
                people.append(employee)
        if people:
            yield letter(
                ticket, people, key=rise.key, kind=rise.kind, title=rise.title, body=_body(ticket),
                must_acknowledge=rise.clock == EMERGENCY, urgent=rise.wakes or ticket.urgency == Urgency.CRITICAL,
            )  # fmt: skip


def _body(ticket: Ticket) -> str:
    holder = ticket.handler.name if ticket.handler_id and ticket.handler else ""
    who = _("责任人：%(name)s") % {"name": holder} if holder else _("还没有责任人")
    return f"{ticket.headline}\n{who}"
