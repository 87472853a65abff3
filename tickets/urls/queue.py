"""Home, the queue, and what is done with several requests at once."""

from django.urls import path

from tickets.views import export, home, queue, sent_notices, views_saved

urlpatterns = [
    path("", home.home, name="home"),
    path("tickets/", queue.tickets, name="tickets"),
    path("tickets/notices/", sent_notices.sent, name="sent-notices"),
    path("tickets/export/", export.export, name="tickets-export"),
    path("tickets/views/", views_saved.save_view, name="view-save"),
    path("tickets/views/<int:pk>/delete/", views_saved.delete_view, name="view-delete"),
    path("tickets/bulk/dispatch/", queue.dispatch_many, name="tickets-dispatch"),
    path("tickets/bulk/summarise/", queue.summarise_many, name="tickets-summarise"),
]
