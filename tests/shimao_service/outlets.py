"""What the tests of outlets share: some of them, a server on the other side, and a line that is not patient."""

from __future__ import annotations

from typing import Any

import pytest

from shimao_service import lines, robots, webhooks
from shimao_service.channels import Letter
from shimao_service.models import Outlet, OutletKind

KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"
WECOM = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"
DINGTALK = "https://oapi.dingtalk.com/robot/send?access_token=566cc69da782ec33"
FEISHU = "https://open.feishu.cn/open-apis/bot/v2/hook/c2a4bd9e-1111-2222"
SECRET = "SEC000000000000000000000000000"
HASTY = lines.Patience(connect=1.0, read=0.2, total=0.4)
ADDRESSES = {OutletKind.WECOM: WECOM, OutletKind.DINGTALK: DINGTALK, OutletKind.FEISHU: FEISHU}


def outlet(kind: str = OutletKind.WECOM, **fields: Any) -> Outlet:
    values: dict[str, Any] = {
        "kind": kind,
        "name": f"{kind}群",
        "address": ADDRESSES.get(OutletKind(kind), ""),
        "topics": ["critical"],
    }
    return Outlet.objects.create(**(values | fields))


def letter(outlet: Outlet, **fields: Any) -> Letter:
    values: dict[str, Any] = {
        "notice_id": 0,
        "address": str(outlet.pk),
        "title": "特急工单：BX20261123-0001",
        "body": "报修 · 特急",
        "link": "https://desk.example.cn/tickets/BX20261123-0001/",
        "urgent": False,
    }
    return Letter(**(values | fields))


@pytest.fixture
def be_hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robots, "PATIENCE", HASTY)
    monkeypatch.setattr(webhooks, "PATIENCE", HASTY)


@pytest.fixture
def at_home(settings: Any) -> None:
    """This machine may be called."""
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def lead_to(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The robots' makers live at ``url`` for this test."""
    monkeypatch.setattr(robots.NotifyWeComBot, "notify_url", f"{url}/cgi-bin/webhook/send?key={{key}}")
    monkeypatch.setattr(robots.NotifyDingTalk, "notify_url", f"{url}/robot/send?access_token={{token}}")
    monkeypatch.setattr(robots.NotifyFeishu, "notify_url", f"{url}/hook/{{token}}/")
