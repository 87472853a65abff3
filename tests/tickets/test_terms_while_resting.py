"""A change that comes while the work rests: a clock whose time had not run out when the rest began is not broken."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shimao_service.actors import SYSTEM
from tests.factories import walk
from tests.tickets.test_explanation import steps_of
from tickets import lifecycle, policies
from tickets.lifecycle.recomputing import outlook
from tickets.models import Policy, Ticket
from tickets.policy_drafts import in_force
from tickets.statuses import Status

pytestmark = pytest.mark.django_db


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture
def resting(cast) -> Ticket:
    """A repair with 48 hours of which 25 are used: without the rest they would have ended on the 6th at ten."""
    policies.ensure_policies()
    ticket = walk(cast, Status.IN_PROGRESS, now=at(4, 10))
    return lifecycle.hold(ticket, by=cast.by("handler"), reason="parts", resume_at=at(10, 11), now=at(5, 11))


def version(code: str) -> int:
    return in_force(Policy.objects.get(code=code)).pk


def resolution(ticket: Ticket):
    return ticket.clocks.get(name="resolution")


def moved(ticket: Ticket, code: str, when: datetime) -> Ticket:
    return lifecycle.recompute(ticket, policy_version=version(code), by=SYSTEM, now=when)


def test_more_time_given_while_it_rests_counts_at_once_and_after_the_rest(cast, resting):
    started = resolution(resting).started_at
    ticket = moved(resting, "basic", at(8, 10))
    clock = resolution(ticket)
    assert (clock.amount, clock.paused_at) == (72 * 60, at(5, 11))
    told = "\n".join(step.text for step in steps_of(ticket, "resolution", now=at(8, 10)))
    assert "结果保持原样" not in told
    ticket = lifecycle.resume(ticket, by=cast.by("handler"), now=at(10, 11))
    assert resolution(ticket).due_at == started + timedelta(hours=72) + timedelta(hours=120)


def test_less_time_is_told_in_the_preview_and_not_only_when_the_work_goes_on(cast, resting):
    seen = outlook(resting, policy_version=version("premium"), now=at(8, 10))
    assert seen.is_late(at(8, 10)), "24 hours were over an hour before the rest began"
    ticket = moved(resting, "premium", at(8, 10))
    before = resolution(ticket).due_at
    ticket = lifecycle.resume(ticket, by=cast.by("handler"), now=at(10, 11))
    assert resolution(ticket).due_at == before == resolution(ticket).started_at + timedelta(hours=24)


def test_what_was_broken_before_the_rest_stays_broken(cast):
    policies.ensure_policies()
    ticket = walk(cast, Status.IN_PROGRESS, now=at(4, 10))
    ticket = lifecycle.hold(ticket, by=cast.by("handler"), reason="parts", resume_at=at(10, 11), now=at(7, 11))
    broken = resolution(ticket).due_at
    ticket = moved(ticket, "basic", at(8, 10))
    assert (resolution(ticket).due_at, resolution(ticket).amount) == (broken, 48 * 60)
    ticket = lifecycle.resume(ticket, by=cast.by("handler"), now=at(10, 11))
    assert resolution(ticket).due_at == broken
