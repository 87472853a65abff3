"""What a kind of import declares. The engine does the rest: files, reports, progress, locks, transactions."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from shimao_service.exceptions import Invalid
from shimao_service.imports.columns import Column, parse_cell
from shimao_service.models.imports import Outcome
from shimao_service.privacy import mask_name, mask_phone
from shimao_service.spreadsheets import Cell, SheetRow

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one thing; ``old`` and ``new`` are shown to people."""

    thing: str
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be imported, or what is odd about it. ``cell`` is as Excel names it: D17."""

    cell: str
    reason: str
    column: str = ""


@dataclass(slots=True)
class Row:
    """A row of the file with its values read, and what was decided about it."""

    number: int
    values: dict[str, Any]
    cells: dict[str, Cell]
    label: str = ""
    creates: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    # Digests see what people do not: the real values behind masked ones.
    secret: list[str] = field(default_factory=list)

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def refuse(self, key: str, reason: object) -> None:
        self.problems.append(self._at(key, reason))

    def warn(self, key: str, reason: object) -> None:
        self.warnings.append(self._at(key, reason))

    def _at(self, key: str, reason: object) -> Problem:
        cell = self.cells.get(key)
        return Problem(cell.ref if cell else str(self.number), str(reason), key)

    @property
    def is_good(self) -> bool:
        return not self.problems

    @property
    def outcome(self) -> Outcome:
        if self.problems:
            return Outcome.BAD
        if self.creates:
            return Outcome.CREATE
        return Outcome.CHANGE if self.changes else Outcome.SAME

    @property
    def digest(self) -> str:
        """Two plans that would write the same have the same digests. Warnings do not count."""
        told = [
            self.outcome,
            self.creates,
            [asdict(c) for c in self.changes],
            [p.cell for p in self.problems],
            self.secret,
        ]
        return hashlib.blake2b(json.dumps(told, default=str).encode(), digest_size=12).hexdigest()


@dataclass(slots=True)
class Plan:
    """What an import would do. ``counts`` maps a thing (楼栋) to [created, changed]; ``work`` is the importer's own."""

    rows: list[Row]
    counts: dict[str, list[int]] = field(default_factory=dict)
    work: Any = None

    def count(self, thing: object, *, created: int = 0, changed: int = 0) -> None:
        pair = self.counts.setdefault(str(thing), [0, 0])
        pair[0] += created
        pair[1] += changed


class Importer(ABC):
    """A kind of import. Stateless: one object serves all runs."""

    kind: str
    label: Any
    description: Any
    icon: str = "file-import"
    sheet: str
    columns: tuple[Column, ...]
    notes: tuple[Any, ...] = ()

    # --- who ---
    @abstractmethod
    def viewer_of(self, user: Any) -> Any:
        """The powers of ``user`` now, outside a request."""

    @abstractmethod
    def may_start(self, viewer: Any) -> bool:
        """Whether this person may import anything of this kind at all."""

    @abstractmethod
    def may_oversee(self, viewer: Any) -> bool:
        """Whether this person sees other people's runs."""

    # --- what ---
    @abstractmethod
    def identity(self, row: Row) -> Hashable | None:
        """Rows of one file with the same identity are duplicates; None: not comparable."""

    @abstractmethod
    def plan(self, rows: list[Row], *, viewer: Any, lock: bool, advance: Advance) -> Plan:
        """Decide about ``rows`` (those without problems so far): fill their creates, changes, problems, warnings.

        Bulk queries only. With ``lock`` the rows to be changed are locked. ``advance`` is told how many are done.
        """

    @abstractmethod
    def apply(self, plan: Plan, *, viewer: Any, now: datetime, advance: Advance) -> None:
        """Write what :meth:`plan` decided for the good rows. Runs inside the engine's transaction."""

    def choices_now(self, viewer: Any) -> dict[str, Sequence[str]]:
        """Lists for the template that depend on the data: ``{column key: values}``."""
        return {}

    # --- shared ---
    def column(self, key: str) -> Column:
        return next(column for column in self.columns if column.key == key)

    def shown(self, key: str, value: Any) -> str:
        """``value`` as reports show it: masked where the column is private."""
        if value in (None, ""):
            return ""
        private = self.column(key).private
        if private == "name":
            return mask_name(str(value))
        if private == "phone":
            return mask_phone(str(value))
        if private == "email":
            return f"{str(value)[:1]}***@{str(value).partition('@')[2]}"
        return str(value)

    def change(self, row: Row, thing: str, key: str, old: Any, new: Any) -> bool:
        """Note that ``key`` of ``thing`` would change. A blank cell, or the same value, changes nothing."""
        if new in (None, "") or old == new:
            return False
        row.changes.append(Change(thing, self.column(key).name, self.shown(key, old), self.shown(key, new)))
        row.secret.append(f"{thing}.{key}:{old}>{new}")
        return True

    def read(self, row: SheetRow) -> Row:
        """Every cell parsed; a cell that cannot be is a problem of the row."""
        read = Row(row.number, {}, row.cells)
        for column in self.columns:
            cell = row.cells.get(column.key)
            if cell is None:
                continue
            try:
                read.values[column.key] = parse_cell(column, cell)
            except Invalid as refusal:
                read.refuse(column.key, refusal.detail)
        return read

    def refuse_duplicates(self, rows: list[Row]) -> None:
        first: dict[Hashable, int] = {}
        for row in rows:
            identity = self.identity(row) if row.is_good else None
            if identity is None:
                continue
            if identity in first:
                row.refuse(self.columns[0].key, _("与第 %(row)d 行重复。") % {"row": first[identity]})
            else:
                first[identity] = row.number
