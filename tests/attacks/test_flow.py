"""Holes in the flow: shortcuts past a step, two at once, powers one does not have, data nobody was to see."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from shimao_service.actors import SYSTEM
from shimao_service.models import Reveal
from tests.factories import BuildingFactory, OccupancyFactory, UnitFactory, make_cast, owner_actor, register, walk
from tickets import lifecycle, links
from tickets.models import Clock, Event, Leg, Rating, Ticket
from tickets.statuses import Kind, Status, Urgency

MANY = ("registered", "dispatched", "in_progress", "on_hold", "completed", "fed_back", "cancelled", "closed")


def signed_in(employee) -> Client:
    client = Client()
    client.force_login(employee.user, backend="staff.authentication.EmployeeBackend")
    return client


@pytest.mark.django_db
def test_confirming_several_summaries_closes_nothing_that_is_not_ready_for_it(cast, as_):
    tickets = [walk(cast, status) for status in MANY] + [walk(cast, Status.AWAITING_SUMMARY, kind=Kind.COMPLAINT)]
    before = {t.pk: t.status for t in tickets}
    for name in ("frontdesk", "supervisor", "manager", "handler", "outsider", "auditor"):
        data = {"ids": [t.pk for t in tickets], "confirmed": "1", "liability": "property"}
        assert as_(name).post("/tickets/bulk/summarise/", data).status_code in (200, 302, 400, 403)
        data |= {"department": cast.works.pk}
        if name not in ("frontdesk", "supervisor"):
            assert as_(name).post("/tickets/bulk/dispatch/", data).status_code in (200, 302, 400, 403)
    assert {t.pk: t.status for t in Ticket.objects.filter(pk__in=before)} == before


@pytest.mark.django_db
def test_a_grade_that_slipped_in_late_as_bad_is_not_closed_in_bulk(cast):
    ticket = walk(cast, Status.FED_BACK, now=timezone.now() - timedelta(days=9))
    ticket = lifecycle.time_out(ticket, by=SYSTEM)
    done, refused = lifecycle.summarise_many([ticket], by=cast.by("frontdesk"))
    assert not done and ticket.number in refused


@pytest.mark.django_db
def test_nobody_writes_a_grade_for_the_owner_without_a_channel_or_as_the_owner(cast, as_):
    ticket = walk(cast, Status.FED_BACK)
    for body in (
        {"grade": 5}, {"grade": 5, "channel": ""}, {"grade": 5, "channel": "link"},
        {"grade": 5, "channel": "unreachable"},
        {"grade": 5, "channel": None}, {"grade": 5, "channel": "phone", "source": "link"},
    ):  # fmt: skip
        answer = as_("frontdesk").post(f"/api/v1/tickets/{ticket.number}/rating/", json.dumps(body), "application/json")
        assert answer.status_code == 400, body
        form = {name: value or "" for name, value in body.items()} | {"version": ticket.version}
        if "source" not in body:
            assert as_("frontdesk").post(f"/tickets/{ticket.number}/rate/", form).status_code == 400, body
    assert not Rating.objects.exists()


@pytest.mark.django_db
def test_no_client_sets_the_time_of_what_happened(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    long_ago = "2020-01-01T00:00:00+08:00"
    for name in ("at", "now", "created_at", "started_at"):
        body = json.dumps({"note": "进展", name: long_ago})
        assert (
            as_("handler").post(f"/api/v1/tickets/{ticket.number}/follow-ups/", body, "application/json").status_code
            == 400
        )
        as_("handler").post(f"/tickets/{ticket.number}/follow_up/", {"note": f"进展{name}", name: long_ago})
    assert not Event.objects.filter(at__lt=ticket.created_at).exists()
    assert not Event.objects.filter(at__gt=timezone.now()).exists()


@pytest.mark.django_db
def test_no_amendment_erases_a_breach_or_starts_a_clock_anew(cast):
    ticket = walk(cast, Status.DISPATCHED, now=timezone.now() - timedelta(hours=30), urgency=Urgency.URGENT)
    ticket = lifecycle.accept(ticket, by=cast.by("handler"))
    late = {
        c.name: c.due_at
        for c in Clock.objects.filter(ticket=ticket, round=1)
        if (c.met_at or timezone.now()) > c.due_at
    }
    assert "response" in late
    started = set(Clock.objects.filter(ticket=ticket).values_list("started_at", flat=True))
    for changes in (
        {"urgency": Urgency.NORMAL}, {"kind": Kind.SUGGESTION}, {"kind": Kind.REPAIR},
        {"appointment_at": timezone.now() + timedelta(days=30)},
    ):  # fmt: skip
        ticket = lifecycle.amend(ticket, by=cast.by("supervisor"), reason="更正", changes=changes)
    now = timezone.now()
    for name, due in late.items():
        clock = Clock.objects.filter(ticket=ticket, round=1, name=name).first()
        assert clock is not None, f"{name} vanished"
        assert (clock.met_at or now) > clock.due_at and clock.due_at <= due, name
    assert set(Clock.objects.filter(ticket=ticket).values_list("started_at", flat=True)) <= started


@pytest.mark.django_db
@pytest.mark.parametrize("status", [Status.CLOSED, Status.CANCELLED])
def test_what_is_over_takes_no_further_moves_from_any_page(cast, as_, status):
    from tickets.forms import FORMS

    ticket = walk(cast, status)
    events = Event.objects.filter(ticket=ticket).count()
    people = [as_(name) for name in ("handler", "frontdesk", "supervisor")]
    everything = {
        "note": "x", "reason": "x", "result": "x", "content": "x", "channel": "phone", "grade": 5, "cause": "x",
        "liability": "property", "department": cast.works.pk, "resume_at": "2027-01-01T10:00", "to": cast.frontdesk2.pk,
    }  # fmt: skip
    for verb in set(FORMS) - {"reopen", "revoke_link", "link", "unlink", "rate", "judge"}:
        for client in people:
            answer = client.post(f"/tickets/{ticket.number}/{verb}/", everything)
            assert answer.status_code in (302, 400, 403, 404, 409), verb
    ticket.refresh_from_db()
    assert ticket.status == status and Event.objects.filter(ticket=ticket).count() == events


@pytest.mark.django_db
def test_no_contact_is_shown_without_a_row_of_who_looked(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    secrets = (cast.owner.phone, cast.owner.name)
    for name in ("frontdesk", "supervisor", "manager", "handler", "auditor", "admin", "steward", "director", "hr"):
        client = as_(name)
        for path in (
            f"/tickets/{ticket.number}/reveal/", f"/owners/{cast.owner.pk}/reveal/",
        ):  # fmt: skip
            for data in ({}, {"reason": " "}, {"reason": "", "call": "1"}):
                before = Reveal.objects.count()
                text = client.post(path, data).content.decode()
                if any(secret in text for secret in secrets):
                    assert Reveal.objects.count() > before, (name, path, data)
        for path in (
            f"/tickets/{ticket.number}/amend/",
            f"/owners/{cast.owner.pk}/edit/",
            f"/tickets/{ticket.number}/feed_back/",
        ):
            text = client.get(path).content.decode()
            assert not any(secret in text for secret in secrets), (name, path)


@pytest.mark.django_db
def test_the_history_beside_a_request_tells_no_home_in_a_project_one_does_not_work_in(cast, as_):
    elsewhere = UnitFactory(building=BuildingFactory(project=cast.other_project, code="99"), entrance="9", room="9999")
    OccupancyFactory(unit=elsewhere, owner=cast.owner)
    ticket = walk(cast, Status.IN_PROGRESS)
    for name in ("frontdesk", "handler", "supervisor"):
        for path in (f"/tickets/{ticket.number}/history/", f"/tickets/{ticket.number}/", f"/owners/{cast.owner.pk}/"):
            assert "9999" not in as_(name).get(path).content.decode(), (name, path)
        assert "9999" not in as_(name).get("/api/v1/owners/?q=张建国").content.decode(), name


@pytest.mark.django_db
def test_a_search_does_not_tell_whether_somebody_of_another_project_has_this_phone(cast, as_):
    register(cast)
    for q in ("13812345678", "5678", "张建国", "1502", "水管爆裂"):
        page = as_("outsider").get("/tickets/", {"q": q}).content.decode()
        again = as_("outsider").get("/tickets/", {"q": q[::-1]}).content.decode()
        assert "BX2" not in page and len(page.replace(q, "")) - len(again.replace(q[::-1], "")) in range(-300, 300)
        assert "张**" not in as_("outsider").get("/lookup/", {"q": q}).content.decode()


# --- together -------------------------------------------------------------------------------------
def together(*calls):
    """All at the same moment, each on a connection of its own; what each came to."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place, call):
        try:
            gate.wait(10)
            results[place] = call()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
def test_two_at_once_never_leave_two_legs_two_grades_or_two_requests(settings):
    cast = make_cast()
    desk, desk2 = signed_in(cast.frontdesk), signed_in(cast.frontdesk2)
    one, two, boss = signed_in(cast.handler), signed_in(cast.handler2), signed_in(cast.supervisor)

    # the same press twice at the counter, and by the API with one key
    page = desk.get("/tickets/new/")
    sheet = {
        "key": str(page.context["form"]["key"].value()), "kind": "repair", "description": "同一件事",
        "who": f"u{cast.unit.pk}-o{cast.owner.pk}", "press": "register", "source": "phone", "noticed": "",
    }  # fmt: skip
    answers = together(*[lambda: signed_in(cast.frontdesk).post("/tickets/new/", sheet) for _n in range(4)])
    assert {a.status_code for a in answers} == {302}
    assert Ticket.objects.filter(description="同一件事").count() == 1
    body = json.dumps(
        {
            "project": "BJ",
            "kind": "repair",
            "description": "接口一件",
            "contact_name": "张",
            "contact_phone": "13800001111",
        }
    )
    answers = together(
        *[
            lambda: signed_in(cast.frontdesk).post(
                "/api/v1/tickets/", body, "application/json", headers={"idempotency-key": "k1"}
            )
            for _n in range(4)
        ]
    )
    assert {a.status_code for a in answers} <= {200, 201}, [a.content for a in answers]
    assert Ticket.objects.filter(description="接口一件").count() == 1

    # the web form
    key = str(Client().get("/report/").context["form"]["key"].value())
    sent = {
        "key": key,
        "kind": "repair",
        "description": "网页一件",
        "phone": "13800002222",
        "project": cast.project.code,
        "room": "3-2-1502",
    }
    answers = together(*[lambda: Client().post("/report/", sent) for _n in range(4)])
    assert {a.status_code for a in answers} == {302}, [a.content[:300] for a in answers]
    assert Ticket.objects.filter(description="网页一件").count() == 1

    ticket = lifecycle.dispatch(register(cast), by=cast.by("frontdesk"), department=cast.works)
    answers = together(
        *[lambda c=c: c.post(f"/tickets/{ticket.number}/accept/", {"version": ticket.version}) for c in (one, two)]
    )
    assert sorted(a.status_code for a in answers) == [302, 409]
    ticket.refresh_from_db()
    holder = one if ticket.handler_id == cast.handler.pk else two

    together(
        lambda: holder.post(f"/tickets/{ticket.number}/complete/", {"result": "修好", "version": ticket.version}),
        lambda: boss.post(
            f"/tickets/{ticket.number}/transfer/",
            {"department": cast.order.pk, "reason": "改派", "version": ticket.version},
        ),
        lambda: holder.post(
            f"/api/v1/tickets/{ticket.number}/return/", json.dumps({"reason": "退"}), "application/json"
        ),
    )
    assert Leg.objects.filter(ticket=ticket, ended_at=None).count() <= 1

    rated = walk(cast, Status.FED_BACK)
    token = links.token(rated)
    together(
        *[lambda: Client().post(f"/track/{token}/rate/", {"grade": 5, "round": 1}) for _n in range(3)],
        lambda: desk2.post(
            f"/tickets/{rated.number}/rate/", {"grade": 3, "channel": "phone", "version": rated.version}
        ),
    )
    assert Rating.objects.filter(ticket=rated, replaced_at=None).count() == 1

    slow = walk(cast, Status.FED_BACK, now=timezone.now() - timedelta(days=8))
    together(
        lambda: lifecycle.time_out(slow, by=SYSTEM), lambda: lifecycle.rate(slow, by=owner_actor(slow), grade=1),
        lambda: lifecycle.time_out(slow, by=SYSTEM),
    )  # fmt: skip
    slow.refresh_from_db()
    assert slow.status == Status.DISPATCHED and slow.dissatisfied_rounds == 1
    assert Rating.objects.filter(ticket=slow).count() == 1

    held = walk(cast, Status.ON_HOLD)
    together(
        lambda: lifecycle.resume(held, by=SYSTEM), lambda: lifecycle.resume(held, by=cast.by("handler")),
        lambda: signed_in(cast.handler).post(f"/api/v1/tickets/{held.number}/resume/", "{}", "application/json"),
    )  # fmt: skip
    assert Event.objects.filter(ticket=held, verb="resume").count() == 1
    assert not held.holds.filter(ended_at=None).exists()

    done = walk(cast, Status.AWAITING_SUMMARY)
    words = {"cause": "老化", "liability": "property", "improvement": "巡检", "version": done.version}
    together(*[lambda: signed_in(cast.frontdesk).post(f"/tickets/{done.number}/summarise/", words) for _n in range(3)])
    assert Event.objects.filter(ticket=done, verb="summarise").count() == 1

    waiting = register(cast)
    together(
        lambda: lifecycle.amend(waiting, by=cast.by("supervisor"), reason="更正", changes={"unit": cast.unit_below}),
        lambda: lifecycle.dispatch(waiting, by=cast.by("frontdesk"), department=cast.works),
        lambda: lifecycle.cancel(waiting, by=owner_actor(waiting), reason="不用了"),
    )
    waiting.refresh_from_db()
    verbs = Counter(Event.objects.filter(ticket=waiting).values_list("verb", flat=True))
    assert verbs["dispatch"] + verbs["cancel"] == 1 or (waiting.status == Status.CANCELLED and verbs["dispatch"] == 0)
    assert list(Event.objects.filter(ticket=waiting).order_by("seq").values_list("seq", flat=True)) == list(
        range(1, sum(verbs.values()) + 1)
    )
