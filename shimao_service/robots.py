"""Group robots of WeCom, DingTalk and Feishu, and whatever else apprise can reach by HTTP.

apprise knows how each wants to be spoken to. What it does not do, this module adds: its plugins call through our
own :class:`shimao_service.lines.Line` (allowed addresses, no redirects, our patience, the real answer), a 200 that
says ``errcode`` 93000 is a failure, and DingTalk's and Feishu's signed modes are right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from email import charset
from typing import Any

import apprise
import requests
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.feishu import NotifyFeishu
from apprise.plugins.wecombot import NotifyWeComBot
from django.utils.translation import gettext as _

from shimao_service import channels, lines, outbox, outlets, webhooks
from shimao_service.channels import Letter
from shimao_service.models import Outlet, OutletKind, Verdict
from shimao_service.outlets import Outcome

# The library writes addresses, keys and letters into its log; nothing of that goes into ours.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)

PATIENCE = lines.PATIENCE
# WeCom takes 2,048 bytes of text, the others more.
LONGEST_TEXT = 2000
ASSET = apprise.AppriseAsset(app_id="shimao-service", app_desc="shimao-service", http_redirects=False)

# How each robot's address looks, as it is copied from the app.
FORMS = {
    OutletKind.WECOM: re.compile(r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send/?\?key=([A-Za-z0-9_-]+)"),
    OutletKind.DINGTALK: re.compile(r"https://oapi\.dingtalk\.com/robot/send/?\?access_token=([A-Za-z0-9]+)"),
    OutletKind.FEISHU: re.compile(r"https://open\.feishu\.cn/open-apis/bot/v2/hook/([A-Za-z0-9_-]+)/?"),
}
# Said with HTTP 200: too fast or too busy for now. Every other code but 0 is a refusal that would come again.
NOT_NOW = {
    OutletKind.WECOM: {-1, 45009, 45033},
    OutletKind.DINGTALK: {-1, 90018, 90030, 130101, 410100},
    OutletKind.FEISHU: {9429, 11232, 11233, 11247, 99991400},
}

# Plugins that speak by sockets of their own or read files named in their address.
OTHER_WAYS = {"amqp", "email", "fcm", "nostr", "vapid", "xmpp"}

_line: ContextVar[lines.Line] = ContextVar("line")


# --- apprise's plugins, speaking through our line -------------------------------------------------
class _Requests:
    """Stands where a plugin's module has ``requests``: its verbs go through the line of the present letter."""

    def __getattr__(self, name: str) -> Any:
        if name in ("get", "post", "put", "patch", "delete", "head", "request"):
            return getattr(_line.get(), name)
        if name in ("Session", "session"):
            return _line.get
        return getattr(requests, name)


THROUGH_OUR_LINE = _Requests()


def lead_through_our_line(plugin: apprise.NotifyBase) -> bool:
    """See that ``plugin`` calls nobody but by our line; ``False`` when it has other ways out, or reads files."""
    names = {kind.__module__ for kind in type(plugin).__mro__ if kind.__module__.startswith("apprise.plugins.")}
    families = {name.split(".")[2] for name in names}
    files = [part for part in vars(plugin).values() if isinstance(part, apprise.AppriseAttachment) and len(part)]
    if files or families & OTHER_WAYS:
        return False
    packages = tuple(f"apprise.plugins.{family}" for family in families - {"base"})
    found = False
    for name, module in list(sys.modules.items()):
        if name.startswith(packages) and hasattr(module, "requests"):
            vars(module)["requests"] = THROUGH_OUR_LINE
            found = True
    return found


class DingTalkRobot(NotifyDingTalk):
    def get_signature(self) -> tuple[str, str]:
        """As the library's, but not percent-encoded: it would be once more on its way."""
        timestamp = str(round(time.time() * 1000))
        secret = self.secret or ""
        return timestamp, signature(secret, f"{timestamp}\n{secret}")


class FeishuRobot(NotifyFeishu):
    """The library's, with the signed mode it lacks."""

    secret = ""

    def send(self, body: str, title: str = "", notify_type: Any = None, **kwargs: Any) -> bool:
        content: dict[str, Any] = {"msg_type": "text", "content": {"text": body}}
        if self.secret:
            timestamp = str(int(time.time()))
            content |= {"timestamp": timestamp, "sign": signature(f"{timestamp}\n{self.secret}", "")}
        url = self.notify_url.format(token=self.token).rstrip("/")
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": self.app_id}
        answer = _line.get().post(url, data=json.dumps(content).encode(), headers=headers)
        return answer.status_code == requests.codes.ok


def signature(key: str, message: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()


def plugin_for(kind: str, address: str, secret: str = "") -> apprise.NotifyBase | None:
    """The library's speaker for an address, or ``None`` when the address is not one of that kind."""
    if kind == OutletKind.APPRISE:
        return _any_plugin(address)
    found = FORMS[OutletKind(kind)].fullmatch(address)
    if found is None:
        return None
    try:
        return _hasty(_plugin(OutletKind(kind), found[1], secret))
    except TypeError:  # the library's word for a key or secret it cannot take
        return None


def _plugin(kind: OutletKind, key: str, secret: str) -> apprise.NotifyBase:
    plugin: apprise.NotifyBase
    if kind == OutletKind.WECOM:
        plugin = NotifyWeComBot(key=key, asset=ASSET)
    elif kind == OutletKind.DINGTALK:
        plugin = DingTalkRobot(token=key, secret=secret or None, asset=ASSET)
    else:
        plugin = FeishuRobot(token=key, asset=ASSET)
        plugin.secret = secret
    lead_through_our_line(plugin)
    return plugin


def _any_plugin(address: str) -> apprise.NotifyBase | None:
    try:
        with _mail_as_it_is():
            plugin = apprise.Apprise.instantiate(address, asset=ASSET, suppress_exceptions=True)
    except Exception:  # an address can be wrong in as many ways as there are plugins
        return None
    if not isinstance(plugin, apprise.NotifyBase) or not lead_through_our_line(plugin):
        return None
    return _hasty(plugin)


@contextmanager
def _mail_as_it_is() -> Iterator[None]:
    """The library's plugin for mail, loaded with all others on first need, changes how the whole process writes
    Chinese in letters: subjects three times as long, and folded with a blank before them."""
    before = charset.CHARSETS["utf-8"]
    try:
        yield
    finally:
        charset.CHARSETS["utf-8"] = before


def _hasty(plugin: apprise.NotifyBase) -> apprise.NotifyBase:
    """The library would sleep between letters, and split long ones; how often and how long is ours to know."""
    vars(plugin)["throttle"] = lambda *args, **kwargs: None
    plugin.overflow_mode = apprise.OverflowMode.UPSTREAM
    return plugin


def refusal_of(kind: str, address: str, secret: str = "") -> str:
    """Why ``address`` cannot be a robot's of ``kind``, in a sentence; empty when it can."""
    if plugin_for(kind, address, secret):
        return ""
    if kind == OutletKind.APPRISE:
        return _("这不是可用的 Apprise 地址，或它不走网页协议。请核对格式，如 slack://…、ntfys://…。")
    if plugin_for(kind, address):
        return _("密钥的格式不正确，请原样复制“加签”里的密钥。")
    return _("这不是%(kind)s的地址，请到机器人设置里原样复制。") % {"kind": OutletKind(kind).label}


# --- sending ------------------------------------------------------------------------------------
def send(outlet: Outlet, letter: Letter) -> Outcome:
    """One message to the group; see :class:`shimao_service.models.outlet.Verdict` for how it may end."""
    plugin = plugin_for(outlet.kind, outlet.address, outlet.secret or "")
    if plugin is None:
        return Outcome(Verdict.REFUSED, refusal_of(outlet.kind, outlet.address, outlet.secret or ""))
    with lines.Line(PATIENCE) as line:
        token = _line.set(line)
        try:
            took = plugin.notify(title="", body=text_of(letter), notify_type=apprise.NotifyType.INFO)
        except requests.RequestException:
            took = False  # what went wrong stands on the trip
        except Exception as error:  # a plugin's own bug; only the line knows whether anything left
            took = False
            line.trips.append(lines.Trip(error=type(error).__name__, left=any(t.left for t in line.trips)))
        finally:
            _line.reset(token)
    return judge(outlet, bool(took), line.trips)


def text_of(letter: Letter) -> str:
    """Plain words and the link, within what every robot takes."""
    link = f"\n{letter.link}" if letter.link else ""
    room = LONGEST_TEXT - len(link.encode())
    words = "\n".join(filter(None, (letter.title.strip(), letter.body.strip())))
    if len(words.encode()) > room:
        words = words.encode()[: room - 3].decode(errors="ignore") + "…"
    return words + link


def judge(outlet: Outlet, took: bool, trips: list[lines.Trip]) -> Outcome:
    """What the answers mean. The library says only yes or no, and yes too often."""
    if not trips:
        return Outcome(Verdict.REFUSED, _("没有可以发送的对象，请核对地址。"))
    last = trips[-1]
    outcome = webhooks.judge(last, *_hidden(outlet))
    verdict, answer = outcome.verdict, outcome.answer
    if verdict == Verdict.SENT:
        verdict = _said(outlet.kind, last.body) if outlet.kind in NOT_NOW else _believed(took)
    if verdict != Verdict.SENT and any(trip.status and trip.status < 300 for trip in trips[:-1]):
        # One of several receivers may have it already.
        verdict = Verdict.UNCERTAIN
    return Outcome(verdict, answer, last.status, sum(trip.milliseconds for trip in trips))


def _said(kind: str, body: str) -> Verdict:
    """What WeCom, DingTalk and Feishu say in the body of a 200."""
    try:
        words = json.loads(body)
        code = int(words.get("errcode", words.get("code", words.get("StatusCode"))))
    except (ValueError, TypeError, AttributeError):
        return Verdict.UNCERTAIN  # some other server's page: nobody knows who took it
    if code == 0:
        return Verdict.SENT
    return Verdict.NOT_SENT if code in NOT_NOW[OutletKind(kind)] else Verdict.REFUSED


def _believed(took: bool) -> Verdict:
    return Verdict.SENT if took else Verdict.REFUSED


def _hidden(outlet: Outlet) -> list[str]:
    """What must not stand in an answer: the address, the key in it, the secret."""
    parts = [part for part in re.split(r"[/?&=#@:]+", outlet.address) if len(part) >= 8 and "." not in part]
    return [outlet.address, outlet.secret or "", *parts]


def register() -> None:
    """Called when the app is ready."""
    for kind in (OutletKind.WECOM, OutletKind.DINGTALK, OutletKind.FEISHU, OutletKind.APPRISE):
        outlets.register_sender(kind, send)
    channels.register_channel("robot", outlets.OutletChannel)
    outbox.register_address("robot", outlets.ids_as_addresses, channel="robot")
    outbox.register_name("robot", outlets.names)
