"""Addresses of the calendars' pages, under ``calendars/``."""

from django.urls import path

from shimao_service import calendar_pages as pages
from shimao_service import official_pages as official

urlpatterns = [
    path("", pages.index, name="calendars"),
    path("new/", pages.new, name="calendar-new"),
    path("official/", official.years, name="official-days"),
    path("official/preview/", official.preview, name="official-preview"),
    path("official/apply/", official.apply, name="official-apply"),
    path("<int:pk>/", pages.calendar, name="calendar"),
    path("<int:pk>/v<int:number>/", pages.calendar, name="calendar-version"),
    path("<int:pk>/adopt/", pages.adopt, name="calendar-adopt"),
    path("<int:pk>/draft/", pages.draft, name="calendar-draft"),
    path("<int:pk>/draft/open/", pages.open_draft, name="calendar-draft-open"),
    path("<int:pk>/draft/week/", pages.write_week, name="calendar-week"),
    path("<int:pk>/draft/days/", pages.write_days, name="calendar-days"),
    path("<int:pk>/draft/days/remove/", pages.remove_day, name="calendar-day-remove"),
    path("<int:pk>/draft/take-over/", pages.take_over, name="calendar-take-over"),
    path("<int:pk>/draft/discard/", pages.discard, name="calendar-discard"),
    path("<int:pk>/draft/publish/", pages.publish, name="calendar-publish"),
]
