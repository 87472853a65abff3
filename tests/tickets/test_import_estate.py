"""Buildings, units and who lives there, from one sheet."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shimao_service.imports import engine, registry, workbooks
from shimao_service.models import ImportRow, ImportRun
from staff.access import viewer_of
from tests.factories import OccupancyFactory, OwnerFactory
from tests.shimao_service.sheets import file, workbook
from tickets.imports import EstateImporter
from tickets.models import Building, Occupancy, Owner, Unit

KEYS = [column.key for column in EstateImporter.columns]
HEADER = [column.name + "*" * column.required for column in EstateImporter.columns]
WANG = {"project": "BJ", "building": "5号楼", "entrance": "1单元", "room": "801室", "floor": 8, "area": 89.5,
        "handed_over_on": date(2019, 6, 30), "name": "王 芳", "relation": "业主", "phone": 13911112222,
        "phone_alt": "021-62345678", "email": "wang@example.com", "since": "2019年8月1日"}  # fmt: skip
LI = {"name": "李强", "relation": "租户", "phone": "13700001111"}
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def sheet(*rows: dict) -> bytes:
    return workbook([HEADER, *([row.get(key) for key in KEYS] for row in rows)], sheet="房产与业主")


def check(employee, *rows: dict) -> ImportRun:
    run = engine.upload(file(sheet(*rows)), kind="estate", by=viewer_of(employee))
    run = engine.work(run.pk)
    assert run.status == "checked", run.error
    return run


def apply(employee, *rows: dict, skip_bad: bool = False) -> ImportRun:
    run = check(employee, *rows)
    engine.accept(run, by=viewer_of(employee), revision=run.revision, skip_bad=skip_bad)
    run = engine.work(run.pk)
    assert run.status == "applied", (run.status, run.error, run.notes)
    return run


def problems(run: ImportRun) -> list[str]:
    rows = ImportRow.objects.filter(run=run, outcome="bad").order_by("number")
    return [f"{p['cell']} {p['reason']}" for row in rows for p in row.detail["problems"]]


def warnings(run: ImportRun) -> list[str]:
    return [w["reason"] for row in run.rows.order_by("number") for w in row.detail.get("warnings", ())]


def test_a_row_makes_a_building_a_unit_a_person_and_where_they_live(cast):
    run = apply(cast.supervisor, WANG)
    assert run.totals["things"] == {"楼栋": [1, 0], "房屋": [1, 0], "住户": [1, 0], "入住关系": [1, 0]}
    unit = Unit.objects.get(label="5-1-801")
    assert (unit.building.name, unit.project, unit.floor, unit.area) == ("5号楼", cast.project, 8, Decimal("89.50"))
    term = Occupancy.objects.select_related("owner").get(unit=unit)
    assert (term.relation, term.since, term.until) == ("owner", date(2019, 8, 1), None)
    owner = term.owner
    assert (owner.name, owner.phone, owner.phone_alt) == ("王芳", "13911112222", "021-62345678")
    assert (owner.pinyin, owner.initials) == ("wangfang", "wf")
    assert unit.building.qr_code


def test_the_same_file_again_changes_nothing(cast):
    rows = [
        WANG,
        WANG
        | {"name": "李强", "relation": "租户", "phone": "13700001111", "since": "2020-01-01", "until": "2021-01-01"},
        WANG | {"name": "李强", "relation": "租户", "phone": "13700001111", "since": "2022-01-01"},
        WANG | {"name": "王小芳", "relation": "家属", "phone": None, "phone_alt": None, "email": None},
        {"project": "bj", "building": "5", "entrance": "１", "room": "802"},
        {"project": "BJ", "building": "B座", "room": "1201", "name": "上海某某商贸有限公司", "phone": "400-820-8820"},
    ]
    apply(cast.supervisor, *rows)
    counts = [model.objects.count() for model in (Building, Unit, Owner, Occupancy)]
    again = check(cast.supervisor, *rows)
    assert (again.totals["same"], again.totals["bad"]) == (6, 0), problems(again)
    assert counts == [model.objects.count() for model in (Building, Unit, Owner, Occupancy)]
    assert Unit.objects.filter(label="B-1201").exists()


def test_what_is_there_is_found_however_it_is_spelled_and_changed_field_by_field(cast):
    row = {"project": "BJ", "building": "3幢", "entrance": "2", "room": "1502室", "area": "120㎡", "name": "张建国",
           "phone": "138-1234-5678", "email": "zhang@example.com"}  # fmt: skip
    run = check(cast.supervisor, row)
    changes = run.rows.get().detail["changes"]
    assert [(c["field"], c["old"], c["new"]) for c in changes] == [
        ("建筑面积", "", "120.00"),
        ("邮箱", "", "z***@example.com"),
    ]
    apply(cast.supervisor, row)
    cast.unit.refresh_from_db()
    cast.owner.refresh_from_db()
    assert (cast.unit.area, cast.owner.email) == (Decimal("120.00"), "zhang@example.com")
    assert Owner.objects.filter(name="张建国").count() == 1


def test_blank_cells_leave_what_is_there(cast):
    apply(cast.supervisor, WANG)
    run = check(cast.supervisor, {key: WANG[key] for key in ("project", "building", "entrance", "room", "name")})
    assert run.totals["same"] == 1


def test_reports_tell_nobody_a_name_or_a_number(cast):
    run = check(cast.supervisor, WANG, WANG | {"room": "802", "name": "李四", "phone": "1"})
    told = str(list(run.rows.values_list("label", "detail")))
    for secret in ("王芳", "李四", "13911112222", "wang@example.com"):
        assert secret not in told


def test_a_new_phone_of_whoever_lives_there_is_a_change_not_a_new_person(cast):
    row = {"project": "BJ", "building": "3", "entrance": "2", "room": "1502", "name": "张建国", "phone": "13900000000"}
    run = apply(cast.supervisor, row)
    assert run.totals["things"] == {"住户": [0, 1]}
    cast.owner.refresh_from_db()
    assert cast.owner.phone == "13900000000"


def test_a_tenant_moves_out_and_another_moves_in(cast):
    tenant = OccupancyFactory(
        unit=cast.unit, owner=OwnerFactory(name="李强", phone="13700001111"), relation="tenant", since=date(2024, 1, 1)
    )
    place = {"project": "BJ", "building": "3", "entrance": "2", "room": "1502", "relation": "租户"}
    came = place | {"name": "赵敏", "phone": "13600001111", "since": "2026-11-01"}
    run = apply(cast.supervisor, place | LI | {"until": "2026-10-31"}, came)
    assert run.totals["things"] == {"入住关系": [1, 1], "住户": [1, 0]}
    tenant.refresh_from_db()
    assert tenant.until == date(2026, 10, 31)
    # An old list that still has him there does not undo it.
    assert (
        "已于 2026-10-31 迁出" in problems(check(cast.supervisor, place | {"name": "李强", "phone": "13700001111"}))[0]
    )
    back = place | {"name": "李强", "phone": "13700001111", "since": "2026-12-01"}
    assert apply(cast.supervisor, back).totals["things"] == {"入住关系": [1, 0]}


def test_one_person_in_two_units_is_one_person(cast):
    apply(cast.supervisor, WANG, WANG | {"room": "802"})
    assert Owner.objects.filter(name="王芳").count() == 1
    apply(cast.supervisor, WANG | {"room": "803"})
    assert Owner.objects.filter(name="王芳").count() == 1
    assert Occupancy.objects.filter(owner__name="王芳").count() == 3


def test_a_shared_phone_is_a_warning_not_an_error(cast):
    run = check(
        cast.supervisor,
        WANG,
        WANG | {"name": "王小芳", "relation": "家属"},
        WANG | {"room": "804", "name": "张某", "phone": "13812345678"},
    )
    assert run.totals["bad"] == 0
    assert run.totals["warned"] == 2
    assert ["第 2 行" in warnings(run)[0], "系统中另一位" in warnings(run)[1]] == [True, True]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"project": None}, "A2 “项目编码”必填"),
        ({"project": "NONE"}, "A2 没有编码为“NONE”的项目"),
        ({"project": "HP"}, "A2 您没有该项目的导入权限"),
        ({"room": None}, "D2"),
        ({"room": date(2026, 1, 2)}, "D2 这里被 Excel 当成了日期"),
        ({"building": "一二三四五六七八九十甲"}, "B2 太长"),
        ({"floor": "顶层"}, "E2"),
        ({"area": "很大"}, "F2"),
        ({"handed_over_on": "去年"}, "G2"),
        ({"relation": "朋友"}, "I2"),
        ({"phone": "1381234567"}, "J2 手机号应为 11 位"),
        ({"phone": "1.38E+10"}, "J2 号码被 Excel"),
        ({"phone_alt": "62345678"}, "K2 座机请带上区号"),
        ({"email": "no"}, "L2"),
        ({"until": "2018-01-01"}, "N2 迁出日期不能早于入住日期"),
        ({"name": None}, "但没有填姓名"),
        ({"area": "=1+1"}, "F2 这里是公式"),
    ],
)
def test_a_bad_cell_is_named_with_its_reason(cast, change, says):
    run = check(cast.supervisor, WANG | change)
    assert run.totals["bad"] == 1
    assert any(says in problem for problem in problems(run)), problems(run)


def test_rows_that_contradict_or_repeat_one_another_are_refused(cast):
    run = check(
        cast.supervisor,
        WANG,
        WANG,
        WANG | {"name": "李四", "phone": None, "area": 100},
        WANG | {"room": "802", "email": "other@example.com"},
        WANG | {"building": "5", "since": "2020-01-01"},
    )
    said = problems(run)
    assert "与第 2 行重复" in said[0]
    assert said[1].startswith("F4 与第 2 行写的不一致")
    assert said[2].startswith("L5 与第 2 行写的不一致")
    assert "与第 2 行重复" in said[3]
    assert run.totals["create"] == 1


def test_people_of_other_projects_are_not_touched(cast):
    elsewhere = Building.objects.create(project=cast.other_project, code="1", name="1号楼")
    unit = Unit.objects.create(building=elsewhere, room="101")
    stranger = OwnerFactory(name="王芳", phone="13911112222", email="theirs@example.com")
    OccupancyFactory(unit=unit, owner=stranger)
    apply(cast.supervisor, WANG)
    stranger.refresh_from_db()
    assert stranger.email == "theirs@example.com"
    assert Owner.objects.filter(name="王芳").count() == 2


def test_who_may_import(cast):
    importer = registry.get("estate")
    may = {
        name: importer.may_start(viewer_of(getattr(cast, name)))
        for name in vars(cast)
        if hasattr(getattr(cast, name), "number")
    }
    assert {name for name, allowed in may.items() if allowed} == {
        "supervisor",
        "manager",
        "department_manager",
        "admin",
    }
    assert "HP" not in importer.choices_now(viewer_of(cast.supervisor))["project"]
    assert apply(cast.admin, WANG, WANG | {"project": "HP"}).totals["create"] == 2


def test_queries_do_not_grow_with_the_rows(cast):
    def queries(count: int) -> int:
        rows = [
            WANG | {"building": f"{count}", "room": str(n), "name": f"住户{n}", "phone": f"137{count:03d}{n:05d}"}
            for n in range(count)
        ]
        with CaptureQueriesContext(connection) as captured:
            apply(cast.admin, *rows)
        return len(captured)

    queries(3)
    assert queries(200) <= queries(20)


def test_the_template_filled_in_is_what_the_import_reads(cast, tmp_path):
    from openpyxl import load_workbook

    path = tmp_path / "template.xlsx"
    path.write_bytes(workbooks.template(registry.get("estate"), viewer=viewer_of(cast.supervisor)))
    book = load_workbook(path)
    assert book.sheetnames == ["房产与业主", "说明"]
    data = book["房产与业主"]
    assert [cell.value for cell in data[1]] == HEADER
    assert {v.formula1 for v in data.data_validations.dataValidation} == {'"BJ"', '"业主,租户,家属"'}
    for at, column in enumerate(EstateImporter.columns, start=1):
        data.cell(2, at, column.example or None)
    book.save(path)
    run = engine.upload(file(path.read_bytes()), kind="estate", by=viewer_of(cast.supervisor))
    run = engine.work(run.pk)
    assert (run.totals["bad"], run.totals["rows"]) == (0, 1), problems(run)
