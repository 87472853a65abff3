"""The banner: on every page somebody signed in can get, errors included, and on those left open."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from shimao_service import inbox
from shimao_service.models import User
from tests.query_budgets import budget
from tests.shimao_service.alarms import alarm, button, heard, me, text
from tests.shimao_service.notices import leave

pytestmark = pytest.mark.django_db
__all__ = ["alarm", "heard", "me"]
PASSWORD = reverse("account_change_password")


@pytest.fixture
def refusing(settings, client):
    settings.ROOT_URLCONF = "tests.shimao_service.refusing_urls"
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/refuse/invalid/", 400), ("/refuse/bad/", 400), ("/refuse/forbidden/", 403), ("/refuse/denied/", 403),
        ("/refuse/unseen/", 404), ("/refuse/gone/", 404), ("/nowhere/", 404), ("/refuse/illegal/", 409),
        ("/refuse/stale/", 409), ("/refuse/many/", 429), ("/refuse/broken/", 500), (PASSWORD, 200),
        ("/report/", 200),
    ],
)  # fmt: skip
def test_pages_without_a_rail_have_it_too(refusing, alarm, address, status):
    entry = alarm(url="/tickets/BX20261123-0031/")
    answer = refusing.get(address)
    assert answer.status_code == status
    assert button(entry) in text(answer)
    assert f'name="next" value="{"" if status == 500 else address}"' in text(answer)


@pytest.mark.parametrize("address", ["/refuse/broken/", "/refuse/gone/", "/nowhere/"])
def test_the_button_of_an_error_s_page_works(refusing, me, alarm, address, heard):
    entry = alarm()
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.force_login(me, backend="staff.authentication.EmployeeBackend")
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', text(browser.get(address))))
    answer = browser.post(f"/inbox/{entry.pk}/acknowledge/", {"csrfmiddlewaretoken": token, "next": address})
    assert (answer.status_code, answer["Location"]) == (302, address)
    assert heard


def test_the_page_of_a_form_too_old_has_it_too(me, alarm):
    entry = alarm()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(me, backend="staff.authentication.EmployeeBackend")
    answer = browser.post("/inbox/read/")
    assert answer.status_code == 403
    assert button(entry) in text(answer)


def test_an_address_that_leads_nowhere_has_it_in_the_demo_too(client, settings, alarm):
    settings.DEBUG = True
    entry = alarm()
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert button(entry) in text(answer)
    assert client.get("/me").status_code == 301, "a forgotten slash is still put right"


def test_a_database_that_is_away_is_not_asked_for_it(refusing, alarm):
    alarm()
    with CaptureQueriesContext(connection) as made:
        answer = refusing.get("/refuse/away/")
    assert answer.status_code == 503
    assert not [query for query in made if "must_acknowledge" in query["sql"]]


def test_a_banner_that_breaks_as_well_leaves_the_page_of_the_error(refusing, alarm, monkeypatch):
    alarm()
    monkeypatch.setattr(inbox, "COUNT", "SELECT broken")
    answer = refusing.get("/refuse/broken/")
    assert answer.status_code == 500
    assert "系统出了问题" in text(answer)


def test_an_operator_s_look_ups_have_it_too(client, me, alarm):
    User.objects.update(is_superuser=True, is_staff=True)
    entry = alarm()
    answer = client.get("/admin/")
    assert answer.status_code == 200
    assert button(entry) in text(answer)


@pytest.mark.parametrize("address", ["/login/", "/report/", "/nowhere/"])
def test_who_is_not_signed_in_has_none(address):
    assert "data-alarms" not in text(Client().get(address))


def test_behind_a_password_somebody_else_made_nothing_is_shown_yet(cast, as_):
    leave("k", recipients=[f"user:{cast.supervisor.user_id}"], must_acknowledge=True)
    type(cast.supervisor).objects.filter(pk=cast.supervisor.pk).update(must_change_password=True)
    page = text(as_("supervisor").get(PASSWORD))
    assert "data-alarms" not in page


def test_a_refusal_asks_one_query_for_it(refusing, as_):
    client = as_("supervisor")
    client.get("/refuse/gone/")
    with budget("refusal"):
        client.get("/refuse/gone/")


# --- a page that is left open ---------------------------------------------------------------------
def test_the_banner_by_itself_is_cheap_and_changes_its_mark_with_what_waits(client, alarm, heard):
    entry = alarm()
    client.get("/inbox/alarms/")
    with budget("alarms"):
        before = client.get("/inbox/alarms/")
    assert "no-store" in before["Cache-Control"]
    assert button(entry) in text(before)
    assert 'name="next" value=""' in text(before), "the page that asked knows where it is"
    later = alarm("后来的", ticket=82)
    after = client.get("/inbox/alarms/")
    marks = [re.search(r'data-mark="([^"]+)"', text(answer))[1] for answer in (before, after)]
    assert marks[0] != marks[1]
    client.post(f"/inbox/{later.pk}/acknowledge/")
    assert re.search(r'data-mark="([^"]+)"', text(client.get("/inbox/alarms/")))[1] == marks[0]


def test_a_page_that_asks_by_script_gets_what_remains(client, alarm, me, heard):
    first, second = alarm(), alarm("另一件", ticket=82)
    answer = client.post(f"/inbox/{first.pk}/acknowledge/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert button(second) in text(answer)
    assert button(first) not in text(answer)
    assert "已确认知悉" not in text(client.get("/me/")), "the script has said so"
