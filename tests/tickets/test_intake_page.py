"""The counter's one screen: from finding the owner to the receipt."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import CategoryFactory, OccupancyFactory, OwnerFactory, register
from tickets import links
from tickets.models import Occupancy, Submission, Ticket, TicketLink
from tickets.statuses import Kind, Status, Verb

pytestmark = pytest.mark.django_db

BUDGET = 12


@pytest.fixture
def who(cast) -> str:
    return f"u{cast.unit.pk}-o{cast.owner.pk}"


@pytest.fixture
def send(cast, as_, who):
    """Press a button of the form; what is not named is as the desk would leave it."""

    def press(name: str = "frontdesk", *, press: str = "dispatch", client=None, **fields):
        values = {
            "key": str(uuid.uuid4()),
            "who": who,
            "kind": Kind.REPAIR.value,
            "description": "厨房水管爆了，总阀拧不动",
            "category": cast.category.pk,
            "source": "phone",
            "press": press,
        } | fields
        return (client or as_(name)).post(reverse("ticket-new"), {k: v for k, v in values.items() if v is not None})

    return press


def text(response) -> str:
    return response.content.decode()


def made() -> Ticket:
    return Ticket.objects.get()


# --- one press --------------------------------------------------------------------------------------
def test_one_press_registers_and_dispatches_to_the_category_s_department(cast, send):
    answer = send()
    ticket = made()
    assert answer.status_code == 302
    assert answer.url == reverse("ticket-receipt", args=[ticket.number])
    assert (ticket.status, ticket.department, ticket.handler) == (Status.DISPATCHED, cast.works, None)
    assert (ticket.owner, ticket.unit, ticket.contact_phone) == (cast.owner, cast.unit, "13812345678")
    assert (ticket.source, ticket.urgency, ticket.first_receiver) == ("phone", "urgent", cast.frontdesk)


@pytest.mark.parametrize(("chosen", "urgency"), [(None, "critical"), ("urgent", "urgent"), ("normal", "normal")])
def test_the_words_of_a_complaint_raise_it_unless_the_desk_knows_better(send, chosen, urgency):
    send(kind=Kind.COMPLAINT.value, category=None, description="电梯困人没人管", urgency=chosen, press="register")
    assert made().urgency == urgency


def test_registering_only_leaves_it_at_the_desk(send):
    send(press="register")
    assert made().status == Status.REGISTERED


def test_a_handler_may_be_named(cast, send):
    send(handler=cast.handler.pk)
    assert made().handler == cast.handler


def test_a_handler_may_be_typed(cast, send):
    send(handler_find="周建国")
    assert made().handler == cast.handler


def test_a_question_is_answered_and_closed_at_once(send):
    send(
        press="answer",
        kind=Kind.CONSULTATION.value,
        category=None,
        description="物业费怎么交",
        answer="公众号可缴",
        grade="5",
    )
    ticket = made()
    assert (ticket.status, ticket.grade, ticket.feedback_channel) == (Status.CLOSED, 5, "phone")


def test_an_answer_is_asked_for_and_nothing_is_left_behind(send):
    answer = send(press="answer", kind=Kind.CONSULTATION.value, category=None, description="物业费怎么交")
    assert answer.status_code == 400
    assert "请写下答复内容" in text(answer)
    assert not Ticket.objects.exists()


def test_the_category_follows_the_words_when_none_is_picked(cast, send):
    send(category=None)
    assert made().category == cast.category


def test_without_a_department_to_send_it_to_the_desk_is_asked(send):
    answer = send(category=None, description="说不清的事")
    assert answer.status_code == 400
    assert "请选择派给哪个部门" in text(answer)
    assert "说不清的事" in text(answer)
    assert not Ticket.objects.exists()


# --- twice ------------------------------------------------------------------------------------------
def test_pressed_twice_it_is_one_request_and_one_receipt(send):
    key = str(uuid.uuid4())
    first, second = send(key=key), send(key=key)
    assert first.url == second.url
    assert made().events.filter(verb=Verb.DISPATCH).count() == 1
    assert Submission.objects.get().scope.startswith("page:user:")


def test_back_and_another_text_is_asked_about_once(send):
    key = str(uuid.uuid4())
    send(key=key, press="register", kind=Kind.CONSULTATION.value, category=None)
    answer = send(key=key, kind=Kind.COMPLAINT.value, category=None, description="另一件事", press="register")
    assert answer.status_code == 409
    assert "另一件事" in text(answer)
    assert key not in text(answer)


def test_a_possible_duplicate_is_asked_about_and_may_be_overridden(cast, send):
    earlier = register(cast, category=cast.category)
    answer = send()
    assert answer.status_code == 200
    assert "可能已经登记过" in text(answer)
    assert earlier.number in text(answer)
    assert Ticket.objects.count() == 1
    assert send(noticed=earlier.number).status_code == 302
    assert Ticket.objects.count() == 2


# --- who --------------------------------------------------------------------------------------------
def test_without_scripts_the_room_that_was_typed_is_enough(cast, send):
    send(who="", find="3-2-1502")
    assert made().owner == cast.owner


def test_without_scripts_several_are_offered_to_pick_from(cast, send):
    OccupancyFactory(unit=cast.unit, owner=OwnerFactory(name="王秀英"), relation="family")
    answer = send(who="", find="1502")
    assert answer.status_code == 400
    assert "请选一项" in text(answer)
    assert "王**" in text(answer)
    assert 'type="radio" name="who"' in text(answer)
    assert "总阀拧不动" in text(answer)


def test_without_scripts_looking_is_a_step_that_keeps_what_was_typed(send):
    answer = send(press="find", who="", find="1502")
    assert answer.status_code == 200
    assert "张**" in text(answer)
    assert "总阀拧不动" in text(answer)
    assert "form-error-box" not in text(answer)
    assert not Ticket.objects.exists()


def test_a_visitor_without_a_file_is_registered_by_contact_and_place(cast, send):
    send(who="", contact_name="快递员", contact_phone="139 1111 2222", place="地库 B 区电梯口")
    ticket = made()
    assert (ticket.owner, ticket.contact_phone, ticket.place) == (None, "13911112222", "地库 B 区电梯口")


def test_nobody_at_all_is_asked_for(send):
    answer = send(who="")
    assert answer.status_code == 400
    assert "请填写业主，或填写联系人和电话" in text(answer)


def test_a_public_area_belongs_to_its_building(cast, send):
    send(who=f"b{cast.building.pk}", contact_name="巡逻岗", description="楼道灯不亮")
    assert (made().building, made().unit) == (cast.building, None)


def test_another_contact_may_be_given_for_this_time(send):
    send(contact_name="张太太", contact_phone="15900001111")
    assert (made().contact_name, made().contact_phone) == ("张太太", "15900001111")


def test_what_is_wrong_stands_at_its_field_and_everything_typed_stays(send):
    answer = send(contact_phone="138", appointment_at="明天", description="水龙头坏了")
    page = text(answer)
    assert answer.status_code == 400
    assert "手机号" in page or "电话" in page
    assert "请按“年-月-日 时:分”填写时间" in page
    assert "水龙头坏了" in page


@pytest.mark.parametrize("value", ["u999999-o1", "b999", "x"])
def test_a_caller_that_is_no_more_is_looked_up_again(send, value):
    answer = send(who=value)
    assert answer.status_code == 400
    assert "请重新查找" in text(answer)


def test_a_broken_picture_is_named_and_the_text_is_kept(as_, send):
    answer = send(pictures=SimpleUploadedFile("a.jpg", b"not a picture"))
    assert answer.status_code == 400
    assert "a.jpg" in text(answer)
    assert "总阀拧不动" in text(answer)
    assert not Ticket.objects.exists()


# --- a tenant reports, the owner pays ----------------------------------------------------------------
def test_a_tenant_reports_the_owner_pays_and_the_tenant_moves_out(cast, as_, send):
    tenant = OwnerFactory(name="钱租客", phone="15900002222")
    home = OccupancyFactory(unit=cast.unit, owner=tenant, relation="tenant", since=date(2026, 1, 1))
    desk = as_("frontdesk")
    value = f"u{cast.unit.pk}-o{tenant.pk}"
    card = text(desk.get(reverse("lookup-card"), {"who": value}))
    assert "付费人" in card
    assert "张**" in card
    send(client=desk, who=value)
    ticket = made()
    assert (ticket.owner, ticket.payer) == (tenant, cast.owner)
    token = links.token(ticket)
    assert links.open_link(token)

    day = date.today()
    desk.post(reverse("move-out", args=[home.pk]), {"until": day.isoformat()})
    home.refresh_from_db()
    ticket.refresh_from_db()
    assert home.until == day
    assert links.open_link(token) is None
    assert ticket.events.filter(verb=Verb.REVOKE_LINK).exists()
    Occupancy.objects.filter(pk=home.pk).update(until=day - timedelta(days=1))
    assert "钱**" not in text(desk.get(reverse("lookup"), {"q": "1502"}))
    assert desk.get(reverse("lookup-card"), {"who": value}).status_code == 404
    assert "钱**" in text(desk.get(reverse("unit", args=[cast.unit.pk])))
    assert ticket.number in text(desk.get(reverse("owner", args=[tenant.pk])))


def test_the_tenant_may_pay_himself(cast, send):
    tenant = OwnerFactory(name="钱租客")
    OccupancyFactory(unit=cast.unit, owner=tenant, relation="tenant")
    send(who=f"u{cast.unit.pk}-o{tenant.pk}", payer=tenant.pk)
    assert made().payer == tenant


# --- 1502 and 1402 -----------------------------------------------------------------------------------
def test_the_flat_below_reports_seepage_and_is_linked_to_the_burst_pipe_above(cast, as_, send):
    above = register(cast, category=cast.category)
    seepage = CategoryFactory(name="墙地面渗漏", department=cast.works, keywords=["渗水"])
    below = f"u{cast.unit_below.pk}-o{cast.neighbour.pk}"
    card = text(as_("frontdesk").get(reverse("lookup-card"), {"who": below, "kind": "repair", "category": seepage.pk}))
    assert f"与 {above.number} 关联" in card
    assert "张" not in card
    answer = send(who=below, description="天花板渗水", category=seepage.pk, link=above.number)
    ticket = Ticket.objects.exclude(pk=above.pk).get()
    assert answer.status_code == 302
    assert TicketLink.objects.filter(low=above, high=ticket).exists()
    assert ticket.status == Status.DISPATCHED


def test_a_request_of_another_project_cannot_be_linked(cast, send):
    other = register(cast, by="outsider", project=cast.other_project, unit=None, owner=None, contact_name="外项目")
    send(link=other.number)
    assert not TicketLink.objects.exists()


# --- complaints ---------------------------------------------------------------------------------------
def test_an_anonymous_complaint_keeps_neither_name_nor_flat(cast, send):
    send(kind=Kind.COMPLAINT.value, category=cast.complaint_category.pk, is_anonymous="on", press="register")
    ticket = made()
    assert (ticket.owner, ticket.unit, ticket.contact_phone, ticket.is_anonymous) == (None, None, "", True)
    assert ticket.building == cast.building


def test_whom_it_is_about_may_be_picked_or_typed(cast, send):
    fields = {"kind": Kind.COMPLAINT.value, "category": cast.complaint_category.pk, "press": "register"}
    send(
        **fields, subjects=[cast.handler.pk], subjects_find="李敏", level="important", mood="angry", is_collective="on"
    )
    ticket = made()
    assert set(ticket.subjects.values_list("employee__name", flat=True)) == {"周建国", "李敏"}
    assert (ticket.level, ticket.mood, ticket.is_collective) == ("important", "angry", True)


def test_an_unknown_colleague_is_asked_for_again_and_those_picked_stay(cast, send):
    fields = {"kind": Kind.COMPLAINT.value, "category": None, "press": "register"}
    answer = send(**fields, subjects_find="无此人", subjects=[cast.guard.pk])
    assert f'name="subjects" value="{cast.guard.pk}"' in text(answer)
    assert "李敏" in text(answer)
    assert answer.status_code == 400
    assert "没有找到员工“无此人”" in text(answer)


def test_a_complaint_about_the_desk_s_own_superior_is_taken_and_then_gone_from_sight(cast, as_, send):
    desk = as_("frontdesk")
    answer = send(
        client=desk, kind=Kind.COMPLAINT.value, category=None, department=cast.order.pk, subjects=cast.supervisor.pk
    )
    ticket = made()
    assert answer.url == reverse("ticket-new")
    assert "按回避规则" in text(desk.get(answer.url))
    assert ticket.status == Status.REGISTERED
    assert desk.get(reverse("ticket-receipt", args=[ticket.number])).status_code == 404


# --- the receipt ----------------------------------------------------------------------------------------
def test_the_receipt_shows_number_promise_and_code(as_, send):
    desk = as_("frontdesk")
    page = text(desk.get(send(client=desk).url))
    ticket = made()
    for words in (
        ticket.number,
        "10 分钟内响应，30 分钟内到场，24 小时内办结",
        links.address(ticket),
        "<svg",
        "再登记一张",
    ):
        assert words in page


def test_the_receipt_is_nobody_else_s(cast, as_, send):
    send()
    url = reverse("ticket-receipt", args=[made().number])
    assert as_("outsider").get(url).status_code == 404
    assert links.token(made()) not in text(as_("auditor").get(url))


# --- who may, and what it costs --------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["handler", "contractor", "hr", "manager", "quality", "auditor"])
def test_whoever_may_not_register_is_refused(as_, send, name):
    assert as_(name).get(reverse("ticket-new")).status_code == 403
    assert send(name).status_code == 403


def test_the_steward_registers_but_does_not_dispatch(as_, send):
    assert "登记并派单" not in text(as_("steward").get(reverse("ticket-new")))
    assert send("steward").status_code == 403
    assert not Ticket.objects.exists()
    assert send("steward", press="register").status_code == 302


def test_the_outsider_reaches_nobody_here(cast, as_, send, who):
    assert "张**" not in text(as_("outsider").get(reverse("ticket-new"), {"who": who}))
    assert send("outsider").status_code == 400
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("brought", [{}, {"who": "here"}])
def test_the_form_stays_within_its_queries(cast, as_, who, brought):
    for _index in range(3):
        register(cast, category=cast.category)
    desk = as_("frontdesk")
    desk.get(reverse("ticket-new"))
    extra = 6 if brought else 0  # the card beside it, which scripts fetch by itself
    with CaptureQueriesContext(connection) as queries:
        desk.get(reverse("ticket-new"), {"who": who} if brought else {})
    assert len(queries) <= BUDGET + extra, [query["sql"][:100] for query in queries]


def test_the_card_stays_within_its_queries(cast, as_, who):
    for _index in range(3):
        register(cast, category=cast.category)
    desk = as_("frontdesk")
    with CaptureQueriesContext(connection) as queries:
        desk.get(reverse("lookup-card"), {"who": who, "kind": "repair", "category": cast.category.pk})
    assert len(queries) <= BUDGET, [query["sql"][:100] for query in queries]


def test_the_same_as_last_time_fills_in_by_one_key(cast, as_, who):
    register(cast, category=cast.category, description="阳台灯不亮")
    card = text(as_("frontdesk").get(reverse("lookup-card"), {"who": who}))
    assert "与上次相同，一键填入" in card
    assert "阳台灯不亮" in card
    assert "data-fill=" in card
