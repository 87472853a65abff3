"""Every role's screens on the demo's data, at both widths; with ``WRITE_SCREENSHOTS=1`` the pictures of the docs.

The demo is filled as of one fixed morning, and that morning is the time for the server and the browser alike,
so that a picture changes only when a page does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from shimao_service.demo import DEMO_ACCOUNTS
from shimao_service.models import User, WorkCalendar
from tests.browser.conftest import DESK, PHONE
from tests.factories import role_ids
from tests.remembered import Remembered
from tickets import links, reminders
from tickets.demo.filling import Plan, fill
from tickets.models import Building, Occupancy, Policy, Ticket
from tickets.statuses import Status

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
MORNING = datetime(2026, 11, 23, 2, 20, tzinfo=UTC)  # 10:20 in Shanghai

in_browser = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def _demo() -> None:
    fill(Plan(tickets=600, seed=1, now=MORNING), lambda words: None)
    reminders.remind(MORNING)


remembered_demo = Remembered(_demo, role_ids)


@pytest.fixture
def demo(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: MORNING)
    remembered_demo()


@pytest.fixture
def enter(open_page: Callable[..., Any], live_server: Any) -> Callable[..., Any]:
    """``enter("supervisor", DESK)``: a page signed in as that demo account; nobody for the owner's pages."""

    def go(username: str = "", size: dict[str, int] = DESK) -> Any:
        page = open_page(size)
        page.clock.set_fixed_time(MORNING)
        if username:
            client = Client()
            client.force_login(User.objects.get(username=username), backend="staff.authentication.EmployeeBackend")
            name, value = settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value
            page.context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
        return page

    return go


@pytest.fixture
def look(check_access: Callable[[Any], None]) -> Callable[..., None]:
    """``look(page, "queue")``: right at both widths, then a picture at its own."""

    def at(page: Any, picture: str = "") -> None:
        own = page.viewport_size
        for size in (PHONE, DESK) if own == DESK else (DESK, PHONE):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (page.url, size)
            check_access(page)
        page.evaluate("document.activeElement?.tagName === 'A' && document.activeElement.blur()")
        if picture and os.environ.get("WRITE_SCREENSHOTS"):
            write(page.screenshot(), IMAGES / f"{picture}.png")

    return at


def write(shot: bytes, path: Path) -> None:
    """As few colours as it takes to read it: a tenth of the size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.open(BytesIO(shot)).convert("RGB")
    few = picture.quantize(255, method=Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def opened(page: Any, address: str) -> Any:
    answer = page.goto(address)
    assert answer.status == 200, (address, answer.status)
    page.wait_for_load_state("networkidle")
    return page


class TestTheDeskAndItsChief:
    pytestmark = in_browser

    def test_the_supervisor(self, demo, enter, look):
        page = enter("supervisor")
        look(opened(page, "/"), "home-supervisor")
        look(opened(page, reverse("tickets")), "queue")
        mine = User.objects.get(username="supervisor").employee.grants.values("project_id")
        worked_on = Ticket.objects.filter(project_id__in=mine, status__in=[Status.IN_PROGRESS, Status.ON_HOLD])
        told = worked_on.exclude(unit=None).order_by("-version", "pk")[0]
        look(opened(page, told.get_absolute_url()), "request")
        look(opened(page, reverse("inbox") + "?show=all"))

    def test_the_front_desk(self, demo, enter, look):
        page = enter("frontdesk")
        look(opened(page, "/"))
        opened(page, reverse("ticket-new"))
        projects = User.objects.get(username="frontdesk").employee.grants.values("project_id")
        lived_in = Occupancy.objects.filter(unit__building__project__in=projects, until=None, relation="owner")
        known = lived_in.filter(owner__tickets__isnull=False).order_by("unit__building__code", "unit_id").first()
        page.fill("#id_find", (known or lived_in[0]).unit.label)
        page.wait_for_selector(".lookup-list [role=option]")
        page.keyboard.press("Enter")
        page.wait_for_selector("#caller .contact-name")
        page.fill("#id_description", "厨房水管爆裂，水漫到客厅")
        page.wait_for_selector("[data-category-hints]:not(:empty)", state="attached")
        page.wait_for_load_state("networkidle")
        look(page, "intake")


class TestOnTheWay:
    pytestmark = in_browser

    def test_the_handler(self, demo, enter, look):
        page = enter("handler", PHONE)
        look(opened(page, "/"), "phone-tasks")
        page.click("[data-open] >> nth=0")
        page.wait_for_selector("#story")
        look(page)

    def test_the_owner(self, demo, enter, look):
        page = enter(size=PHONE)
        building = Building.objects.order_by("pk")[0]
        opened(page, reverse("report-place", args=[building.qr_code]))
        look(page, "report")
        asked = Ticket.objects.filter(status=Status.IN_PROGRESS, kind="repair").exclude(unit=None).order_by("pk")
        fresh = asked.filter(created_at__gt=MORNING - timedelta(days=2)).order_by("-created_at").first() or asked[0]
        look(opened(page, links.path(fresh)), "track")
        answered = Ticket.objects.filter(status=Status.FED_BACK).exclude(unit=None).order_by("-pk")[0]
        look(opened(page, links.path(answered)))


class TestTheManager:
    pytestmark = in_browser

    def test_the_pages_of_limits_calendars_and_notices(self, demo, enter, look):
        page = enter("manager")
        policy = Policy.objects.get(is_default=True)
        look(opened(page, reverse("terms")))
        look(opened(page, reverse("policy", args=[policy.pk])), "limits")
        look(opened(page, reverse("calendars")))
        look(opened(page, reverse("calendar", args=[WorkCalendar.objects.get(is_default=True).pk])), "calendar")
        for name in ("escalation", "channels", "duty", "absences", "sent-notices", "outbox", "my-notices"):
            look(opened(page, reverse(name)))
        mine = User.objects.get(username="manager").employee.grants.values("project_id")
        rested = Ticket.objects.filter(project_id__in=mine, holds__isnull=False, status=Status.CLOSED).order_by("pk")[0]
        look(opened(page, reverse("ticket-deadlines", args=[rested.number])), "deadlines")


class TestEverybodysHome:
    pytestmark = in_browser

    def test_each_demo_account_has_a_home_that_fits(self, demo, enter, look):
        for username in set(DEMO_ACCOUNTS) - {"supervisor", "frontdesk", "handler"}:
            look(opened(enter(username), "/"))


def test_every_picture_that_is_named_is_there():
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    for page in pages:
        for name in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page.read_text("utf-8")):
            if "://" not in name:
                assert (page.parent / name).exists(), f"{page.name}: {name}"
