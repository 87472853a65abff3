"""The duty table filled by a supervisor at the desk, and read by the guard on the phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from staff.models import Absence, DutySlot, Role, RoleGrant
from tests.browser.conftest import DESK, PHONE
from tests.factories import register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def let_in(open_page: Callable[..., Any], live_server: Any, cast: SimpleNamespace) -> Callable[..., Any]:
    """``let_in("supervisor", DESK)``: a page signed in as that member of the cast."""

    def go(who: str, size: dict[str, int]) -> Any:
        client = Client()
        client.force_login(getattr(cast, who).user, backend="staff.authentication.EmployeeBackend")
        page, name = open_page(size), settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        return page

    return go


def test_a_table_is_planned_copied_and_read(cast, let_in, check_access):
    RoleGrant.objects.create(employee=cast.guard, role=Role.objects.get(code="duty_desk"), project=cast.project)
    desk = let_in("supervisor", DESK)
    desk.goto(reverse("duty"))
    desk.click("text=安排值班 >> nth=0")
    dialog = desk.locator("dialog[open]")
    for weekday in range(5):
        dialog.locator(f"[name=weekdays][value='{weekday}']").check()
    dialog.locator("[name=employee]").select_option(str(cast.duty.pk))
    dialog.locator("[name=deputy]").select_option(str(cast.guard.pk))
    check_access(desk)
    dialog.get_by_role("button", name="保存").click()
    desk.wait_for_selector("text=周六、周日 20:00–次日 08:30")
    assert desk.locator(".duty-week .duty-slot").count() == 5
    check_access(desk)

    desk.click("summary:has-text('复制到其他日子')")
    desk.select_option("#copy [name=weekday]", "4")
    for weekday in (5, 6):
        desk.check(f"#copy [name=to][value='{weekday}']")
    desk.click("#copy button:has-text('复制')")
    desk.wait_for_selector("[data-toast]:has-text('已复制 2 个时段')")
    assert desk.locator("text=无人值班").count() == 0
    assert DutySlot.objects.filter(deputy=cast.guard).count() == 7

    desk.click(".duty-week .duty-who >> nth=0")
    desk.locator("dialog[open]").get_by_role("button", name="取消这个值班").click()
    desk.click("[data-confirm-yes]")
    desk.wait_for_selector("text=周一 20:00–次日 08:30")
    assert DutySlot.objects.count() == 6

    phone = let_in("guard", PHONE)
    phone.goto(reverse("duty"))
    assert phone.locator(".duty-day:visible").count() == 7
    assert not phone.locator(".duty-week").is_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    check_access(phone)


def test_who_gives_work_to_somebody_on_leave_reads_it_as_soon_as_he_is_picked(cast, let_in, check_access):
    from playwright.sync_api import expect

    now = timezone.now()
    Absence.objects.create(
        employee=cast.handler, kind="leave", starts_at=now, ends_at=now + timedelta(days=2), recorded_at=now
    )
    page = let_in("frontdesk", DESK)
    page.goto(reverse("ticket-move", args=[register(cast).number, "dispatch"]))
    note = page.locator("[data-option-note]")
    expect(note).to_be_hidden()
    page.select_option("select[name=handler]", str(cast.handler.pk))
    expect(note).to_contain_text("周建国 请假至")
    check_access(page)
    page.select_option("select[name=department]", str(cast.works.pk))
    expect(note).to_be_hidden()
    page.select_option("select[name=handler]", str(cast.handler.pk))
    page.click("[data-primary]")
    page.wait_for_selector("[data-toast]:has-text('仍可派单')")


def test_the_slots_of_who_cannot_answer_any_more_go_to_another_in_a_dialog(cast, let_in, check_access):
    for weekday in range(7):
        DutySlot.objects.create(project=cast.project, weekday=weekday, starts="20:00", ends="08:30", employee=cast.duty)
    RoleGrant.objects.filter(employee=cast.duty).delete()
    for size in (PHONE, DESK):
        page = let_in("supervisor", size)
        page.goto(reverse("duty"))
        page.wait_for_selector("text=孙班长 已不在本项目，但仍在值班表上")
        check_access(page)
    page.click("text=改由他人值班 >> nth=0")
    page.locator("dialog[open] [name=to]").select_option(str(cast.supervisor.pk))
    check_access(page)
    page.locator("dialog[open]").get_by_role("button", name="保存").click()
    page.wait_for_selector("[data-toast]:has-text('已调整 孙班长 的 7 个时段')")
    assert DutySlot.objects.filter(employee=cast.supervisor).count() == 7
