"""Our files in other hands: R, choix and arena-rank find our numbers in them; pwcmp finds its columns."""

import csv
import dataclasses
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import choix
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from evaluation.core import bundle, derived, evidence
from evaluation.core.bundle.formats import FORMATS
from evaluation.core.dataset import MetricInfo, Score
from evaluation.core.evidence import POOLED
from evaluation.core.options import Options
from evaluation.core.scale import pairs
from evaluation.core.weights import logit
from studyplatform.voting.models import Study
from tests import factories
from tests.evaluation.simulate import study

UTILITIES = np.array([[0, 0.9, 0.4, -0.3], [0.2, 0.7, 0.1, 0], [-0.2, 0.3, 0.8, 0.1]])
RATES = [0.01, 0.02, 0.05, 0.1]


@pytest.fixture(scope="module")
def data():
    """Three scenes, four learning rates, two losses, thirty people with tastes of their own, no ties."""
    rng = np.random.default_rng(8)
    made = study(utilities=UTILITIES, losses=-UTILITIES, n_participants=30, n_trials=30, taste=0.4, seed=2)
    metrics = tuple(MetricInfo(name, name, name) for name in ("style_loss", "content_loss"))
    scores = tuple(Score(s.id, m.id, float(rng.lognormal())) for m in metrics for s in made.stimuli)
    conditions = [dataclasses.replace(c, params={"lr": x}) for c, x in zip(made.conditions, RATES, strict=True)]
    return dataclasses.replace(made, metrics=metrics, scores=scores, conditions=tuple(conditions)).canonical()


@pytest.fixture(scope="module")
def found(data):
    return evidence.gather(data, "q", Options(draws=199))


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


SCRIPT = """
suppressPackageStartupMessages({library(BradleyTerry2); library(sandwich); library(lmtest)})
p <- read.csv("pairs.csv"); v <- read.csv("votes_analysis.csv")
lv <- sort(unique(c(v$condition_left, v$condition_right)))
say <- function(name, x) cat(name, sprintf("%.12g", x), "\\n")
for (s in unique(p$scene_id)) {
  d <- p[p$scene_id == s, ]; it <- sort(unique(c(d$item_1, d$item_2)))
  say(s, BTabilities(BTm(cbind(wins_1, wins_2), factor(item_1, it), factor(item_2, it), data = d))[, "ability"])
}
pooled <- BTm(win_left, factor(condition_left, lv), factor(condition_right, lv), data = v)
say("pooled", BTabilities(pooled)[, "ability"])
w <- coeftest(glm(win_left ~ dz_style_loss + dz_content_loss, binomial, v), vcovCL, cluster = ~participant_id)
say("weights", w[, "Estimate"]); say("errors", w[, "Std. Error"])
say("shape", coef(glm(win_left ~ I(x_lr_left - x_lr_right) + I(x_lr_left^2 - x_lr_right^2), binomial, v)))
"""


@pytest.fixture(scope="module")
def r(data, found, tmp_path_factory):
    """What R makes of our files, by name."""
    if shutil.which("Rscript") is None:
        pytest.skip("Rscript is not installed")
    ready = "quit(status = !all(sapply(c('BradleyTerry2', 'sandwich', 'lmtest'), requireNamespace, quietly = TRUE)))"
    if subprocess.run(["Rscript", "-e", ready], capture_output=True).returncode:
        pytest.skip("R lacks BradleyTerry2, sandwich or lmtest")
    folder = tmp_path_factory.mktemp("r")
    (folder / "pairs.csv").write_bytes(derived.table_csv("pairs", pairs.pairs_section(found).rows["pairs"]))
    (folder / "votes_analysis.csv").write_bytes(derived.votes_analysis(data))
    done = subprocess.run(["Rscript", "-e", SCRIPT], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {name: np.array(values, dtype=float) for name, *values in map(str.split, done.stdout.splitlines())}


def test_scores_of_every_scene_from_pairs(r, found):
    for scene in found.votes.scenes:
        theta = found.scales[scene].theta
        assert r[scene] == pytest.approx(theta - theta[0], abs=1e-6)


def test_pooled_scores_from_votes(r, found):
    theta = found.scales[evidence.POOLED].theta
    assert r["pooled"] == pytest.approx(theta - theta[0], abs=1e-6)


def test_learned_weights_with_clustered_errors(r, found):
    votes = found.votes
    dz = [m.z[votes.scene, votes.left] - m.z[votes.scene, votes.right]
          for m in (found.metric("style_loss"), found.metric("content_loss"))]  # fmt: skip
    ours = logit.fit(logit.antisymmetric(*dz), votes.y)
    assert r["weights"] == pytest.approx(ours.coef, abs=1e-6)
    assert r["errors"] == pytest.approx(np.sqrt(np.diag(ours.by_participant(votes.person))), abs=1e-6)


def test_the_shape_over_a_parameter(r, found):
    x = np.log10(RATES)
    left, right = x[found.votes.left], x[found.votes.right]
    ours = logit.fit(logit.antisymmetric(left - right, left**2 - right**2), found.votes.y)
    assert r["shape"] == pytest.approx(ours.coef, abs=1e-6)


MIXED = """
suppressPackageStartupMessages(library(lme4))
v <- read.csv("votes_analysis.csv")
f <- win_left ~ dz_style_loss + (0 + dz_style_loss | participant_id) + (0 + dz_style_loss | scene_id)
cat(sprintf("%.12g", c(fixef(glmer(f, v, binomial)), coef(glm(win_left ~ dz_style_loss, binomial, v)))))
"""


def test_crossed_random_slopes_run_on_the_votes(data, tmp_path):
    lacking = (
        shutil.which("Rscript") is None
        or subprocess.run(
            ["Rscript", "-e", "quit(status = !requireNamespace('lme4', quietly = TRUE))"], capture_output=True
        ).returncode
    )
    if lacking:
        pytest.skip("Rscript or lme4 is not installed")
    (tmp_path / "votes_analysis.csv").write_bytes(derived.votes_analysis(data))
    done = subprocess.run(["Rscript", "-e", MIXED], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    side, slope, plain_side, plain_slope = map(float, done.stdout.split())
    assert (side, slope) == pytest.approx((plain_side, plain_slope), abs=0.15)


@pytest.mark.parametrize("ties", [0.0, 0.3])
def test_choix_finds_our_scores(ties):
    made = study(utilities=UTILITIES, losses=-UTILITIES, n_participants=20, n_trials=20, ties=ties, seed=3).canonical()
    files = FORMATS["choix"](made, "q")
    table = rows(files["choix.csv"])
    items = rows(files["choix_items.csv"])
    assert [(i["number"], i["condition_id"]) for i in items] == [(str(n), f"c{n}") for n in range(4)]
    ours = evidence.gather(made, "q", Options(draws=199))
    for scene in ours.votes.scenes:
        games = [(int(g["winner"]), int(g["loser"])) for g in table if g["scene_id"] == scene]
        theta = choix.opt_pairwise(4, games, alpha=0.0, method="Newton-CG", tol=1e-12)
        assert theta - theta.mean() == pytest.approx(ours.scales[scene].theta, abs=1e-6)


ARENA = """
import json, sys
import numpy, pandas
from arena_rank.models.bradley_terry import BradleyTerry
from arena_rank.utils.data_utils import PairDataset
games = PairDataset.from_pandas(pandas.read_csv(sys.argv[1]))
model = BradleyTerry(n_competitors=len(games.competitors), scale=1.0, base=numpy.e, init_rating=0.0)
found = model.compute_ratings_and_cis(games)
print(json.dumps(dict(zip(found["competitors"], map(float, found["ratings"])))))
"""


@pytest.mark.parametrize("ties", [0.0, 0.3])
def test_arena_rank_finds_our_scores(ties, tmp_path):
    python = os.environ.get("ARENA_RANK_PYTHON")
    if not python:
        pytest.skip("arena-rank pins an older numpy: name a Python that has it in ARENA_RANK_PYTHON")
    made = study(utilities=UTILITIES, losses=-UTILITIES, n_participants=20, n_trials=20, ties=ties, seed=3).canonical()
    (tmp_path / "arena.csv").write_bytes(FORMATS["arena"](made, "q")["arena.csv"])
    done = subprocess.run(
        [python, "-c", ARENA, str(tmp_path / "arena.csv")], capture_output=True, text=True, check=True
    )
    scale = evidence.gather(made, "q", Options(draws=199)).scales[POOLED]
    found = json.loads(done.stdout)
    theirs = np.array([found[item] for item in scale.items])
    assert theirs - theirs.mean() == pytest.approx(scale.theta - scale.theta.mean(), abs=1e-5)


def test_the_columns_that_pwcmp_and_arena_rank_document(data):
    tied = dataclasses.replace(data.trials[0], choice="tie")
    made = dataclasses.replace(data, trials=(tied, *data.trials[1:]))
    games = rows(FORMATS["arena"](made, "q")["arena.csv"])
    assert {"model_a", "model_b", "winner"} <= set(games[0])
    assert len(games) == len(data.trials)
    assert {g["winner"] for g in games} == {"model_a", "model_b", "tie"}
    assert {g["model_a"] for g in games} == {"c0", "c1", "c2", "c3"}
    table = rows(FORMATS["pwcmp"](made, "q")["pwcmp.csv"])
    assert list(table[0]) == ["observer", "session", "scene", "condition_A", "condition_B", "is_A_selected"]
    assert len(table) == 2 * len(data.trials)  # one tie: every vote twice, the tie once each way
    assert {row["is_A_selected"] for row in table[:2]} == {"0", "1"}
    assert len(rows(FORMATS["pwcmp"](data, "q")["pwcmp.csv"])) == len(data.trials)
    wins = sum(row["is_A_selected"] == "1" for row in rows(FORMATS["pwcmp"](data, "q")["pwcmp.csv"]))
    assert wins == sum(t.choice == "left" for t in data.trials)


def test_the_command_writes_them_from_a_bundle(data, tmp_path: Path):
    bundle.save(data, tmp_path / "in")
    for name in FORMATS:
        call_command("evaluate", bundle=tmp_path / "in", out=tmp_path / "out", format=name, stdout=io.StringIO())
    names = {p.name for p in (tmp_path / "out" / "q").iterdir()}
    assert names == {"pwcmp.csv", "arena.csv", "choix.csv", "choix_items.csv"}


@pytest.mark.django_db
def test_the_command_writes_them_from_a_study_that_is_closed(owner, tmp_path: Path):
    made = factories.study(owner=owner, state="open", slug="running")
    factories.finished(made)
    with pytest.raises(CommandError, match="stay sealed until it is closed"):
        call_command("evaluate", "running", format="arena", out=tmp_path)
    Study.objects.filter(pk=made.pk).update(state="closed")
    call_command("evaluate", "running", format="arena", out=tmp_path, stdout=io.StringIO())
    [path] = tmp_path.rglob("arena.csv")
    assert rows(path.read_bytes())
    with pytest.raises(CommandError, match="--format needs --out"):
        call_command("evaluate", "running", format="arena")
