"""What notices are about, in the words in which people choose which of them reach them outside the house.

The floors above register topics and which kind of notice belongs to which. A kind without a topic stays in
the inbox, unless it is urgent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Topic:
    """``outside``: leaves the house unless the person says otherwise; ``required``: nobody can switch it off.

    ``binds({7, 8})`` answers those of these logins whose role must hear it: they cannot switch it off, others can.
    ``hint`` says in a line what it holds, or why it is required.
    """

    label: Any
    outside: bool = False
    required: bool = False
    hint: Any = ""
    binds: Callable[[Collection[int]], Collection[int]] | None = None


TOPICS: dict[str, Topic] = {}
_kinds: dict[str, Any] = {}
_topic_of: dict[str, str] = {}


def register_topics(topics: Mapping[str, Topic]) -> None:
    """``{"escalation": Topic(_("升级提醒"), outside=True)}``; the order is that of the page of preferences."""
    TOPICS.update(topics)


def register_kinds(labels: Mapping[str, Any], topics: Mapping[str, str] | None = None) -> None:
    """The words for kinds of notices, for filters and lists, and which topic a kind belongs to."""
    _kinds.update(labels)
    _topic_of.update(topics or {})


def kind_label(kind: str) -> str:
    return str(_kinds.get(kind, kind))


def kind_labels() -> dict[str, str]:
    """Every kind there is with its words, by the words."""
    return dict(sorted(((kind, str(label)) for kind, label in _kinds.items()), key=lambda pair: pair[1]))


def topic_of(kind: str) -> str:
    """The code of its topic, ``""`` for none."""
    return _topic_of.get(kind, "")


def optional() -> list[str]:
    """Codes of the topics that people may switch off and on; those that leave the house by themselves first."""
    return sorted((code for code, topic in TOPICS.items() if not topic.required), key=lambda c: not TOPICS[c].outside)


def binding(user: int) -> list[str]:
    """Codes of the topics that the role of this login must hear, beside those that everybody must."""
    return [code for code, topic in TOPICS.items() if topic.binds is not None and user in topic.binds([user])]


def muted_at_first() -> list[str]:
    """What does not leave the house for somebody who never said anything."""
    return [code for code in optional() if not TOPICS[code].outside]
