"""A request as the API tells it; owners' names and phones are masked everywhere."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from staff import availability
from staff.api.base import Strict
from staff.api.fields import EmployeeField, ProjectField
from tickets import contacts, discretion, links, timeline
from tickets.api.fields import CategoryField, OwnerField, PhoneField, UnitField
from tickets.models import Clock, Event, Ticket, Urge
from tickets.search import ORDERINGS
from tickets.statuses import (
    AUTHORITIES,
    Channel,
    ClockName,
    Kind,
    Oversight,
    RatingSource,
    Source,
    Status,
    Step,
    Urgency,
    Verb,
)

CLOCK_ORDER = {name.value: index for index, name in enumerate(ClockName)}


class Named(serializers.Serializer):
    """``from_`` is called ``from`` outside."""

    def get_fields(self) -> dict[str, Any]:
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class ContactBody(serializers.Serializer):
    name = serializers.CharField(source="masked_name")
    phone = serializers.CharField(source="masked_phone")


class ClockBody(serializers.Serializer):
    name = serializers.ChoiceField(ClockName.choices)
    due_at = serializers.DateTimeField()
    met_at = serializers.DateTimeField(allow_null=True)
    paused = serializers.SerializerMethodField()
    late = serializers.SerializerMethodField()

    def get_paused(self, clock: Clock) -> bool:
        return clock.paused_at is not None

    def get_late(self, clock: Clock) -> bool:
        """Missed for good, or running past its time; as the request page counts."""
        end = clock.met_at or clock.stopped_at or clock.paused_at or self.context.get("now") or timezone.now()
        return end > clock.due_at


class LegBody(Named):
    department = serializers.CharField(source="department.code")
    handler = EmployeeField(allow_null=True)
    from_ = serializers.DateTimeField(source="started_at")
    to = serializers.DateTimeField(source="ended_at", allow_null=True)
    round = serializers.IntegerField()


class RatingBody(serializers.Serializer):
    round = serializers.IntegerField()
    grade = serializers.IntegerField(min_value=1, max_value=5)
    comment = serializers.CharField()
    source = serializers.ChoiceField(RatingSource.choices)  # type: ignore[assignment]
    channel = serializers.ChoiceField([*Channel.choices, ("", "—")])
    at = serializers.DateTimeField()
    late = serializers.BooleanField(source="is_late")
    counts = serializers.SerializerMethodField(help_text=gettext_lazy("false：已被业主本人后来的评价取代"))

    def get_counts(self, rating: Any) -> bool:
        return rating.replaced_at is None


class UrgeRow(serializers.Serializer):
    """催单, 催办 or 督办: each wants an answer; ``times`` counts repeats within ten minutes."""

    by = serializers.ChoiceField(Urge.By.choices)
    name = serializers.CharField(source="by_name")
    recorded_by = serializers.CharField(help_text=gettext_lazy("业主电话催单由谁记下"))
    note = serializers.CharField()
    at = serializers.DateTimeField()
    times = serializers.IntegerField()
    last_at = serializers.DateTimeField()
    round = serializers.IntegerField()
    answered_at = serializers.DateTimeField(allow_null=True)
    answered_by = serializers.CharField()
    answer = serializers.CharField()


class ReferralBody(serializers.Serializer):
    """An authority passed it on."""

    authority = serializers.ChoiceField([(one.value, one.label) for one in AUTHORITIES])
    number = serializers.CharField()
    due_at = serializers.DateTimeField(allow_null=True)
    return_until = serializers.DateTimeField(allow_null=True)
    reply = serializers.CharField()
    replied_at = serializers.DateTimeField(allow_null=True)
    replied_by = serializers.CharField()


class EventBody(Named):
    verb = serializers.ChoiceField(Verb.choices)
    at = serializers.DateTimeField()
    by = serializers.SerializerMethodField()
    from_ = serializers.ChoiceField(Status.choices, source="from_status", allow_null=True)
    to = serializers.ChoiceField(Status.choices, source="to_status")
    note = serializers.CharField()

    def get_by(self, event: Event) -> str:
        return timeline.actor(event)

    def to_representation(self, event: Event) -> dict[str, Any]:
        told = super().to_representation(event)
        told["from"] = told["from"] or None
        return told


class TicketRow(serializers.Serializer):
    """What a list shows of a request."""

    number = serializers.CharField()
    kind = serializers.ChoiceField(Kind.choices)
    status = serializers.ChoiceField(Status.choices)
    step = serializers.ChoiceField(Step.choices, allow_null=True)
    round = serializers.IntegerField()
    version = serializers.IntegerField()
    project = serializers.CharField(source="project.code")
    unit = serializers.IntegerField(source="unit_id", allow_null=True)
    contact = ContactBody(source="*")
    category = serializers.IntegerField(source="category_id", allow_null=True)
    urgency = serializers.ChoiceField(Urgency.choices)
    description = serializers.CharField()
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]
    created_at = serializers.DateTimeField()
    appointment_at = serializers.DateTimeField(allow_null=True)
    first_receiver = EmployeeField(allow_null=True)
    department = serializers.CharField(source="department.code", allow_null=True)
    handler = EmployeeField(allow_null=True)
    oversight = serializers.ChoiceField(
        [*Oversight.choices, ("", "—")], help_text=gettext_lazy("为什么由经理督办；空：没有督办")
    )  # fmt: skip
    overseen_at = serializers.DateTimeField(allow_null=True)
    occurrence = serializers.IntegerField(help_text=gettext_lazy("同一房屋、同一分类 30 天内第几次"))
    clocks = serializers.SerializerMethodField()

    @extend_schema_field(ClockBody(many=True))
    def get_clocks(self, ticket: Ticket) -> list[dict[str, Any]]:
        mine = [clock for clock in ticket.clocks.all() if clock.round == ticket.round]
        ordered = sorted(mine, key=lambda clock: CLOCK_ORDER[clock.name])
        return ClockBody(ordered, many=True, context=self.context).data  # type: ignore[return-value]


class TicketBody(TicketRow):
    """The whole request. ``track_url`` is there for whoever may hand it to the owner."""

    legs = LegBody(many=True)
    ratings = RatingBody(many=True)
    urges = UrgeRow(many=True)
    referral = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()
    track_url = serializers.URLField(required=False)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        ticket = self.instance
        if isinstance(ticket, Ticket):
            if contacts.may_share(ticket, self.context["viewer"]):
                fields["track_url"] = serializers.SerializerMethodField()
            else:
                del fields["track_url"]
        return fields

    @extend_schema_field(ReferralBody(allow_null=True))
    def get_referral(self, ticket: Ticket) -> dict[str, Any] | None:
        referral = getattr(ticket, "referral", None)
        return ReferralBody(referral).data if referral else None

    @extend_schema_field(EventBody(many=True))
    def get_events(self, ticket: Ticket) -> list[dict[str, Any]]:
        told = discretion.told_to(self.context["viewer"], ticket.events.all())
        return EventBody(told, many=True, context=self.context).data  # type: ignore[return-value]

    def get_track_url(self, ticket: Ticket) -> str:
        return links.address(ticket)


class AssignedBody(TicketBody):
    """The whole request after it was given to somebody, with what the caller should know of him."""

    warnings = serializers.SerializerMethodField(help_text=_("责任人请假或不在班时的提示，不影响派单"))

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_warnings(self, ticket: Ticket) -> list[str]:
        if ticket.handler is None:
            return []
        return [
            one.caution for one in availability.away([ticket.handler], ticket.project, self.context["now"]).values()
        ]


class IntakeBody(Strict):
    """Who asks is an ``owner`` by id, or a ``contact_name`` and ``contact_phone``."""

    project = ProjectField()
    kind = serializers.ChoiceField(Kind.choices)
    description = serializers.CharField(allow_blank=True)
    owner = OwnerField(required=False, allow_null=True)
    contact_name = serializers.CharField(required=False, allow_blank=True)
    contact_phone = PhoneField(required=False, allow_blank=True)
    category = CategoryField(required=False, allow_null=True)
    urgency = serializers.ChoiceField(Urgency.choices, required=False)
    unit = UnitField(required=False, allow_null=True)
    source = serializers.ChoiceField(Source.choices, required=False)  # type: ignore[assignment]
    appointment_at = serializers.DateTimeField(required=False, allow_null=True)
    authority_number = serializers.CharField(
        required=False, allow_blank=True, max_length=100,
        help_text=gettext_lazy("转办编号，来源为 12345、街道/住建、总部或业委会时可填，同一单位只能登记一次"),
    )  # fmt: skip
    authority_due_at = serializers.DateTimeField(required=False, allow_null=True, help_text=gettext_lazy("转办时限"))
    authority_return_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text=gettext_lazy("可退回至")
    )  # fmt: skip


def listed(choices: Any) -> str:
    return _("可用逗号列出多个：%(values)s") % {"values": "、".join(choices.values)}


class TicketParams(Strict):
    """The names a list may be asked by; their values are read by :class:`tickets.search.TicketFilter`."""

    step = serializers.CharField(required=False, max_length=200, help_text=lazy(listed, str)(Step))
    status = serializers.CharField(required=False, max_length=200, help_text=lazy(listed, str)(Status))
    kind = serializers.CharField(required=False, max_length=200, help_text=lazy(listed, str)(Kind))
    project = serializers.CharField(required=False, max_length=20, help_text=gettext_lazy("项目编码"))
    department = serializers.CharField(required=False, max_length=20, help_text=gettext_lazy("部门编码"))
    handler = serializers.CharField(
        required=False, max_length=150, help_text=gettext_lazy("责任人的用户名；me 是本人，none 是未指定")
    )
    overdue = serializers.CharField(required=False, max_length=5, help_text=gettext_lazy("1：有时限已超过；0：没有"))
    q = serializers.CharField(
        required=False, max_length=100, help_text=gettext_lazy("编号、房号，或内容里的词，写法与工单列表的搜索框相同")
    )
    ordering = serializers.CharField(required=False, max_length=20, help_text="、".join(ORDERINGS))
    cursor = serializers.CharField(required=False, max_length=300, help_text=gettext_lazy("上一页返回的 next"))


__all__ = ["EventBody", "IntakeBody", "TicketBody", "TicketParams", "TicketRow"]
