"""By which ways outside a notice also reaches an employee: by its topic, and by what the person prefers.

What the role must hear cannot be switched off: urgent notices and required topics always go by e-mail, urgent
ones by text message too; so do topics that bind the person's role. Who never said anything gets by e-mail what is
required or meant to leave the house, not every reminder. Text messages, which cost, are for the same two kinds of
topics only.
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
    bound = _bound(candidates, preferences)
    wanted = {need: ways(need.kind, need.urgent, preferences.get(need.user), need in bound) for need in candidates}
    chosen: dict[Need, list[str]] = {}
    for channel in WAYS:
        users = {need.user for need, channels in wanted.items() if channel in channels}
        reachable = reach(users, channel) if users and channel in CHANNELS else ()
        for need in candidates:
            if channel in wanted[need] and need.user in reachable:
                chosen.setdefault(need, []).append(channel)
    return chosen


def _bound(needs: Collection[Need], preferences: Mapping[int, NoticePreference]) -> set[Need]:
    """Those whose role must hear it though they would rather not; asked only of who said so."""
    found: set[Need] = set()
    for code in {topics.topic_of(need.kind) for need in needs}:
        topic = topics.TOPICS.get(code)
        if topic is None or topic.binds is None:
            continue
        unwilling = {
            need
            for need in needs
            if topics.topic_of(need.kind) == code and need.user in preferences
            if code in preferences[need.user].muted or not preferences[need.user].by_email
        }
        users = topic.binds({need.user for need in unwilling}) if unwilling else ()
        found |= {need for need in unwilling if need.user in users}
    return found


def ways(kind: str, urgent: bool, preference: NoticePreference | None, is_bound: bool = False) -> tuple[str, ...]:
    """What is wanted for one person, whether or not there is an address; ``is_bound``: by their role."""
    preference = preference or NoticePreference(muted=topics.muted_at_first())
    code = topics.topic_of(kind)
    topic = topics.TOPICS.get(code)
    if urgent:
        return WAYS
    if topic is None:
        return ()
    if topic.required or is_bound:
        return WAYS if preference.by_sms else (EMAIL,)
    if code in preference.muted:
        return ()
    return tuple(
        channel
        for channel, is_on in ((EMAIL, preference.by_email), (SMS, preference.by_sms and topic.outside))
        if is_on
    )
