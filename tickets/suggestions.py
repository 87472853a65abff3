"""What the desk should know while it writes: the likely category, how urgent, and what else happened there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.looks import moment_words
from staff.access import Viewer
from staff.models import Project
from staff.names import initials, pinyin
from tickets import deadlines, policies, urgency_words
from tickets.models import Building, Category, Ticket, Unit
from tickets.promises import promised
from tickets.statuses import BEFORE_COMPLETED, URGENCY_RANK, ClockName, Kind, Status, Urgency

# Public works whose failure reaches every flat of a building.
UTILITIES = ("电梯", "供配电照明", "给排水水泵", "给排水", "电气", "消防", "暖通空调")

REPEAT_WITHIN, REPEATS = timedelta(days=30), 3
NEIGHBOURS_WITHIN, NEIGHBOURS = timedelta(hours=24), 3
# Water finds its way down a few floors, hardly ten.
STACK_FLOORS = 3


# --- from the words -------------------------------------------------------------------------------
def rank(text: str, categories: Iterable[Category]) -> list[Category]:
    """Categories whose keywords occur in ``text``; most and longest words first, then the company's order."""
    scored = []
    for place, category in enumerate(categories):
        hits = [word for word in category.keywords if word and word in text]
        if hits:
            scored.append((-len(hits), -sum(map(len, hits)), place, category))
    return [category for *_score, category in sorted(scored, key=lambda row: row[:3])]


def match(text: str, categories: Iterable[Category]) -> list[Category]:
    """Categories for what somebody types into the category's own field: name, pinyin, initials, branch or keyword."""
    low = text.lower()
    scored = []
    for place, category in enumerate(categories):
        label, name = str(category), category.name
        if not text or name.startswith(text):
            score = 0
        elif text in label or pinyin(name).startswith(low) or initials(name).startswith(low):
            score = 1
        elif any(word and (word in text or text in word) for word in category.keywords):
            score = 2
        else:
            continue
        scored.append((score, place, category))
    return [category for _score, _place, category in sorted(scored, key=lambda row: row[:2])]


def leaves(kind: str = "", project_kind: str = "") -> list[Category]:
    """Categories that may be chosen: active, without those that only group others."""
    found = Category.objects.filter(is_active=True, children=None).select_related("parent")
    if kind:
        found = found.filter(kind=kind)
    if project_kind:
        found = found.filter(Q(project_kinds=[]) | Q(project_kinds__contains=[project_kind]))
    return list(found.order_by("kind", "order", "pk"))


def urgency_of(text: str, kind: str, category: Category | None = None) -> str:
    """The graver of what the words say and what the category starts with."""
    found = Urgency(category.urgency) if category else Urgency.NORMAL
    return max(found, urgency_words.told(text, kind), key=lambda urgency: URGENCY_RANK[urgency]).value


def promise(facts: deadlines.Facts, project: Project | None) -> str:
    """``服务时间 30 分钟内响应，48 小时内办结``: what may be said to the owner; empty where nothing is promised."""
    words = {
        ClockName.RESPONSE: _("%(span)s内响应"),
        ClockName.ON_SITE: _("%(span)s内到场"),
        ClockName.ANSWER: _("%(span)s内答复"),
        ClockName.RESOLUTION: _("%(span)s内办结"),
    }
    given = promised(policies.current_terms(project), facts)
    told = [text % {"span": given[name]} for name, text in words.items() if name in given]
    if facts.appointment_at and facts.kind == Kind.REPAIR:
        told.insert(1, _("按预约时间到场"))
    return _("，").join(told)


# --- from what happened there ---------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Notice:
    """A note beside the form; never a refusal. ``links`` are requests to offer for linking."""

    code: str
    tone: str
    title: str
    text: str = ""
    tickets: list[Ticket] = field(default_factory=list)
    can_link: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """Where, and what it looks like so far."""

    viewer: Viewer
    now: datetime
    kind: str
    unit: Unit | None = None
    building: Building | None = None
    category_id: int | None = None


def warnings(at: Situation) -> list[Notice]:
    """The gravest first. Two queries: the unit's month, and the building's day and open public works."""
    building_id = at.unit.building_id if at.unit else at.building.pk if at.building else None
    if building_id is None:
        return []
    near = list(
        Ticket.objects.visible_to(at.viewer)
        .filter(building_id=building_id)
        .filter(Q(created_at__gte=at.now - NEIGHBOURS_WITHIN) | public_works())
        .select_related("unit", "building", "category__parent")
        .order_by("-created_at")[:60]
    )
    own = unit_month(at)
    found = [*outages(at, near), *duplicates(at, own, near), *repeated(at, own), *related(at, near), *many(at, near)]
    return found


def public_works() -> Q:
    """Open repairs outside the flats."""
    return Q(status__in=BEFORE_COMPLETED, unit=None, kind=Kind.REPAIR)


def unit_month(at: Situation) -> list[Ticket]:
    if at.unit is None:
        return []
    return list(
        Ticket.objects.visible_to(at.viewer)
        .filter(unit=at.unit, created_at__gte=at.now - REPEAT_WITHIN)
        .exclude(status=Status.CANCELLED)
        .select_related("unit", "building", "category__parent")
        .order_by("-created_at")[:30]
    )


def outages(at: Situation, near: list[Ticket]) -> list[Notice]:
    """The building under a known outage: open public-area work on what every flat hangs on."""
    hit = [ticket for ticket in near if ticket.unit_id is None and is_outage(ticket)]
    return [
        Notice(
            "outage",
            "overdue",
            _("%(building)s%(what)s正在处理") % {"building": ticket.building, "what": what(ticket)},
            _("%(when)s 登记：%(text)s") % {"when": clock_words(ticket, at.now), "text": ticket.headline},
            [ticket],
            can_link=True,
        )
        for ticket in hit[:2]
    ]


def is_outage(ticket: Ticket) -> bool:
    name = ticket.category.name if ticket.category_id and ticket.category else ""
    works = ticket.status in BEFORE_COMPLETED and ticket.kind == Kind.REPAIR
    return works and (name in UTILITIES or ticket.urgency != Urgency.NORMAL)


def duplicates(at: Situation, own: list[Ticket], near: list[Ticket]) -> list[Notice]:
    """The same again: open, same unit (or same public area), same kind."""
    pool = own if at.unit else [ticket for ticket in near if ticket.unit_id is None and not is_outage(ticket)]
    hit = [ticket for ticket in pool if ticket.is_open and ticket.kind == at.kind]
    if not hit:
        return []
    return [Notice("duplicate", "warning", _("可能重复"), told(hit[0], at.now, own=True), hit[:3], can_link=True)]


def repeated(at: Situation, own: list[Ticket]) -> list[Notice]:
    same = [ticket for ticket in own if at.category_id and ticket.category_id == at.category_id]
    if len(same) < REPEATS - 1:
        return []
    text = _("同一户、同一分类，上次是%(when)s。请考虑升级处理。") % {"when": clock_words(same[0], at.now)}
    return [Notice("repeat", "warning", _("30 天内第 %(n)s 次") % {"n": len(same) + 1}, text, same[:3])]


def related(at: Situation, near: list[Ticket]) -> list[Notice]:
    """A flat above, below or beside with what may have the same cause, within a day and still open."""
    if at.unit is None or at.kind != Kind.REPAIR:
        return []
    hit = [
        t
        for t in near
        if t.is_open and t.kind == Kind.REPAIR and t.unit_id not in (None, at.unit.pk) and is_near(at, t)
    ]
    if not hit:
        return []
    text = told(hit[0], at.now)
    if len(hit) > 1:
        text = _("%(text)s，另有 %(n)s 件") % {"text": text, "n": len(hit) - 1}
    return [Notice("related", "warning", _("可能同一原因"), text, hit[:3], can_link=True)]


def is_near(at: Situation, ticket: Ticket) -> bool:
    """Same stack of flats, a few floors apart (1502 over 1402); or the same category next door or one floor away."""
    there, here = ticket.unit, at.unit
    if there is None or here is None or there.entrance != here.entrance:
        return False
    floors = abs(floor_of(there) - floor_of(here))
    if there.room[-2:] == here.room[-2:] and floors <= STACK_FLOORS:
        return True
    return floors <= 1 and bool(at.category_id and ticket.category_id == at.category_id)


def floor_of(unit: Unit) -> int:
    """1502 is on the 15th, whether or not somebody entered that."""
    if unit.floor is not None:
        return unit.floor
    digits = unit.room[:-2]
    return int(digits) if digits.isdecimal() else 0


def many(at: Situation, near: list[Ticket]) -> list[Notice]:
    """Three households of the building, this one among them, with the same within a day."""
    since = at.now - NEIGHBOURS_WITHIN
    others = {
        ticket.unit_id
        for ticket in near
        if ticket.unit_id
        and ticket.created_at >= since
        and at.category_id
        and ticket.category_id == at.category_id
        and (at.unit is None or ticket.unit_id != at.unit.pk)
    }
    households = len(others) + (1 if at.unit else 0)
    if households < NEIGHBOURS:
        return []
    text = _("24 小时内本楼连同这一户已有 %(n)s 户报同类问题，可能是公共故障。") % {"n": households}
    return [Notice("many", "overdue", _("本楼多户同类报事"), text)]


def what(ticket: Ticket) -> str:
    return ticket.category.name if ticket.category_id and ticket.category else str(Kind(ticket.kind).label)


def clock_words(ticket: Ticket, now: datetime) -> str:
    return moment_words(timezone.localtime(ticket.created_at), timezone.localtime(now))


def told(ticket: Ticket, now: datetime, *, own: bool = False) -> str:
    """``同单元 3-2-1402 于 10:05 报渗水``; ``own``: this very unit, which needs no naming."""
    facts = {"where": ticket.where, "when": clock_words(ticket, now), "text": ticket.headline}
    if own:
        return _("%(when)s 已报：%(text)s") % facts
    return _("%(where)s 于%(when)s 报：%(text)s") % facts
