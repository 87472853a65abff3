"""A request as its owner may read it: what happened, in the owner's words, and nothing else.

An allow-list: an event that no line below puts into words is not told. Liability, causes, notes between
colleagues, verdicts, links to neighbours' requests and whom a complaint is about never get here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from shimao_service.actors import ActorKind
from shimao_service.looks import day_words, moment_words
from tickets.models import Attachment, Event, Ticket
from tickets.statuses import GRADES, Channel, HoldReason, Kind, Oversight, Status, Verb

OWNER_SIDE = (ActorKind.LINK, ActorKind.OWNER)
# What owners wrote themselves: after the request went to another owner, the words stay with who wrote them.
OWN_WORDS = (Verb.SUPPLEMENT, Verb.RATE, Verb.REOPEN, Verb.URGE)
COMPOUND_SURNAMES = (
    "欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "夏侯", "长孙", "宇文",
    "端木",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. ``words`` is the sentence, ``said`` what somebody wrote, ``pictures`` go with it."""

    at: datetime
    round: int
    words: str
    said: str = ""
    tone: str = "done"
    pictures: list[Attachment] = field(default_factory=list)


def master(name: str) -> str:
    """``周建国`` → ``周师傅``: the family name is enough to open the door to."""
    if not name:
        return _("师傅")
    family = name[:2] if name[:2] in COMPOUND_SURNAMES and len(name) > 2 else name[:1]
    return _("%(family)s师傅") % {"family": family}


def _holder(data: dict[str, Any]) -> str:
    department, handler = data.get("department_name", ""), data.get("handler_name", "")
    return " ".join(part for part in (department, master(handler) if handler else "") if part)


def _moment(text: str | None) -> datetime | None:
    moment = parse_datetime(text) if text else None
    return timezone.localtime(moment) if moment else None


def _register(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    return _("已登记"), ""


def _dispatch(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    if data.get("on_spot"):
        return None
    return _("已派给%(whom)s") % {"whom": _holder(data)}, ""


def _transfer(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    holder = _holder(data)
    return (_("已转给%(whom)s") % {"whom": holder} if holder else _("正在重新安排人员")), ""


def _return(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    return _("正在重新安排人员"), ""


def _accept(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    return None if data.get("on_spot") else (_("%(who)s已接单") % {"who": master(event.actor_name)}, "")


def _arrive(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    return _("%(who)s已到场") % {"who": master(event.actor_name)}, ""


def _follow_up(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    if not data.get("answered"):
        return None
    promised = _moment(data.get("promised_at"))
    if promised:
        when = moment_words(promised, timezone.localtime(event.at))
        return _("答复您，并约定%(when)s 前再联系") % {"when": when}, event.note
    return _("答复您"), event.note


def hold_words(reason: str) -> str:
    """Why it rests, said to the owner."""
    return {
        HoldReason.APPOINTMENT.value: _("按约定的时间上门"),
        HoldReason.PARTS.value: _("正在等配件"),
        HoldReason.THIRD_PARTY.value: _("正在等外部单位配合"),
        HoldReason.DEVELOPER.value: _("正在等开发商处理"),
        HoldReason.FUNDS.value: _("正在等维修资金或业主表决"),
        HoldReason.NEIGHBOUR.value: _("需要相邻住户配合"),
        HoldReason.WEATHER.value: _("天气不允许施工"),
    }.get(reason, _("暂时不能继续"))


def _hold(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    until = _moment(data.get("resume_at"))
    words = hold_words(data.get("reason", ""))
    if until:
        day = day_words(until.date(), timezone.localdate(event.at))
        return _("暂缓：%(why)s，预计%(day)s 继续") % {"why": words, "day": day}, ""
    return _("暂缓：%(why)s") % {"why": words}, ""


def _resume(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    return _("继续处理"), ""


def _complete(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    return None if data.get("on_spot") else (_("已处理完成"), "")


def _feed_back(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    if data.get("channel") == Channel.UNREACHABLE:
        return _("没能联系上您，结果在这里留言"), event.note
    return _("处理结果"), event.note


def _rate(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    grade = str(GRADES.get(data.get("grade", 0), ""))
    if event.actor_kind == ActorKind.EMPLOYEE:
        return _("我们代您记录的评价：%(grade)s") % {"grade": grade}, event.note
    return _("您的评价：%(grade)s") % {"grade": grade}, event.note


def _time_out(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    return _("一周内没有收到您的评价，先行归档"), ""


def _summarise(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    return (_("已结案") if event.ticket.kind == Kind.COMPLAINT else _("已办结")), ""


def _conclude(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    return _("主管与您沟通后，已结束办理"), ""


def _reopen(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    # A rating of 1 or 2 stands as its own line just before; its words are not said twice.
    own = event.actor_kind in OWNER_SIDE and data.get("because") != "dissatisfied"
    holder = _holder(data)
    words = _("重新处理，已派给%(whom)s") % {"whom": holder} if holder else _("重新处理，正在安排人员")
    return words, event.note if own else ""


def _cancel(event: Event, data: dict[str, Any]) -> tuple[str, str]:
    if event.actor_kind in OWNER_SIDE:
        return _("您已撤销"), event.note
    return _("已作废，如有疑问请联系物业前台"), ""


def _supplement(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    return (_("您的补充"), event.note) if event.actor_kind in OWNER_SIDE else None


def _urge(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    """What the owner urged, or the desk wrote down for the owner; what colleagues urge among themselves is theirs."""
    if event.actor_kind in OWNER_SIDE:
        return _("您催了一次，已转告处理人员"), event.note
    return (_("您来催过，我们已记下并转告处理人员"), "") if data.get("recorded") else None


def _answer_urge(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    return (_("答复您的催促"), event.note) if data.get("to_owner") else None


def _oversee(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    return (_("已请项目经理督办"), "") if data.get("reason") == Oversight.URGED else None


AMENDED = {
    "kind": lambda: _("类型"),
    "unit": lambda: _("房屋"),
    "place": lambda: _("位置"),
    "contact_name": lambda: _("联系人"),
    "contact_phone": lambda: _("联系电话"),
    "contact_email": lambda: _("联系邮箱"),
    "appointment_at": lambda: _("预约时间"),
    "description": lambda: _("内容"),
    "owner": lambda: _("报事人"),
}


def _amend(event: Event, data: dict[str, Any]) -> tuple[str, str] | None:
    """Which of the owner's data was put right, never what stood there before: it may be somebody else's."""
    names = [words() for name, words in AMENDED.items() if name in data.get("changes", {})]
    return (_("已更正登记信息：%(what)s") % {"what": "、".join(names)}, "") if names else None


Telling = Callable[[Event, dict[str, Any]], tuple[str, str] | None]
WORDS: dict[str, Telling] = {
    Verb.REGISTER: _register,
    Verb.DISPATCH: _dispatch,
    Verb.TRANSFER: _transfer,
    Verb.RETURN: _return,
    Verb.ACCEPT: _accept,
    Verb.ARRIVE: _arrive,
    Verb.FOLLOW_UP: _follow_up,
    Verb.HOLD: _hold,
    Verb.RESUME: _resume,
    Verb.COMPLETE: _complete,
    Verb.FEED_BACK: _feed_back,
    Verb.RATE: _rate,
    Verb.TIME_OUT: _time_out,
    Verb.SUMMARISE: _summarise,
    Verb.CONCLUDE: _conclude,
    Verb.REOPEN: _reopen,
    Verb.CANCEL: _cancel,
    Verb.SUPPLEMENT: _supplement,
    Verb.AMEND: _amend,
    Verb.URGE: _urge,
    Verb.ANSWER_URGE: _answer_urge,
    Verb.OVERSEE: _oversee,
}
TONES: dict[str, str] = {
    Verb.HOLD: "paused",
    Verb.REOPEN: "moving",
    Verb.RETURN: "warning",
    Verb.TIME_OUT: "muted",
    Verb.CANCEL: "muted",
    Verb.AMEND: "muted",
    Verb.URGE: "warning",
    Verb.ANSWER_URGE: "moving",
}
# Pictures that owners sent, and those of the result; what staff photograph for each other stays with them.
WITH_PICTURES = (Verb.REGISTER, Verb.SUPPLEMENT, Verb.COMPLETE)


def story(ticket: Ticket) -> list[Line]:
    """What happened, oldest first."""
    events = list(ticket.events.prefetch_related("attachments").order_by("seq"))
    handed = handed_to_another(events)
    lines = []
    for event in events:
        event.ticket = ticket
        told = WORDS[event.verb](event, event.data or {}) if event.verb in WORDS else None
        if told is None:
            continue
        words, said = told
        pictures = list(event.attachments.all()) if event.verb in WITH_PICTURES else []
        if event.seq < handed and event.verb in OWN_WORDS:
            if event.verb in (Verb.SUPPLEMENT, Verb.URGE):
                continue
            said, pictures = "", []
        if event.seq < handed and event.verb == Verb.REGISTER:
            pictures = []
        lines.append(Line(event.at, event.round, words, said, TONES.get(event.verb, "done"), pictures))
    return lines


def result(ticket: Ticket) -> str:
    """What the owner was told of this round, to be read before it is rated."""
    told = ticket.events.filter(verb=Verb.FEED_BACK, round=ticket.round).order_by("-seq")
    return told.values_list("note", flat=True).first() or ""


def handed_to_another(events: Iterable[Event]) -> int:
    """The ``seq`` of the amendment that gave the request to another owner; 0 when none did."""
    return max(
        (e.seq for e in events if e.verb == Verb.AMEND and "owner" in ((e.data or {}).get("changes") or {})), default=0
    )


def pictures(ticket: Ticket) -> dict[int, Attachment]:
    """By id, the pictures that the story shows."""
    return {picture.pk: picture for line in story(ticket) for picture in line.pictures}


def headline(ticket: Ticket) -> tuple[str, str, str]:
    """``(words, tone, icon)``: how it stands, in one sentence."""
    handler = master(ticket.handler.name) if ticket.handler_id and ticket.handler else ""
    department = ticket.department.name if ticket.department_id and ticket.department else ""
    status = ticket.status
    if status == Status.REGISTERED:
        words = _("正在重新安排人员") if ticket.returns or ticket.round > 1 else _("已收到，正在安排人员")
        return words, "waiting", "inbox"
    if status == Status.DISPATCHED:
        whom = handler or department
        return _("已派给%(whom)s，等待接单") % {"whom": whom}, "moving", "send"
    if status == Status.IN_PROGRESS:
        if ticket.arrived_at:
            return _("%(who)s已到场，正在处理") % {"who": handler}, "moving", "tool"
        return _("%(who)s正在处理") % {"who": handler}, "moving", "tool"
    if status == Status.ON_HOLD:
        return _("暂缓：%(why)s") % {"why": hold_words(ticket.hold_reason)}, "paused", "player-pause"
    if status == Status.COMPLETED:
        return _("已处理完成，稍后回复您"), "moving", "circle-check"
    if status == Status.FED_BACK:
        return _("已处理，请您评价"), "moving", "star"
    if status == Status.CANCELLED:
        return (_("您已撤销") if ticket.cancelled_by_owner else _("已作废")), "waiting", "circle-x"
    if status == Status.CLOSED:
        return (_("已结案") if ticket.kind == Kind.COMPLAINT else _("已办结")), "done", "circle-check"
    return _("已处理，正在归档"), "done", "circle-check"
