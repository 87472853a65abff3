"""总结: what was learned, what was found, and how a request ends without the owner's consent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from staff.access import holders
from staff.models import Employee
from staff.permissions import Permission
from tickets import lifecycle
from tickets.forms.base import MoveForm, choice_field, text_field
from tickets.lifecycle.closing import prefill, wants_words
from tickets.statuses import Kind, Liability, Verb


class SummariseForm(MoveForm):
    verb = Verb.SUMMARISE
    submit = gettext_lazy("总结并办结")
    done = gettext_lazy("已总结，工单办结")
    cause = text_field(gettext_lazy("原因"), limit=2000, message=gettext_lazy("请写明原因。"))
    liability = choice_field(
        gettext_lazy("责任归属"), Liability.choices, message=gettext_lazy("请选择责任归属。"),
        help_text=gettext_lazy("只在内部使用，业主看不到。"),
    )  # fmt: skip
    improvement = text_field(gettext_lazy("改进措施"), limit=2000)

    says = "cause"

    def prepare(self) -> None:
        for name, value in prefill(self.ticket).items():
            self.fields[name].initial = value
        if wants_words(self.ticket):
            self.fields["improvement"].required = True
            self.fields["improvement"].error_messages["required"] = _("投诉、重办和超时的工单需要写明改进措施。")
            self.fields["improvement"].help_text = _("投诉、重办和超时的工单需要写明改进措施。")
        self.offer_phrases("improvement", _("列入巡检"), _("补充备件"), _("加强当面沟通"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.summarise


class TalkForm(MoveForm):
    verb = Verb.TALK
    title = gettext_lazy("主管面谈")
    submit = gettext_lazy("记录面谈")
    done = gettext_lazy("已记录面谈")
    says = "note"
    note = text_field(
        gettext_lazy("面谈内容和业主的意见"), rows=5, message=gettext_lazy("请写下面谈的内容和业主的意见。")
    )

    def call(self) -> Callable[..., Any]:
        return lifecycle.talk


class ConcludeForm(MoveForm):
    verb = Verb.CONCLUDE
    submit = gettext_lazy("终结办理")
    done = gettext_lazy("已终结办理，等待总结")
    says = "reason"
    danger = True
    reason = text_field(
        gettext_lazy("终结的理由"), rows=4, message=gettext_lazy("请写明终结的理由。"),
        help_text=gettext_lazy("两轮不满意并经主管面谈后使用；已有的评价照常计入。"),
    )  # fmt: skip

    def call(self) -> Callable[..., Any]:
        return lifecycle.conclude


class JudgeForm(MoveForm):
    verb = Verb.JUDGE
    submit = gettext_lazy("保存认定")
    done = gettext_lazy("已保存认定结果")
    says = "note"
    valid = choice_field(gettext_lazy("认定结果"), [], message=gettext_lazy("请选择认定结果。"))
    note = text_field(gettext_lazy("依据"), placeholder=gettext_lazy("认定无效或不属实时必填"))

    def prepare(self) -> None:
        praise = self.ticket.kind == Kind.PRAISE
        words = (_("属实，转达员工"), _("不属实")) if praise else (_("有效投诉"), _("无效投诉"))
        self.fields["valid"].choices = [("1", words[0]), ("0", words[1])]  # type: ignore[attr-defined]
        if self.ticket.is_valid is not None:
            self.fields["valid"].initial = "1" if self.ticket.is_valid else "0"

    def clean_valid(self) -> bool:
        return self.cleaned_data["valid"] == "1"

    def call(self) -> Callable[..., Any]:
        return lifecycle.judge


class HandOverForm(MoveForm):
    verb = Verb.HAND_OVER
    submit = gettext_lazy("移交首问")
    done = gettext_lazy("已移交首问责任")
    says = "note"
    to = forms.ChoiceField(label=gettext_lazy("移交给"), error_messages={"required": gettext_lazy("请选择接任的人。")})
    note = text_field(gettext_lazy("说明"), rows=2, placeholder=gettext_lazy("选填"))

    def prepare(self) -> None:
        people = [
            one
            for one in holders(Permission.TICKET_VIEW_ALL, self.ticket.project_id)
            if one.pk != self.ticket.first_receiver_id
        ]
        if self.ticket.kind == Kind.COMPLAINT:
            subjects = set(self.ticket.subjects.values_list("employee_id", flat=True))
            people = [one for one in people if not subjects & {one.pk, *one.superiors}]
        self.people = {str(one.pk): one for one in people}
        self.fields["to"].choices = [("", _("请选择"))] + [  # type: ignore[attr-defined]
            (key, f"{one.name} · {one.title}" if one.title else one.name) for key, one in self.people.items()
        ]

    def clean_to(self) -> Employee:
        return self.people[self.cleaned_data["to"]]

    def call(self) -> Callable[..., Any]:
        return lifecycle.hand_over
