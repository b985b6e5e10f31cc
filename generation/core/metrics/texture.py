"""How fine, sharp and noisy a picture is, taken on its luma (0..255, Rec. 601, gamma-encoded) in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from generation.core import images
from generation.core.metrics import Unavailable
from generation.core.metrics.colour import luma

#: Fewer rings than this are no spectrum to lay a line through.
MIN_RINGS = 8

#: Daubechies' wavelet of two vanishing moments (1992, table 6.1): of unit length, blind to constants and ramps.
_TAPS = np.array([1 - np.sqrt(3), np.sqrt(3) - 3, 3 + np.sqrt(3), -1 - np.sqrt(3)]) / np.sqrt(32)

_FloatArray = npt.NDArray[np.float64]


def sharpness(image: images.Image) -> float:
    """Variance of the 4-neighbour Laplacian over the inner pixels (Pech-Pacheco et al. 2000), in squared grey levels.

    Noise counts as sharpness; ``noise_sigma`` stands beside it.
    """
    y = luma(image)
    centre = y[1:-1, 1:-1]
    return float((y[:-2, 1:-1] + y[2:, 1:-1] + y[1:-1, :-2] + y[1:-1, 2:] - 4 * centre).var())


def noise_sigma(image: images.Image) -> float:
    """Standard deviation of white noise from the finest diagonal wavelet coefficients d: median |d| / 0.6745, in grey
    levels (Donoho & Johnstone 1994: a median is hardly moved by the few coefficients that are edges). The wavelet is
    Daubechies' with four taps, blind to ramps; those of Haar would lie on a lattice, and so would their median."""
    y = luma(image)
    return float(np.median(np.abs(_details(_details(y - y[0, 0]).T))) / 0.6745)


def _details(y: _FloatArray) -> _FloatArray:
    """The detail coefficients of each row, where the four taps lie within it."""
    count = (y.shape[1] - len(_TAPS)) // 2 + 1
    return np.asarray(sum(tap * y[:, k : k + 2 * count : 2][:, :count] for k, tap in enumerate(_TAPS)))


def spectral_slope(image: images.Image) -> float:
    """Slope of the log radially averaged power over the log frequency; about -2 for photographs (Field 1987).

    Power is averaged over rings one frequency step of the shorter side wide, and the line is laid by least squares
    through the rings from 2 cycles per shorter side (below it the window leaks) to the Nyquist frequency.
    """
    frequency, power = _spectrum(image)
    shorter = min(image.shape[:2])
    ring = np.rint(frequency * shorter).astype(int)
    rings = np.arange(2, shorter // 2 + 1)
    if len(rings) < MIN_RINGS:
        raise Unavailable(f"The picture's shorter side has {shorter} pixels, too few for a slope of its spectrum.")
    total, count = (np.bincount(ring.ravel(), w, shorter) for w in (power.ravel(), None))
    radial = total[rings] / count[rings]
    if not (radial > 0).all():
        raise Unavailable("The picture has no energy at all at some frequencies, and nothing has no logarithm.")
    return float(np.polyfit(np.log(rings / shorter), np.log(radial), 1)[0])


def high_frequency_share(image: images.Image) -> float:
    """Share of the energy (without the mean) at more than half the Nyquist frequency, 0.25 cycles per pixel."""
    frequency, power = _spectrum(image)
    return float(power[frequency > 0.25].sum() / power.sum())


def _spectrum(image: images.Image) -> tuple[_FloatArray, _FloatArray]:
    """Radial frequency in cycles per pixel and power of each coefficient (H x W), without the mean and under a Hann
    window: the edges of a picture do not match, which would read as fine detail."""
    y = luma(image)
    if np.ptp(y) == 0:
        raise Unavailable("The picture has one single brightness; its spectrum is empty.")
    window = np.hanning(y.shape[0] + 2)[1:-1, None] * np.hanning(y.shape[1] + 2)[1:-1]
    mean = (window * y).sum() / window.sum()
    power = np.abs(np.fft.fft2((y - mean) * window)) ** 2
    power[0, 0] = 0.0
    return np.hypot(np.fft.fftfreq(y.shape[0])[:, None], np.fft.fftfreq(y.shape[1])), power
