"""The ground floor: settings, and what every app stands on."""

from shimao_service.celery import app as celery_app

__all__ = ["celery_app"]
