"""Addresses of the tickets app, a module a group of pages."""

from tickets.urls import escalation, estate, intake, owners, queue, request, terms

# The fixed addresses (tickets/new/) stand before the ones with a number in them.
urlpatterns = [
    *queue.urlpatterns,
    *intake.urlpatterns,
    *estate.urlpatterns,
    *owners.urlpatterns,
    *terms.urlpatterns,
    *escalation.urlpatterns,
    *request.urlpatterns,
]
