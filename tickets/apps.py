from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TicketsConfig(AppConfig):
    name = "tickets"
    verbose_name = _("工单")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from shimao_service import calendars
        from shimao_service.imports import registry
        from tickets import clauses, frame, group_messages, leavers, outgoing, terms_changes
        from tickets.imports import EstateImporter

        outgoing.register()
        frame.register()
        leavers.register()
        clauses.register()
        group_messages.register()
        calendars.register_change(terms_changes.start_calendar)
        registry.register(EstateImporter())
