"""Power of the primary test: the specification's table, the closed form for one pair, and figure F13."""

import csv
import io
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from evaluation.core import simulator
from evaluation.core.figures.power import CHART, power_files
from evaluation.core.power import (
    ASSUMED,
    TIES,
    WINS,
    Power,
    another_favourite,
    minimiser_favourite,
    needed,
    one_more,
    power,
    reach,
    scores,
)
from evaluation.core.sessions import factorial
from evaluation.core.simulator import Crowd
from evaluation.core.verdict import hypotheses
from generation.core.drawing import style
from tests.evaluation.core.figures.drawn import boxes, touching

#: Everybody alike: votes are independent.
ALIKE = Crowd(taste=0, axis=0, lapse=0)
#: specs/evaluation.md 6.2, pooled, 150 replicates: (conditions, win, participants) -> power.
TABLE = {
    (3, 0.60, 30): 0.81,
    (5, 0.60, 20): 0.33,
    (5, 0.65, 20): 0.68,
    (5, 0.70, 10): 0.37,
    (9, 0.65, 30): 0.53,
    (9, 0.75, 10): 0.29,
}


def one(design, participants, win, replicates=100, **more):
    """The row of one point."""
    return next(power(design, [participants], wins=[win], replicates=replicates, **more))


def votes_on_one_pair(win):
    """specs/evaluation.md 6.1: votes that show ``win`` at two-sided .05 with power .8, where votes are independent."""
    tail, wanted = stats.norm.ppf(0.975) / 2, stats.norm.ppf(0.8) * np.sqrt(win * (1 - win))
    return ((tail + wanted) / (win - 0.5)) ** 2


def closed_form(votes, win):
    """Power of a one-sided test at .05 of one pair with independent votes."""
    shift = (win - 0.5) * np.sqrt(votes) - stats.norm.ppf(0.95) / 2
    return float(stats.norm.cdf(shift / np.sqrt(win * (1 - win))))


@pytest.mark.parametrize(("cell", "share"), TABLE.items())
def test_the_table_of_the_specification(cell, share):
    conditions, win, participants = cell
    found = one(factorial(5, conditions, 30), participants, win)
    printed = Power(participants, win, round(150 * share), 0, 150)
    assert abs(found.share("refuted") - share) < 3.3 * np.hypot(found.error("refuted"), printed.error("refuted"))


def test_one_pair_with_independent_votes_is_the_closed_form():
    assert [int(np.ceil(votes_on_one_pair(win))) for win in WINS] == [783, 194, 85, 47, 29]
    votes = int(np.ceil(votes_on_one_pair(0.65)))
    found = one(factorial(1, 2, 1), votes, 0.65, 200, crowd=ALIKE)
    # Two conditions have one rival: refuting and confirming are the same test from both sides.
    for name in ("refuted", "confirmed"):
        assert abs(found.share(name) - closed_form(votes, 0.65)) < 3.3 * found.error(name)


def test_the_closed_form_is_a_bound_where_tastes_differ():
    found = one(factorial(1, 2, 10), 10, 0.65, 150)
    assert found.share("refuted") + 3.3 * found.error("refuted") < closed_form(100, 0.65)


def test_nobody_preferred_is_rarely_refuted_or_confirmed():
    found = one(factorial(5, 5, 30), 20, 0.5, 100)
    most = 0.05 + 3.3 * Power(20, 0.5, 5, 5, 100).error("refuted")
    assert found.share("refuted") <= most
    assert found.share("confirmed") <= most


@pytest.mark.parametrize("truth", [another_favourite, minimiser_favourite])
@pytest.mark.parametrize("participants", [10, 30])
def test_it_is_the_shipped_verdict(truth, participants):
    design = factorial(3, 4, 20)
    said = []
    for number in range(15):
        seed = int(np.random.SeedSequence([7, participants, number]).generate_state(1)[0])
        scale = scores(design, truth(design, 0.7), replace(ASSUMED, participants=participants), seed)
        tests = hypotheses.minimum_tests(scale, ["c3"], alpha=0.05)
        said.append(hypotheses.verdict(tests.p_refute, tests.p_confirm, tests.p_equivalent, alpha=0.05))
    row = one(design, participants, 0.7, 15, seed=7)
    name = "refuted" if truth is another_favourite else "confirmed"
    assert getattr(row, name) == said.count(name)
    assert said.count(name) > 0


def test_the_truth_is_where_the_words_say():
    design = factorial(2, 4, 10)
    odds = np.log(0.6 / 0.4)
    assert another_favourite(design, 0.6).tolist() == [[odds / 2, odds, odds / 2, 0]] * 2
    assert minimiser_favourite(design, 0.6).tolist() == [[0, 0, 0, odds]] * 2
    assert another_favourite(factorial(1, 2, 10), 0.6).tolist() == [[odds, 0]]


def test_a_focused_design_finds_more_with_many_conditions():
    balanced, focused = (
        one(factorial(5, 9, 30, strategy=strategy), 20, 0.65, 80).refuted for strategy in ("balanced", "focused")
    )
    assert focused > balanced


def test_ties_are_drawn_where_they_are_offered(monkeypatch):
    crowds = []
    drawn = simulator.vote

    def noted(utilities, crowd, *args, **more):
        crowds.append(crowd)
        return drawn(utilities, crowd, *args, **more)

    monkeypatch.setattr(simulator, "vote", noted)
    one(factorial(2, 3, 10), 9, 0.6, 1)
    one(factorial(2, 3, 10, ties=True), 9, 0.6, 1)
    assert {c.ties for c in crowds[:2]} == {0.0}
    assert {c.ties for c in crowds[2:]} == {TIES}
    assert {c.participants for c in crowds} == {9}


def test_too_few_get_no_verdict():
    row = one(factorial(5, 5, 30), 7, 0.9, 5)
    assert (row.refuted, row.confirmed) == (0, 0)
    assert one(factorial(3, 9, 1), 8, 0.9, 5).refuted == 0  # eight votes on nine conditions


def test_the_same_seed_gives_the_same_rows():
    def rows(seed):
        return list(power(factorial(2, 3, 12), [10, 14], wins=(0.6, 0.7), replicates=15, seed=seed))

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)
    assert [(r.participants, r.win) for r in rows(1)] == [(10, 0.6), (10, 0.7), (14, 0.6), (14, 0.7)]


def test_rows_do_not_depend_on_where_the_counting_was_broken_off():
    design = factorial(2, 3, 12)
    whole = one(design, 10, 0.7, 12, seed=3)
    begun = one(design, 10, 0.7, 5, seed=3)
    for _ in range(7):
        begun = one_more(design, begun, seed=3)
    assert begun == whole


def test_the_level_of_the_tests_is_the_studys():
    strict, usual, lax = (one(factorial(3, 3, 12, alpha=alpha), 20, 0.6, 60).refuted for alpha in (0.001, 0.05, 0.2))
    assert strict < usual < lax


def test_participants_needed_lie_on_a_straight_line():
    def rows(*shares):
        return [Power(n, 0.6, round(100 * share), 0, 100) for n, share in zip((10, 20, 40), shares, strict=True)]

    assert needed(rows(0.2, 0.6, 1.0), 0.6) == 30
    assert needed(rows(0.8, 0.9, 1.0), 0.6) == 10
    assert needed(rows(0.2, 0.6, 0.79), 0.6) is None
    assert needed(rows(0.2, 0.6, 0.79), 0.6, wanted=0.5) == 18  # 17.5
    assert needed(rows(0.2, 0.6, 1.0), 0.7) is None


def test_an_error_is_never_nought():
    assert Power(9, 0.6, 50, 0, 100).error("refuted") == pytest.approx(0.05)
    assert reach(100) == pytest.approx(1.96 * 0.05)
    never_and_always = Power(9, 0.6, 0, 150, 150)
    assert never_and_always.error("refuted") == pytest.approx(never_and_always.error("confirmed"))
    assert 0 < never_and_always.error("refuted") < 0.01


def plan(people=(10, 20, 30, 60), *, planned=40, simulated=False, ties=False):
    """A plan as evaluation/plan makes it, with made-up shares."""
    share = partial(min, 1.0)
    rows = [
        Power(n, w, round(150 * share(n * (w - 0.5) / 5)), round(150 * share(n * (w - 0.5) / 6)), 150)
        for n in people
        for w in WINS
    ]
    return {
        "study": {"slug": "s", "title": "S", "simulated": simulated},
        "design": {"scenes": 5, "conditions": 6, "pairs": 29.5, "ties": ties, "focused": False, "alpha": 0.05},
        "assumed": {"taste": 0.3, "axis": 0.5, "lapse": 0.03, "ties": TIES if ties else 0.0},
        "planned": planned,
        "replicates": 150,
        "seed": 1,
        "rows": [asdict(row) for row in rows],
    }


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("people", [(10, 20, 30, 60), (8,), (10, 11, 12, 13, 400)])
def test_no_text_of_the_figure_touches_another_or_leaves_it(people, narrow):
    figure = style.styled(lambda: CHART.draw(plan(people, simulated=True), narrow))
    found = boxes(figure)
    assert not touching(found)
    width, height = figure.canvas.get_width_height()
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= width and b.y1 <= height for _, b in found)


def test_the_files_of_the_figure():
    files = power_files(plan())
    assert sorted(files) == [f"fig13_power{end}" for end in (".csv", ".png", ".svg", "_narrow.svg")]
    assert files == power_files(plan())
    rows = list(csv.DictReader(io.StringIO(files["fig13_power.csv"].decode())))
    assert len(rows) == 2 * 4 * len(WINS)
    assert rows[0].keys() == {"verdict", "participants", "win", "power", "mc_se"}
    assert all(float(row["mc_se"]) > 0 for row in rows)


def test_the_words_of_the_figure():
    text = CHART.text(plan())
    assert "150 simulated studies" in text["caption"]
    assert "29.5 pairs per participant" in text["caption"]
    assert "at level 0.05" in text["caption"]
    assert "taste 0.3, axis 0.5, lapse 0.03 are assumed, not estimated" in text["caption"]
    assert "60 : 40 in 100 %" in text["alt"]
    assert "ties 0.5 (Davidson's nu)" in CHART.text(plan(ties=True))["caption"]
    rehearsal = CHART.text(plan(simulated=True))
    assert rehearsal["caption"].startswith("SIMULATED")
    assert "people" not in " ".join(rehearsal.values())


def test_a_plan_beyond_the_curves_draws_no_line():
    labels = [handle.get_label() for handle in CHART.draw(plan(planned=40), False).legends[0].legend_handles]
    assert labels[-1] == "planned: 40"
    labels = [handle.get_label() for handle in CHART.draw(plan(planned=400), False).legends[0].legend_handles]
    assert labels[-1] == "80 of 100 studies"
