"""Services of the tests' own around a bare ``pytest`` (``make test`` starts them itself and names them).

Loaded by ``-p`` in pyproject.toml, so that one test, an editor or a debugger need no set-up either.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from shimao_service.embedded.services import started
from shimao_service.embedded.state import RUN, Trouble

_services = contextlib.ExitStack()

# Brokers keep so many databases apart.
BROKER_DATABASES = 16


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    """Before pytest-django reads the settings: hence a wrapper, which comes before every plain hook."""
    os.environ.setdefault("DEBUG", "1")
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        try:
            os.environ.update(_services.enter_context(started("test")).environment)
        except Trouble as trouble:
            raise pytest.UsageError(str(trouble)) from None
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ.update(apart(int(worker.removeprefix("gw")), os.environ["REDIS_URL"]))
    yield


def apart(number: int, redis_url: str) -> dict[str, str]:
    """What keeps one of several workers (``-n``) out of the others' way; pytest-django names its database.

    A broker's database of its own, counted on from the named one, which stays unused, and files of its own.
    """
    address = urlsplit(redis_url)
    database = (int(address.path.strip("/") or 0) + 1 + number) % BROKER_DATABASES
    return {
        "REDIS_URL": address._replace(path=f"/{database}").geturl(),
        "MEDIA_ROOT": str(RUN / "test" / f"media-{number}"),
    }


def pytest_unconfigure() -> None:
    _services.close()
