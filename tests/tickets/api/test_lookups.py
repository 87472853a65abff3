from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import EmployeeFactory, OccupancyFactory, OwnerFactory, UnitFactory, UserFactory, grant
from tickets.models import Occupancy

pytestmark = pytest.mark.django_db


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.json()
    rows = answer.json()["results"]
    return [row.get("code") or row.get("label") or row.get("username") or row["name"] for row in rows]


def test_projects_are_those_i_work_in(api):
    assert names(api("frontdesk").look("projects/")) == ["BJ"]
    assert names(api("director").look("projects/")) == ["BJ", "HP"]


def test_departments_in_use_are_listed(cast, api):
    cast.order.is_active = False
    cast.order.save()
    assert names(api("frontdesk").look("departments/")) == ["GC", "KF"]


def test_categories_come_with_their_kind_and_usual_department(cast, api):
    answer = api("frontdesk").look("categories/", kind="repair").json()["results"]
    assert answer == [
        {
            "id": cast.category.pk, "kind": "repair", "parent": None, "name": "给排水", "full_name": "给排水",
            "department": "GC", "urgency": "normal", "project_kinds": [],
        }
    ]  # fmt: skip


def test_colleagues_are_those_of_my_projects_without_leavers_and_strangers(cast, api):
    found = names(api("supervisor").look("employees/"))
    assert {"handler", "handler2", "frontdesk"} <= set(found)
    assert "outsiderhandler" not in found
    cast.handler2.left_on = timezone.localdate()
    cast.handler2.save()
    assert "handler2" not in names(api("supervisor").look("employees/"))
    assert names(api("supervisor").look("employees/", q="zjg")) == ["handler"]
    assert names(api("supervisor").look("employees/", department="ZX")) == ["duty", "guard"]


def test_colleagues_phones_are_masked(cast, api):
    cast.handler.phone = "13912345678"
    cast.handler.save()
    assert api("supervisor").look("employees/", q="周建国").json()["results"] == [
        {"username": "handler", "name": "周建国", "department": "GC", "title": "", "phone": "139****5678"}
    ]


def test_more_than_a_page_of_colleagues_is_read_page_by_page(cast, api):
    for index in range(60):
        employee = EmployeeFactory(user=UserFactory(), number=f"Z{index:03}", department=cast.works)
        grant(employee, "handler", cast.project)
    first = api("supervisor").look("employees/").json()
    assert len(first["results"]) == 50
    second = api("supervisor").look("employees/", cursor=first["next"]).json()
    assert second["next"] is None
    seen = [row["username"] for row in first["results"] + second["results"]]
    assert len(seen) == len(set(seen)) > 60


def test_units_are_found_by_label_room_and_words(api):
    assert names(api("frontdesk").look("units/", q="3-2-15")) == ["3-2-1502"]
    assert names(api("frontdesk").look("units/", q="1502")) == ["3-2-1502"]
    assert names(api("frontdesk").look("units/", q="3号楼2单元1402室")) == ["3-2-1402"]


def test_units_of_other_projects_are_not_found(api):
    assert names(api("outsider").look("units/", q="3-2")) == []


def test_owners_are_found_and_shown_masked(cast, api):
    answer = api("frontdesk").look("owners/", q="13812345678")
    assert answer.json()["results"] == [
        {
            "id": cast.owner.pk, "name": "张**", "phone": "138****5678",
            "units": [{"unit": cast.unit.pk, "label": "3-2-1502", "project": "BJ", "relation": "owner"}],
        }
    ]  # fmt: skip
    assert "张建国" not in answer.content.decode()
    assert names(api("frontdesk").look("owners/", q="zjg")) == ["张**"]


def test_owners_of_other_projects_and_those_who_moved_out_are_not_found(cast, api):
    assert names(api("outsider").look("owners/", q="13812345678")) == []
    Occupancy.objects.filter(owner=cast.owner).update(until=timezone.localdate() - timedelta(days=1))
    assert names(api("frontdesk").look("owners/", q="13812345678")) == []


def test_homes_in_projects_that_are_not_mine_are_not_told(cast, api):
    elsewhere = UnitFactory(building__project=cast.other_project)
    OccupancyFactory(unit=elsewhere, owner=cast.owner)
    (row,) = api("frontdesk").look("owners/", q="张建国").json()["results"]
    assert [home["project"] for home in row["units"]] == ["BJ"]


@pytest.mark.parametrize("path", ["units/", "owners/"])
def test_who_may_not_look_up_owners_is_told_so(api, path):
    answer = api("handler").look(path, q="张")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("path", ["units/", "owners/"])
def test_looking_for_nothing_is_bad_input(api, path):
    answer = api("frontdesk").look(path)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["q"])


def test_odd_words_are_words(api):
    client = api("frontdesk")
    for path in ("units/", "owners/"):
        for q in ("%", "_", "'", "\\", "3-2%", "（", "😀", "138%", "3_2", "张%"):
            assert names(client.look(path, q=q)) == [], q
    assert names(client.look("units/", q="１５０２")) == ["3-2-1502"]


def test_a_list_of_owners_takes_few_queries(cast, api, django_assert_max_num_queries):
    for _index in range(12):
        OccupancyFactory(unit=UnitFactory(building=cast.building), owner=OwnerFactory(name="赵某"))
    desk = api("frontdesk")
    with django_assert_max_num_queries(6):
        assert len(desk.look("owners/", q="赵某").json()["results"]) == 10
