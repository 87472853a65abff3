"""Urging, overseeing and referring on the pages: what is shown to whom, one tap at the counter, refusals by field."""

from __future__ import annotations

import io
from datetime import timedelta

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.factories import owner_actor, register, walk
from tickets import lifecycle
from tickets.models import Referral, Ticket, Urge
from tickets.statuses import Kind, Status, Verb

pytestmark = pytest.mark.django_db

HOTLINE = "hotline_12345"


def page_of(client, ticket: Ticket) -> str:
    return client.get(ticket.get_absolute_url()).content.decode()


def move(client, ticket: Ticket, verb: str, **values):
    ticket.refresh_from_db()
    return client.post(reverse("ticket-move", args=[ticket.number, verb]), {"version": ticket.version} | values)


def urged(cast, *, note: str = "怎么还没来") -> Ticket:
    ticket = walk(cast, Status.IN_PROGRESS)
    return lifecycle.urge(ticket, by=owner_actor(ticket), note=note)


# --- the request page -----------------------------------------------------------------------------
def test_who_waits_for_an_answer_stands_on_top_with_the_button(cast, as_):
    ticket = urged(cast, note="<i>快</i>")
    page = page_of(as_("handler"), ticket)
    assert "业主催单" in page
    assert "&lt;i&gt;快&lt;/i&gt;" in page
    answer = reverse("ticket-move", args=[ticket.number, "answer_urge"])
    assert f'href="{answer}"' in page
    assert answer not in page_of(as_("auditor"), ticket)


def test_the_answer_takes_it_off_and_an_empty_one_does_not(cast, as_):
    ticket, client = urged(cast), as_("handler")
    refused = move(client, ticket, "answer_urge", note="")
    assert refused.status_code == 400
    assert "请写下答复。" in refused.content.decode()
    assert "业主在查询页会看到这段答复。" in refused.content.decode()
    assert move(client, ticket, "answer_urge", note="两点到").status_code == 302
    assert "等待答复" not in page_of(client, ticket)


def test_pressing_the_answer_twice_is_one_answer(cast, as_):
    ticket, client = urged(cast), as_("handler")
    body = {"version": ticket.version, "note": "两点到"}
    url = reverse("ticket-move", args=[ticket.number, "answer_urge"])
    assert [client.post(url, body).status_code for _again in range(2)] == [302, 302]
    assert ticket.events.filter(verb=Verb.ANSWER_URGE).count() == 1


def test_a_colleagues_answer_meanwhile_is_told_and_the_words_kept(cast, as_):
    ticket = urged(cast)
    old = ticket.version
    lifecycle.answer_urge(ticket, by=cast.by("frontdesk"), note="师傅在路上")
    url = reverse("ticket-move", args=[ticket.number, "answer_urge"])
    answer = as_("handler").post(url, {"version": old, "note": "我这边两点到"})
    assert answer.status_code == 409
    assert "师傅在路上" in answer.content.decode()
    assert "我这边两点到" in answer.content.decode()


def test_the_desk_writes_down_a_call_and_a_supervisor_urges_himself(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    assert move(as_("frontdesk"), ticket, "urge", who="owner", channel="face", note="上门来催").status_code == 302
    assert move(as_("supervisor"), ticket, "urge", who="staff", note="请抓紧").status_code == 302
    assert [(u.by, u.recorded_by, u.note) for u in Urge.objects.order_by("pk")] == [
        ("owner", "林静", "上门来催"), ("staff", "", "请抓紧"),
    ]  # fmt: skip
    assert move(as_("frontdesk"), ticket, "urge", note="谁催的？").status_code == 400


def test_what_presses_costs_the_page_no_query(cast, as_):
    client = as_("supervisor")
    quiet, pressed = walk(cast, Status.IN_PROGRESS), urged(cast)
    lifecycle.refer(pressed, by=cast.by("frontdesk"), authority=HOTLINE, number="SH-1")
    lifecycle.oversee(pressed, by=cast.by("manager"), note="今天办结")
    counts = []
    for ticket in (quiet, quiet, pressed):
        with CaptureQueriesContext(connection) as made:
            page_of(client, ticket)
        counts.append(len(made))
    assert counts[2] == counts[1]


def test_hurrying_is_never_stale(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    url = reverse("ticket-move", args=[ticket.number, "urge"])
    assert as_("supervisor").post(url, {"version": 1, "who": "staff"}).status_code == 302


def test_an_owners_tap_shows_up_on_a_page_that_stands_open(cast, as_):
    ticket, client = walk(cast, Status.IN_PROGRESS), as_("handler")
    page = page_of(client, ticket)
    address = page.split('id="presence"')[1].split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert client.get(address).status_code == 204
    lifecycle.urge(ticket, by=owner_actor(ticket), note="怎么还没来")
    answer = client.get(address)
    assert answer.status_code == 200
    assert "怎么还没来" in answer.content.decode()


def test_the_manager_oversees_on_the_page_and_nobody_else_is_asked(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    url = reverse("ticket-move", args=[ticket.number, "oversee"])
    assert f'href="{url}"' in page_of(as_("manager"), ticket)
    assert f'href="{url}"' not in page_of(as_("supervisor"), ticket)
    assert as_("supervisor").get(url).status_code == 403
    assert move(as_("manager"), ticket, "oversee", note="今天办结").status_code == 302
    assert "经理督办" in page_of(as_("handler"), ticket)


# --- lists ----------------------------------------------------------------------------------------
def test_lists_mark_what_is_urged_and_overseen(cast, as_):
    ticket = lifecycle.oversee(urged(cast), by=cast.by("manager"), note="今天办结")
    walk(cast, Status.IN_PROGRESS)
    page = as_("manager").get(reverse("tickets")).content.decode()
    assert "催 2" in page
    assert page.count("督办</span>") == 1
    watched = as_("manager").get(reverse("tickets"), {"overseen": "1"})
    assert [row.ticket.pk for row in watched.context["rows"]] == [ticket.pk]
    chip = next(chip for chip in watched.context["chips"] if chip["label"] == "督办")
    assert (chip["count"], chip["active"]) == (1, True)
    waiting = as_("frontdesk").get(reverse("tickets"), {"urged": "1"})
    assert [row.ticket.pk for row in waiting.context["rows"]] == [ticket.pk]


def test_without_anything_overseen_there_is_no_chip(cast, as_):
    register(cast)
    chips = as_("manager").get(reverse("tickets")).context["chips"]
    assert "督办" not in [chip["label"] for chip in chips]


def test_homes_count_what_presses(cast, as_):
    lifecycle.oversee(urged(cast), by=cast.by("manager"), note="今天办结")
    counts = {one.section.key: one.count for one in as_("manager").get(reverse("home")).context["sections"]}
    assert (counts["overseen"], counts["urged"]) == (1, 1)
    assert "催 2" in as_("handler").get(reverse("home")).content.decode()
    desk = {one.section.key: one.count for one in as_("frontdesk").get(reverse("home")).context["sections"]}
    assert desk["urged"] == 1
    assert "overseen" not in desk


# --- the counter ----------------------------------------------------------------------------------
def card(cast, as_, who: str = "frontdesk") -> str:
    value = f"u{cast.unit.pk}-o{cast.owner.pk}"
    return as_(who).get(reverse("lookup-card"), {"who": value}).content.decode()


def test_one_tap_at_the_counter_logs_the_call_on_the_open_request(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    url = reverse("ticket-urged", args=[ticket.number])
    assert f'action="{url}"' in card(cast, as_)
    client = as_("frontdesk")
    answer = client.post(url, {"source": "visit"}, headers={"hx-request": "true"})
    assert (answer.status_code, answer.content.decode()) == (200, "已记下并转告")
    assert client.post(url, headers={"hx-request": "true"}).content.decode() == "已记下第 2 次"
    assert Urge.objects.get().recorded_by == "林静"
    assert ticket.events.get(verb=Verb.URGE).data["channel"] == "face"
    assert Ticket.objects.count() == 1
    plain = client.post(url)
    assert (plain.status_code, plain["Location"]) == (302, ticket.get_absolute_url())


def test_the_tap_is_for_whom_may_urge_and_for_what_they_see(cast, as_):
    ticket = register(cast, by="duty", kind=Kind.COMPLAINT, subjects=[cast.supervisor])
    url = reverse("ticket-urged", args=[ticket.number])
    assert as_("frontdesk").post(url).status_code == 404
    assert as_("outsider").post(url).status_code == 404
    assert as_("quality").post(url).status_code == 403
    assert as_("duty").get(url).status_code == 405
    closed = walk(cast, Status.CLOSED)
    assert as_("frontdesk").post(reverse("ticket-urged", args=[closed.number])).status_code == 409
    assert not Urge.objects.exists()


def intake(client, cast, **values):
    body = {"kind": "repair", "description": "路灯不亮", "source": HOTLINE, "press": "register",
            "who": f"u{cast.unit.pk}-o{cast.owner.pk}"}  # fmt: skip
    return client.post(reverse("ticket-new"), body | values)


def test_the_counter_takes_an_authoritys_number_and_deadlines(cast, as_):
    due = (timezone.localtime() + timedelta(hours=5)).replace(second=0, microsecond=0, tzinfo=None)
    answer = intake(as_("frontdesk"), cast, authority_number="SH-1", authority_due_at=due.isoformat())
    assert answer.status_code == 302
    referral = Referral.objects.get()
    assert (referral.authority, referral.number) == (HOTLINE, "SH-1")
    assert timezone.localtime(referral.due_at).replace(tzinfo=None) == due


def test_a_number_that_is_taken_is_refused_at_its_field_and_nothing_is_lost(cast, as_):
    first = register(cast, source=HOTLINE, authority_number="SH-1", unit=cast.unit_below, owner=cast.neighbour)
    answer = intake(as_("frontdesk"), cast, authority_number="sh-1", description="楼道灯坏了")
    page = answer.content.decode()
    assert answer.status_code == 409
    assert f"这个转办编号已登记在 {first.number}" in page
    assert "楼道灯坏了" in page
    assert Ticket.objects.count() == 1


def test_a_number_left_over_from_another_source_is_dropped(cast, as_):
    assert intake(as_("frontdesk"), cast, source="phone", authority_number="SH-1").status_code == 302
    assert not Referral.objects.exists()


# --- the referral on its request ------------------------------------------------------------------
def test_what_was_passed_on_is_shown_and_replied_to_once(cast, as_):
    ticket, client = walk(cast, Status.FED_BACK), as_("frontdesk")
    assert move(client, ticket, "refer", authority=HOTLINE, number="SH-9").status_code == 302
    page = page_of(client, ticket)
    reply = reverse("ticket-move", args=[ticket.number, "reply_authority"])
    assert "SH-9" in page
    assert f'href="{reply}"' in page
    assert "软管已更换，请留意" in client.get(reply).content.decode(), "what the owner was told is there to begin with"
    assert move(client, ticket, "reply_authority", content="已修复，业主知悉").status_code == 302
    page = page_of(client, ticket)
    assert "已修复，业主知悉" in page
    assert reply not in page
    assert move(client, ticket, "reply_authority", content="再回一次").status_code == 409


def test_a_taken_number_is_refused_in_the_dialog_at_its_field(cast, as_):
    first = register(cast, source=HOTLINE, authority_number="SH-1")
    answer = move(as_("frontdesk"), register(cast), "refer", authority=HOTLINE, number="SH-1")
    assert answer.status_code == 409
    assert first.number in answer.content.decode()
    assert answer.context["form"].errors.keys() == {"number"}


def test_the_export_names_oversight_and_authority(cast, as_):
    ticket = register(cast, source=HOTLINE, authority_number="SH-1")
    lifecycle.oversee(ticket, by=cast.by("manager"), note="今天办结")
    answer = as_("manager").post(reverse("tickets-export"))
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    headings, row = ([cell.value for cell in line] for line in list(sheet.rows)[:2])
    told = dict(zip(headings, row, strict=True))
    assert (told["督办"], told["转办单位"], told["转办编号"]) == ("经理督办", "12345 转办", "SH-1")
