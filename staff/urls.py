"""Addresses of the staff app: signing in, the frame, one's own page."""

from allauth.account import views as account
from django.urls import path

from staff.views import frame, sign_in

# Of allauth's pages only these: nobody signs up, and a forgotten password is set anew by the administrator.
urlpatterns = [
    path("login/", sign_in.sign_in, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("login/inactive/", account.account_inactive, name="account_inactive"),
    path("password/", account.password_change, name="account_change_password"),
    path("project/", frame.switch_project, name="switch-project"),
    path("me/", frame.me, name="me"),
]
