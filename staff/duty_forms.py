"""What people type about duty and leave."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from shimao_service.exceptions import Invalid
from shimao_service.forms import RefusableForm
from staff import absences
from staff.access import Viewer
from staff.duty_table import candidates
from staff.models import Absence, Employee, Project, Weekday

MOMENT = "%Y-%m-%dT%H:%M"


class TimeField(forms.TimeField):
    widget = forms.TimeInput(attrs={"type": "time", "step": "60"}, format="%H:%M")
    default_error_messages = {"invalid": _l("请按“时:分”填写，例如 20:00。")}


class MomentField(forms.DateTimeField):
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "60"}, format=MOMENT)
    default_error_messages = {"invalid": _l("请按“年-月-日 时:分”填写时间。")}

    def __init__(self, **kwargs: Any):
        super().__init__(input_formats=[MOMENT, f"{MOMENT}:%S", "%Y-%m-%d %H:%M"], **kwargs)

    def to_python(self, value: Any) -> Any:
        try:
            moment = super().to_python(value)
            # The first and last years of the calendar have no place in every time zone.
            return moment if moment is None or 1900 < moment.year < 9000 else self.refuse()
        except (OverflowError, ValueError):
            return self.refuse()

    def refuse(self) -> Any:
        raise forms.ValidationError(self.error_messages["invalid"], code="invalid")


class PersonField(forms.ChoiceField):
    """One of the people who may be chosen, as an :class:`Employee`."""

    def offer(self, people: list[Employee], nobody: Any) -> None:
        self.people = {str(one.pk): one for one in people}
        named = ((pk, " · ".join(filter(None, (one.name, one.title, one.number)))) for pk, one in self.people.items())
        self.choices = [("", nobody), *named]

    def clean(self, value: Any) -> Any:
        return self.people.get(super().clean(value))


class HandOnField(PersonField):
    """Who takes somebody's slots over, or that nobody does: one of the two has to be said."""

    NOBODY = "nobody"

    def offer_for(self, person: Employee, project: Project) -> None:
        self.offer([one for one in candidates(project) if one.pk != person.pk], _("请选择"))
        named: Any = self.choices
        self.choices = [*named, (self.NOBODY, _("不再安排（有副班的由副班值班，其余空出）"))]

    def clean(self, value: Any) -> Any:
        return None if value == self.NOBODY else super().clean(value)


class HandOnForm(RefusableForm):
    to = HandOnField(label=_l("由谁接着值班"), error_messages={"required": _l("请选择由谁接着值班，或不再安排。")})

    def __init__(self, *args: Any, person: Employee, project: Project, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["to"].offer_for(person, project)  # type: ignore[attr-defined]


class SlotForm(RefusableForm):
    """One slot. ``employee`` and ``deputy`` come out as employees."""

    weekday = forms.TypedChoiceField(label=_l("星期"), choices=Weekday.choices, coerce=int)
    starts = TimeField(label=_l("开始"))
    ends = TimeField(label=_l("结束"), help_text=_l("不晚于开始的，算到次日。"))
    employee = PersonField(
        label=_l("值班人"), help_text=_l("夜间网页报修通知此人；须有派单权限，如“中控值班”角色。"),
        error_messages={"required": _l("请选择值班人。")},
    )  # fmt: skip
    deputy = PersonField(label=_l("副班"), required=False, help_text=_l("值班人请假或离职时顶上，特急时一起通知。"))

    def __init__(self, *args: Any, project: Project, **kwargs: Any):
        super().__init__(*args, **kwargs)
        people = candidates(project)
        for name, nobody in (("employee", _l("请选择")), ("deputy", _l("不设副班"))):
            self.fields[name].offer(people, nobody)  # type: ignore[attr-defined]


class NewSlotForm(SlotForm):
    """The same hours and people on as many days as were ticked."""

    weekday = None  # type: ignore[assignment]
    weekdays = forms.TypedMultipleChoiceField(
        label=_l("星期"), choices=Weekday.choices, coerce=int, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _l("请至少选择一天。")},
    )  # fmt: skip
    field_order = ["weekdays", "starts", "ends", "employee", "deputy"]


class CopyForm(RefusableForm):
    weekday = forms.TypedChoiceField(label=_l("把这一天"), choices=Weekday.choices, coerce=int)
    to = forms.TypedMultipleChoiceField(
        label=_l("复制到"), choices=Weekday.choices, coerce=int, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _l("请选择要复制到的日子。")},
    )  # fmt: skip


class AbsenceForm(RefusableForm):
    """``employee`` is looked up by number, or by a name that only one of the viewer's people has."""

    employee = forms.CharField(label=_l("员工"), max_length=80, help_text=_l("输入工号、姓名或拼音查找。"))
    kind = forms.ChoiceField(label=_l("类型"), choices=Absence.Kind.choices, initial=Absence.Kind.LEAVE)
    starts_at = MomentField(label=_l("开始"))
    ends_at = MomentField(label=_l("结束"), help_text=_l("到这个时间恢复在岗。"))
    note = forms.CharField(label=_l("说明"), max_length=200, required=False, help_text=_l("只有本人和登记的人看得到。"))

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.viewer = viewer

    def clean_employee(self) -> Employee:
        typed = self.cleaned_data["employee"].strip()
        people = absences.manageable(self.viewer)
        found = list(people.filter(number__iexact=typed.split()[0])[:1]) or list(people.filter(name=typed)[:2])
        if len(found) > 1:
            raise forms.ValidationError(_("有多位“%(name)s”，请输入工号。") % {"name": typed})
        if not found:
            raise forms.ValidationError(_("您负责的项目里没有“%(name)s”这位在职员工。") % {"name": typed})
        return found[0]

    def clean_note(self) -> str:
        return " ".join(self.cleaned_data["note"].split())

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or {}
        try:
            if values.get("starts_at") and values.get("ends_at"):
                absences.check_order(values["starts_at"], values["ends_at"])
        except Invalid as refusal:
            self.take(refusal)
        return values
