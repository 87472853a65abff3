"""The regulation's clauses, in our wording: version 1, editable and versioned like any later one.

Part A lacks its article 8, part B breaks off in article 8, and a part C is named but not at hand. What is missing
is shown as missing (原文缺失), never renumbered and never invented.

A version in force never changes: requests rest on its words. A change is the next version, in force from a day to
come (A11, A12), and free to be edited until then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.actors import Actor
from shimao_service.exceptions import Conflict, Invalid
from staff.models import Clause, RegulationVersion
from staff.permissions import Permission
from staff.powers import check_everywhere

# Sent after a version was written; upper floors forget what they keep of clauses.
regulation_changed = Signal()

TITLE = "客服中心管理制度（第 1 版）"

# code, title, text; an empty text is a clause that the text at hand lacks.
CLAUSES: tuple[tuple[str, str, str], ...] = (
    ("A1", "目的", "规范客户服务工作，及时回应业主的诉求，提高服务质量与业主满意度。"),
    ("A2", "适用范围", "适用于公司管理的住宅、商业和办公项目的客户服务工作。"),
    ("A3", "服务原则", "以业主为先，热情、及时、如实、负责。"),
    ("A4.1", "受理诉求", "受理业主的咨询、投诉、建议和报修，准确及时记录，并尽快反馈。"),
    ("A4.2", "巡查设施", "巡查公共设施，做好维护，发现故障及时报告。"),
    ("A4.3", "突发协助", "遇到突发事件，协助现场处置并及时上报。"),
    ("A4.4", "环境秩序", "关注环境卫生、绿化养护和公共秩序，发现问题及时处理。"),
    ("A4.5", "宣传活动", "做好宣传告知，组织社区活动。"),
    ("A4.6", "交办事项", "按时完成上级交办的其他工作，并报告结果。"),
    ("A5.1", "职业道德", "诚实守信，遵纪守法，维护公司与业主的利益。"),
    ("A5.2", "法规知识", "熟悉物业管理的法律法规和公司的各项制度。"),
    ("A5.3", "沟通能力", "善于倾听，表达清楚，能妥善处理业主的情绪。"),
    ("A5.4", "操作技能", "能熟练使用计算机和工作系统。"),
    ("A5.5", "团队协作", "与各部门配合，共同完成服务。"),
    ("A6.1", "接待", "热情接待业主，询问、倾听诉求，详细记录业主信息和内容。"),
    ("A6.2", "分派", "根据内容联系或指派责任部门和责任人处理。"),
    ("A6.3", "反馈", "处理完成后及时把结果反馈给业主，并询问是否满意。"),
    ("A6.4", "回访跟踪", "反馈之后继续跟踪结果，直到问题彻底解决。"),
    ("A6.5", "总结", "定期总结工作，分析原因，提出改进措施。"),
    ("A7.1", "守时", "按时上下班，不迟到，不早退。"),
    ("A7.2", "仪容", "佩戴工牌，着装整洁。"),
    ("A7.3", "环境", "保持工作台面整洁有序。"),
    ("A7.4", "言行", "工作时间不饮酒，工作场所不吸烟。"),
    ("A7.5", "保密", "不泄露业主隐私和公司机密。"),
    ("A7.6", "廉洁", "诚实廉洁，不收受业主的礼品礼金。"),
    ("A7.7", "在岗", "不擅自离岗。"),
    ("A7.8", "专注", "工作时间不做与工作无关的事。"),
    ("A8", "第八条", ""),
    (
        "A9",
        "奖惩",
        "对表现突出的员工给予表扬和奖励；对违反制度的员工给予批评教育，情节严重的给予警告、记过、降职或辞退。",
    ),
    ("A10", "解释", "本制度由客户服务部门负责解释。"),
    ("A11", "生效", "本制度自公布之日起施行。"),
    ("A12", "修订", "本制度可根据实际情况补充和修订。"),
    ("B1", "目的", "明确客服人员的职责和行为，使业主的每一项诉求都有人负责。"),
    ("B2", "适用范围", "适用于公司各项目的客服人员。"),
    ("B3", "服务原则", "业主至上，首问负责，件件有回音。"),
    ("B4.1", "受理诉求", "受理咨询、投诉、建议和报修，准确记录，及时反馈。"),
    ("B4.2", "部门协调", "就业主的诉求协调各部门，跟进到底。"),
    ("B4.3", "设施巡查", "定期巡查公共设施设备，发现问题及时报修。"),
    ("B4.4", "安全隐患", "留意安全隐患，发现后立即报告。"),
    ("B4.5", "环境绿化", "检查环境卫生和绿化养护。"),
    ("B4.6", "公共秩序", "协助维护公共秩序。"),
    ("B4.7", "设施报修", "公共设施故障及时报修并跟踪结果。"),
    ("B4.8", "收费", "收费合规透明，按规定公示并做好解释。"),
    ("B4.9", "社区活动", "策划并组织社区活动，做好记录。"),
    ("B4.10", "交办事项", "完成上级交办的其他任务。"),
    ("B5.1", "着装仪表", "按规定着装，佩戴工牌，仪表端庄。"),
    ("B5.2", "廉洁自律", "不接受业主的财物，不私下收费。"),
    ("B5.3", "服务态度", "态度热情，语言文明，不与业主争吵。"),
    ("B5.4", "工作勤勉", "认真负责，不推诿，不拖延。"),
    ("B5.5", "遵守制度", "遵守公司的各项规章制度。"),
    ("B5.6", "业主隐私", "保护业主的个人信息。"),
    ("B5.7", "学习培训", "参加培训，不断提高业务水平。"),
    ("B5.8", "公司机密", "保守公司机密。"),
    ("B6.1", "接待登记", "热情接待，耐心询问和倾听，详细登记业主信息与诉求。"),
    ("B6.2", "联系分派", "及时联系、分派相关部门或人员处理。"),
    ("B6.3", "跟进处理", "定期跟进处理进度，直到问题解决。"),
    ("B6.4", "反馈询问", "及时把处理结果反馈给业主，并询问满意度。"),
    ("B6.5", "总结改进", "总结经验，改进服务，定期汇总。"),
    ("B7", "考核", "每月和每年对服务质量、工作效率、业务水平和职业道德进行考核。"),
    ("B8", "奖惩", "对优秀者表彰奖励；对违规者批评教育，并按情节给予警告、记过、降职、辞退。（原文在此中断）"),
    ("C", "第三部分", ""),
)


@transaction.atomic
def ensure_regulation(effective_on: date) -> RegulationVersion:
    """Create version 1 where there is no version yet; returns the newest version."""
    newest = RegulationVersion.objects.first()
    if newest is not None:
        return newest
    version = RegulationVersion.objects.create(number=1, title=TITLE, effective_on=effective_on)
    Clause.objects.bulk_create(
        Clause(version=version, code=code, title=title, text=text, is_missing=not text, order=order)
        for order, (code, title, text) in enumerate(CLAUSES, start=1)
    )
    return version


# --- what rests on a clause -------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Rested:
    """One thing that points to a clause."""

    text: str
    url: str
    at: datetime
    who: str = ""


@dataclass(frozen=True, slots=True)
class Resting:
    """What of one sort rests on a clause: how many, and the latest."""

    label: str
    count: str
    latest: list[Rested] = field(default_factory=list)


# Each is called with the ids of a clause in all versions and the viewer, and tells only what that viewer sees.
RESTING: list[Callable[[list[int], Any], Resting]] = []


def register_resting(provider: Callable[[list[int], Any], Resting]) -> None:
    if provider not in RESTING:
        RESTING.append(provider)


def resting_on(code: str, viewer: Any) -> list[Resting]:
    ids = list(Clause.objects.filter(code=code).values_list("pk", flat=True))
    return [provider(ids, viewer) for provider in RESTING] if ids else []


# --- versions ---------------------------------------------------------------------------------------
CODE = re.compile(r"[A-Z][0-9]{0,2}(\.[0-9]{1,2})?")


def in_force(day: date | None = None) -> RegulationVersion | None:
    """The latest version whose day has come."""
    return RegulationVersion.objects.filter(effective_on__lte=day or timezone.localdate()).first()


def is_open(version: RegulationVersion) -> bool:
    """Not in force yet: may still be edited."""
    return version.effective_on > timezone.localdate()


def check_can_edit(by: Actor) -> None:
    if not by.is_system:
        check_everywhere(by.viewer, Permission.REGULATION_MANAGE)


def check_day(effective_on: date) -> None:
    if effective_on <= timezone.localdate():
        raise Invalid.field("effective_on", _("生效日期最早为明天，生效前可以修改。"))


def opened(version: RegulationVersion) -> RegulationVersion:
    """The version under its lock. Raises ``Conflict`` once it is in force."""
    row = RegulationVersion.objects.select_for_update(of=("self",)).get(pk=version.pk)
    if not is_open(row):
        raise Conflict(_("第 %(number)d 版已经生效，不能更改；请起草新版本。") % {"number": row.number})
    return row


@transaction.atomic
def draft(*, title: str, effective_on: date, by: Actor) -> RegulationVersion:
    """起草新版本: a copy of the newest, to be edited until its day. One at a time."""
    check_can_edit(by)
    check_day(effective_on)
    newest = RegulationVersion.objects.select_for_update(of=("self",)).first()
    if newest is not None and is_open(newest):
        raise Conflict(_("第 %(number)d 版还没有生效，请先完成它。") % {"number": newest.number})
    version = RegulationVersion.objects.create(
        number=newest.number + 1 if newest else 1,
        title=title,
        effective_on=effective_on,
        published_by_id=by.id if by.is_employee else None,
    )
    for clause in Clause.objects.filter(version=newest) if newest else ():
        clause.pk, clause.version = None, version
        clause.save(force_insert=True)
    changed()
    return version


@transaction.atomic
def rename(version: RegulationVersion, *, title: str, effective_on: date, by: Actor) -> RegulationVersion:
    """Another name or day for a version that is not in force yet."""
    check_can_edit(by)
    row = opened(version)
    check_day(effective_on)
    row.title, row.effective_on = title, effective_on
    row.save(update_fields=["title", "effective_on"])
    changed()
    return row


@transaction.atomic
def discard(version: RegulationVersion, *, by: Actor) -> None:
    """放弃草稿: nothing can rest on what was never in force."""
    check_can_edit(by)
    row = opened(version)
    row.clauses.all().delete()
    row.delete()
    changed()


@transaction.atomic
def write(version: RegulationVersion, *, code: str, title: str, text: str, by: Actor, after: str = "") -> Clause:
    """The words of a clause; a new code is added behind the clause ``after``, else at the end.

    Empty words mean that the text lacks it (原文缺失). Raises ``Invalid`` on ``code``.
    """
    check_can_edit(by)
    row = opened(version)
    words = text.replace("\r\n", "\n").strip()
    clause = Clause.objects.filter(version=row, code=code).first()
    if clause is None:
        if not CODE.fullmatch(code):
            raise Invalid.field("code", _("条款号应写成 A6 或 A6.2 这样。"))
        clause = Clause(version=row, code=code, order=room_after(row, after))
    clause.title, clause.text, clause.is_missing = title, words, not words
    clause.save()
    changed()
    return clause


def room_after(version: RegulationVersion, code: str) -> int:
    """The place behind the clause ``code``; those after it move on by one."""
    before = Clause.objects.filter(version=version, code=code).first()
    if before is None:
        last = Clause.objects.filter(version=version).order_by("-order").first()
        return last.order + 1 if last else 1
    Clause.objects.filter(version=version, order__gt=before.order).update(order=F("order") + 1)
    return before.order + 1


def changed() -> None:
    transaction.on_commit(lambda: regulation_changed.send(sender=RegulationVersion), robust=True)
