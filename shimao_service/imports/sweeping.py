"""What the tick does about imports: nothing that waits is forgotten, nothing is kept longer than it is of use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from shimao_service.imports import engine, wake
from shimao_service.models import ImportRow, ImportRun, RunStatus

ATTEMPTS = 3
# A run whose ring nobody heard is found by the sweep after this time.
PATIENCE = timedelta(seconds=20)
# A report nobody accepted is given up; a file with people's data is not kept longer than it is of use.
FORGOTTEN_AFTER = timedelta(days=7)
FILE_KEPT = timedelta(days=30)


def sweep(now: datetime) -> int:
    """See that what waits is worked on: rings nobody heard, workers that died, reports nobody wants.

    Returns how many runs it had to care for. When the broker takes no ring, one run is done here.
    """
    forget(now)
    waiting = list(
        ImportRun.objects.filter(
            (
                Q(claim="")
                & Q(uploaded_at__lt=now - PATIENCE)
                & (Q(accepted_at=None) | Q(accepted_at__lt=now - PATIENCE))
            )
            | Q(lease_until__lt=now),
            status__in=engine.WAITING,
        ).order_by("id")[:20]
    )
    heard = True
    for run in waiting:
        if run.attempts >= ATTEMPTS:
            engine.fail(run, _("处理多次中断，没有写入任何数据。请重新上传；仍不行请联系系统管理员。"))
        elif heard:
            heard = wake.ring(run.pk)
            if not heard:
                engine.work(run.pk, now=now)
    return len(waiting)


def forget(now: datetime) -> None:
    """Give up reports nobody accepted; delete files and raw cells some time after the end."""
    ImportRun.objects.filter(status=RunStatus.CHECKED, checked_at__lt=now - FORGOTTEN_AFTER).update(
        status=RunStatus.DISCARDED, finished_at=now
    )
    _delete_files(ImportRun.objects.filter(finished_at__lt=now - FILE_KEPT).exclude(file="")[:50])


def _delete_files(runs: Iterable[ImportRun]) -> None:
    for run in runs:
        ImportRow.objects.filter(run=run).exclude(raw={}).update(raw={})
        run.file.delete(save=False)
        ImportRun.objects.filter(pk=run.pk).update(file="")
