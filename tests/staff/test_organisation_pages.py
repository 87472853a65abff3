"""Projects, departments and roles as such."""

from __future__ import annotations

import pytest
from django.urls import reverse

from staff.models import Role
from tests.factories import DepartmentFactory
from tests.staff.pages import text

pytestmark = pytest.mark.django_db


def test_projects_are_the_administrators_and_departments_personnels(as_, cast):
    project = {
        "code": "xh",
        "name": "徐汇苑",
        "kind": "residential",
        "service_phone": "021 62345678",
        "is_active": "on",
    }
    assert as_("hr").post(reverse("project-new"), project).status_code == 403
    assert as_("admin").post(reverse("project-new"), project).status_code == 302
    made = type(cast.project).objects.get(code="XH")
    assert made.service_phone == "021-62345678"
    assert as_("admin").post(reverse("project-new"), project).status_code == 400
    assert (
        as_("hr").post(reverse("department-new"), {"code": "fk", "name": "风控部", "is_active": "on"}).status_code
        == 302
    )
    assert as_("frontdesk").get(reverse("department-new")).status_code == 403
    assert as_("admin").get(reverse("project-edit", args=[999])).status_code == 404


def test_a_department_with_people_is_not_switched_off(cast, as_):
    page = reverse("department-edit", args=[cast.works.pk])
    response = as_("hr").post(page, {"code": "GC", "name": "工程部"})
    assert response.status_code == 400
    assert "请先调整" in text(response)
    empty = DepartmentFactory()
    typed = {"code": empty.code, "name": empty.name}
    assert as_("hr").post(reverse("department-edit", args=[empty.pk]), typed).status_code == 302


def test_a_new_role_starts_with_nothing(as_, cast):
    assert as_("admin").post(reverse("role-new"), {"code": "gardener", "name": "绿化师傅"}).status_code == 302
    assert Role.objects.get(code="gardener").permissions == []
    assert as_("hr").get(reverse("role-new")).status_code == 403
