"""What people type about people, places and rules."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from shimao_service import phones
from shimao_service.exceptions import Invalid
from shimao_service.forms import RefusableForm
from shimao_service.models import WorkCalendar
from staff.models import Clause, Department, Employee, Project, RegulationVersion, Role
from staff.permissions import Permission as P

DATE = {"type": "date"}


class DateField(forms.DateField):
    widget = forms.DateInput(attrs=DATE, format="%Y-%m-%d")


def clean_phone(form: forms.BaseForm, name: str) -> str:
    try:
        return phones.normalise(form.cleaned_data.get(name) or "")
    except Invalid as refusal:
        raise forms.ValidationError(str(refusal.detail)) from None


class EmployeeForm(RefusableForm, forms.ModelForm):
    """``superior`` is looked up by number, or by a name only one person at work has."""

    superior = forms.CharField(
        label=_l("直接上级"), required=False, max_length=80, help_text=_l("输入工号、姓名或拼音查找；没有上级的留空。")
    )
    hired_on = DateField(label=_l("入职日期"), required=False)

    class Meta:
        model = Employee
        fields = [
            "number", "name", "phone", "email", "department", "title", "hired_on", "is_contractor", "employer",
        ]  # fmt: skip
        widgets = {"phone": forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"})}

    field_order = [
        "number", "name", "department", "title", "superior", "phone", "email", "hired_on", "is_contractor", "employer",
    ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        above = self.instance.reports_to
        self.initial.setdefault("superior", f"{above.number} {above.name}" if above else "")
        departments = Department.objects.filter(is_active=True)
        if self.instance.pk:
            departments |= Department.objects.filter(pk=self.instance.department_id)
        self.fields["department"].queryset = departments.order_by("code")  # type: ignore[attr-defined]
        self.fields["department"].empty_label = _l("请选择")  # type: ignore[attr-defined]

    def clean_number(self) -> str:
        number = self.cleaned_data["number"].strip()
        same = Employee.objects.filter(number__iexact=number).exclude(pk=self.instance.pk)
        if same.exists():
            raise forms.ValidationError(_("工号 %(number)s 已有人使用。") % {"number": number})
        return number

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_phone(self) -> str:
        return clean_phone(self, "phone")

    def clean_superior(self) -> Employee | None:
        typed = self.cleaned_data["superior"].strip()
        if not typed:
            return None
        people = Employee.objects.active()
        if self.instance.reports_to_id:
            people |= Employee.objects.filter(pk=self.instance.reports_to_id)  # a superior who left may stay
        found = list(people.filter(number__iexact=typed.split()[0])[:1]) or list(people.filter(name=typed)[:2])
        if len(found) > 1:
            raise forms.ValidationError(_("有多位“%(name)s”，请输入工号。") % {"name": typed})
        if not found:
            raise forms.ValidationError(_("没有找到“%(name)s”这位在职员工。") % {"name": typed})
        return found[0]

    def clean(self) -> dict[str, Any] | None:
        values = super().clean()
        if self.cleaned_data.get("is_contractor") and not self.cleaned_data.get("employer"):
            self.add_error("employer", _("委外人员请填写用工单位。"))
        return values


class AccountForm(RefusableForm):
    username = forms.CharField(
        label=_l("用户名"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )


class GrantForm(RefusableForm):
    role = forms.ModelChoiceField(Role.objects.all(), label=_l("角色"), empty_label=_l("请选择"))
    project = forms.ModelChoiceField(
        Project.objects.filter(is_active=True), label=_l("项目"), required=False, empty_label=_l("全公司")
    )


class ReturnForm(RefusableForm):
    on = DateField(label=_l("复职日期"), initial=timezone.localdate)


class ProjectForm(forms.ModelForm):
    class Meta:
        model = Project
        fields = ["code", "name", "kind", "address", "service_phone", "calendar", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        published = WorkCalendar.objects.filter(versions__published_at__isnull=False).distinct()
        self.fields["calendar"].queryset = published  # type: ignore[attr-defined]
        self.fields["calendar"].empty_label = _l("公司默认日历")  # type: ignore[attr-defined]

    def clean_service_phone(self) -> str:
        return clean_phone(self, "service_phone")

    def clean_code(self) -> str:
        return self.cleaned_data["code"].upper()


class DepartmentForm(forms.ModelForm):
    class Meta:
        model = Department
        fields = ["code", "name", "is_front_desk", "is_active"]

    def clean_code(self) -> str:
        return self.cleaned_data["code"].upper()

    def clean_is_active(self) -> bool:
        active = self.cleaned_data["is_active"]
        if not active and self.instance.pk and (count := self.instance.employees.filter(left_on=None).count()):
            raise forms.ValidationError(_("还有 %(count)d 位在职员工在这个部门，请先调整。") % {"count": count})
        return active


# Which powers stand together on the page of a role; a test proves that none is left out.
GROUPS: tuple[tuple[Any, tuple[P, ...]], ...] = (
    (_l("看工单"), (P.TICKET_VIEW_ALL, P.TICKET_DEPARTMENT_QUEUE)),
    (_l("接待与分派"), (P.TICKET_REGISTER, P.TICKET_ANSWER_ON_SPOT, P.TICKET_DISPATCH, P.TICKET_AMEND)),
    (_l("处理与跟进"), (P.TICKET_HANDLE, P.TICKET_TRANSFER, P.TICKET_FOLLOW_UP, P.TICKET_URGE)),
    (_l("反馈与总结"), (P.TICKET_FEED_BACK, P.TICKET_RECORD_RATING, P.TICKET_SUMMARISE, P.TICKET_REOPEN)),
    (
        _l("主管决定"),
        (
            P.TICKET_OVERSEE,
            P.TICKET_SUPERVISE,
            P.TICKET_CANCEL,
            P.TICKET_LOWER_URGENCY,
            P.TICKET_JUDGE,
            P.TICKET_CONCLUDE,
        ),
    ),
    (_l("时限、值班与通知"), (P.TERMS_MANAGE, P.DUTY_MANAGE, P.CHANNEL_MANAGE)),
    (_l("业主与房产"), (P.OWNER_LOOKUP, P.OWNER_REVEAL, P.OWNER_EDIT, P.ESTATE_MANAGE, P.IMPORT_ESTATE)),
    (_l("人员与角色"), (P.EMPLOYEE_MANAGE, P.IMPORT_EMPLOYEES, P.ROLE_MANAGE)),
    (_l("制度与监督"), (P.REGULATION_MANAGE, P.REVEAL_AUDIT, P.NOTICE_VIEW)),
)


class RoleForm(RefusableForm):
    """The powers of a role as one list of boxes; the page shows them in :data:`GROUPS`."""

    permissions = forms.MultipleChoiceField(
        label=_l("权限"), choices=P.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    def groups(self) -> list[tuple[Any, list[Any]]]:
        boxes = {str(box.data["value"]): box for box in self["permissions"]}
        known = [power.value for _label, powers in GROUPS for power in powers]
        rows = [(label, [boxes[power.value] for power in powers]) for label, powers in GROUPS]
        rest = [box for value, box in boxes.items() if value not in known]
        return [*rows, (_("其他"), rest)] if rest else rows


class NewRoleForm(RefusableForm, forms.ModelForm):
    class Meta:
        model = Role
        fields = ["code", "name", "is_company_wide"]
        help_texts = {
            "code": _l("字母、数字和下划线，接口里用它。"),
            "is_company_wide": _l("在所有项目有效，授予后不能更改。"),
        }

    def clean_code(self) -> str:
        code = self.cleaned_data["code"].lower()
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", code):
            raise forms.ValidationError(_("编码请用小写字母开头，只含字母、数字和下划线。"))
        return code


class VersionForm(RefusableForm, forms.ModelForm):
    effective_on = DateField(label=_l("生效日期"), help_text=_l("最早为明天；生效前可以修改，生效后不再更改。"))

    class Meta:
        model = RegulationVersion
        fields = ["title", "effective_on"]


class ClauseForm(RefusableForm):
    title = forms.CharField(label=_l("标题"), max_length=60)
    text = forms.CharField(
        label=_l("内容"), required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_l("留空表示原文缺失。"),
    )  # fmt: skip


class NewClauseForm(ClauseForm):
    code = forms.CharField(label=_l("条款号"), max_length=12, help_text=_l("例如 A8 或 B8.2。"))
    after = forms.ChoiceField(label=_l("放在哪一条之后"))
    field_order = ["code", "after", "title", "text"]

    def __init__(self, *args: Any, version: RegulationVersion, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.version = version
        clauses = Clause.objects.filter(version=version)
        self.fields["after"].choices = [(one.code, str(one)) for one in clauses]  # type: ignore[attr-defined]

    def clean_code(self) -> str:
        code = self.cleaned_data["code"].strip().upper()
        if Clause.objects.filter(version=self.version, code=code).exists():
            raise forms.ValidationError(_("已有条款 %(code)s。") % {"code": code})
        return code
