"""What is found by the search box and the filters, and what never is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.utils import timezone

from staff.access import viewer_of
from tests.factories import OwnerFactory, UnitFactory, register, walk
from tickets import words
from tickets.models import TicketSubject
from tickets.search import ORDERINGS, PARAMETERS, TicketFilter
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db


def ask(cast, who="supervisor", /, **params):
    return TicketFilter.from_query(params, viewer_of(getattr(cast, who)))


def numbers(asked):
    return {ticket.number for ticket in asked.rows()}


@pytest.fixture
def burst(cast):
    return walk(cast, Status.IN_PROGRESS, description="厨房水管爆裂，水漫至客厅 WiFi 也断了")


@pytest.fixture
def other(cast):
    owner = OwnerFactory(name="单雄信", phone="13900001111")
    unit = UnitFactory(building=cast.building, entrance="1", room="803")
    return register(cast, description="楼道灯不亮", owner=owner, unit=unit)


@pytest.mark.parametrize(
    "typed",
    [
        "水管", "爆裂", "水管爆裂", "厨房 客厅", "厨房水管爆裂", "wifi", "WIFI",
        "3-2-1502", "2-1502", "1502", "３－２－１５０２",
        "张建国", "张建", "zhangjianguo", "ZJG", "zjg",
        "周建国", "zhoujianguo",
        "13812345678", "5678", "2345678", "+8613812345678",
        "1502 水管", "张建国 爆裂",
    ],
)  # fmt: skip
def test_a_request_is_found_by_anything_said_about_it(cast, burst, other, typed):
    assert numbers(ask(cast, q=typed)) == {burst.number}


@pytest.mark.parametrize(
    "typed", ["管爆水", "燃气", "1503", "李建国", "13812345679", "水管 燃气", "龘龘", "%%", "__", "'", "\\"]
)
def test_what_was_not_said_finds_nothing(cast, burst, other, typed):
    assert numbers(ask(cast, q=typed)) == set()


def test_a_family_name_is_read_as_a_family_name(cast, burst, other):
    assert numbers(ask(cast, q="shanxx")) == set()
    assert numbers(ask(cast, q="sxx")) == {other.number}
    assert numbers(ask(cast, q="shanxiongxin")) == {other.number}


def test_a_number_is_found_whole_begun_or_by_its_last_digits(cast, burst):
    day, serial = burst.number[2:10], burst.number[-4:]
    for typed in (burst.number, burst.number.lower(), burst.number.replace("-", ""), burst.number[:10], serial):
        assert burst.number in numbers(ask(cast, q=typed)), typed
    assert burst.number in numbers(ask(cast, q=f"{day}-{serial}"))
    assert numbers(ask(cast, q=f"TS{day}-{serial}")) == set()


def test_one_character_looks_among_the_open_and_says_so(cast, burst):
    closed = walk(cast, Status.CLOSED, description="厨房窗户漏风")
    asked = ask(cast, q="厨")
    assert numbers(asked) == {burst.number}
    assert asked.notes
    assert closed.number not in numbers(asked)


def test_a_name_that_many_share_says_that_not_all_are_shown(cast, burst, monkeypatch):
    monkeypatch.setattr(words, "MOST_PEOPLE", 1)
    assert any("输入得更完整" in note for note in ask(cast, q="张建国").notes)


def test_a_name_given_on_the_web_form_is_found_without_an_owner(cast):
    ticket = register(cast, owner=None, contact_name="欧阳女士", contact_phone="13711112222", description="路灯坏了")
    assert numbers(ask(cast, q="欧阳")) == {ticket.number}


def test_words_are_found_through_the_index_of_pairs(cast, burst):
    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")
    rows = words.prepared(type(burst).objects.all()).filter(words._words("水管"))
    assert "ticket_word_pairs" in rows.explain()


# --- 涉事回避 ---------------------------------------------------------------------------------------
def test_a_complaint_about_oneself_is_in_no_list_count_or_search(cast):
    complaint = register(cast, kind=Kind.COMPLAINT, category=None, description="前台态度生硬", by="supervisor")
    TicketSubject.objects.create(ticket=complaint, employee=cast.supervisor)
    for who in ("supervisor", "frontdesk"):  # the accused, and who reports to her
        for params in ({}, {"q": "态度"}, {"q": complaint.number}, {"kind": "complaint"}, {"q": "张建国"}):
            assert numbers(ask(cast, who, **params)) == set(), (who, params)
    assert numbers(ask(cast, "manager", q="态度")) == {complaint.number}


def test_other_projects_are_searched_only_by_those_who_see_them(cast, burst):
    assert numbers(ask(cast, "outsider", q="水管")) == set()
    assert numbers(ask(cast, "director", q="水管")) == {burst.number}


def test_a_handler_finds_what_he_holds_held_or_may_take(cast, burst):
    assert numbers(ask(cast, "handler", q="水管")) == {burst.number}
    assert numbers(ask(cast, "handler2", q="水管")) == set()


# --- filters ----------------------------------------------------------------------------------------
def test_each_filter_keeps_what_it_says(cast, burst, other):
    late = timezone.now() - timedelta(minutes=5)
    type(burst).objects.filter(pk=burst.pk).update(due_at=late)
    expected = {
        ("status", "registered"): {other.number},
        ("status", "registered,in_progress"): {other.number, burst.number},
        ("step", "follow_up"): {burst.number},
        ("kind", "repair"): {other.number, burst.number},
        ("kind", "complaint"): set(),
        ("urgency", "urgent"): set(),
        ("project", "BJ"): {other.number, burst.number},
        ("department", "GC"): {burst.number},
        ("handler", "handler"): {burst.number},
        ("handler", "none"): {other.number},
        ("receiver", "frontdesk"): {other.number, burst.number},
        ("overdue", "1"): {burst.number},
        ("overdue", "0"): {other.number},
        ("mine", "1"): set(),
        ("from", f"{timezone.localdate():%Y-%m-%d}"): {t.number for t in (burst, other) if _today(t)},
        ("to", "2020-01-01"): set(),
        ("returned", "1"): set(),
        ("dissatisfied", "1"): set(),
        ("promised", "1"): set(),
        ("call", "1"): {other.number, burst.number},
        ("due", "soon"): {t.number for t in (other,) if t.due_at and t.due_at < timezone.now() + timedelta(hours=2)},
    }
    for (name, value), wanted in expected.items():
        asked = ask(cast, **{name: value})
        assert not asked.problems, asked.problems
        assert numbers(asked) == wanted, (name, value)


def _today(ticket):
    return timezone.localdate(ticket.created_at) == timezone.localdate()


@pytest.mark.parametrize("name", [*PARAMETERS, "ordering"])
@pytest.mark.parametrize("value", ["bad", "9" * 30, "\x00", "';--", "0x1", "😀", "-1", "2026-13-45"])
def test_a_value_nobody_knows_is_left_out_and_told(cast, burst, name, value):
    asked = ask(cast, **{name: value})
    list(asked.page().rows)
    known_to_be_free = {"department", "handler", "receiver"}  # codes and names: whichever, at worst nobody's
    assert asked.problems or name in known_to_be_free or value == "\x00"


def test_a_project_that_is_not_mine_reads_like_one_that_does_not_exist(cast):
    mine, none = ask(cast, "frontdesk", project="HP"), ask(cast, "frontdesk", project="XX")
    assert mine.problems["project"].replace("HP", "XX") == none.problems["project"]


def test_several_values_may_be_repeated_or_joined(cast, burst, other):
    repeated = TicketFilter.from_query(QueryDict("status=registered&status=in_progress"), viewer_of(cast.supervisor))
    assert numbers(repeated) == {burst.number, other.number}


def test_the_address_made_from_a_filter_asks_for_the_same(cast, burst, other):
    asked = ask(cast, status="registered", kind="repair", q="楼道", ordering="due_at", junk="1")
    again = TicketFilter.from_query(QueryDict(asked.query()), viewer_of(cast.supervisor))
    assert again.query() == asked.query()
    assert "junk" not in asked.query()
    assert numbers(again) == numbers(asked) == {other.number}


# --- pages ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ordering", ORDERINGS)
def test_pages_hold_every_request_once_also_when_new_ones_come_in(cast, ordering):
    now = timezone.now() - timedelta(hours=1)
    made = [register(cast, now=now + timedelta(minutes=n // 2), description=f"第{n}件漏水") for n in range(7)]
    rows = type(made[0]).objects
    rows.filter(pk__in=[made[1].pk, made[4].pk]).update(due_at=None)
    asked, cursor, seen = ask(cast, ordering=ordering), "", []
    while True:
        page = asked.page(cursor, size=2)
        seen += [ticket.pk for ticket in page.rows]
        if not page.next_cursor:
            break
        cursor = page.next_cursor
        if ordering == "-created_at":
            register(cast, description="后来的漏水")
    assert len(seen) == len(set(seen)) == 7
    assert seen == list(asked.ordered().filter(pk__in=seen).values_list("pk", flat=True))


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "eyJhIjoxfQ", "A" * 3000, "WyItY3JlYXRlZF9hdCIsbnVsbCwxXQ"])
def test_a_broken_cursor_begins_at_the_first_page(cast, burst, cursor):
    asked = ask(cast)
    assert not asked.knows(cursor)
    assert [ticket.pk for ticket in asked.page(cursor).rows] == [burst.pk]
