"""The inbox: one's own entries, read by opening, and the number on the badge."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from shimao_service import beat, health, inbox, outbox, ticking, topics
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


def test_a_beat_that_ticks_and_reminds_nobody_stands_still_too(client, me, monkeypatch):
    monkeypatch.setattr(health, "STARTED", timezone.now() - timedelta(hours=1))
    monkeypatch.setattr(beat, "TICK", ["tests.shimao_service.notices.break_down"])
    monkeypatch.setattr(beat, "REMINDERS", beat.TICK[0])
    User.objects.update(is_superuser=True)
    for minutes in (4, 2, 0):
        ticking.tick(now=timezone.now() - timedelta(minutes=minutes, seconds=10))
    assert "提醒已停顿 4 分钟" in client.get("/inbox/").content.decode()
    assert health.beat_ticks(), "the process is ready: another one would do no better"
    monkeypatch.setattr(beat, "TICK", [])
    ticking.tick()
    assert "提醒已停顿" not in client.get("/inbox/").content.decode()


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


def folds(entries, *, show="all"):
    """What should stand in the inbox: by line, newest first, the keys of its entries, newest first."""
    lines: dict = {}
    for key, kind, about, is_read in reversed(entries):
        if show == "all" or not is_read:
            lines.setdefault((kind, about or key), []).append(key)
    return sorted(lines.values(), key=lambda keys: -int(keys[0].removeprefix("k")))


@pytest.mark.parametrize("show", ["all", "unread"])
@pytest.mark.parametrize("seed", range(4))
def test_pages_have_every_line_whole_and_once_whatever_comes_meanwhile(me, client, monkeypatch, show, seed):
    dice = random.Random(seed)
    monkeypatch.setattr(inbox, "PAGE", dice.randint(1, 4))
    entries = [
        (f"k{n}", dice.choice("ab"), dice.choice(["", "t:1", "t:2", "t:3"]), dice.random() < 0.3) for n in range(16)
    ]
    for key, kind, about, is_read in entries:
        leave(key, recipients=[f"user:{me.pk}"], kind=kind, about=about)
        Notice.objects.filter(key=key).update(read_at=NOW if is_read else None)
    seen, address = [], f"/inbox/?show={show}"
    while address:
        context = client.get(address).context
        assert len(context["lines"]) <= inbox.PAGE
        seen += [[each.key for each in [line.notice, *line.earlier]] for line in context["lines"]]
        # A reminder between two pages: the line that moves up by it is not lost from those that follow.
        leave(f"k{100 + len(seen)}", recipients=[f"user:{me.pk}"], kind="a", about="t:1")
        more = context["next_before"]
        address = more and f"/inbox/?show={show}&before={more}&upto={context['next_upto']}"
    assert seen == folds(entries, show=show)


def test_a_line_is_whole_however_far_apart_its_entries_lie(client, note, monkeypatch):
    monkeypatch.setattr(inbox, "PAGE", 2)
    note("第1次", kind="accept_due", about="ticket:81")
    for number in range(4):
        note(f"别的{number}")
    note("第2次", kind="accept_due", about="ticket:81")
    pages, address = [], "/inbox/"
    while address:
        context = client.get(address).context
        pages.append([(line.notice.title, line.count) for line in context["lines"]])
        more = context["next_before"]
        address = more and f"/inbox/?before={more}&upto={context['next_upto']}"
    assert pages == [[("第2次", 2), ("别的3", 1)], [("别的2", 1), ("别的1", 1)], [("别的0", 1)]]


def test_a_line_lists_the_latest_of_many_and_says_how_many_more(client, note):
    for number in range(inbox.EARLIER + 4):
        note(f"待接单，第{number + 1}次", kind="accept_due", about="ticket:81")
    page = client.get("/inbox/").content.decode()
    assert f"同一提醒共 {inbox.EARLIER + 4} 次" in page
    assert "更早的 3 次不再列出" in page
    assert "待接单，第4次" in page
    assert "待接单，第3次" not in page


def test_only_one_s_own_entries_are_folded_into_a_line(client, note, me):
    note("别人的", kind="accept_due", about="ticket:81", recipients=["user:999999"])
    entry = note("我的", kind="accept_due", about="ticket:81")
    note("别人后来的", kind="accept_due", about="ticket:81", recipients=["user:999999"])
    [line] = client.get("/inbox/").context["lines"]
    assert (line.notice, line.count) == (entry, 1)
