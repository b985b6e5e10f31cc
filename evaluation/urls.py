"""Addresses of reports: /report/<study>/ and the files below it."""

from django.urls import path

from evaluation import views

app_name = "evaluation"
urlpatterns = [
    path("<slug:slug>/", views.report, name="report"),
    path("<slug:slug>/figures/<int:analysis>/<str:name>", views.figure, name="figure"),
    path("<slug:slug>/data/<slug:table>.csv", views.table, name="table"),
    path("<slug:slug>/bundle.zip", views.bundle, name="bundle"),
]
