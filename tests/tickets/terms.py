"""What the tests of limits share: the company's policy, and changes that nobody rings for."""

from __future__ import annotations

import pytest

from tickets import policies, terms_changes
from tickets.models import Policy


@pytest.fixture(autouse=True)
def quiet_changes(monkeypatch):
    monkeypatch.setattr(terms_changes, "ring", lambda pk: True)


@pytest.fixture
def standard(cast) -> Policy:
    policies.ensure_policies()
    return Policy.objects.get(code="standard")
