"""One request from the counter to its summary, by the people who carry it, each at their own screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from PIL import Image

from shimao_service import ticking
from tests.browser.conftest import DESK, PHONE
from tests.factories import PASSWORD, register, walk
from tickets import reminders
from tickets.models import Ticket
from tickets.statuses import Status

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

WORDS = "厨房水管爆裂，水漫到客厅"
STORY = [
    "林静 接待并登记",
    "陈晓雯 派单给 工程部 · 周建国：带上 4 分管",
    "周建国 接单",
    "周建国 跟进：已关总阀，水不再漏",
    "周建国 挂起 待料：仓库没有 4 分管",
    "周建国 恢复处理",
    "周建国 处理完成：已更换软管，试水不漏",
    "林静 回复业主并请评价：软管已更换，请留意",
    "业主 评价 不满意：夜里又滴水了",
    "业主不满意，进入第 2 轮",
    "周建国 接单",
    "周建国 处理完成：换了角阀，观察一小时不漏",
    "林静 回复业主并请评价：角阀已更换，观察一小时不漏",
    "业主 评价 满意：这次好了",
    "林静 总结并办结",
]


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "完工.jpg"
    Image.effect_noise((800, 600), 40).convert("RGB").save(path, quality=85)
    return path


@pytest.fixture
def people(open_page: Callable[..., Any], cast: SimpleNamespace) -> Callable[..., Any]:
    """``people("handler", PHONE)``: that member of the cast, signed in at the door, at a screen of this size."""

    def sign_in(name: str, size: dict[str, int] = DESK) -> Any:
        user = getattr(cast, name).user
        user.set_password(PASSWORD)
        user.save()
        page = open_page(size)
        page.goto(reverse("account_login"))
        page.fill("#id_login", name)
        page.fill("#id_password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: urlsplit(url).path == "/")
        return page

    return sign_in


@pytest.fixture
def let_in(open_page: Callable[..., Any], live_server: Any, cast: SimpleNamespace) -> Callable[..., Any]:
    """``let_in("outsider")``: the same without the door, for those who only look."""

    def go(name: str) -> Any:
        client = Client()
        client.force_login(getattr(cast, name).user, backend="staff.authentication.EmployeeBackend")
        page = open_page(DESK)
        name, value = settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
        return page

    return go


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def tab_to(page: Any, selector: str, key: str = "Tab") -> None:
    """Reach it by keys alone."""
    for _press in range(40):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{selector} is not reached by {key}")


def told(page: Any, words: str) -> None:
    """The page said so, in passing."""
    page.wait_for_selector(f"[data-toast]:has-text('{words}')")


def inbox(page: Any) -> list[str]:
    page.goto(reverse("inbox") + "?show=all")
    return page.locator("#inbox [data-open]").all_inner_texts()


def sentences(page: Any) -> list[str]:
    """The timeline as it reads: the first line of every mark, promises that broke left out."""
    marks = page.locator("#story .timeline-item:not(.is-breach) .timeline-body")
    return [" ".join(mark.split("\n")[0].split()).replace(" ：", "：") for mark in marks.all_inner_texts()]


def test_a_visit_goes_from_the_counter_to_its_summary(people, let_in, open_page, cast, photo, check_access):
    from playwright.sync_api import expect

    seen = set()

    def looked_at(page: Any, state: str = "") -> None:
        """It fits its screen, and axe finds nothing: once for each page, size and state."""
        assert fits(page), page.url
        what = (re.sub(r"/[A-Z]{2}\d+-\d+/", "/…/", urlsplit(page.url).path), page.viewport_size["width"], state)
        if what not in seen:
            seen.add(what)
            check_access(page)

    desk, chief, handler, owner = people("frontdesk"), people("supervisor"), people("handler", PHONE), open_page(PHONE)
    colleague, outsider = let_in("handler2"), let_in("outsider")

    # A visitor at the counter, by keys alone.
    desk.keyboard.press("n")
    desk.wait_for_url("**/tickets/new/")
    desk.wait_for_selector("#id_find:focus")
    tab_to(desk, "[name=source]", key="Shift+Tab")
    desk.keyboard.press("ArrowLeft")
    assert desk.input_value("[name=source]:checked") == "counter"
    tab_to(desk, "#id_find")
    desk.keyboard.type("1502")
    desk.wait_for_selector(".lookup-list [role=option]:has-text('1502')")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("#caller .contact-name")
    assert "张**" in desk.inner_text("#caller")
    desk.keyboard.press("3")
    desk.wait_for_selector("#id_description:focus")
    desk.keyboard.type(WORDS)
    expect(desk.locator("#id_category_find")).to_have_value(re.compile("给排水"))
    looked_at(desk)
    tab_to(desk, "[value=register]")
    desk.keyboard.press("Enter")
    desk.wait_for_selector(".receipt-number")
    number = desk.inner_text(".receipt-number")
    link = urlsplit(desk.inner_text(".receipt-address code")).path
    looked_at(desk)
    ticket = Ticket.objects.get()
    assert (ticket.number, ticket.status, ticket.source) == (number, Status.REGISTERED, "counter")

    def at() -> Any:
        ticket.refresh_from_db()
        return ticket.status_at

    # It waits too long at the desk: the supervisor comes by and dispatches it.
    reminders.remind(at() + timedelta(minutes=25))
    assert any("待派单" in words and "1502" in words for words in inbox(desk))
    looked_at(desk)
    assert not any("请尽快派单" in words for words in inbox(handler))
    chief.reload()
    looked_at(chief)
    chief.click(f"[data-row] >> text={WORDS}")
    chief.wait_for_selector("#story")
    looked_at(chief)
    chief.click("#moves .is-first:has-text('派单')")
    chief.wait_for_selector("dialog[open] [name=handler]")
    looked_at(chief, "dispatch")
    chief.select_option("dialog[open] [name=handler]", str(cast.handler.pk))
    chief.fill("dialog[open] [name=note]", "带上 4 分管")
    chief.keyboard.press("Control+Enter")
    told(chief, "已派单")

    # The handler, on the stairs: accepts from the home, follows up, waits for a part, goes on, completes.
    reminders.remind(at() + timedelta(minutes=30))
    assert any("接单" in words for words in inbox(handler))
    assert not any("接单" in words for words in inbox(colleague) + inbox(outsider))
    handler.goto("/")
    looked_at(handler)
    handler.click(".task button:has-text('接单')")
    told(handler, "已接单")
    request = reverse("ticket", args=[number])
    handler.goto(request)
    looked_at(handler)
    handler.fill("#reply-note", "已关总阀，水不再漏")
    handler.click("#reply [data-primary]")
    told(handler, "已记录跟进")

    def choose(page: Any, verb: str) -> None:
        """A move that is not the likely one stands behind the dots on a phone."""
        page.wait_for_selector("#moves")
        if not page.locator(f"#moves > a[href$='/{verb}/']:visible").count():
            page.click("#moves summary")
        page.click(f"#moves a[href$='/{verb}/']:visible")
        page.wait_for_selector("dialog[open] form")

    choose(handler, "hold")
    handler.check("dialog[open] [name=reason][value=parts]", force=True)
    handler.click("dialog[open] button:has-text('明天上午')")
    handler.fill("dialog[open] [name=note]", "仓库没有 4 分管")
    looked_at(handler, "hold")
    handler.click("dialog[open] [data-primary]")
    told(handler, "已挂起")
    at()
    reminders.remind(ticket.hold_until - timedelta(minutes=5))
    assert any("挂起到期" in words for words in inbox(handler))
    handler.goto("/")
    looked_at(handler)
    handler.click(".task-where")
    handler.click("#moves button:has-text('恢复处理')")
    told(handler, "已恢复处理")

    def complete(result: str, *pictures: Path) -> None:
        choose(handler, "complete")
        handler.fill("dialog[open] [name=result]", result)
        if pictures:
            handler.set_input_files("dialog[open] input[type=file]", [str(path) for path in pictures])
            handler.wait_for_selector("dialog[open] [data-uploader-list] img")
        handler.click("dialog[open] [data-primary]")
        told(handler, "已完成")

    complete("已更换软管，试水不漏", photo)
    assert ticket.attachments.count() == 1

    # The desk tells the owner.
    ticking.tick(now=at() + timedelta(hours=3))
    assert any("请回复业主" in words for words in inbox(desk))
    assert not any("请回复业主" in words for words in inbox(handler) + inbox(outsider))

    def feed_back(content: str) -> None:
        desk.goto(request)
        looked_at(desk)
        choose(desk, "feed_back")
        desk.check("dialog[open] [name=channel][value=phone]", force=True)
        desk.fill("dialog[open] [name=content]", content)
        desk.keyboard.press("Control+Enter")
        told(desk, "已回复业主")

    feed_back("软管已更换，请留意")

    # The owner is not satisfied, and says so by the link.
    owner.goto(link)
    looked_at(owner)
    owner.fill("#id_comment", "夜里又滴水了")
    owner.click("button.face:has-text('不满意')")
    owner.wait_for_selector("text=已安排重新处理")
    at()
    assert (ticket.status, ticket.round, ticket.handler) == (Status.DISPATCHED, 2, cast.handler)
    assert any("不满意" in words for words in inbox(handler))
    assert any("不满意" in words for words in inbox(chief))
    assert not any(number[-4:] in words or "1502" in words for words in inbox(outsider))

    # The second round satisfies.
    handler.goto("/")
    handler.click(".task button:has-text('接单')")
    told(handler, "已接单")
    handler.goto(request)
    complete("换了角阀，观察一小时不漏")
    feed_back("角阀已更换，观察一小时不漏")
    owner.reload()
    looked_at(owner, "second round")
    owner.fill("#id_comment", "这次好了")
    owner.click("button.face:has-text('满意') >> nth=0")
    owner.wait_for_selector(".track-thanks")

    # A day later the summary is due, and closes it.
    reminders.remind(at() + timedelta(hours=25))
    assert any("请完成总结" in words for words in inbox(desk))
    desk.goto(request)
    choose(desk, "summarise")
    desk.fill("dialog[open] [name=cause]", "软管和角阀老化")
    desk.check("dialog[open] [name=liability][value=property]", force=True)
    desk.fill("dialog[open] [name=improvement]", "同批次角阀列入巡检")
    looked_at(desk, "summary")
    desk.keyboard.press("Control+Enter")
    told(desk, "办结")
    at()
    assert (ticket.status, ticket.grade) == (Status.CLOSED, 4)

    for page in (desk, chief, handler):
        page.goto(request)
        # Between them stands what the reminders' jumps in time made late, and whom it rose to.
        rose = [words for words in sentences(page) if words.startswith("系统 提醒") or words.endswith("时限已过")]
        assert "系统 提醒主管 响应时限用去 80%" in rose
        assert [words for words in sentences(page) if words not in rose] == STORY
        looked_at(page, "closed")
    assert handler.locator("#story .thumb").count() == 1
    assert [page.goto(request).status for page in (colleague, outsider)] == [404, 404]
    owner.reload()
    looked_at(owner, "closed")
    assert "林静" not in owner.inner_text("main")
    assert "老化" not in owner.inner_text("main")


def test_several_requests_are_dispatched_from_the_queue_by_keys(people, cast, check_access):
    tickets = [register(cast, description=words) for words in ("楼道灯不亮", "单元门关不上")]
    other = walk(cast, Status.IN_PROGRESS)
    chief = people("supervisor")
    chief.goto(reverse("tickets") + "?status=registered")
    chief.wait_for_selector("#queue [data-row]")
    assert chief.locator("#queue [data-row]").count() == 2
    for key in ("j", "x", "j", "x"):
        chief.keyboard.press(key)
    chief.wait_for_selector("[data-bulk-bar]:visible")
    assert "2" in chief.inner_text("[data-bulk-count]")
    check_access(chief)
    tab_to(chief, "[data-bulk-bar] .btn-primary")
    chief.keyboard.press("Enter")
    chief.wait_for_selector("[name=confirmed]", state="attached")
    assert fits(chief)
    check_access(chief)
    chief.select_option("[name=department]", str(cast.works.pk))
    chief.select_option("[name=handler]", str(cast.handler2.pk))
    tab_to(chief, "form .btn-primary")
    chief.keyboard.press("Enter")
    chief.wait_for_selector("[data-toast]")
    for ticket in tickets:
        ticket.refresh_from_db()
        assert (ticket.status, ticket.handler) == (Status.DISPATCHED, cast.handler2)
    other.refresh_from_db()
    assert other.handler == cast.handler
    chief.goto(reverse("tickets") + "?status=registered")
    assert chief.locator("#queue [data-row]").count() == 0
