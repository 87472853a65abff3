"""How one wants to be told outside the inbox, within what the role must hear: /me/notices/."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l
from django.views.decorators.http import require_http_methods

from shimao_service import outbox, quiet, routing, topics
from shimao_service.channels import CHANNELS
from shimao_service.models import NoticePreference
from shimao_service.models.notice import EMAIL

# Whoever could be quiet round the clock would have switched off what the role must hear.
LONGEST = timedelta(hours=14)


class PreferenceForm(forms.ModelForm):
    """The switches are named by what they switch on; the row keeps what is muted."""

    wanted = forms.MultipleChoiceField(label=_l("站外提醒的内容"), required=False, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = NoticePreference
        fields = ["by_email", "by_sms", "quiet_from", "quiet_to"]
        widgets = {name: forms.TimeInput(attrs={"type": "time"}, format="%H:%M") for name in ("quiet_from", "quiet_to")}
        labels = {
            "by_email": _l("用邮件提醒我"),
            "by_sms": _l("用短信提醒我"),
            "quiet_from": _l("从"),
            "quiet_to": _l("到"),
        }

    def __init__(self, *args: Any, ways: list[str], **kwargs: Any):
        super().__init__(*args, **kwargs)
        bound = topics.binding(self.instance.user_id)
        self.optional = [code for code in topics.optional() if code not in bound]
        wanted: Any = self.fields["wanted"]
        wanted.choices = [(code, topics.TOPICS[code].label) for code in self.optional]
        self.initial["wanted"] = [code for code in self.optional if code not in self.instance.muted]
        if routing.SMS not in ways:
            del self.fields["by_sms"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        start, end = values.get("quiet_from"), values.get("quiet_to")
        if start and end and quiet.length((start, end)) > max(LONGEST, quiet.length(quiet.house_hours())):
            hours = LONGEST // timedelta(hours=1)
            self.add_error("quiet_to", _("免打扰最长 %(hours)s 小时，岗位必收的提醒才能按时送达。") % {"hours": hours})
        return values

    def save(self, commit: bool = True) -> NoticePreference:
        wanted = self.cleaned_data["wanted"]
        self.instance.muted = [code for code in self.optional if code not in wanted]
        return super().save(commit)


def preference_of(user: Any) -> NoticePreference:
    """The kept one, else what the company has for everybody, not kept."""
    kept = NoticePreference.objects.filter(user=user).first()
    if kept is not None:
        return kept
    fresh = NoticePreference(user=user, muted=topics.muted_at_first())
    hours = quiet.house_hours()
    fresh.quiet_from, fresh.quiet_to = hours or (fresh.quiet_from, fresh.quiet_from)
    return fresh


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Channels, quiet hours, and which topics; those that are required are shown locked, with the reason."""
    ways = [way for way in routing.WAYS if way in CHANNELS]
    form = PreferenceForm(request.POST or None, instance=preference_of(request.user), ways=ways)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("已保存提醒方式。"))
        return redirect("my-notices")
    chosen = form["wanted"].value() or []
    context = {
        "form": form,
        "email": _reach(request, EMAIL),
        "phone": _reach(request, routing.SMS) if routing.SMS in ways else None,
        "required": [topic for code, topic in topics.TOPICS.items() if code not in form.optional],
        "optional": [{"code": code, "topic": topics.TOPICS[code], "on": code in chosen} for code in form.optional],
    }
    return render(request, "shimao_service/preferences.html", context, status=400 if form.errors else 200)


def _reach(request: HttpRequest, channel: str) -> str:
    me = f"user:{request.user.pk}"
    return outbox.addresses([me], channel=channel).get(me, "")
