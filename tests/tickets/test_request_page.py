"""The request page: what each person sees on it, may do on it, and what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from shimao_service.models import Reveal
from staff.access import viewer_of
from tests.factories import CategoryFactory, owner_actor, register, walk
from tickets import lifecycle, permissions
from tickets.casefile import CaseFile
from tickets.models import Ticket
from tickets.statuses import Kind, Status, Verb

pytestmark = pytest.mark.django_db

BUDGET = 12


def text(response) -> str:
    return response.content.decode()


def offered(cast, name: str, ticket: Ticket) -> list[str]:
    return [verb.value for verb in permissions.available(ticket, cast.by(name))]


@pytest.mark.parametrize(
    ("category", "years", "words"),
    [
        ("给排水", 1, "在 2 年保修期内"),
        ("墙地面渗漏", 4, "防水渗漏仍在 5 年保修期内"),
        ("电气", 4, "已过保"),
        ("墙地面渗漏", 6, "已过保"),
        ("门窗五金", 1, ""),
    ],
)
def test_warranty_is_told_only_for_the_trades_it_covers(cast, category, years, words):
    cast.unit.handed_over_on = timezone.localdate() - timedelta(days=366 * years)
    cast.unit.save()
    ticket = register(cast, category=CategoryFactory(name=f"户内{category}"))
    told = CaseFile(ticket, viewer_of(cast.frontdesk)).warranty
    assert words in told
    assert bool(words) == bool(told)


def test_warranty_is_no_matter_of_a_complaint(cast):
    cast.unit.handed_over_on = timezone.localdate()
    cast.unit.save()
    ticket = register(cast, kind=Kind.COMPLAINT, category=CategoryFactory(kind=Kind.COMPLAINT, name="给排水"))
    assert CaseFile(ticket, viewer_of(cast.frontdesk)).warranty == ""


def test_where_it_is_and_where_the_owner_is_at_home_are_told_apart(cast, as_):
    ticket = register(cast, unit=None, building=cast.building, place="3号楼外墙")
    client = as_("frontdesk")
    assert "报事位置 3号楼外墙" in text(client.get(ticket.get_absolute_url()))
    assert "房屋 3-2-1502（" in text(client.get(reverse("ticket-history", args=[ticket.number])))


# --- who sees it ----------------------------------------------------------------------------------
def test_the_page_tells_the_story(cast, as_):
    ticket = walk(cast, Status.COMPLETED, description="厨房水管爆裂，水漫至客厅")
    page = text(as_("frontdesk").get(ticket.get_absolute_url()))
    for words in (
        "厨房水管爆裂，水漫至客厅",
        "接待并登记",
        "派单给",
        "工程部 · 周建国",
        "处理完成",
        "已更换软管，试水无渗漏",
        "停留 1 分",
    ):
        assert words in page


def test_a_number_in_small_letters_finds_it(cast, as_):
    ticket = register(cast)
    assert as_("frontdesk").get(f"/tickets/{ticket.number.lower()}/").status_code == 200


def test_wrong_method_is_refused(cast, as_):
    ticket = register(cast)
    assert as_("frontdesk").post(ticket.get_absolute_url()).status_code == 405
    assert as_("frontdesk").get(reverse("ticket-reveal", args=[ticket.number])).status_code == 405


@pytest.mark.parametrize("who", ["frontdesk", "frontdesk2", "supervisor", "manager", "auditor", "steward", "handler"])
def test_those_concerned_see_it(cast, as_, who):
    ticket = walk(cast, Status.IN_PROGRESS)
    assert as_(who).get(ticket.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("who", ["outsider", "outsider_handler", "handler2", "guard", "contractor", "hr"])
@pytest.mark.parametrize("page", ["ticket", "ticket-live", "ticket-history", "ticket-share", "ticket-print"])
def test_to_others_it_does_not_exist(cast, as_, who, page):
    ticket = walk(cast, Status.IN_PROGRESS)
    response = as_(who).get(reverse(page, args=[ticket.number]))
    assert response.status_code == (286 if page == "ticket-live" else 404)
    assert ticket.description not in text(response)


def test_nobody_signed_in_is_sent_to_the_entrance(cast, client):
    ticket = register(cast)
    assert client.get(ticket.get_absolute_url()).status_code == 302


def test_an_auditor_reads_and_is_offered_no_move(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    page = text(as_("auditor").get(ticket.get_absolute_url()))
    assert "您可以查看，不能操作这张工单。" in page
    assert reverse("ticket-move", args=[ticket.number, "complete"]) not in page
    assert reverse("ticket-share", args=[ticket.number]) not in page


# --- 涉事回避 ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["", "live/", "history/", "share/", "print/", "handlers/", "units/", "dispatch/"])
def test_the_accused_and_those_below_meet_nothing(cast, as_, path):
    ticket = register(cast, kind=Kind.COMPLAINT, subjects=(cast.supervisor,), description="主管态度差")
    for who in ("supervisor", "frontdesk", "steward"):
        response = as_(who).get(f"/tickets/{ticket.number}/{path}")
        assert response.status_code in (404, 286)
        assert "主管态度差" not in text(response)
    assert as_("manager").get(ticket.get_absolute_url()).status_code == 200


def test_the_accused_cannot_post_anything(cast, as_):
    ticket = register(cast, kind=Kind.COMPLAINT, subjects=(cast.supervisor,))
    client = as_("supervisor")
    assert client.post(reverse("ticket-move", args=[ticket.number, "cancel"]), {"reason": "无"}).status_code == 404
    assert client.post(reverse("ticket-reveal", args=[ticket.number]), {"reason": "看看"}).status_code == 404
    assert Reveal.objects.count() == 0


def test_the_page_names_the_accused_to_those_who_may_know(cast, as_):
    ticket = register(cast, kind=Kind.COMPLAINT, subjects=(cast.guard,), description="保安态度差")
    assert "被投诉人" in text(as_("supervisor").get(ticket.get_absolute_url()))


# --- only the moves of this person, the likely one first ------------------------------------------------
def test_the_likely_move_comes_first(cast):
    assert offered(cast, "frontdesk", register(cast))[0] == Verb.DISPATCH
    assert offered(cast, "frontdesk", register(cast, kind=Kind.CONSULTATION))[0] == Verb.ANSWER_ON_SPOT
    assert offered(cast, "handler", walk(cast, Status.DISPATCHED))[0] == Verb.ACCEPT
    assert offered(cast, "handler", walk(cast, Status.IN_PROGRESS))[0] == Verb.ARRIVE
    assert offered(cast, "handler", walk(cast, Status.IN_PROGRESS, kind=Kind.COMPLAINT))[0] == Verb.COMPLETE
    assert offered(cast, "handler", walk(cast, Status.ON_HOLD))[0] == Verb.RESUME
    assert offered(cast, "frontdesk", walk(cast, Status.COMPLETED))[0] == Verb.FEED_BACK
    assert offered(cast, "frontdesk", walk(cast, Status.FED_BACK))[0] == Verb.RATE
    assert offered(cast, "frontdesk", walk(cast, Status.AWAITING_SUMMARY))[0] == Verb.SUMMARISE


def test_once_arrived_completing_comes_first(cast):
    ticket = lifecycle.arrive(walk(cast, Status.IN_PROGRESS), by=cast.by("handler"))
    assert offered(cast, "handler", ticket)[0] == Verb.COMPLETE


def test_a_grade_is_recorded_only_while_there_is_none(cast):
    ticket = walk(cast, Status.FED_BACK)
    assert Verb.RATE in offered(cast, "frontdesk", ticket)
    assert Verb.RATE not in offered(cast, "handler", ticket)
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=4)
    assert Verb.RATE not in offered(cast, "frontdesk", ticket)


def test_a_grade_after_the_time_out_may_still_be_recorded(cast):
    ticket = walk(cast, Status.FED_BACK, now=timezone.now() - timedelta(days=9))
    ticket = lifecycle.time_out(ticket)
    assert Verb.RATE in offered(cast, "frontdesk", ticket)


def test_nothing_is_reopened_after_thirty_days(cast):
    assert Verb.REOPEN in offered(cast, "frontdesk", walk(cast, Status.CLOSED))
    old = walk(cast, Status.CLOSED, now=timezone.now() - timedelta(days=31))
    assert Verb.REOPEN not in offered(cast, "frontdesk", old)


def dissatisfied_twice(cast) -> Ticket:
    ticket = walk(cast, Status.FED_BACK)
    ticket = lifecycle.rate(ticket, by=owner_actor(ticket), grade=2)
    ticket = lifecycle.accept(ticket, by=cast.by("handler"))
    ticket = lifecycle.complete(ticket, by=cast.by("handler"), result="再修")
    ticket = lifecycle.feed_back(ticket, by=cast.by("frontdesk"), channel="phone", content="再修过")
    return lifecycle.rate(ticket, by=owner_actor(ticket), grade=1)


def test_concluding_is_offered_after_two_dissatisfied_rounds_and_the_talk(cast):
    ticket = dissatisfied_twice(cast)
    assert Verb.CONCLUDE not in offered(cast, "manager", ticket)
    assert offered(cast, "supervisor", ticket)[0] == Verb.TALK
    ticket = lifecycle.talk(ticket, by=cast.by("supervisor"), note="已面谈")
    assert offered(cast, "manager", ticket)[0] == Verb.CONCLUDE


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("who", ["frontdesk", "handler", "supervisor", "manager"])
def test_every_button_of_the_page_opens_its_form(cast, as_, status, who):
    ticket = walk(cast, status)
    client = as_(who)
    for move in CaseFile(ticket, cast.by(who).viewer).moves:
        assert client.get(move["url"]).status_code == 200, move


# --- the owner's contact ------------------------------------------------------------------------------
def test_the_contact_is_masked_for_everyone(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    for who in ("frontdesk", "handler", "supervisor", "auditor"):
        page = text(as_(who).get(ticket.get_absolute_url()))
        assert "张**" in page
        assert "138****5678" in page
        assert "13812345678" not in page
        assert "张建国" not in page


def test_the_handler_reveals_in_one_tap_and_leaves_a_row(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    client = as_("handler")
    page = text(client.get(ticket.get_absolute_url()))
    assert f"办理工单 {ticket.number}" in page
    response = client.post(reverse("ticket-reveal", args=[ticket.number]), {"reason": f"办理工单 {ticket.number}"})
    assert "13812345678" in text(response)
    assert "张建国" in text(response)
    row = Reveal.objects.get()
    assert (row.user, row.subject, row.reason) == (
        cast.handler.user, f"owner:{cast.owner.pk}", f"办理工单 {ticket.number}",
    )  # fmt: skip


def test_the_call_button_answers_with_a_number_to_dial(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    response = as_("handler").post(
        reverse("ticket-reveal", args=[ticket.number]), {"reason": "办理", "call": "1"}, headers={"HX-Request": "true"}
    )
    assert 'href="tel:13812345678"' in text(response)
    assert Reveal.objects.count() == 1


def test_others_type_a_reason(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    client = as_("supervisor")
    assert "查看事由" in text(client.get(ticket.get_absolute_url()))
    refused = client.post(reverse("ticket-reveal", args=[ticket.number]), {"reason": " "})
    assert refused.status_code == 400
    assert "请填写查看事由" in text(refused)
    assert Reveal.objects.count() == 0
    assert "13812345678" in text(client.post(reverse("ticket-reveal", args=[ticket.number]), {"reason": "回访"}))


@pytest.mark.parametrize("who", ["auditor", "steward"])
def test_who_only_reads_reveals_nothing(cast, as_, who):
    ticket = walk(cast, Status.IN_PROGRESS)
    response = as_(who).post(reverse("ticket-reveal", args=[ticket.number]), {"reason": "看看"})
    assert response.status_code == 403
    assert "13812345678" not in text(response)
    assert Reveal.objects.count() == 0


def test_a_handler_no_longer_reveals_what_is_done(cast, as_):
    ticket = walk(cast, Status.COMPLETED)
    response = as_("handler").post(reverse("ticket-reveal", args=[ticket.number]), {"reason": "办理"})
    assert response.status_code == 403


def test_an_anonymous_complaint_has_nothing_to_reveal(cast, as_):
    ticket = register(cast, kind=Kind.COMPLAINT, is_anonymous=True)
    client = as_("frontdesk")
    assert "匿名" in text(client.get(ticket.get_absolute_url()))
    assert client.post(reverse("ticket-reveal", args=[ticket.number]), {"reason": "看看"}).status_code == 409


# --- the link for the owner ---------------------------------------------------------------------------
def test_desk_and_supervisor_hand_over_the_link(cast, as_):
    ticket = register(cast)
    for who in ("frontdesk", "supervisor"):
        response = as_(who).get(reverse("ticket-share", args=[ticket.number]))
        assert "/track/" in text(response)
        assert response["Cache-Control"] == "no-store"


def test_a_handler_does_not_get_the_link(cast, as_):
    ticket = walk(cast, Status.IN_PROGRESS)
    response = as_("handler").get(reverse("ticket-share", args=[ticket.number]))
    assert response.status_code == 403
    assert "/track/" not in text(response)


# --- refreshing itself, and who else is here ----------------------------------------------------------
def test_nothing_new_is_answered_with_nothing(cast, as_):
    ticket = register(cast)
    response = as_("frontdesk").get(f"/tickets/{ticket.number}/live/?version={ticket.version}&seen=")
    assert response.status_code == 204


def test_two_people_on_one_request_see_each_other(cast, as_):
    ticket = register(cast)
    address = f"/tickets/{ticket.number}/live/?version={ticket.version}&seen="
    as_("frontdesk").get(address)
    assert "林静正在查看" in text(as_("supervisor").get(address))
    assert "陈晓雯正在查看" in text(as_("frontdesk").get(address))


def test_news_bring_the_parts_that_changed_and_never_the_reply_box(cast, as_):
    ticket = walk(cast, Status.DISPATCHED)
    before = ticket.version
    lifecycle.accept(ticket, by=cast.by("handler"))
    page = text(as_("frontdesk").get(f"/tickets/{ticket.number}/live/?version={before}&seen="))
    assert 'id="story"' in page
    assert "接单" in page
    assert 'id="reply-version"' in page
    assert "<textarea" not in page


# --- beside it ----------------------------------------------------------------------------------------
def test_similar_requests_of_a_month_are_pointed_out(cast, as_):
    register(cast, category=cast.category, description="上次漏水", now=timezone.now() - timedelta(days=5))
    ticket = register(cast, category=cast.category)
    page = text(as_("frontdesk").get(reverse("ticket-history", args=[ticket.number])))
    assert "30 天内同房同类第 2 次" in page
    assert "上次漏水" in page


def test_the_history_shows_nothing_the_viewer_may_not_see(cast, as_):
    register(cast, kind=Kind.COMPLAINT, subjects=(cast.frontdesk2,), description="何丽态度差")
    ticket = register(cast)
    assert "何丽态度差" in text(as_("supervisor").get(reverse("ticket-history", args=[ticket.number])))
    assert "何丽态度差" not in text(as_("frontdesk2").get(reverse("ticket-history", args=[ticket.number])))


def test_a_linked_request_shows_without_its_owner(cast, as_):
    ticket = register(cast)
    other = register(cast, owner=cast.neighbour, unit=cast.unit_below, description="楼下渗水")
    lifecycle.link(ticket, other, by=cast.by("frontdesk"))
    page = text(as_("frontdesk").get(ticket.get_absolute_url()))
    assert other.number in page
    assert "刘芳" not in page
    assert "刘**" not in page


@pytest.mark.parametrize(("kind", "title"), [(Kind.REPAIR, "派工单"), (Kind.COMPLAINT, "投诉处理单")])
def test_the_paper_has_its_name_and_lines_to_sign(cast, as_, kind, title):
    ticket = walk(cast, Status.IN_PROGRESS, kind=kind)
    page = text(as_("frontdesk").get(reverse("ticket-print", args=[ticket.number])))
    assert title in page
    assert "业主签字" in page
    assert "13812345678" not in page


# --- what it costs ------------------------------------------------------------------------------------
def long_story(cast) -> Ticket:
    ticket = dissatisfied_twice(cast)
    ticket = lifecycle.accept(ticket, by=cast.by("handler"))
    for n in range(40):
        ticket = lifecycle.follow_up(ticket, by=cast.by("handler"), note=f"进展 {n}")
    other = register(cast, owner=cast.neighbour, unit=cast.unit_below)
    lifecycle.link(ticket, other, by=cast.by("frontdesk"))
    ticket.refresh_from_db()
    return ticket


@pytest.mark.parametrize("who", ["frontdesk", "handler", "supervisor", "manager", "auditor"])
@pytest.mark.parametrize("make", [lambda cast: walk(cast, Status.IN_PROGRESS), long_story], ids=["short", "long"])
def test_the_page_stays_within_its_budget(cast, as_, who, make):
    ticket = make(cast)
    client = as_(who)
    client.get(ticket.get_absolute_url())  # the session's first page may write it
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(ticket.get_absolute_url()).status_code == 200
    assert len(queries) <= BUDGET, "\n".join(query["sql"] for query in queries)
