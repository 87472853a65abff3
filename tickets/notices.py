"""What people are told when a request moves. Rows are left in the move's own transaction (see the outbox).

Titles name the number and the place, never an owner's name or phone: they travel by mail and on lock screens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shimao_service import outbox
from shimao_service.actors import Actor, ActorKind
from staff.models import Employee
from tickets import escalation, group_messages, ways
from tickets.letters import about, letter
from tickets.models import Event, Ticket, Urge
from tickets.recipients import LADDER, Audience, Roster, addresses
from tickets.statuses import GRADES, MANAGER_AT, SUPERVISOR_AT, Kind, Oversight, Status, Urgency, Verb

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Told = Callable[[Audience, Event], list[Employee]]


@dataclass(frozen=True, slots=True)
class Telling:
    """Who hears of an event, in which words."""

    to: Told
    title: StrOrPromise
    kind: str


def _urgent_or_web(audience: Audience, event: Event) -> list[Employee]:
    """What came by itself, and complaints. Who hears of an emergency, and of what comes at night, rises (see there)."""
    ticket = audience.ticket
    if ticket.urgency == Urgency.CRITICAL and ticket.kind != Kind.PRAISE:
        return audience.desk() if audience.is_served else []
    if comes_at_night(audience, event):
        return []
    if event.actor_kind != "employee" or ticket.kind == Kind.COMPLAINT:
        return [*audience.desk(), *audience.supervisors()]
    return []


def comes_at_night(audience: Audience, event: Event) -> bool:
    """Whether it came in by itself while the desk is closed, and is no praise: that can wait for the morning."""
    return (
        event.verb == Verb.REGISTER
        and event.actor_kind != ActorKind.EMPLOYEE
        and audience.ticket.kind != Kind.PRAISE
        and not audience.is_served
    )


def _referred(audience: Audience, event: Event) -> list[Employee]:
    """An authority's deadline that was not known when the request came in."""
    if audience.ticket.created_at == event.at:
        return []
    return [*audience.handler(), *audience.first_receiver(), *audience.supervisors()]


def _returned(audience: Audience, event: Event) -> list[Employee]:
    people = [*audience.first_receiver(), *audience.desk()]
    if audience.ticket.urgency == Urgency.CRITICAL:
        return people  # the supervisors are alarmed
    return [*people, *audience.supervisors()] if (event.data or {}).get("times", 0) >= 2 else people


def _rated(audience: Audience, event: Event) -> list[Employee]:
    if (event.data or {}).get("grade", 5) <= 2:
        return [*audience.first_receiver(), *audience.handler(), *audience.supervisors()]
    return [*audience.first_receiver(), *audience.handler()]


def _judged(audience: Audience, event: Event) -> list[Employee]:
    # A verified praise reaches the employee it is about; the verdict on a complaint goes to who keeps its loop.
    if audience.ticket.kind == Kind.PRAISE:
        return audience.subject_employees() if (event.data or {}).get("valid") else []
    return audience.first_receiver()


def _urged(audience: Audience, event: Event) -> list[Employee]:
    """The first call: who has it and who keeps its loop; the owner's second the supervisor too, and on the manager.

    The third itself reaches the manager as what it becomes: 督办. Who is on leave or gone is stood in for.
    """
    holder = audience.present_holder() if audience.ticket.department_id else audience.desk()
    people = [*holder, *audience.present_receiver()]
    nth = (event.data or {}).get("nth", 1)
    people += audience.present_of(LADDER) if nth >= SUPERVISOR_AT else []
    return people + (audience.present_of(LADDER[2:]) if nth > MANAGER_AT else [])


def _overseen(audience: Audience, event: Event) -> list[Employee]:
    if event.actor_kind == "system":
        return [*audience.present_of(LADDER[2:]), *audience.present_of(LADDER)]
    return [*_urged(audience, event), *audience.present_of(LADDER)]


def _answered(audience: Audience, event: Event) -> list[Employee]:
    """Who urged reads what came of it; for an owner who did, who keeps the loop."""
    data = event.data or {}
    urgers = data.get("urgers")
    people = audience.only(Employee.objects.filter(pk__in=urgers)) if urgers else []
    return [*people, *audience.first_receiver()] if data.get("to_owner") else people


TELLINGS: dict[str, Telling] = {
    Verb.REGISTER: Telling(_urgent_or_web, gettext_lazy("新工单待派单：%s"), "registered"),
    Verb.DISPATCH: Telling(lambda a, e: a.holder(), gettext_lazy("派给您的工单：%s"), "dispatched"),
    Verb.TRANSFER: Telling(lambda a, e: a.holder(), gettext_lazy("改派给您的工单：%s"), "dispatched"),
    Verb.RETURN: Telling(_returned, gettext_lazy("工单被退回，请重新派单：%s"), "returned"),
    Verb.COMPLETE: Telling(lambda a, e: a.first_receiver(), gettext_lazy("已处理完成，请回复业主：%s"), "completed"),
    Verb.RATE: Telling(_rated, gettext_lazy("业主已评价：%s"), "rated"),
    Verb.TIME_OUT: Telling(lambda a, e: a.first_receiver(), gettext_lazy("业主逾期未评价，请总结：%s"), "timed_out"),
    Verb.REOPEN: Telling(
        lambda a, e: [*(a.holder() if a.ticket.department_id else a.desk()), *a.first_receiver(), *a.supervisors()],
        gettext_lazy("重新办理：%s"),
        "reopened",
    ),
    Verb.CONCLUDE: Telling(lambda a, e: a.first_receiver(), gettext_lazy("已终结办理，请总结：%s"), "concluded"),
    Verb.CANCEL: Telling(lambda a, e: [*a.handler(), *a.first_receiver()], gettext_lazy("工单已作废：%s"), "cancelled"),
    Verb.SUPPLEMENT: Telling(
        lambda a, e: [*(a.holder() if a.ticket.department_id else []), *a.first_receiver()],
        gettext_lazy("业主有补充：%s"),
        "supplemented",
    ),
    Verb.AMEND: Telling(lambda a, e: a.handler(), gettext_lazy("登记内容有更正：%s"), "amended"),
    Verb.HAND_OVER: Telling(lambda a, e: a.first_receiver(), gettext_lazy("您已接任首问责任人：%s"), "handed_over"),
    Verb.JUDGE: Telling(_judged, gettext_lazy("认定结果：%s"), "judged"),
    Verb.URGE: Telling(_urged, gettext_lazy("催办，请尽快处理并答复：%s"), "urged"),
    Verb.OVERSEE: Telling(_overseen, gettext_lazy("经理督办，请尽快处理并答复：%s"), "overseen"),
    Verb.REFER: Telling(_referred, gettext_lazy("登记了转办要求，请留意时限：%s"), "referred"),
    Verb.ANSWER_URGE: Telling(_answered, gettext_lazy("催办已答复：%s"), "urge_answered"),
    Verb.FOLLOW_UP: Telling(_answered, gettext_lazy("催办已答复：%s"), "urge_answered"),
    Verb.FEED_BACK: Telling(_answered, gettext_lazy("催办已答复：%s"), "urge_answered"),
}


def _title(telling: Telling, event: Event) -> str:
    """What the inbox reads; a rating with its grade, since "dissatisfied" must not wait to be opened; why it rose."""
    data = event.data or {}
    grade = data.get("grade")
    if event.verb == Verb.URGE and data.get("by") == Urge.By.OWNER:
        return str(gettext_lazy("业主第 {n} 次催单，请尽快处理并答复：%s")).format(n=data.get("nth", 1))
    if event.verb == Verb.OVERSEE and event.actor_kind == "system":
        reason = data.get("reason", "")
        label = Oversight(reason).label if reason in Oversight.values else ""
        return str(gettext_lazy("转经理督办（{reason}）：%s")).format(reason=label)
    if event.verb != Verb.RATE or grade not in GRADES:
        return str(telling.title)
    return str(gettext_lazy("业主评价“{grade}”：%s")).format(grade=GRADES[grade])


def announce(moved: Sequence[tuple[Ticket, Sequence[Event]]], *, by: Actor, now: datetime) -> None:
    """Tell whom the events of these requests concern, except who made them. Called inside the move's transaction."""
    # Kept in the company's language, whatever the language of whoever acts.
    with translation.override(settings.LANGUAGE_CODE):
        drafts = group_messages.drafts_of(moved)
        roster = Roster([ticket for ticket, _events in moved], now)
        for ticket, events in moved:
            # Answered and done at the counter: nobody waits for anything.
            if ticket.kind == Kind.PRAISE or not any((event.data or {}).get("on_spot") for event in events):
                drafts += _drafts(Audience(ticket, roster), events, by)
        if drafts:
            outbox.post_all(drafts, now=now)


def _drafts(audience: Audience, events: Sequence[Event], by: Actor) -> list[outbox.Draft]:
    me = f"user:{by.viewer.user.pk}" if by.is_employee and by.viewer.user else ""
    now = audience.roster.at
    drafts = escalation.raise_all(_rising(audience, events, now), now=now, but=me)
    drafts += [draft for event in events for draft in _told(audience, event, me)]
    return drafts + owner_drafts(audience.ticket, events)


def _rising(audience: Audience, events: Sequence[Event], now: datetime) -> list[escalation.Rise]:
    """What cannot wait for the tick: an emergency; and who is told at night of what came in by itself."""
    ticket = audience.ticket
    if escalation.is_alarming(ticket, events):
        return [escalation.of_emergency(ticket, 0, audience, due_at=now)]
    if any(comes_at_night(audience, event) for event in events):
        return [escalation.of_night(ticket, audience, at=now)]
    return []


def _told(audience: Audience, event: Event, me: str) -> list[outbox.Draft]:
    ticket = audience.ticket
    telling = TELLINGS.get(event.verb)
    if telling is None or (event.data or {}).get("on_spot"):
        return []
    people = [address for address in addresses(telling.to(audience, event)) if address != me]
    if not people:
        return []
    # The praised employee may not see the request itself.
    open_page = not (event.verb == Verb.JUDGE and ticket.kind == Kind.PRAISE)
    is_new = event.verb in (Verb.REGISTER, Verb.DISPATCH, Verb.TRANSFER)
    return [
        letter(
            ticket,
            people,
            key=f"ticket:{ticket.pk}:e{event.seq}",
            kind=telling.kind,
            title=_title(telling, event) % about(ticket),
            body=ticket.headline if is_new else event.note[:200],
            url=ticket.get_absolute_url() if open_page else "",
        )
    ]


def owner_drafts(ticket: Ticket, events: Sequence[Event]) -> list[outbox.Draft]:
    """What is written to the owner: the result with the question, where there is a way to write."""
    if not ways.to_owner(ticket):
        return []
    if ticket.status == Status.FED_BACK and any(event.verb == Verb.FEED_BACK for event in events):
        return [satisfaction_draft(ticket, f"ticket:{ticket.pk}:r{ticket.round}:satisfaction_asked")]
    return []


def satisfaction_draft(ticket: Ticket, key: str) -> outbox.Draft:
    """The question whether the owner is satisfied, by the way there is. Its link is made when it is sent."""
    return outbox.Draft(
        key=key,
        recipients=[f"ticket:{ticket.pk}"],
        channels=(ways.to_owner(ticket),),
        kind="owner_satisfaction",
        title=_("您的%(kind)s %(number)s 已有结果，请评价")
        % {"kind": Kind(ticket.kind).label, "number": ticket.number},
        body=_("您好，您反映的事项已处理并回复。请打开下面的链接查看结果并评价，只需点一下。"),
        link=f"track:{ticket.pk}",
        about=f"ticket:{ticket.pk}",
        scope=f"project:{ticket.project_id}",
    )
