"""Addresses of 通知渠道."""

from django.urls import path

from shimao_service import outlet_pages

urlpatterns = [
    path("", outlet_pages.channels, name="channels"),
    path("new/<slug:kind>/", outlet_pages.new, name="channel-new"),
    path("<int:pk>/", outlet_pages.channel, name="channel"),
    path("<int:pk>/edit/", outlet_pages.edit, name="channel-edit"),
    path("<int:pk>/test/", outlet_pages.test, name="channel-test"),
    path("<int:pk>/switch/", outlet_pages.switch, name="channel-switch"),
    path("<int:pk>/withdraw/", outlet_pages.withdraw, name="channel-withdraw"),
    path("<int:pk>/secret/", outlet_pages.renew_secret, name="channel-secret"),
    path("<int:pk>/delete/", outlet_pages.delete, name="channel-delete"),
]
