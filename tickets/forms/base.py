"""What all forms of moves share: the version of the page, refusals by field, quick choices."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shimao_service.forms import RefusableForm, WordsField
from staff.access import Viewer
from tickets.models import Event, Ticket
from tickets.pictures import Picture
from tickets.statuses import Channel, Verb

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LOCAL = "%Y-%m-%dT%H:%M"
# How somebody tells or is told something in person; the link and "unreachable" are no such way.
SPOKEN = (Channel.PHONE, Channel.FACE, Channel.WECHAT, Channel.SMS, Channel.EMAIL)


class MomentInput(forms.DateTimeInput):
    """A date and time by the phone's own picker."""

    input_type = "datetime-local"

    def __init__(self, **kwargs: Any):
        super().__init__(format=LOCAL, attrs={"step": "60"}, **kwargs)


def moment_field(
    label: StrOrPromise, *, required: bool = False, message: StrOrPromise = "", **kwargs: Any
) -> forms.DateTimeField:
    field = forms.DateTimeField(
        label=label,
        required=required,
        widget=MomentInput(),
        input_formats=[LOCAL, f"{LOCAL}:%S", "%Y-%m-%d %H:%M"],
        **kwargs,
    )
    field.error_messages["invalid"] = gettext_lazy("请按“年-月-日 时:分”填写时间。")
    if message:
        field.error_messages["required"] = message
    return field


def text_field(
    label: StrOrPromise,
    *,
    message: StrOrPromise = "",
    rows: int = 3,
    limit: int = 5000,
    placeholder: StrOrPromise = "",
    **kwargs: Any,
) -> forms.CharField:
    """Words; ``message`` makes them required and says so."""
    field = WordsField(
        label=label,
        required=bool(message),
        widget=forms.Textarea(attrs={"rows": rows, "maxlength": limit, "placeholder": placeholder}),
        **kwargs,
    )
    if message:
        field.error_messages["required"] = message
    return field


def choice_field(
    label: StrOrPromise, choices: Iterable[tuple[Any, Any]], *, message: StrOrPromise = "", **kwargs: Any
) -> forms.ChoiceField:
    """A row of big buttons."""
    field = forms.ChoiceField(
        label=label, choices=list(choices), required=bool(message), widget=forms.RadioSelect, **kwargs
    )
    if message:
        field.error_messages["required"] = message
        field.error_messages["invalid_choice"] = message
    return field


def channels(*values: Channel) -> list[tuple[str, Any]]:
    return [(channel.value, channel.label) for channel in values]


def pictures_field(label: StrOrPromise) -> forms.Field:
    """Stands for the uploader; the files themselves are read by :mod:`tickets.pictures`."""
    return forms.Field(label=label, required=False, widget=forms.FileInput)


class MoveForm(RefusableForm):
    """One move. ``says`` names the field whose words tell one submission from another; ``done`` is the toast."""

    verb: ClassVar[Verb]
    title: ClassVar[StrOrPromise] = ""
    submit: ClassVar[StrOrPromise] = ""
    done: ClassVar[StrOrPromise] = gettext_lazy("已保存")
    says: ClassVar[str] = ""
    danger: ClassVar[bool] = False
    # Made by one press where no words are needed; the page then posts without opening the form.
    at_once: ClassVar[bool] = False
    # Two forms may stand on one page; the lookup component makes its own ids and wants the plain ones.
    ids: ClassVar[str] = "id_{verb}_%s"

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, ticket: Ticket, viewer: Viewer, **kwargs: Any):
        kwargs.setdefault("auto_id", self.ids.replace("{verb}", self.verb.value))
        super().__init__(*args, **kwargs)
        self.ticket, self.viewer = ticket, viewer
        self.fields["version"].initial = ticket.version
        self.quick: dict[str, list[dict[str, str]]] = {}
        self.prepare()

    def prepare(self) -> None:
        """Choices and initial values that depend on the request."""

    def call(self) -> Callable[..., Any]:
        raise NotImplementedError

    def arguments(self) -> dict[str, Any]:
        """What the verb is called with, beside ``by`` and ``version``."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("version", "pictures")}

    def make(self, *, pictures: list[Picture]) -> Any:
        """Make the move. Raises what the verb raises."""
        arguments = self.arguments()
        if "pictures" in self.fields:
            arguments["pictures"] = pictures
        return self.call()(self.ticket, by=self.viewer.actor, version=self.cleaned_data["version"], **arguments)

    @property
    def cautions(self) -> list[str]:
        """What the person should know of what was just done; said beside the toast."""
        return []

    # --- refusals -------------------------------------------------------------------------------
    def renew(self, ticket: Ticket) -> None:
        """Let the next press be made from the request as it is now; what was typed stays."""
        self.ticket = ticket
        data: Any = self.data
        self.data = data.copy()
        self.data[self.add_prefix("version")] = str(ticket.version)  # type: ignore[index]

    def was_made(self, events: Iterable[Event]) -> bool:
        """Whether ``events`` hold this very submission: a second press, or a retry of an answer that got lost."""
        typed = self.typed(self.says) if self.says else None
        return any(
            event.verb == self.verb
            and event.actor_kind == "employee"
            and event.actor_id == self.viewer.employee_id
            and (typed is None or event.note == typed)
            for event in events
        )

    def typed(self, name: str) -> str:
        """The words of a field as the event would keep them."""
        return str(self.data.get(self.add_prefix(name)) or "").strip().replace("\r\n", "\n")

    # --- quick choices --------------------------------------------------------------------------
    def offer(self, name: str, choices: Iterable[tuple[Any, str]]) -> None:
        """Buttons under a field that fill it: ``(label, value)``."""
        self.quick[name] = [
            {"label": str(label), "fill": json.dumps({self.add_prefix(name): value})} for label, value in choices
        ]

    def offer_phrases(self, name: str, *phrases: Any) -> None:
        self.offer(name, [(phrase, str(phrase)) for phrase in phrases])

    def offer_moments(self, name: str) -> None:
        """今天下午, 明天, 后天, 下周一."""
        now = timezone.localtime()
        today = now.date()

        def at(day: Any, hour: int) -> datetime:
            return timezone.make_aware(datetime.combine(day, time(hour)))

        monday = today + timedelta(days=7 - today.weekday())
        moments = [
            (_("今天下午"), at(today, 14 if now.hour < 13 else 17)),
            (_("明天上午"), at(today + timedelta(days=1), 9)),
            (_("后天上午"), at(today + timedelta(days=2), 9)),
            (_("下周一"), at(monday, 9)),
        ]
        self.offer(name, [(label, timezone.localtime(when).strftime(LOCAL)) for label, when in moments if when > now])
