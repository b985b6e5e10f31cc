"""Grids in the admin: written, launched, watched, tried again and measured, each by their owner and nobody else."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Value
from django.db.models.functions import Concat
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from generation.core.spec import ConditionSpec, RenderSpec, digest
from generation.models import Cell, Condition, Grid, GridCondition, Job, Metric, Render, Scene, Score, Worker
from generation.selectors import grid_progress
from generation.services import grid_lay, grid_layout, source_add
from generation.services.drafts import grid_draft
from generation.services.work import work
from tests import factories
from tests.generation import gamma_task
from tests.generation.gamma_task import picture

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/generation/grid/add/", "/admin/generation/grid/"
TOML = gamma_task.TOML.replace(".png", "")


@pytest.fixture(autouse=True)
def _gamma() -> Iterator[None]:
    with gamma_task.registered():
        yield


@pytest.fixture
def library(owner: User) -> None:
    """The two pictures that TOML names."""
    for name, data in gamma_task.FILES.items():
        source_add(owner=owner, data=data, name=name.removesuffix(".png"), title=name)


def page(name: str, grid: Grid) -> str:
    return reverse(f"admin:generation_grid_{name}", args=[grid.pk])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def laid(owner: User, *, gammas: str = "[0.5, 1.0, 2.0]", slug: str = "gamma") -> Grid:
    """The grid of the gamma task, laid and not rendered."""
    text = gamma_task.TOML.replace("[0.5, 1.0, 2.0]", gammas).replace('slug = "gamma"', f'slug = "{slug}"')
    return grid_lay(owner=owner, layout=grid_layout(text=text, read=gamma_task.read))


# --- written and launched ---------------------------------------------------------------------------------------------


def test_from_an_empty_page_to_a_rendered_grid(as_owner: Client, owner: User, library: None) -> None:
    html = as_owner.get(ADD).content.decode()
    assert "Learning rate and naturalness" in html
    assert 'data-source="one"' in html
    draft = as_owner.post(ADD, {"toml": TOML, "_save": "1"}, follow=True)
    grid = Grid.objects.get()
    html = draft.content.decode()
    assert "2 scenes × 4 conditions × 1 seed = at most 8 pictures." in html
    assert "to mend" not in html
    assert not Job.objects.exists()
    asked = as_owner.post(page("change", grid), {"toml": TOML, "_launch": "1"}, follow=True).content.decode()
    assert "2 scenes × 4 conditions" in asked
    assert "No rendering worker is running" in asked
    assert not Job.objects.exists()  # asked, not done
    html = as_owner.post(page("launch", grid), {"sure": "yes"}, follow=True).content.decode()
    assert "is launched" in html
    assert "0 of 8 rendered" in html
    assert "manage.py render --worker" in html
    work(engine="serial")
    html = as_owner.get(page("change", grid)).content.decode()
    assert "8 of 8 rendered" in html
    assert "manage.py render --worker" not in html
    for cell in grid.cells.select_related("render"):
        assert reverse("generation:thumbnail", args=["gamma", cell.render.image_id]) in html
    assert reverse("generation:report", args=["gamma"]) in html


def test_a_text_with_problems_is_kept_and_not_launched(as_owner: Client, library: None) -> None:
    text = (
        TOML.replace("size = 64", "size = 1").replace('"one", "two"', '"one", "tow"') + "\n# <script>alert(1)</script>"
    )
    html = as_owner.post(ADD, {"toml": text, "_launch": "1"}, follow=True).content.decode()
    grid = Grid.objects.get()
    assert grid.toml == text.replace("\r\n", "\n")
    assert "2 things to mend" in html
    assert "&#x27;tow&#x27; is not among the sources" in html
    assert "size = 1 is below the smallest value" in html
    assert "<script>alert" not in html
    assert as_owner.post(page("launch", grid), {"sure": "yes"}, follow=True).status_code == 200
    assert not Grid.objects.get().frozen


def test_what_cannot_even_be_kept_stands_in_the_page_again(as_owner: Client) -> None:
    html = as_owner.post(ADD, {"toml": "word " * 50_000}).content.decode()
    assert "at most 200000 are kept" in html
    assert html.count("word ") >= 50_000
    assert not Grid.objects.exists()


@pytest.mark.parametrize("start", ["style", "colour", "empty"])
def test_examples_and_copies_fill_the_page(as_owner: Client, owner: User, start: str) -> None:
    assert "[grid]" in as_owner.get(ADD, {"start": start}).content.decode()
    assert as_owner.get(ADD, {"start": "nothing"}).status_code == 404
    grid = laid(owner)
    assert "slug = &quot;gamma-2&quot;" in as_owner.get(ADD, {"copy": grid.pk}).content.decode()
    theirs = laid(factories.user("stranger"), slug="theirs")
    assert as_owner.get(ADD, {"copy": theirs.pk}).status_code == 404


def test_a_draft_is_deleted_and_a_launched_grid_is_not(as_owner: Client, owner: User) -> None:
    draft, grid = grid_draft(owner=owner, text="x = 1"), laid(owner)
    assert "Its text is lost" in as_owner.get(page("delete", draft)).content.decode()
    as_owner.post(page("delete", draft))
    html = as_owner.post(page("delete", grid), follow=True).content.decode()
    assert "Only drafts are deleted" in html
    assert list(Grid.objects.all()) == [grid]


def test_drafts_are_offered_to_no_study_and_have_no_pages_of_pictures(as_owner: Client, owner: User) -> None:
    draft = grid_draft(owner=owner, text=TOML)
    assert f'<option value="{draft.pk}"' not in as_owner.get("/admin/voting/study/add/").content.decode()
    for name in ("grid", "report"):
        assert as_owner.get(reverse(f"generation:{name}", args=[draft.slug])).status_code == 404
    assert as_owner.get("/admin/").status_code == 200
    assert "draft" in as_owner.get(LIST).content.decode()


# --- watched ----------------------------------------------------------------------------------------------------------


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
    client = signed_in(stranger)
    for one in (grid, draft):
        for name in ("change", "delete", "launch", "measure", "progress", "history"):
            assert client.get(page(name, one)).status_code == 404, name
        for name in ("change", "delete", "launch", "measure", "retry"):
            assert client.post(page(name, one), {"toml": "mine", "sure": "yes"}).status_code == 404, name
    assert str(grid.title) not in client.get(LIST).content.decode()
    assert Grid.objects.get(pk=draft.pk).toml == draft.toml
    assert Client().get(page("progress", grid)).status_code == 302  # to the sign-in
    root = signed_in(factories.user("root", superuser=True))
    assert root.get(page("change", grid)).status_code == root.get(page("change", draft)).status_code == 200


def test_rows_of_the_queue_are_those_of_ones_own_grids(owner: User, stranger: User) -> None:
    mine, theirs = laid(owner), laid(stranger, slug="theirs", gammas="[0.25, 4.0]")
    work(engine="serial")
    client = signed_in(owner)
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
    nobody = signed_in(factories.user("nobody"))
    for model in ("render", "job", "metric", "training", "sourceimage", "grid"):
        html = nobody.get(reverse(f"admin:generation_{model}_changelist")).content.decode()
        assert "\n0 " in html


def test_what_somebody_else_calls_a_shared_picture_is_theirs(owner: User, stranger: User) -> None:
    theirs, mine = laid(stranger, slug="theirs"), laid(owner)  # the same renders
    theirs.conditions.update(label=Concat(Value("their words "), "position"))
    assert not set(mine.cells.values_list("render", flat=True)) - set(theirs.cells.values_list("render", flat=True))
    listing = reverse("admin:generation_render_changelist")
    html = signed_in(owner).get(listing).content.decode()
    assert "gamma 0.5" in html
    assert "their words" not in html
    assert "their words" in signed_in(stranger).get(listing).content.decode()


def test_a_metric_says_how_many_numbers_there_are_and_why_not_more(as_owner: Client, owner: User) -> None:
    laid(owner)
    work(engine="serial")
    html = as_owner.get(reverse("admin:generation_metric_changelist")).content.decode()
    assert "The file of this metric is missing." in html
    absent = Metric.objects.get(key="absent")
    html = as_owner.get(reverse("admin:generation_metric_change", args=[absent.pk])).content.decode()
    assert "0 with a number" in html
    assert "8 unavailable: The file of this metric is missing." in html


# --- fast -------------------------------------------------------------------------------------------------------------


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


# --- brought from elsewhere -------------------------------------------------------------------------------------------


def archive(**pictures: bytes) -> SimpleUploadedFile:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        for name, data in pictures.items():
            out.writestr(f"own/{name.replace('__', '/')}.png", data)
    return SimpleUploadedFile("own.zip", made.getvalue())


FOLDER = {f"{s}__{c}": picture(10 * i + j) for i, s in enumerate("ab") for j, c in enumerate(("fast", "slow"))}
PHOTOGRAPHS = {f"{s}__photograph": picture(100 + i) for i, s in enumerate("ab")}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_folder_without_a_table_is_measured_here(as_owner: Client, zipped: bool) -> None:
    named = {**FOLDER, **PHOTOGRAPHS}
    loose = [SimpleUploadedFile(f"{name}.png", data) for name, data in named.items()]
    files = [archive(**named)] if zipped else loose
    sent = {"title": "My own folder", "pictures": files}
    answer = as_owner.post(reverse("admin:generation_grid_import"), sent, follow=True)
    grid = Grid.objects.get(slug="my-own-folder")
    assert answer.redirect_chain[-1][0] == page("measure", grid)
    assert sorted(grid.conditions.values_list("label", flat=True)) == ["fast", "slow"]
    assert sorted(grid.cells.values_list("scene__label", "condition__params__condition")) == [
        ("a", "fast"), ("a", "slow"), ("b", "fast"), ("b", "slow"),
    ]  # fmt: skip
    assert not grid.cells.filter(scene__content=None).exists()
    assert "have no numbers yet" in as_owner.get(page("change", grid)).content.decode()
    assert as_owner.get(reverse("generation:report", args=[grid.slug])).status_code == 200
    untold = as_owner.post(page("measure", grid), {"metrics": ["ssim_content"]})
    assert "This field is required" in untold.content.decode()
    other = as_owner.post(page("measure", grid), {"metrics": ["sharpness"], "primary": "ssim_content"})
    assert "Tick this metric above too" in other.content.decode()
    assert not Job.objects.exists()
    chosen = {"metrics": ["ssim_content", "sharpness"], "primary": "ssim_content"}
    html = as_owner.post(page("measure", grid), chosen, follow=True).content.decode()
    assert "queued to measure" in html
    work(engine="serial")
    scores = Score.objects.filter(render__cells__grid=grid)
    assert sorted(scores.values_list("metric__key", "status")) == 4 * [("sharpness", "ok")] + 4 * [
        ("ssim_content", "ok")
    ]
    assert not scores.filter(metric__key="ssim_content", value__gt=0.999).exists()  # never to itself
    assert grid.metrics.get(is_primary=True).metric.key == "ssim_content"
    assert "primary" not in as_owner.get(page("measure", grid)).context["form"].fields  # chosen once


def test_without_photographs_likeness_is_not_offered(as_owner: Client) -> None:
    as_owner.post(reverse("admin:generation_grid_import"), {"title": "No photo", "pictures": [archive(**FOLDER)]})
    grid = Grid.objects.get()
    html = as_owner.get(page("measure", grid)).content.decode()
    assert "None of these can be put to the test" in html
    assert 'value="ssim_content"' not in html
    assert 'value="sharpness"' in html


def test_a_picture_is_never_its_own_photograph(as_owner: Client) -> None:
    named = {**FOLDER, "a__photograph": PHOTOGRAPHS["a__photograph"]}  # the scene b has none
    as_owner.post(reverse("admin:generation_grid_import"), {"title": "Half", "pictures": [archive(**named)]})
    grid = Grid.objects.get()
    as_owner.post(page("measure", grid), {"metrics": ["ssim_content"], "primary": "ssim_content"})
    work(engine="serial")
    scores = Score.objects.filter(render__cells__grid=grid).order_by("render__scene__label")
    assert [(s.render.scene.label, s.status) for s in scores] == [
        ("a", "ok"), ("a", "ok"), ("b", "unavailable"), ("b", "unavailable"),
    ]  # fmt: skip
    assert "has no content picture" in scores[2].reason


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("cat.png", picture())], "does not say its scene"),
        ([("a__fast.png", picture())], "nothing to compare"),
        ([("a__fast.png", picture()), ("a__slow.png", b"no")], "is not a PNG"),
        ([("a__x.png", picture(1)), ("a__y.png", picture(2)), ("b__photograph.png", picture(3))], "no other picture"),
        (
            [("a__x.png", picture(1)), ("a__x.jpg", picture(2)), ("a__y.png", picture(3))],
            "the same scene and condition",
        ),
        ([("a__x.png", picture(1)), ("words.txt", b"hello")], "not called a picture"),
    ],
)
def test_a_folder_that_is_no_grid_is_refused_whole(
    as_owner: Client, files: list[tuple[str, bytes]], words: str
) -> None:
    sent = {"title": "Bad", "pictures": [SimpleUploadedFile(name, data) for name, data in files]}
    html = as_owner.post(reverse("admin:generation_grid_import"), sent).content.decode()
    assert words in html
    assert "Nothing was stored" in html
    assert not Grid.objects.exists()
    assert not Render.objects.exists()


def test_the_questions_about_a_metric_are_asked_of_metrics_only(as_owner: Client, stranger: User) -> None:
    table = b"file,scene,condition,steps,lpips\na.png,S,fast,10,0.3\nb.png,S,slow,20,0.1\n"
    sent: dict[str, Any] = {"title": "With a table", "table": SimpleUploadedFile("scores.csv", table)}
    sent["pictures"] = [SimpleUploadedFile(f"{n}.png", picture(i)) for i, n in enumerate("ab")]
    asked = as_owner.post(reverse("admin:generation_grid_import"), sent, follow=True)
    address = asked.request["PATH_INFO"]
    assert "which is better" not in asked.content.decode()
    kinds = {"kind_0": "parameter", "kind_1": "metric"}
    html = as_owner.post(address, kinds).content.decode()
    assert "“lpips”: which is better?" in html
    assert "“steps”: which is better?" not in html
    assert "Please mend" not in html  # it was not asked before
    assert '<option value="metric" selected>' in html
    empty = kinds | {"direction_1": "", "scope_1": "", "primary": ""}
    assert "This field is required" in as_owner.post(address, empty).content.decode()
    assert signed_in(stranger).get(address).status_code == 404
    full = kinds | {"direction_1": "lower_better", "scope_1": "all", "primary": "lpips"}
    assert as_owner.post(address, full).status_code == 302
    grid = Grid.objects.get()
    assert grid.metrics.get().is_primary
    assert grid.conditions.first().condition.params["steps"] == 10.0  # type: ignore[union-attr]
    assert as_owner.get(address).status_code == 404


def test_a_table_of_parameters_alone_is_fine(as_owner: Client) -> None:
    table = b"file,scene,condition,steps\na.png,S,fast,10\nb.png,S,slow,20\n"
    sent: dict[str, Any] = {"title": "Only parameters", "table": SimpleUploadedFile("scores.csv", table)}
    sent["pictures"] = [SimpleUploadedFile(f"{n}.png", picture(i)) for i, n in enumerate("ab")]
    asked = as_owner.post(reverse("admin:generation_grid_import"), sent, follow=True)
    done = as_owner.post(asked.request["PATH_INFO"], {"kind_0": "parameter"}, follow=True)
    assert "2 pictures imported" in done.content.decode()
    assert not Grid.objects.get().metrics.exists()


# --- two tabs ---------------------------------------------------------------------------------------------------------


def hidden(html: str) -> str:
    """The digest that the editor's form carries."""
    return html.split('name="shown" value="')[1].split('"')[0]


def test_a_stale_tab_overwrites_no_other_text_unasked(as_owner: Client, owner: User, library: None) -> None:
    draft = grid_draft(owner=owner, text=TOML)
    opened = hidden(as_owner.get(page("change", draft)).content.decode())
    first, second = TOML + "\n# of the one tab <b>", TOML + "\n# of the other tab"
    as_owner.post(page("change", draft), {"toml": first, "shown": opened})
    answer = as_owner.post(page("change", draft), {"toml": second, "shown": opened})
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "was changed elsewhere" in html
    assert "# of the one tab &lt;b&gt;" in html  # what is stored
    assert "# of the other tab" in html  # what was typed
    draft.refresh_from_db()
    assert draft.toml == first
    # Once it was seen, the same button replaces it; and who typed the same text disturbs nobody.
    assert as_owner.post(page("change", draft), {"toml": second, "shown": hidden(html)}).status_code == 302
    assert as_owner.post(page("change", draft), {"toml": second, "shown": opened}).status_code == 302
    draft.refresh_from_db()
    assert draft.toml == second


def test_what_was_typed_in_a_draft_that_is_launched_meanwhile_is_not_lost(
    as_owner: Client, owner: User, library: None
) -> None:
    draft = grid_draft(owner=owner, text=TOML)
    opened = hidden(as_owner.get(page("change", draft)).content.decode())
    as_owner.post(page("launch", draft), {"sure": "yes"})
    typed = TOML + "\n# an afterthought"
    answer = as_owner.post(page("change", draft), {"toml": typed, "shown": opened, "_save": "1"})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "is launched meanwhile" in html
    assert "# an afterthought" in html
    draft.refresh_from_db()
    assert draft.toml == TOML
    assert f'action="{ADD}"' in html  # the button now keeps it as a new draft
    as_owner.post(ADD, {"toml": typed, "_save": "1"})
    assert Grid.objects.get(frozen=False).toml == typed


def test_a_character_that_no_text_has_is_named(as_owner: Client) -> None:
    html = as_owner.post(ADD, {"toml": "a\0"}).content.decode()
    assert "holds a NUL" in html
    assert "characters" not in html.split('class="errornote"')[1].split("</p>")[0]
