"""The request page, everything read beside it, and every move on it."""

from django.urls import path

from tickets.views import moves, pictures, request, urging

urlpatterns = [
    path("tickets/<str:number>/", request.page, name="ticket"),
    path("tickets/<str:number>/live/", request.live, name="ticket-live"),
    path("tickets/<str:number>/reveal/", request.reveal, name="ticket-reveal"),
    path("tickets/<str:number>/history/", request.history, name="ticket-history"),
    path("tickets/<str:number>/share/", request.share, name="ticket-share"),
    path("tickets/<str:number>/print/", request.paper, name="ticket-print"),
    path("tickets/<str:number>/handlers/", moves.handlers, name="ticket-handlers"),
    path("tickets/<str:number>/units/", moves.units, name="ticket-units"),
    path("tickets/<str:number>/urged/", urging.urged, name="ticket-urged"),
    path("tickets/<str:number>/<slug:verb>/", moves.move, name="ticket-move"),
    path("pictures/<int:pk>/<str:size>/", pictures.picture, name="picture"),
]
