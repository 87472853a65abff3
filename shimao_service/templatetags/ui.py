"""What templates write with: icons, badges, times in words, masked names, addresses with one change.

Made in Python rather than in included templates because lists call them hundreds of times a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import segno
from django import template
from django.http import QueryDict
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shimao_service import looks, privacy

register = template.Library()


# --- icons and badges ----------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """The sprite's drawing ``name``; hidden from screen readers because a word always stands beside it."""
    return looks.icon(name, css)


@register.simple_tag
def badge(label: Any, tone: str = "muted", icon: str = "", solid: bool = False) -> SafeString:
    return looks.badge(label, tone=tone, icon_name=icon, solid=solid)


@register.simple_tag
def kind_badge(kind: str, label: Any = "") -> SafeString:
    """The kind of a request, in its own hue (status colours are kept for statuses)."""
    if kind in looks.KINDS and label:
        return looks.kind_badge(kind, label)
    return looks.look_badge("kind", kind, get_language()) or looks.badge(label or kind)


@register.simple_tag
def urgency_badge(urgency: str, label: Any = "") -> SafeString:
    """Solid red for what cannot wait, nothing for what can."""
    look = looks.URGENCIES.get(urgency)
    if look and label:
        return looks.badge(label, tone=look.tone, icon_name=look.icon, solid=True)
    return looks.look_badge("urgency", urgency, get_language())


@register.simple_tag
def status_badge(status: str, label: Any = "") -> SafeString:
    look = looks.STATUSES.get(status)
    if look and label:
        return looks.badge(label, tone=look.tone, icon_name=look.icon)
    return looks.look_badge("status", status, get_language()) or looks.badge(label or status)


@register.simple_tag
def step_dots(step: str, tone: str = "moving") -> SafeString:
    """The five steps as dots: those behind done, the present one in ``tone``. No step: all done (``muted``: none)."""
    return looks.step_dots(step, tone)


@register.simple_tag
def avatar(name: str, with_name: bool = False, detail: Any = "") -> SafeString:
    """The first character of a name on a colour that stays the same for that name."""
    return looks.avatar(str(name), bool(with_name), str(detail or "")) if name else SafeString("")


@register.filter
def avatar_tone(name: str) -> int:
    return looks.avatar_tone(name or "")


@register.filter
def initial(name: str) -> str:
    return (name or "")[:1].upper()


# --- times ---------------------------------------------------------------------------------------
@register.filter
def when(moment: datetime | None, style: str = "") -> SafeString | str:
    """``今天 14:05``, ``昨天 09:10``, ``11月3日 14:05``, ``2025年11月3日``; ``short`` leaves 今天 out."""
    if not moment:
        return ""
    local = timezone.localtime(moment)
    return looks.time_element(local, looks.moment_words(local, timezone.localtime(), short=style == "short"))


@register.filter
def day(moment: date | datetime | None) -> SafeString | str:
    """The day in words, without a time: ``今天``, ``昨天``, ``11月3日``, ``2025年11月3日``."""
    if not moment:
        return ""
    local = timezone.localtime(moment).date() if isinstance(moment, datetime) else moment
    words = looks.day_words(local, timezone.localdate())
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), looks.full_day(local), words)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Minutes or a timedelta as ``35 分``, ``2 小时 10 分``, ``3 天 4 小时``."""
    if value is None or value == "":
        return ""
    return looks.duration_words(value if isinstance(value, timedelta) else timedelta(minutes=float(value)))


@register.simple_tag
def clock(
    due: datetime | None,
    label: Any = "",
    met: datetime | None = None,
    paused: bool = False,
    paused_until: datetime | None = None,
    warn: int = 120,
    now: datetime | None = None,
) -> SafeString:
    """What is left of a limit, in words; core.js keeps the words true while the page is open.

    ``met`` ends the clock, ``paused`` stops it; ``warn`` is the number of minutes from which it is amber.
    """
    paused = paused or bool(paused_until)
    return looks.clock(due, label=label, met=met, paused=paused, until=paused_until, warn=warn, now=now)


# --- people --------------------------------------------------------------------------------------
@register.filter
def name_masked(name: str) -> str:
    return privacy.mask_name(name or "")


@register.filter
def phone_masked(phone: str) -> str:
    return privacy.mask_phone(phone or "")


# --- addresses and codes -------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def query(context: Mapping[str, Any], **changes: Any) -> str:
    """The present address's parameters with ``changes``; ``None`` or an empty text removes one."""
    request = context.get("request")
    parameters = request.GET.copy() if request is not None else QueryDict(mutable=True)
    for name, value in changes.items():
        if value is None or value == "":
            parameters.pop(name, None)
        elif isinstance(value, (list, tuple)):
            parameters.setlist(name, [str(v) for v in value])
        else:
            parameters[name] = str(value)
    return "?" + parameters.urlencode()


@register.simple_tag
def qr(address: str, css: str = "") -> SafeString:
    """A QR code as inline SVG, dark on a white ground in both colour schemes."""
    code = segno.make(address, error="m", micro=False)
    svg = code.svg_inline(border=2, svgclass=f"qr {css}".strip(), lineclass=None, omitsize=True, light="#fff")
    # The drawing is segno's own and the address is inside it as modules, not as text.
    return mark_safe(svg.replace("<svg ", str(format_html('<svg role="img" aria-label="{}" ', _("二维码"))), 1))


@register.simple_tag
def ui_strings() -> SafeString:
    """The words that scripts need, in the page's language, as data (no inline script)."""
    return json_script(looks.script_words(), "ui-strings")


# --- forms ---------------------------------------------------------------------------------------
@register.filter
def control(field: Any) -> str:
    """Which shape a bound field has: ``checkbox``, ``choices``, ``select``, ``file``, ``textarea`` or ``input``."""
    return looks.control_of(field)


@register.filter
def control_class(field: Any) -> str:
    return {"select": "form-select", "checkbox": "form-check-input", "choices": ""}.get(
        looks.control_of(field), "form-control"
    )


@register.simple_tag
def facts(*pairs: Any) -> SafeString:
    """``{% facts "接待" when "分派" who %}`` as a description list."""
    rows = [(pairs[i], pairs[i + 1]) for i in range(0, len(pairs) - 1, 2)]
    return format_html('<dl class="facts">{}</dl>', format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", rows))


@register.simple_tag
def sprite() -> str:
    return static("img/icons.svg")
