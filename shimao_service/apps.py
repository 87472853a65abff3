from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShimaoServiceConfig(AppConfig):
    name = "shimao_service"
    verbose_name = _("基础")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from shimao_service import checks  # noqa: F401  (registers them)
