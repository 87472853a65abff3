"""A step of the ladder as managers type it."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from tickets.models import EscalationStep
from tickets.statuses import Rung, StepBasis


class StepForm(forms.ModelForm):
    basis = forms.ChoiceField(label=_("什么时候"), choices=StepBasis.choices)
    rung = forms.ChoiceField(
        label=_("提醒谁"), choices=Rung.choices, help_text=_("到期起至少提醒到各时限标准里规定的层级。")
    )

    class Meta:
        model = EscalationStep
        fields = ["basis", "amount", "rung", "is_active"]
        labels = {"amount": _("数值"), "is_active": _("启用")}
        help_texts = {"amount": _("百分比填 10–500，100 即到期那一刻；小时填 1–720。")}
        widgets = {"amount": forms.NumberInput(attrs={"inputmode": "numeric", "min": 1, "max": 720})}

    def _post_clean(self) -> None:
        """What the table refuses of both together is said by the number."""
        super()._post_clean()  # type: ignore[misc]
        for message in self.errors.pop("__all__", []):
            self.add_error("amount", message)
