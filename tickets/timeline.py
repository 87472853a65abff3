"""The story of a request in sentences: who did what, how long it stood there, and which promise broke when.

Pure functions of events and clocks; pages, prints and exports read the same lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from shimao_service.actors import ActorKind
from shimao_service.looks import duration_words
from shimao_service.privacy import mask_name, mask_phone
from tickets import sentences
from tickets.custody import assignee, data_of, when
from tickets.models import Clock, Event, Ticket
from tickets.promises import span
from tickets.sentences import Words, moment
from tickets.sentences import channel as _channel
from tickets.statuses import (
    CLAUSE_OF,
    GRADES,
    Channel,
    ClockName,
    HoldReason,
    Kind,
    Level,
    Liability,
    Source,
    Urgency,
    Verb,
)

CHOICES: dict[str, Any] = {"kind": Kind, "urgency": Urgency, "level": Level}
# What the regulation asks at each clock; a breach names it.
CLAUSE_OF_CLOCK = {
    ClockName.RESPONSE: CLAUSE_OF[Verb.ACCEPT],
    ClockName.ON_SITE: CLAUSE_OF[Verb.ARRIVE],
    ClockName.ANSWER: CLAUSE_OF[Verb.FEED_BACK],
    ClockName.RESOLUTION: CLAUSE_OF[Verb.COMPLETE],
}
TONES = {
    Verb.RETURN: "warning", Verb.TRANSFER: "warning", Verb.HOLD: "paused", Verb.REOPEN: "warning",
    Verb.CANCEL: "muted", Verb.TIME_OUT: "warning", Verb.ATTEMPT: "muted", Verb.AMEND: "muted",
    Verb.NAME_SUBJECTS: "muted", Verb.LINK: "muted", Verb.UNLINK: "muted", Verb.REVOKE_LINK: "muted",
    Verb.HAND_OVER: "muted", Verb.SUPPLEMENT: "muted", Verb.FOLLOW_UP: "moving", Verb.ARRIVE: "moving",
    Verb.CONCLUDE: "warning",
} | sentences.TONES  # fmt: skip


@dataclass(slots=True)
class Line:
    """One mark on the timeline. ``what`` is the verb in words, ``object`` what stands in bold behind it."""

    at: datetime
    who: str
    what: str
    round: int
    object: str = ""
    note: str = ""
    details: list[str] = field(default_factory=list)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    tone: str = "done"
    dwell: str = ""
    late: str = ""
    pictures: list[int] = field(default_factory=list)
    seq: int = 0
    new_day: bool = False
    # Of a promise that broke: which clock's.
    clock: str = ""


# The step of the ladder that rises with the breach itself, and how soon after it one line tells both.
BREACH_STEP = "percent:100"
TOLD_WITH_IT = timedelta(minutes=2)


def story(ticket: Ticket, events: Sequence[Event], clocks: Sequence[Clock], now: datetime) -> list[Line]:
    """Everything that happened, and every promise that broke, in the order of time."""
    told = _retell(ticket, events, _lines(events, clocks))
    broken = list(breaches(ticket, clocks, now))
    lines = sorted([*_join(told, events, broken), *broken], key=lambda line: (line.at, line.seq))
    day = timezone.localdate(now)
    for line in lines:
        line.new_day = timezone.localdate(line.at) != day
        day = timezone.localdate(line.at)
    return lines


def _join(told: list[Line], events: Sequence[Event], broken: Sequence[Line]) -> list[Line]:
    """A promise that broke and the step that rose with it are one line: what ran out, and who was told."""
    rose = {
        event.seq: (event.round, data_of(event).get("clock"))
        for event in events
        if event.verb == Verb.ESCALATE and data_of(event).get("step") == BREACH_STEP
    }
    left = []
    for line in told:
        mark = next(
            (
                each
                for each in broken
                if (each.round, each.clock) == rose.get(line.seq) and line.at - each.at < TOLD_WITH_IT
            ),
            None,
        )
        if mark is None:
            left.append(line)
        else:
            mark.details.extend(line.details)
    return left


def _retell(ticket: Ticket, events: Sequence[Event], lines: list[Line]) -> list[Line]:
    """What the kind of request or the counter makes of an event: done on the spot is one sentence, not five."""
    told = []
    dwell = ""
    for event, line in zip(events, lines, strict=True):
        on_spot = bool(data_of(event).get("on_spot"))
        if on_spot and event.verb in (Verb.DISPATCH, Verb.ACCEPT, Verb.COMPLETE):
            dwell = dwell or line.dwell
            continue
        line.dwell, dwell = line.dwell or dwell, ""
        if on_spot and event.verb == Verb.FEED_BACK:
            line.what = pgettext("story", "当场答复")
        if on_spot and event.verb == Verb.SUMMARISE:
            line.what, line.details = pgettext("story", "办结"), []
        if event.verb == Verb.JUDGE and ticket.kind == Kind.PRAISE:
            line.what = _("核实表扬，")
            line.object = _("属实") if data_of(event).get("valid") else _("不属实")
        told.append(line)
    return told


def sentence(event: Event) -> Line:
    """One event by itself, without what came before: for "what changed since"."""
    return _lines([event], [])[0]


def _lines(events: Sequence[Event], clocks: Sequence[Clock]) -> list[Line]:
    lines = []
    since: datetime | None = None
    timed_out: set[int] = set()
    late = {(clock.round, clock.met_at): clock for clock in clocks if clock.met_at and clock.met_at > clock.due_at}
    for event in events:
        words = WORDS.get(event.verb, _plain)(event)
        line = Line(
            at=event.at,
            who=actor(event) if words.who is None else words.who,
            what=words.what,
            round=event.round,
            object=words.object,
            note=event.note if words.note is None else words.note,
            details=words.details,
            changes=words.changes,
            tone=words.tone or TONES.get(Verb(event.verb), "done"),
            pictures=list(getattr(event, "picture_ids", None) or []),
            seq=event.seq,
        )
        timed_out |= {event.round} if event.verb == Verb.TIME_OUT else set()
        if event.verb != Verb.ANSWER_URGE and (answered := sentences.answered_words(data_of(event))):
            line.details.append(answered)
        if event.verb == Verb.RATE and event.round in timed_out:
            line.details.append(_("逾期评价"))
        moved = event.from_status != event.to_status
        if moved and since is not None and event.at - since >= timedelta(minutes=1):
            line.dwell = _("停留 %(span)s") % {"span": duration_words(event.at - since)}
        if moved or since is None:
            since = event.at
        clock = late.pop((event.round, event.at), None)
        if clock is not None:
            line.late = _("超时 %(span)s") % {"span": duration_words(event.at - clock.due_at)}
        lines.append(line)
    return lines


def breaches(ticket: Ticket, clocks: Iterable[Clock], now: datetime) -> Iterable[Line]:
    """A mark at the moment each promise broke, with the clause it rests on."""
    for clock in clocks:
        end = clock.met_at or clock.stopped_at or clock.paused_at or now
        if end <= clock.due_at:
            continue
        words = {"clock": ClockName(clock.name).label, "limit": span(clock.amount, clock.unit)}
        yield Line(
            at=clock.due_at,
            who="",
            what=_("%(clock)s时限已过") % words,
            round=clock.round,
            note="",
            details=[
                _("时限 %(limit)s · 依据制度 %(clause)s")
                % {"limit": words["limit"], "clause": CLAUSE_OF_CLOCK[ClockName(clock.name)]}
            ]
            if clock.amount
            else [_("依据制度 %(clause)s") % {"clause": CLAUSE_OF_CLOCK[ClockName(clock.name)]}],
            tone="overdue",
            seq=1_000_000,
            clock=clock.name,
        )


def actor(event: Event) -> str:
    """Staff by name; owners masked; the system as itself."""
    if event.actor_kind == ActorKind.EMPLOYEE:
        return event.actor_name
    if event.actor_kind == ActorKind.SYSTEM:
        return _("系统")
    name = event.actor_name
    return _("业主") if not name or name in ("业主", "匿名") else _("业主 %(name)s") % {"name": mask_name(name)}


# --- words, a function a verb ---------------------------------------------------------------------
# Some languages name a step and tell of it in two forms: 接单 is "Accept" on a button, "accepted" in the story.
PLAIN: dict[str, Any] = {
    Verb.ACCEPT: pgettext_lazy("story", "接单"),
    Verb.COMPLETE: pgettext_lazy("story", "处理完成"),
    Verb.CONCLUDE: pgettext_lazy("story", "终结办理"),
    Verb.SUPPLEMENT: pgettext_lazy("story", "补充"),
}


def _plain(event: Event) -> Words:
    return Words(str(PLAIN.get(event.verb) or Verb(event.verb).label))


def _register(event: Event) -> Words:
    if event.actor_kind != ActorKind.EMPLOYEE:
        return Words(pgettext("story", "提交"), details=[_("通过网页")])
    source = data_of(event).get("source", "")
    label = Source(source).label if source in Source.values else ""
    return Words(
        _("接待并登记"), details=[_("%(source)s · 首问责任人") % {"source": label} if label else _("首问责任人")]
    )


def _dispatch(event: Event) -> Words:
    return Words(_("派单给"), assignee(data_of(event)))


def _transfer(event: Event) -> Words:
    data = data_of(event)
    before = assignee(
        {"department_name": data.get("from_department_name"), "handler_name": data.get("from_handler_name")}
    )
    return Words(
        _("改派给"), assignee(data), details=[_("原由 %(before)s 负责") % {"before": before}] if before else []
    )


def _return(event: Event) -> Words:
    times = data_of(event).get("times", 1)
    return Words(pgettext("story", "退单"), details=[_("第 %(n)s 次退单") % {"n": times}] if times > 1 else [])


def _arrive(event: Event) -> Words:
    place = data_of(event).get("place")
    return Words(pgettext("story", "到场"), details=[_("位置 %(place)s") % {"place": place}] if place else [])


def _follow_up(event: Event) -> Words:
    details = []
    if data_of(event).get("answered"):
        details.append(_("已答复业主"))
    promised = when(data_of(event).get("promised_at"))
    if promised:
        details.append(_("约定 %(time)s 前再联系") % {"time": moment(promised)})
    return Words(pgettext("story", "跟进"), details=[" · ".join(details)] if details else [])


def _hold(event: Event) -> Words:
    reason = data_of(event).get("reason", "")
    until = when(data_of(event).get("resume_at"))
    label = str(HoldReason(reason).label) if reason in HoldReason.values else reason
    details = [_("预计 %(time)s 恢复") % {"time": moment(until)}] if until else []
    if reason == HoldReason.OTHER:
        details.append(_("不停表"))
    return Words(pgettext("story", "挂起"), label, details=[" · ".join(details)] if details else [])


def _resume(event: Event) -> Words:
    return Words(_("到期，恢复处理") if event.actor_kind == ActorKind.SYSTEM else pgettext("story", "恢复处理"))


def _feed_back(event: Event) -> Words:
    if data_of(event).get("channel") == Channel.UNREACHABLE:
        return Words(_("联系不上业主，结果留待查询"), tone="warning")
    return Words(_("回复业主并请评价"), details=[_channel(event)] if _channel(event) else [])


def _attempt(event: Event) -> Words:
    return Words(pgettext("story", "联系业主"), _channel(event))


def _rate(event: Event) -> Words:
    data = data_of(event)
    grade = int(data.get("grade", 0))
    tone = "overdue" if grade <= 2 else "done"
    label = str(GRADES.get(grade, grade))
    if event.actor_kind != ActorKind.EMPLOYEE:
        return Words(pgettext("story", "评价"), label, tone=tone)
    how = _channel(event)
    details = [_("业主以%(how)s告知") % {"how": how}] if how else []
    return Words(pgettext("story", "代录评价"), label, details=details, tone=tone)


def _time_out(event: Event) -> Words:
    return Words(_("7 天内未收到评价，按未评价处理"))


def _talk(event: Event) -> Words:
    return Words(_("与业主面谈"))


def _summarise(event: Event) -> Words:
    data = data_of(event)
    rows = [(_("原因"), data.get("cause", ""))]
    liability = data.get("liability", "")
    rows.append((pgettext("story", "责任"), str(Liability(liability).label) if liability in Liability.values else ""))
    rows.append((_("改进"), data.get("improvement", "")))
    return Words(
        pgettext("story", "总结并办结"), details=[f"{name}{_('：')}{value}" for name, value in rows if value], note=""
    )


def _reopen(event: Event) -> Words:
    to = assignee(data_of(event))
    details = [_("交回 %(to)s") % {"to": to}] if to else [_("等待重新派单")]
    if data_of(event).get("because") == "dissatisfied":
        # The grade's own line says who was not satisfied, and in which words.
        return Words(_("业主不满意，进入第 %(n)s 轮") % {"n": event.round}, details=details, note="", who="")
    return Words(_("重新办理，进入第 %(n)s 轮") % {"n": event.round}, details=details)


def _judge(event: Event) -> Words:
    return Words(_("认定为"), _("有效") if data_of(event).get("valid") else _("无效"))


def _name_subjects(event: Event) -> Words:
    data = data_of(event)
    before, after = ("、".join(data.get(name, [])) for name in ("before", "after"))
    return Words(_("更正涉及员工"), changes=[(_("涉及员工"), before or _("无"), after or _("无"))])


def _hand_over(event: Event) -> Words:
    data = data_of(event)
    before = data.get("from_name", "")
    return Words(
        _("移交首问责任给"), data.get("to_name", ""), details=[_("原为 %(name)s") % {"name": before}] if before else []
    )


def _link(event: Event) -> Words:
    return Words(pgettext("story", "关联"), data_of(event).get("number", ""))


def _unlink(event: Event) -> Words:
    return Words(pgettext("story", "取消关联"), data_of(event).get("number", ""))


def _revoke(event: Event) -> Words:
    return Words(pgettext("story", "作废查询链接"))


def _cancel(event: Event) -> Words:
    return Words(
        pgettext("story", "撤销")
        if event.actor_kind in (ActorKind.OWNER, ActorKind.LINK)
        else pgettext("story", "作废工单")
    )


def _amend(event: Event) -> Words:
    data = data_of(event)
    changes = [
        (field_label(name), amended(name, values[0]), amended(name, values[1]))
        for name, values in data.get("changes", {}).items()
    ]
    details = [_("原查询链接已作废")] if data.get("link_revoked") else []
    return Words(pgettext("story", "更正登记"), changes=changes, details=details)


WORDS: dict[str, Callable[[Event], Words]] = {
    Verb.REGISTER: _register, Verb.DISPATCH: _dispatch, Verb.TRANSFER: _transfer, Verb.RETURN: _return,
    Verb.ARRIVE: _arrive, Verb.FOLLOW_UP: _follow_up, Verb.HOLD: _hold, Verb.RESUME: _resume,
    Verb.FEED_BACK: _feed_back, Verb.ATTEMPT: _attempt, Verb.RATE: _rate,
    Verb.TIME_OUT: _time_out, Verb.TALK: _talk, Verb.SUMMARISE: _summarise, Verb.REOPEN: _reopen, Verb.JUDGE: _judge,
    Verb.NAME_SUBJECTS: _name_subjects, Verb.HAND_OVER: _hand_over, Verb.LINK: _link, Verb.UNLINK: _unlink,
    Verb.REVOKE_LINK: _revoke, Verb.CANCEL: _cancel, Verb.AMEND: _amend,
} | sentences.WORDS  # fmt: skip


# --- values of an amendment -----------------------------------------------------------------------
def field_label(name: str) -> str:
    return str(Ticket._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def amended(name: str, value: Any) -> str:
    """An old or new value in words; people's data masked."""
    if value in (None, ""):
        return _("无")
    if name in CHOICES and value in CHOICES[name].values:
        return str(CHOICES[name](value).label)
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if "*" in str(value):
        return str(value)  # the event itself keeps it masked
    if name == "contact_phone":
        return mask_phone(str(value))
    if name == "contact_name":
        return mask_name(str(value))
    if name == "contact_email":
        return f"{str(value)[:1]}***"
    if name == "appointment_at" and when(value):
        return moment(when(value))
    return str(value)
