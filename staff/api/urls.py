from django.urls import path

from staff.api import views

urlpatterns = [
    path("auth/token/", views.TokenView.as_view(), name="api-token"),
    path("auth/me/", views.MeView.as_view(), name="api-me"),
    path("projects/", views.ProjectsView.as_view(), name="api-projects"),
    path("departments/", views.DepartmentsView.as_view(), name="api-departments"),
    path("employees/", views.EmployeesView.as_view(), name="api-employees"),
]
