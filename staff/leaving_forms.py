"""What is asked when somebody leaves: the last day, and who takes over what."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from staff import duty_grid, leaving
from staff.duty_forms import HandOnField
from staff.forms import DateField, RefusableForm
from staff.models import Employee, Project

REQUIRED = _l("请选择由谁接着值班，或不再安排。")


class LeaveForm(RefusableForm):
    on = DateField(label=_l("最后工作日"))
    successor = forms.ChoiceField(label=_l("首问工单由谁接任"), required=False)

    def __init__(self, *args: Any, person: Employee, people: list[Employee], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.person = person
        self.people = {str(one.pk): one for one in people}
        self.fields["on"].initial = timezone.localdate
        self.fields["successor"].choices = [  # type: ignore[attr-defined]
            ("", _("由项目主管接任")),
            *((pk, f"{one.name} · {one.department.name} · {one.number}") for pk, one in self.people.items()),
        ]
        if not people:
            del self.fields["successor"]
        self.tables = leaving.duties(person)
        for project in self.tables:
            field = HandOnField(label=_("由谁接着值班"), error_messages={"required": REQUIRED})
            field.offer_for(person, project)
            self.fields[f"duty_{project.pk}"] = field

    def chosen(self) -> Employee | None:
        return self.people.get(self.cleaned_data.get("successor", ""))

    def duties(self) -> dict[Project, Employee | None]:
        return {project: self.cleaned_data[f"duty_{project.pk}"] for project in self.tables}

    @property
    def duty_rows(self) -> list[tuple[Project, list[str], Any]]:
        """Project, its slots in words, and the field to say who takes them."""
        return [
            (project, duty_grid.in_words(slots, self.person.pk), self[f"duty_{project.pk}"])
            for project, slots in self.tables.items()
        ]
