"""The code in a bundle goes on after what cannot be fitted, and says why."""

import dataclasses
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from evaluation.core import bundle, derived
from evaluation.core.analysis import analyse
from evaluation.core.bundle.scripts import PYTHON, R
from evaluation.core.dataset import Question
from evaluation.core.options import Options
from tests.evaluation import simulate

UTILITIES = np.array([[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]])
ASKED = ("a_left", "b_ties", "c_alone", "d_one", "e_all")
PACKAGES = "quit(status = !all(sapply(c('BradleyTerry2', 'sandwich', 'lmtest'), requireNamespace, quietly = TRUE)))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Questions with left answers only, ties only, one participant, one answer, and one with everything."""
    drawn = simulate.study(utilities=UTILITIES, losses=-UTILITIES, n_participants=6, n_trials=12, seed=4)
    trials = []
    for question in ASKED:
        for t in drawn.trials:
            choice = {"a_left": "left", "b_ties": "tie"}.get(question, t.choice)
            alone = question in ("c_alone", "d_one") and t.participant != "p000"
            if alone or (question == "d_one" and t.position):
                choice = "skip"
            trials.append(dataclasses.replace(t, id=f"{question}_{t.id}", question=question, choice=choice))
    data = dataclasses.replace(
        drawn,
        questions=tuple(Question(name, name, i) for i, name in enumerate(ASKED)),
        conditions=tuple(dataclasses.replace(c, params={"lr": 0.01 * 2**c.position}) for c in drawn.conditions),
        trials=tuple(trials),
    ).canonical()
    place = tmp_path_factory.mktemp("bundle")
    files = bundle.write(data) | {derived.NAME: derived.votes_analysis(data)}
    for question in ASKED:
        tables = derived.tables(analyse(data, Options(draws=99), question=question))
        files[f"derived/{question}/pairs.csv"] = tables["pairs"]
    for name, content in (files | {"code/analysis.R": R.encode(), "code/analysis.py": PYTHON.encode()}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def said(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    parts = re.split(r"==== Question: (\w+)", done.stdout)
    of = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert tuple(of) == ASKED
    weights = {name: text.partition("Learned weights")[2] for name, text in of.items()}
    assert "Not fitted: the same side was chosen every time." in weights["a_left"]
    assert "Not fitted: every answer is a tie." in weights["b_ties"]
    for name in ("c_alone", "d_one"):
        assert "Not fitted: fewer than two participants chose a side." in weights[name]
    assert "dz_total" in weights["e_all"]
    for name in ("a_left", "c_alone", "e_all"):
        assert "Not fitted" not in of[name].partition("Learned weights")[0], of[name]
    assert "Not fitted" not in of["e_all"]


def test_the_python_code_goes_on(folder):
    said(folder, sys.executable, "code/analysis.py")


def test_the_r_code_goes_on(folder):
    if not shutil.which("Rscript") or subprocess.run(["Rscript", "-e", PACKAGES], capture_output=True).returncode:
        pytest.skip("R with BradleyTerry2, sandwich and lmtest is not here")
    said(folder, "Rscript", "code/analysis.R")
