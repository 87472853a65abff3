"""The Celery application. Tasks are ten lines each: ids in, one domain call."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shimao_service.settings")

app = Celery("shimao_service")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
