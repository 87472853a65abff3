"""What people type into the search box, made into a condition on requests.

A number or its last digits, a phone or its last digits, a room, a name or its pinyin, and any words. Each word
typed must fit in one of these ways; people and rooms are looked up first, so that the condition on requests
holds constants only and the planner may combine their indexes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Reverse
from django.utils.translation import gettext as _

from staff.models import Employee
from tickets.models import Occupancy, Owner, Referral, Ticket, Unit
from tickets.models.escalation import normalised
from tickets.statuses import AUTHORITIES, NUMBER_LETTERS, OPEN

# More words than these are hardly typed; each costs a look-up.
MOST_WORDS = 4
MOST_PEOPLE = 300
MOST_UNITS = 500
# "0031" is said of a recent request; older ones are asked for with their date.
DAYS_OF_SERIALS = 60

_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "‐‑‒–—―－"), "-")
_NUMBER = re.compile(rf"(?:{'|'.join(NUMBER_LETTERS.values())})(\d{{1,8}})(?:-?(\d{{1,6}}))?", re.IGNORECASE)
_DAY_AND_SERIAL = re.compile(r"(20\d{6})-(\d{1,6})")
_ROOM = re.compile(r"[0-9A-Za-z]{1,6}(?:-[0-9A-Za-z]{1,8}){1,2}")
_PHONE = re.compile(r"\+?\d[\d-]{3,18}")
_LETTERS = re.compile(r"[A-Za-z]{2,40}")


class Pairs(Func):
    """The function of the index ``ticket_word_pairs`` (see migration 0002)."""

    function = "tickets_pairs"
    output_field = ArrayField(TextField())


@dataclass(slots=True)
class Words:
    """``where`` on requests with :func:`prepared`; ``notes`` are said above the list."""

    where: Q
    notes: list[str] = field(default_factory=list)


def prepared(rows: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """``rows`` with the expressions that the conditions name; they cost nothing unless asked."""
    return rows.alias(pairs=Pairs(F("description")), phone_tail=Reverse("contact_phone"))


def read(text: str, *, today: date, projects: Iterable[int] | None = None) -> Words:
    """The condition for what was typed. ``projects``: look for people and rooms there only (None: anywhere)."""
    typed = " ".join(text.translate(_NARROW).split())[:200]
    tokens = typed.split(" ")[:MOST_WORDS]
    words = Words(Q())
    scope = None if projects is None else sorted(projects)
    for token in tokens:
        words.where &= _token(token, words, today, scope, alone=len(tokens) == 1)
    return words


def _token(token: str, words: Words, today: date, projects: list[int] | None, *, alone: bool) -> Q:
    if number := _number(token, today):
        return number
    if len(token) == 1:
        # One character has no pair. It is looked for where the answer is likely, not in a million rows.
        if alone:
            words.notes.append(_("只输入一个字时，只查未办结的工单。"))
        return Q(status__in=OPEN) & (Q(description__contains=token) | Q(contact_name__startswith=token))
    return _words(token) | _digits(token, today) | _people_and_places(token, words, projects)


def _number(token: str, today: date) -> Q | None:
    """``BX20261123-0031``, without the dash, or only its beginning; ``20261123-0031`` of any kind."""
    if found := _NUMBER.fullmatch(token):
        letters, day, serial = token[:2].upper(), found[1], found[2]
        if serial and len(day) == 8:
            return Q(number=f"{letters}{day}-{serial.zfill(4)}")
        return Q(number__startswith=f"{letters}{day}")
    if found := _DAY_AND_SERIAL.fullmatch(token):
        return Q(number__in=[f"{letters}{found[1]}-{found[2].zfill(4)}" for letters in NUMBER_LETTERS.values()])
    return None


def _digits(token: str, today: date) -> Q:
    """The last four digits of a number; a phone, or four and more of its last digits."""
    where = Q(pk__in=[])
    if len(token) == 4 and token.isascii() and token.isdigit():
        days = [today - timedelta(days=back) for back in range(DAYS_OF_SERIALS)]
        where |= Q(number__in=[f"{kind}{day:%Y%m%d}-{token}" for kind in NUMBER_LETTERS.values() for day in days])
    if _PHONE.fullmatch(token):
        where |= Q(phone_tail__startswith=token.removeprefix("+86")[::-1]) & ~Q(contact_phone="")
    return where


def _words(token: str) -> Q:
    """The words of the description; two characters are one pair, longer ones are checked again as a whole."""
    small = token.lower()
    pairs = [small[i : i + 2] for i in range(len(small) - 1)]
    where = Q(pairs__contains=pairs)
    return where if len(small) == 2 else where & Q(description__icontains=token)


def _people_and_places(token: str, words: Words, projects: list[int] | None) -> Q:
    """Owners, employees and units that are called so, in one query; then requests of theirs."""
    sources = _sources(token, projects)
    where = Q(pk__in=[])
    if not token.isascii():
        where |= Q(owner=None, contact_name__startswith=token) & ~Q(contact_name="")
    if not sources:
        return where
    found: dict[str, list[int]] = {"owner": [], "employee": [], "unit": [], "ticket": []}
    first, *others = sources
    for what, pk in first.union(*others, all=True) if others else first:
        found[what].append(pk)
    if len(found["owner"]) >= MOST_PEOPLE or len(found["unit"]) >= MOST_UNITS:
        words.notes.append(_("“%(word)s”匹配的业主或房屋太多，只列出一部分，请输入得更完整。") % {"word": token})
    if found["owner"]:
        where |= Q(owner_id__in=found["owner"])
    if found["unit"]:
        where |= Q(unit_id__in=found["unit"])
    if found["employee"]:
        where |= Q(handler_id__in=found["employee"])
    if found["ticket"]:
        where |= Q(pk__in=found["ticket"])
    return where


def _sources(token: str, projects: list[int] | None) -> list[QuerySet[Any]]:
    people = _called(token)
    sources: list[QuerySet[Any]] = []
    if people:
        owners = Owner.objects.filter(people)
        if projects is not None:
            lives = Occupancy.objects.filter(owner=OuterRef("pk"), unit__project_id__in=projects)
            asked = Ticket.objects.filter(owner=OuterRef("pk"), project_id__in=projects)
            owners = owners.filter(Exists(lives) | Exists(asked))
        sources += [_ids("owner", owners, MOST_PEOPLE), _ids("employee", Employee.objects.filter(people), MOST_PEOPLE)]
    elif _PHONE.fullmatch(token) and len(token) >= 11:
        sources.append(_ids("owner", Owner.objects.filter(Q(phone=token) | Q(phone_alt=token)), MOST_PEOPLE))
    if room := _room(token):
        units = Unit.objects.filter(room)
        if projects is not None:
            units = units.filter(project_id__in=projects)
        sources.append(_ids("unit", units, MOST_UNITS))
    if len(token) >= 4 and any(character.isdigit() for character in token):
        # An authority's number, whole: what we call a request is theirs to know.
        theirs = Referral.objects.filter(authority__in=AUTHORITIES, number=normalised(token))
        sources.append(theirs.order_by().values_list(Value("ticket"), "ticket_id")[:MOST_PEOPLE])
    return sources


def _called(token: str) -> Q | None:
    """A name, its pinyin or its initials; words longer than a name are none."""
    if _LETTERS.fullmatch(token):
        small = token.lower()
        return Q(pinyin__startswith=small) | Q(initials__startswith=small)
    if not token.isascii() and len(token) <= 12 and not any(c.isdigit() for c in token):
        return Q(name__startswith=token)
    return None


def _room(token: str) -> Q | None:
    """``3-2-1502``, ``2-1502`` or ``1502``."""
    if _ROOM.fullmatch(token):
        return Q(label__startswith=token) | Q(label__endswith=f"-{token}", room=token.rsplit("-", 1)[1])
    if token.isascii() and token.isdigit() and 3 <= len(token) <= 5:
        return Q(room=token)
    return None


def _ids(what: str, rows: QuerySet[Any], most: int) -> QuerySet[Any]:
    return rows.order_by().values_list(Value(what), "pk")[:most]
