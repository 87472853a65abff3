"""Taking over open requests while workers are really killed and people move them. Real transactions and processes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from shimao_service import beat, calendars
from shimao_service.actors import SYSTEM
from shimao_service.celery import app
from tests.factories import make_cast, register
from tests.shimao_service.processes import program
from tests.tickets.test_races import together
from tests.tickets.test_terms_changes import new_version, standard
from tickets import lifecycle, policies, policy_drafts, terms_changes
from tickets.models import Event, PolicyVersion, TermsChange, Ticket
from tickets.statuses import Verb

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    policies.forget()
    monkeypatch.setattr(terms_changes, "ring", lambda pk: True)


def confirmed(tickets: int) -> tuple[TermsChange, list[Ticket]]:
    cast, now = make_cast(), timezone.now()
    rows = [register(cast, now=now - timedelta(minutes=tickets - n)) for n in range(tickets)]
    version = new_version(standard(), "resolution", 720, "h", now=now)
    change = terms_changes.start(policy_version=version, by=SYSTEM, now=now)
    terms_changes.work(change.pk)
    return terms_changes.confirm(change, by=SYSTEM), rows


def events() -> list[int]:
    return sorted(Event.objects.filter(verb=Verb.RECLOCK).values_list("ticket_id", flat=True))


def test_a_worker_killed_in_the_middle_is_followed_by_another_and_nothing_is_done_twice():
    change, tickets = confirmed(6)
    source = f"""
        from tickets import terms_changes
        terms_changes.BATCH = 2
        real, seen = terms_changes._take_over, []
        def halting(change, ticket, now):
            real(change, ticket, now)
            seen.append(ticket.pk)
            if len(seen) == 3:  # in the middle of the second batch
                print("done", flush=True)
                import time
                time.sleep(600)
        terms_changes._take_over = halting
        terms_changes.work({change.pk}, now=datetime.fromisoformat({timezone.now().isoformat()!r}))
    """
    with program(source) as process:
        assert process.stdout.readline().strip() == "done"
        process.kill()
        process.wait()
    change.refresh_from_db()
    assert change.status == TermsChange.Status.APPLYING
    assert change.looked_at == 2
    assert len(events()) == 3, "what was done is done"
    assert not terms_changes.work(change.pk), "the dead one's lease still runs"
    later = timezone.now() + terms_changes.LEASE + timedelta(seconds=1)
    assert terms_changes.sweep(later) == 1
    assert terms_changes.work(change.pk, now=later)
    change.refresh_from_db()
    assert (change.status, change.looked_at) == (TermsChange.Status.DONE, 5), "the third was under it already"
    assert events() == sorted(ticket.pk for ticket in tickets)


def test_requests_that_move_meanwhile_are_done_all_the_same():
    change, tickets = confirmed(3)
    cast = type("Cast", (), {})
    from staff.access import actor_of
    from staff.models import Employee

    cast.desk = Employee.objects.get(number="frontdesk")
    moves = [(lambda t=ticket: lifecycle.supplement(t, by=actor_of(cast.desk), note="补充一句")) for ticket in tickets]
    results = together(lambda: terms_changes.work(change.pk), *moves)
    assert results[0] is True
    assert all(isinstance(result, Ticket) for result in results[1:])
    assert events() == sorted(ticket.pk for ticket in tickets)
    version = change.policy_version_id
    for ticket in Ticket.objects.all():
        assert ticket.policy_version_id == version
        assert ticket.clocks.get(name="resolution").due_at == ticket.created_at + timedelta(hours=12)
        sequence = list(ticket.events.order_by("seq").values_list("seq", flat=True))
        assert sequence == list(range(1, len(sequence) + 1))


def test_two_workers_at_once_share_the_work():
    change, tickets = confirmed(4)
    together(lambda: terms_changes.work(change.pk), lambda: terms_changes.work(change.pk))
    change.refresh_from_db()
    assert (change.status, change.looked_at) == (TermsChange.Status.DONE, 4)
    assert events() == sorted(ticket.pk for ticket in tickets)


def test_two_people_drafting_at_once_share_one_draft():
    make_cast()
    policy = standard()
    first, second = together(
        lambda: policy_drafts.draft(policy, by=SYSTEM), lambda: policy_drafts.draft(policy, by=SYSTEM)
    )
    assert first.pk == second.pk
    assert PolicyVersion.objects.filter(policy=policy, published_at=None).count() == 1


def test_the_task_the_tick_and_the_calendars_hook_are_wired():
    import tickets.tasks  # noqa: F401  (as the worker finds it)

    assert terms_changes.TASK in app.tasks
    assert "tickets.terms_changes.sweep" in beat.TICK
    cast, now = make_cast(), timezone.now()
    register(cast, now=now)
    version = calendars.current_version()
    assert calendars.change is not None
    address = calendars.change(version, cast.director, now)
    change = TermsChange.objects.get()
    assert address == f"/terms/changes/{change.pk}/"
    assert (change.calendar_version, change.made_by) == (version, cast.director)
