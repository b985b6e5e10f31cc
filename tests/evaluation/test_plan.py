"""manage.py plan: power for a study's own grid, before it has votes, or a sentence that says why there is none."""

import csv
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from evaluation.core.power import WINS, Design, Power
from evaluation.plan import design_of, plan_sentences
from evaluation.services import EvaluationError
from studyplatform.voting.models import Question, Study
from tests import factories


def planned(study: Study, out: Path, **options: Any) -> None:
    call_command("plan", study.slug, out=out, **{"people": "8,12", "replicates": 20, **options})


def sentences(design: Design, at_60: float, *, people: tuple[int, ...] = (10, 60), sessions: int = 10) -> str:
    """What is said where power at 60 : 40 with the last number of participants is ``at_60``."""
    rows = [Power(n, win, at_60 * n / people[-1], 0.25, 150) for n in people for win in WINS]
    return " ".join(plan_sentences(design, rows, sessions))


def test_it_prints_tables_and_sentences_and_writes_the_files(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = factories.study(owner=owner, trials_per_session=4, sessions_planned=10)
    planned(study, tmp_path / "plan")
    said = capsys.readouterr()
    assert "2 scenes × 3 conditions, 4 pairs per participant, 10 planned" in said.out
    assert "55 : 45" in said.out
    assert "With the planned 10 participants" in said.out
    assert "are assumed, not estimated" in said.out
    assert "15 of 15 points simulated" in said.err
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert names == {"fig13_power.svg", "fig13_power_narrow.svg", "fig13_power.png", "fig13_power.csv", "power.csv"}
    rows = list(csv.DictReader((tmp_path / "plan" / "power.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["participants"] for row in rows[:: len(WINS)]] == ["8", "10", "12"]
    assert {row["conditions"] for row in rows} == {"3"}
    assert all(value for row in rows for value in row.values())


def test_the_same_seed_writes_the_same_bytes(owner: User, tmp_path: Path) -> None:
    study = factories.study(owner=owner, sessions_planned=8)
    for name in ("a", "b"):
        planned(study, tmp_path / name, people="8")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_a_draft_and_the_opened_study_have_the_same_design(owner: User) -> None:
    draft = design_of(factories.study("draft", owner=owner, trials_per_session=4, show_photograph=True))
    opened = design_of(factories.study("open", owner=owner, trials_per_session=4, show_photograph=True, state="open"))
    # Three conditions and the photograph are six pairs, three of them between conditions.
    assert draft == opened == Design(scenes=2, conditions=3, trials=2)


def test_the_design_follows_the_settings(owner: User) -> None:
    fields: dict[str, Any] = {"owner": owner, "allow_ties": True, "trials_per_session": 6}
    focused = factories.study("focused", questions=("natural", "content"), strategy="focused", **fields)
    assert design_of(focused) == Design(2, 3, 3, ties=True, focused=True)
    every = factories.study("every", strategy="all_pairs", **fields)
    assert design_of(every) == Design(2, 3, 6, ties=True)
    Question.objects.filter(study=every).delete()  # one is added when it opens
    assert design_of(every).trials == 6


def test_replicates_of_a_cell_are_pairs_of_their_own(owner: User) -> None:
    grid = factories.rendered_grid("twice", owner=owner, seeds=(1, 2))
    assert design_of(factories.study(owner=owner, grid=grid, strategy="all_pairs")) == Design(2, 3, 12)


def test_only_shared_conditions_count(owner: User) -> None:
    study = factories.study(owner=owner, trials_per_session=10)
    study.grids.add(factories.rendered_grid("more", owner=owner, contents=("cat",), learning_rates=(2.0, 3.0)))
    # cat has ten pairs and coffee three; three of each are between the shared conditions.
    assert design_of(study) == Design(2, 3, round(10 * 6 / 13))
    study.grids.set([factories.rendered_grid("other", owner=owner, contents=("tree",), learning_rates=(2.0, 3.0))])
    study.grids.add(factories.rendered_grid("last", owner=owner, contents=("boat",), learning_rates=(4.0, 5.0)))
    with pytest.raises(EvaluationError, match="share 0 conditions"):
        design_of(study)


def test_a_rehearsal_never_speaks_of_people(owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned(factories.study(owner=owner, simulated=True, sessions_planned=8), tmp_path, people="8")
    assert "people" not in capsys.readouterr().out
    assert b"people" not in (tmp_path / "fig13_power.csv").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"people": "10,many"}, "“many” is no number of participants from 8"),
        ({"people": "5"}, "fewer get no verdict"),
        ({"people": "10,,20"}, "“” is no number"),
        ({"people": "2000"}, "to 1000"),
        ({"replicates": 3}, "give 20 to 10000"),
        ({"seed": -1}, "give 0 or more"),
    ],
)
def test_nonsense_numbers_are_refused(owner: User, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        planned(factories.study(owner=owner), tmp_path, **options)


def test_refusals_are_sentences(owner: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"There is no study “nothing”\. Studies: none yet"):
        call_command("plan", "nothing", out=tmp_path)
    study = factories.study(owner=owner)
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        planned(study, tmp_path / "file" / "plan")
    study.grids.clear()
    with pytest.raises(CommandError, match="has no grid yet"):
        planned(study, tmp_path)


def test_sentences_say_what_the_grid_cannot_show() -> None:
    small = sentences(Design(3, 4, 30), 0.5)
    assert "With 4 conditions no claim can be made about the metric itself" in small
    assert "With 3 scenes no claim about other scenes can be tested: 4 are needed" in small
    assert "needs more than 60 participants: 60 find" in small
    assert "An inverted U can only be shown if two settings" in small
    assert "a claim about other scenes has little power: plan 10" in sentences(Design(5, 5, 30), 0.9)
    large = sentences(Design(10, 5, 30), 0.9)
    assert "scenes" not in large
    assert "no claim" not in large
    assert "About 54 participants find a favourite" in large  # on the line from .15 with 10 to .9 with 60
    assert "“confirmed” in 25 of 100" in large
    assert "An inverted U cannot be shown with two" in sentences(Design(10, 2, 30), 0.9)
    assert "60 participants are enough" in sentences(Design(10, 5, 30), 0.9, people=(60,), sessions=60)


def test_planned_numbers_that_were_not_simulated_are_named() -> None:
    assert "The planned 6 participants get no verdict: 8 are needed." in sentences(Design(5, 5, 30), 0.5, sessions=6)
    assert "The planned 5000 participants were not simulated." in sentences(Design(5, 5, 30), 0.5, sessions=5000)
