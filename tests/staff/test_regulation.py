"""The regulation on its pages: in force, missing, drafted, and what rests on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from shimao_service.exceptions import Conflict
from staff import regulation
from staff.models import Clause, RegulationVersion
from tests.factories import walk
from tickets.lifecycle import gate
from tickets.models import Event
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db


def text(response) -> str:
    return response.content.decode()


def day(days: int):
    return timezone.localdate() + timedelta(days=days)


@pytest.fixture
def first(cast):
    return regulation.ensure_regulation(day(-300))


def test_everybody_reads_the_version_in_force_and_what_it_lacks(first, as_):
    for who in ("handler", "hr", "outsider"):
        page = text(as_(who).get(reverse("regulation")))
        assert "A6.2" in page
        assert page.count("原文缺失") >= 2
        assert "起草新版本" not in page
    assert "起草新版本" in text(as_("admin").get(reverse("regulation")))
    assert as_("handler").post(reverse("regulation")).status_code == 405


def test_without_any_version_the_page_says_so(cast, as_):
    assert "还没有现行的制度" in text(as_("handler").get(reverse("regulation")))


def test_a_clause_shows_what_rests_on_it_as_far_as_one_sees(first, cast, as_, django_assert_max_num_queries):
    ticket = walk(cast, Status.IN_PROGRESS)
    complaint = walk(cast, Status.IN_PROGRESS, kind=Kind.COMPLAINT, subjects=[cast.handler2])
    page = reverse("clause", args=[1, "B6.2"])
    shown = text(as_("supervisor").get(page))
    assert ticket.number in shown
    assert complaint.number in shown
    assert complaint.number not in text(as_("handler2").get(page))
    assert ticket.number not in text(as_("outsider").get(page))
    client = as_("supervisor")
    with django_assert_max_num_queries(12):
        client.get(page)
    assert as_("supervisor").get(reverse("clause", args=[1, "Z9"])).status_code == 404


def test_the_next_version_is_drafted_edited_and_takes_force_on_its_day(first, cast, as_):
    client = as_("admin")
    assert client.post(reverse("regulation-new"), {"title": "第二版", "effective_on": day(0)}).status_code == 400
    assert client.post(reverse("regulation-new"), {"title": "第二版", "effective_on": day(5)}).status_code == 302
    second = RegulationVersion.objects.get(number=2)
    assert second.clauses.count() == first.clauses.count()
    assert client.post(reverse("regulation-new"), {"title": "三", "effective_on": day(9)}).status_code == 400
    edit = reverse("clause-edit", args=[2, "A8"])
    assert client.post(edit, {"title": "第八条", "text": "公司通过的正式文本。"}).status_code == 302
    assert not Clause.objects.get(version=second, code="A8").is_missing
    assert Clause.objects.get(version=first, code="A8").is_missing
    new = reverse("clause-new", args=[2])
    assert client.post(new, {"code": "a6.6", "after": "A6.5", "title": "改进", "text": "每季改进。"}).status_code == 302
    order = list(Clause.objects.filter(version=second).values_list("code", flat=True))
    assert order[order.index("A6.5") + 1] == "A6.6"
    assert client.post(new, {"code": "A6.6", "after": "A6.5", "title": "x", "text": "y"}).status_code == 400
    assert regulation.in_force() == first
    assert regulation.in_force(day(5)) == second
    assert as_("handler").get(reverse("regulation-version", args=[2])).status_code == 404
    assert "第二版" not in text(as_("handler").get(reverse("regulation")))


def test_a_version_in_force_never_changes(first, cast, as_):
    client = as_("admin")
    typed = {"title": "改", "text": "改"}
    assert client.post(reverse("clause-edit", args=[1, "A1"]), typed).status_code == 400
    with pytest.raises(Conflict):
        regulation.write(first, code="A1", title="改", text="改", by=cast.by("admin"))
    assert client.post(reverse("regulation-discard", args=[1])).status_code == 409
    assert client.post(reverse("regulation-edit", args=[1]), {"title": "改", "effective_on": day(3)}).status_code == 400
    assert Clause.objects.get(version=first, code="A1").title == "目的"


def test_only_keepers_of_the_regulation_draft(first, cast, as_):
    for name, args in (
        ("regulation-new", []),
        ("regulation-edit", [1]),
        ("clause-edit", [1, "A1"]),
        ("clause-new", [1]),
    ):
        assert as_("supervisor").get(reverse(name, args=args)).status_code == 403
    assert as_("supervisor").post(reverse("regulation-discard", args=[1])).status_code == 403
    assert as_("admin").get(reverse("regulation-discard", args=[1])).status_code == 405


def test_a_draft_is_thrown_away_whole(first, cast, as_):
    regulation.draft(title="第二版", effective_on=day(5), by=cast.by("admin"))
    assert as_("admin").post(reverse("regulation-discard", args=[2])).status_code == 302
    assert list(RegulationVersion.objects.all()) == [first]


def test_steps_point_to_the_version_of_their_day(first, cast, django_capture_on_commit_callbacks):
    now = gate.clause_id("B6.2", day(0))
    with django_capture_on_commit_callbacks(execute=True):
        second = regulation.draft(title="第二版", effective_on=day(5), by=cast.by("admin"))
    assert gate.clause_id("B6.2", day(0)) == now
    assert gate.clause_id("B6.2", day(5)) == Clause.objects.get(version=second, code="B6.2").pk
    ticket = walk(cast, Status.DISPATCHED)
    assert Event.objects.get(ticket=ticket, verb="dispatch").clause.version == first
