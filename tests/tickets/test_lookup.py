"""Finding the owner while typing: what is found, what is never shown, and what it costs."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from staff.access import viewer_of
from tests.factories import BuildingFactory, OccupancyFactory, OwnerFactory, UnitFactory, register
from tickets import lookup
from tickets.models import Occupancy

pytestmark = pytest.mark.django_db

BUDGET = 3


@pytest.fixture
def find(cast):
    def search(text: str, who: str = "frontdesk") -> list[lookup.Found]:
        return lookup.find(viewer_of(getattr(cast, who)), text)

    return search


@pytest.mark.parametrize(
    "typed",
    ["3-2-1502", "3-2-15", "1502", "3-1502", "３－２－１５０２", "3号楼2单元1502室", "3栋2单元1502", "138",
     "13812345678", "138 1234 5678", "张", "张建国", "zhang", "zjg", "ZJG"],
)  # fmt: skip
def test_the_owner_is_found_by(find, typed):
    assert ("3-2-1502", "张**") in [(row.label, row.name) for row in find(typed)]


def test_names_and_phones_are_masked(cast, as_):
    page = as_("frontdesk").get(reverse("lookup"), {"q": "1502"}).content.decode()
    assert "张**" in page
    assert "138****5678" in page
    assert "张建国" not in page
    assert "13812345678" not in page


def test_an_empty_flat_is_offered_as_vacant(cast, find):
    UnitFactory(building=cast.building, entrance="2", room="1503")
    (row,) = find("1503")
    assert (row.is_vacant, row.name, row.value.startswith("u")) == (True, "", True)


def test_open_requests_are_counted(cast, find):
    register(cast)
    assert find("1502")[0].open_count == 1


def test_people_of_other_projects_never_appear(cast, find):
    flat = UnitFactory(building=BuildingFactory(project=cast.other_project, code="3"), entrance="2", room="1502")
    OccupancyFactory(unit=flat, owner=OwnerFactory(name="张远方", phone="13812340000"))
    for typed in ("1502", "张", "138", "zyf"):
        assert all(row.value.startswith(f"u{cast.unit.pk}-") for row in find(typed) if row.label == "3-2-1502")
        assert len([row for row in find(typed) if row.label == "3-2-1502"]) <= 1
    assert find("3", "outsider")[-1].is_building


def test_who_moved_out_is_offered_no_more(cast, find):
    Occupancy.objects.filter(owner=cast.owner).update(until=date.today() - timedelta(days=1))
    assert find("张") == []
    assert find("1502")[0].is_vacant


def test_a_family_that_shares_a_phone_is_shown_one_by_one(cast, find):
    OccupancyFactory(unit=cast.unit, owner=OwnerFactory(name="王秀英", phone="13812345678"), relation="family")
    assert {row.name for row in find("13812345678")} == {"张**", "王**"}


def test_the_second_number_finds_its_owner(cast, find):
    cast.owner.phone_alt = "021-62345678"
    cast.owner.save()
    assert [row.name for row in find("021-62345678")] == ["张**"]


def test_a_building_is_a_place_of_its_own(find, cast):
    assert f"b{cast.building.pk}" in [row.value for row in find("3号楼")]


@pytest.mark.parametrize("typed", ["", " ", "%", "'", "\x00", "!!!", "13", "z" * 400, "-", "--"])
def test_odd_words_find_nothing_and_break_nothing(find, typed):
    assert find(typed) == []


@pytest.mark.parametrize("who", ["handler", "contractor", "hr"])
def test_whoever_may_not_look_up_is_refused(cast, as_, who):
    assert as_(who).get(reverse("lookup"), {"q": "1502"}).status_code == 403
    assert as_(who).get(reverse("lookup-card"), {"who": f"u{cast.unit.pk}"}).status_code == 403


def test_the_outsider_sees_no_card_of_this_project(cast, as_):
    card = as_("outsider").get(reverse("lookup-card"), {"who": f"u{cast.unit.pk}-o{cast.owner.pk}"})
    assert card.status_code == 404


@pytest.mark.parametrize("value", ["", "u", "u0", "b999999", "x1", "u1-o", "u99999999999999999999", "o3"])
def test_values_that_no_list_offered_have_no_card(as_, value):
    assert as_("frontdesk").get(reverse("lookup-card"), {"who": value}).status_code == 404


def test_an_owner_and_a_flat_that_do_not_belong_together_have_no_card(cast, as_):
    value = f"u{cast.unit.pk}-o{cast.neighbour.pk}"
    assert as_("frontdesk").get(reverse("lookup-card"), {"who": value}).status_code == 404


@pytest.mark.parametrize("typed", ["3-2-15", "1502", "138", "张", "zjg", "3号楼"])
def test_three_queries_at_most(cast, typed):
    viewer = viewer_of(cast.frontdesk)
    viewer.projects
    with CaptureQueriesContext(
        connection,
    ) as queries:
        lookup.find(viewer, typed)
    assert len(queries) <= BUDGET, [query["sql"] for query in queries]


def test_handlers_are_offered_by_name_pinyin_and_department(cast, as_):
    desk = as_("frontdesk")
    for typed in ("周", "zjg", "zhou", "工程"):
        answer = desk.get(reverse("lookup-handlers"), {"q": typed, "who": f"u{cast.unit.pk}"}).json()
        assert "周建国" in [row["label"] for row in answer["results"]]


def test_colleagues_are_offered_for_a_complaint(cast, as_):
    answer = as_("frontdesk").get(reverse("lookup-employees"), {"q": "李敏"}).json()
    assert answer["results"][0] == {"value": cast.guard.pk, "label": "李敏", "detail": "秩序部"}
