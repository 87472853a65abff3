"""By which ways outside a notice also reaches an employee: by its topic, and by what the person prefers.

What the role must hear cannot be switched off: urgent notices and required topics always go by e-mail, urgent
ones by text message too. Who never said anything gets by e-mail what is required or meant to leave the house,
not every reminder. Text messages, which cost, are for the same two kinds of topics only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from shimao_service import topics
from shimao_service.channels import CHANNELS
from shimao_service.models.notice import EMAIL
from shimao_service.models.preference import NoticePreference

SMS = "sms"
WAYS = (EMAIL, SMS)

# ``reach({7, 8}, "email")``: those of these logins that have an address there.
Reach = Callable[[Collection[int], str], Collection[int]]


class Need(NamedTuple):
    """Somebody must be told something of this kind."""

    user: int
    kind: str
    urgent: bool


def choose(needs: Iterable[Need], *, reach: Reach) -> Mapping[Need, list[str]]:
    """The channels outside the inbox for each need; one query for all preferences, and one look-up of addresses for
    each channel that somebody is to be reached by."""
    candidates = {need for need in needs if need.urgent or topics.topic_of(need.kind)}
    if not candidates:
        return {}
    preferences = {row.user_id: row for row in NoticePreference.objects.filter(user__in={n.user for n in candidates})}
    wanted = {need: ways(need.kind, need.urgent, preferences.get(need.user)) for need in candidates}
    chosen: dict[Need, list[str]] = {}
    for channel in WAYS:
        users = {need.user for need, channels in wanted.items() if channel in channels}
        reachable = reach(users, channel) if users and channel in CHANNELS else ()
        for need in candidates:
            if channel in wanted[need] and need.user in reachable:
                chosen.setdefault(need, []).append(channel)
    return chosen


def ways(kind: str, urgent: bool, preference: NoticePreference | None) -> tuple[str, ...]:
    """What is wanted for one person, whether or not there is an address."""
    preference = preference or NoticePreference(muted=topics.muted_at_first())
    code = topics.topic_of(kind)
    topic = topics.TOPICS.get(code)
    if urgent:
        return WAYS
    if topic is None:
        return ()
    if topic.required:
        return WAYS if preference.by_sms else (EMAIL,)
    if code in preference.muted:
        return ()
    return tuple(
        channel
        for channel, is_on in ((EMAIL, preference.by_email), (SMS, preference.by_sms and topic.outside))
        if is_on
    )
