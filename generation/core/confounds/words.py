"""Links and strengths in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generation.core.confounds.links import Link, Measure
from generation.core.confounds.strength import Strength

#: Conditions that a sentence names.
NAMED = 4


@dataclass(frozen=True)
class Looks:
    """What pictures with more, and with less, of a property look like: beside others, and to those who like them."""

    more: str
    likes_more: str
    less: str
    likes_less: str


_FINE = Looks("finer-grained pictures", "fine-grained pictures", "smoother pictures", "smooth pictures")
_SMOOTH = Looks(_FINE.less, _FINE.likes_less, _FINE.more, _FINE.likes_more)
_COLOURFUL = Looks("more colourful pictures", "colourful pictures", "less colourful pictures", "muted colours")

LOOKS = {
    "mean_luminance": Looks("brighter pictures", "bright pictures", "darker pictures", "dark pictures"),
    "mean_saturation": Looks(
        "more saturated pictures", "saturated pictures", "less saturated pictures", "muted colours"
    ),
    "colourfulness": _COLOURFUL,
    "chroma_ratio": _COLOURFUL,
    "sharpness": Looks("sharper pictures", "sharp pictures", "softer pictures", "soft pictures"),
    "noise_sigma": Looks("noisier pictures", "noisy pictures", "cleaner pictures", "clean pictures"),
    "spectral_slope": _FINE,
    "high_frequency_share": _FINE,
    # What a picture loses when it is reduced and brought back is its fine detail.
    "lpips_reduced_2": _FINE,
    "lpips_reduced_4": _FINE,
    "ssim_reduced_2": _SMOOTH,
    "ssim_reduced_4": _SMOOTH,
    "out_of_gamut": Looks("harsher colours", "harsh colours", "softer colours", "soft colours"),
}


def short(label: str) -> str:
    """A metric inside a sentence: without what stands in brackets, small unless it begins with an acronym."""
    plain = label.split(" (")[0]
    return plain[:1].lower() + plain[1:] if plain[1:2].islower() else plain


def named(loss: Measure) -> str:
    """A loss with those of the same order: “total loss (and style loss)”."""
    others = [other for other in dict.fromkeys(map(short, loss.also)) if other != short(loss.label)]
    return short(loss.label) + (f" (and {joined(others)})" if others else "")


def signed(r: float) -> str:
    """A correlation as it is written: −.83, .91, 1.00."""
    text = f"{abs(r):.2f}".removeprefix("0")
    return f"−{text}" if r < 0 and text != ".00" else text


def r_text(r: float) -> str:
    """``r = −.83``, which no line breaks."""
    return f"r\u00a0=\u00a0{signed(r)}"


def joined(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def basis(link: Link) -> str:
    """Over what a correlation was taken: “5 scenes × 7 conditions”."""
    conditions = f"{link.fewest}" if link.fewest == link.most else f"{link.fewest} to {link.most}"
    return f"{link.scenes}\u00a0scene{'' if link.scenes == 1 else 's'} × {conditions}\u00a0conditions"


def good_end(link: Link) -> tuple[str, str]:
    """How pictures at the good end of the loss differ from the others, and what those like who prefer them."""
    looks = LOOKS.get(link.other.key) or _looks_of(link.other.label)
    rises = (link.r < 0) == link.loss.lower
    return (looks.more, looks.likes_more) if rises else (looks.less, looks.likes_less)


def link_text(link: Link) -> str:
    """What a link means for the answers."""
    end = "low" if link.loss.lower else "high"
    differ, liked = good_end(link)
    return (
        f"{end.capitalize()} {named(link.loss)} means {differ} here ({r_text(link.r)} with "
        f"{short(link.other.label)} over {basis(link)}): who prefers {liked} will seem to prefer {end} "
        f"{short(link.loss.label)}."
    )


def _looks_of(label: str) -> Looks:
    """For properties that nobody described: imported columns."""
    more, less = f"pictures of higher “{label}”", f"pictures of lower “{label}”"
    return Looks(more, more, less, less)


def strength_text(found: Sequence[Strength], asked: str, to_add: str) -> str:
    """That some conditions have hardly changed the photograph; nothing where none has. ``asked``: the question that
    may be answered by it; ``to_add``: the question that tells both apart, empty where it is asked already."""
    weak = [s for s in found if s.hardly]
    if not weak or not asked:
        return ""
    by_lpips = [s for s in weak if s.lpips is not None]
    texts = []
    if by_lpips:
        values = sorted(s.lpips for s in by_lpips if s.lpips is not None)
        texts.append(f"{_who(by_lpips, found)} hardly changed the photograph (LPIPS {_range(values)}).")
    if rest := [s for s in weak if s.lpips is None]:
        values = sorted(s.reduction for s in rest if s.reduction is not None)
        texts.append(f"{_who(rest, found)} taken away only {_percent(values)} of the photograph’s style loss.")
    return f"{' '.join(texts)} {_advice(asked, to_add)}"


def every_loss_text(found: Sequence[Link], asked: str, to_add: str) -> str:
    """That all losses go with LPIPS to the photograph, so that none is told from the strength of the stylisation."""
    each = ", ".join(f"{named(link.loss)} {r_text(link.r)}" for link in found)
    several = "Every loss goes" if len(found) > 1 or found[0].loss.also else "The loss goes"
    advice = f" {_advice(asked, to_add)}" if asked else ""
    return (
        f"{several} with LPIPS to the photograph ({each}; over {basis(found[0])}): which loss people follow cannot be "
        f"told from how strongly they like a picture stylised.{advice}"
    )


def _who(some: Sequence[Strength], every: Sequence[Strength]) -> str:
    if len(some) == len(every) > 1:
        return f"All {len(some)} conditions have"
    labels = [f"“{s.label}”" for s in some]
    if len(labels) > NAMED:
        labels = [*labels[: NAMED - 1], f"{len(labels) - NAMED + 1} more"]
    return f"{joined(labels)} {'has' if len(some) == 1 else 'have'}"


def _advice(asked: str, to_add: str) -> str:
    meaning = f"“{asked}” may be answered as “which is less stylised?” here"
    if to_add:
        return f"{meaning}: add the question “{to_add}”."
    return f"{meaning}: read the answers beside those to the question about the style."


def _range(values: Sequence[float]) -> str:
    low, high = f"{values[0]:.2f}", f"{values[-1]:.2f}"
    return low if low == high else f"{low} to {high}"


def _percent(values: Sequence[float]) -> str:
    low, high = f"{100 * values[0]:.0f}", f"{100 * values[-1]:.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"
