from django.http import HttpResponse
from django.urls import path

urlpatterns = [
    path("track/<str:token>/", lambda request, token: HttpResponse(), name="track"),
]
