"""The page's helpers in a real browser, on the one form that needs no sign-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.browser.conftest import PHONE
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
DESCRIPTION = "厨房水管爆了，总阀拧不动"


@pytest.fixture
def page(open_page: Callable[..., Any], cast: SimpleNamespace) -> Any:
    """The owner's form on a phone-sized screen, filled in but for the pictures."""
    page = open_page(PHONE)
    page.goto("/report/")
    fill(page, cast)
    return page


def fill(page: Any, cast: SimpleNamespace) -> None:
    page.select_option("#id_project", label=cast.project.name)
    page.fill("#id_room", "3-2-1502")
    page.fill("#id_description", DESCRIPTION)
    page.fill("#id_phone", "13812345678")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "kitchen.jpg"
    Image.effect_noise((2600, 2000), 60).convert("RGB").save(path, quality=95)
    return path


def pick(page: Any, *paths: Path) -> None:
    page.set_input_files("#id_pictures", [str(path) for path in paths])
    page.wait_for_selector("[data-uploader-list] img")


def test_a_photo_is_shrunk_before_it_travels(page, photo):
    pick(page, photo)
    page.wait_for_function("document.querySelector('#id_pictures').files[0].size > 0")
    size = page.evaluate("document.querySelector('#id_pictures').files[0].size")
    assert 0 < size < photo.stat().st_size


def test_what_is_no_picture_is_refused_with_its_name(page, tmp_path):
    other = tmp_path / "list.txt"
    other.write_text("x")
    page.set_input_files("#id_pictures", [str(other)])
    page.wait_for_selector("[data-uploader-note].is-bad")
    assert "list.txt" in page.inner_text("[data-uploader-note]")


def test_a_lost_signal_keeps_text_and_picture_and_sends_when_it_is_back(page, photo):
    pick(page, photo)
    page.context.set_offline(True)
    page.click("form[data-report] button.btn-primary")
    page.wait_for_selector("[data-uploader-note].is-bad")
    assert page.input_value("#id_description") == DESCRIPTION
    assert page.locator("[data-uploader-list] li").count() == 1
    page.context.set_offline(False)
    page.wait_for_url("**/track/**")
    assert Ticket.objects.get().description == DESCRIPTION


def test_a_double_tap_sends_once(page):
    posts: list[str] = []
    page.on("request", lambda request: request.method == "POST" and posts.append(request.url))
    page.evaluate(
        "(() => { const b = document.querySelector('form[data-report] .btn-primary'); b.click(); b.click(); })()"
    )
    page.wait_for_url("**/track/**")
    assert len(posts) == 1
    assert Ticket.objects.count() == 1


def test_the_form_passes_the_accessibility_check(page):
    from axe_playwright_python.sync_playwright import Axe

    # The check itself is injected as a script, which our own policy rightly refuses.
    with_bypass = page.context.browser.new_context(bypass_csp=True).new_page()
    with_bypass.goto(page.url)
    assert Axe().run(with_bypass).response["violations"] == []
