"""By which way owners hear of us: mail, a text message where there are any, else somebody rings them up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from shimao_service import channels, outbox, sms
from shimao_service.models import Notice
from tests.factories import register, walk
from tickets import outgoing, reminders, ways
from tickets.statuses import Channel, Status

pytestmark = pytest.mark.django_db
CONFIGURED = {
    "secret_id": "a", "secret_key": "b", "app_id": "1", "sign": "世茂", "template": "2", "parameters": ["link"],
}  # fmt: skip


@pytest.fixture
def text_messages(settings, monkeypatch):
    settings.TENCENT_SMS = CONFIGURED
    monkeypatch.setattr(channels, "CHANNELS", dict(channels.CHANNELS))
    monkeypatch.setattr(outbox, "_addresses", dict(outbox._addresses))
    sms.register()
    outgoing.register_phones()


def owner_s(ticket):
    return Notice.objects.filter(recipient=f"ticket:{ticket.pk}")


@pytest.mark.usefixtures("text_messages")
def test_an_owner_without_mail_is_asked_by_text_message(cast):
    ticket = walk(cast, Status.FED_BACK)
    (notice,) = owner_s(ticket)
    assert (notice.channel, notice.kind, notice.link) == ("sms", "owner_satisfaction", f"track:{ticket.pk}")
    assert outbox.addresses([notice.recipient], channel="sms") == {notice.recipient: "13812345678"}


@pytest.mark.usefixtures("text_messages")
def test_mail_goes_first_and_a_landline_gets_neither(cast):
    mailed = walk(cast, Status.FED_BACK, contact_email="zhang@example.com")
    assert [notice.channel for notice in owner_s(mailed)] == ["email"]
    rung_up = register(cast, owner=None, unit=None, contact_name="张", contact_phone="021-62345678")
    assert ways.to_owner(rung_up) == ""


@pytest.mark.usefixtures("text_messages")
def test_who_could_not_be_reached_is_written_to_no_more(cast):
    ticket = register(cast)
    ticket.feedback_channel = Channel.UNREACHABLE
    assert ways.to_owner(ticket) == ""


@pytest.mark.usefixtures("text_messages")
def test_the_reminder_goes_the_same_way(cast):
    ticket = walk(cast, Status.FED_BACK, now=timezone.now() - timedelta(days=5))
    reminders.remind(timezone.now())
    assert set(owner_s(ticket).values_list("channel", flat=True)) == {"sms"}
    assert owner_s(ticket).filter(kind="owner_satisfaction").count() >= 2, "asked, and reminded"


def test_without_text_messages_the_desk_rings_up(cast):
    ticket = walk(cast, Status.FED_BACK)
    assert ways.to_owner(ticket) == ""
    assert not owner_s(ticket).exists()
    assert outbox.addresses([f"ticket:{ticket.pk}"], channel="sms") == {}
