"""How many notices a second one worker delivers when the other side answers at once: the cost of our own words.

On the database at hand, by a channel of its own that nobody else's letters take; its rows are gone afterwards.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from shimao_service import delivery, outbox
from shimao_service.channels import CHANNELS, Letter
from shimao_service.models import Notice

CHANNEL = "bench"
# Long enough for any count; what is measured is the whole.
SECONDS = 600.0


class Swallowing:
    """Takes every letter at once and forgets it: no network."""

    def open(self) -> None:
        pass

    def send(self, letter: Letter) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Measured:
    """Notices a second: left in their rows, sent each by itself, sent folded thirty to a letter."""

    posted: float
    delivered: float
    folded: float


def measure(count: int = 5_000) -> Measured:
    """Leave and deliver ``count`` notices twice over; needs neither worker nor broker, and no transaction around."""
    mark = f"bench:{uuid.uuid4().hex}"
    reader = ("bench", CHANNEL), ("user", CHANNEL)
    CHANNELS[CHANNEL] = Swallowing
    for who in reader:
        outbox._addresses[who] = lambda ids: dict.fromkeys(ids, "bench@example.com")
    try:
        posted, delivered = _run(mark, count, [f"bench:{n}" for n in range(count)])
        _posted, folded = _run(f"{mark}:folded", count, [f"user:{n // 30}" for n in range(count)])
        return Measured(posted, delivered, folded)
    finally:
        del CHANNELS[CHANNEL]
        for who in reader:
            del outbox._addresses[who]
        Notice.objects.filter(key__startswith=mark).delete()


def _run(mark: str, count: int, readers: list[str]) -> tuple[float, float]:
    now = timezone.now()
    drafts = [
        outbox.Draft(
            key=f"{mark}:{n}", recipients=(reader,), title="待接单，请尽快接单：BX20261123-0001", kind="bench",
            channels=(CHANNEL,), url="/tickets/BX20261123-0001/", about="bench:1",
        )
        for n, reader in enumerate(readers)
    ]  # fmt: skip
    begun = time.perf_counter()
    with transaction.atomic():
        outbox.post_all(drafts, now=now)
    posted = count / (time.perf_counter() - begun)
    # Later by the span for which letters wait for company, so that all are due; never in quiet hours.
    noon = timezone.localtime(now).replace(hour=12, minute=0) + delivery.LONGEST_WAIT * 6
    begun = time.perf_counter()
    sent = delivery.deliver_channel(CHANNEL, now=noon, seconds=SECONDS).sent
    spent = time.perf_counter() - begun
    if sent != count:
        raise RuntimeError(f"{sent} of {count} notices were delivered.")
    return posted, count / spent
