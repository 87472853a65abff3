"""催单, 催办, 督办 and their answers: hurrying a request along, and saying what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from staff.permissions import Permission
from tickets import lifecycle
from tickets.forms.base import SPOKEN, MoveForm, channels, choice_field, text_field
from tickets.models import Urge
from tickets.statuses import Channel, Verb

OWNER, STAFF = Urge.By.OWNER.value, Urge.By.STAFF.value


class UrgeForm(MoveForm):
    verb = Verb.URGE
    title = gettext_lazy("催办")
    submit = gettext_lazy("催办")
    done = gettext_lazy("已催办，已转告处理人员")
    says = "note"
    who = choice_field(
        gettext_lazy("谁在催"),
        [(OWNER, gettext_lazy("业主来催，代为记下")), (STAFF, gettext_lazy("我来催办"))],
        message=gettext_lazy("请选择是谁在催。"),
        help_text=gettext_lazy("业主第二次催会告诉主管，第三次转经理督办；十分钟内再催不重复提醒。"),
    )
    channel = choice_field(
        gettext_lazy("业主是怎样告诉您的"), channels(*SPOKEN), initial=Channel.PHONE.value,
        help_text=gettext_lazy("自己催办时不必选。"),
    )  # fmt: skip
    note = text_field(gettext_lazy("说明"), rows=2, limit=2000, placeholder=gettext_lazy("业主的原话或要求，选填"))

    def prepare(self) -> None:
        receives = self.viewer.can(Permission.TICKET_FEED_BACK, self.ticket.project_id)
        self.fields["who"].initial = OWNER if receives else STAFF
        self.offer_phrases("note", _("业主来电催促"), _("请今天之内联系业主"), _("已经超时，请说明原因"))

    def arguments(self) -> dict[str, Any]:
        values = self.cleaned_data
        is_owners = values["who"] == OWNER
        return {
            "note": values["note"],
            "told_by_owner": is_owners,
            "channel": (values["channel"] or Channel.PHONE.value) if is_owners else "",
        }

    def make(self, *, pictures: list[Any]) -> Any:
        """Whatever happened meanwhile: to hurry is never stale."""
        return self.call()(self.ticket, by=self.viewer.actor, **self.arguments())

    def call(self) -> Callable[..., Any]:
        return lifecycle.urge


class AnswerUrgeForm(MoveForm):
    verb = Verb.ANSWER_URGE
    title = gettext_lazy("答复催办")
    submit = gettext_lazy("答复")
    done = gettext_lazy("已答复")
    says = "note"
    note = text_field(
        gettext_lazy("答复"), limit=2000, message=gettext_lazy("请写下答复。"),
        placeholder=gettext_lazy("现在到哪一步，什么时候能好"),
    )  # fmt: skip

    def prepare(self) -> None:
        owners = Urge.objects.filter(ticket=self.ticket, by=Urge.By.OWNER, answered_at=None)
        if owners.exists():
            self.fields["note"].help_text = _("业主在查询页会看到这段答复。")
        self.offer_phrases("note", _("已安排，今天上门"), _("配件在途，到货即修"), _("正在处理，完成后马上回复"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.answer_urge


class OverseeForm(MoveForm):
    verb = Verb.OVERSEE
    title = gettext_lazy("督办")
    submit = gettext_lazy("督办")
    done = gettext_lazy("已督办，已转告责任人和主管")
    says = "note"
    note = text_field(
        gettext_lazy("督办要求"), limit=2000, message=gettext_lazy("请写明督办的要求。"),
        help_text=gettext_lazy("责任人、首问责任人和主管都会收到，需要答复；办结前一直在督办列表里。"),
    )  # fmt: skip

    def prepare(self) -> None:
        self.offer_phrases("note", _("今天之内上门"), _("请说明原因和完成时间"), _("办结后向我报告"))

    def make(self, *, pictures: list[Any]) -> Any:
        return self.call()(self.ticket, by=self.viewer.actor, **self.arguments())

    def call(self) -> Callable[..., Any]:
        return lifecycle.oversee
