"""One channel's run: letters sent one after another, each followed by one committed word about what became of it.

What is in trouble holds up itself only: a receiver that fails or answers slowly has its other letters put off, a
line that fails again and again is left alone for a while.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from shimao_service import claims, folding, outbox
from shimao_service.channels import Channel, Later, Letter, NotSent, Refused
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
        self._unwritten: Outcome | None = None
        self._left: list[list[Notice]] = []
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
                if not self._next():
                    return False
        finally:
            self._write()
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

    def _next(self) -> bool:
        group = self._left[0]
        address = self._addresses.get(group[0].recipient, "")
        if not address:
            self.run.dead += claims.bury(self._left.pop(0), _("收件人没有登记可用的地址。"))
            return True
        ready = self._linked(group)
        if not ready:
            self._left.pop(0)
            return True
        self._left[0] = [notice for notice, _link in ready]
        if not self._open():
            return False
        self._left.pop(0)
        mine = {notice.pk for notice in claims.turn(self._take_unwritten(), [n for n, _l in ready], now=self.clock())}
        ready = [(notice, link) for notice, link in ready if notice.pk in mine]
        if ready:
            notices = [notice for notice, _link in ready]
            self._send(notices, folding.write(notices, [link for _n, link in ready], address))
        return self._line_holds()

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
            self.run.postponed += claims.give_back(rest, at=later.until, error=_("发送频率已到上限，稍后再发。"))
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
    def _send(self, notices: list[Notice], letter: Letter) -> None:
        begun = time.monotonic()
        recipient = notices[0].recipient
        try:
            self.channel.send(letter)
        except Later as later:
            reason = _("发送频率已到上限，稍后再发。")
            self.run.postponed += len(notices)
            self._write(Outcome(notices, NoticeStatus.PENDING, reason, next_attempt_at=later.until, was_tried=False))
            self._hold(recipient, later.until, reason)
            return
        except Refused as error:
            self._bury(notices, str(error))
        except NotSent as error:
            self.failures += 1
            self._hold(recipient, self._postpone(notices, str(error)), str(error))
        except Exception as error:  # whatever it is, the letter may have left
            self.failures += 1
            logger.warning("Notice %s: the line was lost while sending.", notices[0].pk, exc_info=True)
            reason = _("发送途中断线（%(error)s），不能确定对方是否已收到。") % {"error": type(error).__name__}
            self.run.uncertain += len(notices)
            self._write(Outcome(notices, NoticeStatus.UNCERTAIN, reason))
            self._hold(recipient, self.clock() + FIRST_WAIT, reason)
        else:
            self.failures = 0
            self.run.sent += len(notices)
            self._unwritten = Outcome(notices, NoticeStatus.SENT, sent_at=self.clock())
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
                self._write(Outcome(others, NoticeStatus.PENDING, reason or "?", next_attempt_at=until))
        return until

    def _bury(self, notices: list[Notice], reason: str) -> None:
        self.run.dead += len(notices)
        self._write(Outcome(notices, NoticeStatus.DEAD, reason or "?"))

    def _hold(self, recipient: str, until: datetime, reason: str) -> None:
        """Nothing more to this receiver until then: what is in hand, and what still waits."""
        self._write()
        self.held[recipient] = (until, reason)
        theirs = [notice for group in self._left for notice in group if notice.recipient == recipient]
        self._left = [group for group in self._left if group[0].recipient != recipient]
        self.run.postponed += claims.give_back(theirs, at=until, error=reason)
        claims.hold_back(self.name, recipient, until=until, error=reason)

    # --- what became of it -----------------------------------------------------------------------
    def _write(self, outcome: Outcome | None = None) -> None:
        """Write now what became of a letter, and of the last one if that was not written yet."""
        for done in (self._take_unwritten(), outcome):
            if done is not None:
                claims.turn(done, (), now=self.clock())

    def _take_unwritten(self) -> Outcome | None:
        done, self._unwritten = self._unwritten, None
        return done
