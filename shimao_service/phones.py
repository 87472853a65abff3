"""Phone numbers in one form, whatever form they are typed in.

Stored: a mobile ``13812345678``, a landline ``021-62345678`` (an extension ``021-62345678-801``), a
service line ``400-820-8820``, a number outside the mainland ``+85291234567``.
"""

from __future__ import annotations

import re

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import PhoneNumberType

from shimao_service.exceptions import Invalid

# Full-width digits, letters and signs as an input method leaves them; dashes and spaces of every kind.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "‐‑‒–—―－−ー"), "-")
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u202a\u202c\u202d\u202e"))
_EXTENSION = re.compile(r"(?:转|分机|ext\.?|x|#)\s*(\d{1,6})$", re.IGNORECASE)
_DASHED_EXTENSION = re.compile(r"^(0\d{2,3}-\d{7,8})-(\d{1,6})$")
_SERVICE = re.compile(r"^(400|800)(\d{3})(\d{4})$")
_MOBILE = re.compile(r"^1[3-9]\d{9}$")
_ALLOWED = re.compile(r"^\+?[\d()\-.· ]+$")


def normalise(text: str) -> str:
    """The stored form of a number as people type it; ``""`` for nothing.

    Raises ``Invalid`` with a sentence that says what to do.

    >>> normalise("+86 138-1234-5678"), normalise("（021）6234 5678"), normalise("4008208820")
    ('13812345678', '021-62345678', '400-820-8820')
    """
    typed = str(text).translate(_INVISIBLE).translate(_NARROW)
    typed = " ".join(typed.split())
    if not typed:
        return ""
    body, extension = _split_extension(typed)
    if not _ALLOWED.match(body):
        raise Invalid(_("电话号码里有数字以外的字符，请核对。"))
    foreign = body.startswith(("+", "00"))
    digits = re.sub(r"\D", "", body)
    if foreign:
        digits = digits.removeprefix("00")
        if not digits.startswith("86"):
            return _international(digits)
        digits = digits[2:]
    elif len(digits) == 13 and digits.startswith("86") and _MOBILE.match(digits[2:]):
        digits = digits[2:]
    return _mainland(digits, extension)


def _split_extension(typed: str) -> tuple[str, str]:
    if found := _EXTENSION.search(typed):
        return typed[: found.start()].rstrip(" -,，"), found[1]
    if found := _DASHED_EXTENSION.match(typed.replace(" ", "")):
        return found[1], found[2]
    return typed, ""


def _mainland(digits: str, extension: str) -> str:
    if _MOBILE.match(digits):
        return digits
    if found := _SERVICE.match(digits):
        return "-".join(found.groups()) + (f"-{extension}" if extension else "")
    if len(digits) in (7, 8) and not digits.startswith("0"):
        raise Invalid(_("座机请带上区号，例如 021-62345678。"))
    number = _parse(digits if digits.startswith(("0", "1")) else f"0{digits}", "CN")
    if number is None or phonenumbers.number_type(number) != PhoneNumberType.FIXED_LINE:
        if digits.startswith("1") and len(digits) != 11:
            raise Invalid(_("手机号应为 11 位，这里是 %(count)d 位。") % {"count": len(digits)})
        raise Invalid(_("不是有效的电话号码，请核对。"))
    national = str(number.national_number)
    area = phonenumbers.length_of_geographical_area_code(number)
    line = f"0{national[:area]}-{national[area:]}"
    return f"{line}-{extension}" if extension else line


def _international(digits: str) -> str:
    number = _parse(f"+{digits}", None)
    if number is None:
        raise Invalid(_("不是有效的电话号码，请核对。"))
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None
