"""Signing in and out, and who cannot."""

from __future__ import annotations

from datetime import date

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import NoReverseMatch, reverse

from shimao_service.demo import DEMO_PASSWORD
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def frontdesk(cast):
    user = cast.frontdesk.user
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client: Client, username: str = "frontdesk", password: str = PASSWORD, **more: str):
    return client.post("/login/", {"login": username, "password": password, **more})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_name_and_the_password_open_the_home_page(client, frontdesk):
    answer = sign_in(client)
    assert answer.status_code == 302
    assert answer.url == "/"
    assert client.get("/").status_code == 200


def test_every_page_asks_for_it_first_and_leads_back_afterwards(client, frontdesk):
    asked = client.get("/tickets/?status=registered")
    assert asked.status_code == 302
    assert asked.url.startswith("/login/?next=")
    answer = client.post(asked.url, {"login": "frontdesk", "password": PASSWORD})
    assert answer.url == "/tickets/?status=registered"


@pytest.mark.parametrize("address", ["https://example.com/", "//example.com", "javascript:alert(1)"])
def test_it_leads_nowhere_else(client, frontdesk, address):
    assert sign_in(client, next=address).url == "/"


def test_a_wrong_password_is_told_politely_and_keeps_the_name(client, frontdesk):
    answer = sign_in(client, password="not-it-at-all")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert not is_in(client)
    assert "用户名或密码不对" in page
    assert 'value="frontdesk"' in page
    assert "not-it-at-all" not in page


def test_an_unknown_name_reads_the_same(client, frontdesk):
    assert "用户名或密码不对" in sign_in(client, username="nobody").content.decode()


def test_too_many_wrong_ones_have_to_wait(client, frontdesk, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/300s/key"}
    for _attempt in range(3):
        sign_in(client, password="not-it-at-all")
    answer = sign_in(client)
    assert "登录失败次数过多" in answer.content.decode()
    assert not is_in(client)


def test_a_flood_from_one_address_is_stopped_in_our_words(client, frontdesk, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    client.get("/login/")
    for _attempt in range(2):
        sign_in(client, password="not-it-at-all")
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "请稍等一会儿" in answer.content.decode()


def test_a_closed_login_does_not_open(client, frontdesk):
    frontdesk.is_active = False
    frontdesk.save()
    answer = sign_in(client)
    assert not is_in(client)
    assert "账号已停用" in client.get(answer.url).content.decode()


def test_a_leaver_does_not_get_in(client, cast, frontdesk):
    cast.frontdesk.left_on = date(2026, 11, 1)
    cast.frontdesk.save()
    answer = sign_in(client)
    assert not is_in(client)
    assert "账号已停用" in client.get(answer.url).content.decode()


def test_leaving_ends_what_is_open_at_once(cast, as_):
    client = as_("frontdesk")
    assert client.get("/tickets/").status_code == 200
    cast.frontdesk.left_on = date(2026, 11, 1)
    cast.frontdesk.save()
    assert client.get("/tickets/").status_code == 302


def test_the_published_password_opens_nothing_real(client, frontdesk):
    frontdesk.set_password(DEMO_PASSWORD)
    frontdesk.save()
    sign_in(client, password=DEMO_PASSWORD)
    assert not is_in(client)


def test_in_a_demo_the_page_tells_the_accounts(client, frontdesk, settings):
    assert DEMO_PASSWORD not in client.get("/login/").content.decode()
    settings.DEBUG = True
    assert DEMO_PASSWORD in client.get("/login/").content.decode()


def test_signing_out_is_a_click_not_a_link(frontdesk, as_):
    client = as_("frontdesk")
    client.get("/logout/")
    assert is_in(client)
    assert client.post("/logout/").url == "/login/"
    assert not is_in(client)


def test_the_password_can_be_changed_and_one_stays_signed_in(client, frontdesk):
    sign_in(client)
    fresh = "another-way-through-8"
    answer = client.post("/password/", {"oldpassword": PASSWORD, "password1": fresh, "password2": fresh})
    assert answer.status_code == 302
    assert answer.url == "/"
    assert client.get("/").status_code == 200
    frontdesk.refresh_from_db()
    assert frontdesk.check_password(fresh)


def test_the_admin_has_the_same_door(client, frontdesk):
    assert client.get("/admin/").url.startswith("/admin/login/")
    assert client.get("/admin/login/?next=/admin/").url == "/login/?next=%2Fadmin%2F"
    sign_in(client)
    assert client.get("/admin/login/").status_code == 403


@pytest.mark.parametrize("name", ["account_signup", "account_reset_password", "account_email"])
def test_nobody_signs_up_and_nothing_half_built_is_reachable(name):
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_signing_in_needs_no_broker(client, frontdesk, settings):
    assert "redis" not in django_settings.CACHES["default"]["BACKEND"].lower()
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert sign_in(client).url == "/"


def test_the_language_is_chosen_also_before_signing_in(client, db):
    answer = client.post("/i18n/setlang/", {"language": "en", "next": "/login/"})
    assert answer.url == "/login/"
    assert client.get("/login/")["Content-Language"] == "en"


def test_one_looks_at_one_project_or_at_all_of_mine(cast, as_):
    client = as_("director")
    assert client.post("/project/", {"project": cast.project.pk, "next": "/tickets/"}).url == "/tickets/"
    assert client.session["project"] == cast.project.pk
    client.post("/project/", {"project": ""})
    assert "project" not in client.session


def test_a_project_that_is_not_mine_is_not_looked_at(cast, as_):
    client = as_("frontdesk")
    assert client.post("/project/", {"project": cast.other_project.pk, "next": "https://example.com"}).url == "/"
    assert "project" not in client.session


def test_my_own_page_tells_who_i_am(cast, as_):
    page = as_("handler").get("/me/").content.decode()
    assert "周建国" in page
    assert "维修师傅" in page
    assert "工程部" in page


def test_an_account_without_a_password_is_led_to_setting_one(cast, as_):
    cast.frontdesk.user.set_unusable_password()
    cast.frontdesk.user.save()
    page = as_("frontdesk").get("/password/", follow=True)
    assert page.status_code == 200
    assert page.request["PATH_INFO"] == "/password/set/"
