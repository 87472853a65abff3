"""How a due time came about, step by step and in words; computed by the very functions that computed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from shimao_service import working_time
from shimao_service.models import CalendarVersion
from shimao_service.working_time import NATURAL, WORKING, Pause
from tickets import counting, deadlines, policies
from tickets.counting import length_words, stamp
from tickets.deadlines import AUTHORITY, ClockState, Happening, Ruling
from tickets.lifecycle.clockwork import facts_of, history_of
from tickets.limit_words import class_words, limit_words
from tickets.limits import is_grave
from tickets.models import PolicyVersion, Ticket
from tickets.statuses import STOPS_CLOCKS, ClockName, HoldReason, Kind, Level, Status, Urgency, Verb


@dataclass(frozen=True, slots=True)
class Step:
    """``label`` what it is about, ``text`` what it says, ``details`` the days; ``at`` the instant it arrives at.

    ``tone`` is ``warning`` for what may still change, ``result`` for the last step: its ``at`` is the due time.
    """

    label: str
    text: str
    details: tuple[str, ...] = ()
    at: datetime | None = None
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """One clock of one round, and how it came about."""

    state: ClockState
    ruling: Ruling
    limit: str
    promise: str
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        return str(ClockName(self.state.name).label)


def explain_all(ticket: Ticket, *, now: datetime | None = None) -> list[Explained]:
    """Every clock of every round. A handful of queries, however many there are."""
    case = Case(ticket, now or ticket.last_event_at)
    found = deadlines.rulings(case.facts, ticket.created_at, case.history, policies.terms_of)
    return [
        Explained(
            ruling.state, ruling, limit_of(ruling), promise_of(ruling), tuple(_steps(case, ruling, ruling.state.round))
        )
        for ruling in found
    ]


def limit_of(ruling: Ruling) -> str:
    allowance = ruling.allowance
    if allowance.unit == AUTHORITY:
        return _("转办单位的时限")
    return limit_words(allowance.clock, allowance.amount, allowance.unit)


def promise_of(ruling: Ruling) -> str:
    promised = ruling.promised
    return limit_words(promised.clock, *promised.promise) if promised and promised.promise else ""


class Case:
    """What the steps are told from, read once."""

    def __init__(self, ticket: Ticket, now: datetime):
        self.ticket, self.now = ticket, now
        self.facts, self.history = facts_of(ticket), history_of(ticket)
        self.terms = policies.terms_of(self.facts.policy_version, self.facts.calendar_version)
        self._policies: dict[int, str] | None = None
        self._calendars: dict[int, str] | None = None

    def policy(self, pk: int) -> str:
        if self._policies is None:
            rows = PolicyVersion.objects.filter(pk__in=self._ids("policy_version")).select_related("policy")
            self._policies = {row.pk: _version_words(_(row.policy.name), row.number) for row in rows}
        return self._policies.get(pk, "")

    def calendar(self, pk: int) -> str:
        if self._calendars is None:
            rows = CalendarVersion.objects.filter(pk__in=self._ids("calendar_version")).select_related("calendar")
            self._calendars = {row.pk: _version_words(_(row.calendar.name), row.number) for row in rows}
        return self._calendars.get(pk, "")

    def _ids(self, name: str) -> set[int]:
        """Every version it has ever been under."""
        pairs = [one.data.get("changes", {}).get(name, ()) for one in self.history if one.verb == Verb.RECLOCK]
        return {getattr(self.facts, name), *(pk for pair in pairs for pk in pair)}

    def begun(self, number: int) -> Happening | None:
        """The reopening that began a round; None for the first."""
        return next((one for one in self.history if one.round == number and one.verb == Verb.REOPEN), None)

    def stamp(self, ruling: Ruling, moment: datetime) -> str:
        return stamp(ruling.terms.calendar, moment, self.now)


def _version_words(name: str, number: int) -> str:
    return _("“%(name)s”第 %(number)d 版") % {"name": name, "number": number}


# --- the steps --------------------------------------------------------------------------------------
def _steps(case: Case, ruling: Ruling, number: int) -> Iterator[Step]:
    yield _received(case, ruling, number)
    yield from _changed(case, ruling, number)
    yield _terms(case, ruling)
    state = ruling.state
    yield _begins(case, ruling, number)
    closed = [(a, b) for a, b in deadlines.pauses_of(case.history, number) if b is not None]
    yield from _pauses(case, ruling, number)
    if ruling.allowance.unit != AUTHORITY:
        yield _counted(case, ruling, closed)
    yield from _authority(case, ruling, closed)
    yield from _resting(case, ruling)
    if ruling.terms.calendar.is_estimated(state.started_at, state.due_at) and ruling.allowance.unit != NATURAL:
        year = ruling.terms.calendar.local(state.due_at).year
        text = _("%(year)d 年的放假安排尚未公布或未导入，按预估计算，公布后可能变动。") % {"year": year}
        yield Step(_("提醒"), text, tone="warning")
    yield from _warned(case, ruling)
    due = case.stamp(ruling, state.due_at)
    if state.paused_at is not None:
        due = _("%(due)s，恢复后按暂停的时间顺延") % {"due": due}
    yield Step(_("到期"), due, at=state.due_at, tone="result")


def _received(case: Case, ruling: Ruling, number: int) -> Step:
    again = case.begun(number)
    if again is not None:
        words = _("%(when)s 重新办理，第 %(number)d 轮") % {"when": case.stamp(ruling, again.at), "number": number}
        return Step(_("收到"), words, at=again.at)
    created = case.ticket.created_at
    return Step(_("收到"), _("%(when)s 登记") % {"when": case.stamp(ruling, created)}, at=created)


def _terms(case: Case, ruling: Ruling) -> Step:
    facts = ruling.facts
    of = (facts.kind, facts.urgency, is_grave(facts.kind, facts.level, facts.is_collective))
    words = {
        "policy": case.policy(facts.policy_version),
        "calendar": case.calendar(facts.calendar_version),
        "class": f"{Kind(facts.kind).label}·{class_words(of)}",
        "clock": ClockName(ruling.state.name).label,
        "limit": limit_of(ruling),
    }
    text = _("时限标准%(policy)s，%(class)s：%(clock)s %(limit)s") % words
    if ruling.allowance.unit not in (NATURAL, AUTHORITY):
        text = _("%(text)s；日历%(calendar)s") % {"text": text, "calendar": words["calendar"]}
    return Step(_("依据"), text)


def _begins(case: Case, ruling: Ruling, number: int) -> Step:
    state = ruling.state
    when = case.stamp(ruling, state.started_at)
    if state.started_at == ruling.facts.appointment_at and state.name in (ClockName.ON_SITE, ClockName.RESOLUTION):
        text = _("从预约时间 %(when)s 起算") % {"when": when}
    elif number > 1:
        text = _("从重新办理时 %(when)s 起算，上一轮的结果保留") % {"when": when}
    else:
        text = _("从登记时 %(when)s 起算") % {"when": when}
    return Step(_("起算"), text, at=state.started_at)


def _pauses(case: Case, ruling: Ruling, number: int) -> Iterator[Step]:
    """Each hold: why, from when to when, and what it cost in the limit's own unit."""
    state, over = ruling.state, ruling.state.met_at or ruling.state.stopped_at
    unit = ruling.allowance.unit or NATURAL
    for since, until in deadlines.pauses_of(case.history, number):
        if until is None or until <= state.started_at or (over is not None and since >= over):
            continue
        first, last = max(since, state.started_at), min(until, state.due_at)
        cost = working_time.between(ruling.terms.calendar, unit, first, last) if first < last else timedelta()
        words = {
            "reason": _reason(case, since),
            "since": case.stamp(ruling, since),
            "until": case.stamp(ruling, until),
            "cost": length_words(cost),
        }
        text = _("挂起（%(reason)s）%(since)s 至 %(until)s，扣除 %(cost)s") % words
        if since >= state.due_at:
            text = _("挂起（%(reason)s）%(since)s 至 %(until)s 时已经到期，不再顺延") % words
        yield Step(_("暂停"), text, at=until)
    for one in case.history:
        if one.round == number and one.verb == Verb.HOLD and one.data.get("reason") not in STOPS_CLOCKS:
            if over is None or one.at < over:
                text = _("%(since)s 挂起（其他）不暂停计时") % {"since": case.stamp(ruling, one.at)}
                yield Step(_("暂停"), text, at=one.at)


def _reason(case: Case, since: datetime) -> str:
    found = next((one for one in case.history if one.at == since and one.verb == Verb.HOLD), None)
    value = found.data.get("reason") if found else ""
    return str(HoldReason(value).label) if value in HoldReason.values else ""


def _counted(case: Case, ruling: Ruling, closed: Sequence[Pause]) -> Step:
    """Day by day, up to where the limit is used up. Its ``at`` is our own due time, whoever else has a deadline."""
    state, allowance, calendar = ruling.state, ruling.allowance, ruling.terms.calendar
    over = state.met_at or state.stopped_at
    mine = [(since, until) for since, until in closed if over is None or since < over]
    due = counting.own_due(calendar, allowance.unit, state.started_at, allowance.amount, mine)
    details: tuple[str, ...] = ()
    if allowance.amount == 0 and allowance.unit != WORKING:
        text = _("按预约时间到场") if due == state.started_at else _("预约时正在挂起，恢复处理时到期")
    elif allowance.unit == NATURAL:
        text = _("昼夜连续计 %(limit)s，到 %(when)s") % {
            "limit": limit_of(ruling), "when": case.stamp(ruling, due),
        }  # fmt: skip
    else:
        days = counting.days(calendar, allowance.unit, state.started_at, due, mine)
        details = tuple(counting.day_words(calendar, days, case.now))
        text = _budget_words(case, ruling, due)
    return Step(_("计时"), text, details, at=due)


def _budget_words(case: Case, ruling: Ruling, due: datetime) -> str:
    state, allowance, calendar = ruling.state, ruling.allowance, ruling.terms.calendar
    when = case.stamp(ruling, due)
    if allowance.unit != WORKING:
        return _("只计服务时间，满 %(limit)s时是 %(when)s") % {"limit": _plain(allowance.amount), "when": when}
    length = working_time.budget(calendar, WORKING, state.started_at, allowance.amount)
    close = working_time.close_of_working_day(calendar, state.started_at, allowance.amount)
    words = {
        "close": case.stamp(ruling, close),
        "length": length_words(length),
        "when": when,
        "limit": limit_of(ruling),
    }
    if close == due:
        return _("%(limit)s，到 %(close)s 下班为止（工作时间共 %(length)s）") % words
    return _("%(limit)s，原到 %(close)s 下班为止（工作时间共 %(length)s）；补回暂停的时间后到 %(when)s") % words


def _plain(minutes: int) -> str:
    return length_words(timedelta(minutes=minutes))


def _authority(case: Case, ruling: Ruling, closed: Sequence[Pause]) -> Iterator[Step]:
    theirs, state = ruling.facts.authority_due_at, ruling.state
    if theirs is None or state.name != ClockName.RESOLUTION:
        return
    when = {"when": case.stamp(ruling, theirs)}
    if state.by_authority:
        text = _("转办单位要求 %(when)s 前办结，早于我们的时限，以它为准；挂起不暂停它") % when
    elif state.round > 1 and theirs <= state.started_at:
        text = _("转办单位要求 %(when)s 前办结，本轮开始前已过，本轮以我们的为准") % when
    else:
        text = _("转办单位要求 %(when)s 前办结，晚于我们的时限，仍以我们的为准") % when
    yield Step(_("转办"), text, at=theirs)


def _resting(case: Case, ruling: Ruling) -> Iterator[Step]:
    """What it will be, if the work goes on as expected."""
    state, ticket = ruling.state, case.ticket
    if state.paused_at is None:
        return
    since = case.stamp(ruling, state.paused_at)
    expected = ticket.hold_until
    if expected is None or state.round != ticket.round or expected <= state.paused_at:
        yield Step(_("暂停中"), _("自 %(since)s 起暂停计时") % {"since": since}, at=state.paused_at, tone="warning")
        return
    resumed = [*case.history, Happening(Verb.RESUME, expected, ticket.round, Status.IN_PROGRESS, {})]
    after = deadlines.clocks(case.facts, ticket.created_at, resumed, policies.terms_of)
    will = next(one.due_at for one in after if (one.name, one.round) == (state.name, state.round))
    text = _("自 %(since)s 起暂停计时；如果按预计在 %(until)s 恢复，将到 %(will)s 到期") % {
        "since": since, "until": case.stamp(ruling, expected), "will": case.stamp(ruling, will),
    }  # fmt: skip
    yield Step(_("暂停中"), text, at=will, tone="warning")


def _warned(case: Case, ruling: Ruling) -> Iterator[Step]:
    state = ruling.state
    text = _("用去 %(share)d%%：%(when)s") % {
        "share": deadlines.WARN_AT, "when": case.stamp(ruling, state.warn_at),
    }  # fmt: skip
    yield Step(_("预警"), text, at=state.warn_at)
    if state.promise_at is not None:
        text = _("告诉业主的是 %(limit)s，到 %(when)s") % {
            "limit": promise_of(ruling), "when": case.stamp(ruling, state.promise_at),
        }  # fmt: skip
        yield Step(_("承诺"), text, at=state.promise_at)


# --- what changed the limit -------------------------------------------------------------------------
def _names() -> dict[str, tuple[str, Callable[[Case, Any], str]]]:
    """What may change, how it is called, and how a value of it reads."""
    return {
        "kind": (_("类型"), lambda case, value: str(Kind(value).label)),
        "urgency": (_("紧急程度"), lambda case, value: str(Urgency(value).label)),
        "level": (_("投诉级别"), lambda case, value: str(Level(value).label) if value else _("无")),
        "is_collective": (_("群诉"), lambda case, value: _("是") if value else _("否")),
        "policy_version": (_("时限标准"), lambda case, value: case.policy(value)),
        "calendar_version": (_("日历"), lambda case, value: case.calendar(value)),
        "appointment_at": (_("预约时间"), _moment),
        "authority_due_at": (_("转办时限"), _moment),
    }


def _moment(case: Case, value: Any) -> str:
    moment = parse_datetime(value) if isinstance(value, str) else value
    return stamp(case.terms.calendar, moment, case.now) if moment else _("无")


def _changed(case: Case, ruling: Ruling, number: int) -> Iterator[Step]:
    """Amendments and changes of terms while this round ran or before: what they changed, and whether it counts here."""
    names = _names()
    for one in case.history:
        changes = one.data.get("changes", {}) if one.verb in deadlines.CHANGES_FACTS else {}
        told = [
            _("%(name)s %(before)s → %(after)s")
            % {"name": names[name][0], "before": names[name][1](case, pair[0]), "after": names[name][1](case, pair[1])}
            for name, pair in changes.items()
            if name in names
        ]
        if not told or one.round > number:
            continue
        text = _("%(when)s %(what)s") % {"when": case.stamp(ruling, one.at), "what": _("；").join(told)}
        if ruling.until is not None and one.at >= ruling.until:
            text = _("%(text)s。当时这个时限已经达成、终止或超时，结果保持原样") % {"text": text}
        yield Step(str(Verb(one.verb).label), text, at=one.at)
