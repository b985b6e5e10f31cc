"""What a loss says of the factors, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.core.weights.factors.results import FROM_DEFAULT, GIVEN, FactorSize, LossFactors, LossFamily, Noise
from evaluation.core.words import joined
from generation.core.drawing.numbers import short


def loss_sentences(found: LossFactors) -> list[str]:
    """Per family which factor comes first and whether seeds alone could do that; then all families together; then what
    was left out."""
    said = [sentence for family in found.families for sentence in _family(family)]
    if found.means:
        said.append(_together(found))
    said += [f"{name}: {reason.sentence}" for name, reason in found.refused]
    if found.missing:
        said.append(f"Without a value, and left out: {joined(found.missing)}.")
    if found.unreached:
        said.append(f"Left out because they change several settings at once: {joined(found.unreached)}.")
    return said


def spoken(name: str) -> str:
    """A factor's name as words."""
    return name.replace("_", " ")


def percent(share: float) -> str:
    """0.0437 -> '4.4 %', 1.14 -> '114 %'."""
    return f"{100 * share:.{0 if share >= 0.1 else 1}f} %"


def _family(family: LossFamily) -> list[str]:
    where = f"In {family.name}, " if family.name else ""
    first, rest = family.factors[0], family.factors[1:]
    text = f"{where}{spoken(first.factor)} comes first: its {len(first.levels)} levels span {_size(first, family)}"
    if first.p_first is not None:
        text += f"; it is the first with probability {first.p_first:.2f}"
    order = joined([f"{spoken(f.factor)} ({short(f.size, 4) if f.share is None else percent(f.share)})" for f in rest])
    said = f"{text}. Then come {order}." if len(rest) > 1 else f"{text}. Then comes {order}."
    return [_upper_first(said), *_noise(family)]


def _size(factor: FactorSize, family: LossFamily) -> str:
    share = ""
    if factor.share is not None:
        of = "the default's" if family.base else "the mean,"
        share = f" ({percent(factor.share)} of {of} {short(family.middle, 4)})"
    return f"{short(factor.size, 4)}{share}"


def _noise(family: LossFamily) -> list[str]:
    """Which factors stand out of the noise between seeds, and against which noise."""
    noise, first = family.noise, family.factors[0]
    if noise is None:
        said = ["One seed per cell: this order cannot be told from seed noise."]
        known = [f"{spoken(f.factor)} {percent(f.withstands)}" for f in family.factors if f.withstands]
        of = "default" if family.base else "mean"
        bounds = f"Each would stand out of a noise between seeds (SD, of the {of}) below: {joined(known)}."
        return [*said, bounds] if known else said
    head = (
        f"Seed noise alone (SD {short(noise.sd, 3)}, {_source(noise, family)}) would give the {len(first.levels)} "
        f"levels of {spoken(first.factor)} a range of {short(first.expected or 0.0, 3)} on average and of more than "
        f"{short(first.most or 0.0, 3)} in one of 20 grids"
    )
    told = [f"{head}: {_standing(family.factors, [f.beyond_noise for f in family.factors])}."]
    if family.pooled is not None:
        told.append(
            f"By the noise {_source(family.pooled, family)} (SD {short(family.pooled.sd, 3)}), "
            f"{_standing(family.factors, [f.beyond_pooled for f in family.factors])}."
        )
    return told


def _standing(factors: Sequence[FactorSize], beyond: Sequence[bool]) -> str:
    """'init stands out; batch and layers cannot be told from seed noise'."""
    out = [spoken(f.factor) for f, is_out in zip(factors, beyond, strict=True) if is_out]
    within = [spoken(f.factor) for f, is_out in zip(factors, beyond, strict=True) if not is_out]
    parts = [f"{joined(out)} {'stands' if len(out) == 1 else 'stand'} out"] if out else []
    return "; ".join(parts + ([f"{joined(within)} cannot be told from seed noise"] if within else []))


def _source(noise: Noise, family: LossFamily) -> str:
    if noise.source == GIVEN:
        share = percent(noise.sd / abs(family.middle))
        return f"{share} of the {'default' if family.base else 'mean'}, taken from elsewhere"
    if noise.source == FROM_DEFAULT:
        return f"between {noise.seeds} seeds of the default"
    return f"pooled over the seeds of all conditions, {noise.df:g} degrees of freedom"


def _together(found: LossFactors) -> str:
    first, rest = found.means[0], found.means[1:]
    text = (
        f"Over the {len(found.families)} families together, {spoken(first.factor)} comes first: its mean range is "
        f"{percent(first.share)} of the default"
    )
    if first.p_first is not None:
        text += f"; it is the first with probability {first.p_first:.2f}"
    return f"{text}. Then {joined([f'{spoken(f.factor)} ({percent(f.share)})' for f in rest])}."


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
