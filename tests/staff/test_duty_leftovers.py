"""Who is still in the duty table and cannot answer any more: the page warns, and his slots go on in one step."""

from __future__ import annotations

import re
from datetime import time

import pytest
from django.urls import reverse
from django.utils import timezone

from shimao_service import calendars
from shimao_service.actors import SYSTEM
from shimao_service.exceptions import Forbidden, Invalid
from staff import duty_table, powers
from staff.models import DutySlot, Employee, RoleGrant, StaffChange
from tests.factories import grant
from tests.query_budgets import budget
from tests.staff.test_duty import MONDAY, NIGHT, at, away, slot

pytestmark = pytest.mark.django_db

NOW = at(25, "10:00")  # a Wednesday
NIGHTS = "每天 20:00–08:30"


@pytest.fixture(autouse=True)
def wednesday(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture(autouse=True)
def guard_may_dispatch(cast):
    grant(cast.guard, "duty_desk", cast.project)


def text(response) -> str:
    return response.content.decode()


def table(cast) -> str:
    return reverse("duty") + f"?project={cast.project.code}"


def hand_on_page(cast, who: str = "duty") -> str:
    return reverse("duty-hand-on", args=[getattr(cast, who).pk]) + f"?project={cast.project.code}"


def leave_page(cast, who: str = "duty") -> str:
    return reverse("employee-leave", args=[getattr(cast, who).pk])


def planned(cast) -> set[tuple[int, str, str]]:
    rows = DutySlot.objects.filter(project=cast.project).select_related("employee", "deputy")
    return {(row.weekday, row.employee.name, row.deputy.name if row.deputy else "") for row in rows}


def nights(cast, who: str = "duty", deputy: str = "") -> None:
    for weekday in range(7):
        slot(cast, who, weekday, NIGHT, deputy)


# --- the page warns -------------------------------------------------------------------------------
def test_who_lost_the_right_to_dispatch_is_named_with_his_slots_and_who_took_it(cast, as_):
    nights(cast)
    grant(cast.duty, "handler", cast.project)
    powers.revoke(RoleGrant.objects.get(employee=cast.duty, role__code="duty_desk"), by=cast.by("admin"))
    page = text(as_("supervisor").get(table(cast)))
    assert "孙班长 没有派单权限，但仍在值班表上" in page
    assert NIGHTS in page
    assert re.search(r"今天 10:00</time> 由 管理员 收回角色。", page)
    assert "没有人顶上" in page
    assert hand_on_page(cast).replace("&", "&amp;") in page
    assert "每天 20:00–次日 08:30" in page, "hours in which nobody can answer are hours without anybody"


def test_who_works_in_another_project_now_is_named_and_covered_by_his_deputy(cast, as_):
    nights(cast, deputy="guard")
    RoleGrant.objects.filter(employee=cast.duty).update(project=cast.other_project)
    page = text(as_("supervisor").get(table(cast)))
    assert "孙班长 已不在本项目，但仍在值班表上" in page
    assert "由同班的其他人顶上" in page
    assert "没有人顶上" not in page


def test_a_deputy_who_could_not_answer_is_named_too(cast, as_):
    slot(cast, "duty", MONDAY, NIGHT, "guard")
    RoleGrant.objects.filter(employee=cast.guard, role__code="duty_desk").delete()
    page = text(as_("supervisor").get(table(cast)))
    assert "李敏 没有派单权限，但仍在值班表上" in page
    assert "周一 20:00–08:30（副班）" in page


def test_leave_is_no_reason_to_change_the_table(cast, as_):
    nights(cast)
    away(cast, "duty", NOW, at(28, "10:00"))
    assert "仍在值班表上" not in text(as_("supervisor").get(table(cast)))


def test_who_only_reads_the_table_is_warned_and_offered_nothing(cast, as_):
    nights(cast)
    Employee.objects.filter(pk=cast.duty.pk).update(left_on=NOW.date())
    page = text(as_("frontdesk").get(table(cast)))
    assert "孙班长 已离职，但仍在值班表上" in page
    assert "改由他人值班" not in page


def test_the_warning_costs_one_query_however_many_there_are(cast, as_):
    calendars.current()
    nights(cast)
    slot(cast, "guard", MONDAY, (time(8), time(9)))
    client = as_("supervisor")
    client.get(table(cast))
    for who in (cast.duty, cast.guard):
        RoleGrant.objects.filter(employee=who).delete()
    with budget("page of duty, two who cannot answer"):
        assert text(client.get(table(cast))).count("仍在值班表上") == 2


# --- in one step ----------------------------------------------------------------------------------
def test_all_his_slots_go_to_somebody_else(cast, as_):
    nights(cast, deputy="guard")
    grant(cast.supervisor, "duty_desk", cast.project)
    client = as_("manager")
    assert NIGHTS in text(client.get(hand_on_page(cast)))
    assert client.post(hand_on_page(cast), {"to": cast.supervisor.pk}).url == table(cast)
    assert planned(cast) == {(day, "陈晓雯", "李敏") for day in range(7)}
    assert StaffChange.objects.filter(action="duty_planned", employee=cast.supervisor, by=cast.manager).count() == 7
    assert StaffChange.objects.filter(action="duty_removed", employee=cast.duty).count() == 7


def test_the_deputy_who_takes_them_over_is_his_own_deputy_no_more(cast, as_):
    slot(cast, "duty", 0, NIGHT, "guard")
    slot(cast, "supervisor", 1, NIGHT, "duty")
    as_("manager").post(hand_on_page(cast), {"to": cast.guard.pk})
    assert planned(cast) == {(0, "李敏", ""), (1, "陈晓雯", "李敏")}


def test_to_nobody_the_deputy_moves_up_and_the_rest_is_cleared(cast, as_):
    slot(cast, "duty", 0, NIGHT, "guard")
    slot(cast, "duty", 1, NIGHT)
    slot(cast, "supervisor", 2, NIGHT, "duty")
    slot(cast, "guard", 3, NIGHT)
    slot(cast, "duty", 3, NIGHT, "guard")  # on duty then anyway
    assert as_("manager").post(hand_on_page(cast), {"to": "nobody"}).status_code == 302
    assert planned(cast) == {(0, "李敏", ""), (2, "陈晓雯", ""), (3, "李敏", "")}


@pytest.mark.parametrize("chosen", ["", "handler", "duty"])
def test_one_of_the_two_has_to_be_said_and_only_who_could_answer(cast, as_, chosen):
    nights(cast)
    answer = as_("manager").post(hand_on_page(cast), {"to": getattr(cast, chosen).pk if chosen else ""})
    assert answer.status_code == 400
    assert planned(cast) == {(day, "孙班长", "") for day in range(7)}


def test_slots_that_overlap_are_refused_all_or_none(cast, as_):
    nights(cast)
    slot(cast, "guard", 3, (time(22), time(23)))
    answer = as_("manager").post(hand_on_page(cast), {"to": cast.guard.pk})
    assert (answer.status_code, "李敏 在 周四 22:00–23:00 已有值班" in text(answer)) == (400, True)
    assert DutySlot.objects.filter(employee=cast.duty).count() == 7


def test_who_keeps_no_table_hands_nothing_on(cast, as_):
    nights(cast)
    assert as_("frontdesk").post(hand_on_page(cast), {"to": "nobody"}).status_code == 403
    assert as_("outsider").post(hand_on_page(cast), {"to": "nobody"}).status_code == 404
    assert as_("manager").get(hand_on_page(cast, "handler")).status_code == 404, "he has no slots"
    with pytest.raises(Forbidden):
        duty_table.hand_on(cast.duty, cast.project, to=None, by=cast.by("frontdesk"))
    with pytest.raises(Invalid):
        duty_table.hand_on(cast.duty, cast.project, to=cast.outsider, by=SYSTEM)


# --- leaving --------------------------------------------------------------------------------------
def test_the_page_of_leaving_lists_the_slots_and_hands_them_on_in_the_same_step(cast, as_):
    nights(cast, deputy="guard")
    client = as_("hr")
    page = text(client.get(leave_page(cast)))
    assert NIGHTS in page
    assert "世茂滨江花园 的值班时段" in page
    assert "没有未办结的工作需要移交" not in page
    typed = {"on": timezone.localdate().isoformat(), f"duty_{cast.project.pk}": cast.guard.pk}
    assert client.post(leave_page(cast), typed).status_code == 302
    assert planned(cast) == {(day, "李敏", "") for day in range(7)}
    assert "世茂滨江花园 7 → 李敏" in cast.duty.changes.get(action="left").note


def test_leaving_can_clear_the_slots(cast, as_):
    nights(cast)
    typed = {"on": timezone.localdate().isoformat(), f"duty_{cast.project.pk}": "nobody"}
    assert as_("hr").post(leave_page(cast), typed).status_code == 302
    assert planned(cast) == set()


def test_leaving_asks_what_becomes_of_the_slots_and_keeps_what_was_typed(cast, as_):
    nights(cast)
    answer = as_("hr").post(leave_page(cast), {"on": "2026-11-25", f"duty_{cast.project.pk}": ""})
    assert answer.status_code == 400
    assert "请选择由谁接着值班" in text(answer)
    assert 'value="2026-11-25"' in text(answer)
    cast.duty.refresh_from_db()
    assert cast.duty.is_active


def test_a_slot_that_overlaps_undoes_the_whole_leaving(cast, as_):
    nights(cast)
    slot(cast, "guard", 3, (time(22), time(23)))
    typed = {"on": timezone.localdate().isoformat(), f"duty_{cast.project.pk}": cast.guard.pk}
    answer = as_("hr").post(leave_page(cast), typed)
    assert (answer.status_code, "已有值班，时段重叠" in text(answer)) == (400, True)
    cast.duty.refresh_from_db()
    assert (cast.duty.is_active, cast.duty.grants.count(), len(planned(cast))) == (True, 1, 8)


def test_who_is_in_no_table_is_asked_nothing_of_it(cast, as_):
    assert "值班时段" not in text(as_("hr").get(leave_page(cast, "steward")))
