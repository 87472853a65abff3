"""Webhooks: what is sent, how it is signed, and which doors are never knocked at."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import time
from datetime import UTC, datetime

import pytest
import requests

from shimao_service import lines, webhooks
from shimao_service.channels import NotSent, Refused, Uncertain
from shimao_service.models import Attempt, Outlet, OutletKind, Verdict
from shimao_service.outlets import OutletChannel
from tests.shimao_service import web_server
from tests.shimao_service.notices import NOW
from tests.shimao_service.outlets import HASTY, at_home, be_hasty, letter, outlet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_home", "be_hasty")]
__all__ = ["at_home", "be_hasty"]
TOLD = webhooks.compose(event="ticket.registered", at=NOW, subject={"type": "ticket", "number": "BX20261123-0001"})


@pytest.fixture
def server():
    with web_server.running() as running:
        yield running


def webhook(url: str, **fields) -> Outlet:
    return outlet(OutletKind.WEBHOOK, address=f"{url}/hooks/very-secret-path?token=hush", secret="shared", **fields)


def send(hook: Outlet, **fields) -> None:
    OutletChannel(clock=lambda: NOW).send(letter(hook, **({"body": TOLD} | fields)))


# --- what is sent ---------------------------------------------------------------------------------
def test_the_other_system_gets_an_event_and_can_check_who_speaks(server):
    send(webhook(server.url))
    (seen,) = server.seen
    content = json.loads(seen["body"])
    assert content["event"] == "ticket.registered"
    assert content["subject"] == {"type": "ticket", "number": "BX20261123-0001"}
    assert datetime.fromisoformat(content["at"]) == NOW
    headers = seen["headers"]
    signed = headers["X-Shimao-Timestamp"].encode() + b"." + seen["body"]
    assert headers["X-Shimao-Signature"] == "v1=" + hmac.new(b"shared", signed, hashlib.sha256).hexdigest()
    assert headers["X-Shimao-Delivery"] == content["id"]


def test_the_same_letter_has_the_same_id_however_often_it_is_sent(server):
    from tests.shimao_service.notices import leave, only

    leave(recipients=["webhook:1"], channels=("webhook",), body=TOLD)
    hook = webhook(server.url)
    for _turn in range(2):
        send(hook, notice_id=only().pk)
    first, second = [seen["headers"]["X-Shimao-Delivery"] for seen in server.seen]
    assert first == second == f"notice-{only().pk}"


def test_a_letter_in_plain_words_is_wrapped(server):
    send(webhook(server.url), body="这是一条测试消息")
    content = json.loads(server.seen[0]["body"])
    assert (content["event"], content["subject"]["text"]) == ("test", "这是一条测试消息")


# --- what the answers mean ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((500, "no"), NotSent), ((503, "busy"), NotSent), ((429, "slow"), NotSent), ((408, ""), NotSent),
        ((504, ""), Uncertain), ((401, "who"), Refused), ((404, ""), Refused), ((410, ""), Refused),
        ((301, "", {"Location": "http://127.0.0.1/"}), Refused), (None, Uncertain),
    ],
)  # fmt: skip
def test_only_a_2xx_is_a_yes(server, answer, error):
    server.says(answer)
    with pytest.raises(error):
        send(webhook(server.url))
    assert len(server.seen) == 1, "neither repeated nor redirected"
    assert Attempt.objects.get().status == (answer[0] if answer else None)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_a_yes(server, status):
    server.says((status, ""))
    send(webhook(server.url))
    assert Attempt.objects.get().verdict == Verdict.SENT


def test_silence_is_uncertain(server):
    server.stalls = True
    with pytest.raises(Uncertain, match="应答"):
        send(webhook(server.url))


def test_an_endless_answer_is_cut_off(server):
    server.drips = True
    with pytest.raises(Uncertain):
        send(webhook(server.url))


def test_nobody_there_is_surely_not_sent(unused_port):
    with pytest.raises(NotSent):
        send(webhook(f"http://127.0.0.1:{unused_port}"))


def test_secrets_in_the_address_are_told_to_nobody(server):
    server.says((400, f"{server.url}/hooks/very-secret-path?token=hush is wrong, shared, /hooks/very-secret-path"))
    with pytest.raises(Refused) as raised:
        send(webhook(server.url))
    kept = str(raised.value) + Attempt.objects.get().answer
    assert not [word for word in ("very-secret-path", "token=hush", "shared") if word in kept]


# --- doors never knocked at -----------------------------------------------------------------------
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1",
        "ff02::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "fec0::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)  # fmt: skip
def test_no_address_inside_is_called(settings, address):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    assert not lines.is_allowed(address)


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1", "10.1", "localhost", "a.localhost"])
def test_no_way_of_writing_an_address_inside_is_taken_when_it_is_saved(settings, host):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    assert "内网" in webhooks.refusal_of(f"http://{host}/hook")


@pytest.mark.parametrize("host", ["example.cn", "1.cn", "16843009", "hooks.127.example.cn"])
def test_names_and_addresses_outside_are_taken(host):
    assert webhooks.refusal_of(f"http://{host}/hook") == ""


@pytest.mark.parametrize("address", ["1.1.1.1", "114.114.114.114", "2400:3200::1", "::ffff:1.1.1.1"])
def test_addresses_of_the_internet_are(settings, address):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    assert lines.is_allowed(address)


def test_a_network_the_settings_name_may_be_called_and_no_other(settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.20.0.0/16"]
    assert lines.is_allowed("10.20.3.4")
    assert not lines.is_allowed("10.21.0.1")
    assert lines.is_allowed("::ffff:10.20.3.4")


def test_a_name_that_means_a_place_inside_is_refused_and_nothing_is_sent(server, settings, monkeypatch):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    monkeypatch.setattr(lines, "resolve", lambda host, port: ["127.0.0.1"])
    with pytest.raises(Refused, match="内网"):
        send(webhook(f"http://hooks.example.cn:{server.server_port}"))
    assert not server.seen


def test_one_address_inside_among_several_is_enough_to_refuse(settings, monkeypatch):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    monkeypatch.setattr(lines, "resolve", lambda host, port: ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(lines.NotAllowed):
        lines.checked_addresses("hooks.example.cn", 443)


def test_the_connection_goes_to_the_address_that_was_checked(server, monkeypatch):
    """A name that means another address a moment later (DNS rebinding) leads nowhere: it is looked up once."""
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    monkeypatch.setattr(lines, "resolve", resolve)
    send(webhook(f"http://hooks.example.cn:{server.server_port}"))
    assert asked == ["hooks.example.cn"]
    assert server.seen[0]["headers"]["Host"] == f"hooks.example.cn:{server.server_port}"


def test_the_environment_s_proxy_is_not_used(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    send(webhook(server.url))


def test_an_unknown_name_is_surely_not_sent(monkeypatch):
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(lines, "resolve", resolve)
    with pytest.raises(NotSent, match="域名"):
        send(webhook("http://hooks.example.cn"))


def test_a_certificate_nobody_vouches_for_is_not_trusted(tmp_path, monkeypatch):
    """The name stays what TLS is verified against, though the connection goes to a number."""
    names = []
    real = ssl.SSLContext.wrap_socket

    def wrap(self, sock, *args, **kwargs):
        names.append(kwargs.get("server_hostname"))
        return real(self, sock, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap)
    monkeypatch.setattr(lines, "resolve", lambda host, port: ["127.0.0.1"])
    with web_server.running() as server, lines.Line(HASTY) as line:
        # It speaks no TLS at all: the handshake fails before a word of ours is said.
        with pytest.raises(requests.ConnectionError):
            line.post(f"https://hooks.example.cn:{server.server_port}/", data=b"secret")
        assert not server.seen
        assert not line.trips[0].left
    assert names == ["hooks.example.cn"]


@pytest.mark.parametrize(
    "address",
    [
        "", "nonsense", "ftp://example.cn/", "file:///etc/passwd", "http://", "https://user:pass@example.cn/",
        "http://localhost/", "http://app.localhost/", "http://127.0.0.1:8000/", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/", "http://example.cn:22/", "http://example.cn:6379/",
        "http://example.cn:99999/", "http://exa mple.cn/", "http://example.cn/\n", "https://example.cn/" + "a" * 1000,
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused_in_words(settings, address):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    assert webhooks.refusal_of(address)


@pytest.mark.parametrize(
    "address", ["https://example.cn/hooks/desk", "http://example.cn:8080/x?y=1", "https://1.1.1.1/"]
)
def test_an_address_that_can_be_is_taken(settings, address):
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    assert webhooks.refusal_of(address) == ""


def test_times_are_local_and_say_their_zone():
    content = json.loads(webhooks.compose(event="x", at=datetime(2026, 11, 23, 2, 0, tzinfo=UTC), subject={}))
    assert content["at"] == "2026-11-23T10:00:00+08:00"


def test_the_receiver_s_example_in_the_docs_agrees_with_us(settings):
    text = (settings.BASE_DIR / "docs" / "channels.md").read_text(encoding="utf-8")
    example: dict = {}
    exec(text.partition("```python\n")[2].partition("```")[0], example)
    stamp = str(int(time.time()))
    headers = {"X-Shimao-Timestamp": stamp, "X-Shimao-Signature": webhooks.sign("shared", stamp, b'{"id": 1}')}
    assert example["is_genuine"]("shared", headers, b'{"id": 1}')
    assert not example["is_genuine"]("shared", headers, b'{"id": 2}')
    assert not example["is_genuine"]("other", headers, b'{"id": 1}')
