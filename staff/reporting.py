"""Who reports to whom, and the chain kept beside the link."""

from __future__ import annotations

from django.db import connection, transaction
from django.utils.translation import gettext as _

from shimao_service.exceptions import Invalid
from staff.models import Employee

REBUILD = """
with recursive chain(id, superiors) as (
    select id, '{}'::bigint[] from staff_employee where reports_to_id is null
    union all
    select e.id, e.reports_to_id || c.superiors from staff_employee e join chain c on e.reports_to_id = c.id
)
update staff_employee e set superiors = chain.superiors from chain
where chain.id = e.id and e.superiors is distinct from chain.superiors
"""


@transaction.atomic
def rebuild() -> int:
    """Write every chain anew from the links; returns how many changed. After bulk imports."""
    with connection.cursor() as cursor:
        cursor.execute(REBUILD)
        return cursor.rowcount


@transaction.atomic
def set_superior(employee: Employee, superior: Employee | None) -> None:
    """Put ``employee`` under ``superior``. Raises ``Invalid`` when that would close a circle."""
    if superior is not None:
        superior = Employee.objects.select_for_update().get(pk=superior.pk)
        if superior.pk == employee.pk or employee.pk in superior.superiors:
            raise Invalid.field("reports_to", _("上级不能是本人或本人的下级。"))
    employee.reports_to = superior
    employee.save(update_fields=["reports_to"])
    rebuild()
    employee.refresh_from_db(fields=["superiors"])
