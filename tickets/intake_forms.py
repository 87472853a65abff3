"""The counter's form: everything on one screen, everything optional that can be."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shimao_service import phones
from shimao_service.exceptions import Invalid
from shimao_service.forms import RefusableForm, WordsField
from staff.access import Viewer
from staff.models import Department, Employee, Project
from staff.permissions import Permission
from tickets import callers, lookup, suggestions
from tickets.desk import Action, Reception
from tickets.forms.base import MomentInput, moment_field
from tickets.lifecycle.intake import Intake
from tickets.models import Building, Category, Ticket, Unit
from tickets.report_forms import PicturesField, renewed
from tickets.statuses import AUTHORITIES, GRADES, Kind, Level, Mood, Source, Urgency

KINDS = (Kind.CONSULTATION, Kind.COMPLAINT, Kind.REPAIR, Kind.SUGGESTION, Kind.PRAISE)
SOURCES = (
    Source.COUNTER, Source.PHONE, Source.WECHAT, Source.VISIT, Source.HOTLINE_12345, Source.GOVERNMENT,
    Source.HEAD_OFFICE, Source.COMMITTEE, Source.PATROL,
)  # fmt: skip
SEPARATORS = re.compile(r"[、，,;；\s]+")


def radios(label: Any, choices: Any, **kwargs: Any) -> forms.ChoiceField:
    pairs = [(choice.value, choice.label) for choice in choices]
    return forms.ChoiceField(
        label=label,
        choices=pairs,
        required=False,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": gettext_lazy("请选择有效的选项。")},
        **kwargs,
    )


class IdsField(forms.Field):
    """Several hidden inputs of one name."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[str]:
        return [str(item) for item in value or [] if item]


class IntakeForm(RefusableForm):
    renamed = {
        "unit": "find", "owner": "find", "building": "find", "category": "category_find", "subjects": "subjects_find",
        "handler": "handler_find",
    }  # fmt: skip

    key = forms.CharField(required=False, widget=forms.HiddenInput)
    find = WordsField(label=gettext_lazy("业主"), required=False, max_length=60)
    who = forms.CharField(
        required=False,
        max_length=40,
        widget=forms.HiddenInput(attrs={"data-draft-keep": ""}),
        label=gettext_lazy("业主"),
    )
    project = forms.ModelChoiceField(
        Project.objects.none(), label=gettext_lazy("项目"), required=False, empty_label=gettext_lazy("请选择项目")
    )
    place = WordsField(
        label=gettext_lazy("位置"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("公共区域写位置，如“地库 B 区电梯口”")}),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("类型"),
        choices=[(kind.value, kind.label) for kind in KINDS],
        widget=forms.RadioSelect,
        initial=Kind.REPAIR.value,
        error_messages={"required": gettext_lazy("请选择类型。"), "invalid_choice": gettext_lazy("请选择类型。")},
    )
    description = WordsField(
        label=gettext_lazy("内容"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": gettext_lazy("照业主的原话记")}),
        error_messages={"required": gettext_lazy("请写下内容。")},
    )
    category_find = WordsField(label=gettext_lazy("分类"), required=False, max_length=40)
    category = forms.ModelChoiceField(
        Category.objects.filter(is_active=True, children=None).select_related("parent"),
        required=False,
        widget=forms.HiddenInput(attrs={"data-draft-keep": ""}),
        label=gettext_lazy("分类"),
    )
    urgency = radios(gettext_lazy("紧急程度"), Urgency)
    appointment_at = forms.DateTimeField(
        label=gettext_lazy("预约时间"),
        required=False,
        widget=MomentInput(),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": gettext_lazy("请按“年-月-日 时:分”填写时间。")},
    )
    pictures = PicturesField(label=gettext_lazy("图片"), required=False)
    source = radios(gettext_lazy("来源"), SOURCES)
    contact_name = WordsField(label=gettext_lazy("联系人"), required=False, max_length=60)
    contact_phone = WordsField(
        label=gettext_lazy("联系电话"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "tel"}),
    )
    payer = forms.CharField(required=False, label=gettext_lazy("付费人"))
    # an authority passed it on: shown for such a source
    authority_number = WordsField(label=gettext_lazy("转办编号"), required=False, max_length=60)
    authority_due_at = moment_field(gettext_lazy("转办时限"))
    authority_return_until = moment_field(gettext_lazy("可退回至"))
    # complaints
    level = radios(gettext_lazy("投诉级别"), Level)
    mood = radios(gettext_lazy("情绪"), Mood)
    is_collective = forms.BooleanField(label=gettext_lazy("群诉（3 户及以上）"), required=False)
    is_anonymous = forms.BooleanField(label=gettext_lazy("匿名，不留姓名和电话"), required=False)
    subjects = IdsField(required=False)
    subjects_find = WordsField(label=gettext_lazy("涉及员工"), required=False, max_length=100)
    # what follows at once
    department = forms.ModelChoiceField(
        Department.objects.filter(is_active=True),
        label=gettext_lazy("派给部门"),
        required=False,
        empty_label=gettext_lazy("按分类"),
    )
    handler = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-draft-keep": ""}))
    handler_find = WordsField(label=gettext_lazy("责任人"), required=False, max_length=40)
    answer = WordsField(
        label=gettext_lazy("当场答复"), required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 2})
    )
    grade = forms.ChoiceField(
        label=gettext_lazy("业主评价"),
        choices=[("", gettext_lazy("没有问")), *((str(grade), GRADES[grade]) for grade in (5, 4, 3))],
        required=False,
        widget=forms.RadioSelect,
        initial="",
    )
    link = IdsField(required=False)
    # Possible duplicates that were on the screen: pressing on is the answer to the warning.
    noticed = IdsField(required=False)

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.viewer = viewer
        self.caller: callers.Caller | None = None
        self.candidates: list[lookup.Found] = []
        self.fields["key"].initial = str(uuid.uuid4())
        able = [project for project in viewer.projects if viewer.can(Permission.TICKET_REGISTER, project.pk)]
        self.projects = able
        field = self.fields["project"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Project.objects.filter(pk__in=[project.pk for project in able])
        # Asked only of those who work in several: no query for the rest.
        field.choices = [("", _("请选择项目")), *((project.pk, project.name) for project in able)]
        field.initial = viewer.project.pk if viewer.project in able and viewer.project else None

    @property
    def only(self) -> Project | None:
        return self.projects[0] if len(self.projects) == 1 else None

    # --- one field at a time ---------------------------------------------------------------------
    def clean_key(self) -> str:
        try:
            return str(uuid.UUID(self.cleaned_data["key"]))
        except ValueError:
            return str(uuid.uuid4())

    def clean_contact_phone(self) -> str:
        try:
            return phones.normalise(self.cleaned_data["contact_phone"])
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal.detail)) from refusal

    def clean_handler(self) -> Employee | None:
        """Picked from the list; else as typed, where that can mean one person only."""
        chosen, typed = self.cleaned_data["handler"], self.data.get("handler_find", "").strip()
        if pk := lookup.number_of(chosen):
            return Employee.objects.select_related("department").filter(pk=pk).first()
        return self._employee(typed, "handler_find") if typed else None

    def _employee(self, typed: str, field: str) -> Employee | None:
        people = Employee.objects.active().select_related("department")
        typed = typed.replace("\x00", "")
        found = list(people.filter(number=typed)) or list(people.filter(name=typed)[:2])
        if len(found) == 1:
            return found[0]
        words = _("有几位“%(name)s”，请填工号。") if found else _("没有找到员工“%(name)s”，请核对姓名或工号。")
        self.add_error(field, words % {"name": typed})
        return None

    @property
    def chosen(self) -> list[Employee]:
        """Those picked so far, to be shown again when the form comes back."""
        ids = [number for pk in self["subjects"].value() or [] if (number := lookup.number_of(str(pk)))]
        return list(Employee.objects.filter(pk__in=ids)) if ids else []

    def people(self) -> list[Employee]:
        """Whom a complaint or a praise is about."""
        ids = [number for pk in self.cleaned_data.get("subjects", []) if (number := lookup.number_of(pk))]
        found = list(Employee.objects.filter(pk__in=ids)) if ids else []
        typed = self.cleaned_data.get("subjects_find") or ""
        named = [self._employee(name, "subjects_find") for name in SEPARATORS.split(typed) if name]
        return found + [employee for employee in named if employee]

    # --- together ----------------------------------------------------------------------------------
    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        kind = values.get("kind", "")
        self._find_caller(values)
        if kind in (Kind.COMPLAINT, Kind.PRAISE):
            values["people"] = self.people()
        if not values.get("category") and kind and "category" not in self.errors:
            values["category"] = self._category(values, kind)
        return values

    def _find_caller(self, values: dict[str, Any]) -> None:
        category = values.get("category")
        asked = {"kind": values.get("kind", ""), "category_id": category.pk if category else None}
        typed = (values.get("find") or "").strip()
        value = values.get("who") or ""
        if not value and typed:
            only, self.candidates = lookup.exact(self.viewer, typed)
            if only is None:
                words = (
                    _("找到 %(n)s 项，请选一项。")
                    if self.candidates
                    else _("没有找到“%(typed)s”。换个写法，或清空后填写联系人。")
                )
                self.add_error("find", words % {"n": len(self.candidates), "typed": typed})
                return
            value = only.value
        if not value:
            return
        self.caller = callers.caller(self.viewer, value, **asked)
        if self.caller is None:
            self.add_error("find", _("这一项已经变动，请重新查找。"))

    def _category(self, values: dict[str, Any], kind: str) -> Category | None:
        """None was picked: the one that was typed, else what the words suggest."""
        choices = suggestions.leaves(kind)
        typed = (values.get("category_find") or "").strip()
        if typed:
            same = [category for category in choices if typed in (str(category), category.name)]
            if len(same) == 1:
                return same[0]
            self.add_error("category_find", _("请从列表里选一个分类。"))
            return None
        return next(iter(suggestions.rank(values.get("description") or "", choices)), None)

    @property
    def unnoticed(self) -> list[Ticket]:
        """Possible duplicates that were not on the screen when the button was pressed."""
        if self.caller is None or self.cleaned_data.get("is_anonymous"):
            return []
        seen = set(self.cleaned_data["noticed"])
        category = self.cleaned_data.get("category")
        self.caller.category_id = category.pk if category else None
        return [
            ticket
            for ticket in self.caller.duplicates
            if ticket.number not in seen and (not category or ticket.category_id in (None, category.pk))
        ]

    def reception(self, action: Action, pictures: Sequence[Any] = ()) -> Reception:
        """What the verbs are called with. Raises ``Invalid`` where a button asks for more than the others."""
        values = self.cleaned_data
        project = self._project()
        category = values["category"]
        handler: Employee | None = values["handler"]
        department = values["department"] or (handler.department if handler else None)
        department = department or (category.department if category else None)
        if action == Action.DISPATCH and department is None:
            raise Invalid.field("department", _("这个分类没有默认部门，请选择派给哪个部门。"))
        numbers = [number for number in values["link"] if "\x00" not in number]
        return Reception(
            intake=self._intake(project, category),
            action=action,
            department=department,
            handler=handler,
            answer=values["answer"],
            grade=int(values["grade"]) if values["grade"] else None,
            links=list(Ticket.objects.visible_to(self.viewer).filter(number__in=numbers)) if numbers else [],
            pictures=pictures,
        )

    def _project(self) -> Project:
        project = self.caller.project if self.caller else self.only or self.cleaned_data["project"]
        if project is None:
            raise Invalid.field("project", _("请查找业主，或选择项目。"))
        return project

    def _intake(self, project: Project, category: Category | None) -> Intake:
        values, caller = self.cleaned_data, self.caller
        complaint = values["kind"] == Kind.COMPLAINT
        anonymous = values["is_anonymous"] and complaint
        unit: Unit | None = caller.unit if caller else None
        building: Building | None = caller.building if caller else None
        if anonymous and unit is not None:
            building, unit = unit.building, None  # the flat would tell who it was
        hurry = values["urgency"] if values["kind"] != Kind.PRAISE else ""
        urgency = hurry or suggestions.urgency_of(values["description"], values["kind"], category)
        return Intake(
            project=project,
            kind=values["kind"],
            description=values["description"],
            owner=caller.owner if caller else None,
            payer=self._payer(),
            contact_name=values["contact_name"],
            contact_phone=values["contact_phone"],
            is_anonymous=anonymous,
            unit=unit,
            building=building,
            place=values["place"],
            category=category,
            urgency=urgency,
            source=values["source"] or Source.COUNTER.value,
            appointment_at=values["appointment_at"],
            level=values["level"] if complaint else "",
            mood=values["mood"] if complaint else "",
            is_collective=values["is_collective"] and complaint,
            subjects=values.get("people", ()),
            **self._referral(),
        )

    def _referral(self) -> dict[str, Any]:
        """What an authority gave along; left over from another source, it is nothing."""
        names = ("authority_number", "authority_due_at", "authority_return_until")
        return {name: self.cleaned_data[name] for name in names} if self.cleaned_data["source"] in AUTHORITIES else {}

    def _payer(self) -> Any:
        """A tenant asks, the owner pays, unless somebody else was picked."""
        payers = self.caller.payers if self.caller else []
        picked = self.cleaned_data["payer"]
        return next((owner for owner in payers if str(owner.pk) == picked), payers[0] if payers else None)

    def renew_key(self) -> None:
        """The next press is another request."""
        self.data = renewed(self.data, key=str(uuid.uuid4()))
