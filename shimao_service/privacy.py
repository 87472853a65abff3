"""Owners' data is masked for everyone; showing it takes a reason and leaves a row (A7.5, B5.6)."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from shimao_service.exceptions import Invalid
from shimao_service.models import Reveal


def mask_name(name: str) -> str:
    """``张建国`` → ``张**``: the family name stays, and the length is not told.

    >>> mask_name("张三"), mask_name("")
    ('张**', '')
    """
    return f"{name[0]}**" if name else ""


def mask_phone(phone: str) -> str:
    """``13812345678`` → ``138****5678``; a short or landline number keeps its last three digits."""
    digits = "".join(c for c in phone if c.isdigit())
    if len(digits) == 11 and digits[0] == "1":
        return f"{digits[:3]}****{digits[-4:]}"
    return f"****{digits[-3:]}" if digits else ""


def record_reveal(*, user: settings.AUTH_USER_MODEL, subject: str, reason: str, now: datetime | None = None) -> Reveal:  # type: ignore[name-defined]
    """Write down that ``user`` was shown ``subject`` unmasked. Raises ``Invalid`` without a reason."""
    reason = reason.replace("\x00", "").strip()
    if not reason:
        raise Invalid.field("reason", _("请填写查看事由。"))
    return Reveal.objects.create(user=user, subject=subject, reason=reason[:200], at=now or timezone.now())
