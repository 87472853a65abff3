"""Real processes for tests that kill them: workers and small programs on the tests' own database."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from django.conf import settings
from django.db import connection

SETUP = """
import django
django.setup()
from datetime import datetime
from django.db import connection, transaction
from shimao_service import beat, delivery, outbox, ticking
from tests.shimao_service import notices
"""


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's, with the tests' database in the place of the real one."""
    database = connection.settings_dict
    login = f"{quote(str(database['USER']), safe='')}:{quote(str(database['PASSWORD'] or ''), safe='')}"
    address = f"postgres://{login}@{quote(str(database['HOST']), safe='')}:{database['PORT']}/{database['NAME']}"
    at_once = {"FOLD_SECONDS": "0", "QUIET_HOURS": ""}
    ours = {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "shimao_service.settings"}
    return os.environ | ours | at_once | dict(more)


def start(*arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        env=environment(more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@contextmanager
def program(source: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Runs a few lines after Django's set-up; whatever is left of it ends with the test."""
    process = start("-c", SETUP + textwrap.dedent(source), **more)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def worker(queue: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A Celery worker on a queue of its own, as one process, so that killing it kills what it does."""
    process = start(
        "-m", "celery", "-A", "shimao_service", "worker", "-P", "solo", "-Q", queue, "-n", f"{queue}@test",
        "--without-gossip", "--without-mingle", "--without-heartbeat", **more,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], object], *, seconds: float = 40) -> None:
    """Fails the test when it does not become true; the limit is for a broken build, not a measure."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not happen."
        time.sleep(0.05)
