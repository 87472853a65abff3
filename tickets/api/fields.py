"""Units, categories and owners by their ids, as far as the caller may look them up; phones in one form."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers

from shimao_service import phones
from shimao_service.exceptions import Invalid
from staff.access import Viewer
from staff.api.base import IdField
from staff.api.fields import Finding
from staff.permissions import Permission
from tickets.models import Category, Occupancy, Owner, Unit


class UnitField(Finding, IdField):
    def find(self, value: int) -> Unit:
        projects = [project.pk for project in self.context["viewer"].projects]
        found = Unit.objects.filter(pk=value, project__in=projects).select_related("building").first()
        if found is None:
            raise serializers.ValidationError(_("没有编号为 %(id)s 的房屋。") % {"id": value})
        return found


class CategoryField(Finding, IdField):
    def find(self, value: int) -> Category:
        found = Category.objects.filter(pk=value, is_active=True).select_related("parent").first()
        if found is None:
            raise serializers.ValidationError(_("没有编号为 %(id)s 的分类。") % {"id": value})
        return found


class OwnerField(Finding, IdField):
    def find(self, value: int) -> Owner:
        found = owners_of(self.context["viewer"]).filter(pk=value).first()
        if found is None:
            raise serializers.ValidationError(_("没有编号为 %(id)s 的业主。") % {"id": value})
        return found


class PhoneField(serializers.CharField):
    def __init__(self, **kwargs: Any):
        super().__init__(**({"max_length": 40} | kwargs))

    def to_internal_value(self, data: Any) -> str:
        try:
            return phones.normalise(super().to_internal_value(data))
        except Invalid as refusal:
            raise serializers.ValidationError(str(refusal.detail)) from refusal


def owners_of(viewer: Viewer) -> Any:
    """Those who live or work now in a unit of a project where the caller may look people up."""
    lives = Occupancy.objects.on(timezone.localdate()).filter(
        viewer.scope(Permission.OWNER_LOOKUP, "unit__project_id"), owner=OuterRef("pk")
    )
    return Owner.objects.filter(Exists(lives))
