from django.http import HttpResponse
from django.urls import path

urlpatterns = [
    path("tickets/<str:number>/", lambda request, number: HttpResponse(number), name="ticket"),
]
