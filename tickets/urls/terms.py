"""How long each step may take: policies, which project uses which, and taking new terms over to open requests."""

from django.urls import path

from tickets.views import deadlines, terms, terms_changes

urlpatterns = [
    path("terms/", terms.overview, name="terms"),
    path("terms/projects/<str:code>/", terms.project_terms, name="project-terms"),
    path("terms/changes/<int:pk>/", terms_changes.change, name="terms-change"),
    path("terms/changes/<int:pk>/confirm/", terms_changes.confirm, name="terms-change-confirm"),
    path("terms/changes/<int:pk>/abandon/", terms_changes.abandon, name="terms-change-abandon"),
    path("terms/<int:pk>/", terms.policy, name="policy"),
    path("terms/<int:pk>/copy/", terms.copy, name="policy-copy"),
    path("terms/<int:pk>/draft/", terms.draft, name="policy-draft"),
    path("terms/<int:pk>/draft/<str:kind>/", terms.draft_kind, name="policy-draft-kind"),
    path("terms/<int:pk>/discard/", terms.discard, name="policy-discard"),
    path("terms/<int:pk>/publish/", terms.publish, name="policy-publish"),
    path("terms/<int:pk>/recompute/", terms_changes.start, name="policy-recompute"),
    path("tickets/<str:number>/deadlines/", deadlines.page, name="ticket-deadlines"),
]
