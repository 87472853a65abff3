"""What the queue shows beside its rows: counts, chips, menus; and each row as people read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Count, F, IntegerField, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from staff.access import Viewer
from staff.models import Department, Employee
from staff.permissions import Permission
from tickets.models import Category, Clock, SavedView, Ticket
from tickets.search import SOON, TicketFilter
from tickets.statuses import OPEN, ClockName, Kind, Status, Step, Urgency

# The states in the order of the five steps, as the chips stand.
STATE_CHIPS = (
    (Status.REGISTERED, gettext_lazy("待派单")),
    (Status.DISPATCHED, gettext_lazy("待接单")),
    (Status.IN_PROGRESS, gettext_lazy("处理中")),
    (Status.ON_HOLD, gettext_lazy("挂起")),
    (Status.COMPLETED, gettext_lazy("待回复")),
    (Status.FED_BACK, gettext_lazy("待评价")),
    (Status.AWAITING_SUMMARY, gettext_lazy("待总结")),
)
# A select of more names than these helps nobody.
MOST_PEOPLE = 200
WAITS_FOR_RECEIVER = (Status.COMPLETED, Status.FED_BACK, Status.AWAITING_SUMMARY)


def counts(rows: QuerySet[Ticket], now: datetime) -> dict[str, int]:
    """Open requests by status, late, soon due and overseen, in one query over the open ones only."""
    wanted: dict[str, Any] = {status.value: Count("pk", filter=Q(status=status)) for status in OPEN}
    opened = rows.filter(status__in=OPEN)
    # The few that are overseen have an index of their own; looked for among all, the queue's would not do any more.
    overseen = opened.filter(overseen_at__isnull=False).order_by().values(one=Value(1)).annotate(n=Count("pk"))
    return opened.aggregate(
        open=Count("pk"),
        overdue=Count("pk", filter=Q(due_at__lt=now)),
        soon=Count("pk", filter=Q(due_at__range=(now, now + SOON))),
        overseen=Coalesce(Max(Subquery(overseen.values("n"), output_field=IntegerField())), 0),
        **wanted,
    )


def with_clock_names(rows: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Each with ``due_name``: which of its clocks ``due_at`` belongs to."""
    running = Clock.objects.filter(
        ticket=OuterRef("pk"), round=OuterRef("round"), met_at=None, stopped_at=None, due_at=OuterRef("due_at")
    )
    return rows.annotate(due_name=Subquery(running.values("name")[:1]))


@dataclass(frozen=True, slots=True)
class Row:
    """A request as a line of a list: what is shown follows from the state it is in."""

    ticket: Ticket
    now: datetime

    @property
    def is_late(self) -> bool:
        return self.ticket.due_at is not None and self.ticket.due_at < self.now

    @property
    def tone(self) -> str:
        """Of the present dot."""
        ticket = self.ticket
        if ticket.status == Status.CANCELLED:
            return "muted"
        if ticket.status == Status.ON_HOLD:
            return "paused"
        if self.is_late:
            return "overdue"
        if ticket.due_at is not None and ticket.due_at <= self.now + SOON:
            return "warning"
        return "moving" if ticket.is_open else "done"

    @property
    def clock_label(self) -> str:
        name = getattr(self.ticket, "due_name", None)
        return str(ClockName(name).label) if name else ""

    @property
    def waited(self) -> timedelta:
        """Since when nothing but waiting happens."""
        return self.now - self.ticket.status_at

    @property
    def holder(self) -> Employee | None:
        """Who has it: while the loop is being closed the first receiver, before that the handler."""
        ticket = self.ticket
        if ticket.status in WAITS_FOR_RECEIVER:
            return ticket.first_receiver
        return ticket.handler

    @property
    def holder_detail(self) -> str:
        """首问 for a first receiver, else the department in short."""
        ticket = self.ticket
        if ticket.status in WAITS_FOR_RECEIVER:
            return _("首问")
        return ticket.department.name.removesuffix("部") if ticket.department else ""

    @property
    def hints(self) -> list[str]:
        """What makes it different from an ordinary one, in few words."""
        ticket = self.ticket
        found = [
            (ticket.is_collective, _("群诉")),
            (ticket.round > 1, _("第 %(n)d 轮") % {"n": ticket.round}),
            (ticket.returns > 0 and ticket.is_open, _("退单 %(n)d 次") % {"n": ticket.returns}),
            (ticket.occurrence > 1, _("30 天内第 %(n)d 次") % {"n": ticket.occurrence}),
        ]
        return [words for holds, words in found if holds]

    @property
    def marks(self) -> list[tuple[str, str, str]]:
        """Who presses: 督办 by the manager, 催 with how often, as badges: words, tone, icon."""
        ticket = self.ticket
        urges = getattr(ticket, "open_urges", 0)
        found = [
            (ticket.overseen_at is not None and ticket.is_open, (_("督办"), "overdue", "eye")),
            (urges > 0 and ticket.is_open, (_("催 %(n)d") % {"n": urges}, "warning", "bell-ringing")),
        ]
        return [mark for holds, mark in found if holds]


# --- chips ------------------------------------------------------------------------------------------
def state_chips(asked: TicketFilter, found: dict[str, int] | None) -> list[dict[str, Any]]:
    """未办结, each status, 超时; the counts are those of the other filters. A search has none."""
    base = asked.states_left_out
    present = asked.params.get("status", "")
    is_state = not present and "step" not in asked.params and not asked.q
    late, watched = "overdue" in asked.params, "overseen" in asked.params

    def chip(label: Any, count: str, active: bool, tone: str = "", **changes: str | None) -> dict[str, Any]:
        number = found.get(count) if found is not None and count else None
        return {
            "label": label,
            "href": f"?{base.query(**changes)}",
            "count": number,
            "active": active,
            "tone": tone if number != 0 else "",
        }

    chips = [chip(_("未办结"), "open", not late and not watched and (present == "open" or is_state), status="open")]
    chips += [chip(label, status.value, present == status, status=status.value) for status, label in STATE_CHIPS]
    chips.append(chip(_("超时"), "overdue", late, "overdue", status="open", overdue="1"))
    if watched or (found or {}).get("overseen"):
        chips.append(chip(_("督办"), "overseen", watched, "overdue", status="open", overseen="1"))
    mine = asked.params.get("mine") == "1"
    chips.append(
        {
            "label": pgettext("filter", "我的"),
            "href": f"?{asked.query(mine=None if mine else '1')}",
            "active": mine,
            "icon": "user",
        }
    )
    return chips


NAMES: dict[str, Any] = {
    "kind": dict(Kind.choices),
    "urgency": dict(Urgency.choices),
    "returned": {"1": gettext_lazy("被退单")},
    "dissatisfied": {"1": gettext_lazy("不满意重办"), "2": gettext_lazy("两轮不满意"), "3": gettext_lazy("三轮不满意")},
    "call": {"1": gettext_lazy("没有邮箱，需致电")},
    "promised": {"1": gettext_lazy("承诺联系已到时间")},
    "urged": {"1": gettext_lazy("催办待答复")},
    "due": {"soon": gettext_lazy("两小时内到期")},
    "handler": {"me": gettext_lazy("我负责"), "none": gettext_lazy("未指定责任人")},
    "receiver": {"me": gettext_lazy("我首问")},
    "status": {
        "final": gettext_lazy("已办结与作废"),
        "closed": gettext_lazy("已办结"),
        "cancelled": gettext_lazy("已作废"),
        "all": gettext_lazy("全部状态"),
    },
}


def applied(asked: TicketFilter, menus: Menus) -> list[dict[str, str]]:
    """Each filter in force that no chip shows, in words, with the address without it."""
    found = []
    for name, value in asked.params.items():
        label = _label(name, value, menus)
        if label and not (name in ("kind", "department") and "," not in value):
            found.append({"label": label, "href": f"?{asked.query(**{name: None})}"})
    if asked.q:
        found.append({"label": _("含“%(words)s”") % {"words": asked.q}, "href": f"?{asked.query(q=None)}"})
    return found


def _label(name: str, value: str, menus: Menus) -> str:
    if name in ("handler", "receiver", "department", "category"):
        known = {option.code: option.name for option in menus.offered(name)}
        return str(NAMES.get(name, {}).get(value) or known.get(value, value))
    if name in NAMES:
        parts = [str(NAMES[name].get(part, "")) for part in value.split(",")]
        return "、".join(part for part in parts if part)
    if name == "step":
        return "、".join(str(Step(part).label) for part in value.split(",") if part)
    if name == "project":
        return next((p.name for p in menus.viewer.projects if p.code == value), value)
    days = {"from": _("%(day)s 起"), "to": _("至 %(day)s")}
    return days[name] % {"day": value} if name in days else ""


def view_chips(asked: TicketFilter, menus: Menus) -> list[dict[str, Any]]:
    """One's own views; the one whose filter is in force is marked."""
    present = asked.query()
    return [
        {
            "pk": view.code,
            "label": view.name,
            "href": f"?{view.group}",
            "active": bool(present) and view.group == present,
        }
        for view in menus.views
    ]


# --- menus ------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Option:
    code: str
    name: str
    group: str = ""
    order: int = 0


@dataclass(slots=True)
class Menus:
    """What the filter's menus offer, read in one query."""

    viewer: Viewer
    departments: list[Option] = field(default_factory=list)
    categories: list[Option] = field(default_factory=list)
    handlers: list[Option] = field(default_factory=list)
    views: list[Option] = field(default_factory=list)

    def offered(self, name: str) -> list[Option]:
        return {"department": self.departments, "category": self.categories, "handler": self.handlers}.get(name, [])

    @property
    def category_groups(self) -> Iterator[tuple[str, list[Option]]]:
        groups: dict[str, list[Option]] = {}
        for option in self.categories:
            groups.setdefault(option.group, []).append(option)
        return iter(groups.items())


def menus_for(viewer: Viewer, asked: TicketFilter) -> Menus:
    """Departments, categories, one's own views, and the people of the department that is chosen."""

    def options(what: str, rows: QuerySet[Any], code: Any, name: Any, group: Any, order: Any) -> QuerySet[Any]:
        text = CharField()
        return rows.order_by().values_list(
            Value(what, output_field=text), Cast(code, text), Cast(name, text), Cast(group, text), order
        )

    none = Value("")
    first = options("departments", Department.objects.filter(is_active=True), F("code"), F("name"), none, F("id"))
    kinds = asked.params.get("kind", "")
    categories = Category.objects.filter(is_active=True, children=None)
    if kinds:
        categories = categories.filter(kind__in=kinds.split(","))
    branch = Concat(F("kind"), Value("·"), Coalesce(F("parent__name"), Value("")))
    others = [
        options("categories", categories, F("pk"), F("name"), branch, F("order")),
        options(
            "views",
            SavedView.objects.filter(employee_id=viewer.employee_id or 0),
            F("pk"),
            F("name"),
            F("query"),
            F("id"),
        ),
    ]
    if code := asked.params.get("department"):
        people = Employee.objects.active().filter(department__code=code, user__isnull=False)
        others.append(options("handlers", people, F("user__username"), F("name"), none, F("id"))[:MOST_PEOPLE])
    menus = Menus(viewer)
    for what, code, name, group_name, order in first.union(*others, all=True):
        getattr(menus, what).append(Option(code, name, group_name, order))
    for offered in (menus.departments, menus.views, menus.handlers):
        offered.sort(key=lambda option: option.order)
    menus.categories = sorted((_in_words(option) for option in menus.categories), key=_branch)
    return menus


def _in_words(option: Option) -> Option:
    """A category with its branch as people say it: 报修·户内."""
    kind, _dot, branch = option.group.partition("·")
    words = "·".join(part for part in (str(Kind(kind).label), branch) if part)
    return Option(option.code, option.name, words, option.order)


def _branch(option: Option) -> tuple[str, int]:
    return option.group, option.order


SPECIALS: dict[str, tuple[str, str, Any]] = {
    "mine": ("mine", "1", gettext_lazy("我负责或我首问")),
    "soon": ("due", "soon", gettext_lazy("两小时内到期")),
    "returned": ("returned", "1", gettext_lazy("被退单")),
    "dissatisfied": ("dissatisfied", "1", gettext_lazy("不满意重办")),
    "promised": ("promised", "1", gettext_lazy("承诺联系已到时间")),
    "urged": ("urged", "1", gettext_lazy("催办待答复")),
    "overseen": ("overseen", "1", gettext_lazy("经理督办")),
    "call": ("call", "1", gettext_lazy("没有邮箱，需致电")),
}


def choices(asked: TicketFilter, menus: Menus) -> dict[str, Any]:
    """The selects of the filter's form, as pairs of code and word."""
    handlers = [("me", _("我")), ("none", _("未指定")), *((one.code, one.name) for one in menus.handlers)]
    chosen = asked.params.get("handler", "")
    if chosen and chosen not in dict(handlers):
        handlers.append((chosen, chosen))
    return {
        "kinds": Kind.choices,
        "urgencies": Urgency.choices,
        "departments": [(one.code, one.name) for one in menus.departments],
        "handlers": handlers,
        "handler_help": "" if menus.handlers else _("先选部门，可再选到人"),
        "statuses": [*Status.choices, ("final", _("已办结与作废")), ("all", _("全部状态"))],
        "specials": [(code, words) for code, (_name, _value, words) in SPECIALS.items()],
        "special": next((c for c, (name, value, _w) in SPECIALS.items() if asked.params.get(name) == value), ""),
        "orderings": [
            ("due_at", _("最先到期在前")),
            ("status_at", _("停留最久在前")),
            ("created_at", _("最早登记在前")),
        ],
    }


def quick(asked: TicketFilter, menus: Menus) -> dict[str, dict[str, Any]]:
    """The two filters that are wanted most, one click each."""
    offered = {
        "kinds": ("kind", [(value, str(label)) for value, label in Kind.choices]),
        "departments": ("department", [(one.code, one.name) for one in menus.departments]),
    }
    found: dict[str, dict[str, Any]] = {}
    for key, (name, options) in offered.items():
        present = asked.params.get(name, "")
        links = [
            {"label": label, "href": f"?{asked.query(**{name: code})}", "active": code == present}
            for code, label in options
        ]
        chosen = next((label for code, label in options if code == present), "")
        found[key] = {"links": links, "chosen": chosen, "all": f"?{asked.query(**{name: None})}"}
    return found


def bulk_actions(viewer: Viewer) -> list[dict[str, Any]]:
    """What may be done with several at once; the page asks again before anything happens."""
    actions: list[dict[str, Any]] = []
    if viewer.can(Permission.TICKET_DISPATCH):
        actions.append({"label": _("派单"), "formaction": reverse("tickets-dispatch"), "primary": True})
    if viewer.can_any((Permission.TICKET_SUMMARISE, Permission.TICKET_FEED_BACK)):
        actions.append({"label": _("确认总结"), "formaction": reverse("tickets-summarise")})
    return actions
