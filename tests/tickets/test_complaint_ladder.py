"""A complaint climbs past whom it is about and everybody below, up to who audits: subject × who hears, sees and acts.

The expectations stand here in full on purpose: they are not derived from the code they test.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from shimao_service.actors import Actor, ActorKind
from shimao_service.exceptions import Forbidden
from shimao_service.models import Notice
from staff import reporting
from staff.access import viewer_of
from staff.models import Absence, Employee, Role, RoleGrant
from tests.factories import owner_actor, register
from tickets import lifecycle, permissions, reminders
from tickets.lifecycle.intake import Intake
from tickets.models import Event, Ticket
from tickets.recipients import Audience
from tickets.statuses import Kind, Rung, Status, Urgency, Verb

pytestmark = pytest.mark.django_db

TEN = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # a Tuesday, ten in Shanghai
HOUR = timedelta(hours=1)
WORKS = ("handler", "handler2", "contractor")
SERVICE = ("frontdesk", "frontdesk2", "steward", "supervisor")

# Whom it is about: who hears of it when it comes in from the web, and who of each rung when it is late.
MATRIX: dict[tuple[str, ...], dict[str, set[str]]] = {
    (): {
        "new": {"frontdesk", "frontdesk2", "supervisor"},
        "supervisor": {"supervisor"}, "manager": {"manager"}, "company": {"director"},
    },
    ("handler",): {
        "new": {"frontdesk", "frontdesk2", "supervisor"},
        "supervisor": {"supervisor"}, "manager": {"manager"}, "company": {"director"},
    },
    WORKS: {
        "new": {"frontdesk", "frontdesk2", "supervisor"},
        "supervisor": {"supervisor"}, "manager": {"manager"}, "company": {"director"},
    },
    ("frontdesk",): {
        "new": {"frontdesk2", "supervisor"},
        "supervisor": {"supervisor"}, "manager": {"manager"}, "company": {"director"},
    },
    SERVICE: {
        "new": {"department_manager"},
        "supervisor": {"department_manager"}, "manager": {"manager"}, "company": {"director"},
    },
    ("supervisor",): {
        "new": {"department_manager"},
        "supervisor": {"department_manager"}, "manager": {"manager"}, "company": {"director"},
    },
    ("manager",): {
        "new": {"department_manager"},
        "supervisor": {"department_manager"}, "manager": {"director"}, "company": {"director"},
    },
    ("manager", "department_manager"): {
        "new": {"director"}, "supervisor": {"director"}, "manager": {"director"}, "company": {"director"},
    },
    ("director", "department_manager"): {
        "new": {"auditor"}, "supervisor": {"auditor"}, "manager": {"auditor"}, "company": {"auditor"},
    },
    ("director", "auditor", "department_manager"): {
        "new": set(), "supervisor": set(), "manager": set(), "company": set(),
    },
}  # fmt: skip
CASES = pytest.mark.parametrize("subjects", list(MATRIX), ids=lambda names: "+".join(names) or "nobody")


@pytest.fixture(autouse=True)
def ten_o_clock(time_machine):
    time_machine.move_to(TEN, tick=False)


def complaint(cast, subjects, *, now=TEN, **fields) -> Ticket:
    """As it comes in by the web form: nobody has it."""
    people = [getattr(cast, name) for name in subjects]
    values = {"kind": "complaint", "description": "态度恶劣", "owner": cast.owner, "unit": cast.unit, "source": "web"}
    intake = Intake(project=cast.project, subjects=people, **(values | fields))
    return lifecycle.register(intake, by=Actor(kind=ActorKind.LINK, id=cast.owner.pk, name="业主"), now=now)


def everybody(cast) -> dict[str, Employee]:
    return {name: one for name, one in vars(cast).items() if isinstance(one, Employee)}


def names(cast, employees) -> set[str]:
    known = {one.pk: name for name, one in everybody(cast).items()}
    return {known[one.pk] for one in employees}


def told(cast, ticket) -> set[str]:
    recipients = set(Notice.objects.filter(about=f"ticket:{ticket.pk}").values_list("recipient", flat=True))
    return {name for name, one in everybody(cast).items() if f"user:{one.user_id}" in recipients}


def concerned(cast, subjects) -> set[str]:
    accused = {getattr(cast, name).pk for name in subjects}
    return {name for name, one in everybody(cast).items() if accused & {one.pk, *one.superiors}}


# --- who hears ------------------------------------------------------------------------------------
@CASES
def test_a_new_complaint_reaches_the_next_one_who_is_not_concerned(cast, subjects):
    assert told(cast, complaint(cast, subjects)) == MATRIX[subjects]["new"]


@CASES
@pytest.mark.parametrize("rung", [Rung.SUPERVISOR, Rung.MANAGER, Rung.COMPANY])
def test_each_rung_of_a_late_complaint_has_somebody_who_is_not_concerned(cast, subjects, rung):
    reached = Audience(complaint(cast, subjects), at=TEN).climb(rung)
    assert names(cast, reached.told) == MATRIX[subjects][rung.value]
    assert reached.skipped == [], "nobody concerned is even named as passed over"


@CASES
def test_an_unassigned_complaint_that_nobody_takes_tells_none_of_those_concerned(cast, subjects):
    ticket = complaint(cast, subjects)
    for hours in (1, 5, 26, 50, 24 * 5):
        reminders.remind(TEN + hours * HOUR)
    heard = told(cast, ticket)
    assert heard & concerned(cast, subjects) == set()
    assert heard >= MATRIX[subjects]["new"] | MATRIX[subjects]["supervisor"] | MATRIX[subjects]["manager"]
    written = {name for event in Event.objects.filter(ticket=ticket, verb=Verb.ESCALATE) for name in event.data["told"]}
    assert written & {everybody(cast)[name].name for name in concerned(cast, subjects)} == set()


@CASES
def test_an_emergency_wakes_none_of_those_concerned(cast, subjects):
    ticket = complaint(cast, subjects, urgency=Urgency.CRITICAL, now=TEN + 14 * HOUR)
    for minutes in (5, 10, 15):
        reminders.remind(TEN + 14 * HOUR + timedelta(minutes=minutes))
    heard = told(cast, ticket)
    assert heard & concerned(cast, subjects) == set()
    assert heard >= MATRIX[subjects]["manager"] | MATRIX[subjects]["company"]


@CASES
def test_none_of_those_concerned_sees_it(cast, as_, subjects):
    ticket = complaint(cast, subjects)
    for name in sorted(concerned(cast, subjects)):
        viewer = viewer_of(getattr(cast, name))
        assert not Ticket.objects.visible_to(viewer).filter(pk=ticket.pk).exists(), name
        with pytest.raises(Exception, match="没有找到"):
            lifecycle.acknowledge(ticket, by=viewer.actor, now=TEN)


def test_the_director_finds_no_trace_of_a_complaint_about_himself(cast, as_):
    ticket = complaint(cast, ("director",))
    reminders.remind(TEN + 26 * HOUR)
    client = as_("director")
    asked = ("", f"?q={ticket.number}", "?kind=complaint")
    lists = [reverse(name) + query for name in ("tickets", "sent-notices") for query in asked]
    for url in ("/", reverse("inbox"), *lists):
        page = client.get(url, follow=True).content.decode()
        assert ticket.get_absolute_url() not in page and "态度恶劣" not in page, url
    assert client.get(ticket.get_absolute_url()).status_code == 404


def test_somebody_of_the_last_rung_who_reports_to_the_director_does_not_hear_of_him(cast):
    reporting.set_superior(cast.auditor, cast.director)
    for name in ("department_manager", "quality"):
        reporting.set_superior(getattr(cast, name), cast.director)
    ticket = complaint(cast, ("director",))
    assert told(cast, ticket) == set()
    assert Audience(ticket, at=TEN).climb(Rung.COMPANY).told == []


def test_personnel_are_the_last_where_they_see_requests_and_nobody_audits(cast):
    reporting.set_superior(cast.department_manager, cast.director)
    RoleGrant.objects.filter(employee=cast.auditor).delete()
    assert told(cast, complaint(cast, ("director",))) == set(), "who sees no request is not told of one"
    role = Role.objects.get(code="hr")
    role.permissions = [*role.permissions, "ticket.view_all"]
    role.save()
    assert told(cast, complaint(cast, ("director",))) == {"hr"}


def test_where_everybody_who_may_hear_is_on_leave_who_audits_does(cast):
    director = cast.director
    Absence.objects.create(employee=director, kind="leave", starts_at=TEN, ends_at=TEN + 99 * HOUR, recorded_at=TEN)
    ticket = complaint(cast, ("manager", "department_manager"))
    reached = Audience(ticket, at=TEN).climb(Rung.MANAGER)
    assert (names(cast, reached.told), [one.name for one in reached.skipped]) == ({"auditor"}, ["沈国栋"])


def test_what_is_no_complaint_about_people_does_not_reach_who_audits(cast):
    """Nobody is there above: it stays with the ladder, even where that is empty."""
    RoleGrant.objects.filter(role__code__in=["supervisor", "department_manager", "manager", "director"]).delete()
    for kind, category in ((Kind.REPAIR, cast.category), (Kind.COMPLAINT, None)):
        ticket = register(cast, kind=kind, category=category, now=TEN)
        assert Audience(ticket, at=TEN).climb(Rung.MANAGER).told == []


# --- who acts -------------------------------------------------------------------------------------
@pytest.fixture
def about_the_director(cast) -> Ticket:
    for name in ("department_manager", "quality"):
        reporting.set_superior(getattr(cast, name), cast.director)
    return complaint(cast, ("director",))


def test_who_audits_brings_a_complaint_about_the_director_to_its_end(cast, about_the_director):
    ticket, by = about_the_director, viewer_of(cast.auditor).actor
    assert permissions.available(ticket, by, now=TEN)[0] == Verb.DISPATCH
    ticket = lifecycle.dispatch(ticket, by=by, handler=cast.auditor, now=TEN)
    assert ticket.first_receiver == cast.auditor
    ticket = lifecycle.accept(ticket, by=by, now=TEN)
    ticket = lifecycle.follow_up(ticket, by=by, note="已与业主通话", now=TEN)
    ticket = lifecycle.complete(ticket, by=by, result="已查实", now=TEN)
    ticket = lifecycle.feed_back(ticket, by=by, channel="phone", content="已说明处理情况", now=TEN)
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=4, now=TEN)
    ticket = lifecycle.summarise(ticket, by=by, cause="言语不当", liability="property", improvement="约谈", now=TEN)
    assert ticket.status == Status.CLOSED
    assert told(cast, ticket) <= {"auditor"}


def test_it_can_be_done_from_the_page(cast, as_, about_the_director):
    client, ticket = as_("auditor"), about_the_director
    url = reverse("ticket-move", args=[ticket.number, "dispatch"])
    assert f'value="{cast.auditor.pk}"' in client.get(url).content.decode()
    client.post(url, {"department": cast.desk.pk, "handler": cast.auditor.pk, "version": ticket.version})
    ticket.refresh_from_db()
    assert (ticket.status, ticket.handler) == (Status.DISPATCHED, cast.auditor)


def test_wrongly_named_it_goes_back_to_the_desk(cast, about_the_director):
    by = viewer_of(cast.auditor).actor
    ticket = lifecycle.name_subjects(about_the_director, by=by, subjects=[cast.handler], reason="同名", now=TEN)
    assert Ticket.objects.visible_to(viewer_of(cast.supervisor)).filter(pk=ticket.pk).exists()
    with pytest.raises(Forbidden):
        lifecycle.dispatch(ticket, by=by, department=cast.works, now=TEN)


@pytest.mark.parametrize("subjects", [(), ("handler",), ("supervisor",)])
def test_other_complaints_who_audits_only_reads(cast, subjects):
    ticket = complaint(cast, subjects)
    assert permissions.available(ticket, viewer_of(cast.auditor).actor, now=TEN) == []
    with pytest.raises(Forbidden):
        lifecycle.dispatch(ticket, by=viewer_of(cast.auditor).actor, department=cast.works, now=TEN)


def test_a_desk_that_writes_down_a_complaint_about_the_director_hands_its_loop_to_who_audits(cast):
    reporting.set_superior(cast.department_manager, cast.director)
    ticket = register(cast, kind="complaint", category=None, subjects=[cast.director], now=TEN)
    assert ticket.first_receiver == cast.auditor
    assert not Ticket.objects.visible_to(viewer_of(cast.frontdesk)).filter(pk=ticket.pk).exists()
