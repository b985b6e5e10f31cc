"""Launched grids in the admin: watched and tried again, each by their owner; lists are of one's own rows, and quick."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Value
from django.db.models.functions import Concat
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.core.spec import ConditionSpec, RenderSpec, digest
from generation.models import Cell, Condition, Grid, GridCondition, Job, Metric, Render, Scene, Score, Worker
from generation.selectors import grid_progress
from generation.services.drafts import grid_draft
from generation.services.work import work
from tests import factories
from tests.generation.conftest import TOML, laid, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gamma_registered")]
LIST = "/admin/generation/grid/"


def test_the_state_is_told_to_the_script(as_owner: Client, owner: User) -> None:
    grid = laid(owner)
    told = as_owner.get(page("progress", grid)).json()
    assert (told["total"], told["done"], told["finished"]) == (8, 0, False)
    assert "No rendering worker" in told["worker"]
    Worker.objects.create(holder="elsewhere:1", seen_at=timezone.now())
    assert as_owner.get(page("progress", grid)).json()["worker"] == ""
    work(engine="serial")
    told = as_owner.get(page("progress", grid)).json()
    assert (told["done"], told["finished"], told["running"]) == (8, True, [])


def test_failed_cells_are_a_table_and_are_tried_again(as_owner: Client, owner: User) -> None:
    grid = laid(owner, gammas="[0.5, 9.0]")
    work(engine="serial")
    html = as_owner.get(page("change", grid)).content.decode()
    assert html.count("<td>The gamma 9 always fails here.</td>") == 2
    assert "<td>gamma 9</td>" in html
    assert "Make a study of it" in html  # there are pictures all the same
    assert as_owner.get(page("retry", grid)).status_code == 405
    html = as_owner.post(page("retry", grid), follow=True).content.decode()
    assert "2 failed pictures are tried again" in html
    assert grid_progress(grid).failed == 0
    assert Job.objects.filter(status="queued").exists()


def test_no_study_is_offered_of_a_grid_without_a_picture(as_owner: Client, owner: User) -> None:
    grid = laid(owner, gammas="[9.0]")
    grid.cells.filter(condition__role="control").delete()
    work(engine="serial")
    html = as_owner.get(page("change", grid)).content.decode()
    assert "2 failed" in html
    assert "Make a study of it" not in html


def test_the_owner_is_named_without_a_link_that_is_refused(as_owner: Client, owner: User) -> None:
    html = as_owner.get(page("change", laid(owner))).content.decode()
    assert "/admin/auth/user/" not in html
    assert f'<div class="readonly">{owner}</div>' in html


def test_nobody_else_finds_any_page_of_a_grid(owner: User, stranger: User) -> None:
    grid, draft = laid(owner), grid_draft(owner=owner, text=TOML.replace('slug = "gamma"', 'slug = "other"'))
    client = factories.signed_in(stranger)
    for one in (grid, draft):
        for name in ("change", "delete", "launch", "measure", "progress", "history"):
            assert client.get(page(name, one)).status_code == 404, name
        for name in ("change", "delete", "launch", "measure", "retry"):
            assert client.post(page(name, one), {"toml": "mine", "sure": "yes"}).status_code == 404, name
    assert str(grid.title) not in client.get(LIST).content.decode()
    assert Grid.objects.get(pk=draft.pk).toml == draft.toml
    assert Client().get(page("progress", grid)).status_code == 302  # to the sign-in
    root = factories.signed_in(factories.user("root", superuser=True))
    assert root.get(page("change", grid)).status_code == root.get(page("change", draft)).status_code == 200


def test_rows_of_the_queue_are_those_of_ones_own_grids(owner: User, stranger: User) -> None:
    mine, theirs = laid(owner), laid(stranger, slug="theirs", gammas="[0.25, 4.0]")
    work(engine="serial")
    client = factories.signed_in(owner)
    own = Render.objects.filter(cells__grid=mine)
    others = Render.objects.filter(cells__grid=theirs).exclude(pk__in=own)
    for model, ours, foreign in (
        ("render", own[0].pk, others[0].pk),
        ("job", own[0].job_id, others[0].job_id),
        ("metric", Metric.objects.first().pk, None),  # type: ignore[union-attr]
    ):
        assert client.get(reverse(f"admin:generation_{model}_changelist")).status_code == 200
        assert client.get(reverse(f"admin:generation_{model}_change", args=[ours])).status_code == 200
        if foreign:
            assert client.get(reverse(f"admin:generation_{model}_change", args=[foreign])).status_code == 404
        assert client.get(reverse(f"admin:generation_{model}_add")).status_code == 403
    html = client.get(reverse("admin:generation_render_changelist")).content.decode()
    assert "gamma 0.5" in html
    assert "gamma 0.25" not in html
    assert f"{own.count()} renders" in html
    nobody = factories.signed_in(factories.user("nobody"))
    for model in ("render", "job", "metric", "training", "sourceimage", "grid"):
        html = nobody.get(reverse(f"admin:generation_{model}_changelist")).content.decode()
        assert "\n0 " in html


def test_what_somebody_else_calls_a_shared_picture_is_theirs(owner: User, stranger: User) -> None:
    theirs, mine = laid(stranger, slug="theirs"), laid(owner)  # the same renders
    theirs.conditions.update(label=Concat(Value("their words "), "position"))
    assert not set(mine.cells.values_list("render", flat=True)) - set(theirs.cells.values_list("render", flat=True))
    listing = reverse("admin:generation_render_changelist")
    html = factories.signed_in(owner).get(listing).content.decode()
    assert "gamma 0.5" in html
    assert "their words" not in html
    assert "their words" in factories.signed_in(stranger).get(listing).content.decode()


def test_a_metric_says_how_many_numbers_there_are_and_why_not_more(as_owner: Client, owner: User) -> None:
    laid(owner)
    work(engine="serial")
    html = as_owner.get(reverse("admin:generation_metric_changelist")).content.decode()
    assert "The file of this metric is missing." in html
    absent = Metric.objects.get(key="absent")
    html = as_owner.get(reverse("admin:generation_metric_change", args=[absent.pk])).content.decode()
    assert "0 with a number" in html
    assert "8 unavailable: The file of this metric is missing." in html


def many(owner: User, *, conditions: int) -> Grid:
    """A grid of one scene and many conditions, each with a job and a score, by rows alone."""
    grid = Grid.objects.create(owner=owner, slug="many", title="Many", task="gamma", toml=TOML, frozen=True)
    scene = Scene.objects.create(digest=digest("many"), task="gamma", label="Scene")
    metric = Metric.objects.create(digest=digest("m"), key="m", label="M", direction="lower_better", role="objective")
    specs = [ConditionSpec("gamma", {"gamma": float(n)}) for n in range(conditions)]
    rows = Condition.objects.bulk_create(
        [Condition(digest=s.digest, method=s.method, params=dict(s.params)) for s in specs]
    )
    jobs = Job.objects.bulk_create([Job(digest=digest(["job", n]), task="gamma", spec={}) for n in range(conditions)])
    renders = Render.objects.bulk_create(
        [
            Render(
                digest=digest(["render", n]),
                scene=scene,
                condition=row,
                job=job,
                spec=RenderSpec("gamma", "gamma", "", None, {}, 0).to_json(),
            )
            for n, (row, job) in enumerate(zip(rows, jobs, strict=True))
        ]
    )
    GridCondition.objects.bulk_create(
        [GridCondition(grid=grid, condition=row, position=n, label=f"c{n}") for n, row in enumerate(rows)]
    )
    Cell.objects.bulk_create(
        [
            Cell(grid=grid, scene=scene, condition=row, render=render, position=n)
            for n, (row, render) in enumerate(zip(rows, renders, strict=True))
        ]
    )
    Score.objects.bulk_create([Score(render=render, metric=metric, value=1.0) for render in renders])
    grid.metrics.create(metric=metric)
    return grid


@pytest.mark.parametrize("model", ["grid", "job", "render", "metric"])
def test_lists_ask_the_database_a_few_times_whatever_is_in_them(
    owner: User, as_owner: Client, model: str, django_assert_max_num_queries: Any
) -> None:
    many(owner, conditions=120)
    for number in range(20):
        grid_draft(owner=owner, text=f'[grid]\ntitle = "Draft {number}"')
    with django_assert_max_num_queries(9):
        html = as_owner.get(reverse(f"admin:generation_{model}_changelist")).content.decode()
    assert {"grid": "Many", "job": "1 pictures of Scene", "render": "c119", "metric": "M"}[model] in html
