from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DisciplineConfig(AppConfig):
    name = "discipline"
    verbose_name = _("奖惩与考核")
    default_auto_field = "django.db.models.BigAutoField"
