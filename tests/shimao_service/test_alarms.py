"""What must be acknowledged: in sight on every page of whoever must, until they say that they know."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from shimao_service import inbox, outbox
from shimao_service.exceptions import Forbidden
from shimao_service.models import Notice, User
from staff.access import Viewer
from tests.query_budgets import budget
from tests.shimao_service.notices import leave

pytestmark = pytest.mark.django_db
PASSWORD = reverse("account_change_password")


@pytest.fixture
def me(client):
    user = User.objects.create(username="supervisor")
    client.force_login(user, backend="staff.authentication.EmployeeBackend")
    return user


@pytest.fixture
def alarm(me):
    """``alarm("特急：起火", ticket=81)`` leaves one that I must acknowledge and answers it."""

    def leave_one(title="特急", ticket=81, **changes):
        key = f"k:{Notice.objects.count()}"
        values = {"recipients": [f"user:{me.pk}"], "about": f"ticket:{ticket}", "must_acknowledge": True}
        leave(key, **({"title": title} | values | changes))
        return Notice.objects.get(key=key, channel="inbox", recipient=f"user:{me.pk}")

    return leave_one


@pytest.fixture
def heard(monkeypatch):
    """What the floor above was told of."""
    told: list[tuple] = []
    monkeypatch.setattr(outbox, "_acknowledged", {"ticket": lambda pk, user, now: told.append((pk, user))})
    return told


def titles(user):
    return [each["title"] for each in inbox.counts(Viewer(user, None))["alarms"]]


def text(response):
    return response.content.decode()


def button(notice):
    return f'action="/inbox/{notice.pk}/acknowledge/"'


# --- acknowledging --------------------------------------------------------------------------------
def test_it_stays_on_every_page_until_it_is_acknowledged(client, alarm, me, heard):
    entry = alarm("特急：3号楼起火", url="/tickets/BX20261123-0031/")
    for address in ("/inbox/", "/me/", "/inbox/?show=all"):
        page = text(client.get(address))
        assert button(entry) in page
        assert f'name="next" value="{address}"' in page, "one stays where one was"
        assert 'href="/tickets/BX20261123-0031/"' in page
    client.post(f"/inbox/{entry.pk}/open/")
    assert button(entry) in text(client.get("/me/")), "reading is not acknowledging"
    answer = client.post(f"/inbox/{entry.pk}/acknowledge/", {"next": "/me/"}, follow=True)
    assert answer.redirect_chain == [("/me/", 302)]
    assert "已确认知悉：特急：3号楼起火" in text(answer)
    assert "/acknowledge/" not in text(answer)
    entry.refresh_from_db()
    assert entry.acknowledged_at
    assert entry.is_read
    assert heard == [(81, me)]


def test_the_banner_can_be_pressed_in_a_browser_without_scripts(me, alarm, heard):
    entry = alarm()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(me, backend="staff.authentication.EmployeeBackend")
    banner = text(browser.get("/inbox/")).partition('class="alarm"')[2].partition("</form>")[0]
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', banner)
    browser.post(f"/inbox/{entry.pk}/acknowledge/", {"csrfmiddlewaretoken": token})
    entry.refresh_from_db()
    assert entry.acknowledged_at is not None


def test_acknowledging_again_changes_nothing_and_tells_nobody(client, alarm, heard):
    entry = alarm()
    client.post(f"/inbox/{entry.pk}/acknowledge/")
    first = Notice.objects.get().acknowledged_at
    assert client.post(f"/inbox/{entry.pk}/acknowledge/").status_code == 302
    assert Notice.objects.get().acknowledged_at == first
    assert len(heard) == 1


def test_two_about_one_request_are_one_line_and_one_click(client, alarm, me, heard):
    alarm("特急登记")
    last = alarm("特急升级")
    alarm("另一件特急", ticket=82)
    assert titles(me) == ["另一件特急", "特急升级"]
    client.post(f"/inbox/{last.pk}/acknowledge/")
    assert titles(me) == ["另一件特急"]
    assert len(heard) == 1


def test_what_came_after_the_page_was_made_is_not_acknowledged_by_it(client, alarm, me, heard):
    seen = alarm("特急登记")
    alarm("特急升级")
    client.post(f"/inbox/{seen.pk}/acknowledge/")
    assert titles(me) == ["特急升级"]


def test_each_who_must_says_so_for_themselves(client, alarm, me, heard):
    other = User.objects.create(username="manager")
    entry = alarm(recipients=[f"user:{me.pk}", f"user:{other.pk}"])
    client.post(f"/inbox/{entry.pk}/acknowledge/")
    assert titles(me) == []
    assert titles(other) == ["特急"]
    client.force_login(other, backend="staff.authentication.EmployeeBackend")
    client.post(f"/inbox/{Notice.objects.get(recipient=f'user:{other.pk}').pk}/acknowledge/")
    assert heard == [(81, me), (81, other)]


@pytest.mark.parametrize("changes", [{"recipients": ["user:999999"]}, {"must_acknowledge": False}])
def test_only_one_s_own_can_be_acknowledged_and_never_by_looking(client, me, heard, changes):
    leave("k", **({"recipients": [f"user:{me.pk}"], "must_acknowledge": True} | changes))
    entry = Notice.objects.get(channel="inbox")
    assert client.post(f"/inbox/{entry.pk}/acknowledge/").status_code == 404
    assert client.get(f"/inbox/{entry.pk}/acknowledge/").status_code == 405
    assert not heard


def test_reading_all_does_not_acknowledge(client, alarm, me):
    entry = alarm()
    client.post("/inbox/read/", {"newest": entry.pk})
    assert titles(me) == ["特急"]


def test_what_the_request_refuses_does_not_keep_the_reader_from_acknowledging(client, alarm, monkeypatch):
    def refuse(*_args):
        raise Forbidden("您已看不到这张工单。")

    monkeypatch.setattr(outbox, "_acknowledged", {"ticket": refuse})
    entry = alarm()
    assert client.post(f"/inbox/{entry.pk}/acknowledge/", {"next": "https://evil.example/"})["Location"] == "/inbox/"
    assert Notice.objects.get().acknowledged_at


@pytest.mark.django_db(transaction=True)
def test_the_subject_is_told_before_entries_are_held(client, alarm, monkeypatch):
    """Who changes the subject holds its row and then touches entries about it: the other way round, each would wait
    for the other."""
    entry, held = alarm(), []

    def is_held(*_args):
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM shimao_service_notice WHERE id = %s", [entry.pk])
                assert cursor.fetchone() == (1,)
                cursor.execute("SELECT id FROM shimao_service_notice WHERE id = %s FOR UPDATE SKIP LOCKED", [entry.pk])
                held.append(cursor.fetchone() is None)
        finally:
            other.close()

    monkeypatch.setattr(outbox, "_acknowledged", {"ticket": is_held})
    client.post(f"/inbox/{entry.pk}/acknowledge/")
    assert held == [False]


def test_one_taken_back_is_gone_from_every_page(alarm, me):
    alarm()
    outbox.withdraw(about="ticket:81", from_inbox=True)
    assert titles(me) == []


# --- every page -----------------------------------------------------------------------------------
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


# --- more than fit --------------------------------------------------------------------------------
def test_the_newest_five_are_shown_with_how_many_more_and_the_next_come_up(client, alarm, me, heard):
    entries = [alarm(f"第{number}件", ticket=number) for number in range(1, 8)]
    page = text(client.get("/me/"))
    assert [entry for entry in entries if button(entry) in page] == entries[2:]
    assert page.index(button(entries[6])) < page.index(button(entries[2])), "the newest first"
    assert "还有 2 件待您确认，共 7 件" in page
    assert 'href="/inbox/?show=waiting"' in page
    client.post(f"/inbox/{entries[6].pk}/acknowledge/")
    page = text(client.get("/me/"))
    assert button(entries[1]) in page
    assert "还有 1 件待您确认，共 6 件" in page
    for entry in entries[:2]:
        client.post(f"/inbox/{entry.pk}/acknowledge/")
    assert "件待您确认，共" not in text(client.get("/me/"))


def test_the_inbox_lists_all_that_wait_each_with_its_button(client, alarm, heard):
    entries = [alarm(f"第{number}件", ticket=number) for number in range(1, 8)]
    alarm("不必确认的", must_acknowledge=False)
    answer = client.get("/inbox/?show=waiting")
    lines = answer.context["lines"]
    assert [line.notice for line in lines] == entries[::-1]
    page = text(answer).partition('id="inbox"')[2]
    assert [entry for entry in entries if f'formaction="/inbox/{entry.pk}/acknowledge/"' in page] == entries
    back = client.post(f"/inbox/{entries[0].pk}/acknowledge/", {"next": "/inbox/?show=waiting"})
    assert back["Location"] == "/inbox/?show=waiting"
    chips = {chip["label"]: chip["count"] for chip in client.get("/inbox/").context["chips"]}
    assert chips["待确认"] == 6


def test_without_any_the_inbox_says_so(client, me):
    answer = client.get("/inbox/?show=waiting")
    assert "没有待确认的通知" in text(answer)
    assert "待确认" not in [chip["label"] for chip in client.get("/inbox/").context["chips"]]


def test_they_cost_no_query_of_their_own(alarm, me, django_assert_num_queries):
    for number in range(8):
        alarm(ticket=number)
    with django_assert_num_queries(1):
        assert inbox.counts(Viewer(me, None))["alarm_count"] == 8


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
