"""What every form has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from shimao_service.exceptions import Refusal


class RefusableForm(forms.Form):
    """Takes what a verb refuses beside the field it is about; what has no field here stands above the form.

    ``renamed`` maps the verb's names to the form's, where a form calls a thing otherwise.
    """

    renamed: ClassVar[Mapping[str, str]] = {}

    def take(self, refusal: Refusal) -> None:
        for name, words in (refusal.fields or {"": [str(refusal.detail)]}).items():
            own = self.renamed.get(name, name)
            self.add_error(own if own in self.fields else None, words)


class WordsField(forms.CharField):
    """Text as people and their phones send it: without null bytes, a line break being one character."""

    def to_python(self, value: Any) -> str:
        text = str(value or "").replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")
        # Half of a pair, as a cut emoji leaves it, cannot be stored.
        return super().to_python(text.encode("utf-8", "ignore").decode("utf-8")) or ""
