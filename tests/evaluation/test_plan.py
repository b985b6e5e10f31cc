"""manage.py plan: power for a study's own grid, before it has votes, or a sentence that says why there is none."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from evaluation import plan as planning
from evaluation.core.power import WINS, Power
from evaluation.core.sessions import Design, factorial, lay, pairs_counted
from evaluation.models import PowerPlan
from evaluation.plan import design_of, plan_sentences, plan_warnings
from evaluation.services import EvaluationError
from generation.models import Grid, Score
from studyplatform.voting.models import Question, Study
from studyplatform.voting.selectors import minutes_needed
from tests import factories


def planned(study: Study, out: Path | None, **options: Any) -> None:
    call_command("plan", study.slug, out=out, **{"people": "8,12", "replicates": 20, **options})


def rows(at_60: float, people: tuple[int, ...] = (10, 60)) -> list[Power]:
    """Rows in which power at 60 : 40 with the last number of participants is ``at_60``."""
    most = people[-1]
    return [Power(n, win, round(1000 * at_60 * n / most), 250, 1000) for n in people for win in WINS]


def warnings(design: Design, at_60: float = 0.9, *, minutes: int = 10, planned: int = 60) -> str:
    return " ".join(plan_warnings(design, minutes=minutes, planned=planned, rows=rows(at_60)))


def size(study: Study) -> tuple[int, int, float]:
    """Scenes, conditions, and pairs of one participant that count."""
    design = design_of(study)
    return design.scenes, design.conditions, pairs_counted(design)


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
    assert "300 of 300 studies simulated" in said.err
    assert "A session takes about 1 minute." in said.out
    assert "10 participants: 0.2 hours." in said.out
    assert "No reward is set" in said.out
    assert "no catch pairs" in said.out
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


def test_a_plan_is_kept_and_an_unfinished_one_is_gone_on_with(owner: User, capsys: pytest.CaptureFixture[str]) -> None:
    study = factories.study(owner=owner, sessions_planned=8)
    begun = planning.plan_start(study=study, by=owner, people=[8], replicates=20)
    begun = planning.plan_step(plan=begun, number=0, seconds=0)
    planned(study, None, people="8")
    kept = PowerPlan.objects.get()
    assert (kept.pk, kept.by, kept.done) == (begun.pk, owner, 100)
    assert kept.finished_at is not None
    first = capsys.readouterr().out
    planned(study, None, people="8")
    assert capsys.readouterr().out == first
    assert PowerPlan.objects.count() == 1


@pytest.mark.parametrize("strategy", ["balanced", "focused", "all_pairs"])
@pytest.mark.parametrize("more", [{}, {"practice_trials": 2, "catch_trials": 3, "repeat_trials": 2}])
def test_a_draft_a_pilot_and_the_opened_study_have_one_design(owner: User, strategy: str, more: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"owner": owner, "strategy": strategy, "questions": ("natural", "real"), **more}
    grid = factories.rendered_grid(owner=owner, seeds=(1, 2))
    study = factories.study(grid=grid, trials_per_session=10, show_photograph=True, **fields)
    draft = design_of(study)
    for state in ("pilot", "open"):
        factories.study_transition(study=study, to=state, by=owner)
        assert design_of(study) == draft


def laid(study: Study) -> list[tuple[int, int, int, int]]:
    """(session, scene, left condition, right condition) of the pairs that count in the blocks of an opened study."""
    asked = study.questions.exclude(preset="real").first()
    pictures = {s.pk: s for s in study.stimuli.select_related("render")}
    conditions = sorted({s.render.condition_id for s in pictures.values() if s.role == "grid"})
    scenes = sorted({s.scene_id for s in pictures.values()})
    found = []
    for number, block in enumerate(study.blocks.order_by("number")):
        for item in block.plan:
            left, right = pictures[item["left"]], pictures[item["right"]]
            if item["kind"] == "main" and item["question"] == asked.pk and {left.role, right.role} == {"grid"}:
                sides = (conditions.index(s.render.condition_id) for s in (left, right))
                found.append((number, scenes.index(item["scene"]), *sides))
    return found


@pytest.mark.parametrize("strategy", ["balanced", "focused", "all_pairs"])
@pytest.mark.parametrize(
    "more",
    [
        {"trials_per_session": 5},
        {"trials_per_session": 6, "practice_trials": 2, "catch_trials": 3, "repeat_trials": 1},
        {"trials_per_session": 6, "questions": ("natural", "style"), "show_photograph": True},
        {"trials_per_session": 8, "questions": ("real", "natural"), "catch_trials": 2, "seed": 7},
    ],
)
def test_the_simulated_sessions_are_those_that_opening_lays(owner: User, strategy: str, more: dict[str, Any]) -> None:
    grid = factories.rendered_grid(owner=owner, seeds=(1, 2))
    # The factory's losses are lowest at the middle learning rate; the plan's minimiser is the last condition.
    Score.objects.filter(render__condition__params__lr=1.0, metric__key="total_loss").update(value=-1)
    study = factories.study(owner=owner, grid=grid, strategy=strategy, sessions_planned=9, **more)
    shown = lay(design_of(study), 9)
    factories.study_transition(study=study, to="open", by=owner)
    simulated = zip(*(getattr(shown.shown, name) for name in ("person", "scene", "left", "right")), strict=True)
    assert list(simulated) == laid(study) != []
    assert {len(block.plan) for block in study.blocks.all()} == {shown.length}


def test_the_design_follows_the_settings(owner: User) -> None:
    fields: dict[str, Any] = {"owner": owner, "allow_ties": True, "trials_per_session": 6}
    focused = factories.study("focused", questions=("natural", "content"), strategy="focused", alpha=0.01, **fields)
    design = design_of(focused)
    assert (design.ties, design.strategy, design.alpha) == (True, "focused", 0.01)
    assert size(focused) == (2, 3, 3)
    every = factories.study("every", strategy="all_pairs", **fields)
    assert size(every) == (2, 3, 6)
    Question.objects.filter(study=every).delete()  # one is added when it opens
    assert size(every) == (2, 3, 6)


def test_replicates_of_a_cell_are_pairs_of_their_own(owner: User) -> None:
    grid = factories.rendered_grid("twice", owner=owner, seeds=(1, 2))
    assert size(factories.study(owner=owner, grid=grid, strategy="all_pairs")) == (2, 3, 12)


def test_the_photograph_takes_turns_and_does_not_count(owner: User) -> None:
    study = factories.study(owner=owner, trials_per_session=12, show_photograph=True)
    # Three conditions and the photograph are six pairs, three of them between conditions.
    assert size(study) == (2, 3, 6)


def test_only_shared_conditions_count(owner: User) -> None:
    study = factories.study(owner=owner, strategy="all_pairs")
    study.grids.add(factories.rendered_grid("more", owner=owner, contents=("cat",), learning_rates=(2.0, 3.0)))
    # cat has ten pairs and coffee three; three of each are between the shared conditions.
    assert size(study) == (2, 3, 6)
    assert lay(design_of(study), 8).length == 13
    study.grids.set([factories.rendered_grid("other", owner=owner, contents=("tree",), learning_rates=(2.0, 3.0))])
    study.grids.add(factories.rendered_grid("last", owner=owner, contents=("boat",), learning_rates=(4.0, 5.0)))
    with pytest.raises(EvaluationError, match="share 0 conditions"):
        design_of(study)


def test_what_a_study_leaves_out_is_not_planned(owner: User) -> None:
    grid = factories.rendered_grid(owner=owner, learning_rates=(0.01, 0.1, 1.0, 10.0))
    study = factories.study(owner=owner, grid=grid, strategy="all_pairs")
    study.left_out_conditions.add(grid.conditions.get(label="lr 10").condition)
    study.left_out_scenes.add(grid.cells.first().scene)
    assert size(study) == (1, 3, 3)


def test_levels_are_those_of_a_numeric_parameter(owner: User) -> None:
    study = factories.study(owner=owner)
    assert design_of(study).levels == 3
    for number, condition in enumerate(study.grids.get().conditions.all()):
        condition.condition.params = {"optimizer": "abc"[number], "steps": 200}
        condition.condition.save()
    assert design_of(study).levels == 1


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


def test_a_grid_without_pictures_is_not_planned(owner: User) -> None:
    study = factories.study(owner=owner)
    study.grids.set([Grid.objects.create(owner=owner, slug="empty", title="Empty", task="style-transfer")])
    with pytest.raises(EvaluationError, match="have no pictures for it yet: launch them"):
        design_of(study)
    fits = factories.study("fits", owner=owner, repeat_trials=4)
    with pytest.raises(EvaluationError, match=r"No plan can be laid for .*repeats do not fit"):
        design_of(fits)


def test_warnings_say_what_the_grid_cannot_show() -> None:
    small = warnings(factorial(3, 4, 30))
    assert "With 4 conditions no claim can be made about the metric itself" in small
    assert "With 3 scenes no claim about other scenes can be tested: 4 are needed" in small
    assert "An inverted U can only be shown if two settings" in small
    assert "a claim about other scenes has little power: plan 10" in warnings(factorial(5, 5, 30))
    assert "With 1 scene no claim" in warnings(factorial(1, 5, 30))
    large = warnings(factorial(10, 5, 30))
    assert "scenes" not in large
    assert "no claim" not in large
    assert "An inverted U cannot be shown with two" in warnings(factorial(10, 2, 30))
    assert "no parameter has three values" in warnings(factorial(10, 3, 30, levels=2))


def test_warnings_say_what_the_sessions_lack() -> None:
    design = factorial(10, 5, 30, catches=3)
    fine = warnings(design)
    assert fine == warnings(design, minutes=20)
    assert "catch" not in fine
    assert "minutes" not in fine
    assert "too few" not in fine
    assert "A session has 2 catch pairs" in warnings(factorial(10, 5, 30, catches=2))
    assert "A session has 1 catch pair," in warnings(factorial(10, 5, 30, catches=1))
    assert "A session has no catch pairs" in warnings(factorial(10, 5, 30))
    assert "A session takes about 21 minutes" in warnings(design, minutes=21)
    few = warnings(design, planned=10)
    assert "The planned 10 participants are too few: they find a favourite of 60 : 40 in 15 of 100" in few
    assert "plan about 54." in few
    assert "plan more than were simulated" in warnings(design, 0.5, planned=10)
    assert "too few" not in warnings(design, 0.5, planned=11)  # not simulated


def test_a_design_that_asks_for_more_pairs_than_there_are_is_not_planned(owner: User) -> None:
    study = factories.study(owner=owner, trials_per_session=30)
    with pytest.raises(EvaluationError, match="would be shown 30 pairs, but the pictures offer"):
        design_of(study)
    assert not study.design


def test_shares_are_of_the_studies_that_were_simulated() -> None:
    few = [Power(people, win, refuted=5, confirmed=0, replicates=20) for people in (10, 60) for win in WINS]
    said = " ".join([*plan_sentences(few, 10), warnings(factorial(10, 5, 30, catches=3), 0.25, planned=10)])
    assert "60 find a favourite that beats the minimiser 60 : 40 in 5 of 20 studies" in said
    assert "“confirmed” in 0 of 20." in said
    assert "5 of 20 at 55 : 45" in said
    assert "of 100" not in said.split("“confirmed”")[1].split("too few")[0]


def test_sentences_say_what_the_numbers_mean() -> None:
    said = " ".join(plan_sentences(rows(0.9), 10))
    assert "About 54 participants find a favourite" in said  # on the line from .15 with 10 to .9 with 60
    assert "“confirmed” in 25 of 100" in said
    assert "needs more than 60 participants: 60 find" in " ".join(plan_sentences(rows(0.5), 10))
    assert "60 participants are enough" in " ".join(plan_sentences(rows(0.9, (60,)), 60))


def test_planned_numbers_that_were_not_simulated_are_named() -> None:
    assert "The planned 6 participants get no verdict: 8 are needed." in plan_sentences(rows(0.5), 6)
    assert "The planned 5000 participants were not simulated." in plan_sentences(rows(0.5), 5000)


@pytest.mark.parametrize(
    ("reward", "fee", "people", "cost"),
    [
        (None, 0, 40, None),
        ("0", 0, 40, "EUR 0.00"),
        ("1.20", 0, 40, "EUR 48.00"),
        ("1.10", 33.3, 3, "EUR 4.40"),  # 4.3989
        ("0.05", 10, 1, "EUR 0.06"),  # 0.055: a half cent goes up
        ("2.50", 33.333, 1000, "EUR 3,333.33"),
    ],
)
def test_money_is_counted_in_cents(owner: User, reward: str | None, fee: float, people: int, cost: str | None) -> None:
    study = factories.study(owner=owner, reward=reward and Decimal(reward), panel_fee_percent=fee)
    found = planning.cost_of(study, design_of(study), people).money
    assert (found and planning.money_words(found, study.currency)) == cost or (found == 0 and cost == "EUR 0.00")


def test_minutes_are_those_of_the_whole_session(owner: User) -> None:
    study = factories.study(
        owner=owner, trials_per_session=6, practice_trials=6, catch_trials=10, repeat_trials=2, sessions_planned=8
    )
    cost = planning.cost_of(study, design_of(study), 90)
    assert (cost.minutes, cost.hours) == (3, 4.5)
    factories.study_transition(study=study, to="open", by=owner)
    assert minutes_needed(study) == cost.minutes
