"""``Idempotency-Key``: a call that is repeated makes no second request, for a day and per user."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from shimao_service.exceptions import Invalid
from tickets.models import Submission

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
_KEY = re.compile(r"[!-~]{1,80}")


def key_of(value: str | None) -> str:
    """The key, or ``""`` without one. Raises ``Invalid``: 1–80 printable ASCII characters, no blanks."""
    if value is None:
        return ""
    if not _KEY.fullmatch(value):
        raise Invalid.field(HEADER, _("Idempotency-Key 应为 1–80 个可见的 ASCII 字符。"))
    return value


def scope_of(user_id: int) -> str:
    return f"api:user:{user_id}"


def is_used(scope: str, key: str, now: datetime) -> bool:
    """Whether the key made a request within the last day; an older use of it is forgotten."""
    if not key:
        return False
    mine = Submission.objects.filter(scope=scope, key=key)
    mine.filter(at__lt=now - KEPT).delete()
    return mine.exists()
