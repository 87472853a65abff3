"""Limits as people say them, and how two sets of them differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tickets.limits import Allowance, Class, Limits
from tickets.presets import PRESETS
from tickets.statuses import ClockName, Kind, LimitUnit, Rung, Urgency

# What stands on the page: a kind, its clocks, and a row per urgency (a grave complaint has rows of its own).
COLUMNS: dict[str, tuple[ClockName, ...]] = {
    Kind.REPAIR: (ClockName.RESPONSE, ClockName.ON_SITE, ClockName.RESOLUTION),
    Kind.COMPLAINT: (ClockName.RESPONSE, ClockName.ANSWER, ClockName.RESOLUTION),
    Kind.CONSULTATION: (ClockName.RESPONSE, ClockName.RESOLUTION),
    Kind.SUGGESTION: (ClockName.RESPONSE, ClockName.RESOLUTION),
}
URGENCIES = (Urgency.NORMAL, Urgency.URGENT, Urgency.CRITICAL)
# How a number is typed: the unit it is stored in, and how many of that unit one is.
MEASURES: dict[str, tuple[LimitUnit, int]] = {
    "h1": (LimitUnit.NATURAL, 1),
    "h60": (LimitUnit.NATURAL, 60),
    "h1440": (LimitUnit.NATURAL, 1440),
    "sh1": (LimitUnit.SERVICE, 1),
    "sh60": (LimitUnit.SERVICE, 60),
    "wd1": (LimitUnit.WORKING, 1),
}
MEASURE_WORDS = {
    "h1": gettext_lazy("分钟"),
    "h60": gettext_lazy("小时"),
    "h1440": gettext_lazy("天（24 小时）"),
    "sh1": gettext_lazy("分钟·服务时间"),
    "sh60": gettext_lazy("小时·服务时间"),
    "wd1": gettext_lazy("个工作日"),
}
# Up to three days are told in hours: 48 小时, 72 小时.
THREE_DAYS = 3 * 1440


def classes(kind: str) -> list[Class]:
    """The rows of a kind, ordinary first."""
    grave = (False, True) if kind == Kind.COMPLAINT else (False,)
    return [(kind, urgency.value, is_grave) for is_grave in grave for urgency in URGENCIES]


def class_words(of: Class) -> str:
    """``普通``, ``急修``; a grave complaint ``重大或群诉·普通``."""
    _kind, urgency, is_grave = of
    words = str(Urgency(urgency).label)
    return _("重大或群诉·%(urgency)s") % {"urgency": words} if is_grave else words


def split(amount: int, unit: str) -> tuple[int, str]:
    """A stored limit as it is typed: ``(24, "h60")`` for 1440 minutes."""
    if unit == LimitUnit.WORKING:
        return amount, "wd1"
    if unit == LimitUnit.NATURAL and amount > THREE_DAYS and amount % 1440 == 0:
        return amount // 1440, "h1440"
    if amount >= 60 and amount % 60 == 0:
        return amount // 60, f"{unit}60"
    return amount, f"{unit}1"


def join(number: int, measure: str) -> tuple[int, str]:
    """The reverse of :func:`split`: ``(amount, unit)``."""
    unit, times = MEASURES[measure]
    return number * times, unit.value


def amount_words(amount: int, unit: str) -> str:
    """``30 分钟·服务时间``, ``24 小时``, ``3 个工作日``."""
    number, measure = split(amount, unit)
    if measure == "wd1":
        if number == 0:
            return _("当天下班前")
        return ngettext("%(n)s 个工作日", "%(n)s 个工作日", number) % {"n": number}
    if measure == "h1440":
        return ngettext("%(n)s 天", "%(n)s 天", number) % {"n": number}
    words = (
        ngettext("%(n)s 小时", "%(n)s 小时", number)
        if measure.endswith("60")
        else ngettext("%(n)s 分钟", "%(n)s 分钟", number)
    ) % {"n": number}
    return _("%(span)s·服务时间") % {"span": words} if unit == LimitUnit.SERVICE else words


def limit_words(clock: str, amount: int, unit: str) -> str:
    """As :func:`amount_words`; no time at all on the way to an appointment is 按预约时间."""
    if clock == ClockName.ON_SITE and amount == 0 and unit != LimitUnit.WORKING:
        return _("按预约时间")
    return amount_words(amount, unit)


def promise_words(allowance: Allowance) -> str:
    return limit_words(allowance.clock, *allowance.promise) if allowance.promise else _("不承诺")


@lru_cache(maxsize=16)
def _suggestions(code: str) -> frozenset[tuple]:
    presets = [preset for preset in PRESETS if preset.code == code] or list(PRESETS)
    return frozenset(
        (row.kind, row.urgency, row.is_grave, row.clock, row.amount, row.unit)
        for preset in presets
        for row in preset.rows()
    )


def suggested(of: Class, allowance: Allowance, code: str) -> bool:
    """Whether the target still is what a preset suggests (建议值): its own, or for another policy any of them."""
    return (*of, allowance.clock, allowance.amount, allowance.unit) in _suggestions(code)


def fingerprint(limits: Limits, kind: str | None = None) -> str:
    """The same for the same limits, of one kind or of all: what a page was made from."""
    rows = sorted(
        (*of, each.clock, each.amount, each.unit, each.promise or (), each.told_at_miss)
        for of, allowances in limits.classes.items()
        if kind is None or of[0] == kind
        for each in allowances.values()
    )
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:16]


# --- differences ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Difference:
    """One clock of one class that two versions give differently, in words."""

    kind: str
    of: str
    clock: str
    changes: tuple[str, ...]

    @property
    def where(self) -> str:
        return _("%(kind)s·%(class)s %(clock)s") % {"kind": self.kind, "class": self.of, "clock": self.clock}

    def __str__(self) -> str:
        return _("%(where)s：%(changes)s") % {"where": self.where, "changes": _("；").join(self.changes)}


def differences(old: Limits, new: Limits) -> list[Difference]:
    """What changes from ``old`` to ``new``, in the order of the page."""
    found = []
    for kind, clocks in COLUMNS.items():
        for of in classes(kind):
            for clock in clocks:
                words = tuple(_changes(old.of(*of).get(clock), new.of(*of).get(clock)))
                if words:
                    found.append(Difference(str(Kind(kind).label), class_words(of), str(ClockName(clock).label), words))
    return found


def _changes(old: Allowance | None, new: Allowance | None) -> Iterator[str]:
    if old == new:
        return
    if old is None and new is not None:
        yield _("新增，目标 %(target)s，承诺 %(promise)s") % {
            "target": limit_words(new.clock, new.amount, new.unit),
            "promise": promise_words(new),
        }
    elif new is None:
        yield _("不再设时限")
    elif old is not None:
        yield from _steps(old, new)


def _steps(old: Allowance, new: Allowance) -> Iterable[str]:
    pairs = (
        (_("目标"), *(limit_words(each.clock, each.amount, each.unit) for each in (old, new))),
        (_("承诺"), promise_words(old), promise_words(new)),
        (_("超时告知"), str(Rung(old.told_at_miss).label), str(Rung(new.told_at_miss).label)),
    )
    for name, before, after in pairs:
        if before != after:
            yield _("%(name)s %(before)s → %(after)s") % {"name": name, "before": before, "after": after}


# --- tables -----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ReadCell:
    """A limit as the page shows it; without one, ``target`` is empty."""

    target: str = ""
    promise: str = ""
    is_same: bool = False
    told: str = ""
    is_suggested: bool = False
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    kind: str
    label: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, ReadCell], ...]], ...]
    is_changed: bool


def tables(limits: Limits, code: str, before: Limits | None = None) -> list[Table]:
    """A table a kind, a row a class, a cell a clock with its name; marked where it differs from ``before``."""
    found = []
    for kind, clocks in COLUMNS.items():
        rows = tuple(
            (
                class_words(of),
                tuple((str(ClockName(clock).label), _cell(of, clock, limits, code, before)) for clock in clocks),
            )
            for of in classes(kind)
        )
        changed = any(cell.is_changed for _label, cells in rows for _clock, cell in cells)
        columns = tuple(str(ClockName(clock).label) for clock in clocks)
        found.append(Table(str(kind), str(Kind(kind).label), columns, rows, changed))
    return found


def _cell(of: Class, clock: str, limits: Limits, code: str, before: Limits | None) -> ReadCell:
    allowance = limits.of(*of).get(clock)
    changed = before is not None and before.of(*of).get(clock) != allowance
    if allowance is None:
        return ReadCell(is_changed=changed)
    return ReadCell(
        target=limit_words(clock, allowance.amount, allowance.unit),
        promise=promise_words(allowance),
        is_same=allowance.promise == (allowance.amount, allowance.unit),
        told=str(Rung(allowance.told_at_miss).label),
        is_suggested=suggested(of, allowance, code),
        is_changed=changed,
    )
