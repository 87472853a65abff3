"""The category from the words, how urgent it sounds, and what else happened there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from staff.access import viewer_of
from tests.factories import CategoryFactory, OccupancyFactory, OwnerFactory, UnitFactory, register, walk
from tickets import deadlines, lifecycle, suggestions
from tickets.callers import caller
from tickets.statuses import Kind, Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def seepage(cast):
    return CategoryFactory(name="墙地面渗漏", department=cast.works, keywords=["渗水", "渗漏"])


def codes(cast, unit=None, *, category=None, who="frontdesk", kind=Kind.REPAIR.value) -> list[str]:
    found = caller(
        viewer_of(getattr(cast, who)), f"u{(unit or cast.unit).pk}", kind=kind, category_id=category and category.pk
    )
    return [warning.code for warning in found.warnings]


def flat(cast, room: str):
    unit = UnitFactory(building=cast.building, entrance="2", room=room)
    OccupancyFactory(unit=unit, owner=OwnerFactory())
    return unit


# --- the words --------------------------------------------------------------------------------------
def test_the_category_with_most_of_the_words_comes_first(cast, seepage):
    ranked = suggestions.rank("水管漏水，墙上渗水", suggestions.leaves(Kind.REPAIR))
    assert [category.name for category in ranked] == ["给排水", "墙地面渗漏"]


def test_words_that_no_category_knows_suggest_nothing(cast):
    assert suggestions.rank("啊", suggestions.leaves(Kind.REPAIR)) == []


def test_a_branch_is_not_a_choice(cast):
    branch = CategoryFactory(name="户内")
    leaf = CategoryFactory(name="电气", parent=branch)
    assert leaf in suggestions.leaves(Kind.REPAIR)
    assert branch not in suggestions.leaves(Kind.REPAIR)


@pytest.mark.parametrize("typed", ["给排水", "给", "geip", "gps", "漏水"])
def test_a_category_is_found_by_name_pinyin_or_keyword(cast, typed):
    assert suggestions.match(typed, suggestions.leaves(Kind.REPAIR)) == [cast.category]


@pytest.mark.parametrize(
    ("text", "kind", "urgency"),
    [
        ("厨房水管爆了", "repair", "urgent"),
        ("电梯困人", "repair", "critical"),
        ("灯不亮", "repair", "normal"),
        ("上次爆管赔偿怎么算", "consultation", "normal"),
        # An owner who is in danger does not look for the right kind.
        ("电梯困人半小时没人理", "complaint", "critical"),
        ("楼道里冒烟，打电话没人接", "complaint", "critical"),
        ("家里燃气味很重，怎么办", "consultation", "critical"),
        ("厨房好像漏煤气了怎么办？", "consultation", "critical"),
        ("有老人在大堂跌倒受伤，保安不管", "complaint", "critical"),
        ("大堂有人滑倒", "complaint", "urgent"),
        ("楼上水管爆了你们还不来", "complaint", "urgent"),
        ("建议你们看看。3 号楼现在冒烟", "suggestion", "critical"),
        ("上次电梯困人没人管，现在又困人了", "complaint", "critical"),
        ("电梯困人半小时了没有人管太可怕了", "complaint", "critical"),
        ("曾先生被困电梯", "complaint", "critical"),
        ("家里可能漏煤气", "consultation", "critical"),
        ("十分钟之前有老人摔倒", "complaint", "urgent"),
        ("昨晚开始楼道有燃气味", "complaint", "critical"),
        ("垃圾桶都爆了，单元门也关不住", "complaint", "normal"),
        # What was, what is feared, what is asked about, and bills.
        ("水龙头滴水", "repair", "normal"),
        ("水龙头滴水，报了三次没人来", "complaint", "normal"),
        ("上个月电梯困人，至今没有说法", "complaint", "normal"),
        ("地面太湿，容易滑倒", "complaint", "normal"),
        ("老人差点摔倒", "complaint", "normal"),
        ("燃气费怎么交", "consultation", "normal"),
        ("燃气公司上门时间是几点", "consultation", "normal"),
        ("家里着火保险赔吗", "consultation", "normal"),
        ("建议加装烟感防止火灾", "suggestion", "normal"),
        ("消防演练时冒烟是正常的吗", "consultation", "normal"),
        ("保安救出被困老人，感谢", "praise", "normal"),
        # A repair is believed at once.
        ("上次修过的插座又冒烟", "repair", "critical"),
        ("昨晚开始有燃气味", "repair", "critical"),
    ],
)
def test_how_urgent_it_sounds(text, kind, urgency):
    assert suggestions.urgency_of(text, kind) == urgency


def test_the_promise_in_words(db):
    def said(kind, urgency):
        return suggestions.promise(deadlines.Facts(kind, urgency), None)

    assert said("repair", "normal") == "服务时间 30 分钟内响应，48 小时内办结"
    assert said("repair", "urgent") == "10 分钟内响应，30 分钟内到场，24 小时内办结"
    assert said("complaint", "normal") == "服务时间 30 分钟内响应，24 小时内答复，3 个工作日内办结"
    assert said("praise", "normal") == ""


def test_the_endpoint_answers_with_category_urgency_and_promise(cast, as_):
    answer = as_("frontdesk").get(reverse("lookup-suggest"), {"description": "厨房水管爆了", "kind": "repair"}).json()
    assert answer["categories"] == [{"value": cast.category.pk, "label": "给排水"}]
    assert answer["urgency"] == "urgent"
    assert answer["promise"].startswith("10 分钟内响应")


# --- what happened there ----------------------------------------------------------------------------
def test_a_quiet_flat_has_no_warnings(cast):
    assert codes(cast) == []


def test_an_open_request_of_the_same_flat_may_be_the_same(cast):
    register(cast)
    assert codes(cast) == ["duplicate"]
    assert codes(cast, kind=Kind.COMPLAINT.value) == []


def test_the_third_time_in_thirty_days(cast):
    for days in (3, 9):
        walk(cast, Status.CLOSED, now=timezone.now() - timedelta(days=days), category=cast.category)
    assert codes(cast, category=cast.category) == ["repeat"]
    assert codes(cast) == []


def test_what_is_older_than_thirty_days_does_not_count(cast):
    for days in (3, 40):
        walk(cast, Status.CLOSED, now=timezone.now() - timedelta(days=days), category=cast.category)
    assert codes(cast, category=cast.category) == []


def test_the_flat_below_may_have_the_same_cause(cast, seepage):
    above = register(cast, category=cast.category)
    found = caller(viewer_of(cast.frontdesk), f"u{cast.unit_below.pk}", kind="repair", category_id=seepage.pk)
    (warning,) = found.warnings
    assert (warning.code, warning.tickets, warning.can_link) == ("related", [above], True)
    assert "3-2-1502" in warning.text


def test_a_flat_elsewhere_with_something_else_has_not(cast, seepage):
    register(cast, category=cast.category)
    assert codes(cast, flat(cast, "0301"), category=seepage) == []


def test_three_households_with_the_same(cast):
    for room in ("0701", "0903"):
        register(cast, unit=flat(cast, room), owner=None, contact_name="邻居", category=cast.category)
    assert "many" in codes(cast, category=cast.category)


def test_two_households_are_not_three(cast):
    register(cast, unit=flat(cast, "0701"), owner=None, contact_name="邻居", category=cast.category)
    assert "many" not in codes(cast, category=cast.category)


def test_a_building_under_a_known_outage(cast):
    pump = CategoryFactory(name="给排水水泵")
    works = register(cast, unit=None, building=cast.building, owner=None, contact_name="中控", category=pump)
    assert codes(cast)[0] == "outage"
    lifecycle.cancel(works, by=cast.by("supervisor"), reason="已恢复")
    assert codes(cast) == []


def test_a_complaint_about_oneself_warns_nobody_of_itself(cast):
    register(cast, by="supervisor", kind=Kind.COMPLAINT, subjects=[cast.frontdesk])
    assert codes(cast, kind=Kind.COMPLAINT.value) == []
    assert codes(cast, kind=Kind.COMPLAINT.value, who="manager") == ["duplicate"]
