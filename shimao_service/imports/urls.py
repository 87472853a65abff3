from django.urls import path

from shimao_service.imports import views

urlpatterns = [
    path("", views.index, name="imports"),
    path("new/<slug:kind>/", views.new, name="import-new"),
    path("new/<slug:kind>/template/", views.template, name="import-template"),
    path("<int:pk>/", views.run, name="import-run"),
    path("<int:pk>/progress/", views.progress, name="import-progress"),
    path("<int:pk>/accept/", views.accept, name="import-accept"),
    path("<int:pk>/discard/", views.discard, name="import-discard"),
    path("<int:pk>/problems/", views.problems, name="import-problems"),
]
