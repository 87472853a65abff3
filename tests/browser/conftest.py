"""Debian's chromium, driven by Playwright: one browser for this folder, a fresh profile a test.

Without chromium these tests skip and say so; with ``REQUIRE_BROWSER`` set they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
# Until nothing moves; what turns for ever does not count.
COME_TO_REST = """async () => {
    const moves = one => one.playState === "running" && one.effect.getComputedTiming().endTime !== Infinity;
    const frame = () => new Promise(done => requestAnimationFrame(done));
    await frame();
    do await frame(); while (document.getAnimations().some(moves));
}"""


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    if not Path(CHROMIUM).exists() and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip(f"no chromium at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    # Playwright's event loop lives in this thread; the database is used beside it, never inside it.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(chromium: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """``open_page(PHONE)``: a page of its own profile at that size; what goes wrong on it fails the test."""
    contexts, problems = [], []

    def make(size: dict[str, int] = PHONE, **options: Any) -> Any:
        context = chromium.new_context(
            viewport=size, base_url=live_server.url, locale="zh-CN", timezone_id="Asia/Shanghai", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        # Refusals (4xx) are said by the page; scripts that break and broken policies are not.
        page.on(
            "console",
            lambda said: (
                problems.append(said.text)
                if said.type == "error" and "Failed to load resource" not in said.text
                else None
            ),
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture
def check_access() -> Callable[[Any], None]:
    """``check_access(page)``: axe finds nothing."""
    from axe_playwright_python.sync_playwright import Axe

    def check(page: Any) -> None:
        # Judged at rest: a toast fading in has no colour of its own yet.
        page.evaluate(COME_TO_REST)
        found = Axe().run(page).response["violations"]
        told = [f"{v['id']}: {v['help']} {[node['html'][:160] for node in v['nodes']]}" for v in found]
        assert not told, "\n".join(told)

    return check
