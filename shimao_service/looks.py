"""How facts look and read: the tone, icon and word of each state, and times in words.

Pure functions and tables; the template tags in ``templatetags/ui.py`` are thin over them. The codes
are the shared vocabulary of pages and API, so that a badge is the same wherever it appears.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import forms
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Look:
    label: Any
    tone: str
    icon: str


STATUSES = {
    "registered": Look(gettext_lazy("待派单"), "waiting", "inbox"),
    "dispatched": Look(gettext_lazy("待接单"), "waiting", "send"),
    "in_progress": Look(gettext_lazy("处理中"), "moving", "tool"),
    "on_hold": Look(gettext_lazy("挂起"), "paused", "player-pause"),
    "completed": Look(gettext_lazy("待回复业主"), "moving", "phone-outgoing"),
    "fed_back": Look(gettext_lazy("待评价"), "waiting", "star"),
    "awaiting_summary": Look(gettext_lazy("待总结"), "waiting", "pencil"),
    "closed": Look(gettext_lazy("已办结"), "done", "circle-check"),
    "cancelled": Look(gettext_lazy("已作废"), "muted", "ban"),
}
KINDS = {
    "repair": Look(gettext_lazy("报修"), "", "tool"),
    "complaint": Look(gettext_lazy("投诉"), "", "message-report"),
    "consultation": Look(gettext_lazy("咨询"), "", "message-question"),
    "suggestion": Look(gettext_lazy("建议"), "", "bulb"),
    "praise": Look(gettext_lazy("表扬"), "", "thumb-up"),
}
URGENCIES = {
    "critical": Look(gettext_lazy("特急"), "overdue", "urgent"),
    "urgent": Look(gettext_lazy("急修"), "overdue", "bolt"),
}
STEPS = {
    "intake": gettext_lazy("接待"),
    "dispatch": gettext_lazy("分派"),
    "follow_up": gettext_lazy("跟进"),
    "feedback": gettext_lazy("反馈"),
    "summary": gettext_lazy("总结"),
}
AVATAR_TONES = 6


@lru_cache(maxsize=512)
def icon(name: str, css: str = "") -> SafeString:
    """An icon's markup; kept, since a list asks for the same few hundreds of times."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        static("img/icons.svg"),
        name,
    )


def badge(label: Any, *, tone: str = "muted", icon_name: str = "", solid: bool = False) -> SafeString:
    return format_html(
        '<span class="badge badge--{}{}">{}{}</span>',
        tone,
        " badge--solid" if solid else "",
        icon(icon_name) if icon_name else "",
        label,
    )


def step_dots(step: str, tone: str) -> SafeString:
    return _step_dots(step, tone, get_language())


@lru_cache(maxsize=256)
def _step_dots(step: str, tone: str, language: str | None) -> SafeString:
    """The five steps as dots. Without a step, or with the tone ``done``, all are done; ``muted``: none is."""
    steps = list(STEPS)
    if step in steps and tone not in ("done", "muted"):
        at = steps.index(step)
        words = _("第 %(number)s 步，共 5 步：%(step)s") % {"number": at + 1, "step": STEPS[step]}
        tones = ["done"] * at + [tone] + ["todo"] * (len(steps) - at - 1)
    else:
        words = _("已作废") if tone == "muted" else _("五步已完成")
        tones = ["todo" if tone == "muted" else "done"] * len(steps)
    dots = format_html_join("", '<i class="dot dot--{}"></i>', ((name,) for name in tones))
    return format_html('<span class="dots" role="img" aria-label="{}" title="{}">{}</span>', words, words, dots)


@lru_cache(maxsize=256)
def look_badge(table: str, code: str, language: str | None) -> SafeString:
    """The badge of a known kind, urgency or status in one language; empty for an unknown code."""
    look = {"kind": KINDS, "urgency": URGENCIES, "status": STATUSES}[table].get(code)
    if look is None:
        return SafeString("")
    if table == "kind":
        return kind_badge(code, look.label)
    return badge(look.label, tone=look.tone, icon_name=look.icon, solid=table == "urgency")


def kind_badge(code: str, label: Any) -> SafeString:
    return format_html('<span class="badge kind kind--{}">{}{}</span>', code, icon(KINDS[code].icon), label)


@lru_cache(maxsize=4096)
def avatar(name: str, with_name: bool, detail: str) -> SafeString:
    face = format_html(
        '<span class="avatar avatar--{}" aria-hidden="true">{}</span>', avatar_tone(name), name[0].upper()
    )
    if not with_name:
        return face
    extra = format_html(' <span class="muted">{}</span>', detail) if detail else ""
    return format_html('<span class="who">{}<span class="who-name">{}{}</span></span>', face, name, extra)


def avatar_tone(name: str) -> int:
    return zlib.crc32(name.encode()) % AVATAR_TONES + 1


# --- words for times -----------------------------------------------------------------------------
def duration_words(span: timedelta) -> str:
    """The two largest units of a span: ``35 分``, ``2 小时 10 分``, ``3 天 4 小时``; below a minute ``不到 1 分``."""
    minutes = int(abs(span).total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    if days:
        parts = [
            pgettext("span", "%(n)s 天") % {"n": days},
            pgettext("span", "%(n)s 小时") % {"n": hours} if hours else "",
        ]
    elif hours:
        parts = [pgettext("span", "%(n)s 小时") % {"n": hours}, _("%(n)s 分") % {"n": minutes} if minutes else ""]
    elif minutes:
        parts = [_("%(n)s 分") % {"n": minutes}]
    else:
        return _("不到 1 分")
    return " ".join(part for part in parts if part)


def is_chinese() -> bool:
    return (get_language() or "zh").startswith("zh")


def full_day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日" if is_chinese() else date_format(day, "j F Y")


def full_moment(local: datetime) -> str:
    return f"{full_day(local.date())} {local:%H:%M:%S}"


def day_words(day: date, today: date) -> str:
    apart = (day - today).days
    near = {0: _("今天"), -1: _("昨天"), 1: _("明天")}
    if apart in near:
        return near[apart]
    if day.year == today.year:
        return f"{day.month}月{day.day}日" if is_chinese() else date_format(day, "j M")
    return full_day(day)


def moment_words(local: datetime, now: datetime, *, short: bool = False) -> str:
    """A moment as people say it; the time of day is left out for other years."""
    words = day_words(local.date(), now.date())
    if local.year != now.year and abs((local.date() - now.date()).days) > 1:
        return words
    if short and local.date() == now.date():
        return f"{local:%H:%M}"
    return f"{words} {local:%H:%M}"


def time_element(local: datetime, words: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="seconds"), full_moment(local), words
    )


def clock(
    due: datetime | None,
    *,
    label: Any = "",
    met: datetime | None = None,
    paused: bool = False,
    until: datetime | None = None,
    warn: int = 120,
    now: datetime | None = None,
) -> SafeString:
    """The remaining or exceeded time as an element with its tone, icon and full time.

    Paused clocks tell until when; met ones tell the moment, in red words when it was late.
    """
    now = now or timezone.now()
    if paused:
        words = _("已挂起")
        if until:
            words = _("挂起至 %(day)s") % {"day": day_words(timezone.localtime(until).date(), timezone.localdate(now))}
        return _clock_element("paused", "player-pause", words, until)
    if due is None:
        return SafeString("")
    if met is not None:
        late = met > due
        at = moment_words(timezone.localtime(met), timezone.localtime(now), short=True)
        words = f"{label} {at}".strip()
        if late:
            words = _("%(words)s，超时 %(span)s") % {"words": words, "span": duration_words(met - due)}
        return _clock_element("overdue" if late else "done", "alert-triangle" if late else "check", words, due)
    left = due - now
    if left < timedelta(0):
        words, tone, drawing = _("%(label)s超时 %(span)s"), "overdue", "alert-triangle"
    elif left <= timedelta(minutes=warn):
        words, tone, drawing = _("%(label)s剩 %(span)s"), "warning", "clock-exclamation"
    else:
        words, tone, drawing = _("%(label)s剩 %(span)s"), "normal", "clock"
    text = words % {"label": label, "span": duration_words(left)}
    live = format_html(' data-due="{}" data-warn="{}" data-label="{}"', due.isoformat(timespec="seconds"), warn, label)
    return _clock_element(tone, drawing, text, due, live)


def _clock_element(tone: str, drawing: str, words: str, moment: datetime | None, live: Any = "") -> SafeString:
    if moment is None:
        return format_html('<span class="clock clock--{}">{}<span>{}</span></span>', tone, icon(drawing), words)
    local = timezone.localtime(moment)
    return format_html(
        '<time class="clock clock--{}" datetime="{}" title="{}"{}>{}<span>{}</span></time>',
        tone,
        local.isoformat(timespec="seconds"),
        full_moment(local),
        live,
        icon(drawing),
        words,
    )


# --- forms ---------------------------------------------------------------------------------------
def control_of(field: Any) -> str:
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        return "checkbox"
    if isinstance(widget, (forms.RadioSelect, forms.CheckboxSelectMultiple)):
        return "choices"
    if isinstance(widget, (forms.Select, forms.SelectMultiple)):
        return "select"
    if isinstance(widget, forms.Textarea):
        return "textarea"
    if isinstance(widget, forms.FileInput):
        return "file"
    return "input"


def script_words() -> dict[str, str]:
    """Every word that static/js shows, by key."""
    return {
        "days": pgettext("span", "%(n)s 天"),
        "hours": pgettext("span", "%(n)s 小时"),
        "minutes": _("%(n)s 分"),
        "underMinute": _("不到 1 分"),
        "left": _("%(label)s剩 %(span)s"),
        "over": _("%(label)s超时 %(span)s"),
        "draftSaved": _("草稿已保存 %(time)s"),
        "draftRestored": _("已恢复 %(time)s 的草稿"),
        "draftDrop": _("清除草稿"),
        "unsaved": _("还有未提交的内容，确定离开吗？"),
        "confirm": _("确定"),
        "cancel": _("取消"),
        "close": _("关闭"),
        "copied": _("已复制"),
        "copyFailed": _("复制不了，请手动选中复制。"),
        "serverBusy": _("系统忙，请稍后再试。您填写的内容还在。"),
        "offline": _("网络断开，请检查网络后重试。您填写的内容还在。"),
        "expired": _("页面已过期，请刷新后再试。"),
        "signInAgain": _("登录已过期，请重新登录。"),
        "acknowledged": _("已确认知悉：%(title)s"),
        "alarmsLost": _("连不上服务器，新的特急可能没有显示，请检查网络。"),
        "alarmsSignIn": _("登录已过期，新的特急不再显示在这里，请重新登录。"),
        "selected": _("已选 %(n)s 件"),
        "uploadTooMany": _("最多 %(n)s 张图片，多出的没有加入。"),
        "uploadTooLarge": _("“%(name)s”超过 %(mb)s MB，没有加入。"),
        "uploadNotPicture": _("“%(name)s”不是图片，没有加入。"),
        "uploadPreparing": _("正在压缩图片"),
        "uploading": _("正在上传 %(percent)s%%"),
        "uploadDone": _("上传完成，正在保存"),
        "uploadFailed": _("网络断开，没有传上去。图片和文字都还在。"),
        "retry": _("重试"),
        "remove": _("移除“%(name)s”"),
        "noPreview": _("无法预览，仍会上传"),
        "lookupNone": _("没有找到。换个电话、房号或姓名试试。"),
        "lookupFailed": _("查找失败，请稍后再试。"),
        "lookupCount": _("找到 %(n)s 项，用上下键选择"),
        "previous": _("上一张"),
        "next": _("下一张"),
        "loading": _("正在打开"),
    }
