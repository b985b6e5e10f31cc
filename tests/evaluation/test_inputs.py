"""The rows of a study as plain data, with nothing that identifies or opens anything."""

import csv
import io
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.utils import timezone

from evaluation.core import bundle
from evaluation.core.analysis import analyse
from evaluation.core.options import Options
from evaluation.core.voters.data_quality import repeats
from evaluation.core.voters.habits import habits
from evaluation.inputs import study_data
from evaluation.services import analysis_run
from generation.models import GridMetric, Metric, Render, Score
from generation.services.artifacts import artifact_store, master_name
from studyplatform.voting.core.answers import habits as crowd_habits
from studyplatform.voting.core.answers import qualities
from studyplatform.voting.models import Exclusion, Study
from studyplatform.voting.selectors import participant_hash
from studyplatform.voting.selectors.answers import answers_of
from studyplatform.voting.services import question_ask, study_transition, vote_undo
from tests import factories


@pytest.fixture
def study(owner: User) -> Study:
    made = factories.study(owner=owner, state="open", show_photograph=True, trials_per_session=6, allow_ties=True)
    for choice in ("left", "right", "tie"):
        factories.finished(made, choice=choice)
    return made


def test_every_row_arrives(study: Study) -> None:
    data = study_data(study)
    assert [q.text for q in data.questions] == ["Which looks more natural?"]
    assert {s.label for s in data.scenes} == {"Cat", "Coffee"}
    assert [c.label for c in data.conditions if c.role == "grid"] == ["lr 0.01", "lr 0.1", "lr 1"]
    assert [c.label for c in data.conditions if c.role == "control"] == ["photograph"]
    assert {m.id for m in data.metrics} == {"style_loss", "content_loss", "total_loss"}
    assert data.primary_metric == "total_loss"
    assert len([s for s in data.scores if s.status == "ok"]) == 2 * 3 * 3
    assert len(data.participants) == 3
    assert [t.choice for t in data.trials].count("tie") == 6
    assert len(data.trials) == 18


def test_nothing_that_opens_a_session_leaves_the_house(study: Study) -> None:
    text = json.dumps(asdict(study_data(study))) + "".join(v.decode() for v in bundle.write(study_data(study)).values())
    for participant in study.participants.all():
        assert participant.token not in text


def test_a_bundle_of_the_live_study_reads_back_as_the_same(study: Study) -> None:
    data = study_data(study)
    assert bundle.read(bundle.write(data)).data.digest == data.digest == study_data(study).digest


def test_the_digest_sees_a_vote(study: Study) -> None:
    before = study_data(study).digest
    factories.cast(factories.participant(study))
    assert study_data(study).digest != before


def test_exclusions_and_withdrawals_are_marked_and_undone(study: Study, owner: User) -> None:
    first, second, _ = study.participants.order_by("pk")
    exclusion = Exclusion.objects.create(participant=first, code="catch_failed", reason="two of two", by=owner)
    second.session.withdrew_at = timezone.now()
    second.session.save()
    assert {p.exclusion_reason for p in study_data(study).participants} == {"catch_failed", "withdrew", ""}
    assert {t.participant for t in study_data(study).trials} == {p.id for p in study_data(study).participants} - {
        p.id for p in study_data(study).participants if p.exclusion_reason == "withdrew"
    }
    exclusion.undone_at = timezone.now()
    exclusion.save()
    assert {p.exclusion_reason for p in study_data(study).participants} == {"withdrew", ""}


def test_a_missing_score_stays_missing(study: Study) -> None:
    score = Score.objects.filter(metric__key="total_loss").earliest("pk")
    Score.objects.filter(pk=score.pk).update(value=None, status="unavailable", reason="No backbone.")
    assert [s.value for s in study_data(study).scores if s.status == "unavailable"] == [None]


def test_two_grids_that_disagree_leave_the_primary_metric_open(study: Study) -> None:
    other = factories.rendered_grid("other")
    other.metrics.update(is_primary=False)
    GridMetric.objects.filter(grid=other, metric__key="style_loss").update(is_primary=True)
    study.grids.add(other)
    assert study_data(study).primary_metric == ""


def test_loss_curves_come_thinned_with_their_weights_and_a_lost_one_is_left_out(study: Study) -> None:
    shown = list(study.stimuli.filter(role="grid").select_related("render").order_by("pk")[:2])
    style = np.geomspace(10, 1, 500)
    style[-1] = np.nan
    arrays = {"style": style, "content": style / 2, "total": style * 3, "scale": style, "weights": np.array([2.0, 0.5])}
    for stimulus, stored in zip(shown, (True, False), strict=True):
        file = io.BytesIO()
        np.savez(file, **arrays, seed=np.array([stimulus.pk]))
        artifact = artifact_store(data=file.getvalue(), kind="curve")
        Render.objects.filter(pk=stimulus.render_id).update(curve=artifact)
        if not stored:
            storages["masters"].delete(master_name(artifact.sha256))
    data = study_data(study)
    assert study_data(study, curves=False) == replace(data, curves=())
    points = [p for p in data.curves if p.term == "style"]
    assert {p.stimulus for p in data.curves} == {shown[0].public_name}
    assert {(p.term, p.weight) for p in data.curves} == {("style", 2.0), ("content", 0.5), ("total", 1.0)}
    assert (len(points), points[0].step, points[-1].step, points[-1].raw) == (100, 0, 499, None)
    drawn = analyse(data, Options(draws=199))["curves"]
    assert {(p["scene"], p["condition"]) for p in drawn} == {
        (s.scene, s.condition) for s in data.stimuli if s.id == shown[0].public_name
    }
    assert drawn[0]["weighted"] == pytest.approx(drawn[0]["raw"] * 0.5)


def test_the_number_of_queries_does_not_grow(study: Study, django_assert_max_num_queries) -> None:
    for _ in range(3):
        factories.finished(study)
    with django_assert_max_num_queries(18):
        study_data(study)


def test_the_network_stands_in_the_files(study: Study) -> None:
    render = study.stimuli.filter(role="grid").earliest("pk").render
    Render.objects.filter(pk=render.pk).update(
        spec={**render.spec, "params": {**render.spec["params"], "backbone": "random-shallow"}}
    )
    Metric.objects.filter(key="style_loss").update(config={"backbone": "random-shallow"})
    data = study_data(study)
    assert data.networks == ("random-shallow",)
    assert {s.network for s in data.stimuli if s.image_sha256 == render.image_id} == {"random-shallow"}
    assert {s.network for s in data.stimuli if s.image_sha256 != render.image_id} == {""}
    assert {m.id: m.network for m in data.metrics}["style_loss"] == "random-shallow"
    for table in ("stimuli", "metrics"):
        text = bundle.table_csv(data, table).decode()
        assert "network" in text.splitlines()[0].split(",")
        assert ",random-shallow" in text


def test_conditions_of_an_earlier_version_share_an_objective_unless_the_loss_differs(owner: User) -> None:
    made = factories.study(owner=owner, state="open", grid=factories.rendered_grid(owner=owner, task="style_transfer"))
    older = {
        "backbone": "vgg19", "content_weight": 0.2, "decay": "linear", "init": "content", "layers": "standard",
        "learning_rate": 0.02, "optimizer": "adam", "scales": 3, "size": 96, "steps": 300, "style_weight": 1.0,
        "tv_weight": 0.02,
    }  # fmt: skip
    variants = {"lr 0.01": {}, "lr 0.1": {"learning_rate": 0.1, "steps": 50}, "lr 1": {"layers": "early"}}
    for label, changed in variants.items():
        row = made.stimuli.filter(label=label).earliest("pk").render.condition
        row.params = older | changed
        row.save()
    found = {c.label: c.objective_id for c in study_data(made).conditions}
    assert found["lr 0.01"] == found["lr 0.1"] != found["lr 1"]


def test_the_pages_and_the_exports_tell_the_same_of_somebody_who_skipped_and_took_back(owner: User) -> None:
    grid = factories.rendered_grid("wide", owner=owner, contents=("cat", "coffee", "rocket"))
    made = factories.study(
        owner=owner, grid=grid, state="open", trials_per_session=8, repeat_trials=1, allow_ties=True, allow_undo=True
    )
    who = factories.participant(made)
    repeat = who.trials.get(kind="repeat")
    for rt, choice in ((900, "left"), (400, "left"), (None, "skip"), (700, "left")):
        factories.cast(who, choice, rt_ms=rt)
    again = vote_undo(session=who.session)
    factories.cast(who, "left", trial=again, rt_ms=450)
    # One run from the first to here: the skip is asked again at the end, the answer taken back is given again.
    factories.cast(who, "left", rt_ms=300)
    factories.cast(who, "right", rt_ms=800)
    who.trials.filter(pk=repeat.pk).update(repeats=again.turn)
    factories.answer_all(who, "tie")
    unsure = factories.participant(made)
    for choice in ("left", "right", "skip", "right", "right"):
        factories.cast(unsure, choice)
    vote_undo(session=unsure.session)  # and left: the answer stands, in the analysis too
    pages = answers_of(made)
    found = qualities(pages)
    data = study_data(made)
    habit = habits(data)
    people = list(csv.DictReader(io.StringIO(bundle.write(data)["data/participants.csv"].decode())))
    for participant, answers, run in ((who, 9, 4), (unsure, 5, 2)):
        own, name = found[participant.pk], participant_hash(made, participant.token)
        assert (own.answers, own.longest_run) == (answers, run)
        i = habit.people.index(name)
        row = next(p for p in people if p["participant_id"] == name)
        assert (habit.n[i], habit.longest_run[i]) == (own.answers, own.longest_run)
        assert row["longest_run"] == str(own.longest_run)
        assert float(row["left_rate"]) == habit.left_rate[i] == own.left_rate
        if own.fast_share is not None:
            assert float(row["share_fast"]) == habit.share_fast[i] == own.fast_share
    told = crowd_habits(pages, 0).repeats
    assert (told.n, told.hits) == repeats(data, data.questions[0].id, frozenset(habit.people))
    assert told.n == sum(int(p["n_repeat"]) for p in people) == 1


def test_answers_to_a_question_that_only_a_pilot_asked_keep_it_and_are_not_analysed(owner: User) -> None:
    study = factories.study(owner=owner, state="pilot")
    factories.finished(study)
    study_transition(study=study, to="draft", by=owner)
    question_ask(study=study, preset="style", position=0, instead_of=study.questions.get())
    study_transition(study=study, to="open", by=owner)
    for _ in range(2):
        factories.finished(study)
    data = study_data(study)
    pilots = {p.id for p in data.participants if p.is_pilot}
    assert {(t.question, t.participant in pilots) for t in data.trials} == {("natural", True), ("style", False)}
    assert ({q.id: q.retired for q in data.questions}, [q.id for q in data.asked]) == (
        {"natural": True, "style": False},
        ["style"],
    )
    back = bundle.read(bundle.write(data)).data
    assert (back.questions, back.digest) == (data.questions, data.digest)
    study_transition(study=study, to="closed", by=owner)
    assert [a.question.preset for a in analysis_run(study=study)] == ["style"]
