"""The pages of people: who may open them, what they do, what they refuse."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.authtoken.models import Token

from shimao_service.actors import SYSTEM
from staff import accounts, leaving, powers
from staff.access import actor_of
from staff.forms import GROUPS
from staff.models import Employee, Role, RoleGrant, StaffChange
from staff.permissions import Permission
from tests.factories import DepartmentFactory, EmployeeFactory, employ, walk
from tickets.models import Event, ReceiverTerm
from tickets.statuses import Status

pytestmark = pytest.mark.django_db


def text(response) -> str:
    return response.content.decode()


def filled(**typed) -> dict:
    return {"number": "E9001", "name": "单小红", "title": "前台", "superior": "", "phone": "", "email": "",
            "hired_on": "2026-01-05", "employer": ""} | typed  # fmt: skip


def address(name: str, cast, who: str = "handler") -> str:
    return reverse(name, args=[getattr(cast, who).pk])


def sign_in(username: str, password: str):
    client = Client()
    return client, client.post(reverse("account_login"), {"login": username, "password": password})


READ = ["employees", "projects", "departments", "roles"]
POSTS = ["employee-return", "employee-account", "employee-account-reset", "employee-account-close", "employee-grant"]


# --- who ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize(
    ("who", "status"), [("hr", 200), ("admin", 200), ("frontdesk", 403), ("director", 403), ("outsider", 403)]
)
def test_pages_of_people_open_to_personnel_only(as_, name, who, status):
    assert as_(who).get(reverse(name)).status_code == status


@pytest.mark.parametrize("name", [*READ, "employee-new", "project-new", "role-new", "regulation", "regulation-new"])
def test_nobody_signed_out_sees_any(db, name):
    assert Client().get(reverse(name)).status_code == 302


@pytest.mark.parametrize("name", POSTS)
def test_posting_is_for_personnel_and_never_by_get(cast, as_, name):
    assert as_("hr").get(address(name, cast)).status_code == 405
    assert as_("supervisor").post(address(name, cast)).status_code == 403
    assert StaffChange.objects.count() == 0


@pytest.mark.parametrize("name", ["employee-edit", "employee-leave"])
def test_forms_about_a_person_are_for_personnel(cast, as_, name):
    assert as_("hr").get(address(name, cast)).status_code == 200
    assert as_("supervisor").get(address(name, cast)).status_code == 403
    assert as_("hr").get(reverse(name, args=[999999])).status_code == 404
    assert as_("hr").put(address(name, cast)).status_code == 405


def test_a_power_of_one_project_is_not_enough_for_people_of_the_company(cast, as_):
    role = Role.objects.create(code="site_hr", name="项目人事", permissions=[Permission.EMPLOYEE_MANAGE.value])
    RoleGrant.objects.create(employee=cast.steward, role=role, project=cast.project)
    assert as_("steward").get(reverse("employees")).status_code == 403
    assert as_("steward").post(reverse("employee-new"), filled(department=cast.desk.pk)).status_code == 403


# --- list -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("words", ["周建国", "建国", "zhoujian", "zjg", "handler"])
def test_people_are_found_as_they_are_looked_for(cast, as_, words):
    page = text(as_("hr").get(reverse("employees"), {"q": words}))
    assert "周建国" in page
    assert "林静" not in page


def test_the_list_is_narrowed_by_department_project_role_and_leaving(cast, as_):
    client, url = as_("hr"), reverse("employees")
    assert "周建国" not in text(client.get(url, {"department": "KF"}))
    assert "外项目师傅" in text(client.get(url, {"project": "HP"}))
    assert "周建国" not in text(client.get(url, {"project": "HP"}))
    assert "林静" in text(client.get(url, {"role": "front_desk"}))
    Employee.objects.filter(pk=cast.handler2.pk).update(left_on="2026-01-01")
    assert "吴海涛" not in text(client.get(url))
    assert "吴海涛" in text(client.get(url, {"left": "1"}))
    assert client.get(url, {"q": "\x00", "after": "\x00"}).status_code == 200


def test_the_list_goes_on_after_fifty(cast, as_):
    for number in range(60):
        EmployeeFactory(number=f"Z{number:03d}", department=cast.desk)
    first = text(as_("hr").get(reverse("employees"), {"department": "KF"}))
    following = re.search(r'href="(\?[^"]+)" rel="next"', first)
    assert following
    second = text(as_("hr").get(reverse("employees") + following[1].replace("&amp;", "&")))
    for number in [f"Z{number:03d}" for number in range(60)] + ["frontdesk2", "quality"]:
        assert (f">{number}<" in first) != (f">{number}<" in second), number


@pytest.mark.parametrize("name", [*READ, "regulation"])
def test_no_list_needs_more_than_twelve_queries(as_, django_assert_max_num_queries, name):
    client = as_("admin")
    client.get(reverse(name))
    with django_assert_max_num_queries(12):
        client.get(reverse(name))


@pytest.mark.parametrize("name", ["employee", "employee-edit", "employee-leave"])
def test_no_page_of_a_person_needs_more_than_twelve_queries(cast, as_, django_assert_max_num_queries, name):
    walk(cast, Status.IN_PROGRESS)
    client = as_("hr")
    client.get(reverse("me"))
    with django_assert_max_num_queries(12):
        assert client.get(address(name, cast, "frontdesk")).status_code == 200


# --- employing and amending -----------------------------------------------------------------------
def test_an_employee_is_added_with_a_superior_and_a_normalised_phone(cast, as_):
    typed = filled(department=cast.desk.pk, superior="supervisor 陈晓雯", phone="138 1234-5670")
    response = as_("hr").post(reverse("employee-new"), typed)
    made = Employee.objects.get(number="E9001")
    assert response.url == reverse("employee", args=[made.pk])
    assert (made.pinyin, made.phone, made.reports_to) == ("shanxiaohong", "13812345670", cast.supervisor)
    assert made.superiors[0] == cast.supervisor.pk
    assert made.changes.get().by_name == "孙人事"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"phone": "12345"}, "手机号应为 11 位"),
        ({"number": "HANDLER"}, "已有人使用"),
        ({"superior": "查无此人"}, "没有找到"),
        ({"is_contractor": "on"}, "请填写用工单位"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_kept(cast, as_, typed, said):
    response = as_("hr").post(reverse("employee-new"), filled(department=cast.desk.pk) | typed)
    assert response.status_code == 400
    assert said in text(response)
    assert "单小红" in text(response)


def test_nobody_ends_up_above_himself(cast, as_):
    typed = filled(number="manager", name="王志强", department=cast.desk.pk, superior="frontdesk")
    response = as_("hr").post(address("employee-edit", cast, "manager"), typed)
    assert response.status_code == 400
    assert "上级不能是本人或本人的下级" in text(response)
    cast.manager.refresh_from_db()
    assert cast.manager.reports_to == cast.director
    assert not cast.manager.changes.exists()


def test_an_amendment_is_recorded_without_private_data(cast, as_):
    typed = filled(number="handler", name="周建国", department=cast.works.pk, superior="manager",
                   title="维修主管", phone="13912345678")  # fmt: skip
    assert as_("hr").post(address("employee-edit", cast), typed).status_code == 302
    note = cast.handler.changes.get().note
    assert "维修主管" in note
    assert "手机" in note
    assert "13912345678" not in note


def test_nobody_moves_himself_to_another_superior(cast, as_):
    typed = filled(number="hr", name="孙人事", department=cast.desk.pk, superior="director")
    response = as_("hr").post(address("employee-edit", cast, "hr"), typed)
    assert "不能更改自己的上级和部门" in text(response)
    cast.hr.refresh_from_db()
    assert cast.hr.reports_to is None


# --- the way in -----------------------------------------------------------------------------------
def test_a_new_account_opens_with_the_password_shown_once_and_only_to_change_it(cast, as_):
    newcomer = EmployeeFactory(user=None, name="新人", department=cast.desk)
    shown = as_("hr").post(reverse("employee-account", args=[newcomer.pk]), {"username": "xinren"})
    assert "no-store" in shown["Cache-Control"]
    password = re.search(r'class="staff-password">([^<]+)<', text(shown))[1]
    assert password not in text(as_("hr").get(reverse("employee", args=[newcomer.pk])))
    client, response = sign_in("xinren", password)
    assert response.status_code == 302
    assert client.get("/").url == reverse("account_change_password")
    mine = "my-own-long-words-8"
    changed = client.post(
        reverse("account_change_password"), {"oldpassword": password, "password1": mine, "password2": mine}
    )
    assert changed.status_code == 302
    assert client.get("/inbox/").status_code == 200
    assert StaffChange.objects.get(employee=newcomer).action == "account_opened"


def test_a_username_is_given_once(cast, as_):
    newcomer = EmployeeFactory(user=None, department=cast.desk)
    response = as_("hr").post(reverse("employee-account", args=[newcomer.pk]), {"username": "FrontDesk"})
    assert response.status_code == 400
    assert "已被使用" in text(response)


def test_a_reset_ends_sessions_and_tokens(cast, as_):
    there = as_("handler")
    token = Token.objects.create(user=cast.handler.user)
    assert as_("hr").post(address("employee-account-reset", cast)).status_code == 200
    assert there.get("/inbox/").status_code == 302
    assert not Token.objects.filter(pk=token.pk).exists()


def test_a_closed_account_opens_nothing_until_it_gets_a_new_password(cast, as_):
    there = as_("handler")
    as_("hr").post(address("employee-account-close", cast))
    as_("hr").post(address("employee-account-close", cast))
    assert there.get("/inbox/").status_code == 302
    assert cast.handler.changes.filter(action="account_closed").count() == 1
    password = accounts.reset_password(cast.handler, by=cast.by("hr"))
    assert there.get("/inbox/").status_code == 302
    assert sign_in("handler", password)[1].status_code == 302


def test_personnel_do_not_become_administrators_by_a_password(cast, as_):
    for name in ("employee-account-reset", "employee-account-close"):
        assert as_("hr").post(address(name, cast, "admin")).status_code == 403
        assert as_("hr").post(address(name, cast, "hr")).status_code == 403
    assert "重设密码" not in text(as_("hr").get(address("employee", cast, "admin")))


# --- roles ----------------------------------------------------------------------------------------
def test_a_role_is_given_and_taken_back_with_a_record(cast, as_):
    role = Role.objects.get(code="steward")
    as_("admin").post(address("employee-grant", cast), {"role": role.pk, "project": cast.project.pk})
    held = RoleGrant.objects.get(employee=cast.handler, role=role)
    as_("admin").post(reverse("employee-revoke", args=[cast.handler.pk, held.pk]))
    as_("admin").post(reverse("employee-revoke", args=[cast.handler.pk, held.pk]))
    changes = cast.handler.changes.order_by("pk")
    assert [(one.action, one.by_name, one.role) for one in changes] == [
        ("granted", "管理员", role), ("revoked", "管理员", role)
    ]  # fmt: skip


@pytest.mark.parametrize(("code", "with_project"), [("director", True), ("steward", False)])
def test_a_role_fits_its_scope_on_the_page_and_in_the_database(cast, as_, code, with_project):
    role, project = Role.objects.get(code=code), cast.project if with_project else None
    typed = {"role": role.pk, "project": project.pk if project else ""}
    assert as_("admin").post(address("employee-grant", cast), typed).status_code == 400
    with pytest.raises(IntegrityError), transaction.atomic():
        RoleGrant.objects.create(employee=cast.handler, role=role, project=project)


def test_hr_gives_no_roles_and_nobody_gives_himself_one(cast, as_):
    typed = {"role": Role.objects.get(code="director").pk, "project": ""}
    assert as_("hr").post(address("employee-grant", cast), typed).status_code == 403
    assert as_("admin").post(address("employee-grant", cast, "admin"), typed).status_code == 403
    assert not StaffChange.objects.exists()


def test_the_last_administrator_keeps_the_keys(cast, as_):
    held = cast.admin.grants.get()
    with pytest.raises(Exception, match="最后一位"):
        powers.revoke(held, by=SYSTEM)
    with pytest.raises(Exception, match="最后一位"):
        leaving.leave(cast.admin, by=cast.by("hr"), on=timezone.localdate())
    employ("admin2", "管理员二", cast.desk, "administrator", None)
    leaving.leave(cast.admin, by=cast.by("hr"), on=timezone.localdate())
    assert not cast.admin.grants.exists()


def test_what_a_role_may_do_is_changed_with_a_record(cast, as_):
    page = reverse("role", args=["steward"])
    assert as_("hr").get(page).status_code == 200
    assert as_("hr").post(page, {"permissions": ["ticket.view_all"]}).status_code == 403
    before = Role.objects.get(code="steward").permissions
    response = as_("admin").post(page, {"permissions": [*before, "ticket.dispatch"]})
    assert response.status_code == 302
    assert "ticket.dispatch" in Role.objects.get(code="steward").permissions
    assert StaffChange.objects.get(role__code="steward").note == "＋派单"
    assert as_("admin").post(page, {"permissions": ["ticket.explode"]}).status_code == 400


def test_an_administrator_adds_nothing_to_his_own_role_and_keeps_it_alive(cast, as_):
    page = reverse("role", args=["administrator"])
    before = Role.objects.get(code="administrator").permissions
    assert as_("admin").post(page, {"permissions": [*before, "ticket.view_all"]}).status_code == 400
    assert as_("admin").post(page, {"permissions": []}).status_code == 400
    assert Role.objects.get(code="administrator").permissions == before


def test_every_power_stands_in_a_group_of_the_page():
    assert sorted(power for _label, powers in GROUPS for power in powers) == sorted(Permission)


def test_a_record_is_written_once(cast):
    powers.grant(cast.handler, role=Role.objects.get(code="steward"), project=cast.project, by=cast.by("admin"))
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffChange.objects.update(by_name="别人")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("delete from staff_staffchange")


# --- leaving --------------------------------------------------------------------------------------
def test_the_page_of_leaving_tells_what_is_open_and_hands_it_to_the_successor(cast, as_):
    first, second = walk(cast, Status.IN_PROGRESS), walk(cast, Status.COMPLETED)
    done = walk(cast, Status.CLOSED)
    page = text(as_("hr").get(address("employee-leave", cast, "frontdesk")))
    assert re.search(r'首问未办结的工单：<span class="num strong">2</span>', page)
    assert "何丽" in page  # a front desk of the project
    assert "外项目前台" not in page
    assert "沈国栋" not in page  # who only looks is not asked to keep loops
    there, token = as_("frontdesk"), Token.objects.create(user=cast.frontdesk.user)
    typed = {"on": timezone.localdate().isoformat(), "successor": cast.frontdesk2.pk}
    assert as_("hr").post(address("employee-leave", cast, "frontdesk"), typed).status_code == 302
    for ticket in (first, second):
        ticket.refresh_from_db()
        assert ticket.first_receiver == cast.frontdesk2
        assert ReceiverTerm.objects.filter(ticket=ticket, employee=cast.frontdesk).exists()
    done.refresh_from_db()
    assert done.first_receiver == cast.frontdesk
    story = text(as_("supervisor").get(reverse("ticket", args=[first.number])))
    assert "林静" in story
    assert Event.objects.filter(ticket=first, actor_name="林静").exists()
    cast.frontdesk.refresh_from_db()
    assert not cast.frontdesk.is_active
    assert not cast.frontdesk.grants.exists()
    assert there.get("/").status_code == 302
    assert Client().get("/api/v1/auth/me/", headers={"Authorization": f"Token {token.key}"}).status_code == 401
    left = cast.frontdesk.changes.get(action="left")
    assert "何丽" in left.note
    assert left.by_name == "孙人事"
    assert cast.frontdesk.changes.filter(action="revoked").count() == 1


def test_without_a_successor_the_supervisor_has_the_loops_and_the_department_the_work(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    on = {"on": timezone.localdate().isoformat()}
    as_("hr").post(address("employee-leave", cast, "frontdesk"), on)
    as_("hr").post(address("employee-leave", cast, "handler"), on)
    ticket.refresh_from_db()
    assert ticket.first_receiver == cast.supervisor
    assert (ticket.status, ticket.handler, ticket.department) == (Status.DISPATCHED, None, cast.works)


def test_leaving_twice_leaves_once(cast):
    day = timezone.localdate() - timedelta(days=1)
    leaving.leave(cast.handler, by=cast.by("hr"), on=day)
    assert leaving.leave(cast.handler, by=cast.by("hr"), on=timezone.localdate()) == []
    cast.handler.refresh_from_db()
    assert cast.handler.left_on == day
    assert cast.handler.changes.filter(action="left").count() == 1


def test_a_leaver_cannot_sign_in_with_the_old_password(cast):
    cast.handler.user.set_password("walks-through-doors-7")
    cast.handler.user.save()
    leaving.leave(cast.handler, by=cast.by("hr"), on=timezone.localdate())
    client, _response = sign_in("handler", "walks-through-doors-7")
    assert client.get("/inbox/").status_code == 302
    body = {"username": "handler", "password": "walks-through-doors-7"}
    assert Client().post("/api/v1/auth/token/", body, content_type="application/json").status_code == 401


@pytest.mark.parametrize(("days", "said"), [(1, "最后工作日当天或之后"), (-400, "不能早于入职日期")])
def test_the_last_day_lies_within_the_employment(cast, as_, days, said):
    Employee.objects.filter(pk=cast.handler.pk).update(hired_on=timezone.localdate() - timedelta(days=100))
    day = timezone.localdate() + timedelta(days=days)
    response = as_("hr").post(address("employee-leave", cast), {"on": day.isoformat()})
    assert response.status_code == 400
    assert said in text(response)


def test_nobody_lets_himself_go_and_a_chosen_outsider_is_refused(cast, as_):
    walk(cast, Status.IN_PROGRESS)
    assert as_("hr").get(address("employee-leave", cast, "hr")).status_code == 403
    typed = {"on": timezone.localdate().isoformat(), "successor": cast.outsider.pk}
    assert as_("hr").post(address("employee-leave", cast, "frontdesk"), typed).status_code == 400
    cast.frontdesk.refresh_from_db()
    assert cast.frontdesk.is_active


def test_a_failed_hand_over_leaves_everything_as_it_was(cast, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("broken")

    work = leaving.WORKS[0]
    monkeypatch.setattr(leaving, "WORKS", [leaving.Work(work.labels, work.count, work.successors, broken)])
    with pytest.raises(RuntimeError):
        leaving.leave(cast.handler, by=cast.by("hr"), on=timezone.localdate())
    cast.handler.refresh_from_db()
    assert cast.handler.is_active
    assert cast.handler.grants.exists()


def test_who_comes_back_gets_roles_and_login_anew(cast, as_):
    leaving.leave(cast.handler, by=cast.by("hr"), on=timezone.localdate() - timedelta(days=2))
    page = address("employee-return", cast)
    assert as_("hr").post(page, {"on": "2020-01-01"}).status_code == 400
    assert as_("hr").post(page, {"on": timezone.localdate().isoformat()}).status_code == 302
    cast.handler.refresh_from_db()
    assert cast.handler.is_active
    assert not cast.handler.user.is_active
    assert not actor_of(cast.handler).viewer.grants


# --- organisation ---------------------------------------------------------------------------------
def test_projects_are_the_administrators_and_departments_personnels(as_, cast):
    project = {
        "code": "xh",
        "name": "徐汇苑",
        "kind": "residential",
        "service_phone": "021 62345678",
        "is_active": "on",
    }
    assert as_("hr").post(reverse("project-new"), project).status_code == 403
    assert as_("admin").post(reverse("project-new"), project).status_code == 302
    made = type(cast.project).objects.get(code="XH")
    assert made.service_phone == "021-62345678"
    assert as_("admin").post(reverse("project-new"), project).status_code == 400
    assert (
        as_("hr").post(reverse("department-new"), {"code": "fk", "name": "风控部", "is_active": "on"}).status_code
        == 302
    )
    assert as_("frontdesk").get(reverse("department-new")).status_code == 403
    assert as_("admin").get(reverse("project-edit", args=[999])).status_code == 404


def test_a_department_with_people_is_not_switched_off(cast, as_):
    page = reverse("department-edit", args=[cast.works.pk])
    response = as_("hr").post(page, {"code": "GC", "name": "工程部"})
    assert response.status_code == 400
    assert "请先调整" in text(response)
    empty = DepartmentFactory()
    typed = {"code": empty.code, "name": empty.name}
    assert as_("hr").post(reverse("department-edit", args=[empty.pk]), typed).status_code == 302


def test_a_new_role_starts_with_nothing(as_, cast):
    assert as_("admin").post(reverse("role-new"), {"code": "gardener", "name": "绿化师傅"}).status_code == 302
    assert Role.objects.get(code="gardener").permissions == []
    assert as_("hr").get(reverse("role-new")).status_code == 403
