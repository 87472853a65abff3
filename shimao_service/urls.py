"""All addresses, by floor."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from shimao_service import health, inbox, operations, preferences

# One way in: the admin's own form knows neither our rate limits nor who left.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
handler400 = "shimao_service.exceptions.bad_request"
handler429 = "staff.views.sign_in.too_many"
handler500 = "shimao_service.exceptions.server_error"

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("i18n/setlang/", login_not_required(set_language), name="set_language"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/alarms/", inbox.alarm_banner, name="inbox-alarms"),
    path("inbox/read/", inbox.read_all, name="inbox-read-all"),
    path("inbox/<int:pk>/open/", inbox.open_notice, name="inbox-open"),
    path("inbox/<int:pk>/acknowledge/", inbox.acknowledge, name="inbox-acknowledge"),
    path("inbox/outbox/", operations.outbox_page, name="outbox"),
    path("inbox/outbox/decide/", operations.decide, name="outbox-decide"),
    path("inbox/mail/", operations.mail_page, name="demo-mail"),
    path("calendars/", include("shimao_service.calendar_urls")),
    path("channels/", include("shimao_service.outlet_urls")),
    path("me/notices/", preferences.preferences, name="my-notices"),
    path("imports/", include("shimao_service.imports.urls")),
    path("", include("staff.urls")),
    path("", include("tickets.urls")),
    path("api/v1/", include("tickets.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(template_name="api/docs.html"), name="api-docs"),
    path("admin/", admin.site.urls),
]
