"""What has to be there before a study opens, what opening freezes, and what it publishes."""

import struct

import numpy as np
import pytest
from django.core.files.storage import storages

from generation.core import images
from generation.core.spec import digest
from generation.models import Render
from generation.services import artifact_bytes
from studyplatform.voting.models import Question, Stimulus, Study
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
    assert "Add a question" in problems(factories.study(owner=owner, questions=()))


def test_a_study_without_pictures_says_so(owner):
    study = factories.study(owner=owner)
    study.grids.clear()
    assert "Choose at least one rendered grid" in problems(study)


def test_a_picture_that_is_not_rendered_is_named_with_the_mend(owner):
    study = factories.study(owner=owner)
    render = Render.objects.filter(cells__isnull=False).first()
    Render.objects.filter(pk=render.pk).update(status="planned", image=None)
    said = problems(study)
    assert "lr " in said
    assert render.scene.label in said
    assert "manage.py render" in said


def test_a_failed_picture_gives_its_reason(owner):
    study = factories.study(owner=owner)
    render = Render.objects.filter(cells__isnull=False).first()
    Render.objects.filter(pk=render.pk).update(status="failed", image=None, reason="Out of memory.")
    assert "Out of memory." in problems(study)


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
    assert draft.audit.get().data == {"fields": ["title"]}
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
