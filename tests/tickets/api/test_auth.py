from __future__ import annotations

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.utils import timezone

from tests.factories import PASSWORD, grant
from tests.tickets.api.conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits(db):
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def desk(cast):
    cast.frontdesk.user.set_password(PASSWORD)
    cast.frontdesk.user.save()
    return cast.frontdesk


def sign_in(username: str = "frontdesk", password: str = PASSWORD, **more: str):
    return Caller().tell("auth/token/", {"username": username, "password": password} | more)


def test_a_name_and_a_password_give_a_token_that_says_who_i_am(cast, desk):
    grant(desk, "handler", cast.other_project)
    client = Caller()
    client.credentials(HTTP_AUTHORIZATION=f"Token {sign_in().json()['token']}")
    assert client.look("auth/me/").json() == {
        "username": "frontdesk", "name": "林静", "department": "KF", "title": "",
        "roles": [{"project": "BJ", "roles": ["front_desk"]}, {"project": "HP", "roles": ["handler"]}],
    }  # fmt: skip


def test_a_company_wide_role_belongs_to_no_project(api):
    assert api("director").look("auth/me/").json()["roles"] == [{"project": None, "roles": ["director"]}]


def test_signing_in_twice_gives_the_same_token(desk):
    assert sign_in().json() == sign_in().json()


@pytest.mark.parametrize(("username", "password"), [("frontdesk", "wrong"), ("nobody", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_are_not_told_apart(desk, username, password):
    answer = sign_in(username, password)
    assert answer.status_code == 401
    assert answer.json() == {"code": "invalid_credentials", "detail": "用户名或密码不正确，或账号已停用。"}


def test_a_leaver_gets_no_token_and_the_old_one_opens_nothing(api, desk):
    before = api("frontdesk")
    assert before.look("auth/me/").status_code == 200
    desk.left_on = timezone.localdate()
    desk.save()
    assert (sign_in().status_code, sign_in().json()["code"]) == (401, "invalid_credentials")
    answer = before.look("auth/me/")
    assert answer.status_code == 401
    assert answer.json().keys() == {"code", "detail"}


def test_a_closed_account_gets_no_token(desk):
    desk.user.is_active = False
    desk.user.save()
    assert sign_in().status_code == 401


def test_guessing_a_password_is_stopped_even_when_the_sixth_guess_is_right(desk):
    for _guess in range(5):
        assert sign_in(password="wrong").status_code == 401
    answer = sign_in()
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many")


def test_whoever_has_a_second_factor_needs_it_here_too(desk):
    totp = TOTP.activate(desk.user, "JBSWY3DPEHPK3PXP")
    assert Authenticator.objects.filter(user=desk.user).exists()
    assert (sign_in().status_code, sign_in().json()["code"]) == (401, "second_factor_required")
    assert sign_in(code="000000").json()["code"] == "invalid_credentials"
    code = format_hotp_value(hotp_value("JBSWY3DPEHPK3PXP", int(time.time()) // 30))
    assert sign_in(code=code).status_code == 200, totp


@pytest.mark.parametrize("header", ["", "Token", "Token x y", "Token \u00e9", f"Token {'0' * 40}", "Token a\x00b"])
def test_without_a_good_token_nothing_is_told(cast, header):
    client = Caller()
    client.credentials(HTTP_AUTHORIZATION=header)
    answer = client.look("tickets/")
    assert answer.status_code == 401
    assert answer.json().keys() == {"code", "detail"}
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_a_signed_in_browser_may_read_but_needs_the_csrf_token_to_write(cast):
    browser = Caller(enforce_csrf_checks=True)
    browser.force_login(cast.frontdesk.user, backend="staff.authentication.EmployeeBackend")
    assert browser.look("auth/me/").status_code == 200
    answer = browser.tell("tickets/", {"project": "BJ", "kind": "repair", "description": "漏水"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("body", [{}, {"username": "frontdesk"}, {"username": 7, "password": []}, [], "x", None])
def test_half_a_sign_in_is_bad_input(desk, body):
    answer = Caller().tell("auth/token/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_one_time_password_gives_no_token_before_it_is_changed(cast, desk):
    cast.frontdesk.must_change_password = True
    cast.frontdesk.save()
    answer = sign_in()
    assert answer.status_code == 403
    assert answer.json()["code"] == "password_change_required"
