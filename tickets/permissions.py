"""Who may make which move. In which status it is legal stands in :mod:`tickets.statuses`.

A rule is a list of alternatives: a power held in the request's project, and a relation to the request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Forbidden
from staff.access import Viewer
from staff.permissions import Permission as P
from tickets.models import Ticket
from tickets.recipients import Audience
from tickets.statuses import MOVES, REOPEN_DAYS, ROUNDS_BEFORE_CONCLUDING, Kind, Status, Verb

Relation = Callable[[Ticket, Viewer], bool]


def is_handler(ticket: Ticket, viewer: Viewer) -> bool:
    return ticket.handler_id is not None and ticket.handler_id == viewer.employee_id


def is_not_handler(ticket: Ticket, viewer: Viewer) -> bool:
    return not is_handler(ticket, viewer)


def may_take(ticket: Ticket, viewer: Viewer) -> bool:
    """The named handler; none named: any handler of the department."""
    if ticket.handler_id is not None:
        return is_handler(ticket, viewer)
    return (
        ticket.department_id is not None
        and ticket.department_id == viewer.department_id
        and viewer.can(P.TICKET_DEPARTMENT_QUEUE, ticket.project_id)
    )


def is_first_receiver(ticket: Ticket, viewer: Viewer) -> bool:
    return ticket.first_receiver_id is not None and ticket.first_receiver_id == viewer.employee_id


def is_last_resort(ticket: Ticket, viewer: Viewer) -> bool:
    """A complaint that nobody on the ladder may hear of (it is about the director) and the viewer may.

    Asked for each button of a page, so looked up once for the request as it was read.
    """
    if ticket.kind != Kind.COMPLAINT or viewer.employee is None:
        return False
    audience = ticket.__dict__.get("_audience") or Audience(ticket)
    ticket.__dict__["_audience"] = audience
    return audience.falls_to_the_last() and not audience.is_concerned(viewer.employee)


def takes_it_on(ticket: Ticket, viewer: Viewer) -> bool:
    """Who audits, for a complaint that nobody on the ladder may hear of: he gives it to himself."""
    return viewer.can(P.REVEAL_AUDIT) and is_last_resort(ticket, viewer)


def is_last_and_not_handler(ticket: Ticket, viewer: Viewer) -> bool:
    return is_not_handler(ticket, viewer) and is_last_resort(ticket, viewer)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to be allowed: ``power`` in the project (None: any employee) and ``relation``."""

    power: P | None
    relation: Relation | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    ways: tuple[Way, ...]
    owner: bool = False
    system: bool = False


# What is about the director nobody above him can take on: who audits does, from the dispatch to the result.
LAST_RESORT = Way(P.REVEAL_AUDIT, is_last_resort)

RULES: dict[str, Rule] = {
    Verb.REGISTER: Rule((Way(P.TICKET_REGISTER),), owner=True),
    Verb.DISPATCH: Rule((Way(P.TICKET_DISPATCH), LAST_RESORT)),
    Verb.ANSWER_ON_SPOT: Rule((Way(P.TICKET_ANSWER_ON_SPOT),)),
    Verb.ACCEPT: Rule((Way(P.TICKET_HANDLE, may_take), Way(P.REVEAL_AUDIT, is_handler))),
    Verb.RETURN: Rule((Way(P.TICKET_HANDLE, may_take),)),
    Verb.ARRIVE: Rule((Way(P.TICKET_HANDLE, may_take),)),
    Verb.TRANSFER: Rule((Way(P.TICKET_HANDLE, is_handler), Way(P.TICKET_TRANSFER), LAST_RESORT)),
    Verb.FOLLOW_UP: Rule((Way(P.TICKET_HANDLE, is_handler), Way(P.TICKET_FOLLOW_UP), LAST_RESORT)),
    Verb.HOLD: Rule((Way(P.TICKET_HANDLE, is_handler),)),
    Verb.RESUME: Rule((Way(P.TICKET_HANDLE, is_handler),), system=True),
    Verb.COMPLETE: Rule((Way(P.TICKET_HANDLE, is_handler), Way(P.REVEAL_AUDIT, is_handler))),
    Verb.FEED_BACK: Rule((Way(P.TICKET_FEED_BACK), Way(None, is_first_receiver))),
    Verb.RATE: Rule((Way(P.TICKET_RECORD_RATING, is_not_handler),), owner=True),
    Verb.TALK: Rule((Way(P.TICKET_OVERSEE), LAST_RESORT)),
    Verb.CONCLUDE: Rule((Way(P.TICKET_CONCLUDE), LAST_RESORT)),
    Verb.TIME_OUT: Rule((), system=True),
    Verb.SUMMARISE: Rule((Way(P.TICKET_SUMMARISE), Way(None, is_first_receiver))),
    Verb.REOPEN: Rule((Way(P.TICKET_REOPEN),), owner=True),
    Verb.CANCEL: Rule((Way(P.TICKET_CANCEL),), owner=True),
    Verb.AMEND: Rule((Way(P.TICKET_AMEND),)),
    Verb.ATTEMPT: Rule(
        (
            Way(P.TICKET_FEED_BACK),
            Way(P.TICKET_FOLLOW_UP),
            Way(P.TICKET_HANDLE, is_handler),
            Way(None, is_first_receiver),
        )
    ),
    Verb.SUPPLEMENT: Rule((Way(P.TICKET_FOLLOW_UP), Way(P.TICKET_REGISTER)), owner=True),
    Verb.JUDGE: Rule((Way(P.TICKET_JUDGE, is_not_handler), Way(P.REVEAL_AUDIT, is_last_and_not_handler))),
    Verb.NAME_SUBJECTS: Rule((Way(P.TICKET_AMEND), Way(P.TICKET_CONCLUDE), LAST_RESORT)),
    Verb.HAND_OVER: Rule((Way(P.TICKET_OVERSEE),), system=True),
    Verb.LINK: Rule((Way(P.TICKET_DISPATCH), Way(P.TICKET_FOLLOW_UP))),
    Verb.UNLINK: Rule((Way(P.TICKET_DISPATCH), Way(P.TICKET_FOLLOW_UP))),
    Verb.REVOKE_LINK: Rule((Way(P.TICKET_OVERSEE), Way(P.TICKET_FEED_BACK))),
    # 催单 by the owner, 催办 by staff, 督办 by the manager.
    Verb.URGE: Rule((Way(P.TICKET_URGE),), owner=True),
    Verb.ANSWER_URGE: Rule(
        (Way(P.TICKET_HANDLE, is_handler), Way(P.TICKET_FOLLOW_UP), Way(None, is_first_receiver)),
    ),
    Verb.OVERSEE: Rule((Way(P.TICKET_SUPERVISE),), system=True),
    Verb.ESCALATE: Rule((), system=True),
    Verb.ACKNOWLEDGE: Rule((Way(None),)),
    Verb.RECLOCK: Rule((Way(P.TERMS_MANAGE),), system=True),
    Verb.REFER: Rule((Way(P.TICKET_REGISTER), Way(P.TICKET_AMEND))),
    Verb.REPLY_AUTHORITY: Rule((Way(P.TICKET_FEED_BACK), Way(P.TICKET_OVERSEE), Way(None, is_first_receiver))),
}


def has_power(verb: str, project_id: int, by: Actor) -> bool:
    """Whether ``by`` could ever make this move in the project, whatever the request's state."""
    rule = RULES[verb]
    if by.is_system:
        return rule.system
    if by.is_owner_side:
        return rule.owner
    viewer: Viewer = by.viewer
    return viewer.employee_id is not None and any(
        way.power is None or viewer.can(way.power, project_id) for way in rule.ways
    )


def stands_right(verb: str, ticket: Ticket, by: Actor) -> bool:
    """Whether ``by`` stands in the relation to this very request that the move asks for."""
    rule = RULES[verb]
    if by.is_system:
        return rule.system
    if by.is_owner_side:
        # An owner withdraws only what nobody has taken up yet.
        return rule.owner and (verb != Verb.CANCEL or ticket.status == Status.REGISTERED)
    viewer: Viewer = by.viewer
    return any(
        (way.power is None or viewer.can(way.power, ticket.project_id))
        and (way.relation is None or way.relation(ticket, viewer))
        for way in rule.ways
    )


def check_power(verb: str, project_id: int, by: Actor) -> None:
    """Raise ``Forbidden`` unless :func:`has_power`."""
    if not has_power(verb, project_id, by):
        raise Forbidden(_("您没有“%(verb)s”的权限，请联系主管。") % {"verb": Verb(verb).label})


def check_stands_right(verb: str, ticket: Ticket, by: Actor) -> None:
    """Raise ``Forbidden`` unless :func:`stands_right`."""
    if stands_right(verb, ticket, by):
        return
    if verb == Verb.RATE:
        raise Forbidden(_("责任人不能代录自己工单的评价，请由同事代录。"))
    if verb == Verb.JUDGE:
        raise Forbidden(_("责任人不能认定自己办理的工单。"))
    if by.is_owner_side:
        raise Forbidden(_("已有人接手处理，如需撤销请联系前台。"))
    holder = ticket.handler.name if ticket.handler_id and ticket.handler else ""
    if holder:
        raise Forbidden(
            _("这张工单由 %(name)s 负责，只有本人可以“%(verb)s”。") % {"name": holder, "verb": Verb(verb).label}
        )
    raise Forbidden(_("这张工单不由您负责，不能“%(verb)s”。") % {"verb": Verb(verb).label})


def is_legal(verb: str, ticket: Ticket) -> bool:
    """Whether the move is legal from the present status, for this kind."""
    move = MOVES[verb]
    if ticket.status not in move.sources or (move.kinds and ticket.kind not in move.kinds):
        return False
    return not (verb == Verb.JUDGE and ticket.kind == Kind.PRAISE and ticket.is_valid is not None)


def can(verb: str, ticket: Ticket, by: Actor) -> bool:
    """Whether ``by`` may make the move now. What the verb itself refuses for reasons of detail is not asked."""
    return is_legal(verb, ticket) and has_power(verb, ticket.project_id, by) and stands_right(verb, ticket, by)


def has_talked(ticket: Ticket) -> bool:
    """Whether a supervisor spoke with the owner since the second round began (what concluding asks for)."""
    return ticket.events.filter(verb=Verb.TALK, round__gte=ROUNDS_BEFORE_CONCLUDING).exists()


def waits_for_answer(ticket: Ticket) -> bool:
    """Whether somebody urged and had no answer yet. No query where the list or the page has counted already."""
    counted = getattr(ticket, "open_urges", None)
    return bool(counted) if counted is not None else ticket.urges.filter(answered_at=None).exists()


def is_ready(verb: str, ticket: Ticket, by: Actor, now: datetime) -> bool:
    """Whether the details that the verb itself looks at allow it too, so that no button leads to a refusal."""
    if verb == Verb.RATE and by.is_employee:
        if ticket.grade is not None or ticket.status == Status.CLOSED:
            return False
        late = ticket.status == Status.AWAITING_SUMMARY
        return not late or (ticket.concluded_at is None and now <= ticket.status_at + timedelta(days=REOPEN_DAYS))
    if verb == Verb.REOPEN and ticket.closed_at is not None:
        return now <= ticket.closed_at + timedelta(days=REOPEN_DAYS)
    if verb == Verb.ANSWER_URGE:
        return waits_for_answer(ticket)
    if verb in (Verb.REFER, Verb.REPLY_AUTHORITY):
        referral = getattr(ticket, "referral", None)
        return (verb == Verb.REFER or referral is not None) and not (referral and referral.replied_at)
    if verb == Verb.CONCLUDE:
        return ticket.dissatisfied_rounds >= ROUNDS_BEFORE_CONCLUDING and has_talked(ticket)
    return True


# The likely one first: what the person would do next stands first among the buttons.
LIKELY = (
    Verb.CONCLUDE, Verb.ACCEPT, Verb.ARRIVE, Verb.COMPLETE, Verb.RESUME, Verb.DISPATCH, Verb.ANSWER_ON_SPOT,
    Verb.FEED_BACK, Verb.RATE, Verb.SUMMARISE, Verb.FOLLOW_UP, Verb.HOLD, Verb.TRANSFER, Verb.RETURN, Verb.ATTEMPT,
    Verb.JUDGE, Verb.REOPEN, Verb.AMEND, Verb.SUPPLEMENT, Verb.LINK, Verb.TALK, Verb.HAND_OVER,
    Verb.NAME_SUBJECTS, Verb.REVOKE_LINK, Verb.CANCEL, Verb.ANSWER_URGE, Verb.URGE, Verb.OVERSEE, Verb.REFER,
    Verb.REPLY_AUTHORITY,
)  # fmt: skip


def likelihood(verb: Verb, ticket: Ticket) -> float:
    """Where the verb stands among the buttons of this very request; small is early."""
    place = float(LIKELY.index(verb))
    if verb == Verb.ARRIVE and (ticket.kind != Kind.REPAIR or ticket.arrived_at is not None):
        return LIKELY.index(Verb.RETURN) + 0.5  # a second visit, or nowhere to go: it can be told, but is not next
    if verb == Verb.ANSWER_ON_SPOT and ticket.kind == Kind.CONSULTATION:
        return LIKELY.index(Verb.DISPATCH) - 0.5
    if verb == Verb.JUDGE and ticket.kind == Kind.PRAISE:
        return 0.5
    if verb == Verb.JUDGE and ticket.is_valid is not None:
        return LIKELY.index(Verb.REVOKE_LINK) + 0.5
    if verb == Verb.ATTEMPT and ticket.status in (Status.COMPLETED, Status.FED_BACK):
        return LIKELY.index(Verb.RATE) + 0.5
    if verb == Verb.REPLY_AUTHORITY and ticket.status in (Status.COMPLETED, Status.FED_BACK, Status.AWAITING_SUMMARY):
        return LIKELY.index(Verb.SUMMARISE) + 0.5  # the result is there: they wait for it
    if verb == Verb.TALK and ticket.dissatisfied_rounds >= ROUNDS_BEFORE_CONCLUDING:
        return LIKELY.index(Verb.FOLLOW_UP) - 0.5
    return place


def available(ticket: Ticket, by: Actor, *, now: datetime | None = None) -> list[Verb]:
    """The moves ``by`` may make now, the likely one first."""
    moment = now or timezone.now()
    verbs = [verb for verb in LIKELY if can(verb, ticket, by) and is_ready(verb, ticket, by, moment)]
    return sorted(verbs, key=lambda verb: likelihood(verb, ticket))
