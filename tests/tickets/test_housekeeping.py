from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import register
from tickets.housekeeping import tidy
from tickets.models import ReportAttempt, Submission

pytestmark = pytest.mark.django_db


def test_old_form_keys_and_web_attempts_go_and_fresh_ones_stay(cast):
    now, ticket = timezone.now(), register(cast)
    for name, age in (("old", timedelta(days=8)), ("fresh", timedelta(days=6))):
        Submission.objects.create(scope="page:1", key=name, body_hash="x", ticket=ticket, at=now - age)
    for age in (timedelta(days=2), timedelta(hours=2)):
        ReportAttempt.objects.create(at=now - age, address="a")
    assert tidy(now) == 2
    assert Submission.objects.get().key == "fresh"
    assert ReportAttempt.objects.count() == 1
