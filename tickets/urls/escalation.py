"""The steps by which a missed promise rises."""

from django.urls import path

from tickets.views import escalation

urlpatterns = [
    path("escalation/", escalation.ladder, name="escalation"),
    path("escalation/new/", escalation.step, name="escalation-new"),
    path("escalation/<int:pk>/", escalation.step, name="escalation-step"),
    path("escalation/<int:pk>/remove/", escalation.remove, name="escalation-remove"),
]
