"""Forms for owners, where they live, and the estate."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy

from shimao_service.forms import RefusableForm, WordsField
from staff.access import Viewer
from staff.models import Employee, Project
from staff.permissions import Permission
from tickets import lookup
from tickets.models import Occupancy, Unit
from tickets.owners import Person


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class PersonForm(RefusableForm):
    """On editing, what is on file stays masked; an empty field leaves it as it is."""

    name = WordsField(
        label=gettext_lazy("姓名"), max_length=60, error_messages={"required": gettext_lazy("请填写姓名。")}
    )
    phone = WordsField(
        label=gettext_lazy("手机"), max_length=40, required=False, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    phone_alt = WordsField(
        label=gettext_lazy("备用电话"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel"}),
    )
    email = WordsField(label=gettext_lazy("邮箱"), max_length=254, required=False)
    note = WordsField(label=gettext_lazy("备注"), max_length=200, required=False)
    # Shared phones that were on the screen when the button was pressed.
    noticed = forms.CharField(required=False, widget=forms.HiddenInput)

    def person(self) -> Person:
        return Person(**{name: self.cleaned_data[name] for name in ("name", "phone", "phone_alt", "email", "note")})


class AmendForm(PersonForm):
    clear_phone_alt = forms.BooleanField(label=gettext_lazy("删去备用电话"), required=False)
    clear_email = forms.BooleanField(label=gettext_lazy("删去邮箱"), required=False)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False

    def person(self) -> Person:
        values: dict[str, Any] = {
            name: self.cleaned_data[name] or None for name in ("name", "phone", "phone_alt", "email")
        }
        values["note"] = self.cleaned_data["note"]
        for name in ("phone_alt", "email"):
            if self.cleaned_data[f"clear_{name}"]:
                values[name] = ""
        return Person(**values)


class PlaceForm(RefusableForm):
    """A unit as people say it, and since when they live there as what."""

    unit = WordsField(
        label=gettext_lazy("房屋"),
        max_length=40,
        error_messages={"required": gettext_lazy("请填写房屋，例如 3-2-1502。")},
    )
    unit_id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    relation = forms.ChoiceField(
        label=gettext_lazy("关系"), choices=Occupancy.Relation.choices, widget=forms.RadioSelect, initial="owner"
    )
    since = forms.DateField(label=gettext_lazy("入住日期"), required=False, widget=DayInput())

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.viewer = viewer

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        typed = values.get("unit", "")
        seen = Unit.objects.filter(self.viewer.scope(Permission.OWNER_EDIT)).select_related("project", "building")
        label = lookup.as_place(lookup.narrow(typed))
        found = list(seen.filter(pk=values["unit_id"])) if values.get("unit_id") else list(seen.filter(label=label)[:3])
        if "unit" not in self.errors and len(found) != 1:
            self.add_error(
                "unit",
                gettext_lazy("没有找到这套房，请从列表里选。")
                if not found
                else gettext_lazy("几个项目都有这个房号，请从列表里选。"),
            )
        values["home"] = found[0] if len(found) == 1 else None
        return values


class NewOwnerForm(PersonForm, PlaceForm):
    field_order = ("unit", "relation", "name", "phone", "phone_alt", "email", "since", "note")


class MoveOutForm(RefusableForm):
    until = forms.DateField(
        label=gettext_lazy("最后一天"),
        widget=DayInput(),
        initial=timezone.localdate,
        error_messages={
            "required": gettext_lazy("请选择迁出日期。"),
            "invalid": gettext_lazy("请按“年-月-日”填写日期。"),
        },
    )


class BuildingForm(RefusableForm):
    project = forms.ModelChoiceField(Project.objects.none(), label=gettext_lazy("项目"), empty_label=None)
    code = WordsField(label=gettext_lazy("楼栋号"), max_length=10, help_text=gettext_lazy("房号里的那一段，例如 3"))
    name = WordsField(label=gettext_lazy("名称"), max_length=40, help_text=gettext_lazy("例如 3号楼"))
    steward = forms.ModelChoiceField(
        Employee.objects.active(), label=gettext_lazy("管家"), required=False, empty_label=gettext_lazy("暂无")
    )

    def __init__(self, *args: Any, viewer: Viewer, is_new: bool = True, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["project"], self.fields["code"]
            return
        field = self.fields["project"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Project.objects.filter(viewer.scope(Permission.ESTATE_MANAGE, "pk"), is_active=True)


class UnitForm(RefusableForm):
    entrance = WordsField(label=gettext_lazy("单元"), max_length=10, required=False)
    room = WordsField(label=gettext_lazy("房号"), max_length=12)
    floor = forms.IntegerField(label=gettext_lazy("楼层"), required=False, min_value=-9, max_value=200)
    area = forms.DecimalField(
        label=gettext_lazy("建筑面积（㎡）"),
        required=False,
        min_value=0.01,
        max_digits=8,
        decimal_places=2,
    )
    handed_over_on = forms.DateField(label=gettext_lazy("交付日期"), required=False, widget=DayInput())
