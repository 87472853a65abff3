"""A manager gives his project its own limits and its own calendar, and takes the open requests along."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from shimao_service.models import WorkCalendar
from tests.browser.conftest import DESK, PHONE
from tests.factories import register
from tickets import policies, terms_changes
from tickets.models import Policy, TermsChange

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def manager(open_page: Callable[..., Any], live_server: Any, cast: SimpleNamespace, monkeypatch: Any) -> Any:
    """A page at the desk, signed in as the project's manager; the worker is the test's to call."""
    policies.ensure_policies()
    monkeypatch.setattr(terms_changes, "ring", lambda pk: True)
    client = Client()
    client.force_login(cast.manager.user, backend="staff.authentication.EmployeeBackend")
    page, name = open_page(DESK), settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    return page


@pytest.fixture
def fits(check_access: Callable[[Any], None]) -> Callable[[Any], None]:
    """Right for axe, and no wider than a phone or a desk."""

    def check(page: Any) -> None:
        for size in (PHONE, DESK):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
            check_access(page)

    return check


def test_limits_are_copied_changed_and_taken_over_to_open_requests(cast, manager, fits):
    ticket = register(cast)
    manager.goto(reverse("terms"))
    manager.click("#projects >> text=更换")
    fits(manager)
    manager.click("text=从“标准”复制")
    manager.get_by_role("button", name="复制").click()
    manager.get_by_role("button", name="修改").click()
    manager.click("text=修改报修")
    manager.fill("[name=normal-resolution-target]", "60")
    manager.get_by_role("button", name="保存到草稿").click()
    manager.wait_for_selector("text=目标比承诺还长")
    fits(manager)
    manager.fill("[name=normal-resolution-target]", "20")
    manager.get_by_role("button", name="保存到草稿").click()
    fits(manager)
    manager.click("text=发布（1 处改动）")
    manager.check("[name=apply][value=open]")
    fits(manager)
    manager.get_by_role("button", name="发布").click()
    manager.wait_for_selector("text=预览计算中")
    change = TermsChange.objects.get()
    terms_changes.work(change.pk)
    manager.get_by_role("button", name="确认重算").click()
    manager.wait_for_selector("text=已确认，正在重算")
    terms_changes.work(change.pk)
    manager.wait_for_selector("text=1 张未办结的工单已按新的时限计时")
    fits(manager)
    assert ticket.clocks.get(name="resolution").amount == 20 * 60


def test_a_calendar_is_made_given_summer_hours_published_and_used(cast, manager, fits):
    manager.goto(reverse("calendars"))
    manager.click("text=新增日历")
    manager.fill("[name=name]", "滨江日历")
    manager.fill("[name=code]", "binjiang")
    manager.get_by_role("button", name="建立草稿").click()
    manager.fill("#days [name=date]", "2027-06-01")
    manager.fill("#days [name=last]:visible", "2027-09-30")
    manager.select_option("#days [name=kind]", "hours")
    manager.fill("#days [name=name]", "夏令时间")
    manager.fill("#days [name=working]", "08:00-12:00 15:00-18:00")
    manager.get_by_role("button", name="加入草稿").click()
    manager.wait_for_selector("text=只改时间")
    fits(manager)
    manager.fill("#week [name=working_5]", "上午")
    manager.get_by_role("button", name="保存每周时间").click()
    manager.wait_for_selector("text=请写成 08:30-12:00")
    assert manager.input_value("#week [name=working_5]") == "上午"
    manager.fill("#week [name=working_5]", "")
    manager.get_by_role("button", name="保存每周时间").click()
    manager.wait_for_selector("text=每周时间已保存到草稿")
    manager.click("#publish button:has-text('发布')")
    manager.click("[data-confirm-yes]")
    manager.wait_for_selector("text=还没有项目使用这个日历，请为项目选用")
    fits(manager)
    manager.click("text=为项目选用日历")
    manager.click("#projects >> text=更换")
    manager.select_option("[name=calendar]", label="滨江日历")
    manager.get_by_role("button", name="保存").click()
    manager.wait_for_selector("#projects >> text=滨江日历")
    cast.project.refresh_from_db()
    assert cast.project.calendar == WorkCalendar.objects.get(code="binjiang")
    assert Policy.objects.get(is_default=True).terms.get().project == cast.project
