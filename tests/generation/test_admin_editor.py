"""Grids written in the admin: kept whatever is wrong with them, asked about, launched, and lost by no second tab."""

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse

from generation.admin import editor
from generation.models import Grid, Job
from generation.services.drafts import grid_draft
from generation.services.work import work
from tests import factories
from tests.generation.conftest import TOML, laid, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gamma_registered")]
ADD, LIST = "/admin/generation/grid/add/", "/admin/generation/grid/"


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


@pytest.mark.parametrize("at_the_last_moment", [False, True])
def test_what_was_typed_in_a_draft_that_is_deleted_meanwhile_is_not_lost(
    as_owner: Client, owner: User, library: None, monkeypatch: pytest.MonkeyPatch, at_the_last_moment: bool
) -> None:
    draft = grid_draft(owner=owner, text=TOML)
    if at_the_last_moment:  # between the look at the row and its lock
        asked = editor.edit

        def deleted_first(request: HttpRequest, grid: Grid | None) -> HttpResponse:
            Grid.objects.filter(pk=draft.pk).delete()
            return asked(request, grid)

        monkeypatch.setattr(editor, "edit", deleted_first)
    else:
        as_owner.post(page("delete", draft), {"sure": "yes"})
    typed = TOML + "\n# an <b>afterthought"
    answer = as_owner.post(page("change", draft), {"toml": typed, "_save": "1"})
    html = answer.content.decode()
    assert answer.status_code == 404
    assert "somebody deleted it" in html
    assert "# an &lt;b&gt;afterthought" in html
    assert f'action="{ADD}"' in html  # the button keeps it as a new draft
    assert not Grid.objects.exists()


def test_a_character_that_no_text_has_is_named(as_owner: Client) -> None:
    html = as_owner.post(ADD, {"toml": "a\0"}).content.decode()
    assert "holds a NUL" in html
    assert "characters" not in html.split('class="errornote"')[1].split("</p>")[0]
