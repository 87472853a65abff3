"""What the owner's page shows of a request, and what its holder may do about it now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from shimao_service.actors import Actor, ActorKind
from tickets import links, permissions, promises, story
from tickets.lifecycle.feedback import REOPEN_DAYS
from tickets.models import Rating, Ticket, Urge
from tickets.statuses import BEFORE_COMPLETED, GRADES, Kind, RatingSource, Status, Verb

# How long the page asks to keep the link before it says so in small letters only.
FRESH = timedelta(hours=1)
WAITS_FOR_US = (*BEFORE_COMPLETED, Status.COMPLETED)
OWNER_SOURCES = (RatingSource.LINK, RatingSource.OWNER)


@dataclass(frozen=True, slots=True)
class Round:
    """The story of one round; earlier ones are folded."""

    number: int
    lines: list[dict[str, Any]]


def page(ticket: Ticket, *, now: datetime) -> dict[str, Any]:
    """The context of the page. ``rounds`` oldest first; ``may`` says which forms stand open."""
    token = links.token(ticket)
    words, tone, icon = story.headline(ticket)
    rating = Rating.objects.filter(ticket=ticket, round=ticket.round, replaced_at=None).first()
    waiting = ticket.status == Status.REGISTERED
    clocks = list(ticket.clocks.all())
    answer = promises.answer_words(ticket, clocks, now) if waiting and ticket.round == 1 else ""
    pending = promises.pending(ticket, clocks, now)
    return {
        "ticket": ticket,
        "project": ticket.project,
        "token": token,
        "address": links.address(ticket),
        "headline": words,
        "tone": tone,
        "icon": icon,
        "promises": promises.after_answer(pending, clocks) if answer else pending,
        "answer": answer,
        "result": story.result(ticket) if ticket.status == Status.FED_BACK else "",
        "is_fresh": waiting and now - ticket.created_at < FRESH,
        "rounds": rounds(ticket, token),
        "coming": coming(ticket),
        "rating_given": rating,
        "urged": urged(ticket) if ticket.is_open else None,
        "grade_words": GRADES[rating.grade] if rating else "",
        "may": may(ticket, rating, now),
        "service_phone": promises.service_phone(ticket.project),
    }


def rounds(ticket: Ticket, token: str) -> list[Round]:
    return [
        Round(number, [line_of(line, token) for line in lines])
        for number, lines in groupby(story.story(ticket), key=lambda line: line.round)
    ]


def line_of(line: story.Line, token: str) -> dict[str, Any]:
    return {
        "at": line.at,
        "words": line.words,
        "said": line.said,
        "tone": line.tone,
        "pictures": [
            {
                "url": reverse("track-picture", args=[token, picture.pk]),
                "thumb_url": reverse("track-thumbnail", args=[token, picture.pk]),
            }
            for picture in line.pictures
        ],
    }


def urged(ticket: Ticket) -> Urge | None:
    """The owner's own call that waits for its answer."""
    mine = Urge.objects.filter(ticket=ticket, round=ticket.round, by=Urge.By.OWNER, answered_at=None)
    return mine.order_by("-at").first()


def coming(ticket: Ticket) -> list[str]:
    """The steps still ahead, in the owner's words."""
    ahead = {
        Status.REGISTERED: [_("派给处理的人"), _("处理"), _("回复与评价")],
        Status.DISPATCHED: [_("处理"), _("回复与评价")],
        Status.IN_PROGRESS: [_("回复与评价")],
        Status.ON_HOLD: [_("继续处理"), _("回复与评价")],
        Status.COMPLETED: [_("回复与评价")],
        Status.FED_BACK: [_("等您评价")],
    }
    return ahead.get(Status(ticket.status), [])


def may(ticket: Ticket, rating: Rating | None, now: datetime) -> dict[str, bool]:
    """Which moves stand open to the holder; the verbs decide again when one is made."""
    holder = Actor(kind=ActorKind.LINK, id=ticket.owner_id, name="")
    can = {
        verb: permissions.can(verb, ticket, holder)
        for verb in (Verb.SUPPLEMENT, Verb.REOPEN, Verb.CANCEL, Verb.RATE, Verb.URGE)
    }
    in_time = now <= (ticket.closed_at or now) + timedelta(days=REOPEN_DAYS)
    is_own = rating is not None and rating.source in OWNER_SOURCES
    since = ticket.closed_at or ticket.status_at
    late_ok = now <= since + timedelta(days=REOPEN_DAYS) and ticket.concluded_at is None
    praise = ticket.kind == Kind.PRAISE
    return {
        # Praise is thanked for, not worked on.
        "rate": can[Verb.RATE] and not is_own and not praise and (ticket.status == Status.FED_BACK or late_ok),
        "supplement": can[Verb.SUPPLEMENT],
        # While it waits for the owner's own word there is nobody to hurry.
        "urge": can[Verb.URGE] and not praise and ticket.status in WAITS_FOR_US,
        "reopen": can[Verb.REOPEN] and in_time and not praise,
        "withdraw": can[Verb.CANCEL],
    }
