"""Fixtures of the ground floor's tests."""

from __future__ import annotations

import socket

import pytest


@pytest.fixture
def unused_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(autouse=True)
def letters_leave_at_once(settings) -> None:
    """Each by itself and at any hour; the tests of folding and of quiet hours set what they are about."""
    settings.FOLD_SECONDS = 0
    settings.QUIET_HOURS = ""
