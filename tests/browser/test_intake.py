"""The counter in a browser: by keys alone, with a draft, and with scripts off."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.browser.conftest import DESK, PHONE
from tests.factories import CategoryFactory, register
from tickets.models import Ticket, TicketLink
from tickets.statuses import Status

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WORDS = "厨房水管爆了，总阀拧不动"


@pytest.fixture
def counter(open_page, live_server, cast):
    """``counter()``: the form, signed in as somebody of the cast."""

    def enter(who: str = "frontdesk", path: str = "/tickets/new/", size: dict[str, int] = DESK, **options: Any) -> Any:
        client = Client()
        client.force_login(getattr(cast, who).user, backend="staff.authentication.EmployeeBackend")
        page = open_page(size, **options)
        name = settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        page.goto(path)
        return page

    return enter


def pick(page: Any, words: str) -> None:
    """Type into the look-up, where the cursor is already, and take the first."""
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    page.wait_for_selector("#caller .contact-name, #caller [data-caller-contact]", state="attached")


def kind(page: Any, digit: str) -> None:
    """Press the kind's digit; the hand goes on when the cursor has (a machine types faster than a cursor moves)."""
    page.keyboard.press(digit)
    page.wait_for_selector("#id_description:focus")


def wait_for_category(page: Any, words: str) -> None:
    # No string is evaluated in the page: its own policy forbids that.
    from playwright.sync_api import expect

    expect(page.locator("#id_category_find")).to_have_value(words)


def test_from_the_room_to_the_receipt_by_keys_alone(cast, counter):
    page = counter()
    pick(page, "1502")
    kind(page, "3")
    page.keyboard.type(WORDS)
    wait_for_category(page, "给排水")
    assert page.is_checked("[name=urgency][value=urgent]")
    assert "10 分钟内响应" in page.inner_text("[data-promise]")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/receipt/")
    ticket = Ticket.objects.get()
    assert page.inner_text(".receipt-number") == ticket.number
    assert (ticket.status, ticket.unit, ticket.category) == (Status.DISPATCHED, cast.unit, cast.category)
    page.keyboard.press("n")
    page.wait_for_url("**/tickets/new/")
    assert page.input_value("#id_description") == ""


def test_a_complaint_of_somebody_in_danger_asks_how_urgent_it_is_and_another_does_not(cast, counter, check_access):
    from playwright.sync_api import expect

    page = counter()
    pick(page, "1502")
    kind(page, "2")
    page.keyboard.type("水龙头滴水没人修")
    expect(page.locator(".intake-urgency")).to_be_hidden()
    page.fill("#id_description", "电梯困人没人管")
    expect(page.locator(".intake-urgency")).to_be_visible()
    expect(page.locator("[name=urgency][value=critical]")).to_be_checked()
    check_access(page)
    page.click("button[value=register]")
    page.wait_for_url("**/receipt/")
    assert Ticket.objects.get().urgency == "critical"


def test_the_same_as_last_time_takes_eight_keys(cast, counter):
    earlier = register(cast, category=cast.category, description="阳台灯不亮")
    page = counter()
    pick(page, "1502")  # five keys
    page.keyboard.press("l")
    page.keyboard.press("Control+Enter")  # two
    page.wait_for_url("**/receipt/")
    ticket = Ticket.objects.exclude(pk=earlier.pk).get()
    assert (ticket.description, ticket.category, ticket.kind) == ("阳台灯不亮", cast.category, earlier.kind)


def test_the_flat_below_is_linked_by_a_tick(cast, counter):
    above = register(cast, category=cast.category)
    CategoryFactory(name="墙地面渗漏", department=cast.works, keywords=["渗水"])
    page = counter()
    pick(page, "1402")
    kind(page, "3")
    page.keyboard.type("天花板渗水")
    box = page.wait_for_selector(f"#caller [name=link][value='{above.number}']")
    box.focus()
    page.keyboard.press("Space")
    wait_for_category(page, "墙地面渗漏")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/receipt/")
    assert TicketLink.objects.filter(low=above).exists()


def test_enter_in_a_field_sends_nothing(counter):
    page = counter()
    page.fill("#id_contact_name", "访客")
    page.focus("#id_contact_name")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert not Ticket.objects.exists()
    assert page.input_value("#id_contact_name") == "访客"


def test_a_draft_outlives_a_closed_tab(counter):
    page = counter()
    pick(page, "1502")
    kind(page, "3")
    page.keyboard.type(WORDS)
    page.wait_for_selector("[data-draft-note]:not(:empty)")
    page.reload()
    page.wait_for_selector("#caller .contact-name")
    assert page.input_value("#id_description") == WORDS
    assert page.input_value("#id_who")


def test_what_was_refused_keeps_the_caller_and_the_words(counter):
    page = counter()
    pick(page, "1502")
    page.fill("#id_description", WORDS)
    page.fill("#id_contact_phone", "138")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".field-errors")
    assert page.input_value("#id_description") == WORDS
    page.fill("#id_contact_phone", "")
    page.focus("#id_description")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/receipt/")
    assert Ticket.objects.get().owner is not None


def test_with_scripts_off_room_words_and_a_button_are_enough(cast, counter):
    page = counter(java_script_enabled=False)
    page.fill("#id_find", "1502")
    page.click("button[value=find]")
    page.check("[name=who][type=radio]")
    page.fill("#id_description", WORDS)
    page.select_option("#id_category_plain", label="给排水")
    page.click("button[value=dispatch]")
    assert page.url.endswith("/receipt/")
    assert Ticket.objects.get().owner == cast.owner


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_form_and_the_receipt_are_open_to_everybody(cast, counter, check_access, size):
    earlier = register(cast, category=cast.category)
    page = counter(size=size)
    check_access(page)
    pick(page, "1502")
    page.click("label:has([name=kind][value=complaint])")
    page.wait_for_timeout(600)
    check_access(page)
    page.goto(f"/tickets/{earlier.number}/receipt/")
    check_access(page)


@pytest.mark.parametrize(
    "path", ["/owners/?q=1502", "/owners/new/", "/buildings/", "owner", "unit", "building", "poster"]
)
def test_the_estate_s_pages_are_open_to_everybody(cast, counter, check_access, path):
    places = {
        "owner": f"/owners/{cast.owner.pk}/",
        "unit": f"/units/{cast.unit.pk}/",
        "building": f"/buildings/{cast.building.pk}/",
        "poster": f"/buildings/{cast.building.pk}/poster/",
    }
    register(cast)
    page = counter("supervisor", places.get(path, path))
    check_access(page)
    page.set_viewport_size(PHONE)
    check_access(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
