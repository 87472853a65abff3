"""涉事回避, attacked: whoever a complaint is about tries every side door to find a trace of it."""

from __future__ import annotations

import re

import pytest
from django.db import transaction
from django.utils import timezone

from shimao_service import calendars, outbox
from shimao_service.actors import Actor, ActorKind
from shimao_service.exceptions import Invalid
from shimao_service.models import Notice
from tests.factories import register, walk
from tickets import lifecycle, outgoing
from tickets.lifecycle.intake import Intake
from tickets.models import Ticket
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db


def complain(cast, about, **fields):
    return register(cast, kind=Kind.COMPLAINT, description="师傅上门时态度恶劣，还摔了门", subjects=[about], **fields)


def test_the_story_of_a_linked_request_does_not_tell_the_number_of_a_complaint_about_the_reader(cast, as_):
    work = walk(cast, Status.IN_PROGRESS)
    complaint = complain(cast, cast.handler)
    lifecycle.link(complaint, work, by=cast.by("frontdesk"), note="投诉见另一张")
    for path in ("", "print/", "history/", "live/?version=1"):
        page = as_("handler").get(f"/tickets/{work.number}/{path}")
        assert complaint.number not in page.content.decode(), path
    answer = as_("handler").get(f"/api/v1/tickets/{work.number}/")
    assert answer.status_code == 200 and complaint.number not in answer.content.decode()
    assert complaint.number in as_("supervisor").get(f"/tickets/{work.number}/").content.decode()


def test_the_note_made_while_linking_a_complaint_is_not_told_to_whom_it_is_about(cast, as_):
    work = walk(cast, Status.IN_PROGRESS)
    complaint = complain(cast, cast.handler)
    lifecycle.link(complaint, work, by=cast.by("frontdesk"), note="业主投诉了这位师傅")
    assert "业主投诉了这位师傅" not in as_("handler").get(f"/tickets/{work.number}/").content.decode()
    assert "业主投诉了这位师傅" not in as_("handler").get(f"/api/v1/tickets/{work.number}/").content.decode()


@pytest.mark.parametrize("kind", [Kind.SUGGESTION, Kind.CONSULTATION, Kind.REPAIR, Kind.PRAISE])
def test_a_complaint_that_is_amended_to_another_kind_stays_hidden_from_whom_it_is_about(cast, as_, kind):
    complaint = complain(cast, cast.supervisor)
    with pytest.raises(Invalid) as refused:
        lifecycle.amend(complaint, by=cast.by("department_manager"), reason="登记错了", changes={"kind": kind})
    assert "kind" in refused.value.fields
    for name in ("supervisor", "frontdesk"):
        assert as_(name).get(f"/tickets/{complaint.number}/").status_code == 404


def test_a_praise_amended_to_a_complaint_is_taken_away_from_whom_it_is_about(cast, as_):
    praise = register(cast, kind=Kind.PRAISE, description="周师傅很好", subjects=[cast.supervisor])
    lifecycle.amend(praise, by=cast.by("department_manager"), reason="其实是投诉", changes={"kind": Kind.COMPLAINT})
    praise.refresh_from_db()
    assert praise.first_receiver != cast.frontdesk
    told = Notice.objects.filter(about=f"ticket:{praise.pk}")
    for accused in (cast.supervisor, cast.frontdesk):
        assert not told.inbox_of(accused.user_id).exists()


def test_a_complaint_that_begins_again_is_not_given_back_to_whom_it_turned_out_to_be_about(cast, as_):
    complaint = walk(cast, Status.COMPLETED, kind=Kind.COMPLAINT)
    complaint = lifecycle.name_subjects(
        complaint, by=cast.by("department_manager"), subjects=[cast.handler], reason="业主说就是他"
    )
    complaint = lifecycle.reopen(complaint, by=cast.by("frontdesk"), reason="业主不认可")
    assert complaint.handler_id != cast.handler.pk
    assert not Ticket.objects.visible_to(cast.by("handler").viewer).filter(pk=complaint.pk).exists()
    about = Notice.objects.filter(about=f"ticket:{complaint.pk}")
    assert not about.inbox_of(cast.handler.user_id).exists()


def test_operations_do_not_tell_the_number_of_a_complaint_to_the_person_it_is_about(cast, as_):
    complaint = complain(cast, cast.manager, contact_email="owner@example.com")
    assert complaint.number not in " ".join(outgoing.names_of_contacts([complaint.pk]).values())
    draft = outbox.Draft(
        key=f"ticket:{complaint.pk}:x", recipients=[f"ticket:{complaint.pk}"], channels=("email",),
        kind="owner_satisfaction", title="x", about=f"ticket:{complaint.pk}",
    )  # fmt: skip
    with transaction.atomic():
        outbox.post_all([draft], now=timezone.now())
    Notice.objects.filter(about=f"ticket:{complaint.pk}", channel="email").update(
        status="dead", error="550", attempts=1, next_attempt_at=None
    )
    page = as_("manager").get("/inbox/outbox/")
    assert page.status_code == 200 and complaint.number not in page.content.decode()


def test_nothing_that_counts_or_finds_knows_a_complaint_about_the_reader_or_a_superior(cast, as_, time_machine):
    time_machine.move_to(timezone.now(), tick=False)  # the pages tell minutes
    # The warning about next year's holidays is looked up now and then: not in between.
    calendars.ensure_default()
    calendars.look_again()
    before = {}
    paths = (
        "/", "/tickets/?status=all", "/tickets/?q=摔了门", f"/owners/{cast.owner.pk}/", f"/units/{cast.unit.pk}/",
        f"/buildings/{cast.building.pk}/", "/lookup/?q=1502",
        f"/lookup/card/?who=u{cast.unit.pk}-o{cast.owner.pk}&kind=complaint",
        "/api/v1/tickets/", "/api/v1/units/?q=1502", "/api/v1/owners/?q=zhang", "/inbox/?show=all",
    )  # fmt: skip
    people = ("frontdesk", "supervisor", "steward", "manager")

    def read(name, path):
        text = as_(name).get(path).content.decode()
        return re.sub(r'"X-CSRFToken": "\w+"|(nonce|csrf\w*|value)="[^"]*"|\d+ 秒前|刚刚', "", text)

    for name in people:
        for path in paths:
            before[name, path] = read(name, path)
    complaint = lifecycle.register(
        Intake(project=cast.project, kind=Kind.COMPLAINT, description="经理摔了门", unit=cast.unit, is_anonymous=True,
               subjects=[cast.manager], source="web"),
        by=Actor(kind=ActorKind.LINK, id=None, name="业主"),
    )  # fmt: skip
    told = Notice.objects.filter(about=f"ticket:{complaint.pk}").values_list("recipient", flat=True)
    assert set(told) == {f"user:{cast.department_manager.user_id}"}
    for name in people:
        for path in paths:
            assert read(name, path) == before[name, path], (name, path)
