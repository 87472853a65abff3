"""What hurried a request along, in the words of its story: urges, oversight, escalations, referrals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from shimao_service.actors import ActorKind
from shimao_service.looks import moment_words
from tickets.custody import data_of, when
from tickets.models import Event, Urge
from tickets.statuses import Channel, ClockName, Oversight, Rung, Source, StepBasis, Verb


@dataclass(slots=True)
class Words:
    """What a verb's own function finds to say."""

    what: str
    object: str = ""
    details: list[str] = field(default_factory=list)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    note: str | None = None
    tone: str = ""
    who: str | None = None


def moment(at: datetime | None) -> str:
    """``明天 10:00``, as of today."""
    return moment_words(timezone.localtime(at), timezone.localtime()) if at else ""


def channel(event: Event) -> str:
    value = data_of(event).get("channel", "")
    return str(Channel(value).label) if value in Channel.values else ""


# --- urging and its answers -----------------------------------------------------------------------
def _urge(event: Event) -> Words:
    data = data_of(event)
    if data.get("by") != Urge.By.OWNER:
        return Words(pgettext("story", "催办"), details=_skipped(data))
    nth = _("业主第 %(n)s 次催单") % {"n": data.get("nth", 1)}
    if not data.get("recorded"):
        return Words(pgettext("story", "催单"), details=[nth, *_skipped(data)])
    how = channel(event)
    return Words(pgettext("story", "记下业主催单"), details=[f"{nth} · {how}" if how else nth, *_skipped(data)])


def _skipped(data: dict[str, Any]) -> list[str]:
    """Who should have heard it and why somebody else did."""
    return [
        _("跳过 %(name)s：%(why)s") % {"name": skipped.get("name", ""), "why": skipped.get("why", "")}
        for skipped in data.get("skipped") or []
    ]


def answered_words(data: dict[str, Any]) -> str:
    """That with this the urges before it were answered; empty where none waited."""
    count = data.get("urges", 0)
    if not count:
        return ""
    words = _("一并答复了 %(n)s 件催促") % {"n": count}
    return words + _("，业主可见") if data.get("to_owner") else words


def _answer_urge(event: Event) -> Words:
    seen = data_of(event).get("to_owner")
    return Words(_("答复催办"), details=[_("业主在查询页可以看到")] if seen else [])


def _oversee(event: Event) -> Words:
    data = data_of(event)
    if event.actor_kind != ActorKind.SYSTEM:
        return Words(pgettext("story", "督办"), details=_skipped(data))
    reason = data.get("reason", "")
    details = []
    if data.get("times"):
        details.append(_("同一房屋、同一分类，30 天内第 %(n)s 次") % {"n": data["times"]})
    if data.get("households"):
        details.append(_("已关联 %(n)s 户的投诉") % {"n": data["households"]})
    label = str(Oversight(reason).label) if reason in Oversight.values else ""
    return Words(_("转经理督办"), label, details=details + _skipped(data))


# --- what rose by itself --------------------------------------------------------------------------
def step_words(clock: str, step: str) -> str:
    """``resolution``, ``percent:150`` → 办结时限用去 150%; an occasion of its own is named as it is."""
    if clock not in ClockName.values:
        again = step.partition(":")[2]
        if clock == "emergency" and again not in ("", "0"):
            return _("特急，第 %(n)s 次提醒") % {"n": int(again) + 1 if again.isdigit() else again}
        occasions = {"emergency": _("特急"), "urge": _("催办未答复"), "duty": _("非服务时间来件")}
        return str(occasions.get(clock, ""))
    name = str(ClockName(clock).label)
    basis, _colon, amount = step.partition(":")
    if basis == StepBasis.HOURS:
        return _("%(clock)s超时 %(n)s 小时") % {"clock": name, "n": amount}
    if amount == "100":
        return _("%(clock)s时限已到") % {"clock": name}
    return _("%(clock)s时限用去 %(n)s%%") % {"clock": name, "n": amount}


def _escalate(event: Event) -> Words:
    data = data_of(event)
    rung = data.get("rung", "")
    label = str(Rung(rung).label) if rung in Rung.values else ""
    told = "、".join(data.get("told") or [])
    details = [_("已告知 %(names)s") % {"names": told} if told else _("没有可以告知的人")]
    details += _skipped(data)
    if data.get("clock") == "duty":
        what = _("提醒值班人员")
    else:
        what = _("提醒%(rung)s") % {"rung": label} if label else pgettext("story", "升级提醒")
    return Words(what, step_words(str(data.get("clock", "")), str(data.get("step", ""))), details=details)


def _reclock(event: Event) -> Words:
    names = {"policy_version": _("改用新的时限标准"), "calendar_version": _("改用新的工作日历")}
    changed = data_of(event).get("changes", {})
    return Words(pgettext("story", "时限重算"), details=[words for name, words in names.items() if name in changed])


# --- authorities ----------------------------------------------------------------------------------
def authority(value: str) -> str:
    return str(Source(value).label) if value in Source.values else value


def _terms(data: dict[str, Any]) -> list[str]:
    found = []
    if due := when(data.get("due_at")):
        found.append(_("要求 %(time)s 前办结") % {"time": moment(due)})
    if until := when(data.get("return_until")):
        found.append(_("%(time)s 前可退回") % {"time": moment(until)})
    return found


def _refer(event: Event) -> Words:
    data = data_of(event)
    before = data.get("before")
    who, number = authority(data.get("authority", "")), data.get("number", "")
    terms = " · ".join(_terms(data))
    if before is None:
        return Words(pgettext("story", "登记转办"), f"{who} {number}", details=[terms] if terms else [])
    rows = [
        (_("转办单位"), authority(before.get("authority", "")), who),
        (_("转办编号"), before.get("number", ""), number),
        (_("转办时限"), moment(when(before.get("due_at"))), moment(when(data.get("due_at")))),
        (_("可退回至"), moment(when(before.get("return_until"))), moment(when(data.get("return_until")))),
    ]
    changes = [(name, old or _("无"), new or _("无")) for name, old, new in rows if old != new]
    return Words(pgettext("story", "更正转办信息"), changes=changes)


def _reply_authority(event: Event) -> Words:
    return Words(pgettext("story", "正式回复"), authority(data_of(event).get("authority", "")))


WORDS: dict[str, Callable[[Event], Words]] = {
    Verb.URGE: _urge,
    Verb.ANSWER_URGE: _answer_urge,
    Verb.OVERSEE: _oversee,
    Verb.ESCALATE: _escalate,
    Verb.ACKNOWLEDGE: lambda event: Words(pgettext("story", "确认知悉")),
    Verb.RECLOCK: _reclock,
    Verb.REFER: _refer,
    Verb.REPLY_AUTHORITY: _reply_authority,
}
TONES = {
    Verb.URGE: "warning", Verb.OVERSEE: "overdue", Verb.ANSWER_URGE: "moving", Verb.ESCALATE: "warning",
    Verb.ACKNOWLEDGE: "muted", Verb.RECLOCK: "muted", Verb.REFER: "muted",
}  # fmt: skip
