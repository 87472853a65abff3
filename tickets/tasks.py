"""What workers do for requests: ids in, one domain call."""

from celery import shared_task

from tickets import escalation_settings, terms_changes


@shared_task(name=terms_changes.TASK)
def work_on_terms_change(change_id: int) -> None:
    terms_changes.work(change_id)


@shared_task(name=escalation_settings.TASK)
def reschedule(passed: list[str]) -> None:
    escalation_settings.work(passed)
