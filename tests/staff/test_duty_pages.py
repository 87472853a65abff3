"""The duty table's pages and those of leave: who opens them, what they do, what they refuse."""

from __future__ import annotations

import re
from datetime import date, time, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from shimao_service import calendars
from staff.models import Absence, DutySlot, Employee, Role, RoleGrant, StaffChange
from tests.query_budgets import budget
from tests.staff.test_duty import MONDAY, NIGHT, SUNDAY, at, away, slot

pytestmark = pytest.mark.django_db

NOW = at(25, "10:00")  # a Wednesday
KEEPERS = ["supervisor", "department_manager", "manager", "admin"]
READERS = ["frontdesk", "handler", "contractor", "duty", "steward", "quality", "hr", "director", "auditor"]


@pytest.fixture(autouse=True)
def wednesday(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture(autouse=True)
def guard_may_dispatch(request):
    """Who is put down must be able to open what comes at night."""
    if "cast" in request.fixturenames:
        cast, role = request.getfixturevalue("cast"), Role.objects.get(code="duty_desk")
        RoleGrant.objects.create(employee=cast.guard, role=role, project=cast.project)


def text(response) -> str:
    return response.content.decode()


def typed(cast, **changes) -> dict:
    return {"weekdays": ["0", "2"], "starts": "20:00", "ends": "08:30", "employee": cast.duty.pk,
            "deputy": cast.guard.pk} | changes  # fmt: skip


def leave(cast, **changes) -> dict:
    return {"employee": "handler 周建国", "kind": "leave", "starts_at": "2026-11-26T08:30",
            "ends_at": "2026-11-28T08:30", "note": "家中有事"} | changes  # fmt: skip


def table(project) -> str:
    return reverse("duty") + f"?project={project.code}"


def new(project) -> str:
    return reverse("duty-new") + f"?project={project.code}"


# --- who ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", KEEPERS + READERS)
def test_everybody_of_the_project_reads_the_table_and_its_keepers_change_it(cast, as_, who):
    one, keeps = slot(cast, "duty", MONDAY), who in KEEPERS
    client = as_(who)
    page = client.get(table(cast.project))
    assert page.status_code == 200
    assert "孙班长" in text(page)
    assert (reverse("duty-edit", args=[one.pk]) in text(page)) == keeps
    allowed = 200 if keeps else 403
    assert client.get(new(cast.project)).status_code == allowed
    assert client.get(reverse("duty-edit", args=[one.pk])).status_code == allowed
    assert client.get(reverse("absence-new")).status_code == allowed
    assert client.get(reverse("absence-people"), {"q": "周"}).status_code == allowed
    assert client.post(new(cast.project), typed(cast, weekdays=["3"])).status_code == (302 if keeps else 403)
    assert DutySlot.objects.count() == (2 if keeps else 1)


def test_another_projects_table_is_not_there(cast, as_):
    one = slot(cast, "duty", MONDAY)
    for who in ("outsider", "outsider_handler"):
        client = as_(who)
        assert client.get(table(cast.project)).status_code == 404
        assert client.post(new(cast.project), typed(cast)).status_code == 404
        assert client.post(reverse("duty-copy") + "?project=BJ", {"weekday": 0, "to": [1]}).status_code == 404
        for name in ("duty-edit", "duty-remove"):
            assert client.post(reverse(name, args=[one.pk])).status_code == 404
    assert as_("supervisor").get(table(cast.other_project)).status_code == 404
    assert as_("supervisor").get(reverse("duty"), {"project": "没有"}).status_code == 404
    assert DutySlot.objects.count() == 1


@pytest.mark.parametrize("name", ["duty", "duty-new", "absences", "absence-new", "absence-people"])
def test_nobody_signed_out_sees_any(db, name):
    assert Client().get(reverse(name)).status_code == 302


def test_what_changes_something_is_posted(cast, as_):
    one, row = slot(cast, "duty", MONDAY), away(cast, "handler", NOW, NOW + timedelta(days=1))
    client = as_("supervisor")
    assert client.get(reverse("duty-remove", args=[one.pk])).status_code == 405
    assert client.get(reverse("duty-copy")).status_code == 405
    assert client.get(reverse("absence-end", args=[row.pk])).status_code == 405
    assert client.put(reverse("duty-new")).status_code == 405
    assert client.post(reverse("duty")).status_code == 405


def test_who_works_nowhere_is_told_so(cast, as_):
    cast.handler.grants.all().delete()
    page = as_("handler").get(reverse("duty"))
    assert page.status_code == 200
    assert "您还没有所在的项目" in text(page)


# --- the table ------------------------------------------------------------------------------------
def test_the_hours_nobody_has_outside_service_time_are_named(cast, as_):
    for weekday in range(5):
        slot(cast, "duty", weekday)
    page = text(as_("supervisor").get(table(cast.project)))
    assert "周六、周日 20:00–次日 08:30" in page
    for weekday in (5, 6):
        slot(cast, "duty", weekday)
    assert "无人值班" not in text(as_("supervisor").get(table(cast.project)))


def test_a_slot_of_somebody_who_left_covers_nothing(cast, as_):
    for weekday in range(7):
        slot(cast, "duty", weekday)
    Employee.objects.filter(pk=cast.duty.pk).update(left_on=date(2026, 11, 1))
    page = text(as_("supervisor").get(table(cast.project)))
    assert "每天 20:00–次日 08:30" in page
    assert "已离职" in page


def test_a_night_without_anybody_this_week_is_told_but_not_a_past_one(cast, as_):
    for weekday in range(7):
        slot(cast, "duty", weekday)
    away(cast, "duty", at(23, "08:30"), at(27, "08:30"))
    page = text(as_("supervisor").get(table(cast.project)))
    assert "周三 20:00–08:30 没有人可以值班" in page
    assert "周四 20:00–08:30 没有人可以值班" in page
    assert "周一 20:00–08:30 没有人可以值班" not in page
    assert "请假至 11月27日 08:30" in page


def test_who_is_on_duty_now_stands_on_top_also_when_the_week_has_just_begun(cast, as_, time_machine):
    slot(cast, "duty", SUNDAY, deputy="guard")
    time_machine.move_to(at(23, "03:00"), tick=False)
    page = text(as_("handler").get(reverse("duty")))
    assert "现在值班" in page
    assert "（副班 李敏）" in page
    time_machine.move_to(at(23, "09:00"), tick=False)
    assert "现在值班" not in text(as_("handler").get(reverse("duty")))


def test_an_empty_table_says_what_to_do(cast, as_):
    assert "先排夜班" in text(as_("supervisor").get(table(cast.project)))
    assert "由客服主管或项目经理安排" in text(as_("handler").get(table(cast.project)))


def test_one_form_plans_several_days_and_opens_filled_in_from_a_cell(cast, as_):
    client = as_("supervisor")
    page = text(client.get(new(cast.project) + "&weekday=4&starts=22:00&ends=06:00"))
    assert 'value="22:00"' in page
    assert re.findall(r'name="weekdays" value="(\d)"[^>]* checked', page) == ["4"]
    assert client.post(new(cast.project), typed(cast)).url == table(cast.project)
    assert [(one.weekday, one.employee, one.deputy) for one in DutySlot.objects.all()] == [
        (0, cast.duty, cast.guard), (2, cast.duty, cast.guard)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weekdays": []}, "请至少选择一天"),
        ({"starts": "25:00"}, "请按“时:分”填写"),
        ({"deputy": "duty"}, "副班不能与值班人相同"),
        ({"employee": "outsider"}, "选择一个有效的选项"),
        ({"weekdays": ["2", "1"], "starts": "06:00", "ends": "09:00"}, "孙班长 在 周一 20:00–08:30 已有值班"),
    ],
)
def test_what_is_refused_is_said_and_what_was_typed_stays(cast, as_, changes, said):
    slot(cast, "duty", MONDAY)
    changes = {key: getattr(cast, value).pk if isinstance(value, str) and hasattr(cast, value) else value
               for key, value in changes.items()}  # fmt: skip
    response = as_("supervisor").post(new(cast.project), typed(cast, **changes))
    assert response.status_code == 400
    assert said in text(response)
    assert f'value="{changes.get("ends", "08:30")}"' in text(response)
    assert DutySlot.objects.count() == 1


def test_a_slot_is_changed_and_removed_and_both_are_told_of_the_person(cast, as_):
    one = slot(cast, "duty", MONDAY)
    client = as_("supervisor")
    data = {"weekday": 1, "starts": "19:00", "ends": "07:00", "employee": cast.duty.pk, "deputy": ""}
    assert client.post(reverse("duty-edit", args=[one.pk]), data).status_code == 302
    one.refresh_from_db()
    assert (one.weekday, one.starts, one.ends) == (1, time(19), time(7))
    assert client.post(reverse("duty-remove", args=[one.pk])).status_code == 302
    assert client.post(reverse("duty-remove", args=[one.pk])).status_code == 404
    assert [(row.action, row.note) for row in cast.duty.changes.order_by("pk")] == [
        ("duty_changed", "周一 20:00–08:30 → 周二 19:00–07:00"), ("duty_removed", "周二 19:00–07:00")
    ]  # fmt: skip


def test_monday_is_copied_to_other_days_without_doubling_anybody(cast, as_):
    slot(cast, "duty", MONDAY, deputy="guard")
    slot(cast, "guard", 1, (time(8), time(12)))
    slot(cast, "duty", 2, (time(23), time(5)))
    client = as_("supervisor")
    copied = client.post(reverse("duty-copy") + "?project=BJ", {"weekday": 0, "to": [1, 2, 6]}, follow=True)
    assert "已复制 2 个时段" in text(copied)
    assert "1 个因同时段已有值班" in text(copied)
    assert sorted(DutySlot.objects.filter(employee=cast.duty).values_list("weekday", flat=True)) == [0, 1, 2, 6]
    nothing = client.post(reverse("duty-copy") + "?project=BJ", {"weekday": 3, "to": [4]})
    assert nothing.status_code == 400
    assert "没有可复制的内容" in text(nothing)
    assert client.post(reverse("duty-copy") + "?project=BJ", {"weekday": 0}).status_code == 400


# --- leave ----------------------------------------------------------------------------------------
def test_leave_is_recorded_and_ended_early(cast, as_, time_machine):
    client = as_("supervisor")
    assert client.post(reverse("absence-new"), leave(cast)).url == reverse("absences")
    row = Absence.objects.get()
    assert (row.employee, row.starts_at, row.recorded_by) == (cast.handler, at(26, "08:30"), cast.supervisor)
    time_machine.move_to(at(27, "12:00"), tick=False)
    client = as_("supervisor")
    assert client.post(reverse("absence-end", args=[row.pk])).status_code == 302
    row.refresh_from_db()
    assert row.ends_at == at(27, "12:00")
    assert client.post(reverse("absence-end", args=[row.pk])).status_code == 409
    assert [one.action for one in cast.handler.changes.order_by("pk")] == ["absence_recorded", "absence_ended"]
    assert "家中有事" not in "".join(one.note for one in StaffChange.objects.all())


def test_leave_that_has_not_begun_is_taken_back(cast, as_):
    row = away(cast, "handler", NOW + timedelta(days=1), NOW + timedelta(days=2))
    client = as_("supervisor")
    assert client.post(reverse("absence-end", args=[row.pk])).status_code == 302
    assert not Absence.objects.exists()
    assert client.post(reverse("absence-end", args=[row.pk])).status_code == 404


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"employee": "查无此人"}, "这位在职员工"),
        ({"employee": "outsider"}, "您负责的项目里没有"),
        ({"employee": "\x00"}, "空字符"),
        ({"ends_at": "2026-11-26T08:30"}, "结束时间要晚于开始时间"),
        ({"ends_at": "2027-12-26T08:30"}, "一次最多登记一年"),
        ({"starts_at": "2025-01-01T08:30"}, "一次最多登记一年"),
        ({"starts_at": "2025-01-01T08:30", "ends_at": "2025-01-02T08:30"}, "前后一年之内"),
        ({"starts_at": "0001-01-01T00:00"}, "请按“年-月-日 时:分”填写时间"),
        ({"ends_at": "9999-12-31T23:59"}, "请按“年-月-日 时:分”填写时间"),
        ({"starts_at": "明天"}, "请按“年-月-日 时:分”填写时间"),
        ({"kind": "holiday"}, "选择一个有效的选项"),
        ({"starts_at": "2026-11-29T08:30", "ends_at": "2026-12-01T08:30"}, "重叠"),
    ],
)
def test_leave_that_cannot_be_is_refused_and_stays_typed(cast, as_, changes, said):
    away(cast, "handler", at(30, "08:30"), at(30, "18:00"))
    response = as_("supervisor").post(reverse("absence-new"), leave(cast, **changes))
    assert response.status_code == 400
    assert said in text(response)
    assert "家中有事" in text(response)
    assert Absence.objects.count() == 1


def test_an_employee_sees_his_own_leave_and_a_keeper_that_of_his_people(cast, as_):
    away(cast, "handler", NOW, NOW + timedelta(days=1))
    away(cast, "handler2", NOW - timedelta(days=3), NOW - timedelta(days=2))
    away(cast, "outsider", NOW, NOW + timedelta(days=1))
    seen = {who: text(as_(who).get(reverse("absences"))) for who in ("handler", "supervisor", "admin", "hr")}
    names = ("周建国", "吴海涛", "外项目前台")
    assert {who: tuple(f">{name}<" in page for name in names) for who, page in seen.items()} == {
        "handler": (True, False, False), "supervisor": (True, True, False), "admin": (True, True, True),
        "hr": (False, False, False),
    }  # fmt: skip


def test_leave_of_others_is_not_ended_by_who_may_not(cast, as_):
    row = away(cast, "handler", NOW, NOW + timedelta(days=1))
    assert as_("handler2").post(reverse("absence-end", args=[row.pk])).status_code == 404
    assert as_("outsider").post(reverse("absence-end", args=[row.pk])).status_code == 404
    assert as_("handler").post(reverse("absence-end", args=[row.pk])).status_code == 403
    row.refresh_from_db()
    assert row.ends_at == NOW + timedelta(days=1)


def test_the_look_up_offers_ones_own_people_only(cast, as_):
    found = as_("supervisor").get(reverse("absence-people"), {"q": "外项目"}).json()
    assert found == {"results": []}
    found = as_("supervisor").get(reverse("absence-people"), {"q": "zjg"}).json()["results"]
    assert [one["label"] for one in found] == ["handler 周建国"]


# --- the home page --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "shown"), [("duty", True), ("supervisor", True), ("frontdesk", True), ("quality", False)]
)
def test_the_desk_reads_on_its_home_who_is_on_tonight(cast, as_, who, shown):
    slot(cast, "duty", 2, deputy="guard")
    page = text(as_(who).get("/"))
    assert ("今晚值班" in page and "（副班 李敏）" in page) == shown


def test_the_home_says_that_nobody_can_come_and_why(cast, as_, time_machine):
    slot(cast, "duty", 2)
    away(cast, "duty", NOW, NOW + timedelta(days=1))
    page = text(as_("supervisor").get("/"))
    assert "请假至 11月26日 10:00" in page
    assert "无人" in page
    time_machine.move_to(at(26, "09:00"), tick=False)
    assert "值班</a>" not in text(as_("supervisor").get("/"))


# --- how many queries -----------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["duty", "absences", "duty-new", "absence-new"])
def test_the_pages_take_as_many_queries_for_many_as_for_few(cast, as_, name):
    calendars.current()
    slot(cast, "duty", MONDAY)
    away(cast, "handler", NOW, NOW + timedelta(days=1))
    client = as_("supervisor")
    client.get(reverse(name))
    with budget(f"page of {name}"):
        client.get(reverse(name))
    for weekday in range(1, 7):
        slot(cast, "guard", weekday, NIGHT, deputy="duty")
        away(cast, "handler2", NOW + timedelta(days=weekday), NOW + timedelta(days=weekday, hours=1))
    with budget(f"page of {name}"):
        client.get(reverse(name))


def test_a_slot_without_anybody_is_told_what_to_do(cast, as_):
    answer = as_("supervisor").post(new(cast.project), typed(cast, employee=""))
    assert (answer.status_code, "请选择值班人。" in text(answer)) == (400, True)


def test_the_desks_hours_are_those_of_this_week(cast, as_):
    """A closed day of this week must not read as if the desk never opened on that weekday."""
    assert "本周服务时间 每天 08:30–20:00" in text(as_("supervisor").get(table(cast.project)))
