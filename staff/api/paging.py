"""Keyset paging: a page begins after the last row of the one before, however many rows lie before it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from shimao_service.exceptions import Invalid
from staff.api.base import BIGGEST_ID

PAGE = 50


@dataclass(frozen=True, slots=True)
class Order:
    """A column to go by; the id decides between equals. Rows without a value come last."""

    field: str
    descending: bool = False
    nullable: bool = False
    read: Callable[[str], Any] = str

    def sorted(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        column = F(self.field)
        if self.nullable:
            first = column.desc(nulls_last=True) if self.descending else column.asc(nulls_last=True)
        else:
            first = column.desc() if self.descending else column.asc()
        return rows.order_by(first, "-pk" if self.descending else "pk")

    def after(self, value: Any, pk: int) -> Q:
        way = "lt" if self.descending else "gt"
        later = Q(**{f"pk__{way}": pk})
        if value is None:
            return Q(**{self.field: None}) & later
        # The first condition is what an index is entered by.
        beyond = Q(**{f"{self.field}__{way}e": value}) & (Q(**{f"{self.field}__{way}": value}) | later)
        return beyond | Q(**{self.field: None}) if self.nullable else beyond


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no time zone")
    return found


def page(
    rows: QuerySet[Any], order: Order, *, name: str, cursor: str = "", size: int = PAGE
) -> tuple[list[Any], str | None]:
    """One page and the cursor of the next, or None. Raises ``Invalid`` on a cursor of another list."""
    if cursor:
        rows = rows.filter(order.after(*opened(cursor, order, name)))
    found = list(order.sorted(rows)[: size + 1])
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    value = getattr(last, order.field)
    return found[:size], closed(name, value.isoformat() if isinstance(value, datetime) else value, last.pk)


def closed(name: str, value: Any, pk: int) -> str:
    content = json.dumps([name, value, pk], ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def opened(cursor: str, order: Order, name: str) -> tuple[Any, int]:
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, value, pk = json.loads(content.decode())
        if made_for != name or type(pk) is not int or not 0 < pk <= BIGGEST_ID:
            raise ValueError("not ours")
        if value is None and order.nullable:
            return None, pk
        if type(value) is not str or "\x00" in value:
            raise ValueError("not ours")
        return order.read(value.encode().decode()), pk
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise Invalid.field("cursor", _("cursor 无效，请使用上一页返回的 next。")) from error
