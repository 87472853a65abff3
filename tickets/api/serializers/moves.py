"""The body of each move. Lengths, times and what is asked when are the verbs' own to judge."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from staff.api.base import Strict
from staff.api.fields import DepartmentField, EmployeeField
from tickets.api.fields import CategoryField, OwnerField, PhoneField, UnitField
from tickets.statuses import AUTHORITIES, Channel, HoldReason, Kind, Level, Liability, Urgency


def words(**kwargs: Any) -> serializers.CharField:
    """Words to write; that they are missing is said by the verb, in its own words."""
    return serializers.CharField(**({"allow_blank": True} | kwargs))


class MoveBody(Strict):
    version = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**31 - 1,
        help_text=_("提交时看到的 version；已有新动态时返回 409 stale"),
    )  # fmt: skip


class DispatchBody(MoveBody):
    department = DepartmentField(help_text=_("部门编码"))
    handler = EmployeeField(required=False, allow_null=True, help_text=_("责任人的用户名"))
    note = words(required=False)


class AcceptBody(MoveBody):
    pass


class ArriveBody(MoveBody):
    note = words(required=False)
    place = words(required=False, help_text=_("手机给出的位置，如 31.2304,121.4737"))


class ReasonBody(MoveBody):
    reason = words()


class TransferBody(MoveBody):
    department = DepartmentField(help_text=_("部门编码"))
    handler = EmployeeField(required=False, allow_null=True, help_text=_("责任人的用户名"))
    reason = words()


class FollowUpBody(MoveBody):
    note = words()
    answered = serializers.BooleanField(required=False, default=False, help_text=_("已就此答复业主"))
    promised_at = serializers.DateTimeField(required=False, allow_null=True, help_text=_("约定下次联系"))


class HoldBody(MoveBody):
    reason = serializers.ChoiceField(HoldReason.choices)
    note = words(required=False, help_text=_("原因选 other 时必填"))
    resume_at = serializers.DateTimeField()


class ResumeBody(MoveBody):
    note = words(required=False)


class CompleteBody(MoveBody):
    result = words()


class FeedbackBody(MoveBody):
    channel = serializers.ChoiceField(Channel.choices)
    content = words()


class RatingInput(MoveBody):
    """代录评价: nobody writes a grade for the owner without saying how it was told."""

    grade = serializers.IntegerField(min_value=1, max_value=5)
    comment = words(required=False)
    channel = serializers.ChoiceField(Channel.choices, help_text=_("业主是怎样告诉您的（代录必填）"))


class SummaryBody(MoveBody):
    cause = words()
    liability = serializers.ChoiceField(Liability.choices)
    improvement = words(required=False, help_text=_("投诉、重办和超时的工单必填"))


class AnswerBody(MoveBody):
    answer = words()
    grade = serializers.IntegerField(required=False, allow_null=True, min_value=3, max_value=5)


class UrgeBody(MoveBody):
    note = words(required=False)
    told_by_owner = serializers.BooleanField(required=False, default=False, help_text=_("业主来催，代为记下"))
    channel = serializers.ChoiceField(
        Channel.choices, required=False, help_text=_("业主是怎样告诉您的；不填即电话")
    )  # fmt: skip


class NoteBody(MoveBody):
    note = words()


class ReferBody(MoveBody):
    authority = serializers.ChoiceField([(one.value, one.label) for one in AUTHORITIES])
    number = serializers.CharField(max_length=100, allow_blank=True, help_text=_("转办编号，同一单位只能登记一次"))
    due_at = serializers.DateTimeField(required=False, allow_null=True, help_text=_("转办时限"))
    return_until = serializers.DateTimeField(required=False, allow_null=True, help_text=_("可退回至"))


class ReplyBody(MoveBody):
    content = words()


class AmendBody(MoveBody):
    """Only what is given is changed. ``unit`` and ``category`` may be null."""

    reason = words()
    kind = serializers.ChoiceField(Kind.choices, required=False)
    category = CategoryField(required=False, allow_null=True)
    urgency = serializers.ChoiceField(Urgency.choices, required=False)
    unit = UnitField(required=False, allow_null=True)
    place = words(required=False)
    owner = OwnerField(required=False)
    payer = OwnerField(required=False, allow_null=True)
    contact_name = words(required=False)
    contact_phone = PhoneField(required=False, allow_blank=True)
    contact_email = serializers.EmailField(required=False, allow_blank=True)
    level = serializers.ChoiceField(Level.choices, required=False)
    is_collective = serializers.BooleanField(required=False)
    appointment_at = serializers.DateTimeField(required=False, allow_null=True)
    description = words(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        changes = {name: value for name, value in data.items() if name not in ("reason", "version")}
        if owner := changes.get("owner"):
            changes.setdefault("contact_name", owner.name)
            changes.setdefault("contact_phone", owner.phone)
        return {"reason": data["reason"], "version": data.get("version"), "changes": changes}
