"""What people type to set up a robot or a webhook. What was saved is never in a form again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from shimao_service import outlets, robots, webhooks
from shimao_service.forms import RefusableForm
from shimao_service.models import Outlet, OutletKind
from shimao_service.outlets import Reach

COMPANY = "company"
# Those whose robots may ask for a signature.
SIGNED = (OutletKind.DINGTALK, OutletKind.FEISHU)
PLACEHOLDERS = {
    OutletKind.WECOM: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…",
    OutletKind.DINGTALK: "https://oapi.dingtalk.com/robot/send?access_token=…",
    OutletKind.FEISHU: "https://open.feishu.cn/open-apis/bot/v2/hook/…",
    OutletKind.APPRISE: "slack://…",
    OutletKind.WEBHOOK: "https://example.cn/hooks/desk",
}
TYPED = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


class OutletForm(RefusableForm):
    """For a new outlet of ``kind``, or for changing ``outlet``, whose address and secret stay when left empty."""

    name = forms.CharField(label=_l("名称"), max_length=40, help_text=_l("如“滨江花园客服群”，出现在发送记录里。"))
    scope = forms.ChoiceField(label=_l("范围"))
    address = forms.CharField(
        label=_l("机器人地址"), max_length=1000, widget=forms.TextInput(attrs=TYPED | {"inputmode": "url"})
    )
    secret = forms.CharField(
        label=_l("加签密钥"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs=TYPED),
        help_text=_l("机器人的安全设置选了“加签”或“签名校验”时填写。"),
    )
    topics = forms.MultipleChoiceField(label=_l("发送内容"), widget=forms.CheckboxSelectMultiple)
    per_minute = forms.IntegerField(
        label=_l("每分钟最多"), min_value=1, max_value=600, initial=20,
        help_text=_l("群机器人一般限 20 条；超出的自动排到下一分钟。"),
    )  # fmt: skip

    def __init__(self, *args: Any, kind: str, reach: Reach, outlet: Outlet | None = None, **kwargs: Any):
        self.kind, self.outlet = kind, outlet
        if outlet:
            kwargs["initial"] = {"name": outlet.name, "topics": outlet.topics, "per_minute": outlet.per_minute}
        super().__init__(*args, **kwargs)
        channel = "webhook" if kind == OutletKind.WEBHOOK else "robot"
        self.offered = outlets.topics_for(channel)
        self._topics_field.choices = [(topic.code, topic.label) for topic in self.offered]
        self._shape_address()
        if kind not in SIGNED:
            del self.fields["secret"]
        if kind == OutletKind.WEBHOOK or outlet:
            del self.fields["scope"]
        else:
            company = [(COMPANY, _("全公司"))] if reach.everywhere else []
            self.fields["scope"].choices = [*company, *reach.scopes.items()]  # type: ignore[attr-defined]
        if kind == OutletKind.WEBHOOK:
            self.fields["name"].help_text = _("如“集团数据平台”，出现在发送记录里。")
            self.fields["per_minute"].help_text = _("超出的自动排到下一分钟。")
            if not outlet:
                self.fields["per_minute"].initial = 120
        if not outlet:
            self.fields["topics"].initial = [topic.code for topic in self.offered if channel in topic.suggested_for]

    def topic_rows(self) -> list[tuple[Any, outlets.Topic]]:
        """Each checkbox beside its topic, for the page."""
        return [(box.tag(), topic) for box, topic in zip(self["topics"], self.offered, strict=True)]

    @property
    def _topics_field(self) -> forms.MultipleChoiceField:
        field: forms.MultipleChoiceField = self.fields["topics"]  # type: ignore[assignment]
        field.error_messages["required"] = _("请至少选择一项发送内容。")
        return field

    def _shape_address(self) -> None:
        field = self.fields["address"]
        field.widget.attrs["placeholder"] = PLACEHOLDERS[OutletKind(self.kind)]
        if self.kind == OutletKind.WEBHOOK:
            field.label = _("接收地址")
        elif self.kind == OutletKind.APPRISE:
            field.label = _("Apprise 地址")
        if self.outlet:
            field.required = False
            field.label = _("新地址")
            field.help_text = _("已保存的地址不再显示；留空则不变。")
            self.fields["secret"].help_text = _("已保存的密钥不再显示；留空则不变。")

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        same = Outlet.objects.filter(name=name)
        if (same.exclude(pk=self.outlet.pk) if self.outlet else same).exists():
            raise forms.ValidationError(_("已有同名的渠道，请换一个名称。"))
        return name

    def clean_scope(self) -> str:
        scope: str = self.cleaned_data["scope"]
        return "" if scope == COMPANY else scope

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        address, secret = cleaned.get("address", "").strip(), cleaned.get("secret", "").strip()
        cleaned |= {"address": address, "secret": secret}
        if address:
            self._check(address, secret or (self._kept_secret() if self.outlet else ""))
        elif secret and self.outlet and self.outlet.is_readable:
            self._check(self.outlet.address, secret)
        return cleaned

    def _kept_secret(self) -> str:
        return self.outlet.secret or "" if self.outlet and self.outlet.is_readable else ""

    def _check(self, address: str, secret: str) -> None:
        if self.kind == OutletKind.WEBHOOK:
            reason = webhooks.refusal_of(address)
        else:
            reason = robots.refusal_of(self.kind, address, secret)
        if reason:
            about_secret = secret and "secret" in self.fields and not robots.refusal_of(self.kind, address)
            self.add_error("secret" if about_secret else "address", reason)
