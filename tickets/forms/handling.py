"""跟进: the work itself, mostly typed with one thumb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets import lifecycle
from tickets.forms.base import MoveForm, choice_field, moment_field, pictures_field, text_field
from tickets.statuses import HoldReason, Verb


class ArriveForm(MoveForm):
    verb = Verb.ARRIVE
    submit = gettext_lazy("到场")
    done = gettext_lazy("已记录到场")
    says = "note"
    pictures = pictures_field(gettext_lazy("现场照片"))
    note = text_field(gettext_lazy("现场情况"), rows=2, placeholder=gettext_lazy("选填"))
    place = forms.CharField(label=gettext_lazy("位置"), required=False, max_length=60, widget=forms.HiddenInput)

    def call(self) -> Callable[..., Any]:
        return lifecycle.arrive


class FollowUpForm(MoveForm):
    verb = Verb.FOLLOW_UP
    submit = gettext_lazy("记跟进")
    done = gettext_lazy("已记录跟进")
    says = "note"
    note = text_field(
        gettext_lazy("进展"), message=gettext_lazy("请写下进展。"), placeholder=gettext_lazy("写跟进记录，可粘贴图片")
    )
    answered = forms.BooleanField(label=gettext_lazy("已就此答复业主"), required=False)
    promised_at = moment_field(gettext_lazy("约定下次联系"), help_text=gettext_lazy("到时会提醒您。"))
    pictures = pictures_field(gettext_lazy("图片"))

    def prepare(self) -> None:
        self.offer_moments("promised_at")

    def call(self) -> Callable[..., Any]:
        return lifecycle.follow_up


class HoldForm(MoveForm):
    verb = Verb.HOLD
    submit = gettext_lazy("挂起")
    done = gettext_lazy("已挂起，到时自动恢复")
    reason = choice_field(gettext_lazy("原因"), HoldReason.choices, message=gettext_lazy("请选择挂起原因。"))
    resume_at = moment_field(gettext_lazy("预计恢复"), required=True, message=gettext_lazy("请选择预计恢复的时间。"))
    note = text_field(
        gettext_lazy("说明"), rows=2, placeholder=gettext_lazy("缺什么料、等谁；原因选“其他”时必填，且不停表")
    )

    says = "note"

    def prepare(self) -> None:
        self.offer_moments("resume_at")

    def call(self) -> Callable[..., Any]:
        return lifecycle.hold


class ResumeForm(MoveForm):
    verb = Verb.RESUME
    submit = gettext_lazy("恢复处理")
    done = gettext_lazy("已恢复处理")
    at_once = True
    note = text_field(gettext_lazy("说明"), rows=2, placeholder=gettext_lazy("选填"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.resume


class CompleteForm(MoveForm):
    verb = Verb.COMPLETE
    submit = gettext_lazy("处理完成")
    done = gettext_lazy("已完成，首问责任人会回复业主")
    says = "result"
    result = text_field(
        gettext_lazy("处理结果"),
        rows=4,
        message=gettext_lazy("请写明处理结果，回复业主时要用。"),
        placeholder=gettext_lazy("做了什么、换了什么、试过没有"),
    )
    pictures = pictures_field(gettext_lazy("完工照片"))

    def prepare(self) -> None:
        self.offer_phrases("result", _("已修复，试用正常。"), _("已更换配件，试水不漏。"), _("已清理干净。"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.complete
