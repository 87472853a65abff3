"""What managers type about limits: a kind at a time, each cell a target, a promise and who hears of a miss."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from shimao_service import working_time
from shimao_service.forms import RefusableForm
from shimao_service.models import WorkCalendar
from shimao_service.working_time import SERVICE, WORKING, Calendar
from staff.models import Project
from tickets.limit_words import COLUMNS, MEASURE_WORDS, class_words, classes, join, split
from tickets.limits import Allowance, Class, Limits
from tickets.models import Policy
from tickets.statuses import ClockName, LimitUnit, Rung

MEASURES = list(MEASURE_WORDS.items())
# Two years of minutes, as the table keeps it.
LONGEST = 1_051_200
APPLY = (("new", _l("只用于新登记的工单")), ("open", _l("同时重算未办结的工单（先看预览，确认后才改）")))


@dataclass
class Cell:
    """One clock of one class as it is typed."""

    of: Class
    clock: ClockName
    number: forms.BoundField
    measure: forms.BoundField
    promise: forms.BoundField
    promise_measure: forms.BoundField
    told: forms.BoundField

    @property
    def label(self) -> str:
        return str(self.clock.label)

    @property
    def errors(self) -> list[str]:
        fields = (self.number, self.measure, self.promise, self.promise_measure, self.told)
        return [str(error) for field in fields for error in field.errors]


@dataclass
class Line:
    label: str
    cells: list[Cell]


def not_below_zero(number: int) -> None:
    if number < 0:
        raise forms.ValidationError(_("不能小于 0。"))


def name_of(of: Class, clock: str, part: str) -> str:
    return f"{of[1]}{'_grave' if of[2] else ''}-{clock}-{part}"


class LimitsForm(RefusableForm):
    """The limits of one kind. A target longer than its promise is a question, answered by ``accept``.

    ``calendar`` is what targets and promises in different units are compared by.
    """

    made_from = forms.CharField(widget=forms.HiddenInput, max_length=16)
    accept = forms.CharField(widget=forms.HiddenInput, required=False, max_length=16)

    def __init__(self, *args: Any, kind: str, limits: Limits, calendar: Calendar, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.kind, self.calendar = kind, calendar
        self.warnings: list[str] = []
        for of in classes(kind):
            for clock in COLUMNS[kind]:
                self._add(of, clock, limits.of(*of).get(clock))

    def _add(self, of: Class, clock: ClockName, allowance: Allowance | None) -> None:
        where = f"{class_words(of)} {clock.label}"
        target = split(allowance.amount, allowance.unit) if allowance else (None, "h60")
        promise = split(*allowance.promise) if allowance and allowance.promise else (None, target[1])
        for part, words, (number, measure) in (("target", _("目标"), target), ("promise", _("承诺"), promise)):
            self.fields[name_of(of, clock, part)] = forms.IntegerField(
                label=f"{where} {words}", required=False, validators=[not_below_zero], initial=number,
                error_messages={"invalid": _("请填写整数。")},
                widget=forms.NumberInput(attrs={
                    "class": "form-control form-control-sm limit-number", "inputmode": "numeric",
                    "aria-label": f"{where} {words}",
                }),
            )  # fmt: skip
            self.fields[name_of(of, clock, f"{part}_measure")] = forms.ChoiceField(
                label=_("%(where)s单位") % {"where": f"{where} {words}"}, choices=MEASURES, initial=measure,
                widget=forms.Select(attrs={
                    "class": "form-select form-select-sm",
                    "aria-label": _("%(where)s单位") % {"where": f"{where} {words}"},
                }),
            )  # fmt: skip
        self.fields[name_of(of, clock, "told")] = forms.ChoiceField(
            label=_("%(where)s 超时告知") % {"where": where}, choices=Rung.choices,
            initial=allowance.told_at_miss if allowance else Rung.SUPERVISOR.value,
            widget=forms.Select(attrs={
                "class": "form-select form-select-sm", "aria-label": _("%(where)s 超时告知") % {"where": where},
            }),
        )  # fmt: skip

    # --- reading ----------------------------------------------------------------------------------
    @property
    def columns(self) -> list[str]:
        return [str(clock.label) for clock in COLUMNS[self.kind]]

    @property
    def lines(self) -> Iterator[Line]:
        for of in classes(self.kind):
            yield Line(class_words(of), [self._cell(of, clock) for clock in COLUMNS[self.kind]])

    def _cell(self, of: Class, clock: ClockName) -> Cell:
        parts = ("target", "target_measure", "promise", "promise_measure", "told")
        return Cell(of, clock, *(self[name_of(of, clock, part)] for part in parts))

    # --- judging ----------------------------------------------------------------------------------
    def clean(self) -> dict[str, Any] | None:
        values = super().clean()
        for of in classes(self.kind):
            for clock in COLUMNS[self.kind]:
                self._check(of, clock)
        if self.errors:
            self._mark()
        elif self.warnings and self.cleaned_data.get("accept") != self.question:
            self.add_error(None, _("有目标比承诺还长，请核对；确实如此的，请再按一次“仍然保存”。"))
        return values

    def _check(self, of: Class, clock: ClockName) -> None:
        target = self._amount(of, clock, "target")
        promise = self._amount(of, clock, "promise")
        if promise is not None and target is None and not self.has_error(name_of(of, clock, "target")):
            self.add_error(name_of(of, clock, "target"), _("有承诺就要有目标。"))
        if target and promise and is_longer(target, promise, self.calendar):
            self.warnings.append(_("%(class)s %(clock)s：目标比承诺还长") % {
                "class": class_words(of), "clock": clock.label,
            })  # fmt: skip

    def _amount(self, of: Class, clock: ClockName, part: str) -> tuple[int, str] | None:
        """What was typed, as it is stored; None when nothing was, or when it is refused."""
        name = name_of(of, clock, part)
        number, measure = self.cleaned_data.get(name), self.cleaned_data.get(f"{name}_measure")
        if number is None or measure is None:
            return None
        amount, unit = join(number, measure)
        if amount > LONGEST or (unit == LimitUnit.WORKING and amount > 500):
            self.add_error(name, _("时间太长了，请核对单位。"))
            return None
        if amount == 0 and unit != LimitUnit.WORKING and clock != ClockName.ON_SITE:
            self.add_error(name, _("请填写大于 0 的数；不设时限的请留空。"))
            return None
        return amount, unit

    def _mark(self) -> None:
        """Wrong fields say so to those who cannot see red."""
        for name in self.errors:
            if name in self.fields:
                attrs = self.fields[name].widget.attrs
                attrs |= {"aria-invalid": "true", "class": f"{attrs.get('class', '')} is-invalid"}

    @property
    def question(self) -> str:
        """What has to be answered: the warnings shown, so that a new one is asked about anew."""
        return hashlib.sha256("\n".join(self.warnings).encode()).hexdigest()[:16] if self.warnings else ""

    @property
    def is_asking(self) -> bool:
        """Whether nothing but the warnings stands in the way."""
        return bool(self.warnings) and set(self.errors) <= {"__all__"}

    def rows(self) -> dict[Class, dict[str, Allowance]]:
        """What was typed, as limits. Only after :meth:`is_valid`."""
        found: dict[Class, dict[str, Allowance]] = {}
        for of in classes(self.kind):
            for clock in COLUMNS[self.kind]:
                target = self._amount(of, clock, "target")
                if target is not None:
                    told = self.cleaned_data[name_of(of, clock, "told")]
                    promise = self._amount(of, clock, "promise")
                    found.setdefault(of, {})[clock.value] = Allowance(clock.value, *target, promise, told)
        return found


def is_longer(target: tuple[int, str], promise: tuple[int, str], calendar: Calendar) -> bool:
    """Whether our target may run out after what the owner was told, whenever the request comes in.

    Asked of a morning, a noon and every closing time of an ordinary week.
    """
    if target[1] == promise[1]:
        return target[0] > promise[0]

    def due(start: datetime, limit: tuple[int, str]) -> datetime:
        return working_time.due(calendar, limit[1], start, limit[0])

    try:
        return any(due(start, target) > due(start, promise) for start in ordinary_week(calendar))
    except working_time.NeverOpen:
        return False


def ordinary_week(calendar: Calendar) -> Iterable[datetime]:
    """Moments of the coming week that has no holiday in it nor after it."""
    monday = timezone.localdate()
    monday += timedelta(days=7 - monday.weekday())
    for _week in range(26):
        if not any(monday + timedelta(days=offset) in calendar.days for offset in range(14)):
            break
        monday += timedelta(days=7)
    for offset in range(7):
        day = monday + timedelta(days=offset)
        for hour in (9, 12):
            yield datetime(day.year, day.month, day.day, hour, tzinfo=calendar.zone)
        for measure in (SERVICE, WORKING):  # at closing time it is longest until the next opening
            yield from (last for _first, last in calendar.spans(measure, day))


class PublishForm(RefusableForm):
    made_from = forms.CharField(widget=forms.HiddenInput, max_length=16)
    note = forms.CharField(
        label=_l("为什么改"), required=False, max_length=200,
        widget=forms.TextInput(attrs={"placeholder": _l("例如：按新签的物业服务合同调整")}),
    )  # fmt: skip
    apply = forms.ChoiceField(label=_l("未办结的工单"), choices=APPLY, widget=forms.RadioSelect, initial="new")


class CopyForm(RefusableForm):
    name = forms.CharField(label=_l("名称"), max_length=40)
    project = forms.ModelChoiceField(Project.objects.none(), label=_l("给哪个项目用"), required=False)

    def __init__(self, *args: Any, projects: Iterable[Project], company: bool, **kwargs: Any):
        super().__init__(*args, **kwargs)
        field: Any = self.fields["project"]
        field.queryset = Project.objects.filter(pk__in=[project.pk for project in projects])
        field.empty_label = _("全公司（各项目可选用）") if company else None
        field.required = not company


class ChooseForm(RefusableForm):
    policy = forms.ModelChoiceField(
        Policy.objects.none(), label=_l("时限标准"), empty_label=None, widget=forms.RadioSelect
    )
    calendar = forms.ChoiceField(label=_l("日历"), required=False, help_text=_l("服务时间、工作日和节假日按它计算。"))
    apply = forms.ChoiceField(label=_l("未办结的工单"), choices=APPLY, widget=forms.RadioSelect, initial="new")

    def __init__(self, *args: Any, choices: Any, calendars: Iterable[WorkCalendar], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["policy"].queryset = choices  # type: ignore[attr-defined]
        self.calendars = {str(one.pk): one for one in calendars}
        words = [(pk, calendar_words(one)) for pk, one in self.calendars.items()]
        self.fields["calendar"].choices = words  # type: ignore[attr-defined]

    def clean_calendar(self) -> WorkCalendar | None:
        """None: nothing was chosen, the project keeps what it has."""
        return self.calendars.get(self.cleaned_data["calendar"])


def calendar_words(calendar: WorkCalendar) -> str:
    words = {"name": _(calendar.name)}
    return _("%(name)s（默认）") % words if calendar.is_default else words["name"]
