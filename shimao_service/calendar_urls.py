"""Addresses of the calendars' pages, under ``calendars/``."""

from django.urls import path

from shimao_service import calendar_pages as pages

urlpatterns = [
    path("", pages.index, name="calendars"),
]
