"""What group robots and other systems are told of requests: numbers, kinds and times, never a person.

A group is read by whoever happens to be in it, and another system shows what it got to people we do not know. So:
never a name, a phone, a room or anybody's own words; and a complaint about an employee goes to neither, since nobody
can say whether that employee reads along (涉事回避).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shimao_service import outbox, outlets, webhooks
from shimao_service.models import Notice, NoticeStatus, Outlet
from shimao_service.outlets import Topic
from tickets.circumstances import EMERGENCY, NIGHT
from tickets.models import Event, Ticket, TicketSubject
from tickets.sentences import step_words
from tickets.statuses import FINAL, GRADES, Kind, Oversight, Rung, Status, Urgency, Verb

OUTWARD = ("robot", "webhook")

TOPICS = [
    Topic("critical", gettext_lazy("特急"), gettext_lazy("登记为特急，或改为特急"), OUTWARD, ("robot",)),
    Topic("escalated", gettext_lazy("超时升级"), gettext_lazy("临近或超过时限，逐级提醒时"), OUTWARD, ("robot",)),
    Topic("overseen", gettext_lazy("督办"), gettext_lazy("转为经理督办时"), OUTWARD, ("robot",)),
    Topic("collective", gettext_lazy("群诉"), gettext_lazy("三户以上反映同一件事，或登记为群诉"), OUTWARD, ("robot",)),
    Topic("registered", gettext_lazy("新工单"), gettext_lazy("每一件新登记的工单")),
    Topic("urged", gettext_lazy("催单与催办"), gettext_lazy("业主催单、同事催办时")),
    Topic("reopened", gettext_lazy("重新办理"), gettext_lazy("业主不满意或问题未解决时")),
    Topic("closed", gettext_lazy("办结与作废"), gettext_lazy("走完五个步骤，或已作废")),
    Topic("moved", gettext_lazy("每次进展"), gettext_lazy("状态每次变化，供其他系统同步"), ("webhook",), ("webhook",)),
]  # fmt: skip

KINDS = {f"group_{topic.code}": topic.label for topic in TOPICS}
RUNGS = list(Rung)
FIRST_ALARM = "alarm:0"
# The first that applies names the message.
ORDER = [topic.code for topic in TOPICS]

TITLES: dict[str, Any] = {
    "critical": gettext_lazy("特急工单，请立即处理"),
    "escalated": gettext_lazy("工单升级提醒"),
    "overseen": gettext_lazy("工单转经理督办"),
    "collective": gettext_lazy("群诉工单，请尽快处理"),
    "registered": gettext_lazy("新工单"),
    "urged": gettext_lazy("工单被催办"),
    "reopened": gettext_lazy("工单重新办理"),
    "closed": gettext_lazy("工单已办结"),
}  # fmt: skip

TOPIC_OF: dict[str, str] = {
    Verb.REGISTER: "registered",
    Verb.OVERSEE: "overseen",
    Verb.URGE: "urged",
    Verb.REOPEN: "reopened",
}


def topics_of(ticket: Ticket, event: Event) -> list[str]:
    """Which topics an event belongs to, the telling one first."""
    data = event.data or {}
    found = {TOPIC_OF[event.verb]} if event.verb in TOPIC_OF else set()
    if event.verb in (Verb.REGISTER, Verb.REOPEN):
        found |= {"critical"} if ticket.urgency == Urgency.CRITICAL else set()
    if event.verb == Verb.REGISTER:
        found |= {"collective"} if ticket.is_collective else set()
    if event.verb == Verb.AMEND:
        became = {name: pair[-1] for name, pair in data.get("changes", {}).items()}
        found |= {"critical"} if became.get("urgency") == Urgency.CRITICAL else set()
        found |= {"collective"} if became.get("is_collective") else set()
    if event.verb == Verb.ESCALATE:
        found |= _risen(data)
    if event.verb == Verb.OVERSEE and data.get("reason") == Oversight.COLLECTIVE:
        found.add("collective")
    if event.from_status != event.to_status:
        found.add("moved")
        if event.to_status in FINAL:
            found.add("closed")
    return [code for code in ORDER if code in found]


def _risen(data: dict[str, Any]) -> set[str]:
    """A step of a clock; an emergency nobody took up. Its first alarm and the night's word were told as what came."""
    if data.get("clock") == EMERGENCY:
        return set() if data.get("step") == FIRST_ALARM else {"critical"}
    return set() if data.get("clock") == NIGHT else {"escalated"}


def drafts_of_steps(events: Iterable[Event]) -> list[outbox.Draft]:
    """What rose just now, of any number of requests; each event knows its request."""
    steps: dict[int, list[Event]] = {}
    for event in events:
        steps.setdefault(event.ticket_id, []).append(event)
    return drafts_of([(mine[0].ticket, mine) for mine in steps.values()])


def drafts_of(moved: Sequence[tuple[Ticket, Sequence[Event]]]) -> list[outbox.Draft]:
    """What outlets hear of these events of each request, as drafts for the outbox.

    One query whatever their number, and none for events that no topic covers. A new request answered at the counter is
    told as closed, once.
    """
    told = [
        (ticket, event, codes)
        for ticket, events in moved
        for event in _worth_telling(events)
        if (codes := topics_of(ticket, event))
    ]
    if not told:
        return []
    wanted = sorted({code for _ticket, _event, codes in told for code in codes})
    places = ["", *{f"project:{ticket.project_id}" for ticket, _event, _codes in told}]
    mine = Outlet.objects.filter(is_active=True, topics__overlap=wanted, scope__in=places)
    listeners = list(mine.only("pk", "kind", "topics", "scope"))
    if not listeners:
        return []
    tickets = {ticket.pk: ticket for ticket, _event, _codes in told}
    prefetch_related_objects(list(tickets.values()), "project", "building")
    about_somebody = named(tickets.values())
    return [
        _draft(ticket, event, outlet, code)
        for ticket, event, codes in told
        for outlet in listeners
        if ticket.pk not in about_somebody and outlet.scope in ("", f"project:{ticket.project_id}")
        if (code := next((code for code in codes if code in outlet.topics), ""))
    ]


def _worth_telling(events: Sequence[Event]) -> Sequence[Event]:
    """All of them, but of what was answered and done at the counter only its end, and of steps that came together
    only the highest."""
    if any((event.data or {}).get("on_spot") for event in events):
        return [event for event in events if event.to_status in FINAL][-1:]
    steps = [event for event in events if event.verb == Verb.ESCALATE]
    highest = sorted(steps, key=_height)[-1:]
    return [event for event in events if event.verb != Verb.ESCALATE] + highest


def _height(event: Event) -> tuple[bool, int, int]:
    data = event.data or {}
    rung = data.get("rung", "")
    return bool(_risen(data)), RUNGS.index(rung) if rung in RUNGS else -1, event.seq


def named(tickets: Iterable[Ticket]) -> set[int]:
    """Complaints with named subjects: no group and no other system hears of them."""
    complaints = [ticket.pk for ticket in tickets if ticket.kind == Kind.COMPLAINT]
    if not complaints:
        return set()
    return set(TicketSubject.objects.filter(ticket__in=complaints).values_list("ticket_id", flat=True))


def withdraw(ticket: Ticket) -> int:
    """A complaint turns out to be about somebody: what has not left for a group or another system does not leave."""
    waiting = Notice.objects.filter(about=f"ticket:{ticket.pk}", channel__in=OUTWARD, status=NoticeStatus.PENDING)
    return waiting.update(status=NoticeStatus.CANCELLED, next_attempt_at=None)


def _draft(ticket: Ticket, event: Event, outlet: Outlet, code: str) -> outbox.Draft:
    return outbox.Draft(
        key=f"ticket:{ticket.pk}:e{event.seq}",
        recipients=[outlet.recipient],
        channels=(outlet.channel,),
        kind=f"group_{code}",
        title=_title(ticket, event, code),
        body=payload(ticket, event, code) if outlet.is_webhook else text(ticket, event),
        url=ticket.get_absolute_url(),
        about=f"ticket:{ticket.pk}",
        scope=f"project:{ticket.project_id}",
        urgent=code == "critical",
    )


def _title(ticket: Ticket, event: Event, code: str) -> str:
    words = TITLES.get(code) or Verb(event.verb).label
    if event.verb == Verb.ESCALATE and code == "critical":
        words = _("特急工单仍无人接手，请立即处置")
    if code == "closed" and event.to_status == Status.CANCELLED:
        words = _("工单已作废")
    return f"{words}：{ticket.number}"


def text(ticket: Ticket, event: Event) -> str:
    """The lines of a group message: kind and urgency, project and at most the building, status, the next due time."""
    kind = str(Kind(ticket.kind).label)
    if ticket.urgency != Urgency.NORMAL:
        kind += f" · {Urgency(ticket.urgency).label}"
    place = ticket.project.name
    if ticket.building_id and ticket.building:
        place += f" {ticket.building.name}"
    lines = [kind, place, _("状态：%(status)s") % {"status": ticket.status_label}]
    if ticket.due_at:
        due = timezone.localtime(ticket.due_at).strftime("%m-%d %H:%M")
        lines.append(_("最近时限：%(time)s") % {"time": due})
    extra = _extra(event)
    return "\n".join([*lines, extra] if extra else lines)


def _extra(event: Event) -> str:
    """What the event alone knows and may be told: to which rung it rose, why it is overseen, how it was rated."""
    data = event.data or {}
    rung, reason, grade = data.get("rung", ""), data.get("reason", ""), data.get("grade")
    if event.verb == Verb.ESCALATE:
        step = step_words(data.get("clock", ""), data.get("step", ""))
        told = _("已提醒到：%(rung)s") % {"rung": Rung(rung).label} if rung in Rung.values else ""
        return "\n".join(filter(None, (step, told)))
    if event.verb == Verb.OVERSEE and reason in Oversight.values:
        return _("督办原因：%(reason)s") % {"reason": Oversight(reason).label}
    if event.verb == Verb.REOPEN and grade in GRADES:
        return _("评价：%(grade)s") % {"grade": GRADES[grade]}
    return ""


def payload(ticket: Ticket, event: Event, code: str) -> str:
    """A webhook's JSON: codes for programs and no person. ``event`` is such as ``ticket.registered``."""
    subject: dict[str, Any] = {
        "type": "ticket",
        "number": ticket.number,
        "kind": ticket.kind,
        "status": ticket.status,
        "step": ticket.step or "",
        "round": ticket.round,
        "urgency": ticket.urgency,
        "collective": ticket.is_collective,
        "overseen": ticket.overseen_at is not None,
        "project": ticket.project.code,
        "verb": event.verb,
        "from_status": event.from_status,
        "to_status": event.to_status,
    }
    times: dict[str, Callable[[], datetime | None]] = {
        "created_at": lambda: ticket.created_at,
        "due_at": lambda: ticket.due_at,
        "fed_back_at": lambda: ticket.fed_back_at,
        "closed_at": lambda: ticket.closed_at,
    }
    for name, when in times.items():
        moment = when()
        subject[name] = timezone.localtime(moment).isoformat(timespec="seconds") if moment else None
    return webhooks.compose(event=f"ticket.{code}", at=event.at, subject=subject)


def register() -> None:
    """Called when the app is ready."""
    outlets.register_topics(TOPICS)
    outbox.register_kinds(KINDS)
