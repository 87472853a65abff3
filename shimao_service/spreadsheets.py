"""Excel files from outside, read without trusting them; and cells written so that Excel runs nothing.

An .xlsx is a zip of XML. Before any of it is parsed: what it really is (by its first bytes), how large it
becomes (by its directory, then by counting while it is unpacked) and whether its XML declares entities.
Whatever is wrong is one sentence for people, a :class:`BadFile`; nothing else leaves this module.
"""

from __future__ import annotations

import logging
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import IO, Any

from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.cell.read_only import EMPTY_CELL
from openpyxl.utils import get_column_letter

from shimao_service.exceptions import Invalid

logger = logging.getLogger(__name__)

MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEGABYTE = 1024 * 1024
# The header may stand below a title, but not far below.
HEADER_WITHIN = 10
WIDEST = 100
LAST_ROW = 1_048_576


class BadFile(Invalid):
    """The file as a whole cannot be used."""

    code = "bad_file"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. A real list of 50,000 rows unpacks to some 60 MB, about ten times its size."""

    bytes: int = 20 * MEGABYTE
    unpacked: int = 200 * MEGABYTE
    # Below this size the ratio is not asked: a nearly empty sheet compresses without end.
    ratio_above: int = 10 * MEGABYTE
    ratio: int = 120
    entries: int = 1000
    rows: int = 50_000


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Cell:
    """``kind`` is empty, text, number, date, boolean, formula or error; ``ref`` is as people say it: D17."""

    ref: str
    value: Any = None
    kind: str = "empty"

    @property
    def shown(self) -> str:
        """The value as text, for a report."""
        if self.value is None:
            return ""
        if isinstance(self.value, datetime) and not (self.value.hour or self.value.minute or self.value.second):
            return self.value.date().isoformat()
        if isinstance(self.value, float) and self.value.is_integer() and abs(self.value) < 1e15:
            return str(int(self.value))
        return str(self.value)


@dataclass(slots=True)
class SheetRow:
    """One row that is not blank. ``cells`` has every known column of the file, blank cells too."""

    number: int
    cells: dict[str, Cell]


@dataclass(slots=True)
class Sheet:
    """An open sheet whose header row was found. ``columns`` maps a key to its column number."""

    worksheet: Any
    header_row: int
    columns: dict[str, int]
    unknown: list[str] = field(default_factory=list)
    limits: Limits = LIMITS

    @property
    def rows_announced(self) -> int:
        """How many rows the file says it has: a hint for progress, nothing to rely on."""
        return max(0, min((self.worksheet.max_row or self.header_row) - self.header_row, self.limits.rows))

    def rows(self) -> Iterator[SheetRow]:
        """Rows below the header that are not blank. Raises ``BadFile``."""
        found = 0
        for number, cells in _read(self.worksheet, self.header_row + 1, max(self.columns.values())):
            if all(cell is EMPTY_CELL for cell in cells):
                continue  # what openpyxl puts where a file leaves rows out: there may be a million
            row = {
                key: _cell(cells[at - 1] if at <= len(cells) else None, at, number) for key, at in self.columns.items()
            }
            if all(cell.kind == "empty" for cell in row.values()):
                continue
            found += 1
            if found > self.limits.rows:
                raise BadFile(_("数据超过 %(rows)d 行，请分成几个文件导入。") % {"rows": self.limits.rows})
            yield SheetRow(number, row)


# --- text ------------------------------------------------------------------------------------------
_FULL_WIDTH = {
    code: code - 0xFEE0
    for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), 0xFF0D, 0xFF0E, 0xFF0B, 0xFF0F)
}
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u202a\u202c\u202d\u202e\u00ad"))
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_TIDY: dict[int, Any] = {**_FULL_WIDTH, **_INVISIBLE, **_CONTROL}


def tidy(text: object) -> str:
    """Without what the eye does not see: BOM, zero-width and control characters, runs of space, full-width digits.

    >>> tidy("\\ufeff　１５０２ \\n室 ")
    '1502 室'
    """
    return " ".join(str(text).translate(_TIDY).split())


_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def escape(value: object) -> object:
    """``value`` so that no spreadsheet takes it for a formula: a text that begins with = + - @ gets a quote before it.

    Numbers stay numbers. Source: OWASP, CSV injection.
    """
    if isinstance(value, str) and (value.lstrip()[:1] in _FORMULA or value[:1] in ("\t", "\r", "\n")):
        return f"'{value}"
    return value


# --- what the file is ------------------------------------------------------------------------------
def examine(file: IO[bytes], *, limits: Limits = LIMITS) -> None:
    """Raise ``BadFile`` unless ``file`` is an ordinary .xlsx of a bearable size. Parses none of its XML."""
    size = file.seek(0, 2)
    if size == 0:
        raise BadFile(_("文件是空的，请重新选择文件。"))
    if size > limits.bytes:
        raise BadFile(_("文件超过 %(mb)d MB，请分成几个文件导入。") % {"mb": limits.bytes // MEGABYTE})
    file.seek(0)
    head = file.read(4096)
    if not head.startswith(b"PK"):
        file.seek(0)
        raise BadFile(_what_it_is(head, file.read() if head.startswith(_OLE) else b""))
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_directory(archive, limits)
            _check_kind(archive)
            _unpack_counting(archive, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
        raise BadFile(_("文件已损坏，无法打开。请在 Excel 中打开后另存为 .xlsx 再上传。")) from error


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _what_it_is(head: bytes, whole: bytes) -> str:
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in whole:
            return _("文件设了打开密码，请在 Excel 中取消密码后再上传。")
        return _("这是旧版 Excel（.xls）或其他 Office 文件，请在 Excel 中另存为 .xlsx 后再上传。")
    if begins.startswith((b"<!doctype html", b"<html", b"<table", b"<head", b"<meta")):
        return _("这是网页文件（HTML），不是 Excel。请在 Excel 中打开后另存为 .xlsx 再上传。")
    if begins.startswith(b"<?xml"):
        return _("这是 XML 文件，不是 .xlsx。请在 Excel 中打开后另存为 .xlsx 再上传。")
    if head.startswith(b"%PDF"):
        return _("这是 PDF 文件，不是 Excel。")
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")) or head[8:12] == b"WEBP":
        return _("这是图片，不是 Excel。")
    if b"\x00" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _("这是文本或 CSV 文件，不是 Excel。请在 Excel 中打开后另存为 .xlsx 再上传。")
    return _("这不是 Excel 文件（.xlsx），请下载模板填写后上传。")


def _check_directory(archive: zipfile.ZipFile, limits: Limits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise BadFile(_("文件内部结构异常（条目过多），无法导入。"))
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise BadFile(_("文件设了打开密码，请在 Excel 中取消密码后再上传。"))
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        raise BadFile(_("文件内部结构异常（条目重复），无法导入。"))
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    _check_size(unpacked, packed, limits)


def _check_size(unpacked: int, packed: int, limits: Limits) -> None:
    if unpacked > limits.unpacked or (unpacked > limits.ratio_above and unpacked > packed * limits.ratio):
        raise BadFile(_("文件解压后过大，无法导入。请只保留需要的行，删去多余的格式后另存。"))


def _check_kind(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    if "word/document.xml" in names:
        raise BadFile(_("这是 Word 文件，不是 Excel。"))
    if "ppt/presentation.xml" in names:
        raise BadFile(_("这是 PowerPoint 文件，不是 Excel。"))
    if "xl/workbook.bin" in names:
        raise BadFile(_("这是二进制格式的 Excel（.xlsb），请另存为 .xlsx 后再上传。"))
    if any(name.endswith("vbaProject.bin") for name in names):
        raise BadFile(_("文件带有宏（.xlsm），请另存为不带宏的 .xlsx 后再上传。"))
    if "mimetype" in names and "content.xml" in names:
        raise BadFile(_("这是 OpenDocument 表格（.ods），请另存为 .xlsx 后再上传。"))
    if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise BadFile(_("这是压缩包，不是 Excel 文件（.xlsx）。"))


def _unpack_counting(archive: zipfile.ZipFile, limits: Limits) -> None:
    """Count what really comes out: a directory can lie. Pictures are left alone; nobody opens them."""
    unpacked = packed = 0
    for entry in archive.infolist():
        if not entry.filename.lower().endswith((".xml", ".rels", ".vml")):
            continue
        packed += entry.compress_size
        tail = b""
        with archive.open(entry) as source:
            while chunk := source.read(256 * 1024):
                unpacked += len(chunk)
                _check_size(unpacked, max(packed, 1), limits)
                if b"<!DOCTYPE" in tail + chunk or b"<!ENTITY" in tail + chunk:
                    raise BadFile(_("文件里含有外部实体声明，不是正常的 Excel 文件，已拒绝。"))
                tail = chunk[-16:]


# --- reading ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Header:
    key: str
    name: str
    required: bool = False


@contextmanager
def open_sheet(file: IO[bytes], *, sheet: str, headers: Sequence[Header], limits: Limits = LIMITS) -> Iterator[Sheet]:
    """The sheet named ``sheet`` with its header row found. Raises ``BadFile``; also while rows are read inside."""
    examine(file, limits=limits)
    file.seek(0)
    with _readable():
        book = load_workbook(file, read_only=True, data_only=False, keep_links=False, keep_vba=False)
    try:
        with _readable():
            worksheet = _find_sheet(book, sheet)
            found = _find_header(worksheet, headers)
            found.limits = limits
            _refuse_merged(book, worksheet, found.header_row)
        yield found
    finally:
        book.close()


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever openpyxl stumbles on becomes one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Invalid:
        raise
    except Exception as error:
        logger.warning("An uploaded workbook cannot be read: %s: %s", type(error).__name__, error)
        raise BadFile(_("文件已损坏或格式不标准，无法读取。请把数据复制到模板里再上传。")) from error


def _find_sheet(book: Any, name: str) -> Any:
    for worksheet in book.worksheets:
        if tidy(worksheet.title) == name and hasattr(worksheet, "iter_rows"):
            return worksheet
    present = "、".join(str(title)[:30] for title in book.sheetnames[:8]) or _("无")
    raise BadFile(
        _("没有找到工作表“%(name)s”。文件里的工作表是：%(present)s。请使用下载的模板。")
        % {"name": name, "present": present}
    )


def _read(worksheet: Any, first: int, width: int) -> Iterator[tuple[int, Sequence[Any]]]:
    """Numbered rows. What the sheet says about its own size is not believed: it may say a million columns."""
    announced = worksheet.max_row, worksheet.max_column
    worksheet.reset_dimensions()
    try:
        with _readable():
            for number, cells in enumerate(worksheet.iter_rows(min_row=1, max_col=width), start=1):
                if number > LAST_ROW:
                    raise BadFile(_("文件内部结构异常（行号超出范围），无法导入。"))
                if number >= first:
                    yield number, cells
    finally:
        worksheet._max_row, worksheet._max_column = announced


_MARKS = re.compile(r"[\s*＊]+|[（(]必填[）)]")


def header_name(text: object) -> str:
    """A header without the marks around it: ``" 房号 *"`` → ``"房号"``."""
    return _MARKS.sub("", tidy(text))


def _find_header(worksheet: Any, headers: Sequence[Header]) -> Sheet:
    wanted = {header_name(header.name): header for header in headers}
    best: tuple[int, list[tuple[int, str]]] = (0, [])
    blank = True
    for number, cells in _read(worksheet, 1, WIDEST):
        if number > HEADER_WITHIN:
            break
        names = [(at, header_name(cell.value)) for at, cell in enumerate(cells, start=1) if cell.value is not None]
        blank = blank and not names
        if sum(name in wanted for _at, name in names) > sum(name in wanted for _at, name in best[1]):
            best = (number, names)
    if blank:
        raise BadFile(_("工作表“%(name)s”是空的。") % {"name": worksheet.title})
    number, names = best
    present = [name for _at, name in names]
    missing = [header.name for name, header in wanted.items() if header.required and name not in present]
    if missing:
        raise BadFile(_("缺少必填的列：%(names)s。请使用下载的模板，不要改动表头。") % {"names": "、".join(missing)})
    twice = [name for name in wanted if present.count(name) > 1]
    if twice:
        raise BadFile(_("列“%(name)s”出现了两次，请删去一列。") % {"name": twice[0]})
    columns = {wanted[name].key: at for at, name in names if name in wanted}
    return Sheet(worksheet, number, columns, [name for name in present if name and name not in wanted])


_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]+(\d+)(?::[A-Z]+(\d+))?)[\"']")


def _refuse_merged(book: Any, worksheet: Any, header_row: int) -> None:
    """Merged cells at or below the header: all but the first are blank, so rows would silently lose data."""
    tail = b""
    with book._archive.open(worksheet._worksheet_path) as source:
        while chunk := source.read(MEGABYTE):
            for ref, first, last in _MERGED.findall(tail + chunk):
                if int(last or first) >= header_row:
                    raise BadFile(_("单元格 %(ref)s 是合并的，请取消合并并把每一行填完整。") % {"ref": ref.decode()})
            tail = chunk[-200:]


def _cell(cell: Any, column: int, row: int) -> Cell:
    ref = f"{get_column_letter(column)}{row}"
    value = getattr(cell, "value", None)
    if value is None or value == "":
        return Cell(ref)
    kind = cell.data_type
    if kind == "f":
        return Cell(ref, "=…", "formula")
    if kind == "e":
        return Cell(ref, str(value), "error")
    if isinstance(value, bool):
        return Cell(ref, value, "boolean")
    if isinstance(value, int | float):
        return Cell(ref, value, "number")
    if isinstance(value, datetime | date):
        return Cell(ref, value, "date")
    text = tidy(value)
    if text[:1] == "'" and text[1:2] in _FORMULA:  # written by escape(), come back
        text = text[1:]
    return Cell(ref, text, "text") if text else Cell(ref)
