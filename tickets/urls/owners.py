from django.urls import path

from tickets.views import report, track

urlpatterns = [
    path("report/", report.report, name="report"),
    path("report/received/", report.received, name="report-received"),
    path("report/<str:qr>/", report.report, name="report-place"),
    path("track/<str:token>/", track.track, name="track"),
    path("track/<str:token>/rate/", track.rate, name="track-rate"),
    path("track/<str:token>/supplement/", track.supplement, name="track-supplement"),
    path("track/<str:token>/urge/", track.urge, name="track-urge"),
    path("track/<str:token>/reopen/", track.reopen, name="track-reopen"),
    path("track/<str:token>/withdraw/", track.withdraw, name="track-withdraw"),
    path("track/<str:token>/pictures/<int:pk>/", track.picture, name="track-picture"),
    path("track/<str:token>/pictures/<int:pk>/small/", track.thumbnail, name="track-thumbnail"),
]
