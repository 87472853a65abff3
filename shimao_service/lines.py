"""A line to the world outside: one request to an address somebody typed, and whether it arrived.

Whoever may type an address could otherwise make this server knock at doors inside the house (SSRF). So the name is
looked up here, what it means must be an address of the public internet or of ``WEBHOOK_ALLOWED_NETWORKS``, and
the connection goes to the very address that was checked, while TLS is verified against the name. Redirects are not
followed, proxies of the environment not used, and nothing takes longer than the line's patience.

Errors name no address: a robot's key and a webhook's secret path are in it.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import requests
from django.conf import settings
from django.utils.translation import gettext as _
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError

# At its finest level the library writes each request's path, key and all.
logging.getLogger("urllib3").setLevel(logging.INFO)

MOST_OF_AN_ANSWER = 64 * 1024
ADDRESSES_TRIED = 2
# All that was ever given out; the rest of IPv6 is local, reserved, or a way around.
PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(Exception):
    """The name means an address inside the house, or none that may be called. Not an OSError: nothing retries it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for the connection, for the next word, and for all of it."""

    connect: float = 4.0
    read: float = 8.0
    total: float = 12.0


PATIENCE = Patience()


@dataclass
class Trip:
    """What became of one request. ``error`` is empty when an answer came; ``left`` is whether any of the request
    may have left this host, so that nobody can know whether it was heard."""

    status: int | None = None
    body: str = ""
    error: str = ""
    left: bool = False
    forbidden: bool = False
    milliseconds: int = 0
    overdue: bool = False
    _handle: socket.socket | None = field(default=None, repr=False)

    def hold(self, sock: socket.socket) -> None:
        self._handle = sock.dup()

    def hang_up(self) -> None:
        """Called from a timer: whoever reads from the connection hears its end."""
        self.overdue = True
        if self._handle is not None:
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def over(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


class Line(requests.Session):
    """A session that calls only allowed addresses and keeps what became of each request (``trips``)."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        super().__init__()
        self.trust_env = False
        self.patience = patience
        self.trips: list[Trip] = []

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """As ``requests``, but raises ``requests.ConnectionError`` alone, with words that name no address."""
        trip = Trip()
        self.trips.append(trip)
        adapter = _Adapter(trip)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        kwargs |= {
            "timeout": (self.patience.connect, self.patience.read), "verify": True, "cert": None, "proxies": None,
            "allow_redirects": False, "stream": True,
        }  # fmt: skip
        begun = time.monotonic()
        timer = threading.Timer(self.patience.total, trip.hang_up)
        timer.start()
        response = requests.Response()
        try:
            response = super().request(method, url, *args, **kwargs)
            _read(response)
        except Exception as error:  # whatever went wrong is told in words, never with its address
            trip.error = self._words(error, trip)
        finally:
            timer.cancel()
            trip.over()
            adapter.close()
            trip.milliseconds = round((time.monotonic() - begun) * 1000)
        if trip.overdue and not trip.error:
            trip.error = _("对方没有在限定时间内答完。")
        if trip.error:
            raise requests.ConnectionError(trip.error)
        trip.status, trip.body = response.status_code, response.text
        return response

    def _words(self, error: Exception, trip: Trip) -> str:
        if isinstance(error, NotAllowed):
            trip.forbidden = True
            return str(error)
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return _("连接对方超时。")
        if isinstance(error, requests.exceptions.Timeout) or trip.overdue:
            return _("对方没有在限定时间内应答。")
        if isinstance(error, requests.exceptions.SSLError):
            return _("对方的 TLS 证书无法验证。")
        cause = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(cause, NameResolutionError):
            return _("找不到对方的域名。")
        if isinstance(cause, NewConnectionError):
            return _("连不上对方。")
        if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema | ValueError):
            trip.forbidden = not trip.left
            return _("地址的格式不正确。")
        return _("与对方的连接中断。")


def _read(response: requests.Response) -> None:
    """At most so much of the answer, however much there is."""
    content = response.raw.read(MOST_OF_AN_ANSWER, decode_content=True)
    response._content, response._content_consumed = content, True
    if "charset" not in response.headers.get("Content-Type", ""):
        response.encoding = "utf-8"


# --- which addresses -----------------------------------------------------------------------------
def is_allowed(address: str) -> bool:
    """Whether this IP may be called: of the public internet, or of the networks the settings name."""
    ip: Address = ipaddress.ip_address(address.split("%")[0])
    if any(ip in ipaddress.ip_network(network, strict=False) for network in settings.WEBHOOK_ALLOWED_NETWORKS):
        return True
    inner = _inside(ip)
    if inner is not None:
        return is_allowed(str(inner))
    if ip.version == 6 and ip not in PUBLIC_IPV6:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def _inside(ip: Address) -> Address | None:
    """The IPv4 address that an IPv6 one only wraps: mapped, 6to4, Teredo, NAT64, or the old compatible form."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip.ipv4_mapped:
        return ip.ipv4_mapped
    if ip.sixtofour:
        return ip.sixtofour
    if ip.teredo:
        return ip.teredo[1]
    if ip in NAT64 or (int(ip) >> 32 == 0 and int(ip) > 1):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of ``host``, in the system's order. Raises ``socket.gaierror``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def checked_addresses(host: str, port: int) -> list[str]:
    """What ``host`` means, if all of it may be called. Raises ``NotAllowed``: one address inside is enough."""
    found = resolve(host.strip("[]"), port)
    if not found or not all(is_allowed(address) for address in found):
        raise NotAllowed(_("这个地址在内网或本机，不能发送。确需发送时，请系统管理员设置允许的网段。"))
    return found[:ADDRESSES_TRIED]


# --- the connection that goes where the check looked ---------------------------------------------
class _Checked(HTTPConnection):
    trip: Trip

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            found = checked_addresses(name, self.port or 0)
        except socket.gaierror as error:
            raise NameResolutionError(name, self, error) from error
        try:
            sock = self._first_that_answers(found)
        finally:
            self._dns_host = name  # the certificate and the Host header are the name's
        self.trip.hold(sock)
        return sock

    def _first_that_answers(self, addresses: list[str]) -> socket.socket:
        for address in addresses[:-1]:
            self._dns_host = address
            with suppress(NewConnectionError):
                return super()._new_conn()
        self._dns_host = addresses[-1]
        return super()._new_conn()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.trip.left = True
        super().send(data)


class _CheckedTls(_Checked, HTTPSConnection):
    pass


class _Adapter(HTTPAdapter):
    """For one trip, so that its connection can tell how far it came."""

    def __init__(self, trip: Trip) -> None:
        self.trip = trip
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        told = {"trip": self.trip}
        plain = type("Plain", (_Checked,), told)
        tls = type("Tls", (_CheckedTls,), told)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
