"""A new version for open requests: counted, shown, confirmed, done; whatever happens in between."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shimao_service import calendars
from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Conflict, Forbidden, IllegalMove, NotSeen
from shimao_service.models import CalendarVersion
from staff.access import viewer_of
from tests.factories import register, walk
from tickets import lifecycle, policies, policy_drafts, terms_changes
from tickets.limit_words import fingerprint
from tickets.limits import Allowance
from tickets.models import Clock, Event, Policy, PolicyVersion, TermsChange, Ticket
from tickets.statuses import Kind, Status, Verb

pytestmark = pytest.mark.django_db

SHANGHAI = ZoneInfo("Asia/Shanghai")
# A Wednesday morning, in service time.
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=SHANGHAI)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """No broker is rung; the tests call the worker themselves."""
    monkeypatch.setattr(terms_changes, "ring", lambda pk: True)


def standard() -> Policy:
    policies.ensure_policies(NOW)
    return Policy.objects.get(code="standard")


def new_version(policy: Policy, clock: str, amount: int, unit: str, *, now: datetime = NOW) -> PolicyVersion:
    """Publish a version whose ordinary repairs have another limit on one clock."""
    version = policy_drafts.draft(policy, by=SYSTEM, now=now)
    limits = policies.read_limits(version.pk)
    of = ("repair", "normal", False)
    rows = {each: dict(given) for each, given in limits.classes.items() if each[0] == "repair"}
    rows[of][clock] = Allowance(clock, amount, unit)
    policy_drafts.save(policy, "repair", rows, by=SYSTEM, made_from=fingerprint(limits, "repair"))
    made = fingerprint(policies.read_limits(version.pk))
    return policy_drafts.publish(policy, by=SYSTEM, made_from=made, note="收紧", now=now)


def counted(change: TermsChange, now: datetime) -> TermsChange:
    assert terms_changes.work(change.pk, now=now)
    change.refresh_from_db()
    assert change.status == TermsChange.Status.COUNTED
    return change


def done(change: TermsChange, now: datetime, by=SYSTEM) -> TermsChange:
    terms_changes.confirm(change, by=by, now=now)
    assert terms_changes.work(change.pk, now=now)
    change.refresh_from_db()
    assert change.status == TermsChange.Status.DONE
    return change


def reclocks(ticket: Ticket) -> list[Event]:
    return list(Event.objects.filter(ticket=ticket, verb=Verb.RECLOCK))


def resolution(ticket: Ticket) -> Clock:
    return Clock.objects.get(ticket=ticket, name="resolution", round=ticket.round)


def test_the_preview_counts_what_changes_and_what_becomes_late(cast):
    old = register(cast, now=NOW - timedelta(hours=20))
    lifecycle.dispatch(
        old, by=cast.by("frontdesk"), department=cast.works, handler=cast.handler, now=NOW - timedelta(hours=19)
    )
    lifecycle.accept(old, by=cast.by("handler"), now=NOW - timedelta(hours=19))
    fresh = register(cast, now=NOW - timedelta(minutes=5))
    register(cast, kind=Kind.COMPLAINT, category=None, now=NOW - timedelta(minutes=5))
    walk(cast, Status.CLOSED, now=NOW - timedelta(hours=3))
    version = new_version(standard(), "resolution", 12 * 60, "h")
    change = counted(terms_changes.start(policy_version=version, by=SYSTEM, now=NOW), NOW)
    assert (change.looked_at, change.changed, change.becomes_late, change.no_longer_late) == (3, 2, 1, 0)
    assert [row["number"] for row in change.sample] == [old.number]
    assert datetime.fromisoformat(change.sample[0]["will"]) == old.created_at + timedelta(hours=12)
    assert not reclocks(old)
    assert resolution(fresh).due_at == fresh.created_at + timedelta(hours=48), "a preview changes nothing"


def test_confirmed_every_open_request_gets_its_event_and_its_clocks(cast):
    ticket = register(cast, now=NOW - timedelta(minutes=5))
    before = ticket.policy_version_id
    version = new_version(standard(), "resolution", 12 * 60, "h")
    change = counted(terms_changes.start(policy_version=version, by=SYSTEM, now=NOW), NOW)
    done(change, NOW, by=cast.by("director"))
    ticket.refresh_from_db()
    (event,) = reclocks(ticket)
    assert event.data == {"changes": {"policy_version": [before, version.pk]}}
    assert event.actor_kind == "system"
    assert "沈国栋" in event.note
    assert ticket.policy_version_id == version.pk
    assert resolution(ticket).due_at == ticket.created_at + timedelta(hours=12)
    assert change.decided_by == cast.director


def test_what_was_kept_or_broken_before_stays_so_and_pauses_are_kept(cast):
    late = walk(cast, Status.IN_PROGRESS, now=NOW - timedelta(days=4))
    paused = walk(cast, Status.ON_HOLD, now=NOW - timedelta(hours=30))
    response = Clock.objects.get(ticket=late, name="response")
    version = new_version(standard(), "resolution", 240 * 60, "h")
    change = counted(terms_changes.start(policy_version=version, by=SYSTEM, now=NOW), NOW)
    assert (change.becomes_late, change.no_longer_late) == (0, 0), "a softer limit erases no breach"
    done(change, NOW)
    assert resolution(late).due_at == late.created_at + timedelta(hours=48)
    assert Clock.objects.get(ticket=late, name="response").due_at == response.due_at
    assert resolution(paused).paused_at is not None
    assert resolution(paused).due_at == paused.created_at + timedelta(hours=240)


def test_applying_twice_or_after_a_worker_was_killed_half_way_makes_no_second_event(cast, monkeypatch):
    monkeypatch.setattr(terms_changes, "BATCH", 2)
    tickets = [register(cast, now=NOW - timedelta(minutes=9 - n)) for n in range(5)]
    version = new_version(standard(), "resolution", 12 * 60, "h")
    change = counted(terms_changes.start(policy_version=version, by=SYSTEM, now=NOW), NOW)
    assert change.looked_at == 5
    terms_changes.confirm(change, by=SYSTEM, now=NOW)
    # Killed after one request of the second batch: that one is done, the worker's place is not.
    assert terms_changes.work(change.pk, now=NOW, batches=1)
    lifecycle.recompute(tickets[2], policy_version=version.pk, now=NOW)
    TermsChange.objects.filter(pk=change.pk).update(working_at=NOW)
    assert not terms_changes.work(change.pk, now=NOW + timedelta(seconds=5)), "somebody may still be at it"
    later = NOW + terms_changes.LEASE + timedelta(seconds=1)
    assert terms_changes.sweep(later) == 1
    assert terms_changes.work(change.pk, now=later)
    change.refresh_from_db()
    assert change.status == TermsChange.Status.DONE
    assert [len(reclocks(ticket)) for ticket in tickets] == [1] * 5
    terms_changes.confirm(change, by=SYSTEM, now=later)
    assert not terms_changes.work(change.pk, now=later)
    assert Event.objects.filter(verb=Verb.RECLOCK).count() == 5


def test_two_workers_never_count_the_same_request_twice(cast, monkeypatch):
    monkeypatch.setattr(terms_changes, "BATCH", 2)
    for n in range(4):
        register(cast, now=NOW - timedelta(minutes=9 - n))
    version = new_version(standard(), "resolution", 12 * 60, "h")
    change = terms_changes.start(policy_version=version, by=SYSTEM, now=NOW)
    real = terms_changes._count

    def slow(row, tickets, now):
        # The other one, whose lease ran out while it was at this very batch, writes first.
        monkeypatch.setattr(terms_changes, "_count", real)
        terms_changes._batch(change.pk, now)
        return real(row, tickets, now)

    monkeypatch.setattr(terms_changes, "_count", slow)
    terms_changes.work(change.pk, now=NOW)
    TermsChange.objects.filter(pk=change.pk).update(working_at=None)
    terms_changes.work(change.pk, now=NOW)
    change.refresh_from_db()
    assert (change.looked_at, change.changed) == (4, 4)


def test_a_ring_nobody_heard_is_found_by_the_tick_and_done_there_without_a_broker(cast, monkeypatch):
    register(cast, now=NOW - timedelta(minutes=5))
    version = new_version(standard(), "resolution", 12 * 60, "h")
    change = terms_changes.start(policy_version=version, by=SYSTEM, now=NOW)
    assert terms_changes.sweep(NOW + timedelta(seconds=5)) == 0
    monkeypatch.setattr(terms_changes, "ring", lambda pk: False)
    for minute in (1, 2):
        assert terms_changes.sweep(NOW + timedelta(minutes=minute)) == 1
    change.refresh_from_db()
    assert (change.status, change.changed) == (TermsChange.Status.COUNTED, 1)


def test_a_preview_is_given_up_when_asked_anew_or_forgotten(cast):
    version = new_version(standard(), "resolution", 12 * 60, "h")
    first = counted(terms_changes.start(policy_version=version, by=SYSTEM, now=NOW), NOW)
    second = counted(terms_changes.start(policy_version=version, by=SYSTEM, now=NOW), NOW)
    first.refresh_from_db()
    assert first.status == TermsChange.Status.ABANDONED
    terms_changes.sweep(NOW + timedelta(days=8))
    second.refresh_from_db()
    assert second.status == TermsChange.Status.ABANDONED
    with pytest.raises(IllegalMove):
        terms_changes.confirm(second, by=SYSTEM, now=NOW)


def test_an_outdated_preview_is_not_confirmed_and_an_older_one_never_undoes_a_newer(cast):
    ticket = register(cast, now=NOW - timedelta(minutes=5))
    policy = standard()
    first = counted(
        terms_changes.start(policy_version=new_version(policy, "resolution", 720, "h"), by=SYSTEM, now=NOW), NOW
    )
    newer = new_version(policy, "resolution", 600, "h")
    with pytest.raises(Conflict):
        terms_changes.confirm(first, by=SYSTEM, now=NOW)
    done(counted(terms_changes.start(policy_version=newer, by=SYSTEM, now=NOW), NOW), NOW)
    assert not terms_changes.scope(first).exists()
    ticket.refresh_from_db()
    assert ticket.policy_version_id == newer.pk


def test_a_project_that_moves_takes_its_open_requests_along_when_asked(cast):
    ticket = register(cast, now=NOW - timedelta(minutes=5))
    policies.ensure_policies(NOW)
    premium = Policy.objects.get(code="premium")
    assert policy_drafts.assign(cast.project, premium, by=cast.by("manager"))
    change = counted(terms_changes.start(project=cast.project, by=cast.by("manager"), now=NOW), NOW)
    done(change, NOW, by=cast.by("manager"))
    assert resolution(Ticket.objects.get(pk=ticket.pk)).due_at == ticket.created_at + timedelta(hours=24)


def test_a_new_calendar_moves_what_is_open(cast):
    ticket = register(cast, now=NOW.replace(hour=19, minute=50))
    old = CalendarVersion.objects.get(pk=ticket.calendar_version_id)
    assert Clock.objects.get(ticket=ticket, name="response").due_at == NOW.replace(day=5, hour=8, minute=50)
    version = CalendarVersion.objects.create(calendar=old.calendar, number=old.number + 1, made_at=NOW)
    calendars.write_spans(version, "service", dict.fromkeys(range(7), ((540, 1320),)))
    version.published_at = NOW
    version.save()
    at = NOW.replace(hour=19, minute=55)
    done(counted(terms_changes.start(calendar_version=version, by=SYSTEM, now=at), at), at)
    assert Clock.objects.get(ticket=ticket, name="response").due_at == NOW.replace(hour=20, minute=20)


def test_only_who_manages_every_project_concerned_decides(cast):
    register(cast, now=NOW - timedelta(minutes=5))
    policy = standard()
    version = new_version(policy, "resolution", 720, "h")
    change = terms_changes.start(policy_version=version, by=cast.by("manager"), now=NOW)
    register(cast, by="outsider", project=cast.other_project, unit=None, now=NOW)
    Ticket.objects.filter(project=cast.other_project).update(policy_version=policy.versions.earliest("number"))
    with pytest.raises(Forbidden):
        terms_changes.start(policy_version=version, by=cast.by("manager"), now=NOW)
    with pytest.raises(Forbidden):
        terms_changes.confirm(counted(change, NOW), by=cast.by("manager"), now=NOW)
    with pytest.raises(Forbidden):
        terms_changes.seen(viewer_of(cast.supervisor), change.pk)
    assert terms_changes.seen(viewer_of(cast.director), change.pk) == change
    foreign = terms_changes.start(policy_version=version, by=SYSTEM, now=NOW)
    with pytest.raises(NotSeen):
        terms_changes.seen(viewer_of(cast.manager), foreign.pk)


def test_the_sample_hides_what_its_reader_may_not_see(cast):
    about_him = register(cast, kind=Kind.COMPLAINT, category=None, subjects=[cast.manager], now=NOW)
    policies.ensure_policies(NOW)
    change = TermsChange.objects.create(
        policy_version=policies.ensure_policies(NOW), made_at=NOW, status="counted",
        sample=[{"number": about_him.number, "was": NOW.isoformat(), "will": NOW.isoformat()}],
    )  # fmt: skip
    assert terms_changes.sample_for(change, viewer_of(cast.manager)) == []
    assert [row["ticket"] for row in terms_changes.sample_for(change, viewer_of(cast.director))] == [about_him]


def test_computing_once_more_changes_nothing_and_leaves_no_event(cast):
    ticket = walk(cast, Status.ON_HOLD, now=NOW)
    events = Event.objects.filter(ticket=ticket).count()
    before = Ticket.objects.filter(pk=ticket.pk).values().get()
    for status in (ticket, walk(cast, Status.CLOSED, now=NOW)):
        lifecycle.recompute(status, now=NOW + timedelta(days=1))
    assert Ticket.objects.filter(pk=ticket.pk).values().get() == before
    assert Event.objects.filter(ticket=ticket).count() == events
    Clock.objects.filter(ticket=ticket, name="resolution").update(due_at=NOW + timedelta(days=99))
    Ticket.objects.filter(pk=ticket.pk).update(remind_at=None)
    lifecycle.recompute(ticket)
    assert Ticket.objects.filter(pk=ticket.pk).values().get() == before
    assert resolution(ticket).due_at < NOW + timedelta(days=9), "what was wrong is put right"
