"""What to render, as plain frozen data with a canonical JSON form and a digest.

Everything that decides how an image looks is in a :class:`RenderSpec`; everything that decides what a number about it
means is in a :class:`MetricSpec`. Their digests are the identities under which renders and scores are stored, so the
same picture is never made twice and two numbers computed differently are never one metric.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Scalar = str | int | float | bool
Params = Mapping[str, Scalar]


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, shortest round-trip floats, ASCII.

    Raises ``ValueError`` for NaN and infinities (they have no place in a stored spec) and ``TypeError`` for anything
    that JSON has no word for.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of ``data`` in 64 hex digits: the name under which an artifact is stored."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class SceneSpec:
    """What is depicted: a content and, for style transfer, a style; ``mask``: where what is asked for lies in the
    content. Sources are named by their SHA-256."""

    task: str
    label: str
    content: str
    style: str | None = None
    mask: str = ""

    @property
    def digest(self) -> str:
        """Identity of the scene. The label is part of it: what one grid calls a scene never shows in another."""
        named = {"task": self.task, "label": self.label, "content": self.content, "style": self.style}
        return digest(named | ({"mask": self.mask} if self.mask else {}))


@dataclass(frozen=True)
class ConditionSpec:
    """One point of the parameter grid: a method and all its parameters, defaults filled in.

    ``role`` is ``grid`` for conditions that enter the test of the minimiser and ``control`` for the photograph and its
    grey version. ``label``, ``is_default`` and ``factor`` belong to the grid that asked, not to the identity.
    """

    method: str
    params: Params
    role: str = "grid"
    label: str = ""
    is_default: bool = False
    factor: str = ""

    @property
    def digest(self) -> str:
        """Identity of the condition: method, parameters, role."""
        return digest({"method": self.method, "params": dict(self.params), "role": self.role})


@dataclass(frozen=True)
class RenderSpec:
    """One image: scene x condition x seed, with the exact weights files (network name -> SHA-256) it needs.

    ``training``: digest of the ``core.train_spec.TrainSpec`` whose network makes the image. What that network weighs is
    not known before it is trained: only while the image is made or measured, ``weights["trained"]`` names the file.
    ``mask``: of the scene; the image is measured against it and made without it.
    """

    task: str
    method: str
    content: str
    style: str | None
    params: Params
    seed: int
    weights: Mapping[str, str] = field(default_factory=dict)
    training: str = ""
    mask: str = ""

    def to_json(self) -> dict[str, Any]:
        """The JSON object stored with the render; :meth:`from_json` is its inverse."""
        said: dict[str, Any] = {
            "task": self.task,
            "method": self.method,
            "content": self.content,
            "style": self.style,
            "params": dict(self.params),
            "seed": self.seed,
            "weights": dict(self.weights),
        }
        said |= {"training": self.training} if self.training else {}
        return said | ({"mask": self.mask} if self.mask else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RenderSpec:
        """Rebuild a spec from :meth:`to_json`; an unknown key raises ``TypeError``."""
        return cls(**value)

    @property
    def digest(self) -> str:
        """Identity of the render."""
        return digest(self.to_json())


#: The name under which a trained network stands among the weights of a render.
TRAINED = "trained"


@dataclass(frozen=True)
class MetricSpec:
    """A number about a stimulus, with everything that decides what the number means.

    ``direction``: ``lower_better`` or ``higher_better``. ``role``: ``objective`` (what the generator minimised),
    ``objective_part``, ``reference_objective`` (one objective for every image of the grid), ``independent``, or
    ``descriptor`` (what the picture is like: never a candidate for what people prefer).
    ``comparable_within``: ``all``, ``scene``, ``objective`` or ``run``; an argmin across that border is refused.
    ``reference``: the picture the number is taken against: ``content``, ``style``, ``ground_truth`` or ``none``.
    """

    key: str
    label: str
    direction: str = "lower_better"
    role: str = "independent"
    comparable_within: str = "scene"
    reference: str = "none"
    unit: str = ""
    version: str = "1"
    weights_sha256: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The JSON object stored in a job; :meth:`from_json` is its inverse."""
        return {
            "key": self.key,
            "label": self.label,
            "direction": self.direction,
            "role": self.role,
            "comparable_within": self.comparable_within,
            "reference": self.reference,
            "unit": self.unit,
            "version": self.version,
            "weights_sha256": self.weights_sha256,
            "config": dict(self.config),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MetricSpec:
        """Rebuild a metric from :meth:`to_json`."""
        return cls(**value)

    @property
    def digest(self) -> str:
        """Identity of the metric: everything but the label that people read."""
        return digest({k: v for k, v in self.to_json().items() if k != "label"})


@dataclass(frozen=True)
class JobItem:
    """One image of a job. With ``image`` (SHA-256 of a stored PNG) it is only measured; without, rendered first.

    With ``base`` (SHA-256 of a stored PNG: the same render before post-processing) only the post-processing is done.
    ``network``: SHA-256 of the trained network that makes the picture, as soon as there is one.
    """

    render: RenderSpec
    image: str | None = None
    base: str | None = None
    network: str | None = None


@dataclass(frozen=True)
class JobSpec:
    """A planned batch: the unit of claim, retry and resume. Its composition is part of its digest.

    ``engine`` holds the settings that may change pixels (``dtype``, ``memory_format``, ``deterministic``: one run at a
    time on one thread); the number of threads and the device are provenance, recorded with the result.
    """

    items: tuple[JobItem, ...]
    metrics: tuple[MetricSpec, ...]
    engine: Params = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The JSON object stored in the queue; :meth:`from_json` is its inverse."""
        return {
            "items": [
                {"render": i.render.to_json(), "image": i.image}
                | ({"base": i.base} if i.base else {})
                | ({"network": i.network} if i.network else {})
                for i in self.items
            ],
            "metrics": [metric.to_json() for metric in self.metrics],
            "engine": dict(self.engine),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> JobSpec:
        """Rebuild a job from :meth:`to_json`."""
        return cls(
            items=tuple(
                JobItem(RenderSpec.from_json(i["render"]), i["image"], i.get("base"), i.get("network"))
                for i in value["items"]
            ),
            metrics=tuple(MetricSpec.from_json(m) for m in value["metrics"]),
            engine=dict(value["engine"]),
        )

    @property
    def digest(self) -> str:
        """Identity of the job."""
        return digest(self.to_json())

    @property
    def artifacts(self) -> frozenset[str]:
        """SHA-256 of every source, stored image and trained network the job needs to be given."""
        given = ((i.render.content, i.render.style, i.render.mask, i.image, i.base, i.network) for i in self.items)
        return frozenset(digest for names in given for digest in names if digest)

    @property
    def networks(self) -> frozenset[str]:
        """SHA-256 of the weights of every pretrained network the job needs."""
        rendering = {sha for i in self.items for name, sha in i.render.weights.items() if name != TRAINED}
        return frozenset(rendering | {m.weights_sha256 for m in self.metrics if m.weights_sha256})


@dataclass(frozen=True)
class ScoreValue:
    """A measured number, or the reason why there is none. ``status``: ok, nan, failed or unavailable."""

    metric: str
    value: float | None
    status: str = "ok"
    reason: str = ""

    @classmethod
    def of(cls, metric: str, value: float) -> ScoreValue:
        """Wrap a float; a NaN or an infinity becomes the status ``nan`` with no value."""
        if math.isfinite(value):
            return cls(metric, float(value))
        return cls(metric, None, "nan", "The value is not a finite number.")


@dataclass(frozen=True)
class RenderResult:
    """What a worker gives back for one item. ``png`` and ``curve`` (an npz of float64 arrays) are artifacts' bytes.

    ``status``: ``ok``; ``nan`` (diverged: ``png`` is the last finite image); ``failed`` (no image; ``reason``).
    """

    status: str
    png: bytes | None
    curve: bytes | None
    steps: int
    final_step_reason: str
    seconds: float
    provenance: Mapping[str, Any]
    scores: tuple[ScoreValue, ...]
    reason: str = ""
