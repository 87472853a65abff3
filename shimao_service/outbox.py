"""Telling people things: one call inside the caller's transaction leaves the rows, delivery follows later.

The row commits together with what it tells of, or not at all. No caller needs the broker: ringing for
delivery is a hint sent after commit, and the next tick sweeps whatever no ring was heard for.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from kombu import Connection
from kombu.pools import producers

from shimao_service.celery import app as celery_app
from shimao_service.models.notice import EMAIL, INBOX, Notice, NoticeStatus

logger = logging.getLogger(__name__)

READER = re.compile(r"[a-z]+:[0-9]+")
ROWS_A_STATEMENT = 2_000
# After a ring that nobody took, this process spares its requests the wait (seconds).
QUIET_AFTER_FAILURE = 30

INSERT = """
INSERT INTO shimao_service_notice
       (key, recipient, channel, kind, title, body, url, link, about, urgent,
        created_at, status, next_attempt_at, sent_at)
SELECT key, recipient, channel, kind, title, body, url, link, about, urgent,
       %(now)s, CASE WHEN channel = 'inbox' THEN 'sent' ELSE 'pending' END,
       CASE WHEN channel <> 'inbox' THEN %(now)s END,
       CASE WHEN channel = 'inbox' THEN %(now)s END
  FROM unnest(%(key)s::text[], %(recipient)s::text[], %(channel)s::text[], %(kind)s::text[], %(title)s::text[],
              %(body)s::text[], %(url)s::text[], %(link)s::text[], %(about)s::text[], %(urgent)s::boolean[])
    AS row (key, recipient, channel, kind, title, body, url, link, about, urgent)
ON CONFLICT (key, recipient, channel) DO NOTHING
RETURNING channel
"""

LinkMaker = Callable[[str], str]
AddressBook = Callable[[Collection[int]], Mapping[int, str]]

_links: dict[str, LinkMaker] = {}
_addresses: dict[tuple[str, str], AddressBook] = {}
_names: dict[str, AddressBook] = {}
_kinds: dict[str, Any] = {}


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
) -> int:
    """Leave a notice for each recipient and channel; answer how many rows are new.

    ``key`` says what happened (``ticket:81:r2:feedback_due:1``): the same key to the same reader by the
    same channel is the same notice and is left once, whoever asks and however often. ``recipients`` are
    ``user:7``, ``owner:9`` or ``robot:3``; ``url`` is a path of this site; ``link`` such as ``track:81`` is
    made into an address when sending. Must be called inside the transaction of what it tells of.
    """
    draft = Draft(
        key=key, recipients=tuple(recipients), title=title, kind=kind, body=body, url=url,
        urgent=urgent, channels=channels, link=link, about=about,
    )  # fmt: skip
    return post_all([draft], now=now)


def post_all(drafts: Iterable[Draft], *, now: datetime) -> int:
    """As :func:`post` for many: one statement for two thousand rows, not one a notice."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A notice is left inside the transaction of what it tells of.")
    # Notices are kept in the company's language, whatever the language of whoever acts.
    with translation.override(settings.LANGUAGE_CODE):
        rows = sorted(set(_rows(drafts)))  # sorted: two ticks that leave the same rows wait, never deadlock
    new: list[str] = []
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            columns = zip(*rows[start : start + ROWS_A_STATEMENT], strict=True)
            names = (
                "key",
                "recipient",
                "channel",
                "kind",
                "title",
                "body",
                "url",
                "link",
                "about",
                "urgent",
            )
            cursor.execute(
                INSERT,
                {
                    "now": now,
                    **{name: list(column) for name, column in zip(names, columns, strict=True)},
                },
            )
            new += [channel for (channel,) in cursor.fetchall()]
    if any(channel != INBOX for channel in new):
        wake_on_commit()
    return len(new)


def _rows(drafts: Iterable[Draft]) -> Iterable[tuple]:
    for draft in drafts:
        recipients = tuple(draft.recipients)
        draft.check()
        for recipient in recipients:
            for channel in draft.channels:
                yield (
                    draft.key, recipient, channel, draft.kind, str(draft.title), str(draft.body),
                    draft.url, draft.link, draft.about, draft.urgent,
                )  # fmt: skip


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


def wake_on_commit() -> None:
    """Ring once after the present transaction, however many notices it leaves."""
    if not any(entry[1] is wake for entry in connection.run_on_commit):
        transaction.on_commit(wake, robust=True)


def wake() -> bool:
    """Ring for delivery. Never raises; ``False`` when the broker took no ring (the tick sweeps)."""
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return False
    try:
        with producers[_broker()].acquire(block=True, timeout=1) as producer:
            celery_app.send_task(
                "shimao_service.tasks.deliver",
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


def register_kinds(labels: Mapping[str, Any]) -> None:
    """The words for kinds of notices, for filters and lists: ``{"feedback_due": _("待回复业主")}``."""
    _kinds.update(labels)


def kind_label(kind: str) -> str:
    return str(_kinds.get(kind, kind))


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
