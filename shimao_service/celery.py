"""The Celery application. Tasks are ten lines each: ids in, one domain call."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

from shimao_service.beat import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shimao_service.settings")

app = Celery("shimao_service")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()


@setup_logging.connect
def log_as_django_does(**kwargs: Any) -> None:
    """Celery would set up handlers of its own, past our filter."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
