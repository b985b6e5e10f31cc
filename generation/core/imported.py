"""The task ``imported``: images made elsewhere. Nothing is rendered; numbers came with them or are measured here."""

from generation.core.tasks import Task, register

IMPORTED = register(
    Task(
        name="imported",
        label="Imported images",
        methods={},
        sources=("content",),
        metrics=lambda params, weights: (),
        measure="generation.core.metrics.imported:measure",
        primary_metric="",
        question="natural",
    )
)
