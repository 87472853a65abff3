"""Situations of any week, each from beginning to end through the real verbs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from shimao_service.actors import SYSTEM, Actor, ActorKind
from shimao_service.exceptions import Conflict, Forbidden, IllegalMove, Invalid
from shimao_service.models import Notice
from staff.access import viewer_of
from tests.factories import OccupancyFactory, OwnerFactory, owner_actor, register, walk
from tests.tickets.invariants import broken
from tickets import lifecycle, links, reminders
from tickets.lifecycle.intake import Intake
from tickets.models import Clock, Rating, Ticket
from tickets.statuses import Kind, Status, Urgency

pytestmark = pytest.mark.django_db

WEB = Actor(kind=ActorKind.LINK, id=None, name="业主")


def inbox(employee, ticket):
    return set(
        Notice.objects.filter(recipient=f"user:{employee.user_id}", about=f"ticket:{ticket.pk}").values_list(
            "kind", flat=True
        )
    )


def finish(cast, ticket, *, grade=None, now=None):
    """The handler completes, the desk tells the owner, the owner (perhaps) rates."""
    if ticket.status == Status.DISPATCHED:
        ticket = lifecycle.accept(ticket, by=cast.by("handler"), now=now)
    ticket = lifecycle.complete(ticket, by=cast.by("handler"), result="已修好", now=now)
    ticket = lifecycle.feed_back(ticket, by=cast.by("frontdesk"), channel="phone", content="已修好", now=now)
    return lifecycle.rate(ticket, by=owner_actor(ticket), grade=grade, now=now) if grade else ticket


def test_a_burst_pipe_and_the_seepage_below_are_two_requests_with_one_cause(cast):
    burst = register(cast, description="厨房水管爆裂", urgency=Urgency.URGENT)
    seepage = register(cast, description="天花板渗水", owner=cast.neighbour, unit=cast.unit_below)
    lifecycle.link(burst, seepage, by=cast.by("frontdesk"))
    burst, seepage = (
        lifecycle.dispatch(ticket, by=cast.by("frontdesk"), department=cast.works, handler=cast.handler)
        for ticket in (burst, seepage)
    )
    burst = finish(cast, burst, grade=5)
    burst = lifecycle.summarise(
        burst, by=cast.by("frontdesk"), cause="软管老化", liability="owner", improvement="提示更换"
    )
    seepage.refresh_from_db()
    assert burst.status == Status.CLOSED
    assert seepage.status == Status.DISPATCHED
    # What each owner can be shown names neither the other's number, name, phone nor room.
    for mine, other in ((burst, seepage), (seepage, burst)):
        page = links.open_link(links.token(Ticket.objects.get(pk=mine.pk)))
        assert page is not None and page.pk == mine.pk
        told = " ".join(f"{event.note} {event.data}" for event in mine.events.exclude(verb="link"))
        assert other.number not in told and other.contact_phone not in told and other.contact_name not in told


def test_linking_twice_is_refused_and_leaves_one_link(cast):
    one, two = register(cast), register(cast)
    lifecycle.link(one, two, by=cast.by("frontdesk"))
    with pytest.raises(Conflict):
        lifecycle.link(two, one, by=cast.by("frontdesk"))
    assert one.links_high.count() == 1


def test_a_wrong_entry_is_amended_with_a_reason_and_keeps_its_number(cast):
    start = timezone.now() - timedelta(minutes=20)
    ticket = register(cast, kind=Kind.CONSULTATION, description="水管爆了", now=start)
    number, token = ticket.number, links.token(ticket)
    ticket = lifecycle.amend(
        ticket,
        by=cast.by("frontdesk"),
        reason="登记错房号、类型和业主",
        changes={
            "kind": Kind.REPAIR,
            "urgency": Urgency.URGENT,
            "unit": cast.unit_below,
            "category": cast.category,
            "owner": cast.neighbour,
            "contact_name": cast.neighbour.name,
            "contact_phone": cast.neighbour.phone,
        },
    )
    assert ticket.number == number
    event = ticket.events.order_by("seq").last()
    assert event.data["changes"]["kind"] == ["consultation", "repair"]
    assert event.data["changes"]["unit"] == ["3-2-1502", "3-2-1402"]
    assert cast.owner.phone not in str(event.data) and cast.owner.name not in str(event.data)
    # Due times count from the original moment, so the ten minutes of an urgent repair are long over.
    response = Clock.objects.get(ticket=ticket, name="response")
    assert response.due_at == start + timedelta(minutes=10)
    assert links.open_link(token) is None, "the wrong owner's link is dead"
    assert links.open_link(links.token(ticket)) is not None


def test_lowering_the_urgency_is_the_supervisors_and_never_erases_a_breach(cast):
    start = timezone.now() - timedelta(hours=1)
    ticket = register(cast, urgency=Urgency.URGENT, now=start)
    with pytest.raises(Forbidden):
        lifecycle.amend(ticket, by=cast.by("frontdesk"), reason="不急", changes={"urgency": Urgency.NORMAL})
    ticket = lifecycle.amend(ticket, by=cast.by("supervisor"), reason="不急", changes={"urgency": Urgency.NORMAL})
    clocks = {clock.name: clock for clock in ticket.clocks.all()}
    assert clocks["response"].due_at == start + timedelta(minutes=10), "the broken ten minutes stay broken"
    assert clocks["on_site"].due_at == start + timedelta(minutes=30)
    assert clocks["resolution"].due_at == start + timedelta(days=2), "what was not broken follows the new urgency"


def test_a_tenant_reports_and_the_owner_pays(cast):
    tenant = OwnerFactory(name="李租客", phone="13911112222")
    stay = OccupancyFactory(unit=cast.unit, owner=tenant, relation="tenant", since=timezone.localdate())
    ticket = register(cast, owner=tenant, payer=cast.owner)
    token = links.token(ticket)
    assert links.open_link(token) is not None
    stay.since = timezone.localdate() - timedelta(days=90)
    stay.until = timezone.localdate() - timedelta(days=1)
    stay.save()
    assert links.open_link(token) is None, "the link ends with the tenancy"
    ticket.refresh_from_db()
    assert (ticket.owner, ticket.payer) == (tenant, cast.owner), "the history stays"


def test_when_nobody_answers_it_times_out_as_not_rated_and_a_late_grade_still_reopens(cast):
    start = timezone.now() - timedelta(days=9)
    ticket = walk(cast, Status.COMPLETED, now=start)
    ticket = lifecycle.attempt(ticket, by=cast.by("frontdesk"), channel="phone", now=start + timedelta(hours=1))
    ticket = lifecycle.feed_back(
        ticket, by=cast.by("frontdesk"), channel="unreachable", content="三次无人接听", now=start + timedelta(hours=3)
    )
    with pytest.raises(IllegalMove):
        lifecycle.time_out(ticket, now=start + timedelta(days=6))
    reminders.remind(start + timedelta(days=8))
    ticket.refresh_from_db()
    assert ticket.status == Status.AWAITING_SUMMARY
    assert ticket.grade is None and not ticket.ratings.exists(), "never counted as satisfied"
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=2, comment="还在漏")
    assert ticket.status == Status.DISPATCHED and ticket.round == 2
    late = Rating.objects.get(ticket=ticket)
    assert late.is_late and late.round == 1


def test_nobody_writes_satisfied_for_the_owner_without_saying_through_which_channel(cast):
    ticket = walk(cast, Status.FED_BACK)
    with pytest.raises(Invalid) as refused:
        lifecycle.rate(ticket, by=cast.by("frontdesk"), grade=5)
    assert "channel" in refused.value.fields
    with pytest.raises(IntegrityError), transaction.atomic():
        Rating.objects.create(
            ticket=ticket, round=1, grade=5, source="staff", recorded_by=cast.frontdesk, at=timezone.now()
        )
    ticket = lifecycle.rate(ticket, by=cast.by("frontdesk"), grade=5, channel="phone")
    recorded = ticket.ratings.get()
    assert (recorded.source, recorded.channel, recorded.recorded_by) == ("staff", "phone", cast.frontdesk)


def test_the_owners_own_grade_replaces_the_recorded_one_and_both_stay(cast):
    ticket = walk(cast, Status.FED_BACK)
    ticket = lifecycle.rate(ticket, by=cast.by("frontdesk"), grade=5, channel="phone")
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=1, comment="根本没修好")
    assert ticket.status == Status.DISPATCHED and ticket.round == 2
    assert [(r.grade, r.replaced_at is None) for r in ticket.ratings.order_by("at", "id")] == [(5, False), (1, True)]
    assert ticket.dissatisfied_rounds == 1


def test_an_anonymous_complaint_leaves_no_trace_for_the_accused_and_those_below(cast):
    intake = Intake(
        project=cast.project,
        kind=Kind.COMPLAINT,
        description="主管态度恶劣",
        is_anonymous=True,
        contact_phone="13800001111",
        source="web",
        subjects=[cast.supervisor],
    )
    ticket = lifecycle.register(intake, by=WEB)
    assert (ticket.contact_phone, ticket.contact_name, ticket.owner_id) == ("", "", None)
    assert links.open_link(links.token(ticket)) is not None
    for name in ("supervisor", "frontdesk", "frontdesk2", "steward"):
        person = getattr(cast, name)
        assert not Ticket.objects.visible_to(viewer_of(person)).filter(pk=ticket.pk).exists(), name
        assert inbox(person, ticket) == set(), name
    assert Ticket.objects.visible_to(viewer_of(cast.manager)).filter(pk=ticket.pk).exists()
    assert "ticket_registered" in inbox(cast.department_manager, ticket), "the next one up hears it"
    reminders.remind(timezone.now() + timedelta(hours=3))
    assert inbox(cast.supervisor, ticket) == inbox(cast.frontdesk, ticket) == set()


def test_a_complaint_cannot_be_sent_to_whom_it_is_about(cast):
    ticket = register(cast, kind=Kind.COMPLAINT, subjects=[cast.handler])
    with pytest.raises(Invalid) as refused:
        lifecycle.dispatch(ticket, by=cast.by("supervisor"), handler=cast.handler)
    assert "handler" in refused.value.fields


def test_after_the_third_dissatisfied_round_the_manager_concludes_and_the_grades_count(cast):
    ticket = walk(cast, Status.FED_BACK)
    with pytest.raises(IllegalMove):
        lifecycle.conclude(ticket, by=cast.by("manager"), reason="已尽责")
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=2, comment="没好")
    for grade in (1, 2):
        ticket = finish(cast, ticket, grade=grade)
    assert (ticket.round, ticket.dissatisfied_rounds) == (4, 3)
    with pytest.raises(IllegalMove):
        lifecycle.conclude(ticket, by=cast.by("manager"), reason="业主诉求超出合同")
    ticket = lifecycle.talk(ticket, by=cast.by("supervisor"), note="已面谈，业主要求整屋更换管道")
    ticket = lifecycle.conclude(ticket, by=cast.by("manager"), reason="诉求超出物业服务范围")
    assert ticket.status == Status.AWAITING_SUMMARY
    ticket = lifecycle.summarise(
        ticket, by=cast.by("supervisor"), cause="业主户内管道老化", liability="owner", improvement="建议委托专业公司"
    )
    assert ticket.status == Status.CLOSED and ticket.fed_back_at is not None
    assert sorted(ticket.ratings.filter(replaced_at=None).values_list("grade", flat=True)) == [1, 2, 2]


def test_when_the_first_receiver_leaves_the_loop_goes_on_and_the_history_keeps_the_name(cast):
    kept, given = walk(cast, Status.COMPLETED), walk(cast, Status.IN_PROGRESS)
    cast.frontdesk.left_on = timezone.localdate()
    cast.frontdesk.save()
    counts = lifecycle.release_employee(cast.frontdesk, by=SYSTEM)
    assert counts == {"received": 2, "handled": 0}
    for ticket in (kept, given):
        ticket.refresh_from_db()
        assert ticket.first_receiver == cast.supervisor
        terms = list(ticket.receiver_terms.order_by("started_at", "id"))
        assert [term.employee.name for term in terms] == ["林静", "陈晓雯"]
        assert terms[0].ended_at is not None and terms[1].ended_at is None
        assert ticket.events.order_by("seq").first().actor_name == "林静"
    assert "ticket_handed_over" in inbox(cast.supervisor, kept)


def test_a_named_successor_takes_over_what_a_leaver_kept(cast):
    ticket = walk(cast, Status.COMPLETED)
    lifecycle.release_employee(cast.frontdesk, by=SYSTEM, successor_wanted=cast.frontdesk2)
    ticket.refresh_from_db()
    assert ticket.first_receiver == cast.frontdesk2


def test_what_a_leaving_handler_held_waits_for_his_department_again(cast):
    ticket = walk(cast, Status.ON_HOLD)
    cast.handler.left_on = timezone.localdate()
    cast.handler.save()
    assert lifecycle.release_employee(cast.handler, by=SYSTEM) == {"received": 0, "handled": 1}
    ticket.refresh_from_db()
    assert (ticket.status, ticket.handler, ticket.department) == (Status.DISPATCHED, None, cast.works)
    assert lifecycle.accept(ticket, by=cast.by("handler2")).handler == cast.handler2


def test_the_response_clock_does_not_start_again_after_a_return(cast):
    start = timezone.now() - timedelta(hours=1)
    ticket = walk(cast, Status.DISPATCHED, now=start)
    due = Clock.objects.get(ticket=ticket, name="response").due_at
    ticket = lifecycle.return_(ticket, by=cast.by("handler"), reason="不是我的专业")
    ticket = lifecycle.dispatch(ticket, by=cast.by("frontdesk"), handler=cast.handler2)
    assert Clock.objects.get(ticket=ticket, name="response").due_at == due
    ticket = lifecycle.return_(ticket, by=cast.by("handler2"), reason="也不是我的")
    assert "ticket_returned" in inbox(cast.supervisor, ticket), "the second return tells the supervisor"


def test_a_hold_stops_the_clocks_and_other_reasons_do_not(cast):
    start = timezone.now() - timedelta(hours=10)
    for reason, moved in (("parts", timedelta(hours=5)), ("other", timedelta())):
        ticket = walk(cast, Status.IN_PROGRESS, now=start)
        at = start + timedelta(hours=1)
        ticket = lifecycle.hold(
            ticket, by=cast.by("handler"), reason=reason, note="等", resume_at=at + timedelta(hours=9), now=at
        )
        ticket = lifecycle.resume(ticket, by=cast.by("handler"), now=at + timedelta(hours=5))
        clock = Clock.objects.get(ticket=ticket, name="resolution")
        assert clock.due_at == clock.started_at + timedelta(hours=48) + moved


def test_on_the_spot_all_five_steps_leave_their_events(cast):
    ticket = register(cast, kind=Kind.CONSULTATION, description="装修押金怎么退")
    ticket = lifecycle.answer_on_spot(ticket, by=cast.by("frontdesk"), answer="验收后七日内退", grade=5)
    assert ticket.status == Status.CLOSED
    assert list(ticket.events.order_by("seq").values_list("verb", flat=True)) == [
        "register", "dispatch", "accept", "complete", "feed_back", "rate", "summarise",
    ]  # fmt: skip
    assert ticket.summary.cause == "验收后七日内退"
    with pytest.raises(IllegalMove):
        lifecycle.answer_on_spot(register(cast), by=cast.by("frontdesk"), answer="好的")


def test_a_verified_praise_reaches_the_employee(cast):
    ticket = register(cast, kind=Kind.PRAISE, description="周师傅服务好", subjects=[cast.handler])
    ticket = lifecycle.judge(ticket, by=cast.by("supervisor"), valid=True)
    assert ticket.status == Status.CLOSED and ticket.is_valid
    assert "ticket_judged" in inbox(cast.handler, ticket)


def test_bulk_confirmation_takes_ordinary_requests_and_says_why_not_the_others(cast):
    plain = walk(cast, Status.AWAITING_SUMMARY)
    complaint = walk(cast, Status.AWAITING_SUMMARY, kind=Kind.COMPLAINT)
    done, refused = lifecycle.summarise_many([plain, complaint], by=cast.by("frontdesk"))
    assert [ticket.number for ticket in done] == [plain.number]
    assert list(refused) == [complaint.number]


def test_a_closed_request_reopens_within_thirty_days_and_not_after(cast):
    ticket = walk(cast, Status.CLOSED, now=timezone.now() - timedelta(days=40))
    with pytest.raises(IllegalMove):
        lifecycle.reopen(ticket, by=owner_actor(ticket), reason="又漏了")
    recent = walk(cast, Status.CLOSED, now=timezone.now() - timedelta(days=29))
    recent = lifecycle.reopen(recent, by=owner_actor(recent), reason="又漏了")
    assert (recent.status, recent.handler, recent.round) == (Status.DISPATCHED, cast.handler, 2)
    assert recent.receiver_terms.filter(ended_at=None).get().employee == cast.frontdesk


def test_when_the_accused_is_named_later_he_loses_every_trace_and_the_work(cast):
    ticket = walk(cast, Status.ON_HOLD, kind=Kind.COMPLAINT)
    assert inbox(cast.handler, ticket)
    ticket = lifecycle.name_subjects(
        ticket, by=cast.by("supervisor"), subjects=[cast.handler], reason="业主说明是周师傅"
    )
    assert (ticket.status, ticket.handler, ticket.department) == (Status.REGISTERED, None, None)
    assert not Ticket.objects.visible_to(viewer_of(cast.handler)).filter(pk=ticket.pk).exists()
    shown = Notice.objects.filter(recipient=f"user:{cast.handler.user_id}", about=f"ticket:{ticket.pk}", status="sent")
    assert not shown.exists()
    assert broken(Ticket.objects.get(pk=ticket.pk)) == []


def test_when_the_first_receiver_is_named_the_next_one_up_keeps_the_loop(cast):
    ticket = register(cast, kind=Kind.COMPLAINT)
    ticket = lifecycle.name_subjects(
        ticket, by=cast.by("department_manager"), subjects=[cast.supervisor], reason="业主说明是主管"
    )
    assert ticket.first_receiver == cast.department_manager, "the desk reports to the accused"
    with pytest.raises(IllegalMove):
        lifecycle.name_subjects(register(cast), by=cast.by("supervisor"), subjects=[cast.handler], reason="报修")


def test_whoever_writes_down_a_complaint_about_a_superior_does_not_keep_it(cast):
    ticket = register(cast, kind=Kind.COMPLAINT, subjects=[cast.supervisor])
    assert ticket.first_receiver == cast.department_manager
    assert not Ticket.objects.visible_to(viewer_of(cast.frontdesk)).filter(pk=ticket.pk).exists()
    assert broken(Ticket.objects.get(pk=ticket.pk)) == []
