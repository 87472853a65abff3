"""What people type about calendars: hours as 08:30-12:00 13:30-17:30, days, and a year's file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l

from shimao_service.forms import RefusableForm
from shimao_service.models import WorkCalendar
from shimao_service.official_days import FIRST_YEAR, LARGEST_FILE, LAST_YEAR
from shimao_service.working_time import DAY_MINUTES, HOLIDAY, Calendar, Spans

WEEKDAYS = (_l("星期一"), _l("星期二"), _l("星期三"), _l("星期四"), _l("星期五"), _l("星期六"), _l("星期日"))
CLOSED = {"", "-", "–", "—", "休", "休息", "无", "closed"}
WHOLE_DAY = {"全天", "24小时", "24h"}
SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–—~～至到]+\s*(\d{1,2}):(\d{2})", re.ASCII)
MOST_SPANS = 12


def read_spans(typed: str) -> Spans:
    """Hours as typed, in order. Raises ``ValidationError`` that says what to write instead."""
    text = typed.strip().replace("：", ":")
    if text.lower() in CLOSED:
        return ()
    if text.lower() in WHOLE_DAY:
        return ((0, DAY_MINUTES),)
    if re.sub(SPAN, "", text).strip(" ,，、;；和\t\n"):
        raise forms.ValidationError(_("请写成 08:30-12:00 13:30-17:30；不上班的留空。"))
    spans = sorted(read_span(*found.groups()) for found in SPAN.finditer(text))
    for one, other in pairwise(spans):
        if other[0] < one[1]:
            raise forms.ValidationError(
                _("%(one)s 与 %(other)s 重叠。") % {"one": write_spans((one,)), "other": write_spans((other,))}
            )
    if len(spans) > MOST_SPANS:
        raise forms.ValidationError(_("一天最多 %(most)d 段。") % {"most": MOST_SPANS})
    return tuple(spans)


def read_span(first_hour: str, first_minute: str, last_hour: str, last_minute: str) -> tuple[int, int]:
    first, last = int(first_hour) * 60 + int(first_minute), int(last_hour) * 60 + int(last_minute)
    words = f"{first_hour}:{first_minute}-{last_hour}:{last_minute}"
    if int(first_minute) > 59 or int(last_minute) > 59 or max(first, last) > DAY_MINUTES:
        raise forms.ValidationError(_("%(words)s：没有这样的时间，一天最晚到 24:00。") % {"words": words})
    if last <= first:
        raise forms.ValidationError(_("%(words)s：结束要晚于开始；跨过零点的，请分别写在两天里。") % {"words": words})
    return first, last


def write_spans(spans: Spans) -> str:
    """The same, as people type it."""
    return " ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in spans)


class SpansField(forms.CharField):
    """``clean`` answers spans of minutes."""

    def __init__(self, **kwargs: Any):
        attrs = {"autocomplete": "off", "spellcheck": "false"}
        super().__init__(required=False, max_length=200, widget=forms.TextInput(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> Spans:
        return read_spans(super().clean(value))


class NewCalendarForm(RefusableForm, forms.ModelForm):
    class Meta:
        model = WorkCalendar
        fields = ["name", "code", "timezone"]
        help_texts = {"code": _l("字母、数字、- 和 _。"), "timezone": _l("例如 Asia/Shanghai。")}

    def clean_code(self) -> str:
        code = self.cleaned_data["code"].strip()
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,20}", code):
            raise forms.ValidationError(_("编码只能用字母、数字、- 和 _。"))
        if WorkCalendar.objects.filter(code__iexact=code).exists():
            raise forms.ValidationError(_("已有编码为 %(code)s 的日历。") % {"code": code})
        return code

    def clean_timezone(self) -> str:
        name = self.cleaned_data["timezone"].strip()
        if name not in available_timezones():
            raise forms.ValidationError(_("没有“%(name)s”这个时区，国内请用 Asia/Shanghai。") % {"name": name})
        return name


class DraftForm(RefusableForm):
    """Every form of a draft carries how often the draft had been changed when the page was made."""

    edits = forms.IntegerField(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)


class WeekForm(DraftForm):
    """A row a weekday: working time and service time; and what holidays are like for service."""

    AS_EVER, OWN_HOURS, CLOSED = "as_ever", "own", "closed"
    holidays = forms.ChoiceField(
        label=_l("节假日的服务时间"),
        choices=[(AS_EVER, _l("与平日相同")), (OWN_HOURS, _l("另行规定")), (CLOSED, _l("不服务"))],
    )
    service_7 = SpansField(label=_l("节假日服务时间"), help_text=_l("选“另行规定”时填写。"))

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for day, name in enumerate(WEEKDAYS):
            self.fields[f"working_{day}"] = SpansField(label=_("%(day)s工作时间") % {"day": name})
            self.fields[f"service_{day}"] = SpansField(label=_("%(day)s服务时间") % {"day": name})

    @property
    def rows(self) -> list[tuple[Any, forms.BoundField, forms.BoundField]]:
        return [(name, self[f"working_{day}"], self[f"service_{day}"]) for day, name in enumerate(WEEKDAYS)]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        typed = values.get("service_7")
        if values.get("holidays") == self.OWN_HOURS and typed == ():
            self.add_error("service_7", _("请填写节假日的服务时间，或选“不服务”。"))
        return values

    def hours(self) -> dict[str, Any]:
        """What :func:`calendar_drafts.write_week` takes."""
        values = self.cleaned_data
        service = {day: values[f"service_{day}"] for day in range(7)}
        if values["holidays"] == self.OWN_HOURS:
            service[HOLIDAY] = values["service_7"]
        return {
            "service": service,
            "working": {day: values[f"working_{day}"] for day in range(7)},
            "serves_holidays": values["holidays"] == self.AS_EVER,
        }

    @classmethod
    def of(cls, calendar: Calendar, edits: int) -> WeekForm:
        """Filled in with what the draft says."""
        holidays = cls.AS_EVER
        if HOLIDAY in calendar.service:
            holidays = cls.OWN_HOURS if calendar.service[HOLIDAY] else cls.CLOSED
        initial: dict[str, Any] = {"edits": edits, "holidays": holidays}
        measures: tuple[tuple[str, Mapping[int, Spans]], ...] = (
            ("working", calendar.working),
            ("service", calendar.service),
        )
        for measure, week in measures:
            initial |= {f"{measure}_{day}": write_spans(week.get(day, ())) for day in range(HOLIDAY + 1)}
        return cls(initial=initial)


class DayForm(DraftForm):
    OFF, WORKED, HOURS = "off", "worked", "hours"
    date = forms.DateField(label=_l("日期"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(
        label=_l("到（含）"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_l("只有一天的留空。"),
    )  # fmt: skip
    kind = forms.ChoiceField(label=_l("这一天"), initial=OFF, choices=[
        (OFF, _l("放假")), (WORKED, _l("上班")), (HOURS, _l("照常上班或休息，只改时间（如夏令时间）")),
    ])  # fmt: skip
    name = forms.CharField(label=_l("名称"), max_length=60, help_text=_l("例如：台风停工、年会、夏令时间。"))
    working = SpansField(label=_l("当天工作时间"), help_text=_l("与平日不同时填写，写法同上；放假的不填。"))
    service = SpansField(label=_l("当天服务时间"), help_text=_l("留空表示照常。"))
    is_unserved = forms.BooleanField(label=_l("当天停止服务"), required=False)

    def clean_date(self) -> Any:
        day = self.cleaned_data["date"]
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise forms.ValidationError(
                _("请填写 %(first)d–%(last)d 年的日期。") % {"first": FIRST_YEAR, "last": LAST_YEAR}
            )
        return day

    def values(self) -> dict[str, Any]:
        """What :func:`calendar_drafts.write_days` takes."""
        typed = self.cleaned_data
        return {
            "first": typed["date"],
            "last": typed["last"] or typed["date"],
            "name": typed["name"].strip(),
            "is_off": typed["kind"] == self.OFF,
            "keeps_days": typed["kind"] == self.HOURS,
            "is_unserved": typed["is_unserved"],
            "service": typed["service"],
            "working": typed["working"],
        }


class RemoveDayForm(DraftForm):
    day = forms.DateField(widget=forms.HiddenInput)
    last = forms.DateField(widget=forms.HiddenInput, required=False)


class PublishForm(DraftForm):
    NEW, OPEN = "new", "open"
    note = forms.CharField(
        label=_l("说明"), max_length=200, required=False, help_text=_l("为什么改，写给以后查看的人。")
    )
    scope = forms.ChoiceField(
        label=_l("用于"), choices=[(NEW, _l("只用于新工单")), (OPEN, _l("重算未办结的"))], initial=NEW
    )

    def __init__(self, *args: Any, can_recompute: bool, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if not can_recompute:
            del self.fields["scope"]

    @property
    def recomputes(self) -> bool:
        return self.cleaned_data.get("scope") == self.OPEN


class YearFileForm(RefusableForm):
    file = forms.FileField(
        label=_l("holiday-cn 年度文件"),
        help_text=_l("holiday-cn 项目发布的 JSON 文件，例如 2027.json。"),
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".json,application/json"}),
        error_messages={"required": _l("请选择文件。")},
    )

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("文件太大，一年的节假日安排不会超过 200 KB。"))
        return file.read()


class AcceptYearForm(RefusableForm):
    """The file that was looked at, sent along with the yes."""

    content = forms.CharField(max_length=LARGEST_FILE, widget=forms.HiddenInput)
