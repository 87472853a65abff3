"""The pages of people: who may open them, and how much they ask of the database."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from staff.models import Role, RoleGrant, StaffChange
from staff.permissions import Permission
from tests.factories import walk
from tests.staff.pages import address, filled
from tickets.statuses import Status

pytestmark = pytest.mark.django_db


READ = ["employees", "projects", "departments", "roles"]
POSTS = ["employee-return", "employee-account", "employee-account-reset", "employee-account-close", "employee-grant"]


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize(
    ("who", "status"), [("hr", 200), ("admin", 200), ("frontdesk", 403), ("director", 403), ("outsider", 403)]
)
def test_pages_of_people_open_to_personnel_only(as_, name, who, status):
    assert as_(who).get(reverse(name)).status_code == status


@pytest.mark.parametrize("name", [*READ, "employee-new", "project-new", "role-new", "regulation", "regulation-new"])
def test_nobody_signed_out_sees_any(db, name):
    assert Client().get(reverse(name)).status_code == 302


@pytest.mark.parametrize("name", POSTS)
def test_posting_is_for_personnel_and_never_by_get(cast, as_, name):
    assert as_("hr").get(address(name, cast)).status_code == 405
    assert as_("supervisor").post(address(name, cast)).status_code == 403
    assert StaffChange.objects.count() == 0


@pytest.mark.parametrize("name", ["employee-edit", "employee-leave"])
def test_forms_about_a_person_are_for_personnel(cast, as_, name):
    assert as_("hr").get(address(name, cast)).status_code == 200
    assert as_("supervisor").get(address(name, cast)).status_code == 403
    assert as_("hr").get(reverse(name, args=[999999])).status_code == 404
    assert as_("hr").put(address(name, cast)).status_code == 405


def test_a_power_of_one_project_is_not_enough_for_people_of_the_company(cast, as_):
    role = Role.objects.create(code="site_hr", name="项目人事", permissions=[Permission.EMPLOYEE_MANAGE.value])
    RoleGrant.objects.create(employee=cast.steward, role=role, project=cast.project)
    assert as_("steward").get(reverse("employees")).status_code == 403
    assert as_("steward").post(reverse("employee-new"), filled(department=cast.desk.pk)).status_code == 403


@pytest.mark.parametrize("name", [*READ, "regulation"])
def test_no_list_needs_more_than_twelve_queries(as_, django_assert_max_num_queries, name):
    client = as_("admin")
    client.get(reverse(name))
    with django_assert_max_num_queries(12):
        client.get(reverse(name))


@pytest.mark.parametrize("name", ["employee", "employee-edit", "employee-leave"])
def test_no_page_of_a_person_needs_more_than_twelve_queries(cast, as_, django_assert_max_num_queries, name):
    walk(cast, Status.IN_PROGRESS)
    client = as_("hr")
    client.get(reverse("me"))
    with django_assert_max_num_queries(12):
        assert client.get(address(name, cast, "frontdesk")).status_code == 200
