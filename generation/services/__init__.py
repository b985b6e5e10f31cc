"""Every write of generation that crosses rows. Keyword-only, atomic."""

from generation.services.artifacts import (
    artifact_bytes,
    artifact_store,
    photo_of_source,
    photo_render,
    source_add,
)
from generation.services.layout import GridLayout, grid_layout
from generation.services.measuring import missing_scores_lay
from generation.services.planning import grid_lay
from generation.services.queue import job_claim, job_complete, job_fail, job_release, lease_renew

__all__ = [
    "GridLayout",
    "artifact_bytes",
    "artifact_store",
    "grid_lay",
    "grid_layout",
    "job_claim",
    "job_complete",
    "job_fail",
    "job_release",
    "lease_renew",
    "missing_scores_lay",
    "photo_of_source",
    "photo_render",
    "source_add",
]
