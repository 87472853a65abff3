"""Rows into tables by COPY: text in memory, flushed in blocks."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any

from django.db import connection

BLOCK = 8 * 1024 * 1024
NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def text(value: Any) -> str:
    """A value as COPY's text format has it."""
    if value is None:
        return NULL
    if value.__class__ is str:
        # Looking for what must be escaped is several times cheaper than translating what need not be.
        return value.translate(_ESCAPES) if "\\" in value or "\n" in value or "\t" in value or "\r" in value else value
    if value is True:
        return "t"
    if value is False:
        return "f"
    return str(value)


class Table:
    """Rows for one table, in the order of its columns."""

    def __init__(self, copier: Copier, name: str, columns: str):
        self.copier, self.name, self.columns = copier, name, columns.split()
        self.buffer = io.StringIO()
        self.rows = 0

    def add(self, *values: Any) -> None:
        self.line("\t".join(map(text, values)) + "\n")

    def line(self, row: str) -> None:
        """A row that is text already, its line end included."""
        self.buffer.write(row)
        self.rows += 1
        if self.buffer.tell() > BLOCK:
            self.copier.flush()

    def flush(self) -> None:
        if not self.buffer.tell():
            return
        self.buffer.seek(0)
        names = ", ".join(f'"{column}"' for column in self.columns)
        with connection.cursor() as cursor:
            cursor.copy_expert(f"copy {self.name} ({names}) from stdin", self.buffer)
        self.buffer = io.StringIO()


class Copier:
    """Tables that are flushed together, in the order they were named: parents before children."""

    def __init__(self) -> None:
        self.tables: list[Table] = []

    def table(self, name: str, columns: str) -> Table:
        self.tables.append(Table(self, name, columns))
        return self.tables[-1]

    def flush(self) -> None:
        for table in self.tables:
            table.flush()

    def __enter__(self) -> Copier:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if kind is None:
            self.flush()
