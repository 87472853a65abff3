"""The sheet 房产与业主: one row a unit and person; a unit may stand on several rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _l

from shimao_service.imports import columns as cells
from shimao_service.imports.columns import Column
from shimao_service.imports.importer import Advance, Importer, Plan, Row
from staff.access import Everywhere, Viewer
from staff.imports import viewer_of
from staff.models import Project
from staff.names import initials, pinyin
from staff.permissions import Permission
from tickets.imports.places import place_of
from tickets.imports.planning import OWNER_FIELDS, UNIT_FIELDS, EstatePlanning, Work
from tickets.models import Building, Occupancy, Owner, Unit
from tickets.models.estate import unit_label

CHUNK = 2000
RELATIONS = {
    "业主": "owner", "产权人": "owner", "租户": "tenant", "租客": "tenant", "家属": "family", "家人": "family",
}  # fmt: skip


class EstateImporter(Importer):
    kind = "estate"
    label = _l("房产与业主")
    description = _l("楼栋、房屋，以及谁住在哪里：业主、租户、家属。一行一户一人，同一户可以有多行。")
    icon = "building-community"
    sheet = "房产与业主"
    columns = (
        Column("project", "项目编码", cells.code(20), required=True, example="BJ", help=_l("项目在系统中的编码。")),
        Column(
            "building", "楼栋", cells.text(40), required=True, example="3号楼",
            help=_l("例如 3、3号楼、A座；没有的会新建。"),
        ),
        Column("entrance", "单元", cells.text(12), example="2", help=_l("没有单元的留空。"), width=8),
        Column("room", "房号", cells.text(14), required=True, example="1502", width=10),
        Column("floor", "楼层", cells.floor, example="15", as_text=False, width=8, help=_l("地下一层填 -1。")),
        Column(
            "area", "建筑面积", cells.decimal(places=2, maximum=99_999), example="89.50", as_text=False,
            help=_l("平方米，保留两位小数。"), width=10,
        ),
        Column(
            "handed_over_on", "交付日期", cells.day, example="2019-06-30", as_text=False,
            help=_l("保修期从这一天起算。"),
        ),
        Column(
            "name", "姓名", cells.person_name(60), example="张建国", private="name",
            help=_l("住户或单位名称；只登记房屋时留空。"),
        ),
        Column(
            "relation", "关系", cells.choice(RELATIONS), example="业主", choices=("业主", "租户", "家属"),
            help=_l("留空视为业主。"), width=8,
        ),
        Column("phone", "手机", cells.phone, example="13812345678", private="phone", width=16),
        Column(
            "phone_alt", "备用电话", cells.phone, example="021-62345678", private="phone", width=16,
            help=_l("座机请带区号。"),
        ),
        Column("email", "邮箱", cells.email, example="zhang@example.com", private="email", width=24),
        Column("since", "入住日期", cells.day, example="2019-08-01", as_text=False),
        Column(
            "until", "迁出日期", cells.day, as_text=False, help=_l("已迁出的填写；这一天之后不再是住户。")
        ),
    )  # fmt: skip
    notes = (
        _l("同一户有业主、租户、家属时，每人一行，房屋信息可以只写一次。"),
        _l("同一项目内姓名和手机都相同的，视为同一人。"),
        _l("几个人共用一个手机可以导入，只会提醒。"),
        _l("系统里没有身份证号一栏，请不要填写。"),
    )

    # --- who ---
    def viewer_of(self, user: Any) -> Viewer:
        return viewer_of(user)

    def may_start(self, viewer: Any) -> bool:
        return bool(viewer) and viewer.can(Permission.IMPORT_ESTATE)

    def may_oversee(self, viewer: Any) -> bool:
        return bool(viewer) and isinstance(viewer.projects_with(Permission.IMPORT_ESTATE), Everywhere)

    def choices_now(self, viewer: Any) -> dict[str, Sequence[str]]:
        held = viewer.projects_with(Permission.IMPORT_ESTATE)
        return {"project": [p.code for p in Project.objects.filter(is_active=True) if p.pk in held]}

    # --- what ---
    def identity(self, row: Row) -> Hashable | None:
        place = place_of(row)
        if place is None:
            return None
        return (place, *(row.get(key) for key in ("name", "phone", "since", "until")), row.get("relation") or "owner")

    def plan(self, rows: list[Row], *, viewer: Any, lock: bool, advance: Advance) -> Plan:
        return EstatePlanning(self, rows, viewer=viewer, lock=lock).run(advance)

    def apply(self, plan: Plan, *, viewer: Any, now: datetime, advance: Advance) -> None:
        work: Work = plan.work
        Building.objects.bulk_create(work.buildings, batch_size=CHUNK)
        for unit in work.units:
            unit.label = unit_label(unit.building.code, unit.entrance, unit.room)
        Unit.objects.bulk_create(work.units, batch_size=CHUNK)
        advance(len(work.units))
        for owner in work.owners:
            owner.pinyin, owner.initials = pinyin(owner.name), initials(owner.name)
        Owner.objects.bulk_create(work.owners, batch_size=CHUNK)
        _update(Unit, work.changed_units.values(), UNIT_FIELDS)
        _update(Owner, work.changed_owners.values(), OWNER_FIELDS)
        # Old terms end before new ones begin: a person has one open term in a unit and relation.
        _update(Occupancy, work.changed_occupancies.values(), ("since", "until"))
        Occupancy.objects.bulk_create(work.occupancies, batch_size=CHUNK)
        advance(len(work.occupancies))


def _update(model: type[Model], objects: Iterable[Model], fields: Sequence[str]) -> None:
    """Write ``fields`` of rows that exist and are locked: an upsert on the key, many times faster than CASE WHEN."""
    model._default_manager.bulk_create(
        objects, batch_size=CHUNK, update_conflicts=True, unique_fields=["id"], update_fields=list(fields)
    )
