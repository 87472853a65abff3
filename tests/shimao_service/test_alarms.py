"""What must be acknowledged stays in sight of whoever must, until they say that they know."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client

from shimao_service import inbox, outbox
from shimao_service.exceptions import Forbidden
from shimao_service.models import Notice, User
from staff.access import Viewer
from tests.shimao_service.alarms import alarm, button, heard, me, text, titles
from tests.shimao_service.notices import leave

pytestmark = pytest.mark.django_db
__all__ = ["alarm", "heard", "me"]


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
