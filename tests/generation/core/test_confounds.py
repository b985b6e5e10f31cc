"""Confounds that were planted are found, by their size and their direction; what cannot be judged is said."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from generation.core import catalogue
from generation.core.confounds import (
    WANTED,
    Confounds,
    Found,
    Measure,
    Strength,
    judge,
    lacking,
    links,
    one_order,
    start_of,
    strengths,
)
from generation.core.confounds.words import LOOKS, short, signed
from generation.core.style_objective import features
from generation.core.style_transfer import STYLE_TRANSFER

ASKED, STYLE_QUESTION = "Which looks more natural?", "Which better shows the style of this picture?"
LOSS = "total_loss"


def measure(values: Sequence[Sequence[float]], key: str = LOSS, label: str = "", **more: bool) -> Measure:
    return Measure(key, label or key.replace("_", " ").capitalize(), np.array(values, dtype=float), **more)


def judged(**given: Any) -> Confounds:
    """:func:`judge`, with plain spaces in its alarms."""
    found = judge(**given)
    return replace(found, alarms=tuple(text.replace("\u00a0", " ") for text in found.alarms))


def saturation(values: Sequence[Sequence[float]]) -> Measure:
    return measure(values, "mean_saturation", "Mean saturation (HSV)")


def in_order(order: Sequence[int]) -> list[float]:
    """Numbers with these ranks, unevenly spaced."""
    return [float(np.exp(0.3 * rank)) for rank in order]


def test_spearman_by_hand_with_ties():
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5; r = 4.5 / sqrt(22.5) = .9487.
    (link,) = links([measure([[1, 2, 2, 9]])], [saturation([[0.1, 0.2, 0.3, 0.4]])])
    assert link.r == pytest.approx(4.5 / 22.5**0.5)
    assert (link.scenes, link.fewest, link.most, link.level) == (1, 4, 4, "alarm")


def test_the_same_as_another_implementation():
    rng = np.random.default_rng(5)
    loss, other = rng.integers(1, 9, (6, 7)).astype(float), rng.integers(1, 9, (6, 7)).astype(float)
    (link,) = links([measure(loss)], [saturation(other)])
    assert link.r == pytest.approx(np.mean([stats.spearmanr(a, b).statistic for a, b in zip(loss, other, strict=True)]))


def test_scenes_are_looked_at_one_by_one():
    # Over all pictures the loss rises with saturation, because the second scene has more of both; within each it falls.
    loss, other = (
        [[1, 2, 3, 4, 5], [101, 102, 103, 104, 105]],
        [[0.15, 0.14, 0.13, 0.12, 0.11], [0.9, 0.8, 0.7, 0.6, 0.5]],
    )
    assert stats.spearmanr(np.ravel(loss), np.ravel(other)).statistic > 0.4
    (link,) = links([measure(loss)], [saturation(other)])
    assert (link.r, link.scenes) == (pytest.approx(-1), 2)


def test_an_alarm_says_which_way_it_goes():
    # Of the orders of 5 these have rho = 1 - 6 * 4 / 120 = .8 with 1..5, and its negative.
    near, far = in_order([2, 1, 4, 3, 5]), in_order([4, 5, 2, 3, 1])
    for values, looks, likes in (
        (far, "more saturated", "saturated pictures"),
        (near, "less saturated", "muted colours"),
    ):
        found = judged(
            conditions="abcde", losses=[measure([[1, 2, 3, 4, 5]], tested=True)], properties=[saturation([values])]
        )
        sign = "−" if values is far else ""
        assert found.alarms == (
            f"Low total loss means {looks} pictures here (r = {sign}.80 with mean saturation over 1 scene × 5 "
            f"conditions): who prefers {likes} will seem to prefer low total loss.",
        )


def test_where_higher_is_better_the_good_end_is_high():
    ssim = measure([[1, 2, 3, 4, 5]], "ssim_content", "SSIM to the photograph", lower=False, tested=True)
    found = judged(conditions="abcde", losses=[ssim], properties=[saturation([[1, 2, 3, 4, 5]])])
    assert found.alarms[0].startswith("High SSIM to the photograph means more saturated pictures here (r = 1.00 ")
    assert found.alarms[0].endswith("will seem to prefer high SSIM to the photograph.")


@pytest.mark.parametrize(
    ("order", "level"), [([2, 1, 4, 3, 5], "alarm"), ([2, 3, 1, 4, 5], "attention"), ([3, 2, 1, 5, 4], "")]
)
def test_the_levels(order, level):
    # rho = 1 - 6 * sum of squares / 120: .8, .7 and .5.
    (link,) = links([measure([[1, 2, 3, 4, 5]])], [saturation([in_order(order)])])
    assert link.level == level


def test_a_level_agrees_with_the_number_that_is_written():
    # 39 scenes of r = .8 and one of .7 have the mean .7975, which is written .80.
    scenes = [in_order([2, 1, 4, 3, 5])] * 39 + [in_order([2, 3, 1, 4, 5])]
    (link,) = links([measure([[1, 2, 3, 4, 5]] * 40)], [saturation(scenes)])
    assert (signed(link.r), link.level) == (".80", "alarm")


def test_the_strongest_first_and_one_sentence_per_look():
    loss = measure([[1, 2, 3, 4, 5]], tested=True)
    fine = [
        measure([in_order(o)], key)
        for o, key in (([2, 1, 4, 3, 5], "spectral_slope"), ([2, 1, 3, 4, 5], "high_frequency_share"))
    ]
    bright = measure([[5, 6, 7, 8, 9]], "mean_luminance")
    found = judged(conditions="abcde", losses=[loss], properties=[*fine, bright])
    assert [text.split(" means ")[1].split(" here")[0] for text in found.alarms] == [
        "darker pictures",
        "smoother pictures",
    ]
    assert "r = .90 with high frequency share" in found.alarms[1]
    assert [signed(cell.r) for cell in found.rows[0].cells if cell] == [".80", ".90", "1.00"]


def test_metrics_that_nobody_tests_stand_apart():
    other = measure([[1, 2, 3, 4, 5]], "delta_e", "Colour difference")
    found = judged(conditions="abcde", losses=[other], properties=[saturation([[1, 2, 3, 4, 5]])])
    assert (found.alarms, len(found.other)) == ((), 1)


@pytest.mark.parametrize("values", [[3, 3, 3, 3, 3], [0.500, 0.501, 0.502, 0.503, 0.504]])
def test_what_nobody_sees_is_left_out(values):
    assert links([measure([[1, 2, 3, 4, 5]])], [saturation([values])]) == []


def test_a_small_loss_still_has_an_order():
    assert links([measure([[0.500, 0.501, 0.502, 0.503, 0.504]])], [saturation([[1, 2, 3, 4, 5]])])[
        0
    ].r == pytest.approx(1)


def test_a_constant_loss_is_left_out():
    assert links([measure([[3, 3, 3, 3, 3]])], [saturation([[1, 2, 3, 4, 5]])]) == []


def test_three_conditions_are_not_judged():
    found = judged(
        conditions="abc", losses=[measure([[1, 2, 3]] * 9, tested=True)], properties=[saturation([[1, 2, 3]] * 9)]
    )
    assert (found.alarms, found.attention, found.rows) == ((), (), ())
    (sentence,) = found.unjudged
    assert "No scene has more than 3 measured conditions, and fewer than 4" in sentence


def test_missing_numbers_leave_out_the_condition_and_then_the_scene():
    nan = float("nan")
    loss = measure([[1, 2, 3, 4, 5], [1, 2, 3, 4, nan], [1, 2, 3, nan, nan]])
    other = saturation([[5, 4, 3, 2, nan], [5, 4, 3, 2, 1], [1, 2, 3, 4, 5]])
    (link,) = links([loss], [other])
    # The third scene, which goes the other way, has 3 conditions with both numbers.
    assert (link.r, link.scenes, link.fewest, link.most) == (pytest.approx(-1), 2, 4, 4)
    (link,) = links([loss], [saturation([[5, 4, 3, 2, 1]] * 3)])
    assert (link.scenes, link.fewest, link.most) == (2, 4, 5)


def test_each_loss_is_ranked_among_its_own_conditions():
    nan = float("nan")
    one, other = [nan, 2, 1, 4, 3, 5], [6, 2, 1, 4, 3, nan]
    values = [5, 1, 4, 2, 3, 6]
    found = links([measure([one], "one"), measure([other], "other")], [saturation([values])])
    assert {link.loss.key: link.r for link in found} == {
        "one": pytest.approx(stats.spearmanr(one[1:], values[1:]).statistic),
        "other": pytest.approx(stats.spearmanr(other[:5], values[:5]).statistic),
    }


def test_losses_of_one_order_are_one():
    total = measure([[1, 2, 3, 4, 5]], tested=True)
    style = measure([[1, 4, 9, 16, 25]], "style_loss", "Style loss (raw)")
    ssim = measure([[1, 2, 3, 4, 5]], "ssim_content", "SSIM to the photograph", lower=False)
    content = measure([[2, 1, 3, 4, 5]], "content_loss")
    kept = one_order([total, style, ssim, content])
    assert [(m.key, m.also) for m in kept] == [
        (LOSS, ("Style loss (raw)",)),
        ("ssim_content", ()),
        ("content_loss", ()),
    ]
    found = judged(conditions="abcde", losses=[total, style], properties=[saturation([[5, 4, 3, 2, 1]])])
    assert found.alarms[0].startswith("Low total loss (and style loss) means more saturated pictures")


# --- the strength of a stylisation ------------------------------------------------------------------------------------

LABELS = ("lr 0.0001", "lr 0.001", "lr 0.01", "lr 0.1")
WEAK_LPIPS = [[0.03, 0.15, 0.30, 0.50], [0.05, 0.17, 0.35, 0.40]]


def style_losses(lpips: Sequence[Sequence[float]] | None = WEAK_LPIPS) -> list[Measure]:
    found = [
        measure([[9.0, 4, 1, 2], [90, 40, 10, 20]], "style_loss", "Style loss (raw)", tested=True),
        measure([[1, 2, 4, 3], [1, 2, 4, 3]], "content_loss", "Content loss (raw)", tested=True),
    ]
    return [*found, measure(lpips, "lpips_content", "LPIPS to the photograph")] if lpips else found


def test_conditions_that_hardly_changed_the_photograph_are_named():
    start = np.array([10.0, 100.0])
    found = judged(
        conditions=LABELS, losses=style_losses(), properties=[], start=start, asked=ASKED, to_add=STYLE_QUESTION
    )
    assert found.alarms[0] == (
        "“lr 0.0001” and “lr 0.001” have hardly changed the photograph (LPIPS 0.04 to 0.16). “Which looks more "
        "natural?” may be answered as “which is less stylised?” here: add the question “Which better shows the style "
        "of this picture?”."
    )
    first = found.strengths[0]
    assert (first.lpips, first.content, first.reduction) == (pytest.approx(0.04), 1, pytest.approx(0.1))


def test_with_the_style_question_it_is_no_alarm():
    start = np.array([10.0, 100.0])
    found = judged(conditions=LABELS, losses=style_losses(), properties=[], start=start, asked=ASKED)
    assert found.alarms == ()
    assert found.attention[0].endswith("read the answers beside those to the question about the style.")
    assert judged(conditions=LABELS, losses=style_losses(), properties=[], start=start).alarms == ()


def test_without_lpips_the_style_loss_tells():
    start = np.array([10.0, 100.0])
    found = judged(
        conditions=LABELS, losses=style_losses(None), properties=[], start=start, asked=ASKED, to_add=STYLE_QUESTION
    )
    assert found.alarms[0].startswith("“lr 0.0001” has taken away only 10 % of the photograph’s style loss.")


def test_a_diverged_picture_is_not_called_unchanged():
    assert not Strength("sgd", None, None, -130.0).hardly
    assert Strength("adagrad", None, None, 0.2).hardly
    assert not Strength("adagrad", 0.5, None, 0.2).hardly  # LPIPS knows better
    assert Strength("adagrad", 0.03, None, 0.9).hardly


def test_of_many_conditions_the_first_are_named():
    labels = [f"lr {n}" for n in range(8)]
    lpips = measure([[0.05] * 6 + [0.5] * 2], "lpips_content", "LPIPS")
    found = judged(conditions=labels, losses=[lpips], properties=[], start=np.array([np.nan]), asked=ASKED, to_add="S?")
    assert found.alarms[0].startswith(
        "“lr 0”, “lr 1”, “lr 2” and 3 more have hardly changed the photograph (LPIPS 0.05)."
    )


def test_when_every_loss_goes_with_lpips():
    style, content = [[9.0, 4, 3, 1]] * 2, [[1, 2, 3, 4]] * 2
    losses = [measure(style, "style_loss", tested=True), measure(content, "content_loss", tested=True)]
    lpips = measure([[0.3, 0.4, 0.5, 0.6]] * 2, "lpips_content", "LPIPS to the photograph")
    ask = {"properties": [], "start": np.array([np.nan, np.nan]), "asked": ASKED, "to_add": STYLE_QUESTION}
    found = judged(conditions=LABELS, losses=[*losses, lpips], **ask)
    assert found.alarms[0].startswith(
        "Every loss goes with LPIPS to the photograph (style loss r = −1.00, content loss r = 1.00; over 2 scenes × 4 "
        "conditions)"
    )
    apart = measure([[1, 4, 2, 3]] * 2, LOSS, tested=True)
    for to_add in (STYLE_QUESTION, ""):
        found = judged(conditions=LABELS, losses=[*losses, apart, lpips], **{**ask, "to_add": to_add})
        assert (found.alarms, found.attention) == ((), ())


def test_without_any_number_there_is_no_strength():
    assert strengths(LABELS, None, None, None, np.array([np.nan])) == []


def test_the_photograph_at_the_head_of_a_curve():
    params = STYLE_TRANSFER.default_method.complete({"init": "content", "scales": 1})
    curve = {"style": np.array([2.5, 1.0]), "total": np.array([3.0, 1.2]), "weights": np.array([1.0])}
    assert start_of(curve, params, features(params)) == 2.5
    for change in ({"init": "noise"}, {"scales": 3}):
        assert start_of(curve, {**params, **change}, features(params)) is None
    assert start_of(curve, params, {**features(params), "backbone": "another"}) is None
    assert start_of(curve, {"lr": 1.0}, features(params)) is None
    assert start_of({}, params, features(params)) is None


# --- what is not measured ---------------------------------------------------------------------------------------------


def test_what_is_not_measured_is_said_with_the_command():
    have = [
        Found("sharpness", "Sharpness", 6),
        Found("colourfulness", "Colourfulness", 6),
        Found(LOSS, "Total loss", 4),
    ]
    said = lacking(title="Tiny", slug="tiny", pictures=6, found=have, wanted=WANTED)
    assert said == [
        "Mean luminance, mean saturation and noise are not measured in the grid “Tiny”. Measure them on the "
        "grid’s page, or run: manage.py measure tiny mean_luminance mean_saturation noise_sigma",
        "In the grid “Tiny” only 4 of the 6 pictures have Total loss. Measure it on the grid’s page, or run: "
        "manage.py measure tiny METRIC",
    ]


def test_a_reason_is_passed_on():
    have = [Found("lpips_content", "LPIPS", 0, "Provide the weights file.")]
    (said,) = lacking(title="Tiny", slug="tiny", pictures=6, found=have, wanted=["lpips_content"])
    assert said == "In the grid “Tiny” none of the 6 pictures have LPIPS. Provide the weights file."


def test_an_imported_column_is_known_by_its_label():
    have = [Found("sharpness-0", "sharpness", 6)]
    (said,) = lacking(title="Mine", slug="mine", pictures=6, found=have, wanted=["sharpness", "noise_sigma"])
    assert said == (
        "Noise is not measured in the grid “Mine”. Measure it on the grid’s page, or run: manage.py measure mine "
        "noise_sigma"
    )


def test_every_property_of_the_catalogue_has_words():
    constant_in_a_scene = {"style_contrast"}
    properties = {entry.key for entry in catalogue.entries() if entry.role == "descriptor"}
    assert properties - constant_in_a_scene <= set(LOOKS)
    assert set(WANTED) <= properties


def test_a_property_without_words_is_called_by_its_label():
    grain = measure([[1, 2, 3, 4, 5]], "grain", "film grain")
    found = judged(conditions="abcde", losses=[measure([[1, 2, 3, 4, 5]], tested=True)], properties=[grain])
    assert "Low total loss means pictures of lower “film grain” here" in found.alarms[0]


def test_metrics_inside_a_sentence():
    assert [short(x) for x in ("Style loss (raw)", "LPIPS to the photograph", "SSIM of a*b*")] == [
        "style loss", "LPIPS to the photograph", "SSIM of a*b*",
    ]  # fmt: skip
    assert [signed(x) for x in (-0.834, 0.9, 1.0, -0.001)] == ["−.83", ".90", "1.00", ".00"]
