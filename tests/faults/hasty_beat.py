"""The application with a beat that ticks twice a second: ``celery -A tests.faults.hasty_beat beat``."""

from shimao_service.beat import SCHEDULE
from shimao_service.celery import app

app.conf.beat_schedule = {"tick": SCHEDULE["tick"] | {"schedule": 0.5}}
