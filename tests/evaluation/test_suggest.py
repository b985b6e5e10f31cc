"""manage.py suggest: the next grid file of a study, or a sentence that says why there is none."""

import tomllib
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from evaluation.services import EvaluationError
from evaluation.suggest import suggestion_of
from generation.models import Grid
from studyplatform.voting.models import Study
from studyplatform.voting.services import study_transition
from tests import factories

FILE = """
[grid]
title = "Tiny"
slug = "tiny"
task = "style-transfer"
[sources.cat]
file = "cat.png"
title = "Cat"
[scenes]
content = ["cat"]
style = ["cat"]
[parameters]
lr = 0.1
[[conditions]]
design = "product"
lr = [0.01, 0.1, 1.0]
"""


def voted(owner: User, state: str = "closed", people: int = 12, **fields: object) -> Study:
    """A study in which nine of ten votes go to the later condition of the pair."""
    study = factories.study(owner=owner, state="open", trials_per_session=6, sessions_planned=people, **fields)
    for number in range(people):
        who = factories.participant(study, is_bot=study.simulated)
        for trial in who.trials.select_related("left", "right").order_by("position"):
            later = trial.left.position > trial.right.position
            factories.cast(who, "left" if later != ((number + trial.position) % 10 == 0) else "right", trial=trial)
    if state == "closed":
        study_transition(study=study, to="closed", by=owner)
    Grid.objects.update(toml=FILE)
    return study


def test_it_prints_the_grid_file_or_writes_it_once(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("evaluation.inputs.pictures.curves")  # it must not read the loss curves of the study
    study = voted(owner)
    call_command("suggest", study.slug)
    text = capsys.readouterr().out
    grid = tomllib.loads(text)
    assert grid["grid"]["slug"] == "tiny-round-2"
    assert grid["sources"] == tomllib.loads(FILE)["sources"]
    assert 4 <= len(grid["conditions"][0]["rows"]) <= 8
    assert suggestion_of(study) == ("tiny-round-2.toml", text)
    out = tmp_path / "next.toml"
    call_command("suggest", study.slug, out=out)
    assert out.read_text(encoding="utf-8") == text
    with pytest.raises(CommandError, match="is there already"):
        call_command("suggest", study.slug, out=out)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("suggest", study.slug, out=tmp_path / "no" / "next.toml")
    assert Grid.objects.count() == 1  # nothing was launched


def test_a_study_that_still_takes_votes_gives_nothing_away(owner: User) -> None:
    with pytest.raises(EvaluationError, match="still takes votes"):
        suggestion_of(voted(owner, state="open"))


def test_a_rehearsal_may_be_looked_at_while_it_runs(owner: User) -> None:
    text = suggestion_of(voted(owner, state="open", simulated=True))[1]
    assert "SIMULATED" in text
    assert "people" not in text


def test_refusals_are_sentences(owner: User) -> None:
    with pytest.raises(CommandError, match="There is no study “nothing”"):
        call_command("suggest", "nothing")
    study = voted(owner)
    Grid.objects.update(toml="")
    with pytest.raises(CommandError, match="was imported and has no grid file"):
        call_command("suggest", study.slug)
    study.grids.add(factories.rendered_grid("other", owner=owner, contents=("coffee",)))
    with pytest.raises(EvaluationError, match="shows pictures of 2 grids"):
        suggestion_of(study)


def test_votes_that_tell_nothing_keep_the_grid(owner: User, capsys: pytest.CaptureFixture[str]) -> None:
    study = factories.study(owner=owner, state="open", trials_per_session=6, sessions_planned=12)
    for number in range(12):
        who = factories.participant(study)
        for trial in who.trials.order_by("position"):
            factories.cast(who, "left" if (number + trial.position) % 2 else "right", trial=trial)
    study_transition(study=study, to="closed", by=owner)
    Grid.objects.update(toml=FILE)
    call_command("suggest", study.slug)
    assert "keep this grid and ask on" in capsys.readouterr().out
    with pytest.raises(EvaluationError, match="keep this grid"):
        suggestion_of(study)


def test_without_votes_there_is_nothing_to_suggest(owner: User) -> None:
    study = factories.study(owner=owner, state="closed")
    Grid.objects.update(toml=FILE)
    with pytest.raises(EvaluationError, match="has no votes yet"):
        suggestion_of(study)
