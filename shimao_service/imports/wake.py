"""Ringing for a worker. A ring is a hint: the row says what waits, and the tick sweeps what nobody heard."""

from __future__ import annotations

import logging
from functools import cache, partial

from celery import current_app
from django.db import transaction
from kombu.pools import producers

from shimao_service.outbox import impatient_broker

logger = logging.getLogger(__name__)
_broker = cache(impatient_broker)


def on_commit(run_id: int) -> None:
    transaction.on_commit(partial(ring, run_id), robust=True)


def ring(run_id: int) -> bool:
    """Never raises; False when the broker took no ring."""
    try:
        with producers[_broker()].acquire(block=True, timeout=1) as producer:
            current_app.send_task(
                "shimao_service.tasks.work_on_import",
                args=[run_id],
                producer=producer,
                retry=False,
                ignore_result=True,
            )
    except Exception as error:  # whatever a broker's client raises, the run is safe in its row
        logger.warning("Nobody took the ring for import %s (%s); the tick will sweep.", run_id, type(error).__name__)
        return False
    return True
