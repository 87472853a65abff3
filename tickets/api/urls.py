"""The API, version 1. What is not built yet is not here, and so not in the schema either."""

from django.urls import include, path, re_path

from staff.api.base import Nowhere
from tickets.api.views import lookups, moves, tickets

urlpatterns = [
    path("", include("staff.api.urls")),
    path("categories/", lookups.CategoriesView.as_view(), name="api-categories"),
    path("units/", lookups.UnitsView.as_view(), name="api-units"),
    path("owners/", lookups.OwnersView.as_view(), name="api-owners"),
    path("tickets/", tickets.TicketsView.as_view(), name="api-tickets"),
    path("tickets/<str:number>/", tickets.TicketView.as_view(), name="api-ticket"),
    *(
        path(f"tickets/<str:number>/{move.path}/", moves.view_of(move), name=f"api-ticket-{move.path}")
        for move in moves.MOVES
    ),
    re_path(r"", Nowhere.as_view(), name="api-nowhere"),
]
