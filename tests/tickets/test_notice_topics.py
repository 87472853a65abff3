"""Where the requests' notices go beside the inbox, and what pressing 我已知悉 leaves on the request."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from shimao_service import health, outbox, ticking, topics
from shimao_service.models import Heartbeat, Notice, NoticePreference
from tests.factories import register, walk
from tickets import outgoing, schedule
from tickets.models import Event
from tickets.notices import TELLINGS
from tickets.statuses import Status, Urgency, Verb

pytestmark = pytest.mark.django_db


def test_every_kind_of_notice_to_staff_has_words_and_a_topic():
    kinds = {f"ticket_{telling.kind}" for telling in TELLINGS.values()}
    kinds |= {f"ticket_{reminder}" for reminder in schedule.Reminder} - {"ticket_resume", "ticket_time_out"}
    missing = {kind for kind in kinds if outbox.kind_label(kind) == kind or outbox.topic_of(kind) not in topics.TOPICS}
    assert not missing


def test_topics_name_only_kinds_that_have_words():
    assert not {kind for kind in outgoing.TOPIC_OF if outbox.kind_label(kind) == kind}


def mails_of(employee):
    return Notice.objects.filter(recipient=f"user:{employee.user_id}", channel="email")


def test_work_stays_in_the_inbox_until_the_handler_wants_it_by_mail(cast):
    cast.handler.user.email = "handler@example.com"
    cast.handler.user.save()
    walk(cast, Status.DISPATCHED)
    assert not mails_of(cast.handler).exists()
    NoticePreference.objects.create(user=cast.handler.user, muted=[])
    walk(cast, Status.DISPATCHED)
    assert mails_of(cast.handler).get().kind == "ticket_dispatched"


@pytest.mark.parametrize(("role", "is_bound"), [("supervisor", True), ("manager", True), ("handler", False)])
def test_who_answers_for_late_work_cannot_switch_its_escalation_off(cast, as_, role, is_bound):
    assert ("escalation" in topics.binding(getattr(cast, role).user_id)) == is_bound
    labels = [str(topic.label) for topic in as_(role).get("/me/notices/").context["required"]]
    assert labels == (["特急", "升级与督办"] if is_bound else ["特急"])


def test_an_emergency_leaves_the_house_and_stays_on_the_screen_until_it_is_acknowledged(cast, as_):
    cast.manager.user.email = "manager@example.com"
    cast.manager.user.save()
    NoticePreference.objects.create(user=cast.manager.user, by_email=False, muted=[*topics.TOPICS])
    ticket = register(cast, urgency=Urgency.CRITICAL)
    assert mails_of(cast.manager).filter(urgent=True).exists()
    alarm = Notice.objects.get(recipient=f"user:{cast.manager.user_id}", channel="inbox", must_acknowledge=True)
    client = as_("manager")
    assert f'action="/inbox/{alarm.pk}/acknowledge/"' in client.get("/tickets/").content.decode()
    for _twice in range(2):
        client.post(f"/inbox/{alarm.pk}/acknowledge/")
    assert "/acknowledge/" not in client.get("/tickets/").content.decode()
    (event,) = Event.objects.filter(ticket=ticket, verb=Verb.ACKNOWLEDGE)
    assert event.actor_name == cast.manager.name


def test_who_may_no_longer_see_the_request_may_still_say_that_they_know(cast, as_):
    with transaction.atomic():
        outbox.post(
            key="alarm", recipients=[f"user:{cast.outsider_handler.user_id}"], title="特急", kind="ticket_emergency",
            now=timezone.now(), about=f"ticket:{register(cast).pk}", must_acknowledge=True,
        )  # fmt: skip
    alarm = Notice.objects.get(key="alarm", channel="inbox")
    assert as_("outsider_handler").post(f"/inbox/{alarm.pk}/acknowledge/").status_code == 302
    alarm.refresh_from_db()
    assert alarm.acknowledged_at
    assert not Event.objects.filter(verb=Verb.ACKNOWLEDGE).exists()


@pytest.mark.parametrize(("who", "is_told"), [("supervisor", True), ("manager", True), ("handler", False)])
def test_every_page_tells_supervisors_when_reminders_stand_still(as_, monkeypatch, who, is_told):
    monkeypatch.setattr(health, "STARTED", timezone.now() - timedelta(hours=1))
    Heartbeat.objects.create(name=ticking.HEARTBEAT, at=timezone.now() - timedelta(minutes=4, seconds=5))
    client = as_(who)
    for path in ("/", "/tickets/", "/inbox/", "/me/"):
        assert ("提醒已停顿 4 分钟" in client.get(path).content.decode()) is is_told
