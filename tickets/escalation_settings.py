"""Changing the steps by which a missed promise rises: company-wide, at once, and for open requests too."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import cache, partial
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils.translation import gettext as _
from kombu.pools import producers

from shimao_service.exceptions import Forbidden
from shimao_service.outbox import impatient_broker
from staff.access import Viewer
from staff.permissions import Permission as P
from staff.powers import everywhere
from tickets import escalation_steps, reminders
from tickets.models import EscalationStep

logger = logging.getLogger(__name__)

TASK = "tickets.tasks.reschedule"
READERS = (P.TERMS_MANAGE, P.TICKET_OVERSEE, P.TICKET_SUPERVISE)


def can_read(viewer: Viewer) -> bool:
    return viewer.can_any(READERS)


def can_edit(viewer: Viewer) -> bool:
    return everywhere(viewer, P.TERMS_MANAGE)


def check_can_read(viewer: Viewer) -> None:
    if not can_read(viewer):
        raise Forbidden(_("您没有“%(what)s”的权限，请联系主管。") % {"what": P.TERMS_MANAGE.label})


def check_can_edit(viewer: Viewer) -> None:
    """Raise ``Forbidden`` unless the terms are managed for the whole company: every project rises by these steps."""
    if not can_edit(viewer):
        raise Forbidden(_("升级规则适用于全公司，由公司层面维护时限的人修改。"))


@transaction.atomic
def save_step(row: EscalationStep, *, by: Viewer) -> EscalationStep:
    """Write a step. Where its moment is new, what lies in the past is written off: nobody hears of it now."""
    check_can_edit(by)
    before = EscalationStep.objects.select_for_update().filter(pk=row.pk).first() if row.pk else None
    row.save()
    is_new = row.is_active and not (before and before.is_active and code_of(before) == code_of(row))
    _take_effect([code_of(row)] if is_new else [])
    return row


@transaction.atomic
def remove_step(row: EscalationStep, *, by: Viewer) -> None:
    """What it told already stays in the requests' stories."""
    check_can_edit(by)
    row.delete()
    _take_effect([])


def code_of(row: EscalationStep) -> str:
    return escalation_steps.Step(row.basis, row.amount, row.rung).code


# --- open requests ------------------------------------------------------------------------------
_broker = cache(impatient_broker)


def _take_effect(passed: Collection[str]) -> None:
    escalation_steps.forget()
    transaction.on_commit(partial(_reschedule, sorted(passed)), robust=True)


def _reschedule(passed: list[str]) -> None:
    escalation_steps.forget()  # another request may have read the old ones meanwhile
    if not _ring(passed):
        reminders.reschedule(passed=passed)


def _ring(passed: list[str]) -> bool:
    """Have a worker do it; False when the broker took no ring."""
    try:
        with producers[_broker()].acquire(block=True, timeout=1) as producer:
            # Other processes read the old steps for half a minute: the worker waits until they have forgotten them.
            current_app.send_task(
                TASK, args=[passed], producer=producer, retry=False, ignore_result=True,
                countdown=escalation_steps.KEEP_SECONDS,
            )  # fmt: skip
    except Exception as error:  # whatever a broker's client raises, it is done here instead
        logger.warning("Nobody took the ring for new steps (%s); doing it at once.", type(error).__name__)
        return False
    return True


def work(passed: Any) -> int:
    """The task's: with the steps as they are now, not as this process read them."""
    escalation_steps.forget()
    return reminders.reschedule(passed=list(passed))
