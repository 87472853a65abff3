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
# Each is called with the viewer, once a page, and returns {key: count}.
COUNTERS: list[Callable[[Any], dict[str, Any]]] = []
# Each is called with the viewer and the counts, and returns a line to show above the page, or "".
WARNINGS: list[Callable[[Any, dict[str, Any]], str]] = []


def register(*items: NavItem) -> None:
    for item in items:
        if item not in ITEMS:
            ITEMS.append(item)
    ITEMS.sort(key=lambda item: item.order)


def register_counter(counter: Callable[[Any], dict[str, Any]]) -> None:
    if counter not in COUNTERS:
        COUNTERS.append(counter)


def register_warning(warning: Callable[[Any, dict[str, Any]], str]) -> None:
    if warning not in WARNINGS:
        WARNINGS.append(warning)


class Frame:
    """Computed when a template asks, so that pages without a frame pay nothing."""

    def __init__(self, request: HttpRequest):
        self.request = request
        self._counts: dict[str, Any] | None = None

    @property
    def viewer(self) -> Any:
        return getattr(self.request, "viewer", None)

    @property
    def counts(self) -> dict[str, Any]:
        if self._counts is None:
            self._counts = {}
            if self.viewer:
                for counter in COUNTERS:
                    self._counts.update(counter(self.viewer))
        return self._counts

    @property
    def warnings(self) -> list[str]:
        """What this person should know whatever the page is about, such as reminders that stand still."""
        if not self.viewer:
            return []
        return [line for line in (warning(self.viewer, self.counts) for warning in WARNINGS) if line]

    @property
    def alarms(self) -> list[Any]:
        """What stays on every page of this person until they say that they know of it (see the inbox)."""
        return list(self.counts.get("alarms", ())) if self.viewer else []

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


def frame(request: HttpRequest) -> dict:
    """Context processor: ``frame.items``, ``frame.phone_items``, ``frame.counts``."""
    return {"frame": Frame(request), "viewer": getattr(request, "viewer", None)}
