"""转办: their number and deadlines, and the formal reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets import lifecycle
from tickets.forms.base import MoveForm, choice_field, moment_field, text_field
from tickets.models import Event
from tickets.statuses import AUTHORITIES, Verb


class ReferForm(MoveForm):
    verb = Verb.REFER
    title = gettext_lazy("登记转办")
    submit = gettext_lazy("保存")
    done = gettext_lazy("已登记转办信息")
    authority = choice_field(
        gettext_lazy("转办单位"),
        [(source.value, source.label) for source in AUTHORITIES],
        message=gettext_lazy("请选择转办单位。"),
    )
    number = forms.CharField(
        label=gettext_lazy("转办编号"),
        max_length=60,
        error_messages={"required": gettext_lazy("请填写转办编号。")},
        help_text=gettext_lazy("同一单位的编号只能登记一次。"),
    )
    due_at = moment_field(gettext_lazy("转办时限"), help_text=gettext_lazy("与本单位的时限比，先到的为准。"))
    return_until = moment_field(
        gettext_lazy("可退回至"), help_text=gettext_lazy("不属于本单位的，在这之前可以退回；到期前会提醒。")
    )

    def prepare(self) -> None:
        referral = getattr(self.ticket, "referral", None)
        if referral is not None:
            for name in ("authority", "number", "due_at", "return_until"):
                self.fields[name].initial = getattr(referral, name)
        elif self.ticket.source in AUTHORITIES:
            self.fields["authority"].initial = self.ticket.source
        self.offer_moments("due_at")

    def call(self) -> Callable[..., Any]:
        return lifecycle.refer


class ReplyAuthorityForm(MoveForm):
    verb = Verb.REPLY_AUTHORITY
    title = gettext_lazy("正式回复")
    submit = gettext_lazy("保存正式回复")
    done = gettext_lazy("已记录正式回复")
    says = "content"
    content = text_field(
        gettext_lazy("正式回复的内容"), rows=5, message=gettext_lazy("请写下正式回复的内容。"),
        help_text=gettext_lazy("只能回复一次，请核对后保存；发给转办单位的就是这段话。"),
    )  # fmt: skip

    def prepare(self) -> None:
        referral = getattr(self.ticket, "referral", None)
        if referral is not None:
            self.fields["content"].label = _("回复%(who)s（%(number)s）") % {
                "who": self.authority(referral.authority), "number": referral.number,
            }  # fmt: skip
        results = Event.objects.filter(ticket=self.ticket, round=self.ticket.round, verb=Verb.FEED_BACK)
        self.fields["content"].initial = results.order_by("-seq").values_list("note", flat=True).first() or ""

    @staticmethod
    def authority(value: str) -> str:
        return next((str(source.label) for source in AUTHORITIES if source == value), value)

    def call(self) -> Callable[..., Any]:
        return lifecycle.reply_authority
