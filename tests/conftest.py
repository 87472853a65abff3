"""What every test may ask for: the cast, and a client that is signed in as one of them."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from tests.factories import make_cast
from tickets import escalation_steps, policies
from tickets.lifecycle import gate

# The suite always runs on a Tuesday at ten in the morning: what is due in service time or on a working day must not
# depend on when somebody starts it. Set before any test module is read, since some count from "now" as they load.
TUESDAY_MORNING = time_machine.travel(datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai")), tick=True)
TUESDAY_MORNING.start()


@pytest.fixture
def real_time():
    """For tests that share a clock with browsers or other processes."""
    TUESDAY_MORNING.stop()
    yield
    TUESDAY_MORNING.start()


@pytest.fixture(autouse=True)
def fresh_clauses() -> None:
    """Clause ids are kept in the process; between tests the tables start anew."""
    gate.forget_clauses()
    policies.forget()
    escalation_steps.forget()


@pytest.fixture
def cast(db: None) -> SimpleNamespace:
    return make_cast()


@pytest.fixture
def as_(cast: SimpleNamespace):
    """``as_("frontdesk")``: a client signed in as that member of the cast."""

    def sign_in(name: str) -> Client:
        client = Client()
        client.force_login(getattr(cast, name).user, backend="staff.authentication.EmployeeBackend")
        return client

    return sign_in
