from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShimaoServiceConfig(AppConfig):
    name = "shimao_service"
    verbose_name = _("基础")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from shimao_service import (
            calendars,
            checks,  # noqa: F401  (registers them)
            health,
            inbox,
            navigation,
            outbox,
            outlets,
            robots,
            sms,
            webhooks,
        )
        from shimao_service.imports import registry as imports
        from shimao_service.models.user import email_addresses, names

        outbox.register_address("user", email_addresses)
        outbox.register_name("user", names)
        outbox.register_topics({"import": outbox.Topic(_("导入结果"), hint=_("您上传的文件已导入，或有行需要更正。"))})
        outbox.register_kinds({"import": _("导入")}, topics={"import": "import"})
        for channel in (robots, webhooks, sms):
            channel.register()
        navigation.register_counter(inbox.counts, tells_alarms=True)
        navigation.register_warning(health.stalled_warning)
        navigation.register_warning(calendars.estimate_warning)
        navigation.register(
            navigation.NavItem(
                _("提醒发送"), "outbox", "send", shown=health.may_see_notices, group=_("管理"), order=950
            ),
            navigation.NavItem(
                _("日历"), "calendars", "calendar", lambda viewer: calendars.uses.may_see(viewer), _("管理"), order=140
            ),
            navigation.NavItem(
                _("通知渠道"), "channels", "message-report", shown=outlets.may_manage, group=_("管理"), order=945
            ),
            navigation.NavItem(_("导入"), "imports", "file-import", shown=imports.is_shown, group=_("管理"), order=940),
        )
