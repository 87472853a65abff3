"""What stands in a column: its header, its meaning, and how a cell becomes a value.

A parser takes a cell that is not blank and returns the value, or raises ``Invalid`` with the reason in
words. Blank cells are never parsed: blank means "leave as it is".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from shimao_service import phones
from shimao_service.exceptions import Invalid
from shimao_service.spreadsheets import Cell, Header

Parser = Callable[[Cell], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the sheet. ``name`` is part of the file format and is not translated; ``help`` is.

    ``choices`` become a list in Excel. ``private`` masks the value in reports: ``"name"`` or ``"phone"``.
    ``as_text`` formats the template's cells as text, so that Excel keeps 1-2 and 0571 as they are typed.
    """

    key: str
    name: str
    parse: Parser
    required: bool = False
    help: Any = ""
    example: str = ""
    choices: tuple[str, ...] = ()
    private: str = ""
    as_text: bool = True
    width: int = 14

    @property
    def header(self) -> Header:
        return Header(self.key, self.name, self.required)


def parse_cell(column: Column, cell: Cell) -> Any:
    """The value of ``cell``, or None when it is blank. Raises ``Invalid``."""
    if cell.kind == "empty":
        if column.required:
            raise Invalid(_("“%(name)s”必填。") % {"name": column.name})
        return None
    if cell.kind == "formula":
        raise Invalid(_("这里是公式，请复制后选择性粘贴为“数值”。"))
    if cell.kind == "error":
        raise Invalid(_("这里是 Excel 的错误值（%(value)s），请改正。") % {"value": str(cell.value)[:20]})
    return column.parse(cell)


# --- parsers ---------------------------------------------------------------------------------------
_SCIENTIFIC = re.compile(r"^\d(\.\d+)?[eE]\+?\d+$")


def _as_text(cell: Cell) -> str:
    if cell.kind == "date":
        raise Invalid(
            _("这里被 Excel 当成了日期（%(value)s），请把这一列设为文本格式后重填。") % {"value": cell.shown[:20]}
        )
    if cell.kind == "boolean":
        raise Invalid(_("这里是逻辑值，请填写文字。"))
    return cell.shown


def text(maximum: int) -> Parser:
    """Words of at most ``maximum`` characters; a whole number is taken as its digits."""

    def parse(cell: Cell) -> str:
        value = _as_text(cell)
        if len(value) > maximum:
            raise Invalid(
                _("太长：最多 %(maximum)d 个字符，这里有 %(count)d 个。") % {"maximum": maximum, "count": len(value)}
            )
        return value

    return parse


_CHINESE_NAME = re.compile(r"^[\u3400-\u9fff\s]+$")


def person_name(maximum: int) -> Parser:
    """A name; Chinese ones are written without the space that lines them up in a column (张 三)."""
    words = text(maximum)

    def parse(cell: Cell) -> str:
        value: str = words(cell)
        if cell.kind == "number" or value.isdigit():
            raise Invalid(_("姓名不应是数字，请核对是否填错了列。"))
        return value.replace(" ", "") if _CHINESE_NAME.match(value) else value

    return parse


def code(maximum: int) -> Parser:
    """A short code; a text such as 1.0E+5 has lost its digits already."""
    words = text(maximum)

    def parse(cell: Cell) -> str:
        if cell.kind == "number" and not float(cell.value).is_integer():
            raise Invalid(_("这里应为编号，不应有小数。"))
        value = str(words(cell))
        _refuse_scientific(value)
        return value

    return parse


def _refuse_scientific(value: str) -> None:
    if _SCIENTIFIC.match(value):
        raise Invalid(
            _("号码被 Excel 变成了科学计数（%(value)s），请把这一列设为文本格式后重填。") % {"value": value[:20]}
        )


def phone(cell: Cell) -> str:
    value = _as_text(cell)
    _refuse_scientific(value)
    return phones.normalise(value)


def email(cell: Cell) -> str:
    value = _as_text(cell).replace("＠", "@")
    try:
        validate_email(value)
    except ValidationError:
        raise Invalid(_("邮箱格式不对，应类似 name@example.com。")) from None
    if len(value) > 254:
        raise Invalid(_("邮箱太长。"))
    return value


def choice(options: Mapping[str, str]) -> Parser:
    """``options`` maps what may be written to what it means."""

    def parse(cell: Cell) -> str:
        value = _as_text(cell)
        if value not in options:
            raise Invalid(_("只能填：%(options)s。") % {"options": "、".join(options)})
        return options[value]

    return parse


_DATE = re.compile(r"^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?$")
_COMPACT_DATE = re.compile(r"^(\d{4})(\d{2})(\d{2})$")
_EPOCH = date(1899, 12, 30)
EARLIEST, LATEST = date(1949, 10, 1), date(2100, 12, 31)


def day(cell: Cell) -> date:
    """A date cell, Excel's serial number of a day, or 2026-11-23, 2026/11/23, 2026年11月23日, 20261123."""
    value = cell.value
    found: date | None = None
    if cell.kind == "date":
        found = value.date() if isinstance(value, datetime) else value
    elif cell.kind == "number" and float(value).is_integer() and 0 < value < 100_000:
        found = _EPOCH + timedelta(days=int(value))
    elif cell.kind in ("text", "number"):
        match = _DATE.match(cell.shown) or _COMPACT_DATE.match(cell.shown)
        if match:
            try:
                found = date(*map(int, match.groups()))
            except ValueError:
                raise Invalid(_("没有这一天：%(value)s。") % {"value": cell.shown[:20]}) from None
    if found is None:
        raise Invalid(_("这里应为日期，例如 2026-11-23。"))
    if not EARLIEST <= found <= LATEST:
        raise Invalid(_("日期 %(value)s 不合常理，请核对。") % {"value": found.isoformat()})
    return found


def decimal(*, places: int, maximum: int) -> Parser:
    """A positive number, rounded to ``places``. 89.5㎡ is understood."""
    unit = Decimal(1).scaleb(-places)

    def parse(cell: Cell) -> Decimal:
        shown = re.sub(r"(㎡|平方米|平米|m2|m²)$", "", cell.shown.replace(",", ""), flags=re.IGNORECASE).strip()
        try:
            if cell.kind not in ("number", "text"):
                raise InvalidOperation
            value = Decimal(shown)
            if not value.is_finite():
                raise InvalidOperation
        except InvalidOperation:
            raise Invalid(_("这里应为数字，例如 89.50。")) from None
        if not 0 < value <= maximum:
            raise Invalid(_("应大于 0、不超过 %(maximum)d。") % {"maximum": maximum})
        return value.quantize(unit, rounding=ROUND_HALF_UP)

    return parse


_FLOOR = re.compile(r"^(?:(-|B|b|负|地下)\s*)?(\d{1,3})\s*(?:层|楼|F|f)?$")


def floor(cell: Cell) -> int:
    """15, 15层, -1, B1, 负1层. There is no floor 0."""
    shown = cell.shown
    match = _FLOOR.match(shown) if cell.kind in ("number", "text") else None
    if not match or not int(match[2]):
        raise Invalid(_("这里应为楼层数字，例如 15，地下一层填 -1。"))
    value = int(match[2])
    return -value if match[1] else value
