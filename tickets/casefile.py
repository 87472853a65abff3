"""Everything one page shows about one request, in as few queries as it takes.

The request itself (joined), its events with their pictures, its clocks, and, where there are any, the requests
it is linked with: at most four queries, however long the story is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from shimao_service.exceptions import NotSeen
from staff.access import Viewer
from tickets import contacts, custody, discretion, permissions, timeline
from tickets.custody import Graded, Span
from tickets.models import Attachment, Clock, Event, Referral, Ticket, TicketLink, TicketSubject, Urge
from tickets.promises import span
from tickets.statuses import ClockName, Kind, Source, Status, Verb

HEADING = 28
SHOWN_OF_URGES = ("by", "by_name", "recorded_by", "note", "at", "times", "last_at")
# From how much of its time used a clock is amber.
WARN_AT = 80
# Warranty in years, from the unit's hand-over (Regulation on Quality Management of Construction Projects, art. 40).
WARRANTY_FITTINGS, WARRANTY_WATERPROOF = 2, 5
# Whose trade it covers, by words of the category; each company names its own. What drips is filed as plumbing too.
WARRANTED, WATERPROOFED = ("渗漏", "防水", "给排水", "电气", "暖通"), ("渗漏", "防水", "给排水")


@dataclass(frozen=True, slots=True)
class ClockView:
    """A clock as the page draws it: words by the ``clock`` tag, and how much of it is used, in percent."""

    clock: Clock
    used: int
    tone: str
    is_late: bool

    @property
    def label(self) -> str:
        return str(ClockName(self.clock.name).label)

    @property
    def limit(self) -> str:
        """``服务时间 30 分钟``."""
        return span(self.clock.amount, self.clock.unit)


def seen_ticket(viewer: Viewer, number: str) -> Ticket:
    """The request with what the page joins. Raises ``NotSeen``: unseen and unknown are not told apart."""
    linked = TicketLink.objects.order_by().filter
    ticket = (
        Ticket.objects.visible_to(viewer)
        .for_page()
        .annotate(
            linked_high=ArraySubquery(linked(low=OuterRef("pk")).values("high_id")),
            linked_low=ArraySubquery(linked(high=OuterRef("pk")).values("low_id")),
            subject_names=ArraySubquery(TicketSubject.objects.filter(ticket=OuterRef("pk")).values("employee__name")),
            urges_now=ArraySubquery(
                Urge.objects.filter(ticket=OuterRef("pk"), answered_at=None)
                .order_by("at", "pk")
                .values(row=JSONObject(**{name: name for name in SHOWN_OF_URGES}))
            ),
        )
        .filter(number=number.upper())
        .first()
    )
    if ticket is None:
        raise NotSeen(_("没有找到这张工单。"))
    return ticket


class CaseFile:
    """One request as ``viewer`` sees it at ``now``."""

    def __init__(self, ticket: Ticket, viewer: Viewer, now: datetime | None = None):
        self.ticket, self.viewer = ticket, viewer
        self.now = now or timezone.now()

    # --- what happened --------------------------------------------------------------------------
    @cached_property
    def events(self) -> list[Event]:
        pictures = Attachment.objects.filter(event=OuterRef("pk")).order_by("pk").values("pk")
        events = Event.objects.filter(ticket=self.ticket).order_by("seq").annotate(picture_ids=ArraySubquery(pictures))
        return discretion.told_to(self.viewer, events)

    @cached_property
    def clocks(self) -> list[Clock]:
        order = {name.value: index for index, name in enumerate(ClockName)}
        return sorted(Clock.objects.filter(ticket=self.ticket), key=lambda clock: (clock.round, order[clock.name]))

    @cached_property
    def lines(self) -> list[timeline.Line]:
        return timeline.story(self.ticket, self.events, self.clocks, self.now)

    @cached_property
    def pictures(self) -> list[dict[str, str]]:
        """What came with the request itself; the rest stands in the story."""
        first = self.events[:1]
        return shown_pictures(first[0].picture_ids) if first else []  # type: ignore[attr-defined]

    @cached_property
    def rounds(self) -> list[tuple[int, list[timeline.Line]]]:
        """The story by rounds, oldest first."""
        grouped: dict[int, list[timeline.Line]] = {}
        for line in self.lines:
            grouped.setdefault(line.round, []).append(line)
        return sorted(grouped.items())

    @property
    def heading(self) -> str:
        """The first sentence of what was asked, short enough for a heading; the whole stands below it."""
        first = re.split(r"[。！？!?\n]", self.ticket.description.strip(), maxsplit=1)[0]
        while len(first) > HEADING and "，" in first:
            first = first.rpartition("，")[0]
        first = first.rstrip("，,；;：: ")
        return first if len(first) <= HEADING else f"{first[:HEADING]}…"

    @property
    def is_reply_next(self) -> bool:
        """Whether writing a word is the likely thing: nothing else is asked of this person."""
        return not any(move["primary"] for move in self.moves)

    # --- who urges, who oversees, who passed it on ---------------------------------------------
    @cached_property
    def urges(self) -> list[Urge]:
        """What waits for an answer, oldest first; they came with the request."""
        rows = getattr(self.ticket, "urges_now", [])
        return [Urge(**row | {name: parse_datetime(row[name]) for name in ("at", "last_at")}) for row in rows]

    @property
    def may_answer_urge(self) -> bool:
        return Verb.ANSWER_URGE in self.verbs

    @property
    def referral(self) -> Referral | None:
        return getattr(self.ticket, "referral", None)

    @property
    def authority(self) -> str:
        return str(Source(self.referral.authority).label) if self.referral else ""

    @property
    def may_reply_authority(self) -> bool:
        return Verb.REPLY_AUTHORITY in self.verbs

    @property
    def may_refer(self) -> bool:
        return Verb.REFER in self.verbs

    @property
    def stamp(self) -> str:
        """Of the last event: quiet words leave the version alone, but the page shows them."""
        at = self.ticket.last_event_at
        return f"{int(at.timestamp())}{at.microsecond:06}"

    # --- promises -------------------------------------------------------------------------------
    def _view(self, clock: Clock) -> ClockView:
        end = clock.met_at or clock.stopped_at or clock.paused_at or self.now
        whole = max((clock.due_at - clock.started_at).total_seconds(), 1)
        used = max(0, min(100, round((end - clock.started_at).total_seconds() / whole * 100)))
        late = end > clock.due_at
        if late:
            tone, used = "overdue", 100
        elif clock.met_at:
            tone = "done"
        elif clock.paused_at:
            tone = "paused"
        else:
            tone = "warning" if used >= WARN_AT else ""
        return ClockView(clock, used, tone, late)

    @cached_property
    def clocks_now(self) -> list[ClockView]:
        return [self._view(clock) for clock in self.clocks if clock.round == self.ticket.round]

    @cached_property
    def clocks_before(self) -> list[ClockView]:
        return [self._view(clock) for clock in self.clocks if clock.round != self.ticket.round]

    # --- who had it -----------------------------------------------------------------------------
    @cached_property
    def steps(self) -> list[dict[str, Any]]:
        return custody.steps(self.ticket, self.events, self.now)

    @cached_property
    def legs(self) -> list[Span]:
        return custody.legs(self.events)

    @cached_property
    def receivers(self) -> list[Span]:
        return custody.receivers(self.events)

    @cached_property
    def holds(self) -> list[Span]:
        return custody.holds(self.events)

    @cached_property
    def ratings(self) -> list[Graded]:
        return custody.ratings(self.events)

    @cached_property
    def subjects(self) -> list[str]:
        return list(getattr(self.ticket, "subject_names", []))

    # --- others ---------------------------------------------------------------------------------
    @cached_property
    def related(self) -> Sequence[Ticket]:
        """Linked requests that this person may see as well."""
        ticket: Any = self.ticket
        ids = [*ticket.linked_high, *ticket.linked_low]
        if not ids:
            return []
        others = Ticket.objects.visible_to(self.viewer).filter(pk__in=ids)
        return list(others.select_related("unit", "building", "category").order_by("-created_at"))

    @property
    def warranty(self) -> str:
        """What the unit's hand-over date says about warranty, in words.

        Empty when it is not known, and when this is no repair of a trade that the warranty covers.
        """
        unit = self.ticket.unit if self.ticket.unit_id else None
        if unit is None or unit.handed_over_on is None or self.ticket.kind != Kind.REPAIR:
            return ""
        trade = self.ticket.category.name if self.ticket.category else ""
        if not any(word in trade for word in WARRANTED):
            return ""
        years = (timezone.localdate(self.now) - unit.handed_over_on).days / 365.25
        words = {"year": unit.handed_over_on.year}
        if years < WARRANTY_FITTINGS:
            return _("%(year)s 年交付 · 在 2 年保修期内，可转开发商") % words
        if years < WARRANTY_WATERPROOF and any(word in trade for word in WATERPROOFED):
            return _("%(year)s 年交付 · 防水渗漏仍在 5 年保修期内") % words
        return _("%(year)s 年交付 · 已过保") % words

    # --- what may be done -----------------------------------------------------------------------
    @cached_property
    def verbs(self) -> list[Verb]:
        return permissions.available(self.ticket, self.viewer.actor, now=self.now)

    @property
    def reply_verb(self) -> Verb | None:
        """What the box at "now" does: a follow-up while the work goes on, else a supplement."""
        return next((verb for verb in (Verb.FOLLOW_UP, Verb.SUPPLEMENT) if verb in self.verbs), None)

    @cached_property
    def moves(self) -> list[dict[str, Any]]:
        """The buttons, the likely one first; what the reply box does is not among them."""
        from tickets.forms import FORMS

        return [
            {
                "verb": verb.value,
                "label": FORMS[verb].title or verb.label,
                "primary": verb in NEXT,
                "url": reverse("ticket-move", args=[self.ticket.number, verb.value]),
                "at_once": FORMS[verb].at_once,
                "danger": FORMS[verb].danger,
                "icon": ICONS.get(verb, "pencil"),
            }
            for verb in self.verbs
            if verb != self.reply_verb and verb not in (Verb.LINK, Verb.REVOKE_LINK)
        ]

    @property
    def one_tap(self) -> bool:
        return contacts.one_tap(self.ticket, self.viewer)

    @property
    def may_reveal(self) -> bool:
        return contacts.may_reveal(self.ticket, self.viewer)

    @property
    def may_share(self) -> bool:
        return contacts.may_share(self.ticket, self.viewer)

    @property
    def may_link(self) -> bool:
        return Verb.LINK in self.verbs

    @property
    def is_promise_due(self) -> bool:
        return self.ticket.promised_at is not None and self.ticket.promised_at < self.now

    @property
    def has_been(self) -> timedelta:
        """How long it has stood in the present status."""
        return self.now - self.ticket.status_at

    @property
    def is_complaint(self) -> bool:
        return self.ticket.kind == Kind.COMPLAINT

    @property
    def is_working(self) -> bool:
        return self.ticket.status in (Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD)


# What somebody comes to do; the rest is at hand, but nobody is pushed to it.
NEXT = frozenset(
    {
        Verb.DISPATCH, Verb.ANSWER_ON_SPOT, Verb.ACCEPT, Verb.ARRIVE, Verb.COMPLETE, Verb.RESUME, Verb.FEED_BACK,
        Verb.RATE, Verb.SUMMARISE, Verb.CONCLUDE, Verb.TALK, Verb.JUDGE,
    }
)  # fmt: skip

ICONS = {
    Verb.DISPATCH: "send", Verb.ANSWER_ON_SPOT: "message-2", Verb.ACCEPT: "check", Verb.RETURN: "arrow-back-up",
    Verb.ARRIVE: "map-pin", Verb.TRANSFER: "arrows-exchange", Verb.FOLLOW_UP: "pencil", Verb.HOLD: "player-pause",
    Verb.RESUME: "player-play", Verb.COMPLETE: "circle-check", Verb.FEED_BACK: "phone-outgoing", Verb.RATE: "star",
    Verb.TALK: "messages", Verb.CONCLUDE: "flag", Verb.SUMMARISE: "clipboard-check", Verb.REOPEN: "rotate",
    Verb.CANCEL: "ban", Verb.AMEND: "pencil", Verb.ATTEMPT: "phone-call", Verb.SUPPLEMENT: "message-2",
    Verb.JUDGE: "gavel", Verb.NAME_SUBJECTS: "user-exclamation", Verb.HAND_OVER: "user-check",
    Verb.URGE: "bell-ringing", Verb.ANSWER_URGE: "message-2", Verb.OVERSEE: "eye", Verb.REFER: "building",
    Verb.REPLY_AUTHORITY: "mail",
}  # fmt: skip


def shown_pictures(ids: Sequence[int]) -> list[dict[str, str]]:
    """As the thumbnails component takes them."""
    return [
        {"url": reverse("picture", args=[pk, "full"]), "thumb_url": reverse("picture", args=[pk, "thumb"])}
        for pk in ids
    ]
