"""How one wants to be told: what the page keeps, what it locks, and that it concerns nobody else."""

from __future__ import annotations

from datetime import time

import pytest

from shimao_service import outbox, routing, topics
from shimao_service.models import NoticePreference, User
from tests.query_budgets import budget

pytestmark = pytest.mark.django_db
PAGE = "/me/notices/"


@pytest.fixture
def me(client):
    user = User.objects.create(username="handler", email="handler@example.com")
    client.force_login(user, backend="staff.authentication.EmployeeBackend")
    return user


@pytest.fixture(autouse=True)
def company(monkeypatch):
    offered = {
        "emergency": topics.Topic("特急", required=True, hint="火情等"),
        "escalation": topics.Topic("升级", outside=True),
        "reminder": topics.Topic("到点提醒"),
    }
    monkeypatch.setattr(topics, "TOPICS", offered)


def form(**changes):
    return {"by_email": "on", "quiet_from": "21:00", "quiet_to": "08:00", "wanted": ["escalation"]} | changes


def test_at_first_it_shows_what_the_company_has_for_everybody_and_keeps_nothing(client, me):
    page = client.get(PAGE)
    assert [(row["code"], row["on"]) for row in page.context["optional"]] == [("escalation", True), ("reminder", False)]
    assert "岗位必收，不能关闭" in page.content.decode()
    assert "handler@example.com" in page.content.decode()
    assert not NoticePreference.objects.exists()


def test_what_is_chosen_is_kept_and_shown_again(client, me):
    assert client.post(PAGE, form(wanted=["reminder"], quiet_from="23:00", quiet_to="06:30")).status_code == 302
    kept = NoticePreference.objects.get()
    assert (kept.user, kept.by_email, kept.muted) == (me, True, ["escalation"])
    assert (kept.quiet_from, kept.quiet_to) == (time(23), time(6, 30))
    page = client.get(PAGE).content.decode()
    assert 'value="23:00"' in page
    assert page.count("checked") == 2


def test_saving_again_changes_the_same_row(client, me):
    client.post(PAGE, form())
    client.post(PAGE, {"quiet_from": "08:00", "quiet_to": "08:00"})
    kept = NoticePreference.objects.get()
    assert (kept.by_email, kept.muted) == (False, ["escalation", "reminder"])


def test_what_is_required_cannot_be_switched_off_whatever_is_sent(client, me):
    client.post(PAGE, {"quiet_from": "08:00", "quiet_to": "08:00"})
    assert "emergency" not in NoticePreference.objects.get().muted
    assert client.post(PAGE, form(wanted=["emergency"])).status_code == 400, "there is no such switch"


def test_a_topic_that_binds_one_s_role_is_locked_and_stays_as_it_was_for_later(client, me, monkeypatch):
    monkeypatch.setitem(topics.TOPICS, "escalation", topics.Topic("升级", outside=True, binds=set))
    page = client.get(PAGE)
    assert [row["code"] for row in page.context["optional"]] == ["reminder"]
    assert [topic.label for topic in page.context["required"]] == ["特急", "升级"]
    assert client.post(PAGE, form()).status_code == 400, "there is no such switch"
    client.post(PAGE, form(wanted=[]))
    assert NoticePreference.objects.get().muted == ["reminder"], "who gives the role up hears of it as before"


@pytest.mark.parametrize("changes", [{"quiet_from": "25:00"}, {"quiet_to": ""}, {"wanted": ["nonsense"]}])
def test_what_makes_no_sense_is_refused_and_what_was_typed_is_kept(client, me, changes):
    answer = client.post(PAGE, form(**({"quiet_to": "06:30"} | changes)))
    assert answer.status_code == 400
    assert not NoticePreference.objects.exists()
    if "quiet_to" not in changes:
        assert 'value="06:30"' in answer.content.decode()


def test_nobody_is_quiet_round_the_clock(client, me, settings):
    """What the role must hear waits for the end of the quiet hours: they must not be all there is."""
    answer = client.post(PAGE, form(quiet_from="08:31", quiet_to="08:30"))
    assert answer.status_code == 400
    assert "最长 14 小时" in answer.content.decode()
    assert not NoticePreference.objects.exists()
    for start, end in (("18:00", "08:00"), ("12:00", "13:00"), ("00:00", "00:00")):
        assert client.post(PAGE, form(quiet_from=start, quiet_to=end)).status_code == 302, (start, end)
    settings.QUIET_HOURS = "17:00-09:00"
    assert client.post(PAGE, form(quiet_from="17:00", quiet_to="09:00")).status_code == 302, "the house's own"


def test_text_messages_are_offered_where_they_can_be_sent(client, me, monkeypatch):
    assert "用短信提醒我" not in client.get(PAGE).content.decode()
    monkeypatch.setitem(routing.CHANNELS, "sms", lambda: None)
    monkeypatch.setattr(outbox, "_addresses", {})
    page = client.get(PAGE).content.decode()
    assert "用短信提醒我" in page
    assert "还没有登记邮箱" in page
    client.post(PAGE, form())
    assert not NoticePreference.objects.get().by_sms


def test_without_a_login_there_is_nothing_to_choose(client):
    assert client.get(PAGE).status_code == 302


def test_the_page_stays_within_its_budget(client, me):
    client.get(PAGE)
    with budget("notice preferences"):
        client.get(PAGE)
