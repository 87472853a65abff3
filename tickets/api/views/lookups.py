"""Categories, units and owners, as far as the caller may look them up."""

from __future__ import annotations

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from staff.api.base import View
from staff.api.schema import described, listing
from staff.api.views import PLACES
from staff.permissions import Permission
from tickets import lookup
from tickets.api.serializers.lookups import CategoryBody, CategoryParams, OwnerBody, SearchParams, UnitBody
from tickets.models import Category, Occupancy, Owner


class CategoriesView(View):
    params = CategoryParams

    @described(
        "categories", _("工单分类"), tag=PLACES, parameters=[CategoryParams],
        answers={200: listing(CategoryBody, "CategoryList")},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        categories = Category.objects.filter(is_active=True).select_related("parent", "department")
        if kind := self.asked().get("kind"):
            categories = categories.filter(kind=kind)
        return Response({"next": None, "results": CategoryBody(categories, many=True).data})


class UnitsView(View):
    params = SearchParams

    @described(
        "units", _("按房号找房屋（最多 10 个）"), tag=PLACES, parameters=[SearchParams],
        answers={200: listing(UnitBody, "UnitList")}, errors=(400, 401, 403),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        text = self.asked()["q"]
        self.viewer.check(Permission.OWNER_LOOKUP)
        place = lookup.as_place(lookup.narrow(text))
        found = lookup.find_units(self.viewer, place) if place else []
        return Response({"next": None, "results": UnitBody(found, many=True).data})


class OwnersView(View):
    params = SearchParams

    @described(
        "owners", _("按电话、姓名或拼音找业主（最多 10 位，信息脱敏）"), tag=PLACES, parameters=[SearchParams],
        answers={200: listing(OwnerBody, "OwnerList")}, errors=(400, 401, 403),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        text = self.asked()["q"]
        viewer = self.viewer
        viewer.check(Permission.OWNER_LOOKUP)
        ids = lookup.find_owners(viewer, lookup.narrow(text))
        homes = (
            Occupancy.objects.on(timezone.localdate())
            .filter(viewer.scope(Permission.OWNER_LOOKUP, "unit__project_id"))
            .select_related("unit__project")
        )
        owners = Owner.objects.prefetch_related(Prefetch("occupancies", homes, to_attr="homes")).in_bulk(ids)
        return Response({"next": None, "results": OwnerBody([owners[pk] for pk in ids], many=True).data})
