"""The inbox: one's own entries, read by opening, and the number on the badge."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from shimao_service import health, inbox, outbox, ticking, topics
from shimao_service.exceptions import Forbidden
from shimao_service.models import Heartbeat, Notice, User
from staff.access import Viewer
from tests.shimao_service.notices import NOW, leave

pytestmark = pytest.mark.django_db


@pytest.fixture
def me(client):
    user = User.objects.create(username="handler")
    client.force_login(user, backend="staff.authentication.EmployeeBackend")
    return user


@pytest.fixture
def note(me):
    """``note("派单")`` leaves an entry in my inbox and answers it."""

    def leave_one(title="派单", key="", **changes):
        key = key or f"k:{Notice.objects.count()}"
        about = "ticket:81" if changes.get("must_acknowledge") else ""
        leave(key, **({"recipients": [f"user:{me.pk}"], "title": title, "about": about} | changes))
        return Notice.objects.get(key=key, channel="inbox")

    return leave_one


def test_one_s_own_entries_newest_first_and_nobody_else_s(client, note):
    note("先来的")
    note("后来的")
    note("别人的", recipients=["user:999999"])
    note("同号业主的", recipients=[f"owner:{User.objects.get().pk}"])
    page = client.get("/inbox/").content.decode()
    assert page.index("后来的") < page.index("先来的")
    assert "别人的" not in page
    assert "同号业主的" not in page


def test_looking_at_the_list_reads_nothing(client, note):
    entry = note()
    client.get("/inbox/")
    client.get(f"/inbox/{entry.pk}/open/")
    assert Notice.objects.unread().count() == 1


def test_opening_an_entry_reads_it_and_goes_to_what_it_tells_of(client, note):
    entry = note(url="/tickets/BX20261123-0031/")
    answer = client.post(f"/inbox/{entry.pk}/open/")
    assert (answer.status_code, answer["Location"]) == (302, "/tickets/BX20261123-0031/")
    entry.refresh_from_db()
    assert entry.is_read


def test_opening_it_again_keeps_the_time_it_was_first_read(client, note):
    entry = note()
    client.post(f"/inbox/{entry.pk}/open/")
    first = Notice.objects.get().read_at
    assert client.post(f"/inbox/{entry.pk}/open/").status_code == 302
    assert Notice.objects.get().read_at == first


def test_an_entry_without_a_page_comes_back_to_the_inbox(client, note):
    assert client.post(f"/inbox/{note(url='').pk}/open/")["Location"] == "/inbox/"


def test_somebody_else_s_entry_is_not_there(client, note):
    entry = note(recipients=["user:999999"])
    assert client.post(f"/inbox/{entry.pk}/open/").status_code == 404
    assert Notice.objects.unread().count() == 1


def test_a_mail_to_me_is_not_in_my_inbox(client, note, me):
    leave("m", recipients=[f"user:{me.pk}"], channels=("email",))
    assert client.post(f"/inbox/{Notice.objects.get().pk}/open/").status_code == 404


def test_an_entry_taken_back_is_gone_from_page_count_and_address(client, note, me):
    entry = note("关于您的投诉", about="ticket:81")
    outbox.withdraw(about="ticket:81", from_inbox=True)
    assert "关于您的投诉" not in client.get("/inbox/?show=all").content.decode()
    assert inbox.counts(Viewer(me, None))["inbox"] == 0
    assert client.post(f"/inbox/{entry.pk}/open/").status_code == 404


def test_unread_is_what_is_shown_first_and_all_on_request(client, note):
    read = note("读过的")
    note("没读的")
    client.post(f"/inbox/{read.pk}/open/")
    assert "读过的" not in client.get("/inbox/").content.decode()
    assert "读过的" in client.get("/inbox/?show=all").content.decode()


def test_reading_all_leaves_what_came_since_the_page_was_made(client, note):
    seen = note()
    later = note()
    client.post("/inbox/read/", {"newest": seen.pk})
    assert list(Notice.objects.unread()) == [later]


def test_kinds_are_filters_with_their_words(client, note, monkeypatch):
    monkeypatch.setitem(topics._kinds, "feedback_due", "待回复业主")
    note("一", kind="feedback_due")
    note("二", kind="dispatched")
    assert "待回复业主" in client.get("/inbox/").content.decode()
    only_kind = client.get("/inbox/?kind=feedback_due").context["lines"]
    assert [line.notice.title for line in only_kind] == ["一"]


def test_pages_go_on_where_the_last_one_ended(client, note, me, monkeypatch):
    monkeypatch.setattr(inbox, "PAGE", 3)
    entries = [note(f"第{n}条").pk for n in range(8)]
    seen, address = [], "/inbox/?show=all"
    while True:
        context = client.get(address).context
        seen += [line.notice.pk for line in context["lines"]]
        if context["next_before"] is None:
            break
        note("翻页时新来的")
        address = f"/inbox/?show=all&before={context['next_before']}"
    assert seen == entries[::-1]


@pytest.mark.parametrize(
    "query", ["before=x", "before=99999999999999999999", "before=-1", "kind=%00", "show=what", "before=²"]
)
def test_odd_addresses_are_answered(client, note, query):
    note()
    assert client.get(f"/inbox/?{query}").status_code == 200


def test_without_a_login_there_is_no_inbox(client):
    answer = client.get("/inbox/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_the_badge_is_one_query_and_stops_at_a_hundred(note, me, django_assert_num_queries):
    leave_many = [
        outbox.Draft(key=f"m:{n}", recipients=[f"user:{me.pk}"], title="到期", kind="due") for n in range(130)
    ]
    outbox.post_all(leave_many, now=NOW)
    with django_assert_num_queries(1):
        assert inbox.counts(Viewer(me, None))["inbox"] == inbox.COUNT_TO


def test_the_page_stays_within_its_budget(client, note, django_assert_max_num_queries):
    for n in range(40):
        note(f"第{n}条", kind=f"kind{n % 5}")
    client.get("/inbox/")
    with django_assert_max_num_queries(7):
        client.get("/inbox/")


# --- reminders that stand still ------------------------------------------------------------------
@pytest.fixture
def stalled(monkeypatch):
    monkeypatch.setattr(health, "STARTED", timezone.now() - timedelta(hours=1))
    Heartbeat.objects.create(name=ticking.HEARTBEAT, at=timezone.now() - timedelta(minutes=5, seconds=10))


def test_every_page_tells_those_who_can_help_that_reminders_stand_still(client, me, stalled):
    assert "提醒已停顿" not in client.get("/inbox/").content.decode()
    User.objects.update(is_superuser=True)
    assert "提醒已停顿 5 分钟" in client.get("/inbox/").content.decode()


def test_nobody_is_warned_while_the_beat_ticks(client, me):
    User.objects.update(is_superuser=True)
    ticking.tick()
    assert "提醒已停顿" not in client.get("/inbox/").content.decode()


# --- repeated reminders --------------------------------------------------------------------------
def test_repeated_reminders_about_one_request_are_one_line_and_one_on_the_badge(client, note, me):
    for day in range(4):
        note(f"待接单，第{day + 1}次", kind="accept_due", about="ticket:81")
    note("另一张", kind="accept_due", about="ticket:82")
    note("同一张的另一种", kind="dispatched", about="ticket:81")
    lines = client.get("/inbox/").context["lines"]
    assert [(line.notice.title, line.count) for line in lines] == [
        ("同一张的另一种", 1), ("另一张", 1), ("待接单，第4次", 4),
    ]  # fmt: skip
    assert inbox.counts(Viewer(me, None))["inbox"] == 3
    page = client.get("/inbox/").content.decode()
    assert "同一提醒共 4 次" in page
    assert "待接单，第1次" in page, "the earlier ones can be seen"


def test_opening_the_line_reads_what_it_repeats_but_nothing_else(client, note):
    for _day in range(3):
        entry = note("待接单", kind="accept_due", about="ticket:81")
    other = note("另一张", kind="accept_due", about="ticket:82")
    later = note("后来又提醒", kind="accept_due", about="ticket:81")
    client.post(f"/inbox/{entry.pk}/open/")
    assert list(Notice.objects.unread().order_by("pk")) == [other, later]


def test_entries_about_nothing_are_never_one_line(client, note):
    note("导入完成", kind="import", about="")
    note("导入完成", kind="import", about="")
    assert [line.count for line in client.get("/inbox/").context["lines"]] == [1, 1]


@given(
    entries=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "t:1", "t:2", "t:3"])), max_size=30),
    lines=st.integers(1, 6),
)
def test_folding_a_page_neither_loses_nor_doubles_an_entry(entries, lines):
    rest = [Notice(pk=len(entries) - n, kind=kind, about=about) for n, (kind, about) in enumerate(entries)]
    seen = []
    while rest:
        page = inbox.page_of(rest, lines=lines)
        folded = inbox.fold(page)
        assert page
        assert len(folded) <= lines
        seen += [notice.pk for line in folded for notice in [line.notice, *line.earlier]]
        rest = rest[len(page) :]
    assert sorted(seen, reverse=True) == list(range(len(entries), 0, -1))


# --- what must be acknowledged -------------------------------------------------------------------
@pytest.fixture
def heard(monkeypatch):
    """What the floor above was told of."""
    told: list[tuple] = []
    monkeypatch.setattr(outbox, "_acknowledged", {"ticket": lambda pk, user, now: told.append((pk, user))})
    return told


def test_an_emergency_stays_on_every_page_until_it_is_acknowledged(client, note, me, heard):
    entry = note("特急：3号楼起火", must_acknowledge=True, url="/tickets/BX20261123-0031/")
    for path in ("/inbox/", "/me/", "/inbox/?show=all"):
        page = client.get(path).content.decode()
        assert f'action="/inbox/{entry.pk}/acknowledge/"' in page
        assert f'name="next" value="{path}"' in page, "one stays where one was"
        assert 'href="/tickets/BX20261123-0031/"' in page
    client.post(f"/inbox/{entry.pk}/open/")
    assert "/acknowledge/" in client.get("/me/").content.decode(), "reading is not acknowledging"
    assert client.post(f"/inbox/{entry.pk}/acknowledge/", {"next": "/me/"})["Location"] == "/me/"
    assert "/acknowledge/" not in client.get("/me/").content.decode()
    entry.refresh_from_db()
    assert entry.acknowledged_at
    assert entry.is_read
    assert heard == [(81, me)]


def test_the_banner_can_be_pressed_in_a_browser(me, note, heard):
    alarm = note(must_acknowledge=True)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(me, backend="staff.authentication.EmployeeBackend")
    page = browser.get("/inbox/").content.decode()
    banner = page.partition('class="alarm"')[2].partition("</form>")[0]
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', banner)
    browser.post(f"/inbox/{alarm.pk}/acknowledge/", {"csrfmiddlewaretoken": token})
    alarm.refresh_from_db()
    assert alarm.acknowledged_at is not None


def test_acknowledging_again_changes_nothing_and_tells_nobody(client, note, heard):
    entry = note(must_acknowledge=True)
    client.post(f"/inbox/{entry.pk}/acknowledge/")
    first = Notice.objects.get().acknowledged_at
    assert client.post(f"/inbox/{entry.pk}/acknowledge/").status_code == 302
    assert Notice.objects.get().acknowledged_at == first
    assert len(heard) == 1


def test_two_alarms_about_one_request_are_one_banner_and_one_click(client, note, me, heard):
    note("特急登记", must_acknowledge=True)
    last = note("特急升级", must_acknowledge=True)
    note("另一件特急", must_acknowledge=True, about="ticket:82")
    assert [alarm["title"] for alarm in inbox.counts(Viewer(me, None))["alarms"]] == ["特急升级", "另一件特急"]
    client.post(f"/inbox/{last.pk}/acknowledge/")
    assert [alarm["title"] for alarm in inbox.counts(Viewer(me, None))["alarms"]] == ["另一件特急"]
    assert len(heard) == 1


def test_an_alarm_that_came_after_the_page_was_made_is_not_acknowledged_by_it(client, note, me, heard):
    seen = note("特急登记", must_acknowledge=True)
    note("特急升级", must_acknowledge=True)
    client.post(f"/inbox/{seen.pk}/acknowledge/")
    assert [alarm["title"] for alarm in inbox.counts(Viewer(me, None))["alarms"]] == ["特急升级"]


@pytest.mark.parametrize("changes", [{"recipients": ["user:999999"]}, {"must_acknowledge": False}])
def test_only_one_s_own_alarm_can_be_acknowledged(client, note, heard, changes):
    entry = note(**({"must_acknowledge": True} | changes))
    assert client.post(f"/inbox/{entry.pk}/acknowledge/").status_code == 404
    assert client.get(f"/inbox/{entry.pk}/acknowledge/").status_code == 405
    assert not heard


def test_reading_all_does_not_acknowledge(client, note, me):
    entry = note(must_acknowledge=True)
    client.post("/inbox/read/", {"newest": entry.pk})
    assert inbox.counts(Viewer(me, None))["alarms"]


def test_what_the_request_refuses_does_not_keep_the_reader_from_acknowledging(client, note, monkeypatch):
    def refuse(*_args):
        raise Forbidden("您已看不到这张工单。")

    monkeypatch.setattr(outbox, "_acknowledged", {"ticket": refuse})
    entry = note(must_acknowledge=True)
    assert client.post(f"/inbox/{entry.pk}/acknowledge/", {"next": "https://evil.example/"})["Location"] == "/inbox/"
    assert Notice.objects.get().acknowledged_at


def test_an_alarm_taken_back_is_gone_from_every_page(client, note, me):
    note(must_acknowledge=True)
    outbox.withdraw(about="ticket:81", from_inbox=True)
    assert inbox.counts(Viewer(me, None))["alarms"] == []


def test_alarms_cost_no_query_of_their_own(note, me, django_assert_num_queries):
    note(must_acknowledge=True)
    with django_assert_num_queries(1):
        assert inbox.counts(Viewer(me, None))["alarms"]
