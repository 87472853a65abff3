"""Step 4, 反馈: tell the owner, ask for satisfaction, and begin again when it is not there (A6.3, A6.4, B6.4)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from shimao_service.actors import Actor, ActorKind
from shimao_service.exceptions import Conflict, IllegalMove, Invalid
from staff.access import viewer_of
from staff.models import Department, Employee
from staff.permissions import Permission
from tickets.lifecycle.dispatching import assignment_data, is_concerned
from tickets.lifecycle.gate import Moving, limited, moving, required
from tickets.lifecycle.urging import settle
from tickets.models import Rating, Ticket
from tickets.statuses import GRADES, REOPEN_DAYS, Channel, RatingSource, Status, Verb

DISSATISFIED = (1, 2)


def feed_back(
    ticket: Ticket,
    *,
    by: Actor,
    channel: str,
    content: str,
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """回复业主: the result is told and satisfaction asked; ``unreachable`` says that nobody could be told."""
    with moving(ticket, Verb.FEED_BACK, by=by, now=now, version=version) as move:
        if channel not in Channel.values:
            raise Invalid.field("channel", _("请选择回复方式。"))
        if channel != Channel.UNREACHABLE and move.ticket.is_anonymous and channel != Channel.LINK:
            raise Invalid.field("channel", _("匿名投诉没有联系方式，请用“查询链接”回复。"))
        content = required(content, "content", _("请写下告诉业主的内容。"))
        move.receive_if_none()
        move.set(fed_back_at=move.now, feedback_channel=channel)
        data = {"channel": channel} | settle(move, content)
        move.event(Verb.FEED_BACK, to=Status.FED_BACK, note=content, data=data)
    return move.ticket


def attempt(
    ticket: Ticket,
    *,
    by: Actor,
    channel: str,
    note: str = "",
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """联系业主: a call that nobody answered, or words that led to nothing yet. No move."""
    with moving(ticket, Verb.ATTEMPT, by=by, now=now, version=version) as move:
        if channel not in Channel.values or channel == Channel.UNREACHABLE:
            raise Invalid.field("channel", _("请选择联系方式。"))
        move.event(
            Verb.ATTEMPT, note=limited(note, "note") or _("无人接听"), data={"channel": channel, "reached": False}
        )
    return move.ticket


def rate(
    ticket: Ticket,
    *,
    by: Actor,
    grade: int | None,
    comment: str = "",
    channel: str = "",
    now: datetime | None = None,
    version: int | None = None,
) -> Ticket:
    """评价: 3–5 leads on to the summary, 1–2 to a new round.

    Staff (not its handler) may record a grade told to them, naming the channel, while the owner has given
    none. The owner's own replaces it, and both stay. After the time-out a late one is kept for 30 days; at
    1–2 it reopens.
    """
    with moving(ticket, Verb.RATE, by=by, now=now, version=version) as move:
        if grade not in GRADES:
            raise Invalid.field("grade", _("请选择评价。"))
        comment = limited(comment, "comment", limit=2000)
        staff = by.is_employee
        if staff and (channel not in Channel.values or channel in (Channel.LINK, Channel.UNREACHABLE)):
            raise Invalid.field("channel", _("请选择业主是怎样告诉您的。"))
        counts = Rating.objects.filter(ticket=move.ticket, round=move.ticket.round, replaced_at=None).first()
        check_may_rate(move, counts, staff)
        if counts:
            counts.replaced_at = move.now
            counts.save(update_fields=["replaced_at"])
        was = move.ticket.status
        record_rating(move, grade, comment, channel if staff else "", is_late=was != Status.FED_BACK)
        dissatisfied = grade in DISSATISFIED
        data = {"grade": grade, "channel": channel if staff else "", "source": "staff" if staff else "owner"}
        if was != Status.FED_BACK:
            data["late"] = True
        if not dissatisfied:
            to = Status.AWAITING_SUMMARY if was == Status.FED_BACK else None
            move.event(Verb.RATE, to=to, note=comment, data=data)
        else:
            move.event(Verb.RATE, note=comment, data=data)
            if not (counts and counts.grade in DISSATISFIED):
                move.set(dissatisfied_rounds=move.ticket.dissatisfied_rounds + 1)
            begin_again(move, comment or str(GRADES[grade]), {"because": "dissatisfied", "grade": grade})
    return move.ticket


def check_may_rate(move: Moving, counts: Rating | None, staff: bool) -> None:
    ticket = move.ticket
    if staff and counts is not None:
        raise Conflict(_("本轮已有评价，不能再代录。"), code="already_rated")
    if counts is not None and counts.source in (RatingSource.LINK, RatingSource.OWNER):
        raise Conflict(_("您已经评价过了，谢谢。"), code="already_rated")
    if ticket.status == Status.FED_BACK:
        return
    # After the time-out, or after a colleague recorded one: the owner's own word still counts for a while.
    if staff and ticket.status == Status.CLOSED:
        raise IllegalMove(_("工单已办结，不能再代录评价。"))
    if ticket.concluded_at is not None:
        raise IllegalMove(_("工单已终结办理，不再评价。"))
    since = ticket.closed_at or ticket.status_at
    if move.now > since + timedelta(days=REOPEN_DAYS):
        raise IllegalMove(_("办结已超过 30 天，不能再评价；如有新问题，请重新提交。"))


def record_rating(move: Moving, grade: int, comment: str, channel: str, *, is_late: bool = False) -> Rating:
    staff = move.by.is_employee
    source = RatingSource.STAFF if staff else RatingSource.LINK
    if move.by.kind == ActorKind.OWNER:
        source = RatingSource.OWNER
    move.set(grade=grade)
    return Rating.objects.create(
        ticket=move.ticket,
        round=move.ticket.round,
        grade=grade,
        comment=comment,
        source=source,
        channel=channel,
        recorded_by=move.by.viewer.employee if staff else None,
        at=move.now,
        is_late=is_late,
    )


def reopen(
    ticket: Ticket, *, by: Actor, reason: str, now: datetime | None = None, version: int | None = None
) -> Ticket:
    """重新办理: a new round at the last department, with the handler if still there; closed ones within 30 days."""
    with moving(ticket, Verb.REOPEN, by=by, now=now, version=version) as move:
        reason = required(reason, "reason", _("请写明为什么要重新办理。"))
        closed = move.ticket.closed_at
        if closed is not None and move.now > closed + timedelta(days=REOPEN_DAYS):
            raise IllegalMove(_("办结已超过 30 天，不能重新办理；请登记一张新工单。"))
        begin_again(move, reason, {"because": "reopened"})
    return move.ticket


def begin_again(move: Moving, reason: str, data: dict) -> None:
    """The next round: keeps the last one's result, goes back to who had it last."""
    ticket = move.ticket
    department, handler = last_holder(ticket)
    was_closed = ticket.status == Status.CLOSED
    move.new_round()
    if was_closed:
        if (
            ticket.first_receiver
            and ticket.first_receiver.is_active
            and not is_concerned(ticket, ticket.first_receiver)
        ):
            move.receive(ticket.first_receiver)
        elif move.by.is_employee and move.by.viewer.employee:
            move.receive(move.by.viewer.employee)
    if department is None:
        move.end_leg()
        move.set(department_id=None, handler_id=None)
        move.event(Verb.REOPEN, to=Status.REGISTERED, note=reason, data=data)
        return
    move.begin_leg(department.pk, handler.pk if handler else None)
    ticket.department, ticket.handler = department, handler
    move.event(Verb.REOPEN, to=Status.DISPATCHED, note=reason, data=data | assignment_data(department, handler))


def last_holder(ticket: Ticket) -> tuple[Department | None, Employee | None]:
    """The department and the handler who had it last, as far as they still work."""
    leg = ticket.legs.select_related("department", "handler__department").order_by("-started_at", "-id").first()
    if leg is None or not leg.department.is_active:
        return None, None
    handler = leg.handler
    if handler is None or not handler.is_active or handler.department_id != leg.department_id:
        return leg.department, None
    if not viewer_of(handler).can(Permission.TICKET_HANDLE, ticket.project_id):
        return leg.department, None
    if is_concerned(ticket, handler):
        return leg.department, None
    return leg.department, handler
