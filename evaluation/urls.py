"""Addresses of reports: /report/<study>/ and the files below it."""

from django.urls import path

from evaluation import views

app_name = "evaluation"
urlpatterns = [
    path("<slug:slug>/", views.report, name="report"),
    path("<slug:slug>/figures/<int:analysis>/<str:name>", views.figure, name="figure"),
    path("<slug:slug>/explore/<int:analysis>/pictures.json", views.pictures, name="pictures"),
    path("<slug:slug>/explore/<int:analysis>/pairs.json", views.pairs, name="pairs"),
    path("<slug:slug>/explore/<int:analysis>/votes.json", views.votes, name="votes"),
    path("<slug:slug>/thumbnails/<slug:name>.webp", views.thumbnail, name="thumbnail"),
    path("<slug:slug>/data/<slug:table>.csv", views.table, name="table"),
    path("<slug:slug>/derived/<int:analysis>/<slug:table>.csv", views.derived, name="derived"),
    path("<slug:slug>/next-grid.toml", views.next_grid, name="next-grid"),
    path("<slug:slug>/votes/<slug:question>/<slug:name>.zip", views.other_format, name="format"),
    path("<slug:slug>/bundle.zip", views.bundle, name="bundle"),
]
