"""The WSGI entry point, for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shimao_service.settings")

application = get_wsgi_application()

from django.db import connections  # noqa: E402  (needs the settings)

from shimao_service.checks import refuse_demo_accounts  # noqa: E402  (needs the apps loaded)

refuse_demo_accounts()
connections.close_all()  # not to be shared by the workers that are forked from here
