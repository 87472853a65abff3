"""A step of the ladder as managers type it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tickets.models import EscalationStep


class StepForm(forms.ModelForm):
    class Meta:
        model = EscalationStep
        fields = ["basis", "amount", "rung", "is_active"]
        labels = {"basis": _("什么时候"), "amount": _("数值"), "rung": _("提醒谁"), "is_active": _("启用")}
        help_texts = {
            "amount": _("百分比填 10–500，100 即到期那一刻；小时填 1–720。"),
            "rung": _("到期起至少提醒到各时限标准里规定的层级。"),
        }
        widgets = {"amount": forms.NumberInput(attrs={"inputmode": "numeric", "min": 1, "max": 720})}

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name in ("basis", "rung"):
            self.fields[name].choices = EscalationStep._meta.get_field(name).choices  # without the empty one
        self.fields["amount"].error_messages["max_value"] = _("数值太大了。")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        for message in self.errors.pop("__all__", []):
            self.add_error("amount", message)
