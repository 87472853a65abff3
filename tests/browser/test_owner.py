"""An owner with a phone: reports with a picture, follows, rates, is heard, rates again."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse
from PIL import Image

from tests.browser.conftest import DESK, PHONE
from tests.factories import walk
from tickets import lifecycle, links
from tickets.models import Attachment, Rating, Ticket
from tickets.statuses import Channel, Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "水管.jpg"
    Image.effect_noise((1600, 1200), 40).convert("RGB").save(path, quality=90)
    return path


def fill(page: Any, cast: SimpleNamespace, **fields: str) -> None:
    page.goto(reverse("report-place", args=[cast.building.qr_code]))
    for name, value in ({"room": "1502", "description": "厨房水管爆了", "phone": "138 1234 5678"} | fields).items():
        page.fill(f"#id_{name}", value)


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def work(cast: SimpleNamespace, ticket: Ticket, result: str) -> Ticket:
    """The staff's side of a round, from whatever it stands at to the question."""
    ticket.refresh_from_db()
    if ticket.status == Status.REGISTERED:
        ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works, handler=cast.handler)
    ticket = lifecycle.arrive(ticket, by=cast.by("handler"))
    ticket = lifecycle.complete(ticket, by=cast.by("handler"), result=result)
    return lifecycle.feed_back(ticket, by=cast.by("frontdesk"), channel=Channel.PHONE, content=result)


def test_reports_with_a_picture_is_dissatisfied_and_then_content(open_page, cast, photo, check_access):
    page = open_page(PHONE, permissions=["clipboard-read", "clipboard-write"])
    fill(page, cast)
    assert page.is_hidden("#id_employee"), "a repair names nobody"
    page.set_input_files("#id_pictures", str(photo))
    page.wait_for_selector("[data-uploader-list] img")
    check_access(page)
    assert fits(page)
    page.click("form[data-report] button.btn-primary")
    page.wait_for_url("**/track/**")
    ticket = Ticket.objects.get()
    assert Attachment.objects.get().ticket == ticket
    page.click("text=复制链接")
    page.wait_for_selector("#toasts [data-toast]")
    assert page.evaluate("navigator.clipboard.readText()") == links.address(ticket)
    check_access(page)
    assert fits(page)

    work(cast, ticket, "软管已更换，试水无渗漏")
    page.reload()
    assert "软管已更换" in page.inner_text(".track-standing")
    check_access(page)
    page.fill("#id_comment", "还在滴水")
    page.click("button.face:has-text('不满意')")
    page.wait_for_selector("text=已安排重新处理")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.round) == (Status.DISPATCHED, 2)
    assert Rating.objects.get().comment == "还在滴水"
    assert "已派给周师傅" in page.inner_text(".track-standing")
    check_access(page)

    work(cast, ticket, "换了角阀，观察一小时无渗漏")
    page.reload()
    page.click("button.face:has-text('满意') >> nth=0")
    page.wait_for_selector(".track-thanks")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.grade) == (Status.AWAITING_SUMMARY, 4)
    page.click("text=第 1 次处理")
    assert "您的评价：不满意" in page.inner_text("#story-title ~ details")
    check_access(page)


def test_adds_words_and_a_picture_on_the_way(open_page, cast, photo):
    ticket = walk(cast, Status.IN_PROGRESS)
    page = open_page(PHONE)
    page.goto(links.path(ticket))
    page.click("text=补充说明或图片")
    page.fill("#id_note", "总阀在厨房吊柜里")
    page.set_input_files("#id_pictures", str(photo))
    page.wait_for_selector("[data-uploader-list] img")
    page.click("text=提交补充")
    page.wait_for_selector("text=您的补充")
    assert Attachment.objects.get().ticket == ticket
    page.click(".track-story .thumb")
    page.wait_for_selector("dialog[open] img")
    assert page.evaluate("document.querySelector('dialog[open] img').naturalWidth") > 0


def test_a_complaint_may_be_anonymous(open_page, cast, check_access):
    page = open_page(PHONE)
    fill(page, cast)
    page.check("input[name=kind][value=complaint]", force=True)
    page.check("#id_is_anonymous")
    assert page.is_hidden("#id_phone")
    assert page.is_visible("#id_employee")
    page.fill("#id_employee", "周建国")
    check_access(page)
    page.click("form[data-report] button.btn-primary")
    page.wait_for_url("**/track/**")
    assert "只给您这一次" in page.inner_text(".track-keep")
    assert Ticket.objects.get().contact_phone == ""


def test_errors_are_named_in_place_and_nothing_is_lost(open_page, cast, photo, check_access):
    page = open_page(PHONE)
    fill(page, cast, phone="1381234")
    page.set_input_files("#id_pictures", str(photo))
    page.wait_for_selector("[data-uploader-list] img")
    page.click("form[data-report] button.btn-primary")
    page.wait_for_selector(".field-errors")
    assert page.input_value("#id_description") == "厨房水管爆了"
    page.wait_for_selector("[data-uploader-list] img")
    assert page.is_hidden("#id_employee"), "arranged again after the answer"
    check_access(page)
    page.fill("#id_phone", "13812345678")
    page.click("form[data-report] button.btn-primary")
    page.wait_for_url("**/track/**")
    assert Attachment.objects.count() == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_back_and_submit_once_more_is_the_same_request(open_page, cast, scripts):
    page = open_page(PHONE, java_script_enabled=scripts)
    fill(page, cast)
    for _time in range(2):
        page.click("form[data-report] button.btn-primary")
        page.wait_for_url("**/track/**")
        page.go_back()
        page.wait_for_url("**/report/**")
        if not page.input_value("#id_description"):
            fill(page, cast)
    assert Ticket.objects.count() == 1


def test_everything_works_with_scripts_off(open_page, cast, photo):
    page = open_page(DESK, java_script_enabled=False)
    fill(page, cast)
    page.set_input_files("#id_pictures", str(photo))
    page.click("form[data-report] button.btn-primary")
    page.wait_for_url("**/track/**")
    ticket = Ticket.objects.get()
    assert Attachment.objects.count() == 1
    work(cast, ticket, "软管已更换")
    page.reload()
    page.click("button.face:has-text('不满意')")
    page.wait_for_selector("text=重新处理，已派给工程部 周师傅")
    page.click("text=补充说明或图片")
    page.fill("#id_note", "下午在家")
    page.click("text=提交补充")
    page.wait_for_selector("text=您的补充")


def test_the_link_goes_nowhere_but_here(open_page, cast):
    page = open_page(DESK)
    sent: list[tuple[str, str]] = []
    page.on("request", lambda request: sent.append((request.url, request.headers.get("referer", ""))))
    ticket = walk(cast, Status.FED_BACK)
    page.goto(links.path(ticket))
    page.click("button.face:has-text('满意') >> nth=0")
    page.wait_for_selector(".track-thanks")
    here = re.compile(r"^(http://(localhost|127\.0\.0\.1):\d+/|data:|blob:)")
    assert all(here.match(url) for url, _referrer in sent)
    assert not [referrer for _url, referrer in sent if "/track/" in referrer]


def test_the_whole_way_by_keyboard(open_page, cast):
    page = open_page(DESK)
    page.goto(links.path(walk(cast, Status.FED_BACK)))
    for _press in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('face')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".track-thanks")
    assert Rating.objects.get().grade == 4
