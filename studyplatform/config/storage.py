"""How static files are named in production."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Names with a hash of the content, also inside the scripts that import each other: never two versions at once."""

    support_js_module_import_aggregation = True
