"""Workbooks for tests: good ones, and every kind of bad one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def workbook(
    rows: Sequence[Sequence[Any]], *, sheet: str = "名单", change: Callable[[Any], None] | None = None
) -> bytes:
    book = Workbook()
    worksheet = book.active
    worksheet.title = sheet
    for row in rows:
        worksheet.append(list(row))
    if change:
        change(worksheet)
    memory = io.BytesIO()
    book.save(memory)
    return memory.getvalue()


def file(content: bytes, name: str = "名单.xlsx") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def repacked(content: bytes, **replaced: Any) -> bytes:
    """The same zip with entries replaced or added: ``{path: bytes or function of bytes}``."""
    entries: dict[str, Any] = replaced.pop("entries")
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            value = entries.pop(name, None)
            body = old.read(name)
            new.writestr(name, value(body) if callable(value) else body if value is None else value)
        for name, value in entries.items():
            new.writestr(name, value)
    return memory.getvalue()
