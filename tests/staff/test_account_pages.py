"""The way in: an employee's account opened, reset and closed."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from rest_framework.authtoken.models import Token

from staff import accounts
from staff.models import StaffChange
from tests.factories import EmployeeFactory
from tests.staff.pages import address, sign_in, text

pytestmark = pytest.mark.django_db


def test_a_new_account_opens_with_the_password_shown_once_and_only_to_change_it(cast, as_):
    newcomer = EmployeeFactory(user=None, name="新人", department=cast.desk)
    shown = as_("hr").post(reverse("employee-account", args=[newcomer.pk]), {"username": "xinren"})
    assert "no-store" in shown["Cache-Control"]
    password = re.search(r'class="staff-password">([^<]+)<', text(shown))[1]
    assert password not in text(as_("hr").get(reverse("employee", args=[newcomer.pk])))
    client, response = sign_in("xinren", password)
    assert response.status_code == 302
    assert client.get("/").url == reverse("account_change_password")
    mine = "my-own-long-words-8"
    changed = client.post(
        reverse("account_change_password"), {"oldpassword": password, "password1": mine, "password2": mine}
    )
    assert changed.status_code == 302
    assert client.get("/inbox/").status_code == 200
    assert StaffChange.objects.get(employee=newcomer).action == "account_opened"


def test_a_username_is_given_once(cast, as_):
    newcomer = EmployeeFactory(user=None, department=cast.desk)
    response = as_("hr").post(reverse("employee-account", args=[newcomer.pk]), {"username": "FrontDesk"})
    assert response.status_code == 400
    assert "已被使用" in text(response)


def test_a_reset_ends_sessions_and_tokens(cast, as_):
    there = as_("handler")
    token = Token.objects.create(user=cast.handler.user)
    assert as_("hr").post(address("employee-account-reset", cast)).status_code == 200
    assert there.get("/inbox/").status_code == 302
    assert not Token.objects.filter(pk=token.pk).exists()


def test_a_closed_account_opens_nothing_until_it_gets_a_new_password(cast, as_):
    there = as_("handler")
    as_("hr").post(address("employee-account-close", cast))
    as_("hr").post(address("employee-account-close", cast))
    assert there.get("/inbox/").status_code == 302
    assert cast.handler.changes.filter(action="account_closed").count() == 1
    password = accounts.reset_password(cast.handler, by=cast.by("hr"))
    assert there.get("/inbox/").status_code == 302
    assert sign_in("handler", password)[1].status_code == 302


def test_personnel_do_not_become_administrators_by_a_password(cast, as_):
    for name in ("employee-account-reset", "employee-account-close"):
        assert as_("hr").post(address(name, cast, "admin")).status_code == 403
        assert as_("hr").post(address(name, cast, "hr")).status_code == 403
    assert "重设密码" not in text(as_("hr").get(address("employee", cast, "admin")))
