"""The pages of the imports, with scripts and without."""

from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook

from shimao_service.imports import engine, wake
from shimao_service.models import ImportRun
from tests.shimao_service.sheets import file, workbook
from tickets.imports import EstateImporter
from tickets.models import Unit

HEADER = [column.name for column in EstateImporter.columns]
GOOD = ["BJ", "9号楼", "1", "101", 1, 88, None, "王芳", "业主", "13911112222"]
BAD = ["BJ", "9号楼", "1", "102", 1, 88, None, "李四", "业主", "123"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def alone(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(wake, "ring", lambda run_id: True)


def upload(client, *rows) -> ImportRun:
    content = workbook([HEADER, *rows], sheet="房产与业主")
    response = client.post("/imports/new/estate/", {"file": file(content, "业主.xlsx")})
    assert response.status_code == 302
    run = ImportRun.objects.latest("id")
    assert response["Location"] == f"/imports/{run.pk}/"
    return run


def page(client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


def test_the_list_offers_what_i_may_import(as_):
    offered = page(as_("supervisor"), "/imports/")
    assert "/imports/new/estate/" in offered
    assert "/imports/new/employees/" not in offered
    assert "/imports/new/employees/" in page(as_("hr"), "/imports/")


@pytest.mark.parametrize("path", ["/imports/", "/imports/new/estate/", "/imports/new/estate/template/"])
def test_who_may_import_nothing_finds_nothing(as_, path):
    assert as_("handler").get(path).status_code == 404


def test_the_template_is_a_workbook_with_a_name_people_can_read(as_):
    response = as_("supervisor").get("/imports/new/estate/template/")
    assert "%E6%A8%A1%E6%9D%BF.xlsx" in response["Content-Disposition"]
    assert load_workbook(io.BytesIO(response.content)).sheetnames == ["房产与业主", "说明"]


def test_from_upload_to_done(as_):
    client = as_("supervisor")
    run = upload(client, GOOD)
    waiting = page(client, f"/imports/{run.pk}/")
    assert "排队中" in waiting
    assert f'href="/imports/{run.pk}/"' in waiting
    assert 'hx-trigger="every 1s"' in waiting
    engine.work(run.pk)
    run.refresh_from_db()
    report = page(client, f"/imports/{run.pk}/")
    assert "确认导入" in report
    assert "王芳" not in report
    client.post(f"/imports/{run.pk}/accept/", {"revision": run.revision})
    assert "整份文件" not in page(client, f"/imports/{run.pk}/")  # queued, not yet writing
    engine.work(run.pk)
    assert "已经写入" in page(client, f"/imports/{run.pk}/")
    assert Unit.objects.filter(label="9-1-101").exists()


def test_the_bar_reloads_the_page_when_the_work_is_over(as_):
    client = as_("supervisor")
    run = upload(client, GOOD)
    assert "HX-Refresh" not in client.get(f"/imports/{run.pk}/progress/", headers={"HX-Request": "true"})
    assert client.get(f"/imports/{run.pk}/progress/").status_code == 302
    engine.work(run.pk)
    assert client.get(f"/imports/{run.pk}/progress/", headers={"HX-Request": "true"})["HX-Refresh"] == "true"


@pytest.mark.parametrize("content", [b"", b"not a workbook", b"PK\x03\x04", workbook([["a"]], sheet="别的")])
def test_a_bad_file_is_refused_on_the_form_in_one_sentence(as_, content):
    response = as_("supervisor").post("/imports/new/estate/", {"file": file(content)})
    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.content.decode() or "invalid-feedback" in response.content.decode()
    assert not ImportRun.objects.exists()


def test_no_file_at_all_asks_for_one(as_):
    response = as_("supervisor").post("/imports/new/estate/")
    assert response.status_code == 400
    assert "请选择文件" in response.content.decode()


def test_bad_rows_are_shown_downloaded_and_skipped_only_when_ticked(as_):
    client = as_("supervisor")
    run = upload(client, GOOD, BAD)
    engine.work(run.pk)
    run.refresh_from_db()
    report = page(client, f"/imports/{run.pk}/?show=bad")
    assert "J3" in report
    refused = client.post(f"/imports/{run.pk}/accept/", {"revision": run.revision})
    assert refused.status_code == 400
    assert "跳过有问题的行" in refused.content.decode()
    sheet = load_workbook(io.BytesIO(client.get(f"/imports/{run.pk}/problems/").content)).active
    assert [cell.value for cell in sheet[2]][:4] == ["BJ", "9号楼", "1", "102"]
    assert client.post(f"/imports/{run.pk}/accept/", {"revision": run.revision, "skip_bad": "on"}).status_code == 302


def test_a_report_that_was_renewed_meanwhile_is_shown_before_it_is_accepted(as_):
    client = as_("supervisor")
    run = upload(client, GOOD)
    engine.work(run.pk)
    response = client.post(f"/imports/{run.pk}/accept/", {"revision": 7})
    assert response.status_code == 409
    assert "已更新" in response.content.decode()


def test_others_do_not_see_my_run_and_overseers_get_no_bad_rows(as_):
    client = as_("supervisor")
    run = upload(client, BAD)
    engine.work(run.pk)
    assert as_("manager").get(f"/imports/{run.pk}/").status_code == 404
    admin = as_("admin")
    assert "确认导入" not in page(admin, f"/imports/{run.pk}/")
    assert admin.get(f"/imports/{run.pk}/problems/").status_code == 403
    assert admin.post(f"/imports/{run.pk}/discard/").status_code == 403


def test_a_long_report_is_paged_by_key(as_):
    client = as_("supervisor")
    run = upload(client, *([*GOOD[:3], str(n)] for n in range(1, 121)))
    engine.work(run.pk)
    assert 'href="?show=&amp;after=51"' in page(client, f"/imports/{run.pk}/")
    last = page(client, f"/imports/{run.pk}/?after=101")
    assert 'rel="next"' not in last
    assert 'class="num">121<' in last
    for nonsense in ("?after=x", "?after=99999999999", "?show=x", "?show=warned"):
        page(client, f"/imports/{run.pk}/{nonsense}")


def test_discarding_ends_it(as_):
    client = as_("supervisor")
    run = upload(client, GOOD)
    assert client.post(f"/imports/{run.pk}/discard/").status_code == 302
    assert "已放弃" in page(client, f"/imports/{run.pk}/")
