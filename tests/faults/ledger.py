"""The ledger: what should have been told, against what the rows say and what the receivers outside really got.

Every fact a test tells carries a mark in its title (``提醒〔0007〕``), and is found by it in whatever letter it left.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from shimao_service import outbox
from shimao_service.models import Notice, NoticeStatus
from shimao_service.models.notice import INBOX

MARK = re.compile(r"〔([^〕]+)〕")


def title_of(mark: str) -> str:
    return f"提醒〔{mark}〕"


def marks_in(text: str) -> set[str]:
    return set(MARK.findall(text))


@dataclass
class Ledger:
    """``told`` are the facts with their readers; ``pressed`` are marks that somebody had sent again."""

    told: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pressed: Counter[str] = field(default_factory=Counter)

    def draft(self, mark: str, *, recipients: Iterable[str], channels: Iterable[str], **more: Any) -> outbox.Draft:
        """One fact, entered; the caller leaves it."""
        self.told[mark] = tuple(recipients) if INBOX in (channels := tuple(channels)) else ()
        return outbox.Draft(
            key=f"fact:{mark}", recipients=tuple(recipients), channels=channels, title=title_of(mark), kind="fact",
            **more,
        )  # fmt: skip

    def tell(
        self, *marks: str, recipients: Collection[str], channels: Collection[str] = ("inbox", "email"),
        now: datetime | None = None, **more: Any,
    ) -> None:  # fmt: skip
        """Leave each of them in one transaction."""
        drafts = [self.draft(mark, recipients=recipients, channels=channels, **more) for mark in marks]
        with transaction.atomic():
            outbox.post_all(drafts, now=now or timezone.now())

    def broken(self, letters: Iterable[str], *, now: datetime) -> list[str]:
        """What does not hold, in words. ``letters`` are the texts that receivers outside really got."""
        received = Counter(mark for text in letters for mark in marks_in(text))
        return [*self._inbox(), *self._outside(received), *stuck(now)]

    def _inbox(self) -> list[str]:
        """Each fact once for each of its readers, and nothing else."""
        found = Counter(
            Notice.objects.filter(channel=INBOX, key__startswith="fact:").values_list("key", "recipient").iterator()
        )
        wanted = {(f"fact:{mark}", reader) for mark, readers in self.told.items() for reader in readers}
        return [
            *(f"{key} is missing in the inbox of {reader}" for key, reader in sorted(wanted - set(found))),
            *(f"{key} is in the inbox of {reader}, who was not told" for key, reader in sorted(set(found) - wanted)),
            *(f"{key} is {count} times in the inbox of {who}" for (key, who), count in found.items() if count > 1),
        ]

    def _outside(self, received: Counter[str]) -> list[str]:
        """What the rows say of the letters, against what was received. Each mark has one reader outside."""
        wrong = [f"{mark} was received and nobody told it" for mark in received if mark not in self.told]
        rows = Notice.objects.filter(key__startswith="fact:").exclude(channel=INBOX)
        for row in rows.defer("body").iterator():
            mark = row.key.removeprefix("fact:")
            times, allowed = received[mark], 1 + self.pressed[mark]
            if times > allowed:
                wrong.append(f"{mark} was sent {times} times by {row.channel}")
            if row.status == NoticeStatus.SENT and not times:
                wrong.append(f"{mark} is called sent and nobody got it")
            if row.status not in (NoticeStatus.SENT, NoticeStatus.UNCERTAIN) and times > self.pressed[mark]:
                wrong.append(f"{mark} was received and is called {row.status}: it would leave again")
            if row.status in (NoticeStatus.UNCERTAIN, NoticeStatus.DEAD) and not row.error:
                wrong.append(f"{mark} is {row.status} and does not say why")
        return wrong

    def press_retry(self, notices: Iterable[Notice]) -> list[int]:
        """Note that somebody wants these sent again; their ids."""
        chosen = list(notices)
        self.pressed.update(notice.key.removeprefix("fact:") for notice in chosen)
        return [notice.pk for notice in chosen]


def stuck(now: datetime) -> list[str]:
    """Letters whose sender is gone and that nobody took notice of."""
    late = Notice.objects.filter(status=NoticeStatus.SENDING, lease_until__lt=now)
    return [f"{row.key} has been leaving since its lease ran out at {row.lease_until}" for row in late]
