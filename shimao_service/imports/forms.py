"""What people send: a file, and the yes to its report."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from shimao_service.spreadsheets import LIMITS, MEGABYTE


class UploadForm(forms.Form):
    file = forms.FileField(
        label=_("Excel 文件"),
        help_text=_("按模板填写的 .xlsx 文件，最多 20 MB、50,000 行。"),
        allow_empty_file=True,  # said in our own words when it is opened
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx"}),
        error_messages={"required": _("请选择文件。")},
    )

    def clean_file(self) -> object:
        file = self.cleaned_data["file"]
        if file.size > LIMITS.bytes:
            raise forms.ValidationError(
                _("文件超过 %(mb)d MB，请分成几个文件导入。"), params={"mb": LIMITS.bytes // MEGABYTE}
            )
        return file


class AcceptForm(forms.Form):
    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    skip_bad = forms.BooleanField(label=_("跳过有问题的行"), required=False)
