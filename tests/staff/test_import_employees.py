"""Employees from a sheet: never a way to more power than the importer has."""

from __future__ import annotations

from datetime import date

import pytest

from shimao_service.imports import engine, registry
from shimao_service.models import ImportRow, ImportRun, User
from staff.access import viewer_of
from staff.imports import EmployeeImporter
from staff.models import Employee, RoleGrant
from tests.factories import EmployeeFactory
from tests.shimao_service.sheets import file, workbook

KEYS = [column.key for column in EmployeeImporter.columns]
HEADER = [column.name + "*" * column.required for column in EmployeeImporter.columns]
LIN = {"number": "E1001", "name": "林小静", "department": "客服部", "title": "前台客服", "phone": 13812340001,
       "email": "lin@example.com", "hired_on": "2024/3/1"}  # fmt: skip
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def check(employee, *rows: dict) -> ImportRun:
    content = workbook([HEADER, *([row.get(key) for key in KEYS] for row in rows)], sheet="员工")
    run = engine.work(engine.upload(file(content), kind="employees", by=viewer_of(employee)).pk)
    assert run.status == "checked", run.error
    return run


def apply(employee, *rows: dict) -> ImportRun:
    run = check(employee, *rows)
    assert not problems(run)
    engine.accept(run, by=viewer_of(employee), revision=run.revision, skip_bad=False)
    run = engine.work(run.pk)
    assert run.status == "applied", (run.status, run.error, run.notes)
    return run


def problems(run: ImportRun) -> list[str]:
    rows = ImportRow.objects.filter(run=run, outcome="bad").order_by("number")
    return [f"{p['cell']} {p['reason']}" for row in rows for p in row.detail["problems"]]


def test_a_row_makes_an_employee_found_by_pinyin_and_no_login(cast):
    apply(cast.hr, LIN)
    lin = Employee.objects.get(number="E1001")
    assert (lin.name, lin.department, lin.hired_on, lin.phone) == ("林小静", cast.desk, date(2024, 3, 1), "13812340001")
    assert (lin.pinyin, lin.initials, lin.user) == ("linxiaojing", "lxj", None)


def test_the_same_file_again_changes_nothing(cast):
    rows = [LIN | {"roles": "BJ:客服前台;全公司:hr", "username": "linxj"}, LIN | {"number": 1002, "superior": "E1001"}]
    apply(cast.admin, *rows)
    again = check(cast.admin, *rows)
    assert (again.totals["same"], again.totals["bad"]) == (2, 0), problems(again)


def test_a_change_is_shown_by_field(cast):
    apply(cast.hr, LIN)
    run = apply(cast.hr, LIN | {"title": "前台领班", "department": "GC", "phone": None})
    changes = run.rows.get().detail["changes"]
    assert [(c["field"], c["old"], c["new"]) for c in changes] == [
        ("部门", "客服部", "工程部"),
        ("岗位", "前台客服", "前台领班"),
    ]
    lin = Employee.objects.get(number="E1001")
    assert (lin.department, lin.phone) == (cast.works, "13812340001")


def test_superiors_may_stand_in_the_same_file_and_chains_are_kept(cast):
    apply(
        cast.hr,
        LIN | {"number": "A3", "superior": "A2"},
        LIN | {"number": "A2", "superior": "A1"},
        LIN | {"number": "A1", "superior": "manager"},
    )
    chain = [Employee.objects.get(number=number).pk for number in ("A2", "A1")]
    assert Employee.objects.get(number="A3").superiors[:3] == [*chain, cast.manager.pk]
    apply(cast.hr, LIN | {"number": "A3", "superior": "A1"})
    assert Employee.objects.get(number="A3").superiors[0] == chain[1]


def test_circles_and_missing_superiors_are_refused_with_whoever_hangs_on_them(cast):
    run = check(
        cast.hr,
        LIN | {"number": "A1", "superior": "A2"},
        LIN | {"number": "A2", "superior": "A1"},
        LIN | {"number": "A3", "superior": "NOBODY"},
        LIN | {"number": "A4", "superior": "A3"},
        LIN | {"number": "A5", "superior": "A5"},
        LIN | {"number": "A6", "superior": "A1"},
    )
    said = problems(run)
    assert run.totals["bad"] == 6
    for number, words in (
        (2, "成了环"),
        (3, "成了环"),
        (4, "没有工号"),
        (5, "第 4 行有问题"),
        (6, "本人"),
        (7, "第 2 行有问题"),
    ):
        assert any(f"H{number} " in problem and words in problem for problem in said), (number, said)


def test_a_circle_through_what_is_stored_is_refused(cast):
    run = check(cast.hr, {"number": "manager", "name": "王志强", "department": "客服部", "superior": "frontdesk"})
    assert "成了环" in problems(run)[0]


def test_a_login_is_made_only_when_named_and_without_a_password(cast):
    apply(cast.hr, LIN | {"username": "linxj"})
    user = User.objects.get(username="linxj")
    assert user.employee.number == "E1001"
    assert not user.has_usable_password()
    assert (user.is_staff, user.is_superuser, user.email) == (False, False, "lin@example.com")


def test_logins_are_neither_taken_nor_changed(cast):
    run = check(
        cast.hr,
        LIN | {"username": "ADMIN"},
        {"number": "frontdesk", "name": "林静", "department": "客服部", "username": "other"},
        LIN | {"number": "E2", "username": "a b/c"},
        LIN | {"number": "E3", "username": "same"},
        LIN | {"number": "E4", "username": "Same"},
    )
    said = problems(run)
    for problem, words in zip(said, ("已被使用", "不能通过导入更改登录名", "登录名只能", "相同"), strict=True):
        assert words in problem, said


def test_roles_take_the_power_to_grant_them(cast):
    row = LIN | {"roles": "BJ:客服前台"}
    assert "没有授予角色的权限" in problems(check(cast.hr, row))[0]
    apply(cast.admin, row)
    assert [g.role.code for g in RoleGrant.objects.filter(employee__number="E1001")] == ["front_desk"]
    # What is held already is nothing to grant.
    assert not problems(check(cast.hr, row))


def test_nobody_gives_himself_a_role(cast):
    row = {"number": "admin", "name": "管理员", "department": "客服部", "roles": "全公司:director"}
    assert "给自己" in problems(check(cast.admin, row))[0]


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ("BJ:国王", "没有“国王”这个角色"),
        ("XX:客服前台", "没有编码为“XX”的项目"),
        ("客服前台", "须写明项目"),
        ("BJ:人事", "全公司角色"),
        ("BJ:", "项目编码:角色"),
    ],
)
def test_a_role_that_cannot_be_is_named(cast, roles, says):
    assert any(says in problem for problem in problems(check(cast.admin, LIN | {"roles": roles})))


def test_an_import_adds_roles_and_takes_none_away(cast):
    apply(cast.admin, {"number": "handler", "name": "周建国", "department": "工程部", "roles": "HP:handler"})
    grants = RoleGrant.objects.filter(employee=cast.handler).values_list("role__code", "project__code")
    assert set(grants) == {("handler", "BJ"), ("handler", "HP")}


def test_those_who_left_are_not_brought_back(cast):
    EmployeeFactory(number="E1001", name="林小静", department=cast.desk, left_on=date(2026, 1, 1))
    assert "离职" in problems(check(cast.hr, LIN))[0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"number": None}, "A2 “工号”必填"),
        ({"name": "12"}, "B2 姓名不应是数字"),
        ({"department": "宇航部"}, "C2 没有“宇航部”这个部门"),
        ({"phone": "1.38E+10"}, "E2"),
        ({"hired_on": "2024-13-01"}, "G2 没有这一天"),
    ],
)
def test_a_bad_cell_is_named_with_its_reason(cast, change, says):
    assert any(says in problem for problem in problems(check(cast.hr, LIN | change)))


def test_the_same_number_twice_is_refused(cast):
    assert "与第 2 行重复" in problems(check(cast.hr, LIN, LIN | {"number": "e1001"}))[0]


def test_a_contractor_is_told_by_the_employer(cast):
    apply(cast.hr, LIN | {"employer": "某某电梯公司"})
    assert Employee.objects.get(number="E1001").is_contractor


def test_who_may_import(cast):
    importer = registry.get("employees")
    allowed = {
        name
        for name in vars(cast)
        if hasattr(getattr(cast, name), "number") and importer.may_start(viewer_of(getattr(cast, name)))
    }
    assert allowed == {"hr", "admin"}
