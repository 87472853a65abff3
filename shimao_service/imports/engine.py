"""One import from upload to the end: check, look, accept, apply.

Applying is **one transaction** for the whole file. Chunks would show progress more simply, but an estate
half imported is worse than none: people would work with it, and nobody could say which half. 20,000 rows
take some seconds; other moves only wait if they write the same unit or owner. A worker that dies leaves
nothing: Postgres rolls back, the lease runs out, and :mod:`shimao_service.imports.sweeping` has it done again.

Between check and apply the data may change. Applying plans again under locks; when the new plan differs
from the report that was accepted in any row, nothing is written and the new report is shown.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.core.files.base import File
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service import outbox
from shimao_service.exceptions import Forbidden, IllegalMove, Invalid, NotSeen, Refusal, Stale
from shimao_service.imports import registry, wake
from shimao_service.imports.importer import Importer, Plan, Row
from shimao_service.imports.progress import LEASE, Progress
from shimao_service.models import ImportRow, ImportRun, Outcome, RunStatus
from shimao_service.spreadsheets import open_sheet

logger = logging.getLogger(__name__)

BATCH = 2000
# Whoever waited longer than this has likely left the page, and is told in the inbox.
LEFT_THE_PAGE = timedelta(seconds=15)

WAITING = (RunStatus.UPLOADED, RunStatus.CHECKING, RunStatus.APPLYING)


class _Lost(Exception):
    """The run is no longer ours: discarded, or taken by another worker after our lease ran out."""


class _Changed(Exception):
    """The plan is not the one that was accepted. Carries what the new report needs."""

    def __init__(self, plan: Plan, notes: list[str]):
        super().__init__()
        self.plan = plan
        self.notes = notes


# --- what people do --------------------------------------------------------------------------------
def upload(file: File, *, kind: str, by: Any, now: datetime | None = None) -> ImportRun:
    """Keep the file and ring for its check. ``by`` is a viewer.

    Raises ``BadFile`` when it cannot be imported at all, ``Forbidden`` when ``by`` may not import this kind.
    """
    importer = registry.get(kind)
    if not importer.may_start(by):
        raise Forbidden(_("您没有导入“%(what)s”的权限，请联系主管。") % {"what": importer.label})
    with open_sheet(file, sheet=importer.sheet, headers=[c.header for c in importer.columns]) as sheet:
        total = sheet.rows_announced
    file.seek(0)
    with transaction.atomic():
        run = ImportRun(
            kind=kind,
            file_name=(file.name or "").replace("\x00", "")[-200:] or "导入.xlsx",
            uploaded_by=by.user,
            uploaded_at=now or timezone.now(),
            progress_total=total,
        )
        run.file.save("upload.xlsx", file, save=False)
        run.save()
        wake.on_commit(run.pk)
    return run


def visible(viewer: Any) -> Any:
    """One's own runs, and everybody's of the kinds one oversees."""
    if not viewer:
        return ImportRun.objects.none()
    overseen = [importer.kind for importer in registry.IMPORTERS.values() if importer.may_oversee(viewer)]
    return ImportRun.objects.filter(Q(uploaded_by=viewer.user) | Q(kind__in=overseen), kind__in=registry.IMPORTERS)


def get(pk: int, *, viewer: Any) -> ImportRun:
    run = visible(viewer).filter(pk=pk).select_related("uploaded_by", "accepted_by").first()
    if run is None:
        raise NotSeen(_("没有找到这次导入，或您没有查看权限。"))
    return run


def accept(run: ImportRun, *, by: Any, revision: int, skip_bad: bool, now: datetime | None = None) -> ImportRun:
    """Have the checked run written. A second call changes nothing: two clicks apply once.

    Raises ``IllegalMove``, ``Stale`` when the report looked at is not the present one, ``Invalid``
    when there are bad rows and ``skip_bad`` is not set, or nothing to write.
    """
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().get(pk=run.pk)
        _check_own(run, by)
        if run.status in (RunStatus.APPLYING, RunStatus.APPLIED):
            return run
        if run.status != RunStatus.CHECKED:
            raise IllegalMove(_("这次导入现在是“%(status)s”，不能确认。") % {"status": run.get_status_display()})
        if run.revision != revision:
            raise Stale(_("检查结果已更新，请看过新的结果再确认。"))
        bad = run.count(Outcome.BAD)
        if bad and not skip_bad:
            raise Invalid.field(
                "skip_bad", _("有 %(count)d 行有问题：请改好后重新上传，或勾选“跳过有问题的行”。") % {"count": bad}
            )
        if not run.count(Outcome.CREATE) + run.count(Outcome.CHANGE):
            raise Invalid(_("没有需要写入的内容。"))
        run.status, run.skip_bad = RunStatus.APPLYING, bool(bad and skip_bad)
        run.accepted_by, run.accepted_at = by.user, now or timezone.now()
        _release(run)
        run.save()
        wake.on_commit(run.pk)
    return run


def discard(run: ImportRun, *, by: Any, now: datetime | None = None) -> ImportRun:
    """Give the run up before it is applied; its report stays for a while. Twice is once."""
    with transaction.atomic():
        run = ImportRun.objects.select_for_update().get(pk=run.pk)
        _check_own(run, by)
        if run.status == RunStatus.DISCARDED:
            return run
        if run.status not in (RunStatus.UPLOADED, RunStatus.CHECKING, RunStatus.CHECKED):
            raise IllegalMove(_("这次导入现在是“%(status)s”，不能放弃。") % {"status": run.get_status_display()})
        run.status, run.finished_at = RunStatus.DISCARDED, now or timezone.now()
        _release(run)
        run.save()
    return run


def _check_own(run: ImportRun, by: Any) -> None:
    importer = registry.get(run.kind)
    if run.uploaded_by_id != by.user.pk or not importer.may_start(by):
        raise Forbidden(_("只有上传人可以确认或放弃这次导入。"))


def _release(run: ImportRun) -> None:
    run.claim, run.lease_until, run.attempts = "", None, 0
    run.stage, run.progress_done = "", 0


# --- what workers do -------------------------------------------------------------------------------
def work(run_id: int, *, now: datetime | None = None) -> ImportRun | None:
    """Do what the run waits for: its check, or its writing. None: somebody else is at it, or nothing is due."""
    run = _claim(run_id, now or timezone.now())
    if run is None:
        return None
    try:
        with Progress(run.pk, run.claim) as progress:
            if run.status == RunStatus.CHECKING:
                _check(run, progress)
            else:
                _apply(run, progress)
    except _Lost:
        logger.info("Import %s was taken away while it was worked on.", run.pk)
    except Refusal as refusal:
        fail(run, str(refusal.detail))
    except DatabaseError:
        # Nothing is written. The lease runs out and the sweep has it done again, a few times.
        logger.exception("Import %s: the database refused.", run.pk)
    except Exception:
        logger.exception("Import %s failed.", run.pk)
        fail(run, _("导入时出了意外，没有写入任何数据。请重新上传；仍不行请联系系统管理员。"))
    return ImportRun.objects.get(pk=run.pk)


def _claim(run_id: int, now: datetime) -> ImportRun | None:
    with transaction.atomic():
        run = (
            ImportRun.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(Q(claim="") | Q(lease_until__lt=now), pk=run_id, status__in=WAITING)
            .first()
        )
        if run is None:
            return None
        if run.status == RunStatus.UPLOADED:
            run.status = RunStatus.CHECKING
        run.claim, run.lease_until = uuid.uuid4().hex, now + LEASE
        run.attempts += 1
        run.save(update_fields=["status", "claim", "lease_until", "attempts"])
    return run


def _rows(run: ImportRun, importer: Importer, progress: Progress) -> tuple[list[Row], list[str]]:
    """Every row read from the kept file, and what to say about the file."""
    notes = []
    rows = []
    try:
        file = run.file.open("rb")
    except OSError as error:
        raise Invalid(_("上传的文件已不在，请重新上传。")) from error
    with file, open_sheet(file, sheet=importer.sheet, headers=[c.header for c in importer.columns]) as sheet:
        progress.begin("read", sheet.rows_announced)
        if sheet.unknown:
            notes.append(
                _("不认识的列已忽略：%(names)s。") % {"names": "、".join(name[:20] for name in sheet.unknown[:10])}
            )
        for row in sheet.rows():
            rows.append(importer.read(row))
            progress.advance()
    if not rows:
        raise Invalid(_("工作表“%(name)s”里没有数据，请从表头下一行开始填写。") % {"name": importer.sheet})
    importer.refuse_duplicates(rows)
    return rows, notes


def _plan(run: ImportRun, importer: Importer, rows: list[Row], progress: Progress, *, user: Any, lock: bool) -> Plan:
    viewer = importer.viewer_of(user)
    if not importer.may_start(viewer):
        raise Forbidden(_("您已没有这一类导入的权限，没有写入任何数据。"))
    progress.begin("plan", len(rows))
    return importer.plan(rows, viewer=viewer, lock=lock, advance=progress.advance)


def _check(run: ImportRun, progress: Progress) -> None:
    importer = registry.get(run.kind)
    rows, notes = _rows(run, importer, progress)
    plan = _plan(run, importer, rows, progress, user=run.uploaded_by, lock=False)
    progress.begin("report", len(rows))
    with transaction.atomic():
        _write_report(run, importer, plan, notes, progress)


def _write_report(run: ImportRun, importer: Importer, plan: Plan, notes: list[str], progress: Progress) -> None:
    ImportRow.objects.filter(run_id=run.pk).delete()
    for start in range(0, len(plan.rows), BATCH):
        batch = plan.rows[start : start + BATCH]
        ImportRow.objects.bulk_create(_report_row(run, importer, row) for row in batch)
        progress.advance(len(batch))
    totals: dict[str, Any] = dict.fromkeys(Outcome.values, 0)
    for row in plan.rows:
        totals[row.outcome] += 1
    totals["warned"] = sum(bool(row.warnings) for row in plan.rows)
    totals["rows"] = len(plan.rows)
    totals["things"] = plan.counts
    mine = _take(run, progress)
    mine.status, mine.checked_at, mine.totals, mine.notes = RunStatus.CHECKED, timezone.now(), totals, notes
    mine.revision += 1
    _tell(mine, _("导入检查完成：%(name)s"), _("请看过结果再确认，确认之前不写入任何数据。"), now=mine.checked_at)
    mine.accepted_by = mine.accepted_at = None
    mine.skip_bad = False
    _release(mine)
    mine.save()


def _report_row(run: ImportRun, importer: Importer, row: Row) -> ImportRow:
    names = {column.key: column.name for column in importer.columns}
    detail: dict[str, Any] = {}
    if row.problems:
        detail["problems"] = [
            {"cell": p.cell, "column": names.get(p.column, ""), "reason": p.reason} for p in row.problems
        ]
    else:
        if row.creates:
            detail["creates"] = row.creates
        if row.changes:
            detail["changes"] = [asdict(change) for change in row.changes]
    if row.warnings:
        detail["warnings"] = [
            {"cell": p.cell, "column": names.get(p.column, ""), "reason": p.reason} for p in row.warnings
        ]
    return ImportRow(
        run_id=run.pk,
        number=row.number,
        outcome=row.outcome,
        has_warning=bool(row.warnings),
        label=row.label[:200],
        detail=detail,
        raw={} if row.is_good else {key: cell.shown[:500] for key, cell in row.cells.items() if cell.kind != "empty"},
        digest=row.digest,
    )


def _take(run: ImportRun, progress: Progress) -> ImportRun:
    """The run's row under its lock, if it is still ours. The heartbeat is stopped first: it writes the same row."""
    progress.stop()
    mine = ImportRun.objects.select_for_update().filter(pk=run.pk, claim=run.claim, status=run.status).first()
    if mine is None:
        raise _Lost
    return mine


def _apply(run: ImportRun, progress: Progress) -> None:
    importer = registry.get(run.kind)
    rows, notes = _rows(run, importer, progress)
    try:
        with transaction.atomic():
            _one_at_a_time(run.kind)
            plan = _plan(run, importer, rows, progress, user=run.accepted_by, lock=True)
            _compare(run, plan, notes)
            progress.begin("write", sum(row.outcome in (Outcome.CREATE, Outcome.CHANGE) for row in plan.rows))
            importer.apply(
                plan, viewer=importer.viewer_of(run.accepted_by), now=timezone.now(), advance=progress.advance
            )
            mine = _take(run, progress)
            mine.status, mine.finished_at = RunStatus.APPLIED, timezone.now()
            _release(mine)
            mine.progress_done = mine.progress_total = progress.done
            mine.save()
            _tell(mine, _("已导入：%(name)s"), "", now=mine.finished_at)
    except _Changed as changed:
        progress.begin("report", len(rows))
        with transaction.atomic():
            _write_report(run, importer, changed.plan, changed.notes, progress)
    except IntegrityError:
        # Somebody wrote the same unit on a page in this very moment: look again.
        logger.info("Import %s met a concurrent change; checking again.", run.pk, exc_info=True)
        with transaction.atomic():
            mine = _take(run, progress)
            mine.status, mine.accepted_by, mine.accepted_at, mine.skip_bad = RunStatus.UPLOADED, None, None, False
            _release(mine)
            mine.save()
            wake.on_commit(mine.pk)


def _one_at_a_time(kind: str) -> None:
    """Two files of one kind are written one after the other; given back with the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"import:{kind}"])


def _compare(run: ImportRun, plan: Plan, notes: list[str]) -> None:
    accepted = dict(ImportRow.objects.filter(run_id=run.pk).values_list("number", "digest"))
    differing = [row.number for row in plan.rows if accepted.get(row.number) != row.digest]
    if differing or len(accepted) != len(plan.rows):
        numbers = "、".join(map(str, differing[:5]))
        text = _("检查之后数据有了变化（%(count)d 行，如第 %(rows)s 行），没有写入任何内容。请看过新的结果再确认。")
        raise _Changed(plan, [text % {"count": len(differing), "rows": numbers}, *notes])


def fail(run: ImportRun, reason: str) -> None:
    with transaction.atomic():
        mine = ImportRun.objects.select_for_update().filter(pk=run.pk, claim=run.claim, status=run.status).first()
        if mine is not None:
            mine.status, mine.error, mine.finished_at = RunStatus.FAILED, reason[:300], timezone.now()
            _release(mine)
            mine.save()
            _tell(mine, _("未能导入：%(name)s"), mine.error, now=mine.finished_at)


def _tell(run: ImportRun, title: str, body: str, *, now: datetime) -> None:
    """In the same transaction; short runs are watched on the page and need no notice."""
    if now - (run.accepted_at or run.uploaded_at) < LEFT_THE_PAGE:
        return
    outbox.post(
        key=f"import:{run.pk}:{run.status}:{run.revision}",
        recipients=[f"user:{run.uploaded_by_id}"],
        title=title % {"name": run.file_name},
        body=body,
        url=reverse("import-run", args=[run.pk]),
        kind="import",
        about=f"import:{run.pk}",
        now=now,
    )
