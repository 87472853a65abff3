"""Several requests at once: one department or handler for all, one confirmation for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from staff import availability
from staff.access import holders
from staff.availability import Away
from staff.models import Department, Employee
from staff.permissions import Permission
from tickets.forms.base import text_field
from tickets.forms.dispatching import PersonSelect
from tickets.models import Ticket
from tickets.statuses import Liability


class DispatchManyForm(forms.Form):
    """Handlers are those who may work in every project of the selection."""

    department = forms.ModelChoiceField(
        Department.objects.filter(is_active=True), label=gettext_lazy("责任部门"), empty_label=gettext_lazy("请选择"),
        error_messages={"required": gettext_lazy("请选择责任部门。")},
    )  # fmt: skip
    handler = forms.ChoiceField(label=gettext_lazy("责任人"), required=False, widget=PersonSelect)
    note = text_field(gettext_lazy("交代"), rows=2, limit=2000)

    def __init__(self, *args: Any, tickets: Sequence[Ticket], **kwargs: Any):
        super().__init__(*args, **kwargs)
        projects = {ticket.project_id: ticket.project for ticket in tickets}
        able = [{one.pk: one for one in holders(Permission.TICKET_HANDLE, pk)} for pk in projects]
        self.people: dict[int, Employee] = able[0] if able else {}
        for others in able[1:]:
            self.people = {pk: one for pk, one in self.people.items() if pk in others}
        names = dict(Department.objects.values_list("pk", "name"))
        self.absent: dict[int, Away] = {}
        for project in projects.values():
            self.absent = availability.away(self.people.values(), project, timezone.now()) | self.absent
        groups: dict[str, list[tuple[str, str]]] = {}
        for one in sorted(self.people.values(), key=lambda one: one.pk in self.absent):
            words = f"{one.name} · {self.absent[one.pk].words}" if one.pk in self.absent else one.name
            groups.setdefault(names[one.department_id], []).append((str(one.pk), words))
        self.fields["handler"].choices = [("", _("不指定，部门内接单")), *groups.items()]  # type: ignore[attr-defined]
        cautions = {str(pk): one.caution for pk, one in self.absent.items()}
        self.fields["handler"].widget.cautions = cautions

    @property
    def away(self) -> list[Away]:
        """Those of the list who are not there."""
        return list(self.absent.values())

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        chosen = values.get("handler") or ""
        handler = self.people.get(int(chosen)) if chosen.isdigit() else None
        values["handler"] = handler
        department = values.get("department")
        if handler and department and handler.department_id != department.pk:
            self.add_error(
                "handler", _("%(name)s 不在%(department)s。") % {"name": handler.name, "department": department.name}
            )
        return values


class SummariseManyForm(forms.Form):
    liability = forms.ChoiceField(
        label=gettext_lazy("责任归属"),
        choices=Liability.choices,
        initial=Liability.PROPERTY.value,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("对所选工单一并登记，只在内部使用，业主看不到。"),
        error_messages={"required": gettext_lazy("请选择责任归属。")},
    )
