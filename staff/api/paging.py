"""Keyset paging by a column whose values are unique text: a page begins after the last row of the one before."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from shimao_service.exceptions import Invalid

PAGE = 50


def page(rows: QuerySet[Any], field: str, cursor: str = "", *, size: int = PAGE) -> tuple[list[Any], str | None]:
    """One page by ``field``, and the cursor of the next, or None. Raises ``Invalid`` on a cursor that is not ours."""
    if cursor:
        rows = rows.filter(**{f"{field}__gt": opened(cursor)})
    found = list(rows.order_by(field)[: size + 1])
    if len(found) <= size:
        return found, None
    return found[:size], closed(getattr(found[size - 1], field))


def closed(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def opened(cursor: str) -> str:
    try:
        value = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise bad_cursor() from error
    if "\x00" in value:
        raise bad_cursor()
    return value


def bad_cursor() -> Invalid:
    return Invalid.field("cursor", _("cursor 无效，请使用上一页返回的 next。"))
