"""The counter: registering, and what is looked up while registering."""

from django.urls import path

from tickets.views import intake, lookup

urlpatterns = [
    path("tickets/new/", intake.intake, name="ticket-new"),
    path("tickets/<str:number>/receipt/", intake.receipt, name="ticket-receipt"),
    path("lookup/", lookup.lookup, name="lookup"),
    path("lookup/card/", lookup.card, name="lookup-card"),
    path("lookup/categories/", lookup.categories, name="lookup-categories"),
    path("lookup/suggest/", lookup.suggest, name="lookup-suggest"),
    path("lookup/employees/", lookup.employees, name="lookup-employees"),
    path("lookup/handlers/", lookup.handlers, name="lookup-handlers"),
]
