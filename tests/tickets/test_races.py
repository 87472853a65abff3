"""Two people at once: one wins, the other is told. Real transactions, real threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from shimao_service.exceptions import Conflict, IllegalMove, Refusal, Stale
from tests.factories import make_cast, owner_actor, register, walk
from tickets import lifecycle
from tickets.lifecycle.intake import Intake
from tickets.models import Event, Leg, Ticket
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db(transaction=True)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start at once; their results, refusals included, in order."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait(timeout=20)
            results[index] = call()
        except Refusal as refusal:
            results[index] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return results


def split(results: list[Any]) -> tuple[list[Any], list[Refusal]]:
    return [r for r in results if not isinstance(r, Refusal)], [r for r in results if isinstance(r, Refusal)]


def test_two_colleagues_accept_at_once_and_the_second_reads_who_has_it():
    cast = make_cast()
    ticket = register(cast)
    ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works)
    one, two = cast.by("handler"), cast.by("handler2")
    won, refused = split(together(lambda: lifecycle.accept(ticket, by=one), lambda: lifecycle.accept(ticket, by=two)))
    assert len(won) == 1 and len(refused) == 1
    assert isinstance(refused[0], IllegalMove)
    assert won[0].handler.name in str(refused[0].detail)
    assert Leg.objects.filter(ticket=ticket, ended_at=None).count() == 1
    assert Event.objects.filter(ticket=ticket, verb="accept").count() == 1


def test_completing_and_transferring_at_once_leaves_one_of_the_two():
    cast = make_cast()
    ticket = walk(cast, Status.IN_PROGRESS)
    handler, supervisor = cast.by("handler"), cast.by("supervisor")
    won, refused = split(
        together(
            lambda: lifecycle.complete(ticket, by=handler, result="修好了", version=ticket.version),
            lambda: lifecycle.transfer(
                ticket, by=supervisor, reason="换人", handler=cast.handler2, version=ticket.version
            ),
        )
    )
    assert len(won) == 1 and len(refused) == 1
    assert isinstance(refused[0], Stale)
    ticket.refresh_from_db()
    last = ticket.events.order_by("seq").last()
    assert last.to_status == ticket.status == won[0].status


def test_an_owner_and_a_colleague_rate_at_once_and_one_grade_counts():
    cast = make_cast()
    ticket = walk(cast, Status.FED_BACK)
    desk = cast.by("frontdesk")
    together(
        lambda: lifecycle.rate(ticket, by=owner_actor(ticket), grade=4),
        lambda: lifecycle.rate(ticket, by=desk, grade=5, channel="phone"),
    )
    ticket.refresh_from_db()
    assert ticket.ratings.filter(replaced_at=None).count() == 1
    assert ticket.grade == ticket.ratings.get(replaced_at=None).grade == 4, "the owner's own word counts"


def test_the_same_form_sent_twice_at_once_makes_one_request():
    cast = make_cast()
    desk = cast.by("frontdesk")

    def send() -> Ticket:
        intake = Intake(project=cast.project, kind=Kind.REPAIR, description="灯不亮", owner=cast.owner)
        return lifecycle.register(intake, by=desk, key="form-1", scope="page:1")

    results = together(send, send, send)
    assert len({ticket.pk for ticket in results}) == 1
    assert Ticket.objects.count() == 1


def test_the_same_key_with_other_content_is_refused():
    cast = make_cast()
    desk = cast.by("frontdesk")
    first = Intake(project=cast.project, kind=Kind.REPAIR, description="灯不亮", owner=cast.owner)
    lifecycle.register(first, by=desk, key="k", scope="api:1")
    second = Intake(project=cast.project, kind=Kind.REPAIR, description="门坏了", owner=cast.owner)
    with pytest.raises(Conflict) as refused:
        lifecycle.register(second, by=desk, key="k", scope="api:1")
    assert refused.value.code == "idempotency_mismatch"


def test_numbers_given_out_at_once_are_all_different():
    cast = make_cast()
    desk = cast.by("frontdesk")

    def send(index: int) -> Callable[[], Ticket]:
        intake = Intake(project=cast.project, kind=Kind.REPAIR, description=f"灯不亮 {index}", owner=cast.owner)
        return lambda: lifecycle.register(intake, by=desk)

    results = together(*(send(index) for index in range(6)))
    assert len({ticket.number for ticket in results}) == 6


def test_two_people_linking_the_same_pair_crosswise_do_not_deadlock():
    cast = make_cast()
    one, two = register(cast), register(cast)
    desk, supervisor = cast.by("frontdesk"), cast.by("supervisor")
    won, refused = split(
        together(
            lambda: lifecycle.link(one, two, by=desk),
            lambda: lifecycle.link(two, one, by=supervisor),
        )
    )
    assert len(won) == 1 and len(refused) == 1
    assert refused[0].code == "already_linked"


def test_a_stale_page_is_told_what_happened_since():
    cast = make_cast()
    ticket = walk(cast, Status.IN_PROGRESS)
    old = ticket.version
    lifecycle.follow_up(ticket, by=cast.by("supervisor"), note="业主又来电催促")
    with pytest.raises(Stale) as refused:
        lifecycle.complete(ticket, by=cast.by("handler"), result="修好了", version=old)
    assert [event.note for event in refused.value.changes] == ["业主又来电催促"]
