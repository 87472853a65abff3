"""An import writes nothing before it is accepted, everything or nothing when it is, and the same only once."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from shimao_service.exceptions import Forbidden, IllegalMove, Invalid, NotSeen, Stale
from shimao_service.imports import engine, registry, sweeping, wake, workbooks
from shimao_service.models import ImportRow, ImportRun, Notice, User
from shimao_service.spreadsheets import BadFile, open_sheet
from tests.shimao_service.fake_importer import LoginImporter, viewer
from tests.shimao_service.sheets import file, workbook

HEADER = ["登录名*", "姓名*", "邮箱"]
ROWS = [HEADER, ["linjing", "林静", "lin@example.com"], ["zhou", "周建国", None]]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def importer(monkeypatch, settings, tmp_path) -> LoginImporter:
    settings.MEDIA_ROOT = tmp_path
    fake = LoginImporter()
    monkeypatch.setattr(registry, "IMPORTERS", {"logins": fake})
    return fake


@pytest.fixture
def rings(monkeypatch) -> list[int]:
    heard: list[int] = []
    monkeypatch.setattr(wake, "ring", lambda run_id: heard.append(run_id) or True)
    return heard


@pytest.fixture
def me(db):
    return viewer(User.objects.create(username="importer", name="导入人"))


def upload(me, rows=ROWS) -> ImportRun:
    return engine.upload(file(workbook(rows)), kind="logins", by=me)


def checked(me, rows=ROWS) -> ImportRun:
    run = engine.work(upload(me, rows).pk)
    assert run is not None
    assert run.status == "checked", run.error
    return run


def accept(run, me, **kwargs) -> ImportRun:
    return engine.accept(run, by=me, **{"revision": run.revision, "skip_bad": False, **kwargs})


def test_an_import_is_checked_then_accepted_then_written(me):
    run = checked(me)
    assert run.totals["create"] == 2
    assert run.totals["things"] == {"账号": [2, 0]}
    assert not User.objects.filter(username="linjing").exists()
    accept(run, me)
    run = engine.work(run.pk)
    assert run.status == "applied"
    assert run.accepted_by == me.user
    assert User.objects.filter(username__in=["linjing", "zhou"]).count() == 2


def test_the_same_file_again_creates_nothing(me):
    run = checked(me)
    accept(run, me)
    engine.work(run.pk)
    again = checked(me)
    assert (again.totals["create"], again.totals["change"], again.totals["same"]) == (0, 0, 2)
    with pytest.raises(Invalid):
        accept(again, me)


def test_the_report_says_what_changes_from_what_to_what_masked(me):
    User.objects.create(username="zhou", name="周国")
    row = ImportRow.objects.get(run=checked(me), number=3)
    assert row.outcome == "change"
    assert row.detail["changes"] == [{"thing": "zhou", "field": "姓名", "old": "周**", "new": "周**"}]
    assert "周建国" not in str(row.detail)


def test_bad_rows_are_named_by_cell_and_hold_up_the_rest_until_skipped(me):
    run = checked(me, [*ROWS, ["wu", None, "nonsense"], ["linjing", "林静", None]])
    bad = ImportRow.objects.filter(run=run, outcome="bad").order_by("number")
    assert [p["cell"] for p in bad[0].detail["problems"]] == ["B4", "C4"]
    assert "第 2 行重复" in bad[1].detail["problems"][0]["reason"]
    with pytest.raises(Invalid) as refusal:
        accept(run, me)
    assert "skip_bad" in refusal.value.fields
    accept(run, me, skip_bad=True)
    assert engine.work(run.pk).status == "applied"
    assert not User.objects.filter(username="wu").exists()
    assert User.objects.filter(username="linjing").exists()


def test_bad_rows_come_back_as_a_workbook_that_runs_nothing_and_can_be_uploaded_again(me, importer, tmp_path):
    run = checked(me, [HEADER, ["=cmd|' /C calc'!A0", "张三", "x"], ["+86", "李四", "no"]])
    rows = ImportRow.objects.filter(run=run).order_by("number")
    path = tmp_path / "bad.xlsx"
    path.write_bytes(workbooks.problems(importer, rows))
    from openpyxl import load_workbook

    values = [cell for row in load_workbook(path).active.iter_rows(min_row=2) for cell in row]
    assert all(cell.data_type != "f" for cell in values)
    assert not any(str(cell.value)[:1] in "=+@" for cell in values if cell.value is not None)
    with (
        path.open("rb") as corrected,
        open_sheet(corrected, sheet="名单", headers=[c.header for c in importer.columns]) as sheet,
    ):
        assert [row.cells["username"].value for row in sheet.rows()][1] == "+86"


def test_formula_cells_make_bad_rows_and_are_named(me):
    run = checked(me, [HEADER, ["a", "=A1", None], ["b", "乙", None]])
    problem = ImportRow.objects.get(run=run, number=2).detail["problems"][0]
    assert problem["cell"] == "B2"
    assert "公式" in problem["reason"]


def test_a_bad_file_leaves_no_run(me):
    with pytest.raises(BadFile):
        engine.upload(file(b"PK nonsense"), kind="logins", by=me)
    assert not ImportRun.objects.exists()


def test_a_sheet_without_rows_fails_with_a_reason(me):
    run = engine.work(upload(me, [HEADER]).pk)
    assert run.status == "failed"
    assert "没有数据" in run.error


def test_two_clicks_apply_once(me, rings, django_capture_on_commit_callbacks):
    run = checked(me)
    with django_capture_on_commit_callbacks(execute=True):
        accept(run, me)
        accept(run, me)
    assert rings == [run.pk]
    engine.work(run.pk)
    assert engine.work(run.pk) is None
    assert accept(run, me).status == "applied"


def test_what_changed_since_the_check_is_shown_again_and_not_written(me):
    run = checked(me)
    User.objects.create(username="zhou", name="周建国")
    accept(run, me)
    again = engine.work(run.pk)
    assert again.status == "checked"
    assert again.revision == run.revision + 1
    assert "第 3 行" in again.notes[0]
    assert not User.objects.filter(username="linjing").exists()
    with pytest.raises(Stale):
        accept(run, me)
    accept(again, me)
    assert engine.work(run.pk).status == "applied"


def test_a_power_that_was_taken_away_writes_nothing(me, importer):
    run = checked(me)
    accept(run, me)
    importer.allowed = False
    run = engine.work(run.pk)
    assert run.status == "failed"
    assert "权限" in run.error
    assert not User.objects.filter(username="linjing").exists()


def test_others_neither_see_nor_accept_it(me, importer):
    run = checked(me)
    other = viewer(User.objects.create(username="other"))
    with pytest.raises(NotSeen):
        engine.get(run.pk, viewer=other)
    importer.may_oversee = lambda viewer: True
    assert engine.get(run.pk, viewer=other) == run
    for verb in (accept, lambda run, by: engine.discard(run, by=by)):
        with pytest.raises(Forbidden):
            verb(run, other)
    with pytest.raises(Forbidden):
        engine.upload(file(workbook(ROWS)), kind="logins", by=viewer(me.user, may=False))


def test_a_discarded_run_is_over(me):
    run = checked(me)
    engine.discard(run, by=me)
    assert engine.discard(run, by=me).status == "discarded"
    with pytest.raises(IllegalMove):
        accept(run, me)
    assert engine.work(run.pk) is None


def test_a_run_discarded_while_it_is_checked_leaves_no_report(me, importer, monkeypatch):
    run = upload(me)
    plan = importer.plan

    def discard_meanwhile(rows, **kwargs):
        engine.discard(run, by=me)
        return plan(rows, **kwargs)

    monkeypatch.setattr(importer, "plan", discard_meanwhile)
    assert engine.work(run.pk).status == "discarded"
    assert not ImportRow.objects.exists()


def test_a_worker_that_fails_half_way_writes_nothing(me, importer, monkeypatch):
    run = checked(me)
    accept(run, me)
    apply = importer.apply

    def stumble(plan, **kwargs):
        apply(plan, **kwargs)
        raise ZeroDivisionError

    monkeypatch.setattr(importer, "apply", stumble)
    run = engine.work(run.pk)
    assert run.status == "failed"
    assert not User.objects.filter(username="linjing").exists()


def test_a_row_that_somebody_wrote_in_the_same_moment_has_the_file_checked_again(me, importer, monkeypatch):
    run = checked(me)
    accept(run, me)

    def collide(plan, **kwargs):
        raise IntegrityError

    monkeypatch.setattr(importer, "apply", collide)
    run = engine.work(run.pk)
    assert (run.status, run.accepted_by) == ("uploaded", None)
    assert engine.work(run.pk).status == "checked"


def test_whoever_has_left_the_page_is_told_in_the_inbox_once(me):
    run = upload(me)
    ImportRun.objects.update(uploaded_at=timezone.now() - timedelta(minutes=2))
    engine.work(run.pk)
    notice = Notice.objects.get()
    assert (notice.recipient, notice.url) == (f"user:{me.user.pk}", f"/imports/{run.pk}/")
    run.refresh_from_db()
    accept(run, me)
    assert engine.work(run.pk).status == "applied"
    assert Notice.objects.count() == 1  # the rest was watched


# --- what nobody heard, who died ---------------------------------------------------------------------
def test_the_tick_finds_runs_whose_ring_nobody_heard(me, rings):
    run = upload(me)
    assert sweeping.sweep(timezone.now()) == 0
    assert sweeping.sweep(timezone.now() + timedelta(minutes=1)) == 1
    assert rings == [run.pk]


def test_without_a_broker_the_tick_does_the_run_itself(me, monkeypatch):
    monkeypatch.setattr(wake, "ring", lambda run_id: False)
    run = upload(me)
    sweeping.sweep(timezone.now() + timedelta(minutes=1))
    run.refresh_from_db()
    assert run.status == "checked"


def test_a_ring_never_raises_when_the_broker_is_gone(monkeypatch, unused_port):
    from kombu import Connection

    gone = Connection(f"redis://127.0.0.1:{unused_port}/0", transport_options={"max_retries": 0})
    monkeypatch.setattr(wake, "_broker", lambda: gone)
    assert wake.ring(1) is False


def test_a_run_whose_worker_died_is_done_again_and_given_up_after_three(me, rings):
    run = upload(me)
    for attempt in range(sweeping.ATTEMPTS):
        at = timezone.now() + timedelta(minutes=5 * attempt)
        assert engine._claim(run.pk, at) is not None  # and dies
        assert engine._claim(run.pk, at) is None  # nobody else takes it while the lease runs
        sweeping.sweep(at + timedelta(seconds=30))
        assert len(rings) == attempt
        if attempt < sweeping.ATTEMPTS - 1:
            sweeping.sweep(at + timedelta(minutes=2))
    sweeping.sweep(timezone.now() + timedelta(minutes=30))
    run.refresh_from_db()
    assert run.status == "failed"
    assert "没有写入" in run.error


def test_a_worker_that_lost_its_lease_writes_nothing(me, importer, monkeypatch):
    run = checked(me)
    accept(run, me)
    plan = importer.plan

    def overtaken(rows, **kwargs):
        ImportRun.objects.filter(pk=run.pk).update(claim="another")
        return plan(rows, **kwargs)

    monkeypatch.setattr(importer, "plan", overtaken)
    engine.work(run.pk)
    assert not User.objects.filter(username="linjing").exists()


def test_reports_are_given_up_and_files_deleted_in_time(me):
    run = checked(me, [*ROWS, ["x", None, None]])
    name = run.file.name
    sweeping.sweep(timezone.now() + timedelta(days=8))
    run.refresh_from_db()
    assert run.status == "discarded"
    assert default_storage.exists(name)
    sweeping.sweep(timezone.now() + timedelta(days=39))
    run.refresh_from_db()
    assert not run.file
    assert not default_storage.exists(name)
    assert not ImportRow.objects.exclude(raw={}).exists()


def test_the_database_refuses_what_was_not_accepted(me):
    run = checked(me)
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportRun.objects.filter(pk=run.pk).update(status="applied")


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_apply_once(me):
    run = checked(me)
    accept(run, me)
    results = []

    def run_it() -> None:
        results.append(engine.work(run.pk))
        connection.close()

    threads = [threading.Thread(target=run_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result is None for result in results) == [False, True]
    assert User.objects.filter(username="linjing").count() == 1


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_while_the_transaction_is_open(me, importer, monkeypatch):
    run = checked(me)
    accept(run, me)
    monkeypatch.setattr("shimao_service.imports.progress.INTERVAL", 0.01)
    seen = []
    apply = importer.apply

    def slow(plan, *, advance, **kwargs):
        advance(1)
        with closing(connection.copy()) as line, line.cursor() as elsewhere:
            for _ in range(500):
                elsewhere.execute("select progress_done, stage from shimao_service_importrun where id = %s", [run.pk])
                seen.append(elsewhere.fetchone())
                if seen[-1] == (1, "write"):
                    break
                elsewhere.execute("select pg_sleep(0.01)")
        apply(plan, advance=advance, **kwargs)

    monkeypatch.setattr(importer, "apply", slow)
    assert engine.work(run.pk).status == "applied"
    assert seen[-1] == (1, "write")
