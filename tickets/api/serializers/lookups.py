"""What is looked up before a request is registered."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from staff.api.base import Strict
from tickets.models import Category, Occupancy
from tickets.statuses import Kind, Urgency


class CategoryParams(Strict):
    kind = serializers.ChoiceField(Kind.choices, required=False)


class SearchParams(Strict):
    q = serializers.CharField(max_length=50)


class CategoryBody(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Kind.choices)
    parent = serializers.IntegerField(source="parent_id", allow_null=True)  # type: ignore[assignment]
    name = serializers.CharField()
    full_name = serializers.SerializerMethodField(help_text=_("连同上级，如 户内·给排水"))
    department = serializers.CharField(source="department.code", allow_null=True, help_text=_("默认部门"))
    urgency = serializers.ChoiceField(Urgency.choices, help_text=_("默认紧急程度"))
    project_kinds = serializers.ListField(child=serializers.CharField(), help_text=_("空：所有项目类型"))

    def get_full_name(self, category: Category) -> str:
        return str(category)


class UnitBody(serializers.Serializer):
    id = serializers.IntegerField()
    project = serializers.CharField(source="project.code")
    label = serializers.CharField()  # type: ignore[assignment]


class HomeBody(serializers.Serializer):
    unit = serializers.IntegerField(source="unit_id")
    label = serializers.CharField(source="unit.label")  # type: ignore[assignment]
    project = serializers.CharField(source="unit.project.code")
    relation = serializers.ChoiceField(Occupancy.Relation.choices)


class OwnerBody(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField(source="masked_name")
    phone = serializers.CharField(source="masked_phone")
    units = serializers.SerializerMethodField()

    @extend_schema_field(HomeBody(many=True))
    def get_units(self, owner: Any) -> list[dict[str, Any]]:
        return HomeBody(owner.homes, many=True).data  # type: ignore[return-value]
