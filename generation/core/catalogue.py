"""The catalogue of numbers that can be taken on any stored picture, whatever made it. Torch-free.

A metric is a function and an entry: the function takes the decoded picture and gives a float; the entry says how it is
called, what it means and where the function is. It is imported only where pictures are measured. docs/metrics.md shows
how to add one. The losses of a task are not in here: they depend on the task's own parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from generation.core.spec import MetricSpec

#: LPIPS wants this network, in torchvision's training.
LPIPS_NETWORK = "squeezenet1_1"

#: SHA-256 of lpips 0.1.4's own linear heads, lpips/weights/v0.1/squeeze.pth.
LPIPS_HEADS_SHA256 = "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"

#: Networks that metrics of the catalogue need, and the layers that the file of each must have.
NETWORKS: Mapping[str, tuple[str, ...]] = {
    LPIPS_NETWORK: ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"),
}


@dataclass(frozen=True)
class PictureMetric:
    """One entry. ``key`` to ``version`` are those of :class:`MetricSpec`, which see; a ``descriptor`` is neither good
    nor bad, and its ``direction`` says nothing.

    ``code``: ``"module:function"``. The function is called with the picture (uint8, H x W x 3, sRGB), behind it the
    source picture where ``reference`` names one (as it was brought in, at its own size), then by name the ``config``
    and, where ``network`` names one of :data:`NETWORKS`, its verified ``trunk``. It returns a finite float or raises
    ``metrics.Unavailable`` with the reason why there is none.
    """

    key: str
    label: str
    code: str
    role: str = "descriptor"
    direction: str = "lower_better"
    comparable_within: str = "all"
    reference: str = "none"
    unit: str = ""
    version: str = "1"
    network: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    def spec(self, weights: Mapping[str, str]) -> MetricSpec:
        """The metric with the weights file (network -> SHA-256) it is measured with; none where none was found."""
        return MetricSpec(
            key=self.key,
            label=self.label,
            direction=self.direction,
            role=self.role,
            comparable_within=self.comparable_within,
            reference=self.reference,
            unit=self.unit,
            version=self.version,
            weights_sha256=weights.get(self.network, "") if self.network else "",
            config={**({"network": self.network} if self.network else {}), **self.config},
        )


class UnknownMetric(LookupError):  # noqa: N818  (reads as what it says)
    """No entry has that key; the text names the known ones."""


_CATALOGUE: dict[str, PictureMetric] = {}


def register(metric: PictureMetric) -> PictureMetric:
    """Add an entry; a key is registered once."""
    if metric.key in _CATALOGUE:
        raise ValueError(f"The metric {metric.key!r} is registered already.")
    if metric.network and metric.network not in NETWORKS:
        raise ValueError(f"The metric {metric.key!r} needs {metric.network!r}; NETWORKS does not say which layers.")
    _CATALOGUE[metric.key] = metric
    return metric


def unregister(key: str) -> None:
    """Take an entry out (for tests that bring their own)."""
    del _CATALOGUE[key]


def keys() -> tuple[str, ...]:
    """The keys of the catalogue, in its order."""
    return tuple(_CATALOGUE)


def entries() -> tuple[PictureMetric, ...]:
    """The entries of the catalogue, in its order."""
    return tuple(_CATALOGUE.values())


def get(key: str) -> PictureMetric:
    """The entry called ``key``; :class:`UnknownMetric` with a sentence that lists the known ones."""
    try:
        return _CATALOGUE[key]
    except KeyError:
        raise UnknownMetric(f"There is no metric {key!r} in the catalogue. It has {', '.join(_CATALOGUE)}.") from None


def spec(key: str, weights: Mapping[str, str]) -> MetricSpec:
    """The metric called ``key`` under the weights found (network -> SHA-256). Raises :class:`UnknownMetric`."""
    return get(key).spec(weights)


def specs(weights: Mapping[str, str], wanted: Sequence[str] | None = None) -> list[MetricSpec]:
    """The metrics called ``wanted`` (default: :data:`STYLE_TRANSFER`), in that order."""
    return [spec(key, weights) for key in (STYLE_TRANSFER if wanted is None else wanted)]


_SIMILARITY = "generation.core.metrics.similarity"
_COLOUR = "generation.core.metrics.colour"
_TEXTURE = "generation.core.metrics.texture"
_CHROMA = "generation.core.metrics.chroma"
_HEADS: Mapping[str, Any] = MappingProxyType({"heads_sha256": LPIPS_HEADS_SHA256})
#: Range of a and of b in Lab units that PSNR and SSIM take: [-1, 1] of ab / 110, on which networks predict.
_AB_RANGE: Mapping[str, Any] = MappingProxyType({"data_range": 220.0})

for _entry in (
    PictureMetric(
        "lpips_content", "LPIPS to the photograph", f"{_SIMILARITY}:lpips_content", role="independent",
        reference="content", version="0.1", network=LPIPS_NETWORK, config=_HEADS,
    ),
    PictureMetric(
        "lpips_style", "LPIPS to the style picture", f"{_SIMILARITY}:lpips_style", role="independent",
        reference="style", version="0.1", network=LPIPS_NETWORK, config=_HEADS,
    ),
    PictureMetric(
        "ssim_content", "SSIM to the photograph", f"{_SIMILARITY}:ssim_content", role="independent",
        direction="higher_better", reference="content",
    ),
    PictureMetric(
        "colourfulness", "Colourfulness (Hasler and Süsstrunk)", f"{_COLOUR}:colourfulness", direction="higher_better"
    ),
    PictureMetric("sharpness", "Sharpness (variance of the Laplacian)", f"{_TEXTURE}:sharpness", unit="grey levels²"),
    PictureMetric("mean_luminance", "Mean luminance (luma)", f"{_COLOUR}:mean_luminance"),
    PictureMetric("mean_saturation", "Mean saturation (HSV)", f"{_COLOUR}:mean_saturation"),
    PictureMetric("noise_sigma", "Noise (robust standard deviation)", f"{_TEXTURE}:noise_sigma", unit="grey levels"),
    PictureMetric("spectral_slope", "Slope of the power spectrum", f"{_TEXTURE}:spectral_slope"),
    PictureMetric(
        "high_frequency_share", "Share of energy above half the Nyquist frequency", f"{_TEXTURE}:high_frequency_share"
    ),
    *(
        PictureMetric(
            f"lpips_reduced_{factor}", f"LPIPS to itself reduced {factor}×", f"{_SIMILARITY}:lpips_reduced",
            version="0.1", network=LPIPS_NETWORK, config={**_HEADS, "factor": factor},
        )
        for factor in (2, 4)
    ),
    *(
        PictureMetric(
            f"ssim_reduced_{factor}", f"SSIM to itself reduced {factor}×", f"{_SIMILARITY}:ssim_reduced",
            direction="higher_better", config={"factor": factor},
        )
        for factor in (2, 4)
    ),
    PictureMetric(
        "style_contrast", "Colour contrast of the style picture", f"{_COLOUR}:style_contrast", reference="style",
        unit="ΔE*ab",
    ),
    PictureMetric(
        "psnr_rgb", "PSNR to the photograph", f"{_CHROMA}:psnr_rgb", role="independent", direction="higher_better",
        reference="content", unit="dB",
    ),
    PictureMetric(
        "psnr_ab", "PSNR of a*b* to the photograph", f"{_CHROMA}:psnr_ab", role="independent",
        direction="higher_better", reference="content", unit="dB", config=_AB_RANGE,
    ),
    PictureMetric(
        "ssim_ab", "SSIM of a*b* to the photograph", f"{_CHROMA}:ssim_ab", role="independent",
        direction="higher_better", reference="content", config=_AB_RANGE,
    ),
    PictureMetric(
        "delta_e", "Colour difference to the photograph (CIE 1976)", f"{_CHROMA}:delta_e", role="independent",
        reference="content", unit="ΔE*ab",
    ),
    PictureMetric(
        "auc", "Raw accuracy AuC (Zhang et al. 2016)", f"{_CHROMA}:auc", role="independent",
        direction="higher_better", reference="content",
    ),
    PictureMetric(
        "chroma_ratio", "Chroma over that of the photograph", f"{_CHROMA}:chroma_ratio", reference="content"
    ),
):  # fmt: skip
    register(_entry)

#: What style transfer measures of each picture unasked. Part of the design of its grids: a longer list is another one.
STYLE_TRANSFER: tuple[str, ...] = (
    "lpips_content", "lpips_style", "ssim_content", "colourfulness", "sharpness", "mean_luminance", "mean_saturation",
    "noise_sigma", "spectral_slope", "high_frequency_share", "lpips_reduced_2", "lpips_reduced_4", "ssim_reduced_2",
    "ssim_reduced_4", "style_contrast",
)  # fmt: skip

#: What colorization measures of each picture unasked, beside the losses of its runs. Part of the design, as above.
COLORIZATION: tuple[str, ...] = (
    "psnr_rgb", "psnr_ab", "ssim_content", "ssim_ab", "lpips_content", "delta_e", "auc", "colourfulness",
    "chroma_ratio",
)  # fmt: skip
