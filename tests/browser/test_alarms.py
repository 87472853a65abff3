"""What must be acknowledged, on screens that are left open: it comes by itself, goes in every tab, and is in
nobody's way."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shimao_service import outbox
from shimao_service.models import Notice
from tests.browser.conftest import DESK, PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
LINE = "#alarms form.alarm"


@pytest.fixture
def let_in(open_page: Callable[..., Any], live_server: Any, cast: SimpleNamespace) -> Callable[..., Any]:
    """``let_in(DESK)``: a page signed in as the supervisor, whose clock goes on only when it is told to."""

    def go(size: dict[str, int], **options: Any) -> Any:
        client = Client()
        client.force_login(cast.supervisor.user, backend="staff.authentication.EmployeeBackend")
        page, name = open_page(size, **options), settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        if options.get("java_script_enabled", True):
            page.clock.install()
        return page

    return go


def alarm(cast: SimpleNamespace, title: str) -> Notice:
    with transaction.atomic():
        outbox.post(
            key=title, recipients=[f"user:{cast.supervisor.user_id}"], title=title, kind="ticket_escalated",
            url="/tickets/", must_acknowledge=True, urgent=True, now=timezone.now(),
        )  # fmt: skip
    return Notice.objects.get(key=title, channel="inbox")


def lines(page: Any) -> list[str]:
    return [words.strip() for words in page.locator("#alarms .alarm-title").all_text_contents()]


def pass_half_a_minute(page: Any) -> None:
    with page.expect_response("**/inbox/alarms/"):
        page.clock.run_for(31_000)


def test_a_page_left_open_shows_a_new_one_by_itself_and_keeps_what_was_typed(cast, let_in, check_access):
    page = let_in(DESK)
    page.goto(reverse("ticket-new"))
    page.fill("#id_description", "厨房水管爆裂")
    first = alarm(cast, "特急：3号楼起火")
    pass_half_a_minute(page)
    page.wait_for_selector(LINE)
    assert lines(page) == ["特急：3号楼起火"]
    check_access(page)
    alarm(cast, "特急：电梯困人")
    pass_half_a_minute(page)
    page.wait_for_selector(f"{LINE} >> nth=1")
    page.clock.run_for(1_000)
    page.click(f"#alarm-{first.pk} button")
    page.wait_for_selector(f"#alarm-{first.pk}", state="detached")
    assert lines(page) == ["特急：电梯困人"]
    assert "已确认知悉：特急：3号楼起火" in page.inner_text("#toasts")
    assert page.input_value("#id_description") == "厨房水管爆裂"
    first.refresh_from_db()
    assert first.acknowledged_at


def test_pressed_in_one_tab_it_goes_in_the_other_at_once_and_soon_from_the_phone(cast, let_in):
    entry = alarm(cast, "特急：3号楼起火")
    phone = let_in(PHONE)
    phone.goto(reverse("me"))
    phone.wait_for_selector(LINE)
    page = let_in(DESK)
    page.goto(reverse("inbox"))
    assert page.locator(f"#n-{entry.pk} .inbox-known").is_visible()
    other = page.context.new_page()
    other.goto(reverse("me"))
    other.wait_for_selector(LINE)
    page.clock.run_for(1_000)
    page.click(f"#alarm-{entry.pk} button")
    other.wait_for_selector(LINE, state="detached")
    page.wait_for_selector(LINE, state="detached")
    page.wait_for_selector(f"#n-{entry.pk}", state="detached")
    pass_half_a_minute(phone)
    phone.wait_for_selector(LINE, state="detached")


def test_a_double_click_acknowledges_one_and_not_the_next_that_comes_up(cast, let_in):
    for number in range(3):
        alarm(cast, f"特急：第{number}件")
    page = let_in(PHONE)
    page.goto(reverse("me"))
    assert page.locator(f"{LINE}:visible").count() == 1
    assert "共 3 件待您确认" in page.inner_text("#alarms")
    page.clock.run_for(1_000)
    page.locator(f"{LINE} button").first.click()
    page.wait_for_selector("#alarms[data-mark$='/2']")
    page.locator(f"{LINE} button").first.click()
    assert Notice.objects.filter(acknowledged_at=None, channel="inbox").count() == 2
    page.clock.run_for(1_000)
    page.locator(f"{LINE} button").first.click()
    page.wait_for_selector("#alarms[data-mark$='/1']")


def test_without_scripts_it_is_acknowledged_as_well(cast, let_in):
    alarm(cast, "特急：3号楼起火")
    page = let_in(PHONE, java_script_enabled=False)
    page.goto("/tickets/BX20200101-0001/")
    assert page.locator("h1").inner_text() == "没有找到"
    page.click(f"{LINE} button")
    assert page.url.endswith("/tickets/BX20200101-0001/")
    assert page.locator(LINE).count() == 0
    alarm(cast, "特急：电梯困人")
    page.goto(f"{reverse('inbox')}?show=waiting")
    page.click(".inbox-known")
    assert page.url.endswith("?show=waiting")
    assert "没有待确认的通知" in page.inner_text("#inbox")


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_it_stays_in_sight_while_the_page_scrolls_and_covers_no_field_in_use(cast, let_in, check_access, size):
    for number in range(7):
        alarm(cast, f"特急：{number + 1}号楼地下室水泵房进水，请立即安排人员到场处置")
    page = let_in(size, reduced_motion="reduce")
    page.goto(reverse("ticket-new"))
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert page.locator(f"{LINE} >> nth=0").is_visible()
    assert page.evaluate("document.querySelector('#alarms').getBoundingClientRect().bottom < innerHeight * 0.45")
    covered = page.evaluate(
        """() => [...document.querySelectorAll("#content input, #content textarea, #content select")]
            .filter((field) => field.offsetParent && field.type !== "hidden" && field.offsetHeight > 10)
            .filter((field) => {
              window.scrollTo(0, document.body.scrollHeight);
              field.blur();
              field.focus();
              const box = field.getBoundingClientRect();
              return box.top < document.querySelector("#alarms").getBoundingClientRect().bottom;
            }).map((field) => field.name)"""
    )
    assert covered == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check_access(page)
    page.evaluate("document.activeElement.blur()")
    page.evaluate("window.scrollTo(0, 120)")
    for place in (f"{LINE} button >> nth=0", ".topbar-end a >> nth=0"):
        page.focus(place)
        assert page.evaluate("scrollY") == 120, "what is in sight already moves nothing"


def test_when_the_sign_in_has_ended_the_page_says_that_nothing_new_will_show(cast, let_in):
    page = let_in(DESK)
    page.goto(reverse("me"))
    page.context.clear_cookies()
    pass_half_a_minute(page)
    page.wait_for_selector("text=新的特急不再显示在这里")


def test_when_the_line_is_down_the_page_says_that_it_may_be_behind(cast, let_in):
    page = let_in(DESK)
    page.goto(reverse("me"))
    page.context.set_offline(True)
    for _look in range(4):
        with page.expect_request("**/inbox/alarms/"):
            page.clock.run_for(31_000)
        page.wait_for_timeout(100)
    page.wait_for_selector("text=新的特急可能没有显示")
    alarm(cast, "特急：3号楼起火")
    page.context.set_offline(False)
    pass_half_a_minute(page)
    page.wait_for_selector(LINE)
