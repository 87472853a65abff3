"""Addresses of the staff app: signing in, the frame, one's own page."""

from allauth.account import views as account
from django.urls import path
from django.views.generic import RedirectView

from staff.views import duty, frame, organisation, people, regulation, sign_in

# Of allauth's pages only these: nobody signs up, and a forgotten password is set anew by the administrator.
urlpatterns = [
    path("login/", sign_in.sign_in, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("login/inactive/", account.account_inactive, name="account_inactive"),
    path("password/", account.password_change, name="account_change_password"),
    # Where the page above sends an account that has no password yet.
    path("password/set/", account.password_set, name="account_set_password"),
    path("project/", frame.switch_project, name="switch-project"),
    path("me/", frame.me, name="me"),
    path("staff/", RedirectView.as_view(pattern_name="employees")),
    path("staff/employees/", people.employees, name="employees"),
    path("staff/employees/new/", people.new, name="employee-new"),
    path("staff/employees/options/", people.options, name="employee-options"),
    path("staff/employees/<int:pk>/", people.employee, name="employee"),
    path("staff/employees/<int:pk>/edit/", people.edit, name="employee-edit"),
    path("staff/employees/<int:pk>/leave/", people.leave, name="employee-leave"),
    path("staff/employees/<int:pk>/return/", people.return_to_work, name="employee-return"),
    path("staff/employees/<int:pk>/account/", people.account, name="employee-account"),
    path("staff/employees/<int:pk>/account/reset/", people.account_reset, name="employee-account-reset"),
    path("staff/employees/<int:pk>/account/close/", people.account_close, name="employee-account-close"),
    path("staff/employees/<int:pk>/roles/", people.grant, name="employee-grant"),
    path("staff/employees/<int:pk>/roles/<int:grant_pk>/revoke/", people.revoke, name="employee-revoke"),
    path("staff/projects/", organisation.projects, name="projects"),
    path("staff/projects/new/", organisation.project, name="project-new"),
    path("staff/projects/<int:pk>/", organisation.project, name="project-edit"),
    path("staff/departments/", organisation.departments, name="departments"),
    path("staff/departments/new/", organisation.department, name="department-new"),
    path("staff/departments/<int:pk>/", organisation.department, name="department-edit"),
    path("staff/roles/", organisation.roles, name="roles"),
    path("staff/roles/new/", organisation.role_new, name="role-new"),
    path("staff/roles/<slug:code>/", organisation.role, name="role"),
    path("staff/regulation/", regulation.current, name="regulation"),
    path("staff/regulation/new/", regulation.draft, name="regulation-new"),
    path("staff/regulation/<int:number>/", regulation.version, name="regulation-version"),
    path("staff/regulation/<int:number>/edit/", regulation.version_edit, name="regulation-edit"),
    path("staff/regulation/<int:number>/discard/", regulation.discard, name="regulation-discard"),
    path("staff/regulation/<int:number>/clauses/new/", regulation.clause_new, name="clause-new"),
    path("staff/regulation/<int:number>/clauses/<str:code>/", regulation.clause, name="clause"),
    path("staff/regulation/<int:number>/clauses/<str:code>/edit/", regulation.clause_edit, name="clause-edit"),
    path("staff/duty/", duty.duty, name="duty"),
    path("staff/duty/new/", duty.new, name="duty-new"),
    path("staff/duty/copy/", duty.copy, name="duty-copy"),
    path("staff/duty/people/<int:pk>/", duty.hand_on, name="duty-hand-on"),
    path("staff/duty/<int:pk>/", duty.edit, name="duty-edit"),
    path("staff/duty/<int:pk>/remove/", duty.remove, name="duty-remove"),
    path("staff/absences/", duty.away, name="absences"),
    path("staff/absences/new/", duty.absence_new, name="absence-new"),
    path("staff/absences/people/", duty.people, name="absence-people"),
    path("staff/absences/<int:pk>/end/", duty.absence_end, name="absence-end"),
]
