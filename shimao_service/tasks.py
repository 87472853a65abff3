"""What workers do: ten lines each, one domain call.

Tasks are acknowledged when they begin. Nothing is lost with one: the database knows what is due and
what waits, and the next tick asks it again.
"""

from celery import shared_task

from shimao_service import delivery, outbox, ticking
from shimao_service.imports import engine as imports


@shared_task(name="shimao_service.tasks.tick")
def tick() -> None:
    ticking.tick()


@shared_task(name="shimao_service.tasks.deliver")
def deliver(channel: str = "") -> None:
    """One channel's letters; without its name everybody's, one after the other."""
    run = delivery.deliver_channel(channel) if channel else delivery.deliver()
    if run.more and channel:
        outbox.wake(channel)


@shared_task(name="shimao_service.tasks.work_on_import")
def work_on_import(run_id: int) -> None:
    imports.work(run_id)
