"""What waits for a person now: a few short lists, each the head of a filtered queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, Case, Count, ExpressionWrapper, F, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy

from staff.access import Viewer
from staff.permissions import Permission as P
from tickets import permissions, queue
from tickets.models import Ticket
from tickets.search import TicketFilter
from tickets.statuses import OPEN, Status, Urgency, Verb

# A desk's lists are heads of queues; a handler's list is his whole day.
HEAD, DAY = 5, 40

WEIGHTS = [When(urgency=urgency, then=Value(place)) for place, urgency in enumerate((Urgency.CRITICAL, Urgency.URGENT))]

May = Callable[[Viewer], bool]


@dataclass(frozen=True, slots=True)
class Section:
    """One list. ``params`` is the filter that the queue opens with; ``order`` the order of the rows."""

    key: str
    title: Any
    icon: str
    params: dict[str, str]
    order: tuple[str, ...] = ("urgent", "due_at")
    tone: str = ""
    hint: Any = ""


def holds(*powers: P) -> May:
    return lambda viewer: viewer.can_any(powers)


DISPATCHERS, RECEIVERS = holds(P.TICKET_DISPATCH), holds(P.TICKET_REGISTER)

DESK: tuple[tuple[May, Section], ...] = (
    (holds(P.TICKET_OVERSEE), Section(
        "critical", gettext_lazy("特急"), "urgent", {"status": "open", "urgency": "critical"}, tone="overdue",
        hint=gettext_lazy("核对是否已联系 119、燃气公司或电梯单位"))),
    (holds(P.TICKET_SUPERVISE), Section(
        "overseen", gettext_lazy("督办"), "eye", {"status": "open", "overseen": "1"}, tone="overdue",
        hint=gettext_lazy("群诉、三次催单、30 天内第三次和您督办的，办结前都在这里"))),
    (holds(P.TICKET_OVERSEE, P.TICKET_CONCLUDE), Section(
        "overdue", gettext_lazy("超时"), "alert-triangle", {"status": "open", "overdue": "1"}, tone="overdue",
        hint=gettext_lazy("先问清卡在哪里，再决定改派或亲自跟进"))),
    (holds(P.TICKET_OVERSEE), Section(
        "untaken", gettext_lazy("无人接单"), "user-exclamation", {"status": "dispatched", "overdue": "1"},
        tone="overdue", hint=gettext_lazy("已派出，但过了响应时限"))),
    (holds(P.TICKET_FOLLOW_UP), Section(
        "urged", gettext_lazy("催办待答复"), "bell-ringing", {"status": "open", "urged": "1"}, tone="warning",
        hint=gettext_lazy("业主或同事在催，先答复再办理"))),
    (lambda v: v.can(P.TICKET_DISPATCH) and not v.can(P.TICKET_OVERSEE), Section(
        "returned", gettext_lazy("退单待重派"), "arrow-back-up", {"status": "registered", "returned": "1"},
        tone="warning", hint=gettext_lazy("看清退单原因再派"))),
    (holds(P.TICKET_OVERSEE), Section(
        "returns", gettext_lazy("退单"), "arrow-back-up", {"status": "open", "returned": "1"}, tone="warning",
        hint=gettext_lazy("被退过、还没办结的"))),
    (holds(P.TICKET_OVERSEE, P.TICKET_CONCLUDE), Section(
        "dissatisfied", gettext_lazy("不满意重办"), "mood-sad", {"status": "open", "dissatisfied": "1"}, tone="warning",
        hint=gettext_lazy("业主评过不满意，正在重新办理"))),
    (holds(P.TICKET_CONCLUDE), Section(
        "conclude", gettext_lazy("可终结办理"), "gavel", {"status": "open", "dissatisfied": "2"}, tone="warning",
        hint=gettext_lazy("两轮不满意，主管面谈后由您决定是否终结"))),
    (DISPATCHERS, Section(
        "dispatch", gettext_lazy("待派单"), "send", {"status": "registered"},
        hint=gettext_lazy("派给部门，或直接指定责任人"))),
    (holds(P.TICKET_FEED_BACK), Section(
        "feedback", gettext_lazy("待回复业主"), "phone-outgoing", {"status": "completed"}, order=("mine", "status_at"),
        hint=gettext_lazy("把结果告诉业主，并询问是否满意"))),
    (holds(P.TICKET_FEED_BACK), Section(
        "call", gettext_lazy("询问评价"), "phone-call", {"status": "fed_back", "call": "1"},
        order=("mine", "status_at"), hint=gettext_lazy("业主没有邮箱，请致电或出示二维码"))),
    (holds(P.TICKET_FOLLOW_UP), Section(
        "promised", gettext_lazy("承诺到期"), "calendar-event", {"status": "open", "promised": "1"},
        order=("promised_at",), tone="warning", hint=gettext_lazy("答应业主的时间到了，请联系"))),
    (RECEIVERS, Section(
        "summary", gettext_lazy("我的待总结"), "pencil", {"status": "awaiting_summary", "receiver": "me"},
        order=("status_at",), hint=gettext_lazy("写明原因、责任和改进，即可办结"))),
)  # fmt: skip

TASKS: tuple[Section, ...] = (
    Section("to_accept", gettext_lazy("待接单"), "send", {"status": "dispatched", "handler": "me"}),
    Section("in_progress", gettext_lazy("处理中"), "tool", {"status": "in_progress", "handler": "me"}),
    Section("department", gettext_lazy("部门待接"), "users", {"status": "dispatched", "handler": "none"}),
    Section(
        "on_hold", gettext_lazy("挂起"), "player-pause", {"status": "on_hold", "handler": "me"}, order=("hold_until",)
    ),
)


@dataclass(slots=True)
class Waiting:
    """A section with what is in it."""

    section: Section
    query: str
    count: int = 0
    rows: list[queue.Row] = field(default_factory=list)

    @property
    def has_more(self) -> bool:
        return self.count > len(self.rows)


def is_handler(viewer: Viewer) -> bool:
    """Whose home is a list of tasks: who works on requests and does not run a desk."""
    return viewer.can(P.TICKET_HANDLE) and not viewer.can(P.TICKET_VIEW_ALL)


def waiting(viewer: Viewer) -> list[Waiting]:
    """Every section this person has, in order of weight; three queries whatever their number."""
    if is_handler(viewer):
        return fill(viewer, TASKS, DAY)
    return fill(viewer, [section for may, section in DESK if may(viewer)], HEAD)


def fill(viewer: Viewer, sections: Any, most: int) -> list[Waiting]:
    asked = {section.key: TicketFilter.from_query(section.params, viewer) for section in sections}
    if not asked:
        return []
    found = {s.key: Waiting(s, asked[s.key].query()) for s in sections}
    seen = Ticket.objects.visible_to(viewer).filter(status__in=OPEN)
    where = {key: _all(one) for key, one in asked.items()}
    for key, count in seen.aggregate(**{key: Count("pk", filter=q) for key, q in where.items()}).items():
        found[key].count = count
    heads: list[QuerySet[Any]] = []
    for section in sections:
        if found[section.key].count:
            rows = in_order(seen.filter(where[section.key]), section, viewer)
            heads.append(rows.values_list(Value(section.key), "pk")[:most])
    if heads:
        _load(found, heads[0].union(*heads[1:], all=True) if heads[1:] else heads[0], viewer)
    return list(found.values())


def _all(asked: TicketFilter) -> Q:
    where = Q()
    for condition in asked.conditions.values():
        where &= condition
    return where


def in_order(rows: QuerySet[Ticket], section: Section, viewer: Viewer) -> QuerySet[Ticket]:
    """Mine or the urgent ones first where the section says so, then by its column; those without a time last."""
    columns: list[Any] = []
    for name in section.order:
        if name == "mine":
            mine = Q(first_receiver_id=viewer.employee_id or 0)
            rows = rows.alias(is_mine=ExpressionWrapper(mine, output_field=BooleanField()))
            columns.append(F("is_mine").desc(nulls_last=True))
        elif name == "urgent":
            # Somebody in a stuck lift waits before a lamp that is an hour late.
            rows = rows.alias(weight=Case(*WEIGHTS, default=Value(len(WEIGHTS))))
            columns.append(F("weight").asc())
        else:
            columns.append(F(name).asc(nulls_last=True))
    return rows.order_by(*columns, "pk")


def _load(found: dict[str, Waiting], pairs: Any, viewer: Viewer) -> None:
    """The rows of all lists at once, put where they belong in the order of their ids."""
    places = list(pairs)
    now = timezone.now()
    rows = Ticket.objects.filter(pk__in={pk for _key, pk in places}).with_people().with_urges()
    tickets = {ticket.pk: ticket for ticket in queue.with_clock_names(rows)}
    for key, pk in places:
        if pk in tickets:
            found[key].rows.append(queue.Row(tickets[pk], now))


# --- one tap on a task ------------------------------------------------------------------------------
def taps(row: queue.Row, viewer: Viewer) -> list[str]:
    """The moves that need no words: 接单; 到场 for repairs where nobody is yet."""
    ticket = row.ticket
    found = []
    if permissions.can(Verb.ACCEPT, ticket, viewer.actor):
        found.append("accept")
    if ticket.kind == "repair" and not ticket.arrived_at and permissions.can(Verb.ARRIVE, ticket, viewer.actor):
        found.append("arrive")
    return found


def dispatchable(sections: list[Waiting], viewer: Viewer) -> set[int]:
    """Ids of the rows that wait for 派单 and that this person may dispatch."""
    rows = [row.ticket for one in sections if one.section.key in ("dispatch", "returned") for row in one.rows]
    return {ticket.pk for ticket in rows if permissions.can(Verb.DISPATCH, ticket, viewer.actor)}


# --- numbers by project -----------------------------------------------------------------------------
def by_project(viewer: Viewer) -> list[dict[str, Any]]:
    """Open requests of each project, the latest ones first; for those who look at more than one."""
    now = timezone.now()
    rows = Ticket.objects.visible_to(viewer).filter(status__in=OPEN)
    numbers = {
        row["project_id"]: row
        for row in rows.order_by().values("project_id").annotate(
            open=Count("pk"),
            overdue=Count("pk", filter=Q(due_at__lt=now)),
            registered=Count("pk", filter=Q(status=Status.REGISTERED)),
            feedback=Count("pk", filter=Q(status=Status.COMPLETED)),
            dissatisfied=Count("pk", filter=Q(dissatisfied_rounds__gte=1)),
        )
    }  # fmt: skip
    none = {"open": 0, "overdue": 0, "registered": 0, "feedback": 0, "dissatisfied": 0}
    found = [{"project": project, **numbers.get(project.pk, none)} for project in viewer.projects]
    return sorted(found, key=lambda row: (-row["overdue"], -row["open"], row["project"].code))


def totals(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {
        name: sum(row[name] for row in rows) for name in ("open", "overdue", "registered", "feedback", "dissatisfied")
    }
