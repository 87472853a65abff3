"""Progress that others can see while a long transaction is open, and the lease that says we are alive."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from types import TracebackType
from typing import Any

from django.db import Error, connection
from django.utils import timezone

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
INTERVAL = 1.0

BEAT = """
UPDATE shimao_service_importrun SET stage = %s, progress_done = %s, progress_total = %s, lease_until = %s
 WHERE id = %s AND claim = %s
"""


class Progress:
    """Counts rows; a thread with a connection of its own writes the count down once a second.

    The work runs in one transaction, whose own writes nobody sees before it ends. The thread writes no
    column the work writes before its last step, and is stopped before that step, so they never wait
    for each other.
    """

    def __init__(self, run_id: int, claim: str):
        self.run_id = run_id
        self.claim = claim
        self.stage = ""
        self.done = 0
        self.total = 0
        self._stop = threading.Event()
        self._connection: Any = connection.copy()
        self._thread = threading.Thread(target=self._beat, name=f"import-{run_id}", daemon=True)

    def begin(self, stage: str, total: int) -> None:
        self.stage, self.done, self.total = stage, 0, total

    def advance(self, count: int = 1) -> None:
        self.done += count

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        keeper = self._connection
        keeper.inc_thread_sharing()  # made in the worker's thread, used in this one only
        try:
            while not self._stop.wait(INTERVAL):
                try:
                    with keeper.cursor() as cursor:
                        total = max(self.total, self.done)
                        until = timezone.now() + LEASE
                        cursor.execute(BEAT, [self.stage, self.done, total, until, self.run_id, self.claim])
                except Error:
                    # Progress is a courtesy; losing the lease is decided where the work ends.
                    logger.warning("The progress of import %s could not be written.", self.run_id, exc_info=True)
                    keeper.close()
        finally:
            keeper.close()
