"""The frame around every staff page: the rail's items and the counts on them.

Apps register their items when they start, so that the ground floor names none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class NavItem:
    """One place in the rail.

    ``shown(viewer)`` decides whether this person has it; ``count`` names a key of the counts that
    :data:`COUNTERS` compute; ``phone`` puts it in the phone's bottom bar, lowest first.
    """

    label: Any
    url_name: str
    icon: str
    shown: Callable[[Any], bool]
    group: Any = ""
    order: int = 100
    count: str = ""
    alarm: bool = False
    shortcut: str = ""
    phone: int | None = None
    short: Any = ""
    # False: only in the phone's bottom bar; on the desktop it has another place.
    rail: bool = True
    # Other places (names of addresses) that stand under this item.
    covers: tuple[str, ...] = ()


ITEMS: list[NavItem] = []
Counter = Callable[[Any], dict[str, Any]]
# Each is called with the viewer, once a page, and returns {key: count}.
COUNTERS: list[Counter] = []
# The one of them that also tells what must be acknowledged ("alarms", "alarm_count"): pages without a rail, such as
# refusals, ask it alone.
ALARMS: list[Counter] = []
# Each is called with the viewer and the counts, and returns a line to show above the page, or "".
WARNINGS: list[Callable[[Any, dict[str, Any]], str]] = []


def register(*items: NavItem) -> None:
    for item in items:
        if item not in ITEMS:
            ITEMS.append(item)
    ITEMS.sort(key=lambda item: item.order)


def register_counter(counter: Counter, *, tells_alarms: bool = False) -> None:
    if counter not in COUNTERS:
        COUNTERS.append(counter)
    if tells_alarms:
        ALARMS[:] = [counter]


def register_warning(warning: Callable[[Any, dict[str, Any]], str]) -> None:
    if warning not in WARNINGS:
        WARNINGS.append(warning)


@dataclass(frozen=True, slots=True)
class Alarms:
    """The newest of what must be acknowledged, and how many there are in all."""

    shown: tuple[dict[str, Any], ...]
    count: int

    @property
    def more(self) -> int:
        """How many wait that are not shown."""
        return self.count - len(self.shown)

    @property
    def mark(self) -> str:
        """The same while nothing changes: a page left open compares it."""
        return ",".join(str(alarm["pk"]) for alarm in self.shown) + f"/{self.count}"


class Frame:
    """Computed when a template asks, so that pages without a frame pay nothing."""

    def __init__(self, request: HttpRequest):
        self.request = request
        self._told: dict[Counter, dict[str, Any]] = {}

    @property
    def viewer(self) -> Any:
        return getattr(self.request, "viewer", None)

    @property
    def counts(self) -> dict[str, Any]:
        return self._ask(COUNTERS)

    def _ask(self, counters: list[Counter]) -> dict[str, Any]:
        """What these tell; each is asked once a page."""
        counts: dict[str, Any] = {}
        for counter in counters if self.viewer else ():
            if counter not in self._told:
                self._told[counter] = counter(self.viewer)
            counts |= self._told[counter]
        return counts

    @property
    def warnings(self) -> list[str]:
        """What this person should know whatever the page is about, such as reminders that stand still."""
        if not self.viewer:
            return []
        return [line for line in (warning(self.viewer, self.counts) for warning in WARNINGS) if line]

    @property
    def alarms(self) -> Alarms | None:
        """What stays on every page of this person until they say that they know of it (see the inbox); nothing for
        who is not signed in, or not yet further than a password that somebody else made."""
        if not self.viewer or getattr(self.request, "is_entering", False):
            return None
        told = self._ask(ALARMS)
        return Alarms(tuple(told.get("alarms", ())), told.get("alarm_count", 0))

    @property
    def items(self) -> list[dict]:
        if not self.viewer:
            return []
        path = self.request.path
        rows: list[dict[str, Any]] = [
            {"item": item, "url": reverse(item.url_name), "count": self.counts.get(item.count, 0) if item.count else 0}
            for item in ITEMS
            if item.shown(self.viewer)
        ]
        # The longest address that begins this one is where we are.
        places = [(row["url"], row) for row in rows]
        places += [(reverse(name), row) for row in rows for name in row["item"].covers]
        url, here = max(
            (place for place in places if path.startswith(place[0])), key=lambda p: len(p[0]), default=("", {})
        )
        for row in rows:
            row["here"] = row["url"] == here.get("url") and (url != "/" or path == "/")
        return rows

    @property
    def phone_items(self) -> list[dict]:
        rows = [row for row in self.items if row["item"].phone is not None]
        return sorted(rows, key=lambda row: row["item"].phone)[:4]


def frame_of(request: HttpRequest) -> Frame:
    """The one of this request: what it was told once serves the view and the page."""
    made: Frame | None = getattr(request, "_frame", None)
    if made is None:
        made = request._frame = Frame(request)  # type: ignore[attr-defined]
    return made


def frame(request: HttpRequest) -> dict:
    """Context processor: ``frame.items``, ``frame.phone_items``, ``frame.counts``, ``frame.alarms``."""
    return {"frame": frame_of(request), "viewer": getattr(request, "viewer", None)}
