"""The owner's page of one request: what it tells, what it keeps to itself, and what its holder may do."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from tests.factories import owner_actor, register, walk
from tickets import lifecycle, links, pictures, story
from tickets.models import Attachment, Rating, Ticket, Urge
from tickets.statuses import Channel, Kind, Liability, Status, Verb

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def holder(client: Client) -> SimpleNamespace:
    """Whoever holds the link: ``holder.reads(ticket)``, ``holder.does(ticket, "rate", grade=4)``."""

    def reads(ticket: Ticket) -> str:
        ticket.refresh_from_db()
        return client.get(links.path(ticket)).content.decode()

    def does(ticket: Ticket, move: str, **values):
        ticket.refresh_from_db()
        return client.post(reverse(f"track-{move}", args=[links.token(ticket)]), values)

    return SimpleNamespace(reads=reads, does=does, client=client)


def picture(colour: str = "teal") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), colour).save(out, "JPEG")
    return SimpleUploadedFile("p.jpg", out.getvalue(), content_type="image/jpeg")


# --- what it tells -------------------------------------------------------------------------------
@pytest.mark.parametrize(("status", "said"), [
    (Status.REGISTERED, "已收到，正在安排人员"),
    (Status.DISPATCHED, "已派给周师傅，等待接单"),
    (Status.IN_PROGRESS, "周师傅正在处理"),
    (Status.ON_HOLD, "暂缓：正在等配件"),
    (Status.COMPLETED, "已处理完成，稍后回复您"),
    (Status.FED_BACK, "处理得怎么样"),
    (Status.AWAITING_SUMMARY, "您的评价：非常满意"),
    (Status.CLOSED, "已办结"),
    (Status.CANCELLED, "已作废"),
])  # fmt: skip
def test_every_status_is_told_in_the_owners_words(cast, holder, status, said):
    assert said in holder.reads(walk(cast, status))


def test_the_story_names_departments_and_family_names_only(cast, holder):
    page = holder.reads(walk(cast, Status.CLOSED))
    assert "工程部 周师傅" in page
    assert "软管已更换，请留意" in page
    assert not any(name in page for name in ("周建国", "林静", "张建国", "138"))


def test_what_colleagues_write_for_each_other_stays_with_them(cast, holder):
    ticket = walk(cast, Status.IN_PROGRESS)
    by = cast.by
    lifecycle.follow_up(ticket, by=by("handler"), note="内部：业主难缠")
    lifecycle.follow_up(ticket, by=by("handler"), note="软管明天到货", answered=True)
    lifecycle.attempt(ticket, by=by("frontdesk"), channel="phone", note="内部：不接电话")
    lifecycle.transfer(ticket, by=by("handler"), reason="内部：我搞不定", handler=cast.handler2)
    lifecycle.return_(ticket, by=by("handler2"), reason="内部：不归我管")
    lifecycle.talk(ticket, by=by("supervisor"), note="内部：安抚")
    lifecycle.supplement(ticket, by=by("frontdesk"), note="内部：业主是邻居刘芳的亲戚")
    other = register(cast, owner=cast.neighbour, unit=cast.unit_below)
    lifecycle.link(ticket, other, by=by("frontdesk"), note="内部：楼下也漏")
    lifecycle.cancel(ticket, by=by("supervisor"), reason="内部：重复登记")
    page = holder.reads(ticket)
    assert "软管明天到货" in page
    assert "内部" not in page
    assert "刘芳" not in page
    assert other.number not in page


def test_liability_and_cause_are_never_shown(cast, holder):
    ticket = walk(cast, Status.AWAITING_SUMMARY)
    lifecycle.summarise(
        ticket, by=cast.by("frontdesk"), cause="业主私自改管", liability=Liability.OWNER, improvement="加强巡查"
    )
    page = holder.reads(ticket)
    assert not any(words in page for words in ("私自改管", "业主自身", "加强巡查", "责任归属"))


def test_whom_a_complaint_is_about_and_its_verdict_are_not_shown(cast, holder):
    ticket = register(
        cast, kind=Kind.COMPLAINT, description="上门收费", category=cast.complaint_category, subjects=[cast.handler]
    )
    lifecycle.judge(ticket, by=cast.by("supervisor"), valid=False, note="查无实据")
    page = holder.reads(ticket)
    assert "周" not in page
    assert "查无实据" not in page
    assert "无效" not in page


def test_every_verb_is_either_told_or_kept_on_purpose():
    kept = {
        Verb.ANSWER_ON_SPOT, Verb.ATTEMPT, Verb.HAND_OVER, Verb.JUDGE, Verb.LINK, Verb.UNLINK, Verb.REVOKE_LINK,
        Verb.TALK, Verb.NAME_SUBJECTS, Verb.ESCALATE, Verb.ACKNOWLEDGE, Verb.RECLOCK, Verb.REFER, Verb.REPLY_AUTHORITY,
    }  # fmt: skip
    assert set(Verb) == kept | set(story.WORDS)


def test_a_promise_that_was_broken_is_admitted(cast, holder):
    ticket = register(cast, urgency="urgent", now=timezone.now() - timedelta(hours=3))
    assert "已经晚了，很抱歉" in holder.reads(ticket)


def test_earlier_rounds_are_folded(cast, holder):
    ticket = walk(cast, Status.FED_BACK)
    lifecycle.rate(ticket, by=owner_actor(ticket), grade=2, comment="还在漏")
    page = holder.reads(ticket)
    assert "第 1 次处理" in page
    assert "重新处理，已派给工程部 周师傅" in page
    assert page.count("还在漏") == 1


# --- rating --------------------------------------------------------------------------------------
def test_one_tap_rates_and_the_page_thanks(cast, holder):
    ticket = walk(cast, Status.FED_BACK)
    answer = holder.does(ticket, "rate", grade="4", comment="师傅很细心", round="1")
    assert answer.status_code == 302
    rating = Rating.objects.get()
    assert (rating.grade, rating.comment, rating.source) == (4, "师傅很细心", "link")
    page = holder.reads(ticket)
    assert "您的评价：满意" in page
    assert "谢谢" in page
    assert "处理得怎么样" not in page


@pytest.mark.parametrize("grade", ["2", "1"])
def test_a_dissatisfied_owner_is_told_that_it_is_done_again(cast, holder, grade):
    ticket = walk(cast, Status.FED_BACK)
    answer = holder.does(ticket, "rate", grade=grade, round="1")
    page = holder.client.get(answer["Location"]).content.decode()
    ticket.refresh_from_db()
    assert (ticket.status, ticket.round, ticket.handler) == (Status.DISPATCHED, 2, cast.handler)
    assert "已安排重新处理" in page


def test_a_second_tap_is_answered_kindly_and_changes_nothing(cast, holder):
    ticket = walk(cast, Status.FED_BACK)
    holder.does(ticket, "rate", grade="4", round="1")
    again = holder.does(ticket, "rate", grade="1", round="1")
    assert again.status_code == 409
    assert "您已经评价过了，谢谢" in again.content.decode()
    assert Rating.objects.get().grade == 4


@pytest.mark.django_db(transaction=True)
def test_of_two_taps_at_once_one_counts(cast):
    ticket = walk(cast, Status.FED_BACK)
    path = reverse("track-rate", args=[links.token(ticket)])

    def tap(grade: str) -> int:
        try:
            return Client().post(path, {"grade": grade, "round": "1"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(task.result() for task in [pool.submit(tap, grade) for grade in ("4", "2")])
    assert answers == [302, 409]
    assert Rating.objects.count() == 1


def test_a_tap_on_an_old_page_does_not_rate_the_new_round(cast, holder):
    ticket = walk(cast, Status.FED_BACK)
    holder.does(ticket, "rate", grade="2", round="1")
    again = holder.does(ticket, "rate", grade="2", round="1")
    assert again.status_code == 409
    assert "已经在重新处理了" in again.content.decode()
    assert Rating.objects.count() == 1


def test_a_colleagues_note_meanwhile_does_not_stop_the_tap(cast, holder):
    ticket = walk(cast, Status.FED_BACK)
    lifecycle.attempt(ticket, by=cast.by("frontdesk"), channel="phone")
    assert holder.does(ticket, "rate", grade="5", round="1").status_code == 302


def test_the_owners_own_word_replaces_what_staff_recorded(cast, holder):
    ticket = walk(cast, Status.FED_BACK)
    lifecycle.rate(ticket, by=cast.by("frontdesk"), grade=5, channel=Channel.PHONE)
    assert "我们代您记录的是“非常满意”" in holder.reads(ticket)
    holder.does(ticket, "rate", grade="3", round="1")
    assert [r.grade for r in Rating.objects.filter(replaced_at=None)] == [3]
    assert Rating.objects.count() == 2


def test_a_late_rating_counts_for_thirty_days(cast, holder):
    now = timezone.now()
    ticket = walk(cast, Status.FED_BACK, now=now - timedelta(days=9))
    lifecycle.time_out(ticket, now=now - timedelta(days=1))
    assert "处理得怎么样" in holder.reads(ticket)
    holder.does(ticket, "rate", grade="2", round="1")
    ticket.refresh_from_db()
    assert ticket.round == 2

    old = walk(cast, Status.FED_BACK, now=now - timedelta(days=60))
    lifecycle.time_out(old, now=now - timedelta(days=40))
    assert "处理得怎么样" not in holder.reads(old)
    assert holder.does(old, "rate", grade="2", round="1").status_code == 409


@pytest.mark.parametrize("grade", ["", "0", "6", "满意", "4.5"])
def test_a_grade_that_is_none_is_refused(cast, holder, grade):
    answer = holder.does(walk(cast, Status.FED_BACK), "rate", grade=grade, comment="写了很多字")
    assert answer.status_code == 400
    assert "请点一个表情" in answer.content.decode()
    assert "写了很多字" in answer.content.decode()


# --- urging --------------------------------------------------------------------------------------
def test_one_tap_urges_and_the_page_says_that_it_was_passed_on(cast, holder):
    ticket = walk(cast, Status.IN_PROGRESS)
    assert "催一下" in holder.reads(ticket)
    answer = holder.does(ticket, "urge", note="<b>水漫出来了</b>")
    assert answer.status_code == 302
    page = holder.client.get(answer["Location"]).content.decode()
    assert "已转告处理人员。" in page
    assert "再催一下" in page
    assert "&lt;b&gt;水漫出来了&lt;/b&gt;" in page
    assert Urge.objects.get().by == "owner"


def test_tapping_again_at_once_is_answered_kindly_and_tells_nobody_twice(cast, holder):
    ticket = walk(cast, Status.IN_PROGRESS)
    holder.does(ticket, "urge")
    answer = holder.does(ticket, "urge")
    page = holder.client.get(answer["Location"]).content.decode()
    assert "刚才已经转告处理人员，这次也记下了，请稍候。" in page
    assert "（共 2 次）" in page
    assert ticket.events.filter(verb=Verb.URGE).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_taps_to_urge_at_once_there_is_one_call(cast):
    ticket = walk(cast, Status.IN_PROGRESS)
    path = reverse("track-urge", args=[links.token(ticket)])

    def tap(_n: int) -> int:
        try:
            return Client().post(path).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(tap, range(2))) == [302, 302]
    assert Urge.objects.get().times == 2
    assert ticket.events.filter(verb=Verb.URGE).count() == 1


def test_the_answer_is_read_where_it_was_asked(cast, holder):
    ticket = walk(cast, Status.IN_PROGRESS)
    holder.does(ticket, "urge")
    lifecycle.answer_urge(ticket, by=cast.by("handler"), note="配件到了，两点上门")
    page = holder.reads(ticket)
    assert "答复您的催促" in page
    assert "配件到了，两点上门" in page
    assert "等待答复" not in page
    assert "周建国" not in page


def test_a_link_that_is_revoked_or_anothers_urges_nothing(cast, holder):
    ticket, other = walk(cast, Status.IN_PROGRESS), walk(cast, Status.IN_PROGRESS)
    mine, theirs = links.token(ticket), links.token(other)
    lifecycle.revoke_link(ticket, by=cast.by("frontdesk"), reason="外泄")
    assert holder.client.post(reverse("track-urge", args=[mine])).status_code == 404
    crossed = ".".join([mine.split(".")[0], *theirs.split(".")[1:]])
    assert holder.client.post(reverse("track-urge", args=[crossed])).status_code == 404
    assert not Urge.objects.exists()


def test_a_call_on_an_old_page_still_counts(cast, holder):
    ticket = walk(cast, Status.IN_PROGRESS)
    token = links.token(ticket)
    lifecycle.follow_up(ticket, by=cast.by("handler"), note="去取件")
    assert holder.client.post(reverse("track-urge", args=[token])).status_code == 302


def test_whats_done_is_not_urged_and_the_words_are_not_lost(cast, holder):
    for status in (Status.FED_BACK, Status.CLOSED, Status.CANCELLED):
        assert "催一下" not in holder.reads(walk(cast, status))
    answer = holder.does(walk(cast, Status.CLOSED), "urge", note="怎么还没来")
    assert answer.status_code == 409
    assert "怎么还没来" in answer.content.decode()


def test_too_many_words_are_refused_and_kept(cast, holder):
    answer = holder.does(walk(cast, Status.IN_PROGRESS), "urge", note="快" * 2001)
    assert answer.status_code == 400
    assert "快" * 2001 in answer.content.decode()
    assert not Urge.objects.exists()


# --- adding, asking again, taking back -----------------------------------------------------------
def test_words_and_pictures_can_be_added_while_it_is_open(cast, holder):
    ticket = walk(cast, Status.IN_PROGRESS)
    holder.does(ticket, "supplement", note="下午三点后在家", pictures=[picture()])
    page = holder.reads(ticket)
    assert "您的补充" in page
    assert "下午三点后在家" in page
    assert reverse("track-thumbnail", args=[links.token(ticket), Attachment.objects.get().pk]) in page
    late = holder.does(walk(cast, Status.CLOSED), "supplement", note="还在漏，快来")
    assert late.status_code == 409
    assert "情况有变：已办结" in late.content.decode()
    assert "还在漏，快来" in late.content.decode()


def test_an_empty_addition_is_refused(cast, holder):
    answer = holder.does(register(cast), "supplement", note="  ")
    assert answer.status_code == 400
    assert "请写点什么" in answer.content.decode()


def test_a_hostile_file_is_refused_and_the_words_kept(cast, holder):
    bad = SimpleUploadedFile("a.svg", b"<svg onload='x()'/>", content_type="image/svg+xml")
    answer = holder.does(register(cast), "supplement", note="门口的照片", pictures=[bad])
    assert answer.status_code == 400
    assert "门口的照片" in answer.content.decode()
    assert not Attachment.objects.exists()


def test_it_can_be_taken_up_again_for_thirty_days(cast, holder):
    ticket = walk(cast, Status.CLOSED)
    assert holder.does(ticket, "reopen", **{"reopen-reason": ""}).status_code == 400
    holder.does(ticket, "reopen", **{"reopen-reason": "又漏了", "reopen-version": str(ticket.version)})
    ticket.refresh_from_db()
    assert (ticket.status, ticket.round) == (Status.DISPATCHED, 2)
    old = walk(cast, Status.CLOSED, now=timezone.now() - timedelta(days=40))
    assert "请重新处理" not in holder.reads(old)
    assert holder.does(old, "reopen", **{"reopen-reason": "又漏了"}).status_code == 409


def test_a_stale_page_is_refused_and_keeps_the_reason(cast, holder):
    ticket = walk(cast, Status.COMPLETED)
    answer = holder.does(ticket, "reopen", **{"reopen-reason": "根本没修好", "reopen-version": "1"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "根本没修好" in page
    assert "刚刚有了新动态" in page
    assert f'value="{ticket.version}"' in page, "sending it again goes through"


def test_it_can_be_withdrawn_while_nobody_has_it(cast, holder):
    ticket = register(cast)
    holder.does(ticket, "withdraw", **{"withdraw-version": "1"})
    ticket.refresh_from_db()
    assert ticket.status == Status.CANCELLED
    assert ticket.cancelled_by_owner
    assert "您已撤销" in holder.reads(ticket)


def test_once_somebody_has_it_the_desk_is_asked_instead(cast, holder):
    ticket = walk(cast, Status.DISPATCHED)
    assert "撤销" not in holder.reads(ticket).partition("<main")[2]
    answer = holder.does(ticket, "withdraw", **{"withdraw-reason": "不用了"})
    assert answer.status_code == 403
    assert "请联系前台" in answer.content.decode()
    ticket.refresh_from_db()
    assert ticket.status == Status.DISPATCHED


@pytest.mark.parametrize("move", ["rate", "supplement", "urge", "reopen", "withdraw"])
def test_opening_a_moves_address_moves_nothing(cast, holder, move):
    ticket = walk(cast, Status.FED_BACK)
    answer = holder.client.get(reverse(f"track-{move}", args=[links.token(ticket)]), {"grade": "1", "reason": "x"})
    assert answer.status_code == 302
    assert answer["Location"] == links.path(ticket)
    version = ticket.version
    ticket.refresh_from_db()
    assert ticket.version == version


def test_it_works_where_the_referrer_is_kept_back(cast):
    strict = Client(enforce_csrf_checks=True, headers={"origin": "null"})
    ticket = walk(cast, Status.FED_BACK)
    assert strict.post(reverse("track-rate", args=[links.token(ticket)]), {"grade": "4"}).status_code == 302


# --- pictures ------------------------------------------------------------------------------------
def test_the_holder_sees_his_own_pictures_and_the_results_and_no_others(cast, holder):
    ticket = walk(cast, Status.IN_PROGRESS)
    read = pictures.read
    lifecycle.supplement(ticket, by=owner_actor(ticket), pictures=read([picture("red")]))
    lifecycle.follow_up(ticket, by=cast.by("handler"), note="内部照片", pictures=read([picture("green")]))
    lifecycle.complete(ticket, by=cast.by("handler"), result="修好", pictures=read([picture("blue")]))
    sent, internal, result = Attachment.objects.order_by("pk")
    other = register(cast)
    ticket.refresh_from_db()
    for attachment, status in ((sent, 200), (internal, 404), (result, 200)):
        for name in ("track-picture", "track-thumbnail"):
            answer = holder.client.get(reverse(name, args=[links.token(ticket), attachment.pk]))
            assert answer.status_code == status
            assert holder.client.get(reverse(name, args=[links.token(other), attachment.pk])).status_code == 404
    answer = holder.client.get(reverse("track-picture", args=[links.token(ticket), sent.pk]))
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-store"


def test_the_page_asks_the_database_a_handful_of_times(cast, holder, django_assert_max_num_queries):
    ticket = walk(cast, Status.CLOSED)
    path = links.path(ticket)
    with django_assert_max_num_queries(10):
        holder.client.get(path)
