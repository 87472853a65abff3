"""Employees: found in the list, added, and put right."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from staff import reporting
from staff.models import Employee
from tests.factories import EmployeeFactory
from tests.staff.pages import address, filled, text

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("words", ["周建国", "建国", "zhoujian", "zjg", "handler"])
def test_people_are_found_as_they_are_looked_for(cast, as_, words):
    page = text(as_("hr").get(reverse("employees"), {"q": words}))
    assert "周建国" in page
    assert "林静" not in page


def test_the_list_is_narrowed_by_department_project_role_and_leaving(cast, as_):
    client, url = as_("hr"), reverse("employees")
    assert "周建国" not in text(client.get(url, {"department": "KF"}))
    assert "外项目师傅" in text(client.get(url, {"project": "HP"}))
    assert "周建国" not in text(client.get(url, {"project": "HP"}))
    assert "林静" in text(client.get(url, {"role": "front_desk"}))
    Employee.objects.filter(pk=cast.handler2.pk).update(left_on="2026-01-01")
    assert "吴海涛" not in text(client.get(url))
    assert "吴海涛" in text(client.get(url, {"left": "1"}))
    assert client.get(url, {"q": "\x00", "after": "\x00"}).status_code == 200


def test_the_list_goes_on_after_fifty(cast, as_):
    for number in range(60):
        EmployeeFactory(number=f"Z{number:03d}", department=cast.desk)
    first = text(as_("hr").get(reverse("employees"), {"department": "KF"}))
    following = re.search(r'href="(\?[^"]+)" rel="next"', first)
    assert following
    second = text(as_("hr").get(reverse("employees") + following[1].replace("&amp;", "&")))
    for number in [f"Z{number:03d}" for number in range(60)] + ["frontdesk2", "quality"]:
        assert (f">{number}<" in first) != (f">{number}<" in second), number


def test_an_employee_is_added_with_a_superior_and_a_normalised_phone(cast, as_):
    typed = filled(department=cast.desk.pk, superior="supervisor 陈晓雯", phone="138 1234-5670")
    response = as_("hr").post(reverse("employee-new"), typed)
    made = Employee.objects.get(number="E9001")
    assert response.url == reverse("employee", args=[made.pk])
    assert (made.pinyin, made.phone, made.reports_to) == ("shanxiaohong", "13812345670", cast.supervisor)
    assert made.superiors[0] == cast.supervisor.pk
    assert made.changes.get().by_name == "孙人事"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"phone": "12345"}, "手机号应为 11 位"),
        ({"number": "HANDLER"}, "已有人使用"),
        ({"superior": "查无此人"}, "没有找到"),
        ({"is_contractor": "on"}, "请填写用工单位"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_kept(cast, as_, typed, said):
    response = as_("hr").post(reverse("employee-new"), filled(department=cast.desk.pk) | typed)
    assert response.status_code == 400
    assert said in text(response)
    assert "单小红" in text(response)


def test_nobody_ends_up_above_himself(cast, as_):
    typed = filled(number="manager", name="王志强", department=cast.desk.pk, superior="frontdesk")
    response = as_("hr").post(address("employee-edit", cast, "manager"), typed)
    assert response.status_code == 400
    assert "上级不能是本人或本人的下级" in text(response)
    cast.manager.refresh_from_db()
    assert cast.manager.reports_to == cast.director
    assert not cast.manager.changes.exists()


def test_an_amendment_is_recorded_without_private_data(cast, as_):
    typed = filled(number="handler", name="周建国", department=cast.works.pk, superior="manager",
                   title="维修主管", phone="13912345678")  # fmt: skip
    assert as_("hr").post(address("employee-edit", cast), typed).status_code == 302
    note = cast.handler.changes.get().note
    assert "维修主管" in note
    assert "手机" in note
    assert "13912345678" not in note


def test_nobody_moves_himself_to_another_superior(cast, as_):
    typed = filled(number="hr", name="孙人事", department=cast.desk.pk, superior="director")
    response = as_("hr").post(address("employee-edit", cast, "hr"), typed)
    assert "不能更改自己的上级和部门" in text(response)
    cast.hr.refresh_from_db()
    assert cast.hr.reports_to is None


def test_who_audits_below_somebody_is_pointed_out_where_it_is_put_right(cast, as_):
    """A complaint about the director ends with who audits, and never reaches who reports to him."""
    client, url = as_("hr"), address("employee", cast, "auditor")
    assert "审计人员不宜有直接上级" not in text(client.get(url))
    reporting.set_superior(cast.auditor, cast.director)
    assert "审计人员不宜有直接上级" in text(client.get(url))
    assert "审计人员不宜有直接上级" not in text(client.get(address("employee", cast, "manager")))
