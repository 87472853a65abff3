"""Powers one does not have: other projects' owners by a side door, and the pages of those who manage people."""

from __future__ import annotations

import pytest
from django.urls import get_resolver

from staff.models import Role, RoleGrant
from tests.factories import BuildingFactory, OccupancyFactory, OwnerFactory, UnitFactory, register
from tickets.models import Ticket

pytestmark = pytest.mark.django_db


def test_an_amendment_does_not_fetch_an_owner_of_another_project_by_phone(cast, as_):
    stranger = OwnerFactory(name="欧阳远", phone="13611112222")
    elsewhere = UnitFactory(building=BuildingFactory(project=cast.other_project, code="99"), room="9999")
    OccupancyFactory(unit=elsewhere, owner=stranger)
    ticket = register(cast)
    answers = [
        as_("frontdesk").post(
            f"/tickets/{ticket.number}/amend/",
            {"reason": "换人", "version": ticket.version, "kind": "repair", "urgency": "normal",
             "unit_text": "3-2-1502", "description": ticket.description, field: phone},
        )
        for field in ("owner_phone", "payer_phone")
        for phone in (stranger.phone, "13699998888")
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {400}
    text = [answer.content.decode().replace(stranger.phone, "13699998888") for answer in answers]
    assert "没有这个电话的业主" in text[0] and "没有这个电话的业主" in text[2]
    ticket = Ticket.objects.get(pk=ticket.pk)
    assert ticket.owner_id == cast.owner.pk and ticket.payer_id is None


def staff_pages(cast) -> list[str]:
    staff = [p for p in get_resolver().url_patterns if hasattr(p, "url_patterns")]
    found = []
    for resolver in staff:
        for pattern in resolver.url_patterns:
            route = str(pattern.pattern)
            # Duty and leave are read by everyone who works there; who may plan them has tests of its own.
            if route.startswith("staff/") and not route.startswith(("staff/duty", "staff/absences")):
                values = {
                    "<int:pk>": cast.handler.pk, "<int:grant_pk>": RoleGrant.objects.get(employee=cast.handler).pk,
                    "<slug:code>": "front_desk", "<int:number>": 1, "<str:code>": "A6.1",
                }  # fmt: skip
                for hole, value in values.items():
                    route = route.replace(hole, str(value))
                found.append(f"/{route}")
    return found


OPEN_TO_ALL = ("/staff/regulation/",)


def test_the_pages_that_change_people_are_closed_to_who_does_not_manage_them(cast, as_):
    before = set(RoleGrant.objects.values_list("employee_id", "role__code", "project_id"))
    data = {
        "role": "administrator",
        "project": "",
        "on": "2020-01-01",
        "name": "x",
        "code": "x",
        "permissions": ["role.manage"],
    }
    pages = staff_pages(cast)
    assert len(pages) > 15
    for name in ("handler", "frontdesk", "contractor", "outsider", "auditor", "manager"):
        client = as_(name)
        for page in pages:
            status = client.get(page).status_code
            assert status in (302, 403, 404, 405) or page.startswith(OPEN_TO_ALL), (name, page, status)
            if not page.startswith(OPEN_TO_ALL):
                assert client.post(page, data).status_code in (302, 403, 404, 405), (name, page)
    assert set(RoleGrant.objects.values_list("employee_id", "role__code", "project_id")) == before
    cast.handler.refresh_from_db()
    assert cast.handler.is_active and cast.handler.user.is_active


def test_hr_gives_nobody_and_least_of_all_herself_a_role(cast, as_):
    before = set(RoleGrant.objects.values_list("pk", flat=True))
    for person in (cast.hr, cast.frontdesk):
        for role in Role.objects.filter(code__in=("administrator", "director", "supervisor")):
            for value in (role.pk, role.code):
                as_("hr").post(f"/staff/employees/{person.pk}/roles/", {"role": value, "project": cast.project.pk})
                as_("hr").post(f"/staff/employees/{person.pk}/roles/", {"role": value, "project": ""})
    as_("admin").post(f"/staff/employees/{cast.admin.pk}/roles/", {"role": Role.objects.get(code="director").pk})
    as_("hr").post(f"/staff/employees/{cast.admin.pk}/account/reset/", {})
    assert set(RoleGrant.objects.values_list("pk", flat=True)) == before
    was = cast.admin.user.password
    cast.admin.user.refresh_from_db()
    assert cast.admin.user.password == was
