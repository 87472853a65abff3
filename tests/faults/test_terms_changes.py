"""A worker killed while it takes new terms over to open requests: another goes on, and each request has one event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shimao_service.actors import SYSTEM
from tests.factories import make_cast, register
from tests.shimao_service.processes import program
from tests.tickets.invariants import broken
from tests.tickets.test_terms_changes import NOW, counted, new_version, reclocks, resolution, standard
from tickets import terms_changes
from tickets.models import TermsChange, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

REQUESTS, KILLED_AT = 8, 5
WORK = """
    from tickets import terms_changes
    from tickets.lifecycle import recomputing
    terms_changes.BATCH = 3
    done = []

    def pause(real, *arguments, **more):
        answer = real(*arguments, **more)
        done.append(answer)
        if len(done) == {killed_at}:
            print("half", flush=True)
            input()
        return answer

    {patch}
    terms_changes.work({change}, now=datetime.fromisoformat("{now}"))
"""
WITHIN_ONE = (
    "real = terms_changes.lifecycle.recompute; terms_changes.lifecycle.recompute = lambda *a, **m: pause(real, *a, **m)"
)
WHILE_COUNTING = "real = terms_changes.outlook; terms_changes.outlook = lambda *a, **m: pause(real, *a, **m)"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    """The tick does the work itself, a batch at a time."""
    monkeypatch.setattr(terms_changes, "ring", lambda pk: False)


def kill_half_way(change: TermsChange, patch: str) -> None:
    source = WORK.format(killed_at=KILLED_AT, patch=patch, change=change.pk, now=NOW.isoformat())
    with program(source) as process:
        assert process.stdout.readline() == "half\n"
        assert not terms_changes.work(change.pk, now=NOW + timedelta(seconds=1)), "one worker at a time"
        process.kill()
        process.wait()


def ticks_go_on(change: TermsChange, until: str) -> None:
    assert terms_changes.sweep(NOW + terms_changes.LEASE / 2) == 0, "it may only be slow"
    now = NOW + terms_changes.LEASE
    for _tick in range(REQUESTS):
        now += timedelta(minutes=2)
        terms_changes.sweep(now)
    change.refresh_from_db()
    assert change.status == until


def test_killed_while_applying_it_is_finished_by_the_ticks_without_a_second_event():
    cast = make_cast()
    tickets = [register(cast, now=NOW - timedelta(minutes=20 - n)) for n in range(REQUESTS)]
    version = new_version(standard(), "resolution", 12 * 60, "h")
    change = counted(terms_changes.start(policy_version=version, by=SYSTEM, now=NOW), NOW)
    terms_changes.confirm(change, by=cast.by("director"), now=NOW)

    kill_half_way(change, WITHIN_ONE)
    left = KILLED_AT - 1
    assert [len(reclocks(ticket)) for ticket in tickets] == [1] * left + [0] * (REQUESTS - left)
    assert [words for ticket in Ticket.objects.all() for words in broken(ticket)] == [], "no request is half taken over"

    ticks_go_on(change, TermsChange.Status.DONE)
    assert [len(reclocks(ticket)) for ticket in tickets] == [1] * REQUESTS
    assert change.failed == 0
    assert {resolution(ticket).due_at - ticket.created_at for ticket in tickets} == {timedelta(hours=12)}
    assert [words for ticket in Ticket.objects.all() for words in broken(ticket)] == []


def test_killed_while_counting_the_preview_counts_each_request_once():
    cast = make_cast()
    for n in range(REQUESTS):
        register(cast, now=NOW - timedelta(minutes=20 - n))
    version = new_version(standard(), "resolution", 12 * 60, "h")
    change = terms_changes.start(policy_version=version, by=SYSTEM, now=NOW)
    kill_half_way(change, WHILE_COUNTING)
    ticks_go_on(change, TermsChange.Status.COUNTED)
    assert (change.looked_at, change.changed) == (REQUESTS, REQUESTS)
