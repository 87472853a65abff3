"""通知渠道: who sees which, what is refused in words, and what no page ever shows."""

from __future__ import annotations

import re

import pytest

from shimao_service import outlets
from shimao_service.models import Attempt, Outlet, OutletKind, Verdict
from shimao_service.outlets import Outcome
from tests.query_budgets import budget
from tests.shimao_service.notices import NOW, leave
from tests.shimao_service.outlets import DINGTALK, KEY, SECRET, WECOM, outlet

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(cast):
    return outlet(scope=f"project:{cast.project.pk}", name="滨江客服群")


def typed(cast, **changes):
    values = {
        "name": "夜班群", "scope": f"project:{cast.project.pk}", "address": WECOM, "topics": ["critical", "escalated"],
        "per_minute": "20",
    }  # fmt: skip
    return values | changes


# --- who ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "status"),
    [("manager", 200), ("director", 200), ("admin", 200), ("frontdesk", 403), ("handler", 403), ("auditor", 403)],
)
def test_managers_have_it_and_others_do_not(as_, who, status):
    client = as_(who)
    assert client.get("/channels/").status_code == status
    assert ("/channels/" in client.get("/").content.decode()) is (status == 200)


def test_a_manager_looks_after_the_robots_of_his_project_only(as_, cast, mine):
    others = [
        outlet(OutletKind.DINGTALK, name="别处", scope=f"project:{cast.other_project.pk}"),
        outlet(OutletKind.FEISHU, name="总部群"),
        outlet(OutletKind.WEBHOOK, name="OA", address="https://oa.example.cn/", scope=f"project:{cast.project.pk}"),
    ]
    client = as_("manager")
    page = client.get("/channels/").content.decode()
    assert "滨江客服群" in page
    assert not [one.name for one in others if one.name in page]
    for one in others:
        assert client.get(f"/channels/{one.pk}/").status_code == 404
        for verb in ("edit", "test", "switch", "withdraw", "delete", "secret"):
            assert client.post(f"/channels/{one.pk}/{verb}/").status_code == 404
    assert Outlet.objects.count() == 4
    page = as_("director").get("/channels/").content.decode()
    assert all(name in page for name in ("滨江客服群", "别处", "总部群", "OA"))


def test_webhooks_are_the_company_s_to_add(as_, cast):
    assert as_("manager").get("/channels/new/webhook/").status_code == 404
    assert as_("director").get("/channels/new/webhook/").status_code == 200
    assert as_("director").get("/channels/new/nonsense/").status_code == 404
    assert "webhook" not in as_("manager").get("/channels/").content.decode()


def test_a_manager_adds_no_robot_elsewhere(as_, cast):
    for scope in ("company", f"project:{cast.other_project.pk}", "", "project:x"):
        answer = as_("manager").post("/channels/new/wecom/", typed(cast, scope=scope))
        assert answer.status_code == 400
    assert not Outlet.objects.exists()


# --- setting up -----------------------------------------------------------------------------------
def test_a_robot_is_added_and_its_address_never_shown_again(as_, cast):
    client = as_("manager")
    answer = client.post("/channels/new/wecom/", typed(cast), follow=True)
    robot = Outlet.objects.get()
    assert robot.address == WECOM
    assert robot.changed_by == cast.manager.user
    pages = [answer, client.get("/channels/"), client.get(f"/channels/{robot.pk}/edit/")]
    assert not [page for page in pages if KEY in page.content.decode()]
    assert "不再显示" in pages[0].content.decode()


def test_the_whole_company_s_robot_is_added_by_who_manages_everywhere(as_, cast):
    as_("director").post("/channels/new/dingtalk/", typed(cast, scope="company", address=DINGTALK, secret=SECRET))
    robot = Outlet.objects.get()
    assert (robot.scope, robot.secret) == ("", SECRET)


def test_a_webhook_s_secret_is_shown_once(as_, cast):
    client = as_("director")
    answer = client.post("/channels/new/webhook/", typed(cast, address="https://oa.example.cn/x", topics=["moved"]))
    hook = Outlet.objects.get()
    assert hook.secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    old = hook.secret
    for path in (f"/channels/{hook.pk}/", f"/channels/{hook.pk}/edit/", "/channels/"):
        page = client.get(path).content.decode()
        assert old not in page
        assert "oa.example.cn" not in page
    renewed = client.post(f"/channels/{hook.pk}/secret/").content.decode()
    hook.refresh_from_db()
    assert hook.secret != old
    assert hook.secret in renewed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "必填"),
        ({"address": "https://example.cn/"}, "这不是企业微信群机器人的地址"),
        ({"address": ""}, "必填"),
        ({"topics": []}, "请至少选择一项"),
        ({"topics": ["moved"]}, "moved"),
        ({"per_minute": "0"}, "1"),
        ({"per_minute": "x"}, "数"),
        ({"name": "滨江客服群"}, "同名"),
    ],
)
def test_a_refusal_says_why_beside_the_field_and_keeps_what_was_typed(as_, cast, mine, changes, words):
    answer = as_("manager").post("/channels/new/wecom/", typed(cast, **changes))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert Outlet.objects.count() == 1
    assert words in page
    if "name" not in changes:
        assert 'value="夜班群"' in page


@pytest.mark.parametrize("address", ["http://127.0.0.1/", "http://10.0.0.8/x", "http://localhost/", "ftp://x.cn/"])
def test_a_webhook_inside_the_house_is_refused_beside_its_field(as_, cast, address):
    answer = as_("director").post("/channels/new/webhook/", typed(cast, address=address, topics=["moved"]))
    assert answer.status_code == 400
    assert not Outlet.objects.exists()


def test_a_signature_s_key_that_cannot_be_is_told_beside_its_field(as_, cast):
    answer = as_("director").post("/channels/new/dingtalk/", typed(cast, address=DINGTALK, secret="不是密钥 !"))
    assert answer.status_code == 400
    assert "加签" in answer.content.decode()


def test_changing_leaves_the_address_unless_a_new_one_is_typed(as_, cast, mine):
    client = as_("manager")
    client.post(f"/channels/{mine.pk}/edit/", typed(cast, name="改名", address=""))
    mine.refresh_from_db()
    assert (mine.name, mine.address, mine.topics) == ("改名", WECOM, ["critical", "escalated"])
    client.post(f"/channels/{mine.pk}/edit/", typed(cast, name="改名", address=WECOM + "9"))
    mine.refresh_from_db()
    assert mine.address == WECOM + "9"
    assert client.post(f"/channels/{mine.pk}/edit/", typed(cast, address=DINGTALK)).status_code == 400


# --- doing ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome(Verdict.SENT, "200 ok", 200), "测试消息已送达"),
        (Outcome(Verdict.REFUSED, "200 93000", 200), "93000"),
    ],
)
def test_the_test_button_shows_the_real_answer(as_, mine, monkeypatch, outcome, words):
    monkeypatch.setitem(outlets.SENDERS, OutletKind.WECOM, lambda outlet, letter: outcome)
    page = as_("manager").post(f"/channels/{mine.pk}/test/", follow=True).content.decode()
    assert words in page
    attempt = Attempt.objects.get()
    assert (attempt.is_test, attempt.by.name) == (True, "王志强")


def test_too_many_tests_are_refused_politely(as_, mine, monkeypatch):
    monkeypatch.setitem(outlets.SENDERS, OutletKind.WECOM, lambda outlet, letter: Outcome(Verdict.SENT, "ok"))
    client = as_("manager")
    pages = [client.post(f"/channels/{mine.pk}/test/", follow=True).content.decode() for _turn in range(4)]
    assert "请一分钟后再试" in pages[3]
    assert Attempt.objects.count() == 3


def test_it_is_paused_and_resumed(as_, mine):
    client = as_("manager")
    assert "已停用" in client.post(f"/channels/{mine.pk}/switch/", {"do": "pause"}, follow=True).content.decode()
    assert not Outlet.objects.get().is_active
    client.post(f"/channels/{mine.pk}/switch/", {"do": "resume"})
    assert Outlet.objects.get().is_active


def test_what_waits_is_shown_and_keeps_it_from_being_deleted(as_, mine):
    leave(recipients=[mine.recipient], channels=("robot",))
    client = as_("manager")
    page = client.get(f"/channels/{mine.pk}/").content.decode()
    assert "撤回等待中的 1 条" in page
    assert f"/channels/{mine.pk}/delete/" not in page
    answer = client.post(f"/channels/{mine.pk}/delete/", follow=True)
    assert "不能删除" in answer.content.decode()
    client.post(f"/channels/{mine.pk}/withdraw/")
    assert client.post(f"/channels/{mine.pk}/delete/", follow=True).redirect_chain == [("/channels/", 302)]
    assert not Outlet.objects.exists()


def test_a_robot_has_no_secret_to_renew(as_, mine):
    assert as_("manager").post(f"/channels/{mine.pk}/secret/").status_code == 404


@pytest.mark.parametrize("verb", ["test", "switch", "withdraw", "delete", "secret"])
def test_nothing_is_done_by_looking(as_, mine, verb):
    assert as_("manager").get(f"/channels/{mine.pk}/{verb}/").status_code == 405


def test_a_lost_key_is_told_on_every_page_and_breaks_none(as_, mine):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE shimao_service_outlet SET address = 'gAAAAABxyz'")
    client = as_("manager")
    for path in ("/channels/", f"/channels/{mine.pk}/", f"/channels/{mine.pk}/edit/"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "gAAAA" not in answer.content.decode()
    assert "重新填写" in client.get("/channels/").content.decode()
    assert "SECRET_KEY" in client.post(f"/channels/{mine.pk}/test/", follow=True).content.decode()


def test_the_how_to_stands_beside_each_form(as_, cast):
    client = as_("director")
    for kind in OutletKind:
        page = client.get(f"/channels/new/{kind.value}/").content.decode()
        assert "怎样设置" in page
        assert not re.search(r"\son\w+=|<script>|style=", page)


def test_pages_ask_little_of_the_database(as_, cast, mine):
    for number in range(5):
        outlet(OutletKind.WECOM, name=f"群{number}", scope=f"project:{cast.project.pk}", succeeded_at=NOW)
        leave(f"k{number}", recipients=[mine.recipient], channels=("robot",))
        outlets.record(mine, Outcome(Verdict.SENT, "ok", 200, 5), now=NOW, by=cast.manager.user)
    client = as_("manager")
    client.get("/channels/")
    with budget("channels"):
        client.get("/channels/")
    with budget("channel"):
        client.get(f"/channels/{mine.pk}/")
    with budget("channel form"):
        client.get("/channels/new/wecom/")
