"""The owner's link, attacked: forged, replayed, swapped, and looked for where it must not lie."""

from __future__ import annotations

import io
import logging

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from tests.factories import register, walk
from tickets import lifecycle, links, owners
from tickets.models import Attachment, Occupancy, Ticket
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db


def png() -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(out, "PNG")
    return SimpleUploadedFile("a.png", out.getvalue(), "image/png")


ACTIONS = ("rate", "supplement", "reopen", "withdraw")


def test_no_part_of_a_link_can_be_exchanged_for_another_requests(cast, client):
    mine, theirs = register(cast), register(cast, owner=cast.neighbour, unit=cast.unit_below)
    here, there = links.token(mine).split("."), links.token(theirs).split(".")
    for parts in ([there[0], *here[1:]], [*there[:-1], here[-1]], [here[0], str(int(here[1]) + 1), *here[2:]]):
        forged = ".".join(parts)
        if forged in (links.token(mine), links.token(theirs)):
            continue
        assert client.get(f"/track/{forged}/").status_code == 404
        for action in ACTIONS:
            assert client.post(f"/track/{forged}/{action}/", {"grade": 5, "note": "x"}).status_code == 404
    good = links.token(mine)
    for forged in (good.upper(), good[:-1], good + "a", good.swapcase(), good.replace(".", "-"), good + "%20"):
        if forged != good:
            assert client.get(f"/track/{forged}/").status_code in (404, 400), forged


def test_a_dead_link_does_nothing_any_more_by_any_of_its_addresses(cast, client):
    for kill in (
        lambda t: lifecycle.revoke_link(t, by=cast.by("supervisor"), reason="发错人"),
        lambda t: lifecycle.amend(t, by=cast.by("supervisor"), reason="换人", changes={"owner": cast.neighbour}),
    ):
        ticket = walk(cast, Status.FED_BACK)
        dead = links.token(ticket)
        kill(ticket)
        for action in ACTIONS:
            data = {"grade": 1, "note": "恶意", "round": 1, "reopen-reason": "恶意"}
            assert client.post(f"/track/{dead}/{action}/", data).status_code == 404
        assert client.get(f"/track/{dead}/").status_code == 404
        ticket.refresh_from_db()
        assert ticket.status == Status.FED_BACK


def test_a_tenant_who_moved_out_loses_the_link_and_the_pictures(cast, client):
    ticket = register(cast)
    token = links.token(ticket)
    client.post(f"/track/{token}/supplement/", {"note": "照片", "pictures": png()})
    picture = Attachment.objects.get(ticket=ticket)
    assert client.get(f"/track/{token}/pictures/{picture.pk}/").status_code == 200
    home = Occupancy.objects.get(owner=cast.owner)
    owners.move_out(home, by=cast.by("frontdesk"), until=ticket.created_at.date())
    for path in ("", f"pictures/{picture.pk}/", f"pictures/{picture.pk}/small/"):
        assert client.get(f"/track/{token}/{path}").status_code == 404, path


def test_a_link_shows_no_picture_of_another_request_nor_of_colleagues(cast, client, as_):
    mine, theirs = register(cast), register(cast, owner=cast.neighbour, unit=cast.unit_below)
    client.post(f"/track/{links.token(theirs)}/supplement/", {"note": "我家", "pictures": png()})
    other = Attachment.objects.get(ticket=theirs)
    assert client.get(f"/track/{links.token(mine)}/pictures/{other.pk}/").status_code == 404
    assert client.get(f"/pictures/{other.pk}/full/").status_code == 302
    assert as_("outsider").get(f"/pictures/{other.pk}/full/").status_code == 404
    assert as_("contractor").get(f"/pictures/{other.pk}/thumb/").status_code == 404
    for size in ("..", "full%2F..", "FULL", "%00"):
        assert as_("frontdesk").get(f"/pictures/{other.pk}/{size}/").status_code == 404


def test_no_answer_of_a_link_may_be_kept_or_passed_on_and_no_log_holds_it(cast, client, caplog):
    ticket = register(cast)
    token = links.token(ticket)
    with caplog.at_level(logging.DEBUG):
        answers = [client.get(f"/track/{token}/"), client.get(f"/track/{token}x/")]
        answers += [client.post(f"/track/{token}/rate/", {"grade": 9}), client.post(f"/track/{token}/withdraw/", {})]
        answers += [client.get(f"/track/{token}/pictures/999/")]
    for answer in answers:
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]
    for record in caplog.records:
        if record.name.startswith("django.db"):
            continue
        assert token not in record.getMessage(), record


def test_a_link_never_stands_on_a_page_of_who_may_not_hand_it_over(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    token = links.token(ticket)
    for name in ("handler", "manager", "auditor", "director", "quality", "steward"):
        for path in ("", "print/", "history/", "share/", "receipt/"):
            assert token not in as_(name).get(f"/tickets/{ticket.number}/{path}").content.decode(), (name, path)
        assert token not in as_(name).get(f"/api/v1/tickets/{ticket.number}/").content.decode(), name


def test_the_owner_does_not_read_liability_verdicts_notes_between_colleagues_or_subjects(cast, client):
    ticket = walk(cast, Status.COMPLETED, kind=Kind.COMPLAINT, subjects=[cast.guard])
    lifecycle.attempt(ticket, by=cast.by("frontdesk"), channel="phone", note="内部备注甲")
    lifecycle.judge(ticket, by=cast.by("supervisor"), valid=False, note="内部认定乙")
    ticket = lifecycle.feed_back(ticket, by=cast.by("frontdesk"), channel="phone", content="公开答复")
    lifecycle.rate(ticket, by=cast.by("supervisor"), grade=4, channel="phone")
    lifecycle.summarise(
        ticket, by=cast.by("frontdesk"), cause="内部原因丙", liability="owner", improvement="内部改进丁"
    )
    page = client.get(links.path(Ticket.objects.get(pk=ticket.pk))).content.decode()
    for word in (
        "内部备注甲",
        "内部认定乙",
        "内部原因丙",
        "内部改进丁",
        "业主自身",
        "李敏",
        "无效",
        cast.owner.phone,
        "张建国",
    ):
        assert word not in page, word
    assert "公开答复" in page
