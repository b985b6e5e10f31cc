"""Render again what is stored, and compare: the same bytes, or how far apart."""

import math
from dataclasses import dataclass

import numpy as np

from generation.core import images
from generation.core.engines import call
from generation.core.spec import JobItem, JobSpec, RenderSpec
from generation.models import Render
from generation.services.artifacts import artifact_bytes
from generation.services.jobs import engine_settings
from generation.services.work import RUN_JOB, work_of


@dataclass(frozen=True)
class Again:
    """A render made anew. ``psnr`` in dB against the stored picture: None where the bytes are the same."""

    render: Render
    same: bool
    psnr: float | None
    reason: str = ""

    @property
    def words(self) -> str:
        """The finding in words."""
        if self.reason:
            return self.reason
        if self.same:
            return "the same bytes"
        return f"another picture, PSNR {self.psnr:.1f} dB to the stored one"


def rerender(*, render: Render) -> Again:
    """Render one point alone (``deterministic``: one run, one thread) and compare it with what is stored.

    A picture that was stored in deterministic mode comes out bit for bit on the same machine and versions; one that was
    rendered in a batch is another picture, because small differences of rounding grow over the steps. Nothing is
    written. Raises ``ArtifactMissing`` and ``KeyError`` with a sentence.
    """
    spec = RenderSpec.from_json(render.spec)
    dtype = str(render.provenance.get("dtype", "float32"))
    job = JobSpec((JobItem(spec),), (), {**engine_settings(), "dtype": dtype, "deterministic": True})
    (result,) = call(RUN_JOB, *work_of(task=spec.task, spec=job))
    if result.png is None or render.image is None:
        return Again(render, False, None, result.reason or "There is no stored picture to compare with.")
    stored = artifact_bytes(render.image.sha256)
    if stored == result.png:
        return Again(render, True, None)
    before, now = (images.decode(data).astype(np.float64) for data in (stored, result.png))
    if before.shape != now.shape:
        return Again(render, False, None, "a picture of another size")
    error = float(((before - now) ** 2).mean())
    return Again(render, False, 10 * math.log10(255**2 / error) if error else None, "" if error else "the same pixels")
