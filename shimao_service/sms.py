"""Text messages by Tencent Cloud, where a company has a contract for them.

The library is an extra (``sms``) and is imported when the first message is sent. Without the settings there is no such
channel anywhere. Messages to the mainland follow a template the operator has approved: the settings name it, and
which of ``title`` and ``link`` its variables are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from shimao_service import channels, outbox
from shimao_service.channels import Letter, NotSent, Refused, Uncertain

SMS = "sms"
NEEDED = ("secret_id", "secret_key", "app_id", "sign", "template")
MOBILE = re.compile(r"1[3-9][0-9]{9}")
LONGEST_TITLE = 60
SECONDS = 8
# Ours to put right, or to wait for: no letter's fault, and the same letter may go later.
NOT_NOW = (
    "LimitExceeded", "RequestLimitExceeded", "FailedOperation.InsufficientBalanceInSmsPackage", "AuthFailure",
    "UnauthorizedOperation", "InternalError.SendAndRecvFail", "ResourceInsufficient", "ResourceUnavailable",
)  # fmt: skip
# What the operator would refuse again: the number, the words, the template.
NEVER = ("InvalidParameter", "FailedOperation", "MissingParameter", "UnsupportedOperation", "InvalidParameterValue")


def is_configured() -> bool:
    return all(settings.TENCENT_SMS.get(name) for name in NEEDED)


class SmsChannel:
    """One request a message. ``make_client`` gives something with ``SendSms(request)``; tests give their own."""

    def __init__(self, make_client: Callable[[], Any] | None = None) -> None:
        self._make_client = make_client or tencent_client
        self._client: Any = None

    def open(self) -> None:
        if self._client is None:
            try:
                self._client = self._make_client()
            except ImportError:
                raise NotSent(_("没有安装短信附加包（sms）。")) from None

    def close(self) -> None:
        self._client = None

    def send(self, letter: Letter) -> None:
        if not MOBILE.fullmatch(letter.address):
            raise Refused(_("不是可以接收短信的手机号。"))
        error = None
        try:
            answer = self._client.SendSms(_request(letter))
        except Exception as raised:  # the library's one exception, told apart by its code
            error = _plain(getattr(raised, "code", "") or type(raised).__name__, letter)
        if error:
            raise error  # outside the except: no traceback carries the number
        states = getattr(answer, "SendStatusSet", None) or []
        code = states[0].Code if states else ""
        if code != "Ok":
            raise _plain(code, letter)


def _plain(code: str, letter: Letter) -> Exception:
    words = _("短信服务答复：%(code)s") % {"code": (code or "?").replace(letter.address, "***")[:100]}
    if code.startswith(NOT_NOW):
        return NotSent(words)
    return Refused(words) if code.startswith(NEVER) else Uncertain(words)


def _request(letter: Letter) -> Any:
    """What the template wants, as the library's request or, where it is not installed, as it would be sent."""
    conf = settings.TENCENT_SMS
    title = " ".join(letter.title.split())
    title = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    values = {"title": title, "link": letter.link}
    content = {
        "SmsSdkAppId": conf["app_id"],
        "SignName": conf["sign"],
        "TemplateId": conf["template"],
        "TemplateParamSet": [values[name] for name in conf["parameters"] if name in values],
        "PhoneNumberSet": [f"+86{letter.address}"],
        "SessionContext": f"notice-{letter.notice_id}",
    }
    try:
        from tencentcloud.sms.v20210111 import models
    except ImportError:
        return content
    request = models.SendSmsRequest()
    request.from_json_string(json.dumps(content))
    return request


def tencent_client() -> Any:
    """Raises ``ImportError`` when the extra is not installed."""
    from tencentcloud.common import credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.sms.v20210111 import sms_client

    conf = settings.TENCENT_SMS
    key = credential.Credential(conf["secret_id"], conf["secret_key"])
    profile = ClientProfile(httpProfile=HttpProfile(reqTimeout=SECONDS))
    return sms_client.SmsClient(key, conf["region"], profile)


def only_mobiles(phones: Mapping[int, str]) -> dict[int, str]:
    """Those numbers that can receive messages, digits only."""
    plain = {pk: re.sub(r"^(\+?86)|[\s-]", "", phone or "") for pk, phone in phones.items()}
    return {pk: phone for pk, phone in plain.items() if MOBILE.fullmatch(phone)}


def register_numbers(reader: str, look_up: Callable[[Collection[int]], Mapping[int, str]]) -> None:
    """``look_up({9, 12})`` gives the phones of such readers. Called by the floors above; does nothing where there
    are no text messages."""
    if is_configured():
        outbox.register_address(reader, lambda ids: only_mobiles(look_up(ids)), channel=SMS)


def register() -> None:
    """Called when the app is ready."""
    if is_configured():
        channels.register_channel(SMS, SmsChannel)
