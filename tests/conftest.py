"""What every test may ask for: the cast, and a client that is signed in as one of them."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db.models import Model, Value
from django.test import Client, TransactionTestCase, override_settings
from django.utils import timezone
from whitenoise.middleware import WhiteNoiseMiddleware

from shimao_service import calendars, health
from shimao_service.models import (
    CalendarDay,
    CalendarSpan,
    CalendarVersion,
    CalendarYear,
    OfficialDay,
    OfficialYear,
    WorkCalendar,
)
from tests.factories import make_cast
from tests.remembered import Remembered, Tables, may_pass_triggers
from tickets import escalation_steps, policies
from tickets.lifecycle import gate
from tickets.models import EscalationStep, Limit, Policy, PolicyVersion

CALENDAR = (OfficialYear, OfficialDay, WorkCalendar, CalendarVersion, CalendarSpan, CalendarDay, CalendarYear)
POLICIES = (Policy, PolicyVersion, Limit, EscalationStep)

# The suite always runs on a Tuesday at ten in the morning: what is due in service time or on a working day must not
# depend on when somebody starts it. Set before any test module is read, since some count from "now" as they load.
TUESDAY_MORNING = time_machine.travel(datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai")), tick=True)
TUESDAY_MORNING.start()


# Files that take long, few tests or many: begun first, so that several workers (``make test``) end together.
LONG = ("tests/browser/", "tests/faults/", "tests/shimao_service/test_embedded", "tests/tickets/test_matrix.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        items.sort(key=lambda item: (not item.nodeid.startswith(LONG), -tests[item.path], str(item.path)))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A test that commits leaves the tables as the migrations left them, so that files may run in any order."""
    with django_db_blocker.unblock():
        tables = Tables() if may_pass_triggers() else None
    patch = pytest.MonkeyPatch()
    if tables:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: tables.restore())
    # A tenth of the time went into looking, again and again, for garbage among what stays till the end.
    gc.collect()
    gc.freeze()
    yield
    patch.undo()


@pytest.fixture
def real_time():
    """For tests that share a clock with browsers or other processes."""
    TUESDAY_MORNING.stop()
    yield
    TUESDAY_MORNING.start()


@pytest.fixture(autouse=True)
def just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page warns of a beat that stands still: the process began in the tests' own time, however long they take."""
    monkeypatch.setattr(health, "STARTED", timezone.now())


@pytest.fixture(autouse=True)
def fresh_clauses() -> None:
    """Clause ids are kept in the process; between tests the tables start anew."""
    gate.forget_clauses()
    policies.forget()
    escalation_steps.forget()


@pytest.fixture(autouse=True, scope="session")
def remembered_defaults() -> Iterator[None]:
    """The calendar and the policies that the first request brings along, unless a test asks for them at a moment."""
    patch = pytest.MonkeyPatch()
    for module, name, models in (
        (calendars, "ensure_default", CALENDAR),
        (policies, "ensure_policies", POLICIES),
    ):
        real = getattr(module, name)
        remembered = Remembered(real, lambda models=models: None if any_rows(models) else "empty", models)
        patch.setattr(module, name, lambda now=None, real=real, again=remembered: real(now) if now else again())
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def passwords_hashed_quickly() -> Iterator[None]:
    """Slow hashing is for those who steal the table."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def static_files_looked_up_once() -> Iterator[None]:
    """Every client makes a handler of its own, and whitenoise then looks at every file there is."""
    found: dict[str, Any] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def once(whitenoise: WhiteNoiseMiddleware) -> None:
        if not found:
            look(whitenoise)
            found.update(whitenoise.files)
        whitenoise.files.update(found)

    patch = pytest.MonkeyPatch()
    patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", once)
    yield
    patch.undo()


def any_rows(models: tuple[type[Model], ...]) -> bool:
    first, *others = (model.objects.order_by().values_list(Value(1))[:1] for model in models)
    return first.union(*others).exists()


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
