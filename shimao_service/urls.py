"""All addresses, by floor."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("staff.urls")),
    path("", include("tickets.urls")),
    path("api/v1/", include("tickets.api.urls")),
    path("admin/", admin.site.urls),
]
