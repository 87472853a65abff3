from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StaffConfig(AppConfig):
    name = "staff"
    verbose_name = _("人员与职责")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from shimao_service import calendars, health, navigation
        from shimao_service.imports import registry
        from staff import reach
        from staff.calendar_uses import ProjectCalendars
        from staff.imports import EmployeeImporter
        from staff.permissions import Permission as P
        from staff.powers import everywhere

        def is_personnel(viewer: Any) -> bool:
            return everywhere(viewer, P.EMPLOYEE_MANAGE) or everywhere(viewer, P.ROLE_MANAGE)

        # Auditors and directors look; those who run the desk or the system decide what is sent again.
        health.register_operators(
            see=lambda viewer: viewer.can(P.NOTICE_VIEW),
            act=lambda viewer: viewer.can(P.NOTICE_VIEW) and viewer.can_any((P.TICKET_OVERSEE, P.ROLE_MANAGE)),
        )
        calendars.register_uses(ProjectCalendars())
        reach.register()
        registry.register(EmployeeImporter())
        navigation.register(
            navigation.NavItem(
                _("消息"), "inbox", "bell", bool, order=30, count="inbox", alarm=True, phone=4, rail=False
            ),
            navigation.NavItem(_("员工"), "employees", "id-badge-2", is_personnel, group=_("管理"), order=110, phone=3),
            navigation.NavItem(
                _("组织"),
                "projects",
                "building",
                is_personnel,
                group=_("管理"),
                order=120,
                covers=("departments", "roles"),
            ),
            navigation.NavItem(
                _("值班"),
                "duty",
                "calendar-time",
                lambda viewer: bool(viewer.grants),  # who is on tonight concerns everybody who works somewhere
                group=_("管理"),
                order=125,
                covers=("absences",),
            ),
            navigation.NavItem(_("制度"), "regulation", "book-2", bool, group=_("管理"), order=130),
            navigation.NavItem(_("我的"), "me", "user-circle", bool, order=35, phone=5, rail=False),
        )
