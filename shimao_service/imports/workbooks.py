"""Workbooks we hand out: the template to fill in, and the rows that could not be imported."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from shimao_service.imports.importer import Importer
from shimao_service.models import ImportRow
from shimao_service.spreadsheets import LIMITS, escape

# Excel takes at most 255 characters for a list written into the cell itself.
LONGEST_LIST = 255
# A text stays a text: no formula, no link is made of what it looks like.
NO_GUESSING = {"strings_to_formulas": False, "strings_to_urls": False}
ACCENT = "#1d4ed8"


def template(importer: Importer, *, viewer: Any) -> bytes:
    """The empty sheet with its header, notes and lists, and the sheet 说明 with what each column means."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(
        memory, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        _data_sheet(book, importer, importer.choices_now(viewer))
        _notes_sheet(book, importer)
    return memory.getvalue()


def _data_sheet(book: Any, importer: Importer, lists: dict[str, Sequence[str]]) -> None:
    sheet = book.add_worksheet(importer.sheet)
    required = book.add_format({"bold": True, "bg_color": ACCENT, "font_color": "#ffffff", "border": 1})
    optional = book.add_format({"bold": True, "bg_color": "#e5e7eb", "border": 1})
    text, day = book.add_format({"num_format": "@"}), book.add_format({"num_format": "yyyy-mm-dd"})
    for at, column in enumerate(importer.columns):
        style = text if column.as_text else day if column.name.endswith("日期") else None
        sheet.set_column(at, at, column.width, style)
        sheet.write_string(
            0, at, f"{column.name}*" if column.required else column.name, required if column.required else optional
        )
        note = "\n".join(
            filter(None, (_("必填") if column.required else "", str(column.help), _example(column.example)))
        )
        if note:
            sheet.write_comment(0, at, note, {"x_scale": 1.6})
        choices = list(column.choices or lists.get(column.key, ()))
        if choices and len(",".join(choices)) <= LONGEST_LIST:
            sheet.data_validation(
                1, at, LIMITS.rows, at,
                {
                    "validate": "list",
                    "source": choices,
                    "error_title": str(column.name),
                    "error_message": _("请从列表中选择。"),
                    # A warning, not a stop: other spellings are understood too.
                    "error_type": "warning",
                },
            )  # fmt: skip
    sheet.freeze_panes(1, 0)


def _example(example: str) -> str:
    return _("例如：%(example)s") % {"example": example} if example else ""


def _notes_sheet(book: Any, importer: Importer) -> None:
    sheet = book.add_worksheet("说明")
    bold = book.add_format({"bold": True, "bg_color": "#e5e7eb", "border": 1})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, 8)
    sheet.set_column(2, 2, 60, wrap)
    sheet.set_column(3, 3, 24)
    for at, title in enumerate((_("列"), _("必填"), _("怎么填"), _("示例"))):
        sheet.write_string(0, at, title, bold)
    for number, column in enumerate(importer.columns, start=1):
        sheet.write_string(number, 0, column.name)
        sheet.write_string(number, 1, _("是") if column.required else "")
        sheet.write_string(number, 2, str(column.help))
        sheet.write_string(number, 3, str(escape(column.example)))
    line = len(importer.columns) + 2
    for note in (
        *importer.notes,
        _("在工作表“%(sheet)s”里从第 2 行开始填写，不要改动表头，不要合并单元格，不要用公式。")
        % {"sheet": importer.sheet},
        _("留空的单元格不会改动系统里已有的内容。"),
        _("上传后先检查，看过结果再确认；确认之前不写入任何数据。同一文件导入两次不会重复。"),
        _("每个文件最多 %(rows)d 行、20 MB。") % {"rows": LIMITS.rows},
    ):
        sheet.write_string(line, 0, f"· {note}")
        line += 1
    line += 1
    sheet.write_string(line, 0, _("示例行"), bold)
    for at, column in enumerate(importer.columns):
        sheet.write_string(line + 1, at, column.name, bold)
        sheet.write_string(line + 2, at, str(escape(column.example)))


def problems(importer: Importer, rows: Iterable[ImportRow]) -> bytes:
    """The bad rows as they were, with the reasons: corrected, the file can be uploaded again."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"constant_memory": True, **NO_GUESSING}) as book:
        sheet = book.add_worksheet(importer.sheet)
        bold, text = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
        extra = (_("原行号"), _("问题"))
        for at, column in enumerate(importer.columns):
            sheet.set_column(at, at, column.width, text)
        sheet.set_column(len(importer.columns) + 1, len(importer.columns) + 1, 60)
        for at, title in enumerate([*(column.name for column in importer.columns), *extra]):
            sheet.write_string(0, at, title, bold)
        for line, row in enumerate(rows, start=1):
            for at, column in enumerate(importer.columns):
                if value := row.raw.get(column.key):
                    sheet.write_string(line, at, str(escape(value)))
            reasons = "；".join(f"{p['cell']} {p['reason']}" for p in row.detail.get("problems", ()))
            sheet.write_number(line, len(importer.columns), row.number)
            sheet.write_string(line, len(importer.columns) + 1, str(escape(reasons)))
    return memory.getvalue()
