"""All addresses, by floor."""

from django.contrib import admin
from django.urls import include, path

from shimao_service import health, inbox, operations

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/read/", inbox.read_all, name="inbox-read-all"),
    path("inbox/<int:pk>/open/", inbox.open_notice, name="inbox-open"),
    path("inbox/outbox/", operations.outbox_page, name="outbox"),
    path("inbox/outbox/decide/", operations.decide, name="outbox-decide"),
    path("inbox/mail/", operations.mail_page, name="demo-mail"),
    path("imports/", include("shimao_service.imports.urls")),
    path("", include("staff.urls")),
    path("", include("tickets.urls")),
    path("api/v1/", include("tickets.api.urls")),
    path("admin/", admin.site.urls),
]
