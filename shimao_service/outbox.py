"""Telling people things: one call inside the caller's transaction leaves the rows, delivery follows later.

The row commits together with what it tells of, or not at all. No caller needs the broker: ringing for
delivery is a hint sent after commit, and the next tick sweeps whatever no ring was heard for.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from kombu import Connection
from kombu.pools import producers

from shimao_service import folding, routing
from shimao_service.celery import app as celery_app
from shimao_service.exceptions import Refusal
from shimao_service.models.notice import EMAIL, INBOX, Notice, NoticeStatus
from shimao_service.topics import Topic, kind_label, register_kinds, register_topics, topic_of

__all__ = [
    "Draft", "Topic", "kind_label", "post", "post_all", "register_acknowledged", "register_address", "register_kinds",
    "register_link", "register_name", "register_topics", "topic_of", "wake", "withdraw",
]  # fmt: skip

logger = logging.getLogger(__name__)

READER = re.compile(r"[a-z]+:[0-9]+")
ROWS_A_STATEMENT = 2_000
# After a ring that nobody took, this process spares its requests the wait (seconds).
QUIET_AFTER_FAILURE = 30

INSERT = """
INSERT INTO shimao_service_notice
       (key, recipient, channel, kind, title, body, url, link, about, scope, urgent, must_acknowledge,
        created_at, status, next_attempt_at, sent_at)
SELECT key, recipient, channel, kind, title, body, url, link, about, scope, urgent, must_acknowledge,
       %(now)s, CASE WHEN channel = 'inbox' THEN 'sent' ELSE 'pending' END, leaves_at,
       CASE WHEN channel = 'inbox' THEN %(now)s END
  FROM unnest(%(key)s::text[], %(recipient)s::text[], %(channel)s::text[], %(kind)s::text[], %(title)s::text[],
              %(body)s::text[], %(url)s::text[], %(link)s::text[], %(about)s::text[], %(scope)s::text[],
              %(urgent)s::boolean[], %(must_acknowledge)s::boolean[], %(leaves_at)s::timestamptz[])
    AS row (key, recipient, channel, kind, title, body, url, link, about, scope, urgent, must_acknowledge, leaves_at)
ON CONFLICT (key, recipient, channel) DO NOTHING
RETURNING channel, next_attempt_at
"""


class Row(NamedTuple):
    """What :data:`INSERT` takes of a notice; the key comes first, because rows are sorted by it."""

    key: str
    recipient: str
    channel: str
    kind: str
    title: str
    body: str
    url: str
    link: str
    about: str
    scope: str
    urgent: bool
    must_acknowledge: bool
    leaves_at: datetime | None


LinkMaker = Callable[[str], str]
AddressBook = Callable[[Collection[int]], Mapping[int, str]]
# (subject id, the login that pressed, now)
Acknowledged = Callable[[int, Any, datetime], Any]

_links: dict[str, LinkMaker] = {}
_addresses: dict[tuple[str, str], AddressBook] = {}
_names: dict[str, AddressBook] = {}
_acknowledged: dict[str, Acknowledged] = {}


@dataclass(frozen=True, slots=True)
class Draft:
    """What :func:`post` takes, as a value, for callers that leave many at once (:func:`post_all`)."""

    key: str
    recipients: Iterable[str]
    title: str
    kind: str
    body: str = ""
    url: str = ""
    urgent: bool = False
    channels: tuple[str, ...] = (INBOX,)
    link: str = ""
    about: str = ""
    scope: str = ""
    must_acknowledge: bool = False

    def check(self) -> None:
        """Raise ``ValueError`` for what the table would refuse anyway, naming the draft."""
        if not (self.key and self.kind and str(self.title).strip() and self.channels):
            raise ValueError(f"Notice {self.key!r}: key, kind, title and channels are needed.")
        if self.url and (not self.url.startswith("/") or self.url.startswith("//")):
            raise ValueError(f"Notice {self.key!r}: url {self.url!r} is not a path of this site.")
        for recipient in self.recipients:
            if not READER.fullmatch(recipient):
                raise ValueError(f"Notice {self.key!r}: recipient {recipient!r} is not like 'user:7'.")


def post(
    *,
    key: str,
    recipients: Iterable[str],
    title: str,
    kind: str,
    now: datetime,
    body: str = "",
    url: str = "",
    urgent: bool = False,
    channels: tuple[str, ...] = (INBOX,),
    link: str = "",
    about: str = "",
    scope: str = "",
    must_acknowledge: bool = False,
) -> int:
    """Leave a notice for each recipient and channel; answer how many rows are new.

    ``key`` says what happened (``ticket:81:r2:feedback_due:1``): the same key to the same reader by the
    same channel is the same notice and is left once, whoever asks and however often. ``recipients`` are
    ``user:7``, ``owner:9`` or ``robot:3``; ``url`` is a path of this site; ``link`` such as ``track:81`` is
    made into an address when sending; ``scope`` such as ``project:3`` says whose supervisors may look it up;
    ``must_acknowledge`` keeps an inbox entry on its reader's screen until they say that they know. What is for an
    employee's inbox also leaves the house as its topic and the person's preferences say. Must be called inside the
    transaction of what it tells of.
    """
    draft = Draft(
        key=key, recipients=tuple(recipients), title=title, kind=kind, body=body, url=url, urgent=urgent,
        channels=channels, link=link, about=about, scope=scope, must_acknowledge=must_acknowledge,
    )  # fmt: skip
    return post_all([draft], now=now)


def post_all(drafts: Iterable[Draft], *, now: datetime) -> int:
    """As :func:`post` for many: one statement for two thousand rows, not one a notice."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A notice is left inside the transaction of what it tells of.")
    asked = [_settled(draft) for draft in drafts]
    # Notices are kept in the company's language, whatever the language of whoever acts.
    with translation.override(settings.LANGUAGE_CODE):
        rows = sorted(set(_rows(asked, now)), key=lambda row: row[:3])  # two ticks that leave the same rows wait
    due: set[str] = set()
    count = 0
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            columns = zip(*rows[start : start + ROWS_A_STATEMENT], strict=True)
            values = {name: list(column) for name, column in zip(Row._fields, columns, strict=True)}
            cursor.execute(INSERT, {"now": now, **values})
            new = cursor.fetchall()
            count += len(new)
            due |= {channel for channel, at in new if channel != INBOX and at <= now}
    for channel in sorted(due):
        wake_on_commit(channel)
    return count


def _settled(draft: Draft) -> Draft:
    """Checked, its readers read from whatever gave them."""
    draft = replace(draft, recipients=tuple(dict.fromkeys(draft.recipients)))
    draft.check()
    return draft


def _rows(drafts: Sequence[Draft], now: datetime) -> Iterator[Row]:
    outside = routing.choose((need for draft in drafts for need in _needs(draft)), reach=_reachable)
    later = folding.leaves_at(now)
    for draft in drafts:
        ways = {f"user:{need.user}": outside.get(need, ()) for need in _needs(draft)}
        for recipient in draft.recipients:
            for channel in {*draft.channels, *ways.get(recipient, ())}:
                is_inbox = channel == INBOX
                waits = folding.folds(recipient, urgent=draft.urgent)
                yield Row(
                    draft.key, recipient, channel, draft.kind, str(draft.title), str(draft.body), draft.url,
                    draft.link, draft.about, draft.scope, draft.urgent, draft.must_acknowledge and is_inbox,
                    None if is_inbox else later if waits else now,
                )  # fmt: skip


def _needs(draft: Draft) -> list[routing.Need]:
    if INBOX not in draft.channels:
        return []
    users = [recipient[5:] for recipient in draft.recipients if recipient.startswith("user:")]
    return [routing.Need(int(user), draft.kind, draft.urgent) for user in users]


def _reachable(users: Collection[int], channel: str) -> set[int]:
    return {int(recipient[5:]) for recipient in addresses((f"user:{user}" for user in users), channel=channel)}


def withdraw(
    *,
    about: str,
    key_prefix: str = "",
    recipients: Iterable[str] | None = None,
    from_inbox: bool = False,
) -> int:
    """Take back what has not gone out and no longer holds; answer how many rows.

    ``from_inbox`` also takes entries out of inboxes: for readers who must not see the subject any more
    (a complaint that turns out to be about them). What has been sent outside stays sent.
    """
    if not about:
        raise ValueError("Say what the notices are about.")
    notices = Notice.objects.filter(about=about)
    if key_prefix:
        notices = notices.filter(key__startswith=key_prefix)
    if recipients is not None:
        notices = notices.filter(recipient__in=list(recipients))
    taken = notices.filter(status=NoticeStatus.PENDING).update(status=NoticeStatus.CANCELLED, next_attempt_at=None)
    if from_inbox:
        taken += notices.filter(channel=INBOX, status=NoticeStatus.SENT).update(status=NoticeStatus.CANCELLED)
    return taken


# --- ringing for delivery ------------------------------------------------------------------------
_quiet_until = 0.0


def impatient_broker() -> Connection:
    """A line to the broker, less patient than a worker's: at most a second for each word, no second try.

    Without ``max_retries`` the client sleeps two seconds before it gives up, inside somebody's request.
    """
    return celery_app.connection_for_write(
        transport_options={
            "max_retries": 0,
            "socket_connect_timeout": 1,
            "socket_timeout": 1,
        }
    )


_broker = cache(impatient_broker)


@cache
def ring(channel: str) -> Callable[[], bool]:
    """The same callable for the same channel, so that a transaction can see whether it will be rung for."""
    return partial(_ring, channel)


def _ring(channel: str) -> bool:
    return wake(channel)


def wake_on_commit(channel: str) -> None:
    """Ring once for each channel after the present transaction, however many notices it leaves."""
    if not any(entry[1] is ring(channel) for entry in connection.run_on_commit):
        transaction.on_commit(ring(channel), robust=True)


def wake(channel: str) -> bool:
    """Ring for one channel's letters. Never raises; ``False`` when the broker took no ring (the tick sweeps)."""
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return False
    try:
        with producers[_broker()].acquire(block=True, timeout=1) as producer:
            celery_app.send_task(
                "shimao_service.tasks.deliver",
                args=[channel],
                producer=producer,
                retry=False,
                expires=60,
                ignore_result=True,
            )
    except Exception as error:  # whatever a broker's client raises, the notice is safe in its row
        _quiet_until = time.monotonic() + QUIET_AFTER_FAILURE
        logger.warning(
            "Nobody took the ring for delivery (%s); the tick will sweep.",
            type(error).__name__,
        )
        return False
    return True


# --- what the floors above register --------------------------------------------------------------
def register_link(maker: str, make: LinkMaker) -> None:
    """``link="track:81"`` is made by ``make("81")`` when sending: a path or a full address, or ``""`` when
    there is none any more."""
    _links[maker] = make


def register_address(reader: str, look_up: AddressBook, *, channel: str = EMAIL) -> None:
    """``look_up({9, 12})`` gives the address of each reader that has one for this channel."""
    _addresses[(reader, channel)] = look_up


def register_name(reader: str, look_up: AddressBook) -> None:
    """``look_up({9, 12})`` gives the name of each reader as operations may see it (owners masked)."""
    _names[reader] = look_up


def register_acknowledged(subject: str, tell: Acknowledged) -> None:
    """``tell(81, user, now)`` when somebody says that they know of ``about="ticket:81"``, in that transaction."""
    _acknowledged[subject] = tell


def tell_acknowledged(about: str, user: Any, now: datetime) -> None:
    """Tell the floor above whose subject it is. What it refuses does not undo that the reader knows."""
    subject, _colon, number = about.partition(":")
    if subject not in _acknowledged or not number.isdigit():
        return
    try:
        with transaction.atomic():
            _acknowledged[subject](int(number), user, now)
    except Refusal as refusal:
        logger.info("%s was acknowledged, and refused it: %s", about, refusal.detail)


def make_link(link: str) -> str:
    """The address behind ``track:81``. Raises ``LookupError`` when nobody registered its maker."""
    maker, _colon, argument = link.partition(":")
    return _links[maker](argument)


def addresses(recipients: Iterable[str], *, channel: str = EMAIL) -> dict[str, str]:
    """``{"user:7": "li@example.com"}`` for those who have one, one look-up for each kind of reader."""
    return _look_up(
        recipients,
        {reader: book for (reader, via), book in _addresses.items() if via == channel},
    )


def names(recipients: Iterable[str]) -> dict[str, str]:
    """``{"user:7": "李娜"}``, for the page of operations."""
    return _look_up(recipients, _names)


def _look_up(recipients: Iterable[str], books: Mapping[str, AddressBook]) -> dict[str, str]:
    wanted: dict[str, set[int]] = {}
    for recipient in recipients:
        reader, _colon, number = recipient.partition(":")
        wanted.setdefault(reader, set()).add(int(number))
    return {
        f"{reader}:{number}": value
        for reader, numbers in wanted.items()
        if reader in books
        for number, value in books[reader](numbers).items()
        if value
    }
