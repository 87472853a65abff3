"""Owners, units and buildings."""

from django.urls import path

from tickets.views import estate

urlpatterns = [
    path("owners/", estate.owner_list, name="owners"),
    path("owners/new/", estate.owner_new, name="owner-new"),
    path("owners/<int:pk>/", estate.owner, name="owner"),
    path("owners/<int:pk>/edit/", estate.owner_edit, name="owner-edit"),
    path("owners/<int:pk>/reveal/", estate.owner_reveal, name="owner-reveal"),
    path("owners/<int:pk>/move-in/", estate.owner_move_in, name="owner-move-in"),
    path("occupancies/<int:pk>/move-out/", estate.move_out, name="move-out"),
    path("units/options/", estate.unit_options, name="unit-options"),
    path("units/<int:pk>/", estate.unit, name="unit"),
    path("buildings/", estate.building_list, name="buildings"),
    path("buildings/new/", estate.building_new, name="building-new"),
    path("buildings/<int:pk>/", estate.building, name="building"),
    path("buildings/<int:pk>/edit/", estate.building_edit, name="building-edit"),
    path("buildings/<int:pk>/units/new/", estate.unit_new, name="unit-new"),
    path("buildings/<int:pk>/poster/", estate.poster, name="poster"),
]
