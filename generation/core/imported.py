"""The task ``imported``: images made elsewhere. Nothing is rendered or measured here; the numbers came with them."""

from generation.core.tasks import Task, register

IMPORTED = register(
    Task(
        name="imported",
        label="Imported images",
        methods={},
        sources=("content",),
        metrics=lambda params, weights: (),
        measure="",
        primary_metric="",
        question="natural",
    )
)
