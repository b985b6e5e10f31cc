"""Pages about grids, for their owners."""

from django.urls import path, re_path

from generation import views

app_name = "generation"
urlpatterns = [
    path("<slug:slug>/", views.grid_page, name="grid"),
    path("<slug:slug>/report/", views.report_page, name="report"),
    re_path(r"^(?P<slug>[-\w]+)/report/(?P<name>[a-z0-9_]+\.(?:svg|png|csv))$", views.report_file, name="report-file"),
    re_path(r"^(?P<slug>[-\w]+)/sheets/(?P<name>[a-z0-9_.]+)\.(?P<kind>png|webp)$", views.sheet, name="sheet"),
    path("<slug:slug>/sheets.zip", views.sheets_zip, name="sheets-zip"),
    re_path(r"^(?P<slug>[-\w]+)/(?P<sha256>[0-9a-f]{64})\.png$", views.image, name="image"),
    re_path(r"^(?P<slug>[-\w]+)/(?P<sha256>[0-9a-f]{64})\.webp$", views.thumbnail, name="thumbnail"),
]
