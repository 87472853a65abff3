"""转办: an authority's number once, its deadline beside ours, its formal reply once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from shimao_service.exceptions import Conflict, Forbidden, IllegalMove, Invalid, NotSeen
from tests.factories import make_cast, owner_actor, register, walk
from tests.tickets.invariants import broken
from tests.tickets.test_races import split, together
from tickets import lifecycle, timeline
from tickets.lifecycle.intake import Intake
from tickets.models import Referral, Ticket
from tickets.search import TicketFilter
from tickets.statuses import ClockName, Kind, Source, Status, Verb

pytestmark = pytest.mark.django_db

SOON = timezone.now() + timedelta(hours=3)
HOTLINE = Source.HOTLINE_12345.value


def referred(cast, number: str = "12345-0001", **fields) -> Ticket:
    return register(cast, **({"source": HOTLINE, "authority_number": number, "authority_due_at": SOON} | fields))


# --- with the registration ------------------------------------------------------------------------
def test_what_comes_in_with_a_number_keeps_it_and_the_earlier_deadline_governs(cast):
    ticket = referred(cast, authority_return_until=SOON - timedelta(hours=1))
    referral = ticket.referral
    assert (referral.authority, referral.number, referral.due_at) == (HOTLINE, "12345-0001", SOON)
    assert ticket.clocks.get(name=ClockName.RESOLUTION).due_at == SOON
    line = timeline.sentence(ticket.events.get(verb=Verb.REFER))
    assert (line.what, line.object) == ("登记转办", "12345 转办 12345-0001")
    assert not broken(ticket)


def test_a_later_deadline_of_theirs_leaves_ours(cast):
    own = register(cast).clocks.get(name=ClockName.RESOLUTION).due_at
    ticket = referred(cast, authority_due_at=own + timedelta(days=5))
    assert ticket.clocks.get(name=ClockName.RESOLUTION).due_at < own + timedelta(days=4)


def test_a_source_of_theirs_without_a_number_is_no_referral(cast):
    ticket = register(cast, source=HOTLINE)
    assert not Referral.objects.exists()
    assert not ticket.events.filter(verb=Verb.REFER).exists()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"source": "phone"}, "authority_number"),
        ({"authority_number": "  "}, "authority_number"),
        ({"authority_number": "9" * 61}, "authority_number"),
        ({"authority_due_at": timezone.now() - timedelta(minutes=5)}, "authority_due_at"),
        ({"authority_return_until": timezone.now() + timedelta(days=900)}, "authority_return_until"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(cast, fields, wrong):
    with pytest.raises(Invalid) as refused:
        referred(cast, **fields)
    assert wrong in refused.value.fields
    assert not Ticket.objects.exists()


# --- once -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("typed", ["12345-0001", " 12345 - 0001 ", "１２３４５－０００１"])
def test_the_same_number_is_refused_however_it_is_typed(cast, typed):
    first = referred(cast)
    with pytest.raises(Conflict) as refused:
        referred(cast, typed)
    assert refused.value.code == "referral_taken"
    assert first.number in refused.value.fields["authority_number"][0]
    assert Ticket.objects.count() == 1


def test_another_authority_may_have_the_same_number(cast):
    referred(cast)
    assert referred(cast, source=Source.GOVERNMENT.value).referral.number == "12345-0001"


def test_a_request_that_one_may_not_see_is_not_named(cast):
    first = referred(cast, kind=Kind.COMPLAINT, category=cast.complaint_category, subjects=[cast.supervisor], by="duty")
    with pytest.raises(Conflict) as refused:
        referred(cast)
    assert first.number not in str(refused.value.detail)
    with pytest.raises(Conflict) as refused:
        lifecycle.refer(register(cast), by=cast.by("frontdesk"), authority=HOTLINE, number="12345-0001")
    assert first.number not in str(refused.value.fields)


@pytest.mark.django_db(transaction=True)
def test_of_two_imports_at_once_one_is_registered():
    cast = make_cast()
    desk, other = cast.by("frontdesk"), cast.by("frontdesk2")

    def send(by):
        intake = Intake(
            project=cast.project, kind=Kind.REPAIR, description="路灯不亮", owner=cast.owner, source=HOTLINE,
            authority_number="12345-7",
        )  # fmt: skip
        return lambda: lifecycle.register(intake, by=by)

    won, refused = split(together(send(desk), send(other), send(desk)))
    assert len(won) == 1
    assert {refusal.code for refusal in refused} == {"referral_taken"}
    assert Ticket.objects.count() == 1


def test_the_same_form_twice_is_the_same_request_and_other_terms_are_not(cast):
    def send(**fields):
        intake = Intake(project=cast.project, kind=Kind.REPAIR, description="路灯不亮", owner=cast.owner,
                        source=HOTLINE, **({"authority_number": "7"} | fields))  # fmt: skip
        return lifecycle.register(intake, by=cast.by("frontdesk"), key="k", scope="s")

    assert send().pk == send().pk
    with pytest.raises(Conflict) as refused:
        send(authority_due_at=SOON)
    assert refused.value.code == "idempotency_mismatch"


# --- later ----------------------------------------------------------------------------------------
def test_what_came_by_phone_may_be_passed_on_later(cast):
    ticket = register(cast)
    ticket = lifecycle.refer(ticket, by=cast.by("frontdesk"), authority=HOTLINE, number="a-1", due_at=SOON)
    assert ticket.referral.number == "A-1"
    assert ticket.clocks.get(name=ClockName.RESOLUTION).due_at == SOON
    assert not broken(Ticket.objects.get(pk=ticket.pk))


def test_a_corrected_deadline_moves_the_clock_and_says_what_it_was(cast):
    ticket = referred(cast)
    sooner = SOON - timedelta(hours=1)
    ticket = lifecycle.refer(ticket, by=cast.by("frontdesk"), authority=HOTLINE, number="12345-0002", due_at=sooner)
    assert ticket.clocks.get(name=ClockName.RESOLUTION).due_at == sooner
    changes = timeline.sentence(ticket.events.last()).changes
    assert [change[0] for change in changes] == ["转办编号", "转办时限"]
    assert changes[0][1:] == ("12345-0001", "12345-0002")
    assert not broken(Ticket.objects.get(pk=ticket.pk))
    with pytest.raises(Invalid) as refused:
        lifecycle.refer(ticket, by=cast.by("frontdesk"), authority=HOTLINE, number="12345-0002", due_at=sooner)
    assert refused.value.code == "nothing_changed"


def test_who_may_not_cannot(cast):
    ticket = register(cast)
    with pytest.raises(NotSeen):
        lifecycle.refer(ticket, by=cast.by("outsider"), authority=HOTLINE, number="1")
    for by in (cast.by("quality"), owner_actor(ticket)):
        with pytest.raises(Forbidden):
            lifecycle.refer(ticket, by=by, authority=HOTLINE, number="1")
    with pytest.raises(Invalid):
        lifecycle.refer(ticket, by=cast.by("frontdesk"), authority="phone", number="1")


# --- the formal reply -----------------------------------------------------------------------------
def test_the_formal_reply_is_given_once(cast):
    ticket = lifecycle.refer(walk(cast, Status.FED_BACK), by=cast.by("frontdesk"), authority=HOTLINE, number="1")
    ticket = lifecycle.reply_authority(ticket, by=cast.by("frontdesk"), content="已修复，业主满意")
    referral = Referral.objects.get()
    assert (referral.reply, referral.replied_by, referral.replied_at) == (
        "已修复，业主满意", "林静", ticket.last_event_at,
    )  # fmt: skip
    for again in (
        lambda: lifecycle.reply_authority(ticket, by=cast.by("supervisor"), content="再回一次"),
        lambda: lifecycle.refer(ticket, by=cast.by("frontdesk"), authority=HOTLINE, number="2"),
    ):
        with pytest.raises(Conflict) as refused:
            again()
        assert refused.value.code == "already_replied"


def test_without_a_referral_there_is_nobody_to_reply_to(cast):
    with pytest.raises(IllegalMove):
        lifecycle.reply_authority(register(cast), by=cast.by("frontdesk"), content="已修复")


@pytest.mark.parametrize("content", ["", " ", "长" * 5001])
def test_the_formal_reply_says_something(cast, content):
    with pytest.raises(Invalid) as refused:
        lifecycle.reply_authority(referred(cast), by=cast.by("frontdesk"), content=content)
    assert "content" in refused.value.fields


# --- finding it -----------------------------------------------------------------------------------
def test_their_number_finds_the_request_whole_and_only_for_whom_may_see_it(cast):
    ticket = referred(cast)

    def found(typed: str, who: str = "frontdesk") -> list[str]:
        rows = TicketFilter.from_query({"q": typed}, cast.by(who).viewer).rows()
        return [row.number for row in rows]

    assert found("12345-0001") == found("１２３４５－０００１") == [ticket.number]
    assert found("12345-000") == []
    assert found("12345-0001", "outsider") == []
