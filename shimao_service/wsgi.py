"""The WSGI entry point, for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shimao_service.settings")

application = get_wsgi_application()

from shimao_service.checks import refuse_demo_accounts  # noqa: E402  (needs the apps loaded)

refuse_demo_accounts()
