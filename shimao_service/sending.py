"""One channel's run: letters sent one after another, each followed by one committed word about what became of it.

What is in trouble holds up itself only: a receiver that fails or answers slowly has its other letters put off, a
line that fails again and again is left alone for a while.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from shimao_service import claims, folding, outbox
from shimao_service.channels import Channel, Later, NotSent, Refused, Uncertain
from shimao_service.claims import Outcome
from shimao_service.models import Notice, NoticeStatus
from shimao_service.models.notice import EMAIL
from shimao_service.quiet import quiet_until

logger = logging.getLogger(__name__)

# 1, 2, 4 … minutes, then every four hours: a mail server that is gone over a weekend loses nothing.
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=4)
MAX_ATTEMPTS = 20
# Whoever takes longer over one letter (seconds) gets no second one in this run.
SLOW = 5.0
# A channel that answers at once gets several letters begun by one commit: as many as leave in so many seconds.
# Any network is slower than that, and has one letter in question at a time.
AT_ONCE = 0.02
MOST_AT_ONCE = 16
# Channels whose letters all take the same line: after so many failures in a row it is the line.
ONE_LINE = frozenset({EMAIL, "sms"})
FAILURES_IN_A_ROW = 3


@dataclass(slots=True)
class Run:
    """What a run did. ``more``: it stopped for time, or more came in; ``busy``: others were at it."""

    sent: int = 0
    postponed: int = 0
    dead: int = 0
    uncertain: int = 0
    more: bool = False
    busy: bool = False
    ends: float = field(default=0.0, repr=False)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.ends


def wait_after(attempts: int) -> timedelta:
    """How long to leave a letter alone after its n-th failure, a fifth more or less so that crowds disperse."""
    wait = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return wait * random.uniform(0.8, 1.2)


@dataclass(slots=True)
class Ready:
    """The rows of one letter, their links and where it goes."""

    notices: list[Notice]
    links: list[str]
    address: str

    @property
    def recipient(self) -> str:
        return self.notices[0].recipient


class Sender:
    """Sends what one channel has due. ``clock`` says what time it is."""

    def __init__(self, name: str, channel: Channel, run: Run, clock: Callable[[], datetime]):
        self.name = name
        self.channel = channel
        self.run = run
        self.clock = clock
        # Receivers that get nothing more in this run: until when, and why.
        self.held: dict[str, tuple[datetime, str]] = {}
        self.failures = 0
        # What was claimed and not begun, what was begun and not sent, what was sent and not written.
        self._left: list[list[Notice]] = []
        self._begun: list[Ready] = []
        self._sent: list[list[Notice]] = []
        self._at_once = 1
        self._addresses: dict[str, str] = {}

    def work(self) -> bool:
        """Until nothing is due (``True``), the line is down, or time is up."""
        try:
            while not self.run.is_over:
                batch = claims.claim(self.name, now=self.clock())
                if not batch:
                    return True
                if not self._batch(batch):
                    return False
            self.run.more = True
            return False
        finally:
            self.channel.close()

    # --- one claim -------------------------------------------------------------------------------
    def _batch(self, batch: list[Notice]) -> bool:
        """``False`` when the line is down and the rest was put off."""
        self._left = [batch]  # given back as it is, should anything break before it is sorted
        try:
            self._left = folding.gather(self._awake(batch))
            self._addresses = outbox.addresses({group[0].recipient for group in self._left}, channel=self.name)
            while self._left and not self.run.is_over:
                if not self._go_on():
                    return False
        finally:
            self._write()
            self._leave_begun()
            claims.give_back((notice for group in self._left for notice in group), at=self.clock())
        return True

    def _awake(self, batch: list[Notice]) -> list[Notice]:
        """Those whose readers may be disturbed now and were in no trouble so far; the others wait."""
        asleep = quiet_until(batch, self.clock())
        waits: dict[tuple[datetime, str], list[Notice]] = {}
        awake = []
        for notice in batch:
            if not notice.urgent and notice.recipient in asleep:
                waits.setdefault((asleep[notice.recipient], ""), []).append(notice)
            elif notice.recipient in self.held:
                waits.setdefault(self.held[notice.recipient], []).append(notice)
            else:
                awake.append(notice)
        for (until, error), notices in waits.items():
            self.run.postponed += claims.give_back(notices, at=until, error=error)
        return awake

    def _go_on(self) -> bool:
        """Begin the next letter, or few, and send them; ``False`` when the line is down."""
        ready = self._make_ready()
        if not ready:
            return True
        if not self._open():
            return False
        self._left = self._left[len(ready) :]
        rows = [notice for letter in ready for notice in letter.notices]
        mine = {notice.pk for notice in claims.turn(self._take_sent(), rows, now=self.clock())}
        self._begun = [kept for letter in ready if (kept := _only(letter, mine))]
        started, failures = time.monotonic(), self.failures
        while self._begun and not self.run.is_over and self.failures == failures:
            self._send(self._begun.pop(0))
        is_quick = not self._begun and self.failures == failures and time.monotonic() - started < AT_ONCE
        self._at_once = min(self._at_once * 2, MOST_AT_ONCE) if is_quick else 1
        self._leave_begun()
        return self._line_holds()

    def _make_ready(self) -> list[Ready]:
        """The first few of what is left that can be sent; what never can is buried on the way."""
        ready: list[Ready] = []
        while len(ready) < min(self._at_once, len(self._left)):
            group = self._left[len(ready)]
            address = self._addresses.get(group[0].recipient, "")
            if not address:
                self.run.dead += claims.bury(self._left.pop(len(ready)), _("收件人没有登记可用的地址。"))
            elif linked := self._linked(group):
                self._left[len(ready)] = [notice for notice, _link in linked]
                ready.append(Ready([n for n, _l in linked], [link for _n, link in linked], address))
            else:
                self._left.pop(len(ready))
        return ready

    def _leave_begun(self) -> None:
        """What was begun and surely not sent waits as before, uncounted."""
        begun, self._begun = self._begun, []
        for letter in begun:
            until, reason = self.held.get(letter.recipient, (self.clock(), ""))
            back = Outcome([letter.notices], NoticeStatus.PENDING, reason, next_attempt_at=until, was_tried=False)
            claims.turn(back, (), now=self.clock())

    def _linked(self, group: list[Notice]) -> list[tuple[Notice, str]]:
        """Each with its link. A maker of links is somebody else's code; its letter waits, the others go."""
        ready = []
        for notice in group:
            try:
                link = outbox.make_link(notice.link) if notice.link else notice.url
            except Exception as error:
                logger.warning("Notice %s cannot be made ready.", notice.pk, exc_info=True)
                self._postpone_unbegun(notice, f"{type(error).__name__}: {error}"[:300])
            else:
                ready.append((notice, f"{settings.SITE_URL}{link}" if link.startswith("/") else link))
        return ready

    def _postpone_unbegun(self, notice: Notice, reason: str) -> None:
        if notice.attempts + 1 >= MAX_ATTEMPTS:
            self.run.dead += claims.bury([notice], reason)
        else:
            at = self.clock() + wait_after(notice.attempts + 1)
            self.run.postponed += claims.postpone(notice, at=at, error=reason)

    # --- the line --------------------------------------------------------------------------------
    def _open(self) -> bool:
        """Whether the line stands; if not, all that is in hand waits."""
        try:
            self.channel.open()
        except Later as later:
            rest = [notice for group in self._left for notice in group]
            self._left = []
            self.run.postponed += claims.give_back(
                rest, at=later.until, error=later.reason or _("发送频率已到上限，稍后再发。")
            )
            return False
        except Exception as error:  # nothing was sent yet, so whatever it is can be tried again
            reason = str(error) or type(error).__name__
            while self._left:
                for notice in self._left.pop(0):
                    self._postpone_unbegun(notice, reason)
            return False
        return True

    def _line_holds(self) -> bool:
        if self.name not in ONE_LINE or self.failures < FAILURES_IN_A_ROW:
            return True
        rest = [notice for group in self._left for notice in group]
        self._left = []
        until = self.clock() + FIRST_WAIT
        self.run.postponed += claims.give_back(rest, at=until, error=_("连续多次发送失败，稍后再试。"))
        return False

    # --- one letter ------------------------------------------------------------------------------
    def _send(self, ready: Ready) -> None:
        begun = time.monotonic()
        notices, recipient = ready.notices, ready.recipient
        try:
            self.channel.send(folding.write(notices, ready.links, ready.address))
        except Later as later:
            reason = later.reason or _("发送频率已到上限，稍后再发。")
            self.run.postponed += len(notices)
            self._write(Outcome([notices], NoticeStatus.PENDING, reason, next_attempt_at=later.until, was_tried=False))
            self._hold(recipient, later.until, reason)
            return
        except Refused as error:
            self._bury(notices, str(error))
        except NotSent as error:
            self.failures += 1
            self._hold(recipient, self._postpone(notices, str(error)), str(error))
        except Exception as error:  # whatever it is, the letter may have left
            self.failures += 1
            reason = _("发送途中断线（%(error)s），不能确定对方是否已收到。") % {"error": type(error).__name__}
            if isinstance(error, Uncertain):
                reason = _("%(error)s不能确定是否已送达。") % {"error": error}
            else:
                logger.warning("Notice %s: the line was lost while sending.", notices[0].pk, exc_info=True)
            self.run.uncertain += len(notices)
            self._write(Outcome([notices], NoticeStatus.UNCERTAIN, reason))
            self._hold(recipient, self.clock() + FIRST_WAIT, reason)
        else:
            self.failures = 0
            self.run.sent += len(notices)
            self._sent.append(notices)
        if time.monotonic() - begun > SLOW:
            self._hold(recipient, self.clock() + FIRST_WAIT, _("对方应答缓慢，稍后再发。"))

    def _postpone(self, notices: list[Notice], reason: str) -> datetime:
        """Those that were tried often enough are dead, the others wait; until when."""
        ended = [notice for notice in notices if notice.attempts + 1 >= MAX_ATTEMPTS]
        others = [notice for notice in notices if notice not in ended]
        until = self.clock() + wait_after(max(notice.attempts for notice in notices) + 1)
        with transaction.atomic():
            if ended:
                self._bury(ended, reason)
            if others:
                self.run.postponed += len(others)
                self._write(Outcome([others], NoticeStatus.PENDING, reason or "?", next_attempt_at=until))
        return until

    def _bury(self, notices: list[Notice], reason: str) -> None:
        self.run.dead += len(notices)
        self._write(Outcome([notices], NoticeStatus.DEAD, reason or "?"))

    def _hold(self, recipient: str, until: datetime, reason: str) -> None:
        """Nothing more to this receiver until then: what is in hand, and what still waits."""
        self._write()
        self.held[recipient] = (until, reason)
        self._begun, theirs_begun = _part(self._begun, recipient)
        for letter in theirs_begun:
            self.run.postponed += len(letter.notices)
            back = Outcome([letter.notices], NoticeStatus.PENDING, reason, next_attempt_at=until, was_tried=False)
            claims.turn(back, (), now=self.clock())
        theirs = [notice for group in self._left for notice in group if notice.recipient == recipient]
        self._left = [group for group in self._left if group[0].recipient != recipient]
        self.run.postponed += claims.give_back(theirs, at=until, error=reason)
        claims.hold_back(self.name, recipient, until=until, error=reason)

    # --- what became of it -----------------------------------------------------------------------
    def _write(self, outcome: Outcome | None = None) -> None:
        """Write now what became of a letter, and of those sent before it if that was not written yet."""
        for done in (self._take_sent(), outcome):
            if done is not None:
                claims.turn(done, (), now=self.clock())

    def _take_sent(self) -> Outcome | None:
        sent, self._sent = self._sent, []
        return Outcome(sent, NoticeStatus.SENT, sent_at=self.clock()) if sent else None


def _only(letter: Ready, mine: Collection[int]) -> Ready | None:
    """The letter with what is still ours of it."""
    pairs = [(n, link) for n, link in zip(letter.notices, letter.links, strict=True) if n.pk in mine]
    return Ready([n for n, _l in pairs], [link for _n, link in pairs], letter.address) if pairs else None


def _part(letters: list[Ready], recipient: str) -> tuple[list[Ready], list[Ready]]:
    """Others' letters, and this receiver's."""
    theirs = [letter for letter in letters if letter.recipient == recipient]
    return [letter for letter in letters if letter.recipient != recipient], theirs
