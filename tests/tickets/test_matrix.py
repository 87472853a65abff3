"""The whole table of the flow: status × verb × person, against the regulation's rules written out by hand.

The expectations stand here in full on purpose: they are not derived from the code they test.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone

from shimao_service.actors import SYSTEM, Actor
from shimao_service.exceptions import Conflict, Forbidden, IllegalMove, NotSeen
from tests.factories import owner_actor, walk
from tickets import lifecycle, permissions, statuses
from tickets.lifecycle import gate
from tickets.models import Referral, Ticket, Urge
from tickets.statuses import Kind, Status, Verb

pytestmark = pytest.mark.django_db

OPEN = "registered dispatched in_progress on_hold completed fed_back awaiting_summary"
SEEING = [
    "frontdesk",
    "frontdesk2",
    "supervisor",
    "department_manager",
    "manager",
    "director",
    "auditor",
    "quality",
    "duty",
    "steward",
    "handler",
]
UNSEEING = ["outsider", "outsider_handler", "hr", "admin", "guard", "contractor"]

# verb: statuses it is legal from, and who of those that see the request may make it then.
TABLE: dict[str, tuple[str, str]] = {
    "dispatch": ("registered", "frontdesk frontdesk2 supervisor department_manager duty"),
    "answer_on_spot": ("registered", "frontdesk frontdesk2"),
    "accept": ("dispatched", "handler"),
    "return": ("dispatched in_progress", "handler"),
    "arrive": ("dispatched in_progress", "handler"),
    "transfer": ("dispatched in_progress on_hold", "handler supervisor department_manager manager"),
    "follow_up": (
        "in_progress on_hold",
        "handler frontdesk frontdesk2 supervisor department_manager manager steward",
    ),
    "hold": ("in_progress", "handler"),
    "resume": ("on_hold", "handler system"),
    "complete": ("in_progress", "handler"),
    "feed_back": ("completed", "frontdesk frontdesk2"),
    "rate": ("fed_back awaiting_summary closed", "frontdesk frontdesk2 supervisor department_manager owner"),
    "talk": (OPEN, "supervisor department_manager"),
    "conclude": ("registered dispatched in_progress on_hold completed fed_back", "manager director"),
    "time_out": ("fed_back", "system"),
    "summarise": ("awaiting_summary", "frontdesk supervisor department_manager"),
    "reopen": (
        "completed fed_back awaiting_summary closed",
        "frontdesk frontdesk2 supervisor department_manager owner",
    ),
    "cancel": ("registered dispatched in_progress on_hold", "supervisor department_manager owner"),
    "amend": (OPEN, "frontdesk frontdesk2 supervisor department_manager"),
    "attempt": (OPEN, "frontdesk frontdesk2 supervisor department_manager manager steward handler"),
    "supplement": (OPEN, "frontdesk frontdesk2 supervisor department_manager manager steward duty owner"),
    "judge": (OPEN + " closed", "supervisor department_manager manager quality"),
    "name_subjects": (OPEN, "frontdesk frontdesk2 supervisor department_manager manager director"),
    "hand_over": (OPEN, "supervisor department_manager system"),
    "revoke_link": (" ".join(Status.values), "frontdesk frontdesk2 supervisor department_manager"),
    "urge": (OPEN, "frontdesk frontdesk2 supervisor department_manager steward duty owner"),
    "answer_urge": (
        OPEN + " closed",
        "handler frontdesk frontdesk2 supervisor department_manager manager steward",
    ),
    "oversee": (OPEN, "manager director system"),
    "escalate": (OPEN, "system"),
    "acknowledge": (" ".join(Status.values), " ".join(SEEING)),
    "reclock": (OPEN, "manager director system"),
    "refer": (OPEN, "frontdesk frontdesk2 supervisor department_manager steward duty"),
    "reply_authority": (OPEN + " closed", "frontdesk frontdesk2 supervisor department_manager"),
}
# Nobody presses these on the request itself: they come with a notice, a changed policy, or the clock.
NOT_OFFERED = {"acknowledge", "escalate", "reclock"}


def raise_by_the_clock(ticket: Ticket, by: Actor) -> None:
    with gate.moving(ticket, Verb.ESCALATE, by=by) as move:
        move.event(Verb.ESCALATE, data={"clock": "response", "step": "percent:80", "rung": "handler"})


def reclock(ticket: Ticket, by: Actor) -> None:
    with gate.moving(ticket, Verb.RECLOCK, by=by) as move:
        move.event(Verb.RECLOCK)


def answer_urge(ticket: Ticket, by: Actor) -> Ticket:
    """Something waits for the answer."""
    now = timezone.now()
    Urge.objects.get_or_create(ticket=ticket, defaults={"round": 1, "by": "staff", "at": now, "last_at": now})
    return lifecycle.answer_urge(ticket, by=by, note="今天下午上门")


def reply_authority(ticket: Ticket, by: Actor) -> Ticket:
    """An authority passed it on."""
    Referral.objects.get_or_create(ticket=ticket, defaults={"authority": "government", "number": "SJ-2"})
    return lifecycle.reply_authority(ticket, by=by, content="已修复，业主满意")


def attempts(cast: SimpleNamespace) -> dict[str, Callable[[Ticket, Actor], object]]:
    soon = timezone.now() + timedelta(days=1)
    return {
        "dispatch": lambda t, by: lifecycle.dispatch(t, by=by, department=cast.works, handler=cast.handler),
        "answer_on_spot": lambda t, by: lifecycle.answer_on_spot(t, by=by, answer="已答复"),
        "accept": lambda t, by: lifecycle.accept(t, by=by),
        "return": lambda t, by: lifecycle.return_(t, by=by, reason="不属于本部门"),
        "arrive": lambda t, by: lifecycle.arrive(t, by=by),
        "transfer": lambda t, by: lifecycle.transfer(t, by=by, reason="专业不符", handler=cast.handler2),
        "follow_up": lambda t, by: lifecycle.follow_up(t, by=by, note="已到现场查看"),
        "hold": lambda t, by: lifecycle.hold(t, by=by, reason="parts", resume_at=soon),
        "resume": lambda t, by: lifecycle.resume(t, by=by),
        "complete": lambda t, by: lifecycle.complete(t, by=by, result="已修好"),
        "feed_back": lambda t, by: lifecycle.feed_back(t, by=by, channel="phone", content="已修好"),
        "rate": lambda t, by: lifecycle.rate(t, by=by, grade=4, channel="phone"),
        "talk": lambda t, by: lifecycle.talk(t, by=by, note="已与业主面谈"),
        "conclude": lambda t, by: lifecycle.conclude(t, by=by, reason="已尽责"),
        "time_out": lambda t, by: lifecycle.time_out(t, by=by, now=timezone.now() + timedelta(days=8)),
        "summarise": lambda t, by: lifecycle.summarise(
            t, by=by, cause="老化", liability="property", improvement="巡检"
        ),
        "reopen": lambda t, by: lifecycle.reopen(t, by=by, reason="又漏了"),
        "cancel": lambda t, by: lifecycle.cancel(t, by=by, reason="重复"),
        "amend": lambda t, by: lifecycle.amend(t, by=by, reason="登记有误", changes={"place": "厨房"}),
        "attempt": lambda t, by: lifecycle.attempt(t, by=by, channel="phone"),
        "supplement": lambda t, by: lifecycle.supplement(t, by=by, note="补充一句"),
        "judge": lambda t, by: lifecycle.judge(t, by=by, valid=True),
        "name_subjects": lambda t, by: lifecycle.name_subjects(t, by=by, subjects=[cast.guard], reason="业主说明"),
        "hand_over": lambda t, by: lifecycle.hand_over(t, by=by, to=cast.supervisor),
        "revoke_link": lambda t, by: lifecycle.revoke_link(t, by=by, reason="链接外泄"),
        "urge": lambda t, by: lifecycle.urge(t, by=by, note="请尽快"),
        "answer_urge": answer_urge,
        "oversee": lambda t, by: lifecycle.oversee(t, by=by, note="今天之内办结"),
        "escalate": raise_by_the_clock,
        "acknowledge": lambda t, by: lifecycle.acknowledge(t, by=by),
        "reclock": reclock,
        "refer": lambda t, by: lifecycle.refer(t, by=by, authority="hotline_12345", number="SJ-1"),
        "reply_authority": reply_authority,
    }


def outcome(attempt: Callable[[Ticket, Actor], object], ticket: Ticket, by: Actor) -> str:
    """What became of the attempt; everything it did is undone."""
    try:
        with transaction.atomic():
            attempt(ticket, by)
            raise Undo
    except Undo:
        return "done"
    except NotSeen:
        return "unseen"
    except Forbidden:
        return "forbidden"
    except IllegalMove:
        return "illegal"
    except Conflict as conflict:
        return conflict.code


class Undo(Exception):
    pass


KIND_OF = {"answer_on_spot": Kind.CONSULTATION, "judge": Kind.COMPLAINT, "name_subjects": Kind.COMPLAINT}


def expected(verb: str, status: str, person: str) -> set[str]:
    """The outcomes the rules allow; mostly one."""
    legal, allowed = TABLE[verb]
    if person in UNSEEING:
        return {"unseen"}
    may, can_be = person in allowed.split(), status in legal.split()
    if may and can_be:
        if verb == "conclude":
            return {"illegal"}  # before two dissatisfied rounds and a talk (tested in the stories)
        if verb == "rate" and status in ("awaiting_summary", "closed"):
            return {"already_rated"}
        if verb == "cancel" and person == "owner":
            return {"done"} if status == "registered" else {"forbidden"}
        return {"done"}
    if may:
        return {"illegal"}
    # Neither may nor legal: either answer refuses.
    return {"forbidden"} if can_be else {"forbidden", "illegal"}


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("kind", [Kind.COMPLAINT, Kind.CONSULTATION])
def test_every_person_may_make_exactly_the_moves_of_the_table(cast, status, kind):
    # Nobody is the subject: whom a complaint is about has tests of its own.
    ticket = walk(cast, status, kind=kind)
    wrong = []
    actors = {person: cast.by(person) for person in [*SEEING, *UNSEEING]}
    actors |= {"owner": owner_actor(ticket), "system": SYSTEM}
    for verb, attempt in attempts(cast).items():
        # The kinds differ in one verb only: it alone is tried again on a consultation.
        if KIND_OF.get(verb, kind) != kind or (kind == Kind.CONSULTATION and verb != "answer_on_spot"):
            continue
        for person, by in actors.items():
            if person == "handler" and status in ("registered", "cancelled"):
                allowed = {"unseen"}  # it was never dispatched to him
            else:
                allowed = expected(verb, status, person)
            got = outcome(attempt, ticket, by)
            if got not in allowed:
                wrong.append(f"{status} {verb} {person}: {got}, expected {sorted(allowed)}")
    assert not wrong, "\n".join(wrong)


def test_the_table_covers_every_verb_and_status():
    made_elsewhere = {"register", "link", "unlink"}
    assert {verb.value for verb in Verb} == TABLE.keys() | made_elsewhere
    assert set(statuses.STEP_OF) == set(statuses.WAITS_FOR) == set(Status)
    assert set(permissions.RULES) == set(Verb)


def test_every_open_status_waits_for_somebody():
    assert all(statuses.WAITS_FOR[status] for status in statuses.OPEN)
    assert all(statuses.WAITS_FOR[status] is None for status in statuses.FINAL)


def test_what_is_offered_is_what_is_possible(cast):
    """The buttons on the page are the moves that succeed, and no other."""
    actors = {person: cast.by(person) for person in ("frontdesk", "handler", "supervisor", "manager", "auditor")}
    for status in Status.values:
        ticket = walk(cast, status, kind=Kind.COMPLAINT)
        now = timezone.now()
        Urge.objects.create(ticket=ticket, round=1, by="staff", at=now, last_at=now)
        Referral.objects.create(ticket=ticket, authority="government", number=f"SJ-{status}")
        ticket = Ticket.objects.get(pk=ticket.pk)
        for person, by in actors.items():
            offered = {verb.value for verb in permissions.available(ticket, by)}
            for verb, attempt in attempts(cast).items():
                if verb in NOT_OFFERED:
                    continue
                got = outcome(attempt, ticket, by)
                assert (verb in offered) == (got == "done"), (status, person, verb, got, sorted(offered))
