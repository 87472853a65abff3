"""Statuses, the legal moves between them, and whom each waits for: data only.

The regulation's five steps (A6, B6): 接待 → 分派 → 跟进 → 反馈 → 总结.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Kind(models.TextChoices):
    CONSULTATION = "consultation", _("咨询")
    COMPLAINT = "complaint", _("投诉")
    SUGGESTION = "suggestion", _("建议")
    REPAIR = "repair", _("报修")
    PRAISE = "praise", _("表扬")


NUMBER_LETTERS = {
    Kind.REPAIR: "BX",
    Kind.COMPLAINT: "TS",
    Kind.CONSULTATION: "ZX",
    Kind.SUGGESTION: "JY",
    Kind.PRAISE: "BY",
}


class Status(models.TextChoices):
    REGISTERED = "registered", _("待派单")
    DISPATCHED = "dispatched", _("待接单")
    IN_PROGRESS = "in_progress", _("处理中")
    ON_HOLD = "on_hold", _("挂起")
    COMPLETED = "completed", _("待回复业主")
    FED_BACK = "fed_back", _("待评价")
    AWAITING_SUMMARY = "awaiting_summary", _("待总结")
    CLOSED = "closed", _("已办结")
    CANCELLED = "cancelled", _("已作废")


class Step(models.TextChoices):
    INTAKE = "intake", _("接待")
    DISPATCH = "dispatch", _("分派")
    FOLLOW_UP = "follow_up", _("跟进")
    FEEDBACK = "feedback", _("反馈")
    SUMMARY = "summary", _("总结")


STEP_OF: dict[str, Step | None] = {
    Status.REGISTERED: Step.INTAKE,
    Status.DISPATCHED: Step.DISPATCH,
    Status.IN_PROGRESS: Step.FOLLOW_UP,
    Status.ON_HOLD: Step.FOLLOW_UP,
    Status.COMPLETED: Step.FEEDBACK,
    Status.FED_BACK: Step.FEEDBACK,
    Status.AWAITING_SUMMARY: Step.SUMMARY,
    Status.CLOSED: None,
    Status.CANCELLED: None,
}

STATUSES_OF: dict[str, tuple[str, ...]] = {
    step: tuple(status for status, owner in STEP_OF.items() if owner == step) for step in Step
}

FINAL = (Status.CLOSED, Status.CANCELLED)
OPEN = tuple(status for status in Status if status not in FINAL)
# The work itself is still to be done; a cancellation is legal only before it is.
BEFORE_COMPLETED = (Status.REGISTERED, Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD)


class Waits(models.TextChoices):
    """Whom a request in this status waits for."""

    DESK = "desk", _("前台或主管派单")
    HANDLER_OR_DEPARTMENT = "handler_or_department", _("责任人或部门接单")
    HANDLER = "handler", _("责任人处理")
    FIRST_RECEIVER = "first_receiver", _("首问责任人")
    OWNER = "owner", _("业主评价")


WAITS_FOR: dict[str, Waits | None] = {
    Status.REGISTERED: Waits.DESK,
    Status.DISPATCHED: Waits.HANDLER_OR_DEPARTMENT,
    Status.IN_PROGRESS: Waits.HANDLER,
    Status.ON_HOLD: Waits.HANDLER,
    Status.COMPLETED: Waits.FIRST_RECEIVER,
    Status.FED_BACK: Waits.OWNER,
    Status.AWAITING_SUMMARY: Waits.FIRST_RECEIVER,
    Status.CLOSED: None,
    Status.CANCELLED: None,
}


class Verb(models.TextChoices):
    """What can happen to a request; each is one function of :mod:`tickets.lifecycle`."""

    REGISTER = "register", _("登记")
    DISPATCH = "dispatch", _("派单")
    ANSWER_ON_SPOT = "answer_on_spot", _("当场答复")
    ACCEPT = "accept", _("接单")
    RETURN = "return", _("退单")
    ARRIVE = "arrive", _("到场")
    TRANSFER = "transfer", _("改派")
    FOLLOW_UP = "follow_up", _("跟进")
    HOLD = "hold", _("挂起")
    RESUME = "resume", _("恢复处理")
    COMPLETE = "complete", _("处理完成")
    FEED_BACK = "feed_back", _("回复业主")
    RATE = "rate", _("评价")
    TALK = "talk", _("主管面谈")
    CONCLUDE = "conclude", _("终结办理")
    TIME_OUT = "time_out", _("逾期未评价")
    SUMMARISE = "summarise", _("总结")
    REOPEN = "reopen", _("重新办理")
    CANCEL = "cancel", _("作废")
    AMEND = "amend", _("更正")
    ATTEMPT = "attempt", _("联系业主")
    SUPPLEMENT = "supplement", _("补充")
    JUDGE = "judge", _("认定")
    NAME_SUBJECTS = "name_subjects", _("更正涉及员工")
    HAND_OVER = "hand_over", _("移交首问")
    LINK = "link", _("关联")
    UNLINK = "unlink", _("取消关联")
    REVOKE_LINK = "revoke_link", _("作废查询链接")
    URGE = "urge", _("催办")
    ANSWER_URGE = "answer_urge", _("答复催办")
    OVERSEE = "oversee", _("督办")
    ESCALATE = "escalate", _("升级提醒")
    ACKNOWLEDGE = "acknowledge", _("确认知悉")
    RECLOCK = "reclock", _("时限重算")
    REFER = "refer", _("登记转办")
    REPLY_AUTHORITY = "reply_authority", _("正式回复转办单位")


@dataclass(frozen=True, slots=True)
class Move:
    """From which statuses a verb is legal, and where it leads; ``to`` empty: it stays where it is.

    ``kinds`` empty: any kind.
    """

    verb: Verb
    sources: tuple[str, ...]
    to: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


_WORKING = (Status.IN_PROGRESS, Status.ON_HOLD)

MOVES: dict[str, Move] = {
    move.verb: move
    for move in (
        Move(Verb.DISPATCH, (Status.REGISTERED,), (Status.DISPATCHED,)),
        Move(
            Verb.ANSWER_ON_SPOT,
            (Status.REGISTERED,),
            (Status.CLOSED,),
            kinds=(Kind.CONSULTATION, Kind.SUGGESTION, Kind.PRAISE),
        ),
        Move(Verb.ACCEPT, (Status.DISPATCHED,), (Status.IN_PROGRESS,)),
        Move(Verb.RETURN, (Status.DISPATCHED, Status.IN_PROGRESS), (Status.REGISTERED,)),
        Move(Verb.ARRIVE, (Status.DISPATCHED, Status.IN_PROGRESS), (Status.IN_PROGRESS,)),
        Move(Verb.TRANSFER, (Status.DISPATCHED, *_WORKING), (Status.DISPATCHED,)),
        Move(Verb.FOLLOW_UP, _WORKING),
        Move(Verb.HOLD, (Status.IN_PROGRESS,), (Status.ON_HOLD,)),
        Move(Verb.RESUME, (Status.ON_HOLD,), (Status.IN_PROGRESS,)),
        Move(Verb.COMPLETE, (Status.IN_PROGRESS,), (Status.COMPLETED,)),
        Move(Verb.FEED_BACK, (Status.COMPLETED,), (Status.FED_BACK,)),
        # 3–5 leads on to the summary, 1–2 to a new round; a late one is kept without a move.
        Move(
            Verb.RATE,
            (Status.FED_BACK, Status.AWAITING_SUMMARY, Status.CLOSED),
            (Status.AWAITING_SUMMARY, Status.DISPATCHED, Status.REGISTERED),
        ),
        Move(Verb.TALK, OPEN),
        Move(Verb.CONCLUDE, tuple(s for s in OPEN if s != Status.AWAITING_SUMMARY), (Status.AWAITING_SUMMARY,)),
        Move(Verb.TIME_OUT, (Status.FED_BACK,), (Status.AWAITING_SUMMARY,)),
        Move(Verb.SUMMARISE, (Status.AWAITING_SUMMARY,), (Status.CLOSED,)),
        Move(
            Verb.REOPEN,
            (Status.COMPLETED, Status.FED_BACK, Status.AWAITING_SUMMARY, Status.CLOSED),
            (Status.DISPATCHED, Status.REGISTERED),
        ),
        Move(Verb.CANCEL, BEFORE_COMPLETED, (Status.CANCELLED,)),
        Move(Verb.AMEND, OPEN),
        Move(Verb.ATTEMPT, OPEN),
        Move(Verb.SUPPLEMENT, OPEN),
        # Praise waiting at the desk is verified and so done; anything else is judged without a move.
        Move(
            Verb.JUDGE,
            (*OPEN, Status.CLOSED),
            (Status.CLOSED,),
            kinds=(Kind.COMPLAINT, Kind.PRAISE),
        ),
        Move(Verb.NAME_SUBJECTS, OPEN, kinds=(Kind.COMPLAINT, Kind.PRAISE)),
        Move(Verb.HAND_OVER, OPEN),
        Move(Verb.LINK, (*OPEN, Status.CLOSED)),
        Move(Verb.UNLINK, (*OPEN, Status.CLOSED)),
        Move(Verb.REVOKE_LINK, tuple(Status)),
        # None of these moves it: they are words about it, and each leaves its event.
        Move(Verb.URGE, OPEN),
        Move(Verb.ANSWER_URGE, (*OPEN, Status.CLOSED)),
        Move(Verb.OVERSEE, OPEN),
        Move(Verb.ESCALATE, OPEN),
        Move(Verb.ACKNOWLEDGE, tuple(Status)),
        Move(Verb.RECLOCK, OPEN),
        Move(Verb.REFER, OPEN),
        Move(Verb.REPLY_AUTHORITY, (*OPEN, Status.CLOSED)),
    )
}


class Urgency(models.TextChoices):
    NORMAL = "normal", _("普通")
    URGENT = "urgent", _("急修")
    CRITICAL = "critical", _("特急")


URGENCY_RANK = {Urgency.NORMAL: 0, Urgency.URGENT: 1, Urgency.CRITICAL: 2}


class Level(models.TextChoices):
    """How grave a complaint is."""

    ORDINARY = "ordinary", pgettext_lazy("complaint level", "一般")
    HOT = "hot", _("热点")
    IMPORTANT = "important", _("重要")
    MAJOR = "major", _("重大")


class Mood(models.TextChoices):
    CALM = "calm", _("平和")
    DISPLEASED = "displeased", _("不满")
    ANGRY = "angry", _("激动")


class Source(models.TextChoices):
    COUNTER = "counter", _("前台")
    PHONE = "phone", _("电话")
    WECHAT = "wechat", _("微信")
    WEB = "web", _("网页")
    VISIT = "visit", _("上门")
    HOTLINE_12345 = "hotline_12345", _("12345 转办")
    GOVERNMENT = "government", _("街道/住建")
    HEAD_OFFICE = "head_office", _("总部 400")
    COMMITTEE = "committee", _("业委会")
    PATROL = "patrol", _("巡查")


class HoldReason(models.TextChoices):
    APPOINTMENT = "appointment", _("预约")
    PARTS = "parts", _("待料")
    THIRD_PARTY = "third_party", _("第三方")
    DEVELOPER = "developer", _("待开发商")
    FUNDS = "funds", _("待维修资金或业主表决")
    NEIGHBOUR = "neighbour", _("相邻户拒绝入户")
    WEATHER = "weather", _("天气")
    OTHER = "other", _("其他")


# "other" is a hold, but nobody's excuse: the clocks run on.
STOPS_CLOCKS = frozenset(reason for reason in HoldReason if reason != HoldReason.OTHER)


class Channel(models.TextChoices):
    """How somebody spoke with the owner."""

    PHONE = "phone", _("电话")
    FACE = "face", _("当面")
    WECHAT = "wechat", _("微信")
    SMS = "sms", _("短信")
    EMAIL = "email", _("邮件")
    LINK = "link", _("查询链接")
    UNREACHABLE = "unreachable", _("联系不上")


class Liability(models.TextChoices):
    """Never shown to owners."""

    PROPERTY = "property", _("物业")
    DEVELOPER = "developer", _("开发商")
    OWNER = "owner", _("业主自身")
    THIRD_PARTY = "third_party", _("第三方")
    FORCE_MAJEURE = "force_majeure", _("不可抗力")
    UNDETERMINED = "undetermined", _("待定")


GRADES = {5: _("非常满意"), 4: _("满意"), 3: _("一般"), 2: _("不满意"), 1: _("非常不满意")}


class RatingSource(models.TextChoices):
    LINK = "link", _("业主（查询链接）")
    OWNER = "owner", _("业主（登录）")
    STAFF = "staff", _("代录")
    ON_SPOT = "on_spot", _("当场")


class ClockName(models.TextChoices):
    RESPONSE = "response", _("响应")
    ON_SITE = "on_site", _("到场")
    ANSWER = "answer", _("答复")
    RESOLUTION = "resolution", _("办结")


class LimitUnit(models.TextChoices):
    """The unit of a limit. h and sh are counted in minutes, wd in days: "n wd" ends at the close of the n-th working
    day after the day of receipt."""

    NATURAL = "h", _("自然时间")
    SERVICE = "sh", _("服务时间")
    WORKING = "wd", _("工作日")


class Rung(models.TextChoices):
    """The rungs of the ladder that a missed promise climbs."""

    HANDLER = "handler", _("责任人")
    SUPERVISOR = "supervisor", _("主管")
    MANAGER = "manager", _("项目经理")
    COMPANY = "company", _("公司")


class StepBasis(models.TextChoices):
    PERCENT = "percent", _("占时限的百分比")
    HOURS = "hours", _("超时后小时数")


class Oversight(models.TextChoices):
    """Why a request is overseen by the manager (督办)."""

    MANAGER = "manager", _("经理督办")
    URGED = "urged", _("业主三次催单")
    COLLECTIVE = "collective", _("群诉")
    REPEATED = "repeated", _("30 天内第三次")


# A request passed on by one of these carries their number and their deadline.
AUTHORITIES = (Source.HOTLINE_12345, Source.GOVERNMENT, Source.HEAD_OFFICE, Source.COMMITTEE)
# The owner's how-manieth call brings in the supervisor, and the manager; the first tells handler and first receiver.
SUPERVISOR_AT, MANAGER_AT = 2, 3
# The same unit and category again within so many days is a repeat.
REPEAT_DAYS = 30

# A closed request can be taken up again, and a late grade is still kept, for this long.
REOPEN_DAYS = 30
# Rounds that must have left the owner dissatisfied before a manager may conclude.
ROUNDS_BEFORE_CONCLUDING = 2

# Words about a request that change nothing a page shows to be acted on: they leave its version alone, so that
# nobody's half-written form is refused because somebody urged or a reminder rose.
QUIET = frozenset({Verb.URGE, Verb.OVERSEE, Verb.ESCALATE, Verb.ACKNOWLEDGE, Verb.RECLOCK})

# The clause of the regulation each verb rests on.
CLAUSE_OF: dict[str, str] = {
    Verb.REGISTER: "B6.1",
    Verb.DISPATCH: "B6.2",
    Verb.ACCEPT: "B6.2",
    Verb.RETURN: "B6.2",
    Verb.TRANSFER: "B6.2",
    Verb.ARRIVE: "B6.3",
    Verb.FOLLOW_UP: "B6.3",
    Verb.HOLD: "B6.3",
    Verb.RESUME: "B6.3",
    Verb.COMPLETE: "B6.3",
    Verb.FEED_BACK: "B6.4",
    Verb.ATTEMPT: "B6.4",
    Verb.RATE: "B6.4",
    Verb.TIME_OUT: "B6.4",
    Verb.REOPEN: "A6.4",
    Verb.TALK: "A6.4",
    Verb.CONCLUDE: "A6.4",
    Verb.SUMMARISE: "B6.5",
    Verb.URGE: "B6.3",
    Verb.ANSWER_URGE: "B6.4",
    Verb.OVERSEE: "B6.3",
    Verb.ESCALATE: "B6.3",
    Verb.REPLY_AUTHORITY: "B6.4",
}
