"""Text messages: there when configured, absent otherwise, and honest about what the operator said."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from shimao_service import channels, outbox, sms
from shimao_service.channels import Letter, NotSent, Refused, Uncertain

CONFIGURED = {
    "secret_id": "AKIDxxxx", "secret_key": "hush", "app_id": "1400006666", "sign": "世茂物业", "template": "1110",
    "parameters": ["title", "link"], "region": "ap-guangzhou",
}  # fmt: skip
LETTER = Letter(notice_id=7, address="13812345678", title="工单升级", body="", link="https://d.cn/t/1/", urgent=True)


class Client:
    """Answers as it is told; raises what it is given."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def SendSms(self, request):
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return SimpleNamespace(SendStatusSet=[SimpleNamespace(Code=self.answer)])


class LibraryError(Exception):
    def __init__(self, code):
        super().__init__(f"{code} 13812345678")
        self.code = code


@pytest.fixture
def configured(settings):
    settings.TENCENT_SMS = CONFIGURED


def send(answer, letter=LETTER):
    client = Client(answer)
    channel = sms.SmsChannel(lambda: client)
    channel.open()
    channel.send(letter)
    return client


@pytest.mark.usefixtures("configured")
def test_the_template_s_variables_are_filled_in_the_order_of_the_settings(settings):
    (request,) = send("Ok").asked
    assert request["TemplateParamSet"] == ["工单升级", "https://d.cn/t/1/"]
    assert request["PhoneNumberSet"] == ["+8613812345678"]
    settings.TENCENT_SMS = CONFIGURED | {"parameters": ["link"]}
    assert send("Ok").asked[0]["TemplateParamSet"] == ["https://d.cn/t/1/"]


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("LimitExceeded.PhoneNumberDailyLimit", NotSent),
        ("FailedOperation.InsufficientBalanceInSmsPackage", NotSent),
        ("FailedOperation.PhoneNumberInBlacklist", Refused),
        ("InvalidParameterValue.IncorrectPhoneNumber", Refused),
        ("", Uncertain),
        (LibraryError("AuthFailure.SecretIdNotFound"), NotSent),
        (LibraryError("RequestLimitExceeded"), NotSent),
        (LibraryError("ClientNetworkError"), Uncertain),
        (TimeoutError("read"), Uncertain),
    ],
)
def test_the_operator_s_word_is_taken_and_the_number_kept_quiet(answer, error):
    with pytest.raises(error) as raised:
        send(answer)
    assert "13812345678" not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("number", ["021-62345678", "4008123123", "1381234567", ""])
def test_what_is_no_mobile_gets_no_message(number):
    from dataclasses import replace

    with pytest.raises(Refused):
        send("Ok", replace(LETTER, address=number))


def test_numbers_are_taken_as_people_write_them():
    found = sms.only_mobiles({1: "+86 138-1234-5678", 2: "021-62345678", 3: "13912345678", 4: ""})
    assert found == {1: "13812345678", 3: "13912345678"}


def test_without_settings_there_is_no_such_channel(settings, monkeypatch):
    settings.TENCENT_SMS = CONFIGURED | {"secret_key": ""}
    monkeypatch.setattr(channels, "CHANNELS", {})
    monkeypatch.setattr(outbox, "_addresses", {})
    sms.register()
    sms.register_numbers("user", lambda ids: dict.fromkeys(ids, "13812345678"))
    assert channels.CHANNELS == {}
    assert outbox.addresses(["user:7"], channel="sms") == {}


@pytest.mark.usefixtures("configured")
def test_with_settings_there_is(monkeypatch):
    monkeypatch.setattr(channels, "CHANNELS", {})
    monkeypatch.setattr(outbox, "_addresses", {})
    sms.register()
    sms.register_numbers("user", lambda ids: dict.fromkeys(ids, "138 1234 5678"))
    assert list(channels.CHANNELS) == ["sms"]
    assert outbox.addresses(["user:7"], channel="sms") == {"user:7": "13812345678"}


@pytest.mark.usefixtures("configured")
def test_a_missing_extra_is_told_and_nothing_is_lost():
    def missing():
        raise ImportError("tencentcloud")

    with pytest.raises(NotSent, match="sms"):
        sms.SmsChannel(missing).open()
