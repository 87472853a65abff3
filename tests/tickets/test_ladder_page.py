"""What the page of escalation says at a glance: whom a step reaches at least, and when a breach would reach nobody."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tickets.models import EscalationStep
from tickets.statuses import StepBasis

pytestmark = pytest.mark.django_db

SILENT = "工单超时不会提醒任何人"


def page(client) -> str:
    return client.get(reverse("escalation")).content.decode()


def test_a_step_and_its_example_do_not_contradict_each_other(as_, cast):
    seen = page(as_("director"))
    # A breach of the example goes straight to the manager, so its warning reaches the supervisor as well.
    assert "至少提醒责任人" in seen
    assert "主管、责任人" in seen
    assert "快到期时也提醒主管" in seen


def test_it_is_said_when_no_step_is_left_that_tells_of_a_breach(as_, cast):
    client = as_("director")
    assert SILENT not in page(client)
    late = EscalationStep.objects.exclude(basis=StepBasis.PERCENT, amount__lt=100)
    first = late.first()
    EscalationStep.objects.filter(pk__in=late.exclude(pk=first.pk).values("pk")).delete()
    assert SILENT not in page(client)
    client.post(
        reverse("escalation-step", args=[first.pk]),
        {"basis": first.basis, "amount": first.amount, "rung": first.rung},
    )
    assert SILENT in page(client), "a step that is switched off tells nobody"
    client.post(reverse("escalation-remove", args=[first.pk]))
    assert SILENT in page(client)
