"""What has to be there before a study opens, what opening freezes, and what it publishes."""

import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from django.core.files.storage import storages

from evaluation.models import Analysis
from generation.core import images
from generation.core.spec import digest
from generation.core.tasks import Task, register, unregister
from generation.models import Render
from generation.services import artifact_bytes
from generation.services.artifacts import master_name
from studyplatform.voting import selectors
from studyplatform.voting.models import ExportRecord, Question, Stimulus, Study
from studyplatform.voting.services import StudyError, study_delete, study_transition, study_update
from tests import factories

pytestmark = pytest.mark.django_db


def problems(study: Study) -> str:
    with pytest.raises(StudyError) as error:
        study_transition(study=study, to="open", by=None)
    study.refresh_from_db()
    assert (study.state, study.design, study.blocks.count()) == ("draft", None, 0)
    return str(error.value)


def test_a_study_without_a_question_says_so(owner):
    study = factories.study(owner=owner, questions=())
    study.grids.clear()
    assert "Add a question" in problems(study)


@pytest.fixture
def tinting() -> Iterator[Task]:
    """A task that asks about colours and compares with the photograph in grey."""
    yield register(
        Task(
            name="tinting",
            label="Tinting",
            methods={},
            sources=("content",),
            metrics=lambda params, weights: (),
            measure="",
            primary_metric="",
            question="colours",
            baseline="grey",
        )
    )
    unregister("tinting")


@pytest.mark.parametrize("to", ["pilot", "open"])
def test_without_a_question_the_first_grids_task_asks_its_own(owner, tinting, to):
    grid = factories.rendered_grid("tints", owner=owner, task=tinting.name)
    study = factories.study(owner=owner, grid=grid, questions=())
    study.grids.add(factories.rendered_grid("other", owner=owner))
    study_transition(study=study, to=to, by=owner)
    assert [q.preset for q in study.questions.all()] == ["colours"]
    assert study.design["questions"][0]["preset"] == "colours"
    chosen = factories.study("chosen", owner=owner, grid=grid, questions=("natural",), state=to)
    assert [q.preset for q in chosen.questions.all()] == ["natural"]


def test_a_task_nobody_registered_asks_which_looks_natural_and_compares_with_the_photograph(owner):
    study = factories.study(owner=owner, questions=(), show_photograph=True, state="open")
    assert [q.preset for q in study.questions.all()] == ["natural"]
    controls = study.stimuli.filter(role=Stimulus.Role.CONTROL)
    assert {s.render.condition.method for s in controls} == {"identity"}


def test_a_question_nobody_knows_becomes_the_natural_one(owner, tinting, monkeypatch):
    monkeypatch.setattr(selectors.studies, "task_of", lambda name: replace(tinting, question="Which is rounder?"))
    grid = factories.rendered_grid("tints", owner=owner, task=tinting.name)
    assert selectors.natural_question(grid) == "natural"


def test_the_control_is_the_baseline_of_the_task(owner, tinting):
    grid = factories.rendered_grid("tints", owner=owner, task=tinting.name)
    study = factories.study(owner=owner, grid=grid, show_photograph=True)
    said = problems(study)
    assert "made by the method “grey”" in said
    assert "[controls]" in said
    factories.control(grid, "grey")
    study_transition(study=study, to="open", by=owner)
    controls = study.stimuli.filter(role=Stimulus.Role.CONTROL)
    assert [s.render.condition.method for s in controls] == ["grey", "grey"]


def test_a_grids_own_photograph_is_not_shown_beside_a_second_one(owner):
    grid = factories.rendered_grid("own", owner=owner, contents=("cat",))
    factories.control(grid, "identity")
    study = factories.study(owner=owner, grid=grid, show_photograph=True, state="open")
    assert study.stimuli.get(role=Stimulus.Role.CONTROL).label == "identity"


def test_a_study_without_pictures_says_so(owner):
    study = factories.study(owner=owner)
    study.grids.clear()
    assert "Choose at least one rendered grid" in problems(study)


def test_a_picture_that_is_not_rendered_is_named_with_the_mend(owner):
    study = factories.study(owner=owner)
    render = Render.objects.filter(cells__isnull=False).first()
    Render.objects.filter(pk=render.pk).update(status="planned", image=None)
    said = problems(study)
    assert "Of 6 pictures of the grid “Tiny” 1 wait to be rendered, first lr " in said
    assert render.scene.label in said
    assert "the grid's page says how far they are" in said


def test_a_failed_picture_gives_its_reason(owner):
    study = factories.study(owner=owner)
    render = Render.objects.filter(cells__isnull=False).first()
    Render.objects.filter(pk=render.pk).update(status="failed", image=None, reason="Out of memory.")
    said = problems(study)
    assert "Out of memory." in said
    assert "Retry failed" in said


def test_a_single_condition_is_no_pair(owner):
    grid = factories.rendered_grid("single", owner=owner, learning_rates=(0.1,))
    assert "a pair needs two" in problems(factories.study(owner=owner, grid=grid))


def test_pictures_of_different_size_are_refused(owner):
    pictures = {("cat", 0.1): factories.pixels("wide", width=120, height=64)}
    grid = factories.rendered_grid("sizes", owner=owner, contents=("cat",), pictures=pictures)
    said = problems(factories.study(owner=owner, grid=grid))
    assert "differ in size" in said
    assert "120 × 64" in said


def test_a_question_about_a_style_needs_one(owner):
    grid = factories.rendered_grid("plain", owner=owner, style=None)
    study = factories.study(owner=owner, grid=grid, questions=("style",))
    assert "shows the style picture" in problems(study)


def test_all_problems_are_told_at_once(owner):
    study = factories.study(owner=owner, questions=())
    study.grids.clear()
    with pytest.raises(StudyError) as error:
        study_transition(study=study, to="open", by=None)
    assert len(error.value.problems) == 2


def test_the_frozen_design_names_everything_shown_and_its_digest_is_reproducible(owner):
    study = factories.study(owner=owner, state="open", questions=("natural", "style"), show_photograph=True)
    assert study.design_digest == digest(study.design)
    assert [q["preset"] for q in study.design["questions"]] == ["natural", "style"]
    roles = [s["role"] for s in study.design["stimuli"]]
    assert (roles.count("grid"), roles.count("control"), roles.count("reference")) == (6, 2, 2)
    assert study.token not in str(study.design)  # nothing random in it: the same design has the same digest


@pytest.mark.parametrize("field", ["title", "consent", "trials_per_session", "allow_ties", "seed", "simulated", "slug"])
def test_a_frozen_field_cannot_be_edited(open_study, owner, field):
    before = getattr(open_study, field)
    value = (not before) if isinstance(before, bool) else before + 1 if isinstance(before, int) else f"{before}x"
    with pytest.raises(StudyError, match=field):
        study_update(study=open_study, by=owner, **{field: value})
    open_study.refresh_from_db()
    assert getattr(open_study, field) == before


def test_a_draft_can_be_edited_and_the_report_shown_at_any_time(open_study, owner):
    draft = factories.study("draft", owner=owner)
    study_update(study=draft, by=owner, title="Better")
    assert draft.title == "Better"
    assert draft.audit.get().data == {"changes": {"title": ["The draft study", "Better"]}}
    study_update(study=open_study, by=owner, public_report=True)
    assert open_study.public_report


def test_stimuli_are_published_as_pixels_only_under_names_that_say_nothing(owner):
    study = factories.study(owner=owner, state="open", show_photograph=True)
    for stimulus in study.stimuli.select_related("render"):
        with storages["stimuli"].open(stimulus.path) as file:
            data = file.read()
        kinds, at = [], 8
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            kinds.append(data[at + 4 : at + 8])
            at += 12 + length
        assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}
        assert np.array_equal(images.decode(data), images.decode(artifact_bytes(stimulus.render.image_id)))
        assert stimulus.public_name not in (stimulus.render.digest, stimulus.render.image_id)


def test_the_order_of_the_rows_does_not_follow_the_grid(owner):
    """Thirty pictures in the grid's order would be one chance in 30!; the rows are made in a shuffled one."""
    grid = factories.rendered_grid("wide", owner=owner, learning_rates=tuple(i / 10 for i in range(1, 16)))
    study = factories.study(owner=owner, grid=grid, state="open")
    by_row = list(study.stimuli.order_by("pk").values_list("scene", "position"))
    assert by_row != sorted(by_row)
    by_name = list(study.stimuli.order_by("public_name").values_list("scene", "position"))
    assert by_name not in (by_row, sorted(by_row))


def test_two_grids_that_share_a_render_show_it_once(owner):
    first = factories.rendered_grid("first", owner=owner)
    second = factories.rendered_grid("second", owner=owner, learning_rates=(0.1, 1.0, 3.0))
    study = factories.study(owner=owner, grid=first)
    study.grids.add(second)
    study_transition(study=study, to="open", by=owner)
    assert study.stimuli.filter(role=Stimulus.Role.GRID).count() == 8  # two scenes x {0.01, 0.1, 1, 3}


def test_replicates_are_compared_with_their_own_kind_and_controls_with_all(owner):
    grid = factories.rendered_grid("seeds", owner=owner, contents=("cat",), seeds=(0, 1))
    study = factories.study(owner=owner, grid=grid, show_photograph=True, trials_per_session=12, state="open")
    trials = factories.participant(study).trials.select_related("left", "right")
    for trial in trials:
        controls = "control" in (trial.left.role, trial.right.role)
        assert controls or trial.left.replicate == trial.right.replicate
    assert (
        len({frozenset((t.left_id, t.right_id)) for t in trials}) == 12
    )  # two replicates x (3 + 3 with the photograph)


def test_only_a_draft_without_participants_can_be_deleted(owner):
    draft = factories.study("gone", owner=owner)
    study_delete(study=draft)
    assert not Study.objects.filter(slug="gone").exists()
    with pytest.raises(StudyError, match="Only a draft"):
        study_delete(study=factories.study("running", owner=owner, state="open"))
    piloted = factories.study("piloted", owner=owner, state="pilot")
    factories.participant(piloted)
    study_transition(study=piloted, to="draft", by=owner)
    with pytest.raises(StudyError, match="1 participant"):
        study_delete(study=piloted)
    assert Question.objects.filter(study=piloted).exists()


def test_a_draft_with_records_of_what_left_the_house_is_kept_in_words(owner):
    draft = factories.study("kept", owner=owner, state="pilot")
    study_transition(study=draft, to="draft", by=owner)
    question = draft.questions.get()
    for number in (1, 2):
        Analysis.objects.create(study=draft, question=question, data_digest="", code_version="1", results={})
        ExportRecord.objects.create(study=draft, number=number, by=owner)
    ExportRecord.objects.filter(number=2).delete()
    with pytest.raises(StudyError, match="held by 1 export record and 2 analyses"):
        study_delete(study=draft)
    assert (draft.stimuli.count(), draft.questions.count(), draft.audit.count()) == (6, 1, 2)
    assert all(storages["stimuli"].exists(s.path) for s in draft.stimuli.all())


def test_two_pictures_stand_for_a_study_once_they_are_published(owner):
    draft = factories.study("draft", owner=owner)
    assert selectors.study_pair(draft) is None
    study = factories.study("shown", owner=owner, state="open", show_photograph=True, questions=("style",))
    first = study.stimuli.order_by("scene").first().scene
    names = sorted(s.public_name for s in study.stimuli.filter(scene=first, role=Stimulus.Role.GRID))[:2]
    pair = selectors.study_pair(study)
    assert pair == selectors.Pair(*(f"/stimuli/{study.token}/{name}.png" for name in names))


def test_one_condition_and_its_photograph_are_a_pair_too(owner):
    grid = factories.rendered_grid("single", owner=owner, contents=("cat",), learning_rates=(0.1,))
    study = factories.study(owner=owner, grid=grid, show_photograph=True, trials_per_session=1, state="open")
    names = sorted(study.stimuli.values_list("public_name", flat=True))
    pair = selectors.study_pair(study)
    assert pair == selectors.Pair(*(f"/stimuli/{study.token}/{name}.png" for name in names))


@pytest.mark.parametrize(("questions", "most"), [(("natural",), 6), (("natural", "style"), 12)])
def test_more_pairs_per_person_than_the_pictures_offer_are_refused(owner, questions, most):
    study = factories.study(owner=owner, questions=questions, trials_per_session=most + 1)
    said = problems(study)
    assert "the pictures offer 6 different pairs per question" in said
    assert f"to {most} or less" in said
    study.trials_per_session = most
    study.save()
    study_transition(study=study, to="open", by=owner)
    shown = factories.participant(study).trials.all()
    assert len({(t.question_id, frozenset((t.left_id, t.right_id))) for t in shown}) == most


@pytest.mark.parametrize("to", ["pilot", "open"])
def test_a_picture_whose_master_is_gone_stops_the_opening_with_a_sentence(owner, to):
    study = factories.study(owner=owner)
    lost = study.grids.get().cells.order_by("pk").last().render
    storages["masters"].delete(master_name(lost.image_id))
    with pytest.raises(StudyError, match=r"cannot be shown\. The file of artifact .* bring it in again"):
        study_transition(study=study, to=to, by=owner)
    study.refresh_from_db()
    assert (study.state, study.design, study.stimuli.count()) == ("draft", None, 0)
