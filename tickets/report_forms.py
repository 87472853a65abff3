"""The owners' forms: sending a request in, adding to it, rating it, asking for it to be taken up again."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shimao_service import phones
from shimao_service.exceptions import Invalid
from shimao_service.forms import RefusableForm, WordsField
from staff.models import Project
from tickets.statuses import GRADES, Kind

# Repairs first: nine of ten owners come for one.
KINDS = (Kind.REPAIR, Kind.COMPLAINT, Kind.CONSULTATION, Kind.SUGGESTION, Kind.PRAISE)


def renewed(data: Mapping[str, Any], **values: str) -> QueryDict:
    """What was sent, with some of it replaced."""
    assert isinstance(data, QueryDict)
    copy = data.copy()
    for name, value in values.items():
        copy[name] = value
    return copy


class PicturesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """The files as they came. They are decoded later (``tickets.pictures``), when all else is in order."""

    widget = PicturesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [file for file in data or [] if file]


class ReportForm(RefusableForm):
    """Four fields: which kind, where, what, and a phone; a complaint may come without the phone.

    A room is asked for repairs; elsewhere it helps, and an anonymous complaint may do without.
    """

    renamed = {"contact_phone": "phone", "contact_name": "name", "place": "room", "subjects": "employee"}

    project = forms.ModelChoiceField(
        Project.objects.none(),
        label=gettext_lazy("项目"),
        empty_label=gettext_lazy("请选择"),
        to_field_name="code",
        error_messages={
            "required": gettext_lazy("请选择您所在的项目。"),
            "invalid_choice": gettext_lazy("请选择您所在的项目。"),
        },
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("类型"),
        choices=[(kind.value, kind.label) for kind in KINDS],
        widget=forms.RadioSelect,
        initial=Kind.REPAIR.value,
        error_messages={"required": gettext_lazy("请选择类型。"), "invalid_choice": gettext_lazy("请选择类型。")},
    )
    room = WordsField(
        label=gettext_lazy("房号"),
        max_length=60,
        widget=forms.TextInput(attrs={"enterkeyhint": "next"}),
    )
    description = WordsField(
        label=gettext_lazy("怎么了"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("请写下发生了什么。")},
    )
    pictures = PicturesField(label=gettext_lazy("图片"), required=False)
    employee = WordsField(
        label=gettext_lazy("涉及的员工"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    is_anonymous = forms.BooleanField(label=gettext_lazy("匿名投诉，不留姓名和电话"), required=False)
    phone = WordsField(
        label=gettext_lazy("联系电话"),
        max_length=30,
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"}),
    )
    name = WordsField(
        label=gettext_lazy("称呼"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    # Nobody sees it and nobody fills it in, except programs that fill in everything.
    website = forms.CharField(required=False, widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}))
    key = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, projects: Iterable[Project], place: Any = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.place = place
        known = list(projects)
        field = self.fields["project"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Project.objects.filter(pk__in=[project.pk for project in known])
        # The place is known from the poster's code, or there is only one: nothing to choose.
        self.only = place.project if place else known[0] if len(known) == 1 else None
        if self.only:
            del self.fields["project"]
        self.fields["key"].initial = uuid.uuid4
        # Which fields must be filled in depends on others: asked in clean(), marked with a star by these.
        self.fields["room"].error_messages["required"] = _("请填写房号；公共区域请写位置，如“地库 B 区电梯口”。")
        self.fields["phone"].error_messages["required"] = _("请留一个电话，处理时要与您联系。")
        kind = self.data.get("kind") if self.is_bound else Kind.REPAIR.value
        self.fields["room"].required = kind == Kind.REPAIR
        self.fields["phone"].required = not (kind == Kind.COMPLAINT and self.data.get("is_anonymous"))

    @property
    def is_trap(self) -> bool:
        return bool(self.data.get("website"))

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if self.only:
            values["project"] = self.only
        if values.get("kind") != Kind.COMPLAINT:
            values["is_anonymous"] = False
        if values["is_anonymous"]:
            values |= {"phone": "", "name": ""}
            self.errors.pop("phone", None)
        elif "phone" not in self.errors:
            self._clean_phone(values)
        words = f"{values.get('description', '')}{values.get('employee', '')}"
        if len(words) > 4980 and values.get("employee"):
            self.add_error("description", _("内容太长了，请精简一些。"))
        return values

    def clean_key(self) -> str:
        """Only such keys as we hand out: a short one somebody chose could meet another's."""
        try:
            return str(uuid.UUID(self.cleaned_data["key"]))
        except ValueError:
            return str(uuid.uuid4())

    def _clean_phone(self, values: dict[str, Any]) -> None:
        try:
            values["phone"] = phones.normalise(values.get("phone", ""))
        except Invalid as refusal:
            self.add_error("phone", str(refusal.detail))

    def renew_key(self) -> None:
        """The next sending is another request."""
        self.data = renewed(self.data, key=str(uuid.uuid4()))


class RateForm(RefusableForm):
    grade = forms.TypedChoiceField(
        choices=[(grade, words) for grade, words in GRADES.items()],
        coerce=int,
        error_messages={"required": gettext_lazy("请点一个表情。"), "invalid_choice": gettext_lazy("请点一个表情。")},
    )
    comment = WordsField(
        label=gettext_lazy("想说的话"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    round = forms.IntegerField(widget=forms.HiddenInput, required=False)


class SupplementForm(RefusableForm):
    note = WordsField(
        label=gettext_lazy("补充说明"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
    pictures = PicturesField(label=gettext_lazy("图片"), required=False)


class UrgeForm(RefusableForm):
    """Words are optional: the tap says it all."""

    note = WordsField(
        label=gettext_lazy("想说的话"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, **kwargs: Any):
        # It stands on one page with the form for additions, whose field has the same name.
        super().__init__(*args, **{"auto_id": "urge_%s"} | kwargs)


class ReasonForm(RefusableForm):
    """Why it is withdrawn; no reason is needed to want nothing any more."""

    reason = WordsField(
        label=gettext_lazy("原因"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)


class ReopenForm(ReasonForm):
    """What is still wrong."""

    reason = WordsField(
        label=gettext_lazy("哪里还没有解决"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": gettext_lazy("请写一下哪里还没有解决。")},
    )
