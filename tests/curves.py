"""The loss curve of a render, read back from storage."""

from generation.core.protocols import read_curve
from generation.models import Render
from generation.services import artifact_bytes


def render_curve(render: Render) -> dict[str, list[float]]:
    """Term -> one value per step; empty where there is no curve."""
    if render.curve_id is None:
        return {}
    curve = read_curve(artifact_bytes(render.curve_id))
    return {term: values.tolist() for term, values in curve.items() if values.ndim == 1}
