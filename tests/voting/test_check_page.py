"""The page before opening: problems, alarms, pictures and catch pairs, for those who may see the study."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from generation.core.protocols import curve_bytes
from generation.core.spec import MetricSpec
from generation.core.style_objective import features
from generation.core.style_transfer import STYLE_TRANSFER
from generation.models import Artifact, Cell, Condition, Grid, GridMetric, Metric, Render, Scene, Score
from generation.services.artifacts import artifact_store, master_name
from generation.services.planning import metric_row
from studyplatform.voting.models import Study
from studyplatform.voting.selectors.confounds import confounds_of
from tests import factories

pytestmark = pytest.mark.django_db
RATES = (0.01, 0.03, 0.1, 0.3, 1.0)


def page(client: Client, study: Study, status: int = 200) -> str:
    response = client.get(reverse("admin:voting_study_check", args=[study.pk]))
    assert response.status_code == status
    return response.content.decode().replace("\u00a0", " ")


def measured(
    grid: Grid, key: str, value: Callable[[Cell], float | None], *, label: str = "", reason: str = "", **more: str
) -> Metric:
    """Let the grid ask for a metric that has ``value`` of each cell."""
    metric = metric_row(MetricSpec(key, label or key.replace("_", " ").capitalize(), **{"role": "descriptor", **more}))
    GridMetric.objects.create(grid=grid, metric=metric, position=grid.metrics.count())
    for cell in grid.cells.select_related("condition", "scene"):
        number = value(cell)
        missing = {"status": "unavailable", "reason": reason}
        Score.objects.create(render=cell.render, metric=metric, value=number, **({} if number is not None else missing))
    return metric


def rate(cell: Cell) -> float:
    return float(cell.condition.params.get("lr", 0))


@pytest.fixture
def grid(owner: User) -> Grid:
    return factories.rendered_grid("rates", owner=owner, learning_rates=RATES)


@pytest.fixture
def study(owner: User, grid: Grid) -> Study:
    return factories.study(owner=owner, grid=grid, catch_trials=3, repeat_trials=2)


# --- alarms -----------------------------------------------------------------------------------------------------------


def test_a_planted_confound_is_said(as_owner, grid, study):
    # The style loss falls with the rate, the content loss rises; saturation falls, and so does luminance, unseen.
    measured(grid, "mean_saturation", lambda c: 1 / (2 + rate(c)), label="Mean saturation (HSV)")
    measured(grid, "mean_luminance", lambda c: 0.5 - rate(c) / 1000)
    shown = page(as_owner, study)
    assert (
        "Low content loss means more saturated pictures here (r = −1.00 with mean saturation over 2 scenes × 5 "
        "conditions): who prefers saturated pictures will seem to prefer low content loss." in shown
    )
    assert "Low style loss means less saturated pictures here (r = 1.00" in shown
    assert "darker" not in shown
    assert "brighter" not in shown
    assert "All is well" not in shown


def test_scenes_are_not_pooled(as_owner, grid, study):
    # Saturation falls with the rate within each scene, and one scene has fifty times as much of it.
    first = grid.cells.first().scene
    measured(grid, "mean_saturation", lambda c: (50 if c.scene == first else 1) / (2 + rate(c)))
    assert "more saturated pictures here (r = −1.00 with mean saturation over 2 scenes" in page(as_owner, study)


def test_replicates_count_by_their_mean(owner):
    grid = factories.rendered_grid("twice", owner=owner, learning_rates=RATES, seeds=(0, 1))
    # By the mean the order is that of the rates; by the first or the last seed alone it is not.
    measured(grid, "mean_saturation", lambda c: 20 + rate(c) + (7 if c.replicate else -7) * (rate(c) == 0.1))
    grid.cells.filter(condition__params__lr=1.0, replicate=1).delete()  # and a single one is its own mean
    (row, *_rest) = confounds_of(factories.study(owner=owner, grid=grid)).rows
    assert abs(row.cells[0].r) == pytest.approx(1)


def test_controls_and_what_is_left_out_take_no_part(owner, grid, study):
    factories.control(grid, "identity")
    last = grid.conditions.order_by("position").filter(condition__role="grid").last().condition
    measured(grid, "mean_saturation", lambda c: 9.0 if c.condition == last or rate(c) == 0 else 2 - rate(c))
    content = Metric.objects.get(key="content_loss")
    for cell in grid.cells.filter(condition__method="identity"):
        Score.objects.create(render=cell.render, metric=content, value=0.0)
    before = {row.loss.key: row.cells[0].r for row in confounds_of(study).rows}
    assert before["content_loss"] == pytest.approx(0)
    study.left_out_conditions.add(last)
    after = confounds_of(study)
    assert {row.loss.key: row.cells[0].r for row in after.rows}["content_loss"] == pytest.approx(-1)
    assert (after.rows[0].cells[0].fewest, after.rows[0].cells[0].most) == (4, 4)
    assert [s.label for s in after.strengths] == ["lr 0.01", "lr 0.03", "lr 0.1", "lr 0.3"]


def test_three_conditions_are_not_judged(as_owner, owner):
    grid = factories.rendered_grid("three", owner=owner)
    measured(grid, "mean_saturation", rate)
    shown = page(as_owner, factories.study(owner=owner, grid=grid))
    assert "No scene has more than 3 measured conditions" in shown
    assert "more saturated" not in shown


def test_what_is_not_measured_is_said(as_owner, grid, study):
    measured(grid, "sharpness", lambda c: None if rate(c) == 1 else rate(c), reason="The picture is too small.")
    shown = page(as_owner, study)
    assert (
        "Mean luminance, mean saturation, colourfulness, noise and LPIPS to the photograph are not measured in the "
        "grid “Rates”. Measure them on the grid’s page, or run: manage.py measure rates mean_luminance mean_saturation "
        "colourfulness noise_sigma lpips_content" in shown
    )
    assert "only 8 of the 10 pictures have Sharpness. The picture is too small." in shown
    assert reverse("admin:generation_grid_measure", args=[grid.pk]) in shown
    # Only the owner of a grid can measure it.
    study.memberships.create(user=factories.user("colleague"), role="editor")
    assert "Measure more on" not in page(factories.signed_in(factories.user("colleague")), study)


def test_losses_without_a_common_order_are_left_out(as_owner, owner, grid, study):
    measured(grid, "mean_saturation", rate)
    measured(grid, "g_gan", rate, label="Adversarial loss", role="objective_part", comparable_within="run")
    measured(grid, "own_loss", rate, label="Own loss", role="objective", comparable_within="objective")
    found = confounds_of(study)
    assert not {"g_gan", "own_loss"} & {row.loss.key for row in found.rows}
    assert found.unjudged[-1].startswith("Adversarial loss and Own loss are left out")


def test_under_one_objective_its_own_loss_has_an_order(owner, grid, study):
    measured(grid, "mean_saturation", rate)
    measured(grid, "own_loss", lambda c: abs(rate(c) - 0.1), role="objective", comparable_within="objective")
    Grid.objects.filter(pk=grid.pk).update(task="style_transfer")
    Scene.objects.filter(pk__in=grid.cells.values("scene")).update(task="style_transfer")
    # The task's objective does not know the rate, so all conditions minimised one loss.
    assert "own_loss" in {row.loss.key for row in confounds_of(study).rows}
    Condition.objects.filter(pk=grid.cells.first().condition_id).update(params={"lr": 0.01, "style_weight": 9.0})
    assert "own_loss" not in {row.loss.key for row in confounds_of(study).rows}


def test_weak_stylisation_is_named(as_owner, grid, study):
    factories.control(grid, "identity")
    style = Metric.objects.get(key="style_loss")
    for cell in grid.cells.filter(condition__method="identity"):
        Score.objects.create(render=cell.render, metric=style, value=4.0)
    measured(grid, "lpips_content", lambda c: 0.02 + rate(c), label="LPIPS to the photograph", role="independent")
    shown = page(as_owner, study)
    assert (
        "“lr 0.01”, “lr 0.03” and “lr 0.1” have hardly changed the photograph (LPIPS 0.03 to 0.12). “Which looks more "
        "natural?” may be answered as “which is less stylised?” here: add the question “Which better shows the style "
        "of this picture?”." in shown
    )
    first = confounds_of(study).strengths[0]
    losses = [s.value for s in Score.objects.filter(metric=style, render__condition__params__lr=0.01)]
    assert first.reduction == pytest.approx(sum(1 - value / 4 for value in losses if value is not None) / 2)
    study.questions.create(preset="style", position=1)
    assert "read the answers beside those to the question about the style" in page(as_owner, study)
    assert confounds_of(study).alarms == ()


def test_without_the_photograph_a_curve_tells_its_style_loss(grid, study):
    params = STYLE_TRANSFER.default_method.complete({"init": "content", "scales": 1})
    Condition.objects.filter(pk__in=grid.cells.values("condition")).update(params=params)
    style = Metric.objects.filter(key="style_loss")
    assert {s.reduction for s in confounds_of(study).strengths} == {None}
    style.update(config=features(params))
    curve = curve_bytes({"style": np.array([4.0, 1.0]), "total": np.array([4.0, 1.0]), "weights": np.array([1.0])})
    artifact = artifact_store(data=curve, kind=Artifact.Kind.CURVE)
    Render.objects.filter(cells__grid=grid).update(curve=artifact)
    losses = list(
        Score.objects.filter(metric__in=style, render__cells__position__in=(0, 5)).values_list("value", flat=True)
    )
    assert confounds_of(study).strengths[0].reduction == pytest.approx(1 - sum(losses) / 8)
    storages["masters"].delete(master_name(artifact.pk))
    assert {s.reduction for s in confounds_of(study).strengths} == {None}


def test_grids_without_a_style_picture_have_no_strength(owner):
    grid = factories.rendered_grid("colour", owner=owner, style=None, learning_rates=RATES)
    measured(grid, "lpips_content", lambda c: 0.01, role="independent")
    assert confounds_of(factories.study(owner=owner, grid=grid)).strengths == ()


# --- the page ---------------------------------------------------------------------------------------------------------


def test_problems_stand_first_and_alarms_are_there_all_the_same(as_owner, grid, study):
    measured(grid, "mean_saturation", rate)
    study.trials_per_session = 400
    study.save()
    shown = page(as_owner, study)
    assert "In the way of opening" in shown
    assert "One person would be shown 400 pairs" in shown
    assert "more saturated pictures here" in shown
    assert "What opening would fix" not in shown


def test_all_is_well(as_owner, owner, study, grid):
    orders = {0.01: 2, 0.03: 4, 0.1: 1, 0.3: 5, 1.0: 3}  # r = .3 with the rates
    for key in ("mean_luminance", "mean_saturation", "colourfulness", "sharpness", "noise_sigma"):
        measured(grid, key, lambda c: orders[rate(c)])
    measured(grid, "lpips_content", lambda c: 0.3 + orders[rate(c)] / 10, role="independent")
    shown = page(as_owner, study)
    assert "All is well: nothing stands in the way of opening, and nothing raises an alarm." in shown
    assert "Not judged" not in shown
    assert "Advice" not in shown
    assert "What opening would fix" in shown


def test_catch_pairs_are_shown_with_their_answer_and_nothing_is_published(as_owner, study):
    shown = page(as_owner, study)
    assert "The photograph itself beside the photograph in shuffled tiles: the first is the right answer." in shown
    assert (shown.count(">right<"), shown.count(">wrong<")) == (2, 2)
    assert not study.stimuli.exists()
    assert (study.state, study.audit.count()) == ("draft", 0)
    renders = Render.objects.count(), Artifact.objects.count()
    page(as_owner, study)
    assert (Render.objects.count(), Artifact.objects.count()) == renders


def test_advice_on_catch_pairs_and_repeats(as_owner, owner, grid):
    bare = page(as_owner, factories.study(owner=owner, grid=grid))
    assert "A session has no catch pairs" in bare
    assert "No pair is asked twice." in bare
    few = page(as_owner, factories.study("few", owner=owner, grid=grid, catch_trials=2, repeat_trials=1))
    assert "A session has only 2 catch pairs" in few
    assert "No pair is asked twice." not in few


def test_every_picture_of_the_page_can_be_looked_at(as_owner, study):
    sources = re.findall(r'<img src="(/admin/voting/study/[^"]+)"', page(as_owner, study))
    assert len(sources) == 8  # a pair of each of two scenes, and its catch pair
    for source in set(sources):
        response = as_owner.get(source)
        assert (response.status_code, response["Content-Type"]) == (200, "image/webp")


def test_pictures_of_others_are_not_found(as_owner, owner, stranger, study):
    other = factories.rendered_grid("theirs", owner=stranger, contents=("dog",), style=None)
    shas = [other.cells.first().render.image_id, study.grids.get().cells.first().scene.content_id, "no-such"]
    for sha in shas:  # a grid that is not the study's, a source with more than pixels, nonsense
        assert as_owner.get(reverse("admin:voting_study_check_picture", args=[study.pk, sha])).status_code == 404


def test_members_look_and_strangers_find_nothing(owner, colleague, stranger, study):
    assert page(factories.signed_in(stranger), study, 404)
    sha = study.grids.get().cells.first().render.image_id
    address = reverse("admin:voting_study_check_picture", args=[study.pk, sha])
    assert factories.signed_in(stranger).get(address).status_code == 404
    assert Client().get(address).status_code == 302
    for role in ("viewer", "analyst", "editor", "owner"):
        study.memberships.update_or_create(user=colleague, defaults={"role": role})
        shown = page(factories.signed_in(colleague), study)
        assert ("What opening would fix" in shown) == (role in ("editor", "owner"))
        assert factories.signed_in(colleague).get(address).status_code == 200


def test_an_open_study_shows_the_check_without_a_vote(as_owner, owner, grid):
    measured(grid, "mean_saturation", rate)
    study = factories.study(owner=owner, grid=grid, state="open", catch_trials=3)
    before = page(as_owner, study)
    factories.finished(study)
    assert re.sub(r"csrf[^>]*>", "", page(as_owner, study)) == re.sub(r"csrf[^>]*>", "", before)
    assert "What opening would fix" not in before


def test_the_page_that_opens_has_the_alarms_in_short(as_owner, grid, study):
    address = reverse("admin:voting_study_transition", args=[study.pk]) + "?to=open"
    assert "Not judged: what that takes is not measured." in as_owner.get(address).content.decode()
    for key in ("mean_saturation", "mean_luminance", "sharpness"):
        measured(grid, key, rate)
    shown = as_owner.get(address).content.decode()
    assert shown.count("will seem to prefer low") == 2
    assert "alarms in all, on the check page" in shown
    assert reverse("admin:voting_study_check", args=[study.pk]) in shown


@pytest.mark.parametrize("more", ["conditions", "scenes"])
def test_more_pictures_take_no_more_queries(as_owner, owner, more):
    counts = []
    for size in (4, 8):
        rates = [round(0.01 * 2**n, 3) for n in range(size if more == "conditions" else 4)]
        names = [f"{size}-{n}" for n in range(size if more == "scenes" else 2)]
        grid = factories.rendered_grid(f"of-{size}", owner=owner, contents=names, learning_rates=rates)
        measured(grid, "mean_saturation", rate)
        study = factories.study(f"of-{size}", owner=owner, grid=grid, catch_trials=3)
        page(as_owner, study)  # the photographs are made once
        with CaptureQueriesContext(connection) as queries:
            page(as_owner, study)
        counts.append(len(queries))
    assert counts[0] == counts[1]
