"""What every test may ask for: the cast, and a client that is signed in as one of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.test import Client

from tests.factories import make_cast
from tickets import policies
from tickets.lifecycle import gate


@pytest.fixture(autouse=True)
def fresh_clauses() -> None:
    """Clause ids are kept in the process; between tests the tables start anew."""
    gate.forget_clauses()
    policies.forget()


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
