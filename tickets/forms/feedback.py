"""反馈: telling the owner, trying again, and writing down what the owner thinks of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets import lifecycle
from tickets.forms.base import SPOKEN, MoveForm, channels, choice_field, text_field
from tickets.models import Event
from tickets.statuses import Channel, Source, Verb

CAME_BY = {
    Source.PHONE.value: Channel.PHONE.value,
    Source.COUNTER.value: Channel.FACE.value,
    Source.VISIT.value: Channel.FACE.value,
    Source.WECHAT.value: Channel.WECHAT.value,
}


class FeedBackForm(MoveForm):
    verb = Verb.FEED_BACK
    submit = gettext_lazy("回复并请评价")
    done = gettext_lazy("已回复业主，等待评价")
    says = "content"
    channel = choice_field(
        gettext_lazy("回复方式"),
        channels(*SPOKEN, Channel.LINK, Channel.UNREACHABLE),
        message=gettext_lazy("请选择回复方式。"),
    )
    content = text_field(
        gettext_lazy("告诉业主的内容"), rows=4, message=gettext_lazy("请写下告诉业主的内容。"),
        help_text=gettext_lazy("业主在查询链接里看到的就是这段话。"),
    )  # fmt: skip

    def prepare(self) -> None:
        events = Event.objects.filter(ticket=self.ticket, round=self.ticket.round)
        results = events.filter(verb=Verb.COMPLETE).order_by("-seq")
        self.fields["content"].initial = results.values_list("note", flat=True).first() or ""
        tried = events.filter(verb=Verb.ATTEMPT).count()
        if self.ticket.is_anonymous:
            self.fields["channel"].choices = channels(Channel.LINK, Channel.UNREACHABLE)  # type: ignore[attr-defined]
            self.fields["channel"].initial = Channel.LINK.value
            self.fields["channel"].help_text = _("匿名投诉只能通过查询链接看到回复。")
            return
        self.fields["channel"].initial = self.usual_channel()
        if tried:
            self.fields["channel"].help_text = _("本轮已联系 %(n)s 次未果。") % {"n": tried}
        else:
            self.fields["channel"].help_text = _("联系不上时，请先记录每一次“联系业主”。")

    def usual_channel(self) -> str:
        """The way the owner came; a report from the web without a number can only be answered on its link."""
        if self.ticket.source == Source.WEB and not self.ticket.contact_phone:
            return Channel.LINK.value
        return CAME_BY.get(self.ticket.source, "")

    def call(self) -> Callable[..., Any]:
        return lifecycle.feed_back


class AttemptForm(MoveForm):
    verb = Verb.ATTEMPT
    title = gettext_lazy("联系未果")
    submit = gettext_lazy("记录")
    done = gettext_lazy("已记录这次联系")
    says = "note"
    channel = choice_field(
        gettext_lazy("联系方式"),
        channels(*SPOKEN),
        message=gettext_lazy("请选择联系方式。"),
        initial=Channel.PHONE.value,
    )
    note = text_field(gettext_lazy("情况"), rows=2, placeholder=gettext_lazy("不填即“无人接听”"))

    def prepare(self) -> None:
        self.offer_phrases("note", _("无人接听"), _("关机或停机"), _("请稍后再打"), _("号码有误"))

    def was_made(self, events: Any) -> bool:
        typed = self.typed("note") or _("无人接听")
        return any(
            event.verb == self.verb and event.actor_id == self.viewer.employee_id and event.note == typed
            for event in events
        )

    def call(self) -> Callable[..., Any]:
        return lifecycle.attempt


class RateForm(MoveForm):
    verb = Verb.RATE
    title = gettext_lazy("代录评价")
    submit = gettext_lazy("记录评价")
    done = gettext_lazy("已代录评价")
    says = "comment"
    channel = choice_field(
        gettext_lazy("业主是怎样告诉您的"), channels(*SPOKEN), message=gettext_lazy("请选择业主是怎样告诉您的。")
    )
    comment = text_field(
        gettext_lazy("业主的意见"), rows=2, limit=2000, placeholder=gettext_lazy("照业主的原话写，选填")
    )
    # The faces are buttons that submit the form; this stands for them.
    grade = forms.TypedChoiceField(
        label=gettext_lazy("评价"),
        coerce=int,
        choices=[(str(value), str(value)) for value in range(1, 6)],
        widget=forms.HiddenInput,
        error_messages={"required": gettext_lazy("请选择评价。"), "invalid_choice": gettext_lazy("请选择评价。")},
    )

    def call(self) -> Callable[..., Any]:
        return lifecycle.rate


class ReopenForm(MoveForm):
    verb = Verb.REOPEN
    submit = gettext_lazy("重新办理")
    done = gettext_lazy("已重新办理，进入新的一轮")
    says = "reason"
    reason = text_field(
        gettext_lazy("为什么重新办理"), message=gettext_lazy("请写明为什么要重新办理。"),
        help_text=gettext_lazy("会交回上次的部门和责任人，上一轮的结果保留。"),
    )  # fmt: skip

    def call(self) -> Callable[..., Any]:
        return lifecycle.reopen
