"""Services of the tests' own around a bare ``pytest`` (``make test`` starts them itself and names them).

Loaded by ``-p`` in pyproject.toml, so that one test, an editor or a debugger need no set-up either.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from shimao_service.embedded.services import started
from shimao_service.embedded.state import Trouble

_services = contextlib.ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    """Before pytest-django reads the settings: hence a wrapper, which comes before every plain hook."""
    os.environ.setdefault("DEBUG", "1")
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        try:
            os.environ.update(_services.enter_context(started("test")).environment)
        except Trouble as trouble:
            raise pytest.UsageError(str(trouble)) from None
    yield


def pytest_unconfigure() -> None:
    _services.close()
