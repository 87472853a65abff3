"""Owners, who lives where, and the estate: what each person sees, may change, and what stays afterwards."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.urls import reverse

from shimao_service.exceptions import Conflict, Forbidden, Invalid
from shimao_service.models import Reveal
from tests.factories import BuildingFactory, OccupancyFactory, OwnerFactory, UnitFactory, register
from tickets import estate, links, owners
from tickets.models import Building, Occupancy, Owner, Unit
from tickets.owners import Person
from tickets.statuses import Verb

pytestmark = pytest.mark.django_db


def text(response) -> str:
    return response.content.decode()


def entered(cast, **fields) -> dict:
    return {
        "unit": "3-2-1502",
        "unit_id": cast.unit.pk,
        "relation": "tenant",
        "name": "钱多",
        "phone": "15900001111",
    } | fields


# --- looking --------------------------------------------------------------------------------------
def test_an_owner_s_card_is_masked_and_shows_homes_and_requests(cast, as_):
    ticket = register(cast)
    page = text(as_("frontdesk").get(reverse("owner", args=[cast.owner.pk])))
    for words in ("张**", "138****5678", "3-2-1502", ticket.number):
        assert words in page
    assert "张建国" not in page
    assert "13812345678" not in page


def test_the_contact_is_shown_for_a_reason_which_is_written_down(cast, as_):
    page = text(as_("frontdesk").post(reverse("owner-reveal", args=[cast.owner.pk]), {"reason": "核对过户"}))
    assert "13812345678" in page
    assert (Reveal.objects.get().subject, Reveal.objects.get().reason) == (f"owner:{cast.owner.pk}", "核对过户")


def test_without_a_reason_nothing_is_shown(cast, as_):
    answer = as_("frontdesk").post(reverse("owner-reveal", args=[cast.owner.pk]), {"reason": " "})
    assert answer.status_code == 400
    assert "请填写查看事由" in text(answer)
    assert "13812345678" not in text(answer)
    assert not Reveal.objects.exists()


def test_the_steward_looks_up_but_does_not_reveal(cast, as_):
    steward = as_("steward")
    assert steward.get(reverse("owner", args=[cast.owner.pk])).status_code == 200
    assert steward.post(reverse("owner-reveal", args=[cast.owner.pk]), {"reason": "看看"}).status_code == 403


@pytest.mark.parametrize("who", ["outsider", "handler", "hr"])
def test_to_others_neither_owner_nor_flat_exists(cast, as_, who):
    client = as_(who)
    for name, pk in (
        ("owner", cast.owner.pk),
        ("unit", cast.unit.pk),
        ("building", cast.building.pk),
        ("poster", cast.building.pk),
    ):
        assert client.get(reverse(name, args=[pk])).status_code == 404, name


@pytest.mark.parametrize("name", ["owners", "owner-new", "buildings", "building-new"])
def test_pages_without_the_power_are_refused(as_, name):
    assert as_("handler").get(reverse(name)).status_code == 403


def test_the_owners_page_finds_by_initials(as_):
    assert "张**" in text(as_("frontdesk").get(reverse("owners"), {"q": "zjg"}))


# --- entering and amending --------------------------------------------------------------------------
def test_somebody_new_moves_into_a_flat(cast, as_):
    answer = as_("frontdesk").post(reverse("owner-new"), entered(cast, phone="+86 159-0000-1111", since="2026-11-01"))
    owner = Owner.objects.get(name="钱多")
    assert answer.url == reverse("owner", args=[owner.pk])
    assert (owner.phone, owner.initials) == ("15900001111", "qd")
    home = owner.occupancies.get()
    assert (home.unit, home.relation, home.since) == (cast.unit, "tenant", date(2026, 11, 1))


def test_a_flat_may_be_typed(cast, as_):
    as_("frontdesk").post(reverse("owner-new"), entered(cast, unit="3号楼2单元1402室", unit_id=""))
    assert Owner.objects.get(name="钱多").occupancies.get().unit == cast.unit_below


def test_a_phone_that_others_have_is_a_warning_with_masked_names(cast, as_):
    desk = as_("frontdesk")
    answer = desk.post(reverse("owner-new"), entered(cast, phone="13812345678"))
    assert answer.status_code == 200
    assert "张**" in text(answer)
    assert "张建国" not in text(answer)
    assert not Owner.objects.filter(name="钱多").exists()
    assert desk.post(reverse("owner-new"), entered(cast, phone="13812345678", noticed="5678")).status_code == 302


def test_a_stranger_s_phone_in_another_project_is_not_told(cast, as_):
    flat = UnitFactory(building=BuildingFactory(project=cast.other_project))
    OccupancyFactory(unit=flat, owner=OwnerFactory(name="远方", phone="15900001111"))
    assert as_("frontdesk").post(reverse("owner-new"), entered(cast)).status_code == 302


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"phone": "138"}, "手机号应为 11 位"),
        ({"name": ""}, "请填写姓名"),
        ({"unit": "9-9-999", "unit_id": ""}, "没有找到这套房"),
        ({"email": "不是邮箱"}, "邮箱地址不完整"),
        ({"since": "昨天"}, "日期"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_the_rest_stays(cast, as_, fields, words):
    answer = as_("frontdesk").post(reverse("owner-new"), entered(cast, note="有狗", **fields))
    assert answer.status_code == 400
    assert words in text(answer)
    assert "有狗" in text(answer)
    assert not Owner.objects.filter(name="钱多").exists()


def test_amending_leaves_what_was_left_empty(cast, as_):
    desk = as_("frontdesk")
    page = text(desk.get(reverse("owner-edit", args=[cast.owner.pk])))
    assert "13812345678" not in page
    desk.post(reverse("owner-edit", args=[cast.owner.pk]), {"phone": "139 0000 1111", "note": "白天上班"})
    cast.owner.refresh_from_db()
    assert (cast.owner.name, cast.owner.phone, cast.owner.note) == ("张建国", "13900001111", "白天上班")


def test_the_steward_does_not_amend(cast, as_):
    assert as_("steward").get(reverse("owner-edit", args=[cast.owner.pk])).status_code == 403
    with pytest.raises(Forbidden):
        owners.amend(cast.owner, Person(name="改名"), by=cast.by("steward"))


# --- moving in and out ------------------------------------------------------------------------------
def test_one_person_may_have_two_flats(cast, as_):
    as_("frontdesk").post(
        reverse("owner-move-in", args=[cast.owner.pk]), {"unit": "3-2-1402", "relation": "owner", "unit_id": ""}
    )
    assert set(cast.owner.occupancies.values_list("unit__label", flat=True)) == {"3-2-1502", "3-2-1402"}


def test_moving_in_twice_is_refused_at_the_field(cast):
    with pytest.raises(Invalid) as refused:
        owners.move_in(cast.owner, cast.unit, by=cast.by("frontdesk"), relation="owner")
    assert "unit" in refused.value.fields


def test_moving_out_keeps_the_history_and_ends_the_links_of_that_flat_only(cast):
    OccupancyFactory(unit=cast.unit_below, owner=cast.owner)
    here, there = register(cast), register(cast, unit=cast.unit_below)
    tokens = [links.token(here), links.token(there)]
    home = cast.owner.occupancies.get(unit=cast.unit)
    revoked = owners.move_out(home, by=cast.by("frontdesk"), until=date.today())
    assert revoked == [here]
    assert [links.open_link(token) is not None for token in tokens] == [False, True]
    event = here.events.get(verb=Verb.REVOKE_LINK)
    assert (event.actor_name, event.note) == ("林静", "住户已迁出 3-2-1502")


def test_a_day_to_come_is_only_written_down(cast):
    ticket = register(cast)
    home = cast.owner.occupancies.get()
    assert owners.move_out(home, by=cast.by("frontdesk"), until=date.today() + timedelta(days=9)) == []
    assert links.open_link(links.token(ticket))


def test_moving_out_twice_is_a_conflict(cast):
    home = cast.owner.occupancies.get()
    owners.move_out(home, by=cast.by("frontdesk"), until=date.today())
    with pytest.raises(Conflict):
        owners.move_out(home, by=cast.by("frontdesk"), until=date.today())


def test_nobody_leaves_before_they_came(cast):
    Occupancy.objects.filter(owner=cast.owner).update(since=date(2026, 11, 1))
    with pytest.raises(Invalid):
        owners.move_out(cast.owner.occupancies.get(), by=cast.by("frontdesk"), until=date(2026, 10, 1))


def test_the_outsider_moves_nobody_out(cast, as_):
    home = cast.owner.occupancies.get()
    assert as_("outsider").post(reverse("move-out", args=[home.pk]), {"until": "2026-11-20"}).status_code == 404
    assert as_("steward").post(reverse("move-out", args=[home.pk]), {"until": "2026-11-20"}).status_code == 403


def test_the_flat_shows_who_lives_there_and_who_did(cast, as_):
    tenant = OwnerFactory(name="钱多")
    OccupancyFactory(unit=cast.unit, owner=tenant, relation="tenant", until=date(2026, 1, 1))
    page = text(as_("frontdesk").get(reverse("unit", args=[cast.unit.pk])))
    assert page.index("现在的住户") < page.index("张**") < page.index("以前的住户") < page.index("钱**")


# --- buildings and units ------------------------------------------------------------------------------
def test_a_building_and_its_flats_are_entered_by_hand(cast, as_):
    boss = as_("supervisor")
    answer = boss.post(
        reverse("building-new"), {"project": cast.project.pk, "code": "8", "name": "8号楼", "steward": cast.steward.pk}
    )
    building = Building.objects.get(code="8")
    assert answer.url == reverse("building", args=[building.pk])
    assert building.steward == cast.steward
    boss.post(reverse("unit-new", args=[building.pk]), {"entrance": "1", "room": "101", "area": "88.5"})
    assert Unit.objects.get(building=building).label == "8-1-101"
    assert "101" in text(boss.get(answer.url))


def test_the_same_flat_twice_is_refused(cast):
    with pytest.raises(Invalid):
        estate.add_unit(cast.building, by=cast.by("supervisor"), entrance="2", room="1502")


def test_the_same_building_twice_is_refused(cast, as_):
    answer = as_("supervisor").post(
        reverse("building-new"), {"project": cast.project.pk, "code": "3", "name": "又一栋"}
    )
    assert answer.status_code == 400
    assert "又一栋" in text(answer)


def test_the_steward_of_a_building_changes_and_its_code_stays(cast, as_):
    as_("supervisor").post(
        reverse("building-edit", args=[cast.building.pk]), {"name": "三号楼", "steward": cast.steward.pk, "code": "9"}
    )
    cast.building.refresh_from_db()
    assert (cast.building.name, cast.building.code, cast.building.steward) == ("三号楼", "3", cast.steward)


def test_the_front_desk_looks_at_buildings_but_does_not_change_them(cast, as_):
    desk = as_("frontdesk")
    assert "3号楼" in text(desk.get(reverse("buildings")))
    assert desk.get(reverse("building-new")).status_code == 403
    assert desk.get(reverse("unit-new", args=[cast.building.pk])).status_code == 403


def test_a_supervisor_adds_no_building_to_another_project(cast, as_):
    answer = as_("supervisor").post(
        reverse("building-new"), {"project": cast.other_project.pk, "code": "1", "name": "外"}
    )
    assert answer.status_code == 400
    assert not Building.objects.filter(project=cast.other_project).exists()


def test_the_administrator_reaches_every_building(cast, as_):
    other = BuildingFactory(project=cast.other_project)
    assert as_("admin").get(reverse("building", args=[other.pk])).status_code == 200


def test_the_poster_carries_the_place_and_opens_the_form(cast, as_):
    page = text(as_("frontdesk").get(reverse("poster", args=[cast.building.pk])))
    assert "世茂滨江花园 · 3号楼" in page
    assert "<svg" in page
    assert as_("frontdesk").get(reverse("report-place", args=[cast.building.qr_code])).status_code == 200
