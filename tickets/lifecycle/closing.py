"""Step 5, 总结: what was learned; and the two ways a request ends without the owner's grade (A6.5, B6.5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from shimao_service.actors import SYSTEM, Actor
from shimao_service.exceptions import Conflict, IllegalMove, Invalid, Refusal
from tickets.lifecycle.dispatching import end_hold
from tickets.lifecycle.gate import Moving, limited, move_together, moving, required
from tickets.lifecycle.urging import settle
from tickets.models import Event, Summary, Ticket
from tickets.statuses import ROUNDS_BEFORE_CONCLUDING, Kind, Liability, Status, Verb

# The owner has a week to answer; then it counts as not rated, never as satisfied.
TIME_OUT_DAYS = 7


def summarise(
    ticket: Ticket,
    *,
    by: Actor,
    cause: str,
    liability: str,
    improvement: str = "",
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """总结: cause, liability, improvement; then it is closed.

    Complaints, reopened and late requests want words of improvement too.
    """
    with moving(ticket, Verb.SUMMARISE, by=by, now=now, version=version) as move:
        write_summary(move, cause, liability, improvement, wants_words=wants_words(move.ticket))
    return move.ticket


def wants_words(ticket: Ticket) -> bool:
    """Whether a bulk confirmation is not enough: complaints, reopened, late or badly rated requests."""
    if ticket.kind == Kind.COMPLAINT or ticket.round > 1 or ticket.concluded_at is not None:
        return True
    return any(clock.met_at is None or clock.met_at > clock.due_at for clock in ticket.clocks.all())


def write_summary(move: Moving, cause: str, liability: str, improvement: str, *, wants_words: bool) -> None:
    cause = required(cause, "cause", _("请写明原因。"), limit=2000)
    if liability not in Liability.values:
        raise Invalid.field("liability", _("请选择责任归属。"))
    improvement = limited(improvement, "improvement", limit=2000)
    if wants_words and not improvement:
        raise Invalid.field("improvement", _("投诉、重办和超时的工单需要写明改进措施。"))
    Summary.objects.update_or_create(
        ticket=move.ticket,
        defaults={
            "round": move.ticket.round,
            "cause": cause,
            "liability": liability,
            "improvement": improvement,
            "written_by": move.by.viewer.employee,
            "at": move.now,
        },
    )
    move.set(summarised_at=move.now, closed_at=move.now)
    move.event(
        Verb.SUMMARISE,
        to=Status.CLOSED,
        note=cause,
        data={"cause": cause, "liability": str(liability), "improvement": improvement}
        | settle(move, "已办结"),  # kept with the request, so in Chinese
    )


def prefill(ticket: Ticket) -> dict[str, str]:
    """What the summary form starts with: the handler's result, and the likely liability."""
    result = (
        Event.objects.filter(ticket=ticket, verb=Verb.COMPLETE).order_by("-seq").values_list("note", flat=True).first()
    )
    return {"cause": result or "", "liability": Liability.UNDETERMINED.value, "improvement": ""}


def summarise_many(
    tickets: Iterable[Ticket], *, by: Actor, liability: str = Liability.PROPERTY.value, now: datetime | None = None
) -> tuple[list[Ticket], dict[str, str]]:
    """Confirm ordinary requests in bulk; returns those closed and, by number, why the others were not."""
    done: list[Ticket] = []
    refused: dict[str, str] = {}
    for ticket in tickets:
        try:
            if wants_words(ticket) or (ticket.grade or 0) < 3:
                raise Conflict(_("需要单独填写总结。"))
            words = prefill(ticket)
            done.append(summarise(ticket, by=by, cause=words["cause"], liability=liability, now=now))
        except Refusal as refusal:
            refused[ticket.number] = str(refusal.detail)
    return done, refused


def time_out(ticket: Ticket, *, by: Actor = SYSTEM, now: datetime | None = None) -> Ticket:
    """逾期未评价: nobody answered for seven days. Counted as not rated."""
    with moving(ticket, Verb.TIME_OUT, by=by, now=now) as move:
        _time_out(move)
    return move.ticket


def time_out_together(tickets: Iterable[Ticket], *, now: datetime) -> dict[int, Refusal]:
    """逾期未评价 of many, by the clock; why those that cannot are not, by their ids."""
    return move_together(tickets, Verb.TIME_OUT, _time_out, by=SYSTEM, now=now)


def _time_out(move: Moving) -> None:
    if move.now < move.ticket.status_at + timedelta(days=TIME_OUT_DAYS):
        raise IllegalMove(_("业主评价期还没有结束。"))
    move.event(Verb.TIME_OUT, to=Status.AWAITING_SUMMARY)


def talk(ticket: Ticket, *, by: Actor, note: str, now: datetime | None = None, version: int | None = None) -> Ticket:
    """主管面谈: the supervisor spoke with the owner; what was said. No move."""
    with moving(ticket, Verb.TALK, by=by, now=now, version=version) as move:
        move.event(Verb.TALK, note=required(note, "note", _("请写下面谈的内容和业主的意见。")))
    return move.ticket


def conclude(
    ticket: Ticket, *, by: Actor, reason: str, now: datetime | None = None, version: int | None = None
) -> Ticket:
    """终结办理: after two dissatisfied rounds and the supervisor's talk, the manager ends it with reasons.

    The grades stay and count. What the owner was told in the talk is the feedback of this round.
    """
    with moving(ticket, Verb.CONCLUDE, by=by, now=now, version=version) as move:
        reason = required(reason, "reason", _("请写明终结的理由。"))
        ticket = move.ticket
        if ticket.dissatisfied_rounds < ROUNDS_BEFORE_CONCLUDING:
            raise IllegalMove(_("业主两轮不满意之后才能终结办理。"))
        talked = (
            Event.objects.filter(ticket=ticket, verb=Verb.TALK, round__gte=ROUNDS_BEFORE_CONCLUDING)
            .order_by("-seq")
            .first()
        )
        if talked is None:
            raise IllegalMove(_("请主管先与业主面谈并记录，再终结办理。"))
        end_hold(move)
        move.end_leg()
        move.receive_if_none()
        move.set(concluded_at=move.now, fed_back_at=ticket.fed_back_at or talked.at, promised_at=None)
        move.event(Verb.CONCLUDE, to=Status.AWAITING_SUMMARY, note=reason, data=settle(move, reason))
    return move.ticket


def judge(
    ticket: Ticket,
    *,
    by: Actor,
    valid: bool,
    note: str = "",
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """认定: a complaint is found valid or not; a praise is verified, and reaches the employee."""
    from tickets.lifecycle.intake import close_at_once

    with moving(ticket, Verb.JUDGE, by=by, now=now, version=version) as move:
        note = limited(note, "note")
        if not valid and not note:
            raise Invalid.field("note", _("认定无效或不属实时，请写明理由。"))
        move.set(is_valid=bool(valid))
        move.event(Verb.JUDGE, note=note, data={"valid": bool(valid)})
        if move.ticket.kind == Kind.PRAISE and move.ticket.status == Status.REGISTERED:
            move.receive_if_none()
            close_at_once(move, note or "已核实表扬，感谢业主的肯定。", grade=None)
    return move.ticket
