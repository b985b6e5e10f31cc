"""A study as one file: the same bytes back and forth, and every hostile file refused in words with nothing stored."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from generation.models import Condition, Grid, Scene
from studyplatform.voting.models import Panel, Study
from studyplatform.voting.services import StudyError, study_delete, study_transition
from studyplatform.voting.services.study_file import LONGEST, study_file, study_import
from studyplatform.voting.services.study_file.form import STUDY_OPTIONS
from tests import factories
from tests.decided import decided

pytestmark = pytest.mark.django_db
IMPORT = "/admin/voting/study/import/"
TOML = """[grid]
title = "One"
slug = "one"
task = "style_transfer"
"""


def changed(study: Study, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file of ``study`` after ``change``."""
    data = json.loads(study_file(study))
    change(data)
    return json.dumps(data).encode()


TEXTS: dict[str, str] = {}


def spoilt(owner: Any, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file of the decided study after ``change``; its rows are made once, for all tests."""
    data = json.loads(TEXTS.setdefault("decided", TEXTS.get("decided") or study_file(decided(owner))))
    change(data)
    return json.dumps(data).encode()


def refused(data: bytes, by: Any) -> str:
    """What is said of a file that is not imported; nothing may be stored."""
    before = (Study.everything.count(), Grid.objects.count())
    with pytest.raises(StudyError) as error:
        study_import(data=data, by=by)
    assert (Study.everything.count(), Grid.objects.count()) == before
    return "\n".join(error.value.problems)


def test_the_same_bytes_come_back(owner):
    study = decided(owner)
    text = study_file(study)
    assert set(json.loads(text)["study"]) == set(STUDY_OPTIONS)
    again = study_import(data=text.encode(), by=owner).study
    assert study_file(again) == text.replace('"slug": "study"', '"slug": "study-2"')
    slug = study.slug
    study_delete(study=again)
    Study.objects.filter(pk=study.pk).update(slug="elsewhere")
    assert study_file(study_import(data=text.encode(), by=owner).study) == text
    assert Study.objects.get(slug=slug).state == "draft"


def test_no_secret_and_nobody_is_in_it(owner):
    study = decided(owner)
    factories.user("colleague")
    text = study_file(study)
    for word in ("SECRET", "credit_token", "owner", "colleague", study.token):
        assert word not in text
    again = study_import(data=text.encode(), by=owner)
    assert again.study.panel.complete_code == ""
    assert any("codes of another panel" in note for note in again.notes)


def test_it_reads_as_it_is_written_and_is_logged(owner):
    text = study_file(factories.study(owner=owner, title="Natürlich schön", hypothesis="“quoted”"))
    assert "Natürlich schön" in text
    assert text.endswith("}\n")
    assert (
        study_import(data=b"\xef\xbb\xbf" + text.encode(), by=owner).study.audit.get().action == "imported from a file"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON from line 1"),
        (b"\x89PNG\r\n\x1a\n\x00", "not text in UTF-8"),
        (b"[1, 2]", 'begins with "format": "eyeballot study"'),
        (b"null", "no study file"),
        (b'{"format": "arena"}', "no study file"),
        (b'{"format": "eyeballot study", "format": 1}', 'the key "format" stands twice'),
        (b'{"format": "eyeballot study", "version": 2}', "version 2, written by a newer Eyeballot"),
        (b'{"format": "eyeballot study", "version": true}', "true is no version"),
        (b'{"format": "eyeballot study", "version": 0}', "0 is no version"),
        (b'{"format": "eyeballot study", "version": "1"}', '"1" is no version'),
        (b'{"format": "eyeballot study", "version": NaN}', "NaN is not a number"),
        (b'{"format": "eyeballot study", "version": 1}', "study.title is missing"),
        (b'{"format": "eyeballot study", "version": 1, "study": []}', "study must be an object in braces"),
        (b"[" * 200_000, "no study file"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no study file"),
        (b'{"format": "eyeballot study"}' + b" " * LONGEST, "bytes; a study file has at most"),
    ],
)
def test_what_is_no_study_file_is_refused(owner, data, said):
    assert said in refused(data, owner)


def at(place: str, value: object) -> Callable[[dict[str, Any]], object]:
    """Put ``value`` at a place like ``study.title`` or ``quotas.0.kind``."""

    def change(data: dict[str, Any]) -> None:
        *way, last = (int(step) if step.isdecimal() else step for step in place.split("."))
        for step in way:
            data = data[step]
        data[last] = value

    return change


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("study.trials_per_session", 0, "study.trials_per_session: 0 is not allowed. Ensure this value is greater"),
        ("study.trials_per_session", 10**30, "study.trials_per_session:"),
        ("study.trials_per_session", True, "It must be a whole number"),
        ("study.trials_per_session", 4.5, "It must be a whole number"),
        ("study.trials_per_session", None, "study.trials_per_session: null is not allowed"),
        ("study.alpha", "0.05", 'study.alpha: "0.05" is not allowed. It must be a number'),
        ("study.alpha", 1e999, "not a number that a study file may hold"),
        ("study.allow_ties", 1, "study.allow_ties: 1 is not allowed. It must be true or false"),
        ("study.strategy", "greedy", "It must be one of balanced, focused, all_pairs"),
        ("study.slug", "No slug", "study.slug:"),
        ("study.title", "", "study.title:"),
        ("study.title", "x" * 201, "study.title:"),
        ("study.title", "a\0b", "study.title:"),
        ("study.title", "\ud800", "study.title:"),
        ("study.opens_at", "2026-05-04", "study.opens_at:"),
        ("study.opens_at", "0001-01-01T00:00:00+14:00", "study.opens_at:"),
        ("study.opens_at", "2027-05-04T00:00:00Z", "study.ends_at: the last day and hour must lie after the first"),
        ("study.reward", 2.5, 'study.reward: 2.5 is not allowed. It must be an amount as text, like "2.50"'),
        ("study.reward", "NaN", "study.reward:"),
        ("study.reward", "-1", "study.reward:"),
        ("study.trails_per_session", 4, 'study."trails_per_session" is not known. Did you mean trials_per_session?'),
        ("study.state", "open", 'study."state" is not known'),
        ("study.token", "a" * 32, 'study."token" is not known'),
        ("votes", [], '"votes" is not known. Known here: format, version'),
        ("questions", "natural", "questions must be a list"),
        ("questions.0", "pretty", 'questions[0]: "pretty" is not known. Known: natural, style'),
        ("questions.1", "style", "questions[1]: style is asked already"),
        ("panel", [], "panel must be an object"),
        ("panel.provider", "elsewhere", "panel.provider:"),
        ("panel.complete_code", "X", 'panel."complete_code" is not known'),
        ("quotas.0.most", -1, "quotas[0].most:"),
        ("quotas.0.parameter", "", "quotas[0].parameter: a quota names one"),
        ("left_out.scenes.0.digest", "zz", "left_out.scenes[0].digest must be 64 lower-case hex digits"),
        ("left_out.conditions.0.label", 3, "left_out.conditions[0].label must be text"),
        ("left_out.pictures", [], 'left_out."pictures" is not known'),
        ("grids.0.slug", 3, "grids[0].slug:"),
        ("grids.0.digest", "zz", "grids[0].digest must be"),
        ("grids.0.toml", {}, "grids[0].toml must be the text"),
        ("grids.0.file", "/etc/passwd", 'grids[0]."file" is not known'),
    ],
)
def test_a_mistake_is_named_with_its_place(owner, place, value, said):
    assert said in refused(spoilt(owner, at(place, value)), owner)


def test_all_mistakes_are_said_at_once(owner):
    def spoil(data: dict[str, Any]) -> None:
        data["study"] |= {"alpha": 3, "layout": "round", "colour": 1}
        data["questions"].append("pretty")
        data["quotas"].append(data["quotas"][0])

    said = refused(spoilt(owner, spoil), owner).splitlines()
    assert len(said) == 5


def test_a_number_written_whole_is_a_number(owner):
    made = study_import(data=changed(decided(owner), at("study.panel_fee_percent", 30)), by=owner)
    assert json.loads(study_file(made.study))["study"]["panel_fee_percent"] == 30.0


def test_a_grid_that_is_not_there_becomes_a_draft(owner, stranger):
    study = factories.study(owner=owner)
    Grid.objects.update(toml=TOML.replace("one", "tiny"))
    scene = study.grids.get().cells.first().scene
    study.left_out_scenes.add(scene)
    data = study_file(study).encode()
    made = study_import(data=data, by=stranger)
    draft = made.study.grids.get()
    # The owner's grid is none of a stranger's business; the name is taken, so the draft gets another.
    assert (draft.owner, draft.slug, draft.frozen, draft.digest) == (stranger, "tiny-2", False, "")
    assert 'slug = "tiny-2"' in draft.toml
    assert sum("is not rendered yet" in note for note in made.notes) == 1
    assert any(f"Not left out, because no launched grid of the study has them yet: {scene}" in n for n in made.notes)
    # Twice gives no second draft, where the file still says the same.
    other = study_import(data=study_file(made.study).encode(), by=stranger)
    assert other.study.grids.get() == draft
    assert "is a draft of yours: launch it" in " ".join(other.notes)
    with pytest.raises(StudyError, match="is a draft, so it has no pictures"):
        study_transition(study=made.study, to="open", by=stranger)


def test_a_grid_is_found_by_its_design_under_another_name(owner):
    study = factories.study(owner=owner)
    grid = study.grids.get()
    made = study_import(data=changed(study, at("grids.0.slug", "otherwise")), by=owner)
    assert (made.study.grids.get(), made.notes[:1]) == (
        grid,
        ("The address /s/study/ is taken; this study is at /s/study-2/.",),
    )


def test_renders_made_elsewhere_must_be_there(owner, stranger):
    study = factories.study(owner=owner)
    said = refused(study_file(study).encode(), stranger)
    assert "grids[0].toml: the grid tiny was made elsewhere and has no grid file" in said


def test_a_later_mistake_leaves_no_draft_of_an_earlier_grid(owner, stranger):
    there = {"slug": "one", "digest": "", "toml": TOML}
    elsewhere = {"slug": "two", "digest": "0" * 64, "toml": ""}
    data = changed(factories.study(owner=owner), lambda d: d.update(grids=[there, elsewhere]))
    assert "grids[1].toml: the grid two was made elsewhere" in refused(data, stranger)


def test_a_superuser_uses_the_grids_of_all(owner):
    root = factories.user("root", superuser=True)
    study = factories.study(owner=owner)
    made = study_import(data=study_file(study).encode(), by=root)
    assert made.study.grids.get() == study.grids.get()


def test_nothing_of_other_grids_is_left_out(owner):
    """A digest in a file reaches no row of a grid that the study does not have."""
    study, other = (
        factories.study(owner=owner),
        factories.rendered_grid("other", owner=owner, learning_rates=(7.0, 8.0)),
    )
    condition = other.conditions.first()
    entry = {"digest": condition.condition.digest, "label": condition.label}
    made = study_import(data=changed(study, at("left_out.conditions", [entry])), by=owner)
    assert not made.study.left_out_conditions.exists()
    assert Condition.objects.filter(digest=entry["digest"]).exists()
    assert Scene.objects.exists()


# --- the pages ------------------------------------------------------------------------------------------------------


def upload(client: Client, data: bytes) -> Any:
    return client.post(IMPORT, {"file": SimpleUploadedFile("x.study.json", data)}, follow=True)


def test_downloaded_and_uploaded_again(as_owner, owner):
    study = factories.study(owner=owner)
    page = as_owner.get(reverse("admin:voting_study_file", args=[study.pk])).content.decode()
    assert "made elsewhere" in page
    address = reverse("admin:voting_study_file_download", args=[study.pk])
    assert address in page
    file = as_owner.get(address)
    assert file["Content-Disposition"] == 'attachment; filename="study.study.json"'
    assert file.content.decode() == study_file(study)
    page = upload(as_owner, file.content).content.decode()
    assert "is imported. It is a draft of yours" in page
    assert "The address /s/study/ is taken" in page
    assert "\n".join(upload(as_owner, b"{").content.decode().split()).count("JSON") >= 1


def test_a_refused_upload_says_each_reason_and_keeps_the_page(as_owner, owner):
    data = changed(decided(owner), lambda d: d["study"].update(alpha=3, hue=1))
    answer = upload(as_owner, data)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "study.alpha: 3 is not allowed" in page
    assert "&quot;hue&quot; is not known" in page
    assert Study.objects.count() == 1
    assert "bytes; a study file has at most" in upload(as_owner, b" " * (LONGEST + 1)).content.decode()
    assert upload(as_owner, b"").status_code == 400


def test_who_may_see_the_study_may_take_its_file(owner, colleague, stranger):
    study = factories.study(owner=owner)
    study.memberships.create(user=colleague, role="viewer")
    address = reverse("admin:voting_study_file_download", args=[study.pk])
    codes = []
    for who in (colleague, stranger):
        client = Client()
        client.force_login(who)
        codes.append(client.get(address).status_code)
    assert codes == [200, 404]
    assert Client().get(IMPORT).status_code == 302
    client = Client()
    client.force_login(factories.user("visitor", staff=False))
    assert client.post(IMPORT, {"ready": "geng2021"}).status_code == 302
    assert Study.objects.count() == 1


def test_the_list_of_studies_leads_there(as_owner):
    assert IMPORT in as_owner.get("/admin/voting/study/").content.decode()
    assert IMPORT in as_owner.get("/admin/").content.decode()


# --- the commands ---------------------------------------------------------------------------------------------------


def test_written_and_imported_by_command(owner, tmp_path: Path, capsys):
    study = factories.study(owner=owner)
    file = tmp_path / "study.study.json"
    call_command("write_study", "study", out=file)
    assert file.read_text() == study_file(study)
    call_command("write_study", "study")
    assert study_file(study) in capsys.readouterr().out
    call_command("import_study", str(file), owner="owner")
    assert "called study-2." in capsys.readouterr().out
    with pytest.raises(CommandError, match="There is no researcher called 'nobody'"):
        call_command("import_study", str(file), owner="nobody")
    with pytest.raises(CommandError, match="Say whose draft"):
        call_command("import_study", str(file))
    factories.user("root", superuser=True)
    call_command("import_study", str(file))
    assert Study.objects.get(slug="study-3").owner.username == "root"
    with pytest.raises(CommandError, match="It is no ready study either: arbitrary-toy"):
        call_command("import_study", "nowhere.study.json")
    with pytest.raises(CommandError, match=r"There is no study 'none'\. Known: study"):
        call_command("write_study", "none")
    file.write_text("{}")
    with pytest.raises(CommandError, match="no study file"):
        call_command("import_study", str(file))
    assert Panel.objects.count() == 0
