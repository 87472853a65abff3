"""The tracking link: one request each, not to be guessed, revocable, and nowhere to be read afterwards."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from shimao_service import delivery, outbox
from shimao_service.logs import redact_text
from shimao_service.models import Notice, NoticeStatus
from tests.factories import register, walk
from tickets import lifecycle, links
from tickets.models import Occupancy
from tickets.statuses import Status

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def test_a_link_opens_its_own_request_only(cast, client):
    mine, theirs = register(cast), register(cast, owner=cast.neighbour, unit=cast.unit_below, description="天花板渗水")
    page = client.get(links.path(mine)).content.decode()
    assert mine.number in page
    assert theirs.number not in page
    assert "天花板" not in page


def main(answer) -> str:
    return answer.content.decode().partition("<main")[2].partition("</main>")[0]


def forgeries(ticket, other) -> dict[str, str]:
    pk, version, signature = links.token(ticket).split(".")
    other_pk, _version, other_signature = links.token(other).split(".")
    return {
        "another id, same signature": f"{other_pk}.{version}.{signature}",
        "another's signature": f"{pk}.{version}.{other_signature}",
        "an older version": f"{pk}.1.{signature}",
        "a later version": f"{pk}.3.{signature}",
        "no signature": f"{pk}.{version}.",
        "shorter signature": f"{pk}.{version}.{signature[:-1]}",
        "upper case": f"{pk}.{version}.{signature.upper()}",
        "the number": ticket.number,
        "the id": str(ticket.pk),
        "signs": "....",
        "not ascii": f"{pk}.{version}.{'签' * 32}",
        "a minus": f"-{pk}.{version}.{signature}",
        "huge": f"{'z' * 13}.{version}.{signature}",
    }


def test_whatever_does_not_open_is_one_and_the_same_page(cast, client):
    ticket, other = register(cast), register(cast)
    revoked = links.path(ticket)
    lifecycle.revoke_link(ticket, by=cast.by("supervisor"), reason="发错了人")
    ticket.refresh_from_db()
    pages = {main(client.get(revoked))}
    for name, token in forgeries(ticket, other).items():
        answer = client.get(reverse("track", args=[token]))
        assert answer.status_code == 404, name
        assert ticket.number not in main(answer), name
        pages.add(main(answer))
    assert len(pages) == 1
    assert "这个链接打不开了" in pages.pop()
    assert client.get(links.path(ticket)).status_code == 200, "a new one opens"


@pytest.mark.parametrize("name", ["track-rate", "track-supplement", "track-reopen", "track-withdraw"])
def test_a_forged_link_moves_nothing(cast, client, name):
    ticket = register(cast)
    pk, version, _signature = links.token(ticket).split(".")
    answer = client.post(reverse(name, args=[f"{pk}.{version}.{'0' * 32}"]), {"reason": "x", "note": "x", "grade": "5"})
    ticket.refresh_from_db()
    assert answer.status_code == 404
    assert ticket.version == 1


def test_an_old_secret_opens_until_it_is_forgotten(cast, client, settings):
    ticket = register(cast)
    path = links.path(ticket)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-of-good-length-0123456789-abcdefghij"
    assert client.get(path).status_code == 404
    settings.SECRET_KEY_FALLBACKS = [old]
    assert client.get(path).status_code == 200


def test_the_wrong_owners_link_dies_with_the_amendment(cast, client):
    ticket = register(cast)
    wrong = links.path(ticket)
    client.post(reverse("track-supplement", args=[links.token(ticket)]), {"note": "我家门禁密码 8821"})
    ticket.refresh_from_db()
    ticket = lifecycle.amend(
        ticket,
        by=cast.by("frontdesk"),
        reason="登记错了业主",
        changes={"owner": cast.neighbour, "unit": cast.unit_below},
    )
    assert client.get(wrong).status_code == 404
    page = client.get(links.path(ticket)).content.decode()
    assert "已更正登记信息" in page
    assert "8821" not in page
    assert "1502" not in page
    assert "张**" not in page
    assert "5678" not in page


def test_the_link_ends_with_the_tenancy(cast, client):
    ticket = register(cast)
    path = links.path(ticket)
    Occupancy.objects.filter(owner=cast.owner).update(until=timezone.localdate() - timedelta(days=1))
    assert client.get(path).status_code == 404
    Occupancy.objects.filter(owner=cast.owner).update(until=timezone.localdate())
    assert client.get(path).status_code == 200


def test_the_page_leaves_no_trace_of_its_address(cast, client):
    ticket = register(cast)
    for path in (links.path(ticket), reverse("track", args=["forged"])):
        answer = client.get(path)
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["Cache-Control"] == "private, no-store"
        assert "noindex" in answer["X-Robots-Tag"]
        page = answer.content.decode()
        assert 'src="http' not in page
        assert '<link rel="stylesheet" href="http' not in page
        assert "preconnect" not in page


def test_no_log_holds_the_token(cast, client, caplog):
    ticket = register(cast)
    path, token = links.path(ticket), links.token(ticket)
    signature = token.rsplit(".", 1)[1]
    lifecycle.revoke_link(ticket, by=cast.by("supervisor"), reason="换新")
    with caplog.at_level(logging.DEBUG):
        client.get(reverse("track", args=[token]))  # revoked: Django would log the path of a 404
        client.get(links.path(ticket))
        client.post(reverse("track-rate", args=[links.token(ticket)]))
    assert signature not in caplog.text
    assert links.token(ticket) not in caplog.text
    record = logging.LogRecord("x", logging.WARNING, "", 0, "GET %s by %s", (path, f"https://x{path}"), None)
    written = [handler.format(record) for handler in logging.getLogger().handlers if handler.get_name() == "stderr"]
    assert written
    assert all(token not in text and "/track/…/" in text for text in written)
    line = redact_text(f'"GET /track/{token}/pictures/3/ HTTP/1.1" 200 "https://x/track/{token}/"')
    assert signature not in line


# --- the mail that asks --------------------------------------------------------------------------
@pytest.fixture
def asked(cast: SimpleNamespace, transactional_db: None) -> SimpleNamespace:
    cast.owner.email = "zhang@example.com"
    cast.owner.save()
    cast.ticket = walk(cast, Status.FED_BACK)
    return cast


@pytest.mark.django_db(transaction=True)
def test_the_question_goes_out_with_a_link_that_opens(asked, client):
    delivery.deliver()
    letter = next(letter for letter in mail.outbox if letter.to == ["zhang@example.com"])
    assert links.address(asked.ticket) in letter.body
    assert asked.ticket.number in letter.subject
    assert "处理得怎么样" in client.get(links.path(asked.ticket)).content.decode()
    assert not Notice.objects.filter(body__contains=links.token(asked.ticket)).exists(), "no row keeps the link"


@pytest.mark.django_db(transaction=True)
def test_a_link_revoked_before_sending_is_not_the_one_that_is_sent(asked):
    old = links.address(asked.ticket)
    fresh = lifecycle.revoke_link(asked.ticket, by=asked.by("supervisor"), reason="发错了人")
    delivery.deliver()
    letter = next(letter for letter in mail.outbox if letter.to == ["zhang@example.com"])
    assert old not in letter.body
    assert links.address(fresh) in letter.body


@pytest.mark.django_db(transaction=True)
def test_who_has_moved_out_is_not_written_to(asked):
    Occupancy.objects.filter(owner=asked.owner).update(until=timezone.localdate() - timedelta(days=1))
    delivery.deliver()
    assert not [letter for letter in mail.outbox if letter.to == ["zhang@example.com"]]
    assert Notice.objects.get(kind="owner_satisfaction").status == NoticeStatus.DEAD


def test_staff_are_reached_by_their_work_address(cast):
    cast.handler.email = "zhou@example.com"
    cast.handler.save()
    reader = f"user:{cast.handler.user_id}"
    assert outbox.addresses({reader, f"user:{cast.guard.user_id}"}) == {reader: "zhou@example.com"}


def test_operations_see_neither_a_number_nor_a_name(cast):
    ticket = register(cast)
    assert outbox.names({f"ticket:{ticket.pk}", f"owner:{cast.owner.pk}"}) == {
        f"ticket:{ticket.pk}": "报事人",  # who reads operations may be whom the complaint is about
        f"owner:{cast.owner.pk}": "张**",
    }
