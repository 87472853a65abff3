"""Roles: given, taken back and changed, each with a record."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from shimao_service.actors import SYSTEM
from staff import leaving, powers
from staff.forms import GROUPS
from staff.models import Role, RoleGrant, StaffChange
from staff.permissions import Permission
from tests.factories import employ
from tests.staff.pages import address

pytestmark = pytest.mark.django_db


def test_a_role_is_given_and_taken_back_with_a_record(cast, as_):
    role = Role.objects.get(code="steward")
    as_("admin").post(address("employee-grant", cast), {"role": role.pk, "project": cast.project.pk})
    held = RoleGrant.objects.get(employee=cast.handler, role=role)
    as_("admin").post(reverse("employee-revoke", args=[cast.handler.pk, held.pk]))
    as_("admin").post(reverse("employee-revoke", args=[cast.handler.pk, held.pk]))
    changes = cast.handler.changes.order_by("pk")
    assert [(one.action, one.by_name, one.role) for one in changes] == [
        ("granted", "管理员", role), ("revoked", "管理员", role)
    ]  # fmt: skip


@pytest.mark.parametrize(("code", "with_project"), [("director", True), ("steward", False)])
def test_a_role_fits_its_scope_on_the_page_and_in_the_database(cast, as_, code, with_project):
    role, project = Role.objects.get(code=code), cast.project if with_project else None
    typed = {"role": role.pk, "project": project.pk if project else ""}
    assert as_("admin").post(address("employee-grant", cast), typed).status_code == 400
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(employee=cast.handler, role=role, project=project)


def test_hr_gives_no_roles_and_nobody_gives_himself_one(cast, as_):
    typed = {"role": Role.objects.get(code="director").pk, "project": ""}
    assert as_("hr").post(address("employee-grant", cast), typed).status_code == 403
    assert as_("admin").post(address("employee-grant", cast, "admin"), typed).status_code == 403
    assert not StaffChange.objects.exists()


def test_the_last_administrator_keeps_the_keys(cast, as_):
    held = cast.admin.grants.get()
    with pytest.raises(Exception, match="最后一位"):
        powers.revoke(held, by=SYSTEM)
    with pytest.raises(Exception, match="最后一位"):
        leaving.leave(cast.admin, by=cast.by("hr"), on=timezone.localdate())
    employ("admin2", "管理员二", cast.desk, "administrator", None)
    leaving.leave(cast.admin, by=cast.by("hr"), on=timezone.localdate())
    assert not cast.admin.grants.exists()


def test_what_a_role_may_do_is_changed_with_a_record(cast, as_):
    page = reverse("role", args=["steward"])
    assert as_("hr").get(page).status_code == 200
    assert as_("hr").post(page, {"permissions": ["ticket.view_all"]}).status_code == 403
    before = Role.objects.get(code="steward").permissions
    response = as_("admin").post(page, {"permissions": [*before, "ticket.dispatch"]})
    assert response.status_code == 302
    assert "ticket.dispatch" in Role.objects.get(code="steward").permissions
    assert StaffChange.objects.get(role__code="steward").note == "＋派单"
    assert as_("admin").post(page, {"permissions": ["ticket.explode"]}).status_code == 400


def test_an_administrator_adds_nothing_to_his_own_role_and_keeps_it_alive(cast, as_):
    page = reverse("role", args=["administrator"])
    before = Role.objects.get(code="administrator").permissions
    assert as_("admin").post(page, {"permissions": [*before, "ticket.view_all"]}).status_code == 400
    assert as_("admin").post(page, {"permissions": []}).status_code == 400
    assert Role.objects.get(code="administrator").permissions == before


def test_every_power_stands_in_a_group_of_the_page():
    assert sorted(power for _label, powers in GROUPS for power in powers) == sorted(Permission)


def test_a_record_is_written_once(cast):
    powers.grant(cast.handler, role=Role.objects.get(code="steward"), project=cast.project, by=cast.by("admin"))
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffChange.objects.update(by_name="别人")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("delete from staff_staffchange")
