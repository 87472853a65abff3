"""Every verb through its page: works, told when refused, typed text kept, pressed twice moves once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from staff.access import viewer_of
from tests.factories import OwnerFactory, owner_actor, register, walk
from tests.tickets.test_pictures import upload
from tickets import lifecycle
from tickets.forms import FORMS
from tickets.models import Event, Hold, Rating, Ticket, TicketLink
from tickets.statuses import Kind, Liability, Status, Urgency, Verb

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def text(response) -> str:
    return response.content.decode()


def address(ticket: Ticket, verb: str) -> str:
    return reverse("ticket-move", args=[ticket.number, verb])


def press(client, ticket: Ticket, verb: str, **data: Any):
    return client.post(address(ticket, verb), {"version": ticket.version, **data})


def later(**delta: Any) -> str:
    return timezone.localtime(timezone.now() + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M")


# --- every verb ----------------------------------------------------------------------------------------
CASES = [
    # verb, who, from, to, what is typed
    ("dispatch", "frontdesk", Status.REGISTERED, Status.DISPATCHED, {"department": "works", "handler": "handler"}),
    ("accept", "handler", Status.DISPATCHED, Status.IN_PROGRESS, {}),
    ("return", "handler", Status.DISPATCHED, Status.REGISTERED, {"reason": "不属于本部门"}),
    ("arrive", "handler", Status.IN_PROGRESS, Status.IN_PROGRESS, {"note": "已到", "place": "31.23,121.47"}),
    ("transfer", "supervisor", Status.IN_PROGRESS, Status.DISPATCHED,
     {"department": "works", "handler": "handler2", "reason": "调整"}),
    ("follow_up", "handler", Status.IN_PROGRESS, Status.IN_PROGRESS,
     {"note": "在买件", "answered": "on", "promised_at": later(hours=5)}),
    ("hold", "handler", Status.IN_PROGRESS, Status.ON_HOLD, {"reason": "parts", "resume_at": later(days=2)}),
    ("resume", "handler", Status.ON_HOLD, Status.IN_PROGRESS, {}),
    ("complete", "handler", Status.IN_PROGRESS, Status.COMPLETED, {"result": "已更换"}),
    ("feed_back", "frontdesk", Status.COMPLETED, Status.FED_BACK, {"channel": "phone", "content": "已修好"}),
    ("attempt", "frontdesk", Status.COMPLETED, Status.COMPLETED, {"channel": "phone", "note": "无人接听"}),
    ("rate", "frontdesk", Status.FED_BACK, Status.AWAITING_SUMMARY, {"channel": "phone", "grade": "4"}),
    ("summarise", "frontdesk", Status.AWAITING_SUMMARY, Status.CLOSED,
     {"cause": "老化", "liability": "property", "improvement": "列入巡检"}),
    ("talk", "supervisor", Status.IN_PROGRESS, Status.IN_PROGRESS, {"note": "业主同意再等"}),
    ("hand_over", "supervisor", Status.IN_PROGRESS, Status.IN_PROGRESS, {"to": "frontdesk2"}),
    ("reopen", "frontdesk", Status.CLOSED, Status.DISPATCHED, {"reason": "又漏了"}),
    ("cancel", "supervisor", Status.REGISTERED, Status.CANCELLED, {"reason": "重复登记"}),
    ("supplement", "frontdesk", Status.IN_PROGRESS, Status.IN_PROGRESS, {"note": "业主说晚上在家"}),
    ("revoke_link", "frontdesk", Status.IN_PROGRESS, Status.IN_PROGRESS, {"reason": "发错人"}),
]  # fmt: skip


def typed(cast, data: dict[str, str]) -> dict[str, Any]:
    people = ("department", "handler", "to")
    return {key: getattr(cast, value).pk if key in people else value for key, value in data.items()}


@pytest.mark.parametrize(("verb", "who", "before", "after", "data"), CASES, ids=[case[0] for case in CASES])
def test_a_move_is_made_by_its_page(cast, as_, verb, who, before, after, data):
    ticket = walk(cast, before)
    client = as_(who)
    page = client.get(address(ticket, verb))
    assert page.status_code == 200
    assert "<html" in text(page)
    part = client.get(address(ticket, verb), headers=HTMX)
    assert "<html" not in text(part)
    assert "data-dialog-content" in text(part)
    response = press(client, ticket, verb, **typed(cast, data))
    assert response.status_code == 302, text(response)
    ticket.refresh_from_db()
    assert ticket.status == after
    assert Event.objects.filter(ticket=ticket, verb=verb).exists()


@pytest.mark.parametrize(("verb", "who", "before", "after", "data"), CASES, ids=[case[0] for case in CASES])
def test_pressed_twice_it_moves_once(cast, as_, verb, who, before, after, data):
    ticket = walk(cast, before)
    client = as_(who)
    made = Event.objects.filter(ticket=ticket, verb=verb).count()
    first = press(client, ticket, verb, **typed(cast, data))
    second = press(client, ticket, verb, **typed(cast, data))
    assert (first.status_code, second.status_code) == (302, 302), text(second)
    assert Event.objects.filter(ticket=ticket, verb=verb).count() == made + 1


@pytest.mark.parametrize(("verb", "who", "before", "after", "data"), CASES, ids=[case[0] for case in CASES])
def test_an_outsider_meets_nothing(cast, as_, verb, who, before, after, data):
    ticket = walk(cast, before)
    client = as_("outsider")
    assert client.get(address(ticket, verb)).status_code == 404
    assert press(client, ticket, verb, **typed(cast, data)).status_code == 404


@pytest.mark.parametrize(("verb", "who", "before", "after", "data"), CASES, ids=[case[0] for case in CASES])
def test_an_auditor_may_look_and_not_touch(cast, as_, verb, who, before, after, data):
    ticket = walk(cast, before)
    client = as_("auditor")
    assert client.get(address(ticket, verb)).status_code == 403
    assert press(client, ticket, verb, **typed(cast, data)).status_code == 403
    assert not Event.objects.filter(ticket=ticket, seq__gt=ticket.events.count()).exists()


def test_every_verb_of_people_has_a_page():
    assert set(FORMS) == {verb.value for verb in Verb} - {
        "register", "time_out", "escalate", "acknowledge", "reclock",
    }  # fmt: skip


def test_an_unknown_verb_and_a_wrong_method_are_refused(cast, as_):
    ticket = register(cast)
    assert as_("frontdesk").get(address(ticket, "explode")).status_code == 404
    assert as_("frontdesk").put(address(ticket, "dispatch")).status_code == 405


def test_a_teammate_cannot_do_the_handlers_work(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    assert press(as_("frontdesk"), ticket, "complete", result="好了").status_code == 403
    assert press(as_("handler2"), ticket, "complete", result="好了").status_code in (403, 404)


# --- refusals keep what was typed ----------------------------------------------------------------------
def test_missing_words_are_asked_for_beside_their_field(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    response = press(as_("handler"), ticket, "hold", reason="parts", note="等快递")
    assert response.status_code == 400
    assert "请选择预计恢复的时间。" in text(response)
    assert "等快递" in text(response)


def test_what_the_verb_refuses_stands_beside_its_field(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    response = press(as_("handler"), ticket, "hold", reason="parts", resume_at="2020-01-01T09:00", note="等快递")
    assert response.status_code == 400
    assert "时间要晚于现在。" in text(response)
    assert "等快递" in text(response)


def test_a_stale_page_is_refused_and_keeps_the_typed_text(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    lifecycle.supplement(ticket, by=cast.by("frontdesk"), note="业主说晚上在家")
    client = as_("handler")
    response = press(client, ticket, "complete", result="已更换软管")
    page = text(response)
    assert response.status_code == 409
    assert "刚刚有了新动态" in page
    assert "业主说晚上在家" in page
    assert "已更换软管" in page
    ticket.refresh_from_db()
    assert f'name="version" value="{ticket.version}"' in page
    assert press(client, ticket, "complete", result="已更换软管").status_code == 302


def test_in_the_dialog_a_stale_page_answers_with_the_form_alone(cast, as_):
    ticket = walk(cast, Status.REGISTERED)
    lifecycle.supplement(ticket, by=cast.by("frontdesk"), note="补充")
    response = as_("supervisor").post(
        address(ticket, "cancel"), {"version": ticket.version, "reason": "重复登记"}, headers=HTMX
    )
    assert response.status_code == 409
    assert "<html" not in text(response)
    assert "重复登记" in text(response)


def test_a_colleague_who_was_slower_reads_who_has_it(cast, as_):
    ticket = lifecycle.dispatch(register(cast), by=cast.by("frontdesk"), department=cast.works)
    lifecycle.accept(ticket, by=cast.by("handler"))
    response = press(as_("handler2"), ticket, "accept")
    assert response.status_code == 409
    assert "这张工单已由 周建国 接单。" in text(response)
    assert ticket.description not in text(response)


def test_a_move_that_is_no_longer_legal_is_told_and_the_text_kept(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    lifecycle.complete(ticket, by=cast.by("handler"), result="好了")
    response = press(as_("handler"), ticket, "hold", reason="parts", resume_at=later(days=1), note="缺件要等")
    assert response.status_code == 409
    assert "不能“挂起”" in text(response)
    assert "缺件要等" in text(response)


def test_the_page_of_an_illegal_move_says_so(cast, as_):
    ticket = walk(cast, Status.CLOSED)
    response = as_("handler").get(address(ticket, "complete"))
    assert response.status_code == 409
    assert "不能“处理完成”" in text(response)


def test_a_different_word_from_an_old_page_is_not_taken_for_a_repeat(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    client = as_("handler")
    press(client, ticket, "follow_up", note="在买件")
    response = press(client, ticket, "follow_up", note="买到了")
    assert response.status_code == 409
    assert "买到了" in text(response)


# --- after it ------------------------------------------------------------------------------------------
def test_a_handler_who_completed_goes_on_to_the_next_task(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    response = press(as_("handler"), ticket, "complete", result="已更换")
    assert response["Location"] != ticket.get_absolute_url()


def test_the_desk_stays_on_the_request(cast, as_):
    ticket = register(cast)
    response = press(as_("frontdesk"), ticket, "dispatch", department=cast.works.pk)
    assert response["Location"] == ticket.get_absolute_url()


def test_htmx_is_sent_on_by_a_header(cast, as_):
    ticket = register(cast)
    response = as_("supervisor").post(
        address(ticket, "cancel"), {"version": ticket.version, "reason": "重复"}, headers=HTMX
    )
    assert response["HX-Redirect"] == ticket.get_absolute_url()


# --- dispatching ---------------------------------------------------------------------------------------
def test_the_category_suggests_its_department_and_who_has_least(cast, as_):
    walk(cast, Status.IN_PROGRESS)  # 周建国 has one open
    ticket = register(cast, category=cast.category)
    page = text(as_("frontdesk").get(address(ticket, "dispatch")))
    assert f'value="{cast.works.pk}" selected' in page
    assert "周建国 · 在手 1 件" in page
    assert "吴海涛 · 在手 0 件" in page
    assert f'value="{cast.handler.pk}" selected' not in page


def test_the_list_of_handlers_follows_the_department(cast, as_):
    ticket = register(cast)
    page = text(as_("frontdesk").get(reverse("ticket-handlers", args=[ticket.number]), {"department": cast.order.pk}))
    assert "李敏" in page
    assert "周建国" not in page


def test_nobody_from_another_project_is_offered(cast, as_):
    page = text(as_("frontdesk").get(address(register(cast), "dispatch")))
    assert "外项目师傅" not in page


def test_the_accused_is_not_offered_as_handler(cast, as_):
    ticket = register(cast, kind=Kind.COMPLAINT, subjects=(cast.handler,))
    page = text(as_("frontdesk").get(address(ticket, "dispatch")))
    assert "吴海涛" in page
    assert "周建国" not in page


def test_a_handler_alone_names_the_department(cast, as_):
    ticket = register(cast)
    press(as_("frontdesk"), ticket, "dispatch", handler=cast.handler.pk)
    ticket.refresh_from_db()
    assert (ticket.department, ticket.handler) == (cast.works, cast.handler)


def test_answering_on_the_spot_closes_a_consultation(cast, as_):
    ticket = register(cast, kind=Kind.CONSULTATION)
    client = as_("frontdesk")
    for _press in range(2):
        # The second press comes from the same page: the request's version is the old one.
        assert press(client, ticket, "answer_on_spot", answer="带身份证", channel="face", grade="5").status_code == 302
    ticket.refresh_from_db()
    assert ticket.status == Status.CLOSED
    assert ticket.grade == 5
    assert Rating.objects.filter(ticket=ticket).count() == 1


# --- handling ------------------------------------------------------------------------------------------
def test_a_follow_up_keeps_its_promise_answer_and_pictures(cast, as_, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    ticket = walk(cast, Status.IN_PROGRESS)
    response = press(
        as_("handler"), ticket, "follow_up", note="在买件", answered="on", promised_at=later(hours=3),
        reply_pictures=[upload(), upload("b.jpg")],
    )  # fmt: skip
    assert response.status_code == 302
    ticket.refresh_from_db()
    event = ticket.events.get(verb=Verb.FOLLOW_UP)
    assert event.data["answered"]
    assert ticket.promised_at is not None
    assert event.attachments.count() == 2


def test_a_broken_picture_is_refused_with_a_reason_and_the_text_kept(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    response = press(as_("handler"), ticket, "complete", result="已更换软管", pictures=upload(content=b"not a picture"))
    page = text(response)
    assert response.status_code == 400
    assert "不是图片" in page
    assert "已更换软管" in page
    ticket.refresh_from_db()
    assert ticket.status == Status.IN_PROGRESS


def test_a_hold_offers_the_usual_days(cast, as_):
    page = text(as_("handler").get(address(walk(cast, Status.IN_PROGRESS), "hold")))
    for words in ("明天上午", "后天上午", "下周一"):
        assert words in page
    assert not Hold.objects.exists()


# --- feedback ------------------------------------------------------------------------------------------
def test_feeding_back_starts_with_the_result_and_counts_the_attempts(cast, as_):
    ticket = walk(cast, Status.COMPLETED)
    ticket = lifecycle.attempt(ticket, by=cast.by("frontdesk"), channel="phone")
    page = text(as_("frontdesk").get(address(ticket, "feed_back")))
    assert "已更换软管，试水无渗漏" in page
    assert "本轮已联系 1 次未果" in page


@pytest.mark.parametrize(
    ("source", "channel"),
    [("phone", "phone"), ("counter", "face"), ("visit", "face"), ("wechat", "wechat"), ("patrol", "")],
)
def test_the_owner_is_answered_the_way_he_came(cast, source, channel):
    ticket = walk(cast, Status.COMPLETED, source=source)
    form = FORMS[Verb.FEED_BACK](ticket=ticket, viewer=viewer_of(cast.frontdesk))
    assert form["channel"].initial == channel


def test_a_web_report_without_a_number_is_answered_on_its_link(cast):
    ticket = walk(cast, Status.COMPLETED, source="web")
    assert FORMS[Verb.FEED_BACK](ticket=ticket, viewer=viewer_of(cast.frontdesk))["channel"].initial == ""
    ticket.contact_phone = ""
    assert FORMS[Verb.FEED_BACK](ticket=ticket, viewer=viewer_of(cast.frontdesk))["channel"].initial == "link"


def test_an_anonymous_complaint_is_answered_on_its_link_however_it_came(cast):
    ticket = walk(cast, Status.COMPLETED, kind=Kind.COMPLAINT, is_anonymous=True, source="phone")
    assert FORMS[Verb.FEED_BACK](ticket=ticket, viewer=viewer_of(cast.frontdesk))["channel"].initial == "link"


def test_an_unreachable_owner_is_fed_back_as_such(cast, as_):
    ticket = walk(cast, Status.COMPLETED)
    press(as_("frontdesk"), ticket, "feed_back", channel="unreachable", content="三次无人接听")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.feedback_channel) == (Status.FED_BACK, "unreachable")


def test_a_grade_without_its_channel_is_refused(cast, as_):
    ticket = walk(cast, Status.FED_BACK)
    response = press(as_("frontdesk"), ticket, "rate", grade="4", comment="说挺好")
    assert response.status_code == 400
    assert "请选择业主是怎样告诉您的。" in text(response)
    assert "说挺好" in text(response)


def test_a_dissatisfied_grade_begins_a_new_round(cast, as_):
    ticket = walk(cast, Status.FED_BACK)
    press(as_("frontdesk"), ticket, "rate", grade="2", channel="phone")
    ticket.refresh_from_db()
    assert (ticket.round, ticket.status) == (2, Status.DISPATCHED)


def test_a_dissatisfied_grade_pressed_twice_begins_one_round(cast, as_):
    ticket = walk(cast, Status.FED_BACK)
    client = as_("frontdesk")
    for _press in range(2):
        assert press(client, ticket, "rate", grade="1", channel="phone", comment="没修好").status_code == 302
    ticket.refresh_from_db()
    assert (ticket.round, ticket.dissatisfied_rounds) == (2, 1)


def test_the_handler_does_not_grade_himself(cast, as_):
    ticket = walk(cast, Status.FED_BACK)
    assert press(as_("handler"), ticket, "rate", grade="5", channel="phone").status_code == 403


# --- closing -------------------------------------------------------------------------------------------
def test_the_summary_starts_with_the_result(cast, as_):
    page = text(as_("frontdesk").get(address(walk(cast, Status.AWAITING_SUMMARY), "summarise")))
    assert "已更换软管，试水无渗漏" in page


def test_a_complaint_wants_words_of_improvement(cast, as_):
    ticket = walk(cast, Status.AWAITING_SUMMARY, kind=Kind.COMPLAINT)
    response = press(as_("frontdesk"), ticket, "summarise", cause="误会", liability=Liability.PROPERTY.value)
    assert response.status_code == 400
    assert "需要写明改进措施" in text(response)
    assert "误会" in text(response)


def test_the_manager_concludes_after_two_rounds_and_the_talk(cast, as_):
    ticket = walk(cast, Status.FED_BACK)
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=2)
    assert press(as_("manager"), ticket, "conclude", reason="业主坚持换整管").status_code == 409
    ticket = lifecycle.accept(ticket, by=cast.by("handler"))
    ticket = lifecycle.complete(ticket, by=cast.by("handler"), result="再修")
    ticket = lifecycle.feed_back(ticket, by=cast.by("frontdesk"), channel="phone", content="再修过")
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=1)
    refused = press(as_("manager"), ticket, "conclude", reason="业主坚持换整管")
    assert refused.status_code == 409
    assert "面谈" in text(refused)
    assert "业主坚持换整管" in text(refused)
    press(as_("supervisor"), ticket, "talk", note="已面谈")
    ticket.refresh_from_db()
    assert press(as_("manager"), ticket, "conclude", reason="业主坚持换整管").status_code == 302
    ticket.refresh_from_db()
    assert ticket.status == Status.AWAITING_SUMMARY


@pytest.mark.parametrize(("kind", "after"), [(Kind.COMPLAINT, Status.IN_PROGRESS), (Kind.PRAISE, Status.CLOSED)])
def test_the_supervisor_judges(cast, as_, kind, after):
    ticket = walk(cast, Status.REGISTERED if kind == Kind.PRAISE else Status.IN_PROGRESS, kind=kind)
    client = as_("supervisor")
    assert client.get(address(ticket, "judge")).status_code == 200
    assert press(client, ticket, "judge", valid="1").status_code == 302
    ticket.refresh_from_db()
    assert ticket.is_valid is True
    assert ticket.status == after


def test_finding_a_complaint_invalid_wants_a_reason(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS, kind=Kind.COMPLAINT)
    response = press(as_("supervisor"), ticket, "judge", valid="0")
    assert response.status_code == 400
    assert "请写明理由" in text(response)


# --- putting right -------------------------------------------------------------------------------------
def amended(cast, ticket: Ticket, **changes: Any) -> dict[str, Any]:
    """The form as it opens, with changes."""
    return {
        "reason": "登记有误", "kind": ticket.kind, "category": ticket.category_id or "", "urgency": ticket.urgency,
        "unit_text": ticket.unit.label if ticket.unit else "", "place": ticket.place, "description": ticket.description,
        "appointment_at": "", "level": ticket.level,
    } | changes  # fmt: skip


def test_a_wrong_room_is_put_right_by_typing_it(cast, as_):
    ticket = register(cast)
    client = as_("frontdesk")
    assert client.get(address(ticket, "amend")).status_code == 200
    assert press(client, ticket, "amend", **amended(cast, ticket, unit_text="3-2-1402")).status_code == 302
    ticket.refresh_from_db()
    assert ticket.unit == cast.unit_below
    assert ticket.events.get(verb=Verb.AMEND).data["changes"] == {"unit": ["3-2-1502", "3-2-1402"]}
    page = text(client.get(ticket.get_absolute_url()))
    assert "<del>3-2-1502</del>" in page
    assert "<ins>3-2-1402</ins>" in page


def test_an_unknown_room_is_told_and_the_reason_kept(cast, as_):
    ticket = register(cast)
    response = press(
        as_("frontdesk"), ticket, "amend", **amended(cast, ticket, unit_text="9-9-9999", reason="说错房号")
    )
    assert response.status_code == 400
    assert "本项目没有“9-9-9999”" in text(response)
    assert "说错房号" in text(response)


def test_the_form_to_amend_shows_nobodys_number(cast, as_):
    page = text(as_("frontdesk").get(address(register(cast), "amend")))
    assert "13812345678" not in page
    assert "张建国" not in page
    assert "138****5678" in page


def test_the_wrong_owner_is_replaced_by_phone_and_the_old_link_is_dead(cast, as_):
    ticket = register(cast)
    right = OwnerFactory(name="李雷", phone="13900001111")
    press(as_("frontdesk"), ticket, "amend", **amended(cast, ticket, owner_phone="139 0000 1111"))
    before = ticket.link_version
    ticket.refresh_from_db()
    assert ticket.owner == right
    assert ticket.contact_phone == "13900001111"
    assert ticket.link_version == before + 1


def test_a_changed_kind_lets_go_of_the_old_category(cast, as_):
    ticket = register(cast, category=cast.category)
    press(as_("frontdesk"), ticket, "amend", **amended(cast, ticket, kind="consultation"))
    ticket.refresh_from_db()
    assert ticket.kind == Kind.CONSULTATION
    assert ticket.category is None


def test_nothing_changed_is_told(cast, as_):
    ticket = register(cast, description="第一行\n第二行")
    data = amended(cast, ticket, description="第一行\r\n第二行")
    response = press(as_("frontdesk"), ticket, "amend", **data)
    assert response.status_code == 400
    assert "没有改动任何内容。" in text(response)


def test_lowering_the_urgency_is_the_supervisors(cast, as_):
    ticket = register(cast, urgency=Urgency.URGENT)
    data = amended(cast, ticket, urgency="normal")
    assert press(as_("frontdesk"), ticket, "amend", **data).status_code == 403
    assert press(as_("supervisor"), ticket, "amend", **data).status_code == 302


def test_units_are_found_while_typing(cast, as_):
    ticket = register(cast)
    page = text(as_("frontdesk").get(reverse("ticket-units", args=[ticket.number]), {"q": "3-2"}))
    assert 'data-label="3-2-1502"' in page
    assert 'data-label="3-2-1402"' in page


def test_two_requests_are_linked_by_number_and_parted_again(cast, as_):
    ticket, other = register(cast), register(cast, owner=cast.neighbour, unit=cast.unit_below)
    client = as_("frontdesk")
    assert press(client, ticket, "link", number=other.number.lower()).status_code == 302
    assert TicketLink.objects.count() == 1
    again = press(client, ticket, "link", number=other.number)
    assert again.status_code in (302, 409)
    page = text(client.get(address(ticket, "unlink"), {"number": other.number}))
    assert other.number in page
    assert press(client, ticket, "unlink", number=other.number).status_code == 302
    assert not TicketLink.objects.exists()


def test_a_number_that_is_not_there_or_not_for_these_eyes_is_told_alike(cast, as_):
    ticket = register(cast)
    hidden = register(cast, kind=Kind.COMPLAINT, subjects=(cast.frontdesk,), by="supervisor")
    client = as_("frontdesk")
    for number in (hidden.number, "BX20200101-0001"):
        response = press(client, ticket, "link", number=number)
        assert response.status_code == 400
        assert f"没有找到工单 {number}" in text(response)


def test_linking_offers_what_is_open_in_the_same_building(cast, as_):
    ticket = register(cast)
    near = register(cast, owner=cast.neighbour, unit=cast.unit_below, description="楼下渗水")
    hidden = register(cast, kind=Kind.COMPLAINT, subjects=(cast.frontdesk,), by="supervisor")
    page = text(as_("frontdesk").get(address(ticket, "link")))
    assert f"{near.number} 3-2-1402 楼下渗水" in page
    assert hidden.number not in page


def test_who_calls_the_owner_has_the_number_at_hand(cast, as_):
    ticket = walk(cast, Status.COMPLETED)
    page = text(as_("frontdesk").get(address(ticket, "feed_back")))
    assert "138****5678" in page
    assert "13812345678" not in page
    assert reverse("ticket-reveal", args=[ticket.number]) in page


def test_the_supervisor_names_whom_a_complaint_is_about_and_the_accused_loses_it(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS, kind=Kind.COMPLAINT)
    page = reverse("ticket-move", args=[ticket.number, "name_subjects"])
    supervisor = as_("supervisor")
    refused = supervisor.post(page, {"version": ticket.version, "subjects": "查无此人", "reason": "业主说明"})
    assert refused.status_code == 400
    assert "没有找到员工“查无此人”" in refused.text and "业主说明" in refused.text
    supervisor.post(page, {"version": ticket.version, "subjects": "周建国", "reason": "业主说明是周师傅"})
    assert as_("handler").get(ticket.get_absolute_url()).status_code == 404
    assert "周建国" in supervisor.get(ticket.get_absolute_url()).text
    assert as_("handler").get(page).status_code == 404
