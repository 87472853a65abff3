"""Ways out of the house. A channel takes one letter at a time and tells apart what became of it:

* it returns: the other side took it;
* :class:`NotSent`: surely not sent, and worth another try;
* :class:`Refused`: surely not sent, and another try would end the same;
* :class:`Later`: it was not even tried, because this receiver has had enough for now; no attempt is counted;
* :class:`Uncertain`, and anything else: nobody can know, so nobody sends it again by itself.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string

from shimao_service.models.notice import EMAIL


class NotSent(Exception):
    """Surely not sent; later it may work. The text is for operations."""


class Refused(Exception):
    """Surely not sent, and trying again would not help. The text is for operations."""


class Later(Exception):
    """Not tried: the letter must wait until ``until`` (aware), and that is no attempt of its own. ``reason`` is for
    operations."""

    def __init__(self, until: datetime, reason: str = "") -> None:
        super().__init__(until)
        self.until = until
        self.reason = reason


class Uncertain(Exception):
    """It may have arrived. The text is for operations."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice made ready: its reader has an address, its link is an address."""

    notice_id: int
    address: str
    title: str
    body: str
    link: str
    urgent: bool


class Channel(Protocol):
    """Opened before each letter, which costs nothing while the line holds: one connection for a batch.

    ``open`` raises :class:`NotSent` when the other side is not there.
    """

    def open(self) -> None: ...

    def send(self, letter: Letter) -> None: ...

    def close(self) -> None: ...


CHANNELS: dict[str, Callable[[], Channel]] = {}


def register_channel(name: str, make: Callable[[], Channel]) -> None:
    CHANNELS[name] = make


class EmailChannel:
    """E-mail by Django's backend: SMTP in production, files in the demo. One connection for a batch."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._host = urlsplit(settings.SITE_URL).hostname or "localhost"

    def open(self) -> None:
        if self._connection is not None:
            return
        connection = get_connection()
        try:
            connection.open()
            # Said here, not with the first letter: a server that does not greet has been given nothing yet.
            getattr(getattr(connection, "connection", None), "ehlo_or_helo_if_needed", bool)()
        except (OSError, smtplib.SMTPException) as error:
            with suppress(OSError, smtplib.SMTPException):
                connection.close()
            raise NotSent(_plain(error)) from error
        self._connection = connection

    def send(self, letter: Letter) -> None:
        try:
            self._message(letter).send()
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            raise (Refused if code >= 500 else NotSent)(_answer(code, words, letter.address)) from error
        except smtplib.SMTPDataError as error:
            answer = _answer(error.smtp_code, error.smtp_error, letter.address)
            raise (Refused if error.smtp_code >= 500 else NotSent)(answer) from error
        except smtplib.SMTPResponseException as error:
            # Our own name or sign-in was not liked: the server's set-up, not this letter's fault.
            self.close()
            raise NotSent(_answer(error.smtp_code, error.smtp_error, letter.address)) from error
        except ValueError as error:  # an address or a header that no mail can carry
            raise Refused(_plain(error)) from error
        except Exception:
            self.close()  # the line is lost somewhere after the first word: the next letter needs a new one
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError, smtplib.SMTPException):  # nothing is in flight any more
                connection.close()

    def _message(self, letter: Letter) -> EmailMessage:
        if "@" not in parseaddr(letter.address)[1]:
            raise ValueError("not an address")
        return EmailMessage(
            subject=" ".join(letter.title.split()),
            body=render_to_string("shimao_service/mail/notice.txt", {"letter": letter}),
            to=[letter.address],
            connection=self._connection,
            headers={
                # The same letter sent again by a click has the same name, so that mailboxes may fold the two.
                "Message-ID": f"<notice-{letter.notice_id}@{self._host}>",
                "Auto-Submitted": "auto-generated",
                **({"Importance": "high"} if letter.urgent else {}),
            },
        )


def _answer(code: int, answer: bytes | str, address: str) -> str:
    """The server's words without the reader's address, which servers like to repeat."""
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(words.split())}".replace(address, "***")[:300]


def _plain(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


register_channel(EMAIL, EmailChannel)
