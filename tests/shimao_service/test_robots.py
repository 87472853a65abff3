"""Group robots: what their makers' servers answer, and what we make of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import subprocess
import sys
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine

from shimao_service import outlets, rates, robots
from shimao_service.channels import Later, NotSent, Refused, Uncertain
from shimao_service.models import Attempt, Outlet, OutletKind, OutletMinute, Verdict
from shimao_service.outlets import OutletChannel
from tests.shimao_service import web_server
from tests.shimao_service.notices import NOW
from tests.shimao_service.outlets import (
    DINGTALK,
    FEISHU,
    KEY,
    SECRET,
    WECOM,
    at_home,
    be_hasty,
    lead_to,
    letter,
    outlet,
)
from tests.shimao_service.processes import environment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_home", "be_hasty")]
__all__ = ["at_home", "be_hasty"]
OK = {OutletKind.WECOM: {"errcode": 0, "errmsg": "ok"}, OutletKind.FEISHU: {"code": 0, "msg": "success"}}


@pytest.fixture
def server(monkeypatch):
    with web_server.running() as running:
        running.says({"errcode": 0, "errmsg": "ok"})
        lead_to(monkeypatch, running.url)
        yield running


def channel() -> OutletChannel:
    return OutletChannel(clock=lambda: NOW)


def send(robot: Outlet, **fields) -> None:
    channel().send(letter(robot, **fields))


# --- what they are sent ---------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [OutletKind.WECOM, OutletKind.DINGTALK, OutletKind.FEISHU])
def test_a_group_reads_the_words_and_the_link(server, kind):
    server.says(OK.get(kind, {"errcode": 0}))
    send(outlet(kind))
    (seen,) = server.seen
    assert "特急工单：BX20261123-0001" in json.dumps(json.loads(seen["body"]), ensure_ascii=False)
    assert "https://desk.example.cn/tickets/BX20261123-0001/" in seen["body"].decode()


def test_dingtalk_s_signature_is_the_one_its_maker_computes(server):
    send(outlet(OutletKind.DINGTALK, secret=SECRET))
    asked = parse_qs(urlsplit(server.seen[0]["path"]).query)
    stamp = asked["timestamp"][0]
    expected = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    assert asked["sign"][0] == base64.b64encode(expected).decode()
    assert asked["access_token"] == ["566cc69da782ec33"]


def test_feishu_s_signature_is_the_one_its_maker_computes(server):
    server.says({"code": 0})
    send(outlet(OutletKind.FEISHU, secret=SECRET))
    body = json.loads(server.seen[0]["body"])
    expected = hmac.new(f"{body['timestamp']}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert body["sign"] == base64.b64encode(expected).decode()


def test_long_words_are_cut_and_the_link_stays(server):
    robot = outlet()
    send(robot, body="很长的话" * 600)
    text = json.loads(server.seen[0]["body"])["text"]["content"]
    assert len(text.encode()) <= 2048
    assert text.endswith("…\nhttps://desk.example.cn/tickets/BX20261123-0001/")


def test_other_tools_are_reached_by_their_apprise_address(server):
    host = server.url.removeprefix("http://")
    send(outlet(OutletKind.APPRISE, address=f"json://{host}/hook"))
    assert json.loads(server.seen[0]["body"])["message"].startswith("特急工单")


# --- what the answers mean ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "answer", "error"),
    [
        (OutletKind.WECOM, {"errcode": 93000, "errmsg": "invalid webhook url"}, Refused),
        (OutletKind.WECOM, {"errcode": 45009, "errmsg": "api freq out of limit"}, NotSent),
        (OutletKind.WECOM, {"errcode": -1, "errmsg": "system busy"}, NotSent),
        (OutletKind.DINGTALK, {"errcode": 310000, "errmsg": "sign not match"}, Refused),
        (OutletKind.DINGTALK, {"errcode": 130101, "errmsg": "send too fast"}, NotSent),
        (OutletKind.FEISHU, {"code": 19021, "msg": "sign match fail"}, Refused),
        (OutletKind.FEISHU, {"code": 11232, "msg": "frequency limited"}, NotSent),
        (OutletKind.WECOM, (200, "<html>请登录上网认证</html>"), Uncertain),
        (OutletKind.WECOM, (200, '["errcode"]'), Uncertain),
        (OutletKind.WECOM, (500, "oops"), NotSent),
        (OutletKind.WECOM, (429, "slow down"), NotSent),
        (OutletKind.WECOM, (504, "gateway"), Uncertain),
        (OutletKind.WECOM, (404, "gone"), Refused),
        (OutletKind.WECOM, (302, "", {"Location": "http://169.254.169.254/"}), Refused),
        (OutletKind.WECOM, None, Uncertain),
    ],
)
def test_an_answer_is_taken_at_its_word(server, kind, answer, error):
    server.says(answer)
    with pytest.raises(error):
        send(outlet(kind))
    assert len(server.seen) == 1, "neither repeated nor redirected"


def test_silence_after_the_letter_left_is_uncertain(server):
    server.stalls = True
    with pytest.raises(Uncertain):
        send(outlet())
    assert Attempt.objects.get().verdict == Verdict.UNCERTAIN


def test_an_answer_that_never_ends_is_cut_off(server):
    server.drips = True
    with pytest.raises(Uncertain):
        send(outlet())


def test_nobody_there_is_surely_not_sent(monkeypatch, unused_port):
    lead_to(monkeypatch, f"http://127.0.0.1:{unused_port}")
    with pytest.raises(NotSent):
        send(outlet())


def test_an_address_inside_the_house_is_refused(server, settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    with pytest.raises(Refused, match="内网"):
        send(outlet())
    assert not server.seen


def test_an_apprise_tool_s_no_is_a_no(server):
    server.says((403, "no"))
    with pytest.raises(Refused):
        send(outlet(OutletKind.APPRISE, address=f"json://{server.url.removeprefix('http://')}/"))


# --- what is kept, and what is not ----------------------------------------------------------------
def test_every_try_is_logged_with_its_answer(server):
    robot = outlet()
    server.says({"errcode": 93000, "errmsg": "invalid webhook url"}, {"errcode": 0, "errmsg": "ok"})
    with pytest.raises(Refused):
        send(robot)
    send(robot)
    first, second = Attempt.objects.order_by("id")
    assert (first.verdict, first.status, second.verdict) == (Verdict.REFUSED, 200, Verdict.SENT)
    assert "invalid webhook url" in first.answer
    robot.refresh_from_db()
    assert robot.succeeded_at == robot.failed_at == NOW


@pytest.mark.parametrize("answer", [(400, f"bad key {KEY} at {WECOM}"), (200, f"<a href='{WECOM}'>{KEY}</a>"), None])
def test_no_key_in_errors_attempts_or_logs(server, caplog, answer):
    server.says(answer)
    with caplog.at_level(logging.DEBUG), pytest.raises((Refused, Uncertain)) as raised:
        send(outlet())
    robot = Outlet.objects.get()
    assert KEY not in str(raised.value)
    assert raised.value.__context__ is None, "a traceback would print it"
    assert KEY not in robot.failure + Attempt.objects.get().answer
    assert KEY not in caplog.text


def test_a_robot_s_key_is_encrypted_at_rest():
    outlet(secret=SECRET)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT address || secret FROM shimao_service_outlet")
        assert KEY not in (stored := cursor.fetchone()[0])
        assert SECRET not in stored


def test_without_the_key_it_says_so_and_waits(settings, server):
    robot = outlet()
    settings.SECRET_KEY = "another-key-" * 6
    for field in ("address", "secret"):
        for cached in ("keys", "f"):
            Outlet._meta.get_field(field).__dict__.pop(cached, None)
    try:
        assert not Outlet.objects.get().is_readable
        with pytest.raises(NotSent, match="SECRET_KEY"):
            send(robot)
        assert not server.seen
    finally:
        for field in ("address", "secret"):
            for cached in ("keys", "f"):
                Outlet._meta.get_field(field).__dict__.pop(cached, None)


# --- turns ----------------------------------------------------------------------------------------
def test_the_twenty_first_in_a_minute_waits(server):
    robot = outlet()
    sender = channel()
    for _turn in range(20):
        sender.send(letter(robot))
    with pytest.raises(Later) as later:
        sender.send(letter(robot))
    assert timedelta(minutes=1) <= later.value.until - NOW <= timedelta(seconds=70)
    with pytest.raises(Later):
        channel().send(letter(robot))  # another worker
    assert len(server.seen) == 20
    OutletChannel(clock=lambda: later.value.until).send(letter(robot))


def test_any_minute_holds_the_limit_not_only_the_clock_s():
    edge = NOW.replace(second=59)
    assert [rates.take("robot:1", limit=2, now=edge) for _n in range(2)] == [None, None]
    assert rates.take("robot:1", limit=2, now=edge + timedelta(seconds=2)) is not None
    assert rates.take("robot:2", limit=2, now=edge) is None, "each receiver has its own"
    assert rates.take("robot:1", limit=2, now=edge + timedelta(seconds=70)) is None


def test_old_counts_and_attempts_are_cleared_away(server):
    send(outlet())
    assert outlets.tidy(NOW + timedelta(minutes=30)) == 0
    assert outlets.tidy(NOW + timedelta(hours=2)) == 1
    assert outlets.tidy(NOW + timedelta(days=91)) == 1
    assert not OutletMinute.objects.exists()
    assert not Attempt.objects.exists()


def test_one_that_does_not_answer_is_left_alone_for_a_minute_by_everybody(server):
    robot = outlet()
    server.says((500, ""), {"errcode": 0})
    with pytest.raises(NotSent):
        send(robot)
    with pytest.raises(Later) as later:
        send(robot)
    assert later.value.until == NOW + timedelta(minutes=1)
    assert len(server.seen) == 1
    OutletChannel(clock=lambda: later.value.until).send(letter(robot))
    robot.refresh_from_db()
    assert robot.rests_until is None


def test_a_refusal_holds_up_no_other_letter(server):
    robot = outlet()
    server.says({"errcode": 40058, "errmsg": "invalid"}, {"errcode": 0})
    sender = channel()
    with pytest.raises(Refused):
        sender.send(letter(robot))
    sender.send(letter(robot))


def test_letters_of_a_paused_robot_wait(server):
    robot = outlet(is_active=False)
    with pytest.raises(Later):
        send(robot)
    assert not server.seen
    assert not Attempt.objects.exists()


def test_letters_of_a_deleted_robot_are_refused():
    with pytest.raises(Refused, match="已删除"):
        channel().send(letter(Outlet(pk=404)))


# --- which addresses are a robot's ----------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (OutletKind.WECOM, DINGTALK),
        (OutletKind.WECOM, "https://qyapi.weixin.qq.com.evil.example/cgi-bin/webhook/send?key=1"),
        (OutletKind.WECOM, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="),
        (OutletKind.DINGTALK, FEISHU),
        (OutletKind.FEISHU, WECOM),
        (OutletKind.APPRISE, "nonsense"),
        (OutletKind.APPRISE, "syslog://"),
        (OutletKind.APPRISE, "mailto://user:pass@gmail.com"),
        (OutletKind.APPRISE, "discord://1234567890/abcdefghijklmnop?template=/etc/passwd"),
        (OutletKind.APPRISE, "fcm://project/device?keyfile=/etc/passwd"),
    ],
)
def test_other_addresses_are_refused_in_words(kind, address):
    assert "地址" in robots.refusal_of(kind, address)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (OutletKind.WECOM, WECOM),
        (OutletKind.DINGTALK, DINGTALK),
        (OutletKind.FEISHU, FEISHU),
        (OutletKind.APPRISE, "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#desk"),
    ],
)
def test_addresses_as_copied_from_the_app_are_taken(kind, address):
    assert robots.refusal_of(kind, address) == ""


def test_a_test_message_says_who_sent_it_and_what_came_back(server, django_user_model):
    by = django_user_model.objects.create(username="m", name="王志强")
    robot = outlet()
    server.says({"errcode": 93000, "errmsg": "invalid webhook url"})
    with time_machine.travel(NOW, tick=False):
        outcome = outlets.test(robot, by=by, now=NOW)
    assert outcome.verdict == Verdict.REFUSED
    assert "王志强" in json.loads(server.seen[0]["body"])["text"]["content"]
    robot.refresh_from_db()
    assert (robot.test_passed, "invalid webhook url" in robot.test_answer) == (False, True)
    attempt = Attempt.objects.get()
    assert (attempt.is_test, attempt.by) == (True, by)


def test_what_the_library_loads_leaves_our_letters_as_they_were():
    """Its plugin for mail makes every letter of the process quoted-printable; in a process of its own, since it is
    loaded once."""
    words = "from email.header import Header; print(Header('到期提醒', 'utf-8').encode())"
    load = "import django; django.setup(); from shimao_service import robots"
    load += "; robots.plugin_for('apprise', 'json://a.example')"
    before, after = (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment({})
        ).stdout
        for code in (words, f"{load}; {words}")
    )
    assert after == before
