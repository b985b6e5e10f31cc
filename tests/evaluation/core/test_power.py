"""Power of the primary test: the specification's table, the closed form for one pair, and figure F13."""

import csv
import io
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import stats

from evaluation.core import simulator
from evaluation.core.figures.power import CHART, power_files
from evaluation.core.power import (
    ASSUMED,
    TIES,
    WINS,
    Design,
    Power,
    another_favourite,
    minimiser_favourite,
    monte_carlo_error,
    needed,
    power,
    scores,
)
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
    found = one(Design(5, conditions, 30), participants, win).refuted
    assert abs(found - share) < 3.3 * np.hypot(monte_carlo_error(found, 100), monte_carlo_error(share, 150))


def test_one_pair_with_independent_votes_is_the_closed_form():
    assert [int(np.ceil(votes_on_one_pair(win))) for win in WINS] == [783, 194, 85, 47, 29]
    votes = int(np.ceil(votes_on_one_pair(0.65)))
    found = one(Design(1, 2, 1), votes, 0.65, 200, crowd=ALIKE)
    # Two conditions have one rival: refuting and confirming are the same test from both sides.
    for share in (found.refuted, found.confirmed):
        assert abs(share - closed_form(votes, 0.65)) < 3.3 * monte_carlo_error(share, 200)


def test_the_closed_form_is_a_bound_where_tastes_differ():
    found = one(Design(1, 2, 10), 10, 0.65, 150)
    assert found.refuted + 3.3 * monte_carlo_error(found.refuted, 150) < closed_form(100, 0.65)


def test_nobody_preferred_is_rarely_refuted_or_confirmed():
    found = one(Design(5, 5, 30), 20, 0.5, 100)
    most = 0.05 + 3.3 * monte_carlo_error(0.05, 100)
    assert found.refuted <= most
    assert found.confirmed <= most


@pytest.mark.parametrize("truth", [another_favourite, minimiser_favourite])
@pytest.mark.parametrize("participants", [10, 30])
def test_it_is_the_shipped_verdict(truth, participants):
    design = Design(3, 4, 20)
    seeds = np.random.SeedSequence([7, participants]).generate_state(15).tolist()
    said = []
    for seed in seeds:
        scale = scores(design, truth(design, 0.7), replace(ASSUMED, participants=participants), seed)
        tests = hypotheses.minimum_tests(scale, ["c3"], alpha=0.05)
        said.append(hypotheses.verdict(tests.p_refute, tests.p_confirm, tests.p_equivalent, alpha=0.05))
    row = one(design, participants, 0.7, 15, seed=7)
    name = "refuted" if truth is another_favourite else "confirmed"
    assert getattr(row, name) == said.count(name) / 15
    assert said.count(name) > 0


def test_the_truth_is_where_the_words_say():
    design = Design(2, 4, 10)
    odds = np.log(0.6 / 0.4)
    assert another_favourite(design, 0.6).tolist() == [[odds / 2, odds, odds / 2, 0]] * 2
    assert minimiser_favourite(design, 0.6).tolist() == [[0, 0, 0, odds]] * 2
    assert another_favourite(Design(1, 2, 10), 0.6).tolist() == [[odds, 0]]


def test_a_focused_design_finds_more_with_many_conditions():
    balanced, focused = (one(Design(5, 9, 30, focused=f), 20, 0.65, 80).refuted for f in (False, True))
    assert focused > balanced


def test_ties_are_drawn_where_they_are_offered(monkeypatch):
    crowds = []
    drawn = simulator.simulate

    def noted(utilities, crowd, *args, **more):
        crowds.append(crowd)
        return drawn(utilities, crowd, *args, **more)

    monkeypatch.setattr(simulator, "simulate", noted)
    one(Design(2, 3, 10), 9, 0.6, 1)
    one(Design(2, 3, 10, ties=True), 9, 0.6, 1)
    assert {c.ties for c in crowds[:2]} == {0.0}
    assert {c.ties for c in crowds[2:]} == {TIES}
    assert {c.participants for c in crowds} == {9}


def test_too_few_get_no_verdict():
    row = one(Design(5, 5, 30), 7, 0.9, 5)
    assert (row.refuted, row.confirmed) == (0, 0)
    assert one(Design(3, 9, 1), 8, 0.9, 5).refuted == 0  # eight votes on nine conditions


def test_the_same_seed_gives_the_same_rows():
    def rows(seed):
        return list(power(Design(2, 3, 12), [10, 14], wins=(0.6, 0.7), replicates=15, seed=seed))

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)
    assert [(r.participants, r.win) for r in rows(1)] == [(10, 0.6), (10, 0.7), (14, 0.6), (14, 0.7)]


def test_what_cannot_be_compared_is_refused():
    for scenes, conditions, trials in ((0, 5, 30), (5, 1, 30), (5, 5, 0)):
        with pytest.raises(ValueError, match="nothing to compare"):
            Design(scenes, conditions, trials)


def test_participants_needed_lie_on_a_straight_line():
    def rows(*shares):
        return [Power(n, 0.6, share, 0.0, 100) for n, share in zip((10, 20, 40), shares, strict=True)]

    assert needed(rows(0.2, 0.6, 1.0), 0.6) == 30
    assert needed(rows(0.8, 0.9, 1.0), 0.6) == 10
    assert needed(rows(0.2, 0.6, 0.79), 0.6) is None
    assert needed(rows(0.2, 0.6, 0.79), 0.6, wanted=0.5) == 18  # 17.5
    assert needed(rows(0.2, 0.6, 1.0), 0.7) is None


def test_an_error_is_never_nought():
    assert monte_carlo_error(0.5, 100) == pytest.approx(0.05)
    assert monte_carlo_error(1.0, 150) == pytest.approx(monte_carlo_error(0.0, 150))
    assert 0 < monte_carlo_error(1.0, 150) < 0.01


def plan(people=(10, 20, 30, 60), *, planned=40, simulated=False, ties=False):
    """A plan as evaluation/plan.py makes it, with made-up shares."""
    rows = [Power(n, w, min(1.0, n * (w - 0.5) / 5), min(1.0, n * (w - 0.5) / 6), 150) for n in people for w in WINS]
    return {
        "study": {"slug": "s", "title": "S", "simulated": simulated},
        "design": asdict(Design(5, 6, 30, ties=ties)),
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
