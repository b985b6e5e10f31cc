"""Grids written in a page: kept whatever is wrong with them, told everything at once, launched into the same row."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from generation.core import weights
from generation.core.grid import GridError
from generation.core.grid.problems import problems
from generation.models import Grid, Job, SourceImage, Worker
from generation.selectors import grid_progress
from generation.services import source_add
from generation.services.drafts import (
    STARTS,
    draft_copy,
    draft_estimate,
    draft_file,
    draft_layout,
    draft_problems,
    draft_start,
    grid_draft,
    grid_launch,
    grid_retry,
)
from generation.services.library import photographs_folder
from generation.services.queue import holder_name
from generation.services.work import work
from generation.services.workers import somebody_works
from tests.generation import gamma_task
from tests.generation.conftest import TOML

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gamma_registered")]


@pytest.fixture
def draft(owner: User, library: None) -> Grid:
    """A draft with nothing wrong."""
    return grid_draft(owner=owner, text=TOML)


def test_a_draft_is_a_row_without_cells(draft: Grid) -> None:
    assert (draft.frozen, draft.digest, draft.slug, draft.title) == (False, "", "gamma", "Gamma and naturalness")
    assert draft.toml == TOML
    assert not draft.cells.exists()
    assert draft_problems(draft) == []
    file = draft_file(draft)
    assert file is not None
    assert file.renders == 8


def test_a_launch_fills_the_same_row_and_a_worker_renders_it(draft: Grid, owner: User) -> None:
    laid = grid_launch(grid=draft, by=owner)
    assert laid.pk == draft.pk
    assert (laid.frozen, laid.toml, laid.cells.count(), len(laid.digest)) == (True, TOML, 8, 64)
    assert work(engine="serial") == Job.objects.count() > 0
    assert grid_progress(laid).words == "8 of 8 rendered"
    # The pictures of the library are those that are there: none is brought in twice.
    assert SourceImage.objects.count() == 2


def test_a_launched_grid_is_no_draft_any_more(draft: Grid, owner: User) -> None:
    grid_launch(grid=draft, by=owner)
    with pytest.raises(GridError, match="launched and its design is frozen"):
        grid_draft(owner=owner, text="x", grid=draft)
    with pytest.raises(GridError, match="launched and its design is frozen"):
        grid_launch(grid=draft, by=owner)
    assert Grid.objects.get().toml == TOML


def test_everything_wrong_is_told_at_once_with_its_line(owner: User, library: None) -> None:
    text = TOML.replace("size = 64", "size = 1\nsise = 64").replace("gamma = [0.5, 1.0, 2.0]", "gamma = [0.5, 99]")
    text = text.replace("photograph = true", 'photograph = "yes"').replace('slug = "gamma"', 'slug = "Gamma!"')
    draft = grid_draft(owner=owner, text=text)
    assert draft.toml == text
    told = draft_problems(draft)
    assert len(told) == 5
    lines = text.splitlines()
    for word, sentence in zip(("slug", "size", "sise", "gamma", "photograph"), told, strict=True):
        found = re.match(r"Line (\d+): ", sentence)
        assert found, sentence
        assert lines[int(found[1]) - 1].startswith(f"{word} =")
    with pytest.raises(GridError, match="sise is not a parameter"):
        grid_launch(grid=draft, by=owner)
    assert not Job.objects.exists()


def test_one_mistake_hides_no_other(owner: User, library: None) -> None:
    text = TOML.replace("gamma = [0.5, 1.0, 2.0]", 'gamma = [0.5, "x", -4, 0.5]')
    text += '\n[sources.three]\nfile = "no"\ntitle = "Three"\nlicence = "CC0"\ncredit = "me"\n'
    told = " ".join(draft_problems(grid_draft(owner=owner, text=text)))
    for words in ("gamma = 'x'", "gamma = -4", "gamma = 0.5 stands there twice", "file = 'no': there is no such"):
        assert words in told, words
    Grid.objects.all().delete()
    many = TOML.replace("gamma = [0.5, 1.0, 2.0]", f"gamma = [{', '.join(map(str, range(-500, 0)))}]")
    assert len(draft_problems(grid_draft(owner=owner, text=many))) == 10


@pytest.mark.parametrize("download", ["0", "1"])
def test_a_network_that_cannot_be_had_is_told_by_the_check(
    owner: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, download: str
) -> None:
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", download)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("EYEBALLOT_WEIGHTS", raising=False)
    monkeypatch.setattr(weights, "download", lambda network: pytest.fail(f"{network} is fetched by a check"))
    auto = draft_start("style")
    assert draft_problems(grid_draft(owner=owner, text=auto)) == []  # random filters are always there
    draft = grid_draft(owner=owner, text=draft_start("style").replace('backbone = "auto"', 'backbone = "vgg19"'))
    told = draft_problems(draft)
    if download == "1":
        assert told == []  # whether it can be fetched, the launch sees
        return
    assert len(told) == 1
    assert told[0].startswith("No weights file for vgg19 was found")
    with pytest.raises(GridError, match="No weights file for vgg19"):
        grid_launch(grid=draft, by=owner)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[grid", "not valid TOML"),
        ("a = 1", "no \\[grid\\] table"),
        ('[grid]\ntask = "imported"', "have no grid file"),
        ("[grid]\ntask = 3\ntitle = []\npreset = {}", "task is missing"),
        ('[grid]\ntask = "gamma"\nmethod = []\n[scenes]\ncontent = [{}, []]', "method = "),
        ('[grid]\ntask = "gamma"\npreset = []', "preset = "),
        ('conditions = 3\nscenes = 4\nsources = 5\ncontrols = 6\nparameters = 7\n[grid]\ntask = "gamma"', "conditions"),
        ('grid = 3\nsources = "x"', "grid must be a table"),
        ("a = " + "9" * 5000, "more than 18 digits"),
        ("[grid]\nslug = 0x" + "f" * 5000, "more than 18 digits"),
        ("[parameters]\nsize = " + "9" * 400, "more than 18 digits"),
        ("a = " + "[" * 50_000, "deeper than 20 levels"),
        ("a." * 3000 + "b = 1", "deeper than 20 levels"),
    ],
)
def test_no_text_is_too_odd_to_keep(owner: User, text: str, words: str) -> None:
    draft = grid_draft(owner=owner, text=text)
    assert draft.toml == text
    assert re.search(words, " ".join(draft_problems(draft)))


@pytest.mark.parametrize("text", [" \n", "x" * 200_001, "a\0b"])
def test_no_text_and_too_much_are_refused(owner: User, text: str) -> None:
    with pytest.raises(GridError):
        grid_draft(owner=owner, text=text)
    assert not Grid.objects.exists()


def test_a_taken_slug_is_said_and_the_text_is_kept(draft: Grid, owner: User) -> None:
    second = grid_draft(owner=owner, text=TOML)
    assert second.slug.startswith("draft-")
    assert second.toml == TOML
    (sentence,) = draft_problems(second)
    assert "another grid is called so already" in sentence
    with pytest.raises(GridError, match="called so already"):
        grid_launch(grid=second, by=owner)
    changed = grid_draft(owner=owner, text=TOML.replace('slug = "gamma"', 'slug = "gamma-2"'), grid=second)
    assert (changed.pk, changed.slug) == (second.pk, "gamma-2")
    assert grid_launch(grid=changed, by=owner).cells.count() == 8


@pytest.fixture
def grid_file(tmp_path: Path) -> Path:
    for name, data in gamma_task.FILES.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "grid.toml").write_text(gamma_task.TOML)
    return tmp_path / "grid.toml"


def test_the_command_does_not_take_another_draft_for_its_grid(draft: Grid, grid_file: Path) -> None:
    with pytest.raises(CommandError, match="belongs to a draft"):
        call_command("render", str(grid_file), engine="serial")
    assert Grid.objects.get().toml == TOML


def test_the_command_launches_the_draft_that_says_the_same(owner: User, stranger: User, grid_file: Path) -> None:
    """An imported study leaves its grid so."""
    draft = grid_draft(owner=owner, text=gamma_task.TOML)
    with pytest.raises(CommandError, match="another researcher"):
        call_command("render", str(grid_file), engine="serial", owner=stranger.get_username())
    assert not Grid.objects.get().frozen
    call_command("render", str(grid_file), engine="serial", owner=owner.get_username())
    assert Grid.objects.get().pk == draft.pk
    assert grid_progress(Grid.objects.get()).waiting == 0


def test_pictures_are_found_by_name_and_sha_and_nowhere_else(owner: User, stranger: User) -> None:
    source_add(owner=stranger, data=gamma_task.FILES["one.png"], name="one", title="Theirs")
    text = TOML.replace('content = ["one", "two"]', 'content = ["one"]').replace('[sources.two]\nfile = "two"', "")
    text = text.replace('title = "Second"\n', "")
    draft = grid_draft(owner=owner, text=text)
    (sentence,) = draft_problems(draft)
    assert "no such picture in your library" in sentence
    for path in ("/etc/passwd", "../../../../../../etc/passwd", "../sources/../../manage.py"):
        draft = grid_draft(owner=owner, text=text.replace('file = "one"', f'file = "{path}"'), grid=draft)
        assert "no such picture" in draft_problems(draft)[0]
    mine = source_add(owner=owner, data=gamma_task.FILES["one.png"], name="something-else", title="Mine")
    pinned = text.replace('file = "one"', f'file = "x.png"\nsha256 = "{mine.artifact_id}"')
    assert draft_problems(grid_draft(owner=owner, text=pinned, grid=draft)) == []
    shipped = text.replace('file = "one"', 'file = "../sources/astronaut.png"')
    assert draft_problems(grid_draft(owner=owner, text=shipped, grid=draft)) == []


@pytest.mark.parametrize(
    "named", ["/etc", "../../..", "..", "../..", "../../var", "/", "../colour/photographs/../../.."]
)
def test_no_folder_of_the_machine_is_trained_on(named: str) -> None:
    for where in ("[data] folder", "[data] masks", "[styles] folder"):
        with pytest.raises(GridError, match=re.escape(f"{where} = {named!r}: there is no such folder")):
            photographs_folder(named, where)
        assert photographs_folder("../colour/photographs", where).name == "photographs"


@pytest.mark.parametrize("where", ["[data] folder", "[data] masks", "[styles] folder"])
def test_a_refused_folder_is_mended_with_one_that_is_there(where: str) -> None:
    with pytest.raises(GridError) as refused:
        photographs_folder("nowhere", where)
    named = re.findall(r"\.\./[a-z/]*[a-z]", str(refused.value))
    assert named
    for folder in named:
        found = photographs_folder(folder, where)
        assert any(file.suffix in (".png", ".jpg") for file in found.iterdir())
        assert found.name != "masks" or where == "[data] masks"


def test_only_the_owner_or_a_superuser_launches(draft: Grid, stranger: User) -> None:
    with pytest.raises(GridError, match="Only its owner"):
        grid_launch(grid=draft, by=stranger)
    assert grid_launch(grid=draft, by=User.objects.create_superuser("root")).owner != stranger


@pytest.mark.parametrize("kind", STARTS)
def test_the_examples_work(owner: User, kind: str) -> None:
    text = draft_start(kind)
    told = problems(text, lambda _name, param: param.default)
    assert bool(told) == (kind == "empty")
    if kind != "empty":
        assert draft_problems(grid_draft(owner=owner, text=text)) == []
        again = draft_start(kind)
        assert again != text  # under a slug of its own
        assert draft_problems(grid_draft(owner=owner, text=again)) == []


def test_a_copy_is_the_same_under_another_slug(draft: Grid, owner: User) -> None:
    laid = grid_launch(grid=draft, by=owner)
    copy = grid_draft(owner=owner, text=draft_copy(laid))
    assert copy.slug == "gamma-2"
    assert copy.toml == TOML.replace('slug = "gamma"', 'slug = "gamma-2"')
    assert draft_problems(copy) == []
    # All its pictures are there already, and it says so.
    work(engine="serial")
    assert draft_estimate(draft_layout(copy)) == ["0 of 8 pictures are to be made; the others are there already."]


def test_failed_pictures_are_tried_again(owner: User, library: None) -> None:
    text = TOML.replace("[0.5, 1.0, 2.0]", "[0.5, 9.0]")
    grid = grid_launch(grid=grid_draft(owner=owner, text=text), by=owner)
    work(engine="serial")
    assert grid_progress(grid).failed == 2
    assert grid_retry(grid=grid) == 2
    assert grid_progress(grid).failed == 0


def test_a_worker_is_known_by_its_beat_or_its_lease(draft: Grid, owner: User) -> None:
    grid = grid_launch(grid=draft, by=owner)
    now = timezone.now()
    assert not somebody_works(grid=grid)
    Worker.objects.create(holder="elsewhere:1", seen_at=now - timedelta(minutes=5))
    assert not somebody_works(grid=grid)
    Worker.objects.update(seen_at=now)
    assert somebody_works(grid=grid)
    Worker.objects.all().delete()
    Worker.objects.create(holder=f"{holder_name().partition(':')[0]}:999999999", seen_at=now)  # no such process
    assert not somebody_works(grid=grid)
    Job.objects.filter(pk=Job.objects.first().pk).update(  # type: ignore[union-attr]
        status="running", lease_holder="elsewhere:2", lease_until=now + timedelta(minutes=1)
    )
    assert somebody_works(grid=grid)
    Job.objects.update(lease_until=now - timedelta(minutes=1))
    assert not somebody_works(grid=grid)


def test_a_worker_of_the_queue_says_that_it_lives(draft: Grid, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = grid_launch(grid=draft, by=owner)
    alive: list[bool] = []

    def report(_flying: object) -> None:
        alive.append(somebody_works(grid=grid))
        if grid_progress(grid).finished:
            raise KeyboardInterrupt

    monkeypatch.setattr("generation.services.work.IDLE_SECONDS", 0)
    with pytest.raises(Exception, match="Stopped"):
        work(engine="serial", forever=True, report=report)
    assert alive
    assert all(alive)
    assert not Worker.objects.exists()
