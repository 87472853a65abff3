"""Addresses and secrets of outlets under a changed key: which can be read, and written anew under the present one.

They are encrypted with a key made of SECRET_KEY and SALT_KEY; what SECRET_KEY_FALLBACKS and SALT_KEY_FALLBACKS still
name opens what was written before. Nothing here shows, logs or returns what it opens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast

from shimao_service.models import Outlet
from shimao_service.models.outlet import CIPHER

PARTS = ("address", "secret")


class State(Enum):
    """How a kept part stands: under the present key, to be written anew, or closed for good without its old key."""

    PRESENT = "present"
    OLD = "old"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Found:
    """One outlet, with how each of its parts stands (those it has)."""

    outlet: Outlet
    states: dict[str, State]

    @property
    def lost(self) -> list[str]:
        return [part for part, state in self.states.items() if state is State.LOST]

    @property
    def old(self) -> list[str]:
        return [part for part, state in self.states.items() if state is State.OLD]


def look() -> list[Found]:
    """How all outlets stand, changing nothing."""
    return [Found(outlet, _states(outlet)) for outlet in _with_ciphers()]


def renew() -> Iterator[Found]:
    """Write what older keys open under the present one, outlet by outlet, each under its lock and committed by
    itself; answers how each stood. What nothing opens is left as it is, so that an old key that turns up can still
    open it. Again, it changes nothing."""
    for pk in list(Outlet.objects.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            outlet = _with_ciphers().select_for_update().filter(pk=pk).first()
            if outlet is None:
                continue
            found = Found(outlet, _states(outlet))
            # What was read is plain text by now; the field encrypts it again as it is written.
            anew = {part: getattr(outlet, part) for part in found.old}
            if anew:
                Outlet.objects.filter(pk=pk).update(**anew)
        yield found


def _with_ciphers() -> Any:
    ciphers = {f"{part}_cipher": Cast(part, TextField()) for part in PARTS}
    return Outlet.objects.annotate(**ciphers).order_by("kind", "name")


def _states(outlet: Outlet) -> dict[str, State]:
    kept = {part: getattr(outlet, f"{part}_cipher") for part in PARTS}
    return {part: _state(part, cipher) for part, cipher in kept.items() if cipher}


def _state(part: str, cipher: str) -> State:
    encrypted: Any = Outlet._meta.get_field(part)
    keys = encrypted.keys  # the present one first
    if _opens(Fernet(keys[0]), cipher):
        return State.PRESENT
    # What was never encrypted, by whoever wrote it past this program, is read as it stands.
    is_plain = not cipher.startswith(CIPHER)
    return State.OLD if is_plain or _opens(MultiFernet([Fernet(key) for key in keys]), cipher) else State.LOST


def _opens(lock: Fernet | MultiFernet, cipher: str) -> bool:
    try:
        lock.decrypt(cipher.encode())
    except InvalidToken:
        return False
    return True
