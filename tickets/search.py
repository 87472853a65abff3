"""Which requests are asked for: one filter for the page, the API, the export and saved views.

:meth:`TicketFilter.from_query` reads the parameters of an address. Nothing in them can fail: a value it does not
know is left out and told in ``problems`` (the page says so above the list, the API answers 400).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from staff.access import Viewer
from staff.permissions import Permission
from tickets import words
from tickets.models import Ticket, Urge
from tickets.statuses import FINAL, OPEN, STATUSES_OF, Kind, Status, Step, Urgency

OPEN_ONES, FINAL_ONES, ALL = "open", "final", "all"
# "Soon" is when the clock on the page turns amber.
SOON = timedelta(hours=2)

# What a list may be ordered by, and the column the keyset runs on; the second key is always the id.
ORDERINGS: dict[str, str] = {
    "-created_at": "created_at",
    "created_at": "created_at",
    "due_at": "due_at",
    "status_at": "status_at",
    "-status_at": "status_at",
}
DEFAULT_ORDERING = "-created_at"


class Unknown(ValueError):
    """A value that is none of the known ones; its text tells which are."""


@dataclass(frozen=True, slots=True)
class Context:
    """What reading a value may need to know."""

    viewer: Viewer
    now: datetime


def _choices(value: str, known: Any, field_name: str = "status") -> Q:
    chosen = [part for part in value.split(",") if part]
    if not chosen or any(part not in known for part in chosen):
        raise Unknown(_("不认识“%(value)s”。") % {"value": value[:40]})
    return Q(**{f"{field_name}__in": chosen})


def _status(value: str, context: Context) -> Q:
    groups = {OPEN_ONES: Q(status__in=OPEN), FINAL_ONES: Q(status__in=FINAL), ALL: Q()}
    return groups[value] if value in groups else _choices(value, Status.values)


def _step(value: str, context: Context) -> Q:
    _choices(value, Step.values)
    return Q(status__in=[status for step in value.split(",") if step for status in STATUSES_OF[step]])


def _project(value: str, context: Context) -> Q:
    found = next((project for project in context.viewer.projects if project.code == value), None)
    if found is None:
        raise Unknown(_("没有编码为“%(value)s”的项目，或不是您的项目。") % {"value": value[:20]})
    return Q(project_id=found.pk)


def _code(name: str) -> Callable[[str, Context], Q]:
    def read(value: str, context: Context) -> Q:
        if len(value) > 20:
            raise Unknown(_("编码最多 20 个字符。"))
        return Q(**{name: value})

    return read


def _person(name: str) -> Callable[[str, Context], Q]:
    """A username, ``me`` or ``none``."""

    def read(value: str, context: Context) -> Q:
        if value == "me":
            return Q(**{name: context.viewer.employee_id or 0})
        if value == "none":
            return Q(**{name: None})
        if len(value) > 150:
            raise Unknown(_("用户名太长。"))
        return Q(**{f"{name}__user__username": value})

    return read


def _category(value: str, context: Context) -> Q:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Unknown(_("分类应为编号。"))
    return Q(category_id=int(value)) | Q(category__parent_id=int(value))


def _yes(value: str) -> bool:
    if value.lower() in ("1", "true", "yes"):
        return True
    if value.lower() in ("0", "false", "no"):
        return False
    raise Unknown(_("请填 1 或 0。"))


def _overdue(value: str, context: Context) -> Q:
    late = Q(due_at__lt=context.now)
    return late if _yes(value) else ~late | Q(due_at=None)


def _due(value: str, context: Context) -> Q:
    if value != "soon":
        raise Unknown(_("不认识“%(value)s”。") % {"value": value[:40]})
    return Q(due_at__range=(context.now, context.now + SOON))


def _flag(where: Q) -> Callable[[str, Context], Q]:
    return lambda value, context: where if _yes(value) else ~where


def _mine(value: str, context: Context) -> Q:
    me = context.viewer.employee_id or 0
    mine = Q(handler_id=me) | Q(first_receiver_id=me)
    return mine if _yes(value) else ~mine


def _promised(value: str, context: Context) -> Q:
    promised = Q(promised_at__lte=context.now)
    return promised if _yes(value) else ~promised | Q(promised_at=None)


def _rounds(value: str, context: Context) -> Q:
    if value not in ("1", "2", "3"):
        raise Unknown(_("请填 1 到 3。"))
    return Q(dissatisfied_rounds__gte=int(value))


def _day(value: str) -> date:
    try:
        found = parse_date(value)
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year <= 2100:
        raise Unknown(_("日期请按“年-月-日”填写。"))
    return found


def _from(value: str, context: Context) -> Q:
    return Q(created_at__gte=timezone.make_aware(datetime.combine(_day(value), time())))


def _to(value: str, context: Context) -> Q:
    """The day itself is included."""
    return Q(created_at__lt=timezone.make_aware(datetime.combine(_day(value) + timedelta(days=1), time())))


PARAMETERS: dict[str, Callable[[str, Context], Q]] = {
    "status": _status,
    "step": _step,
    "kind": lambda value, context: _choices(value, Kind.values, "kind"),
    "urgency": lambda value, context: _choices(value, Urgency.values, "urgency"),
    "project": _project,
    "department": _code("department__code"),
    "category": _category,
    "handler": _person("handler"),
    "receiver": _person("first_receiver"),
    "mine": _mine,
    "overdue": _overdue,
    "due": _due,
    "promised": _promised,
    "returned": _flag(Q(returns__gte=1)),
    "dissatisfied": _rounds,
    "overseen": _flag(Q(overseen_at__isnull=False)),
    # Asked as a list of ids, which is short: most requests are never urged.
    "urged": _flag(Q(pk__in=Urge.objects.filter(answered_at=None).values("ticket_id"))),
    # Owners whom no e-mail reaches: somebody has to ring them up.
    "call": _flag(Q(contact_email="", is_anonymous=False)),
    "from": _from,
    "to": _to,
}
# These say in which state a request is; the chips of states count without them.
STATES = ("status", "step", "overdue", "due", "overseen")


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page, and where the next one begins (empty: this is the last)."""

    rows: list[Ticket]
    next_cursor: str = ""


@dataclass(frozen=True)
class TicketFilter:
    """What was asked for. ``params`` holds what was understood, ``problems`` what was not, by parameter."""

    viewer: Viewer
    now: datetime
    params: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, Q] = field(default_factory=dict)
    ordering: str = DEFAULT_ORDERING
    q: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_query(
        cls, params: Mapping[str, Any], viewer: Viewer, *, status: str = ALL, now: datetime | None = None
    ) -> TicketFilter:
        """Read ``params``; ``status`` is taken when none is asked for and nothing is searched."""
        context = Context(viewer, now or timezone.now())
        values, conditions, problems = _read(params, context)
        q = _text(params, "q")
        if not q and not values.keys() & {"status", "step"} and status != ALL:
            conditions["status"] = _status(status, context)
        if "project" not in values and (picked := picked_project(viewer)) is not None:
            conditions["project"] = Q(project_id=picked)
        ordering = _text(params, "ordering") or DEFAULT_ORDERING
        if ordering not in ORDERINGS:
            problems["ordering"] = _("不能按“%(value)s”排序。") % {"value": ordering[:40]}
            ordering = DEFAULT_ORDERING
        notes: list[str] = []
        if q:
            found = words.read(q, today=timezone.localdate(context.now), projects=_places(viewer))
            conditions["q"], notes = found.where, found.notes
        return cls(viewer, context.now, values, conditions, ordering, q, problems, tuple(notes))

    # --- what it is made of -----------------------------------------------------------------------
    def without(self, *names: str) -> TicketFilter:
        """The same without some of its parameters."""
        return replace(
            self,
            params={name: value for name, value in self.params.items() if name not in names},
            conditions={name: where for name, where in self.conditions.items() if name not in names},
        )

    @property
    def states_left_out(self) -> TicketFilter:
        return self.without(*STATES)

    def query(self, **changes: str | None) -> str:
        """The address's part after the question mark, in a fixed order; ``None`` takes a parameter away."""
        values: dict[str, str | None] = {**self.params, "q": self.q}
        if self.ordering != DEFAULT_ORDERING:
            values["ordering"] = self.ordering
        values |= changes
        order = [*PARAMETERS, "q", "ordering"]
        return urlencode({name: values[name] for name in order if values.get(name)})

    # --- what it finds ----------------------------------------------------------------------------
    def rows(self) -> QuerySet[Ticket]:
        """What this viewer may see of it, in no order; not joined with anything."""
        return self.narrow(words.prepared(Ticket.objects.visible_to(self.viewer)))

    def narrow(self, rows: QuerySet[Ticket]) -> QuerySet[Ticket]:
        where = Q()
        for condition in self.conditions.values():
            where &= condition
        return rows.filter(where)

    def ordered(self) -> QuerySet[Ticket]:
        return self.rows().order_by(*self._order)

    @property
    def _order(self) -> tuple[Any, ...]:
        column = F(ORDERINGS[self.ordering])
        if self.ordering.startswith("-"):
            return column.desc(), F("pk").desc()
        return column.asc(nulls_last=True) if self._has_gaps else column.asc(), F("pk").asc()

    def page(
        self,
        cursor: str = "",
        *,
        size: int = 50,
        annotate: Callable[[QuerySet[Ticket]], QuerySet[Ticket]] | None = None,
    ) -> Page:
        """One page by keyset: as quick deep down as at the top, and no row twice when new ones come in."""
        rows = self.ordered()
        if after := self._after(cursor):
            rows = rows.filter(after)
        # In two steps: what has to be sorted stays narrow, and only what is shown is joined.
        ids = list(rows.values_list("pk", flat=True)[: size + 1])
        shown = Ticket.objects.filter(pk__in=ids).order_by(*self._order).for_queue()
        found = list(annotate(shown) if annotate else shown) if ids else []
        more = len(found) > size
        return Page(found[:size], self._cursor(found[size - 1]) if more else "")

    def knows(self, cursor: str) -> bool:
        """Whether ``cursor`` belongs to a list in this ordering."""
        return _parts(cursor, self.ordering) is not None

    @property
    def _has_gaps(self) -> bool:
        return self.ordering == "due_at"

    def _cursor(self, last: Ticket) -> str:
        value = getattr(last, ORDERINGS[self.ordering])
        parts = [self.ordering, value.isoformat() if value else None, last.pk]
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")

    def _after(self, cursor: str) -> Q | None:
        parts = _parts(cursor, self.ordering) if cursor else None
        if parts is None:
            return None
        moment, pk = parts
        column = ORDERINGS[self.ordering]
        if moment is None:
            return Q(**{column: None}, pk__gt=pk)
        side, beyond = ("lt", "lte") if self.ordering.startswith("-") else ("gt", "gte")
        # The outer condition is what the index walks from; the inner one settles the equals.
        after = Q(**{f"{column}__{beyond}": moment}) & (Q(**{f"{column}__{side}": moment}) | Q(**{f"pk__{side}": pk}))
        return after | Q(**{column: None}) if self._has_gaps else after


def picked_project(viewer: Viewer) -> int | None:
    """The project picked in the top bar. Working in only one narrows nothing: what somebody still holds or
    answers for in another one stays in sight."""
    return viewer.project.pk if viewer.switched is not None and viewer.project is not None else None


def _read(params: Mapping[str, Any], context: Context) -> tuple[dict[str, str], dict[str, Q], dict[str, str]]:
    values: dict[str, str] = {}
    conditions: dict[str, Q] = {}
    problems: dict[str, str] = {}
    for name, read in PARAMETERS.items():
        value = _text(params, name)
        if not value:
            continue
        try:
            conditions[name] = read(value, context)
            values[name] = value
        except Unknown as problem:
            problems[name] = str(problem)
    return values, conditions, problems


def _text(params: Mapping[str, Any], name: str) -> str:
    """The values of a parameter, several joined by commas; without what Postgres cannot store."""
    many = params.getlist(name) if hasattr(params, "getlist") else [params.get(name) or ""]
    return ",".join(str(value).replace("\x00", "").strip() for value in many if value)


def _places(viewer: Viewer) -> list[int] | None:
    """Where owners and rooms are looked for: the project picked, else the viewer's own; None: everywhere."""
    if (picked := picked_project(viewer)) is not None:
        return [picked]
    held = viewer.projects_with(Permission.TICKET_VIEW_ALL)
    if held and not isinstance(held, set):
        return None
    return [project.pk for project in viewer.projects]


def _parts(cursor: str, ordering: str) -> tuple[datetime | None, int] | None:
    try:
        made_for, moment, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if made_for != ordering or not isinstance(pk, int) or not 0 <= pk < 2**62:
            return None
        if moment is None:
            return (None, pk) if ordering == "due_at" else None
        # In UTC: Postgres knows fewer offsets than Python.
        found = datetime.fromisoformat(moment)
        return (found.astimezone(UTC), pk) if timezone.is_aware(found) else None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
