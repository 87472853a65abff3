"""Webhooks: telling another system of the company, signed so that it knows who speaks.

A POST of JSON with ``X-Shimao-Delivery`` (the same whenever the same letter is sent again), ``X-Shimao-Timestamp``
(seconds) and ``X-Shimao-Signature``: ``v1=`` and the hex HMAC-SHA256, made with the webhook's secret, over the
timestamp, a full stop and the body's bytes. docs/channels.md shows how a receiver checks it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
import uuid
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service import channels, lines, outbox, outlets
from shimao_service.channels import Letter
from shimao_service.models import Outlet, OutletKind, Verdict
from shimao_service.outlets import Outcome

# Ports where web servers are; below 1024 only those two, and nowhere a database listens.
LOW_PORTS = (80, 443)
NOT_WEB = (1433, 1521, 2049, 2375, 2379, 3306, 3389, 5432, 5672, 5900, 6379, 9092, 9200, 11211, 27017)
LONGEST_ADDRESS = 1000
PATIENCE = lines.PATIENCE


def refusal_of(address: str) -> str:
    """Why ``address`` cannot be a webhook's, in a sentence; empty when it can. Looks nothing up: a name is
    checked each time it is called."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _("请填写完整的地址，如 https://example.cn/hooks/desk。")
    if parts.scheme not in ("http", "https") or not host or not address.isprintable() or " " in address:
        return _("请填写完整的地址，如 https://example.cn/hooks/desk。")
    if len(address) > LONGEST_ADDRESS:
        return _("地址太长，最多 %(limit)s 个字符。") % {"limit": LONGEST_ADDRESS}
    if parts.username or parts.password:
        return _("地址里不要带用户名和密码，对方可以用签名核对来源。")
    if port is not None and (port in NOT_WEB or (port < 1024 and port not in LOW_PORTS)):
        return _("不能使用 %(port)s 端口，请用 443、80 或 1024 以上的网页端口。") % {"port": port}
    if not _may_be_called(host):
        return _("这个地址在内网或本机，不能发送。确需发送时，请系统管理员设置允许的网段。")
    return ""


def _may_be_called(host: str) -> bool:
    try:
        return lines.is_allowed(host)
    except ValueError:
        pass
    try:  # the old ways to write one, which systems still understand: 2130706433, 0x7f.1, 127.1
        return lines.is_allowed(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, ValueError):  # a name, not an IP address
        return host != "localhost" and not host.endswith(".localhost")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """``v1=…``, as it stands in the header."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


def send(outlet: Outlet, letter: Letter) -> Outcome:
    """One POST; see :class:`shimao_service.models.outlet.Verdict` for how it may end."""
    content = _content(letter)
    body = json.dumps(content, ensure_ascii=False).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "shimao-service",
        "X-Shimao-Event": content["event"],
        "X-Shimao-Delivery": content["id"],
        "X-Shimao-Timestamp": timestamp,
        "X-Shimao-Signature": sign(outlet.secret or "", timestamp, body),
    }
    with lines.Line(PATIENCE) as line:
        with suppress(requests.RequestException):  # what went wrong stands on the trip
            line.post(outlet.address, data=body, headers=headers)
        trip = line.trips[-1]
    parts = urlsplit(outlet.address)
    path = parts.path if len(parts.path) > 1 else ""
    return judge(trip, outlet.address, f"{path}?{parts.query}", path, parts.query, outlet.secret or "")


def judge(trip: lines.Trip, *hidden: str) -> Outcome:
    """What an answer means by its status alone."""
    verdict = verdict_of(trip)
    answer = trip.error or outlets.scrub(f"{trip.status} {trip.body}", *hidden)
    if trip.status and 300 <= trip.status < 400:
        answer = _("%(status)s 对方要求转到别处，请直接填写最终地址。") % {"status": trip.status}
    return Outcome(verdict, answer, trip.status, trip.milliseconds)


def verdict_of(trip: lines.Trip) -> Verdict:
    """504 is a gateway that heard no answer: what stands behind it may well have taken the letter."""
    if trip.error:
        if trip.left:
            return Verdict.UNCERTAIN
        return Verdict.REFUSED if trip.forbidden else Verdict.NOT_SENT
    status = trip.status or 0
    if 200 <= status < 300:
        return Verdict.SENT
    if status == 504:
        return Verdict.UNCERTAIN
    return Verdict.NOT_SENT if status >= 500 or status in (408, 425, 429) else Verdict.REFUSED


def _content(letter: Letter) -> dict[str, Any]:
    """``{id, event, at, subject …}``. A letter for webhooks brings its own JSON (see :func:`compose`); any other,
    such as a test, is wrapped."""
    name = f"notice-{letter.notice_id}" if letter.notice_id else f"test-{uuid.uuid4().hex}"
    try:
        own = json.loads(letter.body)
    except ValueError:
        own = None
    if not isinstance(own, dict) or "event" not in own:
        own = {
            "event": "notice" if letter.notice_id else "test",
            "at": timezone.localtime().isoformat(timespec="seconds"),
            "subject": {"type": "message", "title": letter.title, "text": letter.body},
        }
    return {"id": name} | own


def compose(*, event: str, at: Any, subject: dict[str, Any]) -> str:
    """The body of a notice for the channel ``webhook``. ``at`` is aware; ``subject`` names no person."""
    moment = timezone.localtime(at).isoformat(timespec="seconds")
    return json.dumps({"event": event, "at": moment, "subject": subject}, ensure_ascii=False)


def register() -> None:
    """Called when the app is ready."""
    outlets.register_sender(OutletKind.WEBHOOK, send)
    channels.register_channel("webhook", outlets.OutletChannel)
    outbox.register_address("webhook", outlets.ids_as_addresses, channel="webhook")
    outbox.register_name("webhook", outlets.names)
