"""分派: to which department and whom; taking it, and giving it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from staff import availability
from staff.access import Viewer, holders, viewer_of
from staff.availability import Away
from staff.models import Department, Employee
from staff.permissions import Permission
from tickets import lifecycle, permissions
from tickets.forms.base import SPOKEN, MoveForm, channels, choice_field, text_field
from tickets.models import Ticket
from tickets.statuses import GRADES, Channel, Kind, Status, Verb

WORKING = (Status.DISPATCHED, Status.IN_PROGRESS, Status.ON_HOLD)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be given the request, with what he has open in its project."""

    employee: Employee
    load: int
    away: Away | None = None

    @property
    def label(self) -> str:
        words = _("%(name)s · 在手 %(load)s 件") % {"name": self.employee.name, "load": self.load}
        return f"{words} · {self.away.words}" if self.away else words

    @property
    def caution(self) -> str:
        return self.away.caution if self.away else ""


class PersonSelect(forms.Select):
    """A list of people; beside who is not there, the option carries the sentence to show when it is chosen."""

    cautions: dict[str, str] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if words := self.cautions.get(str(value)):
            option["attrs"]["data-note"] = words
        return option


def candidates(ticket: Ticket, viewer: Viewer | None = None) -> list[Candidate]:
    """Who can handle requests of this project: those who are there first, the least loaded first; nobody the
    complaint is about. ``viewer`` himself as well where nobody on the ladder may hear of it."""
    people = holders(Permission.TICKET_HANDLE, ticket.project_id)
    if viewer and viewer.employee and permissions.takes_it_on(ticket, viewer):
        people.append(viewer.employee)
    if ticket.kind == Kind.COMPLAINT:
        subjects = set(ticket.subjects.values_list("employee_id", flat=True))
        people = [one for one in people if not subjects & set(viewer_of(one).hidden_subjects)]
    loads = dict(
        Ticket.objects.filter(project_id=ticket.project_id, status__in=WORKING, handler__in=people)
        .order_by()
        .values_list("handler_id")
        .annotate(n=Count("pk"))
    )
    away = availability.away(people, ticket.project, timezone.now())
    found = [Candidate(person, loads.get(person.pk, 0), away.get(person.pk)) for person in people]
    return sorted(found, key=lambda one: (one.away is not None, one.load, one.employee.number))


class AssignForm(MoveForm):
    """A department and, if wanted, a person in it."""

    department = forms.ModelChoiceField(
        Department.objects.filter(is_active=True), label=gettext_lazy("责任部门"), required=False, empty_label=None
    )
    handler = forms.ChoiceField(label=gettext_lazy("责任人"), required=False, widget=PersonSelect)

    def prepare(self) -> None:
        self.candidates = candidates(self.ticket, self.viewer)
        departments = list(self.fields["department"].queryset.order_by("code"))  # type: ignore[attr-defined]
        names = {department.pk: department.name for department in departments}
        able = {one.employee.department_id for one in self.candidates}
        # Those with somebody to do it stand first.
        departments.sort(key=lambda department: department.pk not in able)
        self.fields["department"].choices = [("", _("请选择"))] + [(d.pk, d.name) for d in departments]  # type: ignore[attr-defined]
        groups: dict[str, list[tuple[str, str]]] = {}
        for one in self.candidates:
            group = names.get(one.employee.department_id, _("其他"))
            groups.setdefault(group, []).append((str(one.employee.pk), one.label))
        self.fields["handler"].choices = [("", _("不指定，部门内接单")), *groups.items()]  # type: ignore[attr-defined]
        self.fields["handler"].widget.cautions = {
            str(one.employee.pk): one.caution for one in self.candidates if one.away
        }

    @property
    def away(self) -> list[Away]:
        """Those of the list who are not there."""
        return [one.away for one in self.candidates if one.away]

    @property
    def cautions(self) -> list[str]:
        chosen = getattr(self, "cleaned_data", {}).get("handler")  # none where a second press is answered
        return [one.caution for one in self.candidates if one.away and chosen and one.employee.pk == chosen.pk]

    def suggest(self, department_id: int | None) -> None:
        if department_id is None:
            return
        self.fields["department"].initial = department_id
        own = (one for one in self.candidates if one.employee.department_id == department_id)
        best = next((one for one in own if one.away is None), None)
        if best:
            self.fields["handler"].initial = str(best.employee.pk)
            self.fields["handler"].help_text = _("该部门在手最少的是 %(name)s。") % {"name": best.employee.name}

    def narrowed(self, department_id: str) -> list[Candidate]:
        """The candidates of one department, for the list that follows the department."""
        return [one for one in self.candidates if not department_id or str(one.employee.department_id) == department_id]

    def clean_handler(self) -> Employee | None:
        chosen = self.cleaned_data["handler"]
        return next((one.employee for one in self.candidates if str(one.employee.pk) == chosen), None)


class DispatchForm(AssignForm):
    verb = Verb.DISPATCH
    submit = gettext_lazy("派单")
    done = gettext_lazy("已派单")
    says = "note"
    note = text_field(gettext_lazy("交代"), rows=2, placeholder=gettext_lazy("需要带的工具、入户时间等，选填"))

    def prepare(self) -> None:
        super().prepare()
        category = self.ticket.category
        self.suggest(category.department_id if self.ticket.category_id and category else None)

    def call(self) -> Callable[..., Any]:
        return lifecycle.dispatch


class TransferForm(AssignForm):
    verb = Verb.TRANSFER
    submit = gettext_lazy("改派")
    done = gettext_lazy("已改派")
    says = "reason"
    reason = text_field(gettext_lazy("改派原因"), rows=2, message=gettext_lazy("请写明改派原因。"))

    def prepare(self) -> None:
        super().prepare()
        self.fields["department"].initial = self.ticket.department_id
        self.offer_phrases("reason", _("需要其他工种"), _("当班人员调整"), _("在手工单过多"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.transfer


class AcceptForm(MoveForm):
    verb = Verb.ACCEPT
    submit = gettext_lazy("接单")
    done = gettext_lazy("已接单")
    at_once = True

    def call(self) -> Callable[..., Any]:
        return lifecycle.accept


class ReturnForm(MoveForm):
    verb = Verb.RETURN
    submit = gettext_lazy("退单")
    done = gettext_lazy("已退回前台重新派单")
    says = "reason"
    danger = True
    reason = text_field(
        gettext_lazy("退单原因"),
        message=gettext_lazy("请写明退单原因。"),
        placeholder=gettext_lazy("前台会按您写的原因重新派单"),
    )

    def prepare(self) -> None:
        self.offer_phrases("reason", _("不属于本部门"), _("地址或内容不清"), _("重复派单"), _("缺少资质或工具"))

    def call(self) -> Callable[..., Any]:
        return lifecycle.return_


class AnswerOnSpotForm(MoveForm):
    verb = Verb.ANSWER_ON_SPOT
    submit = gettext_lazy("答复并办结")
    done = gettext_lazy("已答复并办结")
    says = "answer"
    answer = text_field(gettext_lazy("答复内容"), rows=4, message=gettext_lazy("请写下答复内容。"))
    channel = choice_field(
        gettext_lazy("答复方式"),
        channels(*SPOKEN),
        message=gettext_lazy("请选择答复方式。"),
        initial=Channel.FACE.value,
    )
    grade = choice_field(
        gettext_lazy("业主评价"),
        [("", gettext_lazy("没有问"))] + [(str(value), GRADES[value]) for value in (5, 4, 3)],
        help_text=gettext_lazy("业主不满意时请派单继续办理，不能当场办结。"),
    )

    def clean_grade(self) -> int | None:
        return int(self.cleaned_data["grade"]) if self.cleaned_data["grade"] else None

    def was_made(self, events: Any) -> bool:
        # One press leaves five events; the last of them, the summary, carries the answer.
        typed = self.typed("answer")[:2000]
        return any(
            event.verb == Verb.SUMMARISE
            and event.actor_id == self.viewer.employee_id
            and (event.data or {}).get("on_spot")
            and event.data["cause"] == typed
            for event in events
        )

    def call(self) -> Callable[..., Any]:
        return lifecycle.answer_on_spot
