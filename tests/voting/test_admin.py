"""A study from nothing to open in the admin, by the people who may; for all others it does not exist."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from generation.core.tasks import Task, register, unregister
from studyplatform.voting.models import ExportRecord, Question, Study
from studyplatform.voting.services import DESIGN_FIELDS
from tests import factories

pytestmark = pytest.mark.django_db
ADD = "/admin/voting/study/add/"


def form(**changes: Any) -> dict[str, Any]:
    """What the add form sends, with one question: the defaults of the design, but for what is given."""
    fields = {name: Study._meta.get_field(name).get_default() for name in DESIGN_FIELDS}
    fields |= {"currency": "EUR", "panel_fee_percent": 0}
    sent = {name: value for name, value in fields.items() if value is not False and value != ""} | {
        "title": "Made by hand",
        "slug": "made-by-hand",
        "introduction": "Hello.",
        "consent": "Fine.",
        "instructions": "",
        "trials_per_session": 4,
        "sessions_planned": 5,
        "panel-TOTAL_FORMS": 0,
        "panel-INITIAL_FORMS": 0,
        "questions-TOTAL_FORMS": 1,
        "questions-INITIAL_FORMS": 0,
        "questions-0-preset": "natural",
        "questions-0-position": 0,
    }
    return sent | changes


def change(study: Study) -> str:
    return reverse("admin:voting_study_change", args=[study.pk])


def step(client: Client, study: Study, to: str, comment: str = "") -> str:
    address = reverse("admin:voting_study_transition", args=[study.pk])
    return client.post(address, {"to": to, "comment": comment}, follow=True).content.decode()


def test_a_study_is_made_and_opened_without_code(as_owner, owner):
    grid = factories.rendered_grid(owner=owner)
    assert as_owner.post(ADD, form(grids=[grid.pk])).status_code == 302
    study = Study.objects.get()
    assert (study.owner, study.state, str(study.questions.get())) == (owner, "draft", "Which looks more natural?")
    page = as_owner.get(change(study)).content.decode()
    assert ">Open</button>" in page
    assert ">Start a pilot</button>" in page
    assert "is open now" in step(as_owner, study, "open", "ready")
    study.refresh_from_db()
    assert (study.state, study.stimuli.count(), study.audit.get().comment) == ("open", 6, "ready")
    page = as_owner.get(change(study)).content.decode()
    assert ">Pause</button>" in page
    assert study.design_digest in page
    assert "/stimuli/" in page


def test_what_is_missing_is_said_one_sentence_each(as_owner, owner):
    study = factories.study(owner=owner, questions=())
    study.grids.clear()
    page = step(as_owner, study, "open")
    assert "Add a question." in page
    assert "Choose at least one rendered grid." in page
    study.refresh_from_db()
    assert study.state == "draft"


def test_only_own_grids_are_offered(as_owner, owner, stranger):
    mine, theirs = factories.rendered_grid("mine", owner=owner), factories.rendered_grid("theirs", owner=stranger)
    page = as_owner.get(ADD).content.decode()
    assert f"{mine}</option>" in page
    assert f"{theirs}</option>" not in page
    assert as_owner.post(ADD, form(grids=[theirs.pk])).status_code == 200
    assert not Study.objects.exists()


def test_an_editor_saves_a_draft_and_the_owners_grids_stay(owner, colleague, stranger):
    grids = {who: factories.rendered_grid(who.username, owner=who) for who in (owner, colleague, stranger)}
    study = factories.study(owner=owner, grid=grids[owner])
    study.memberships.create(user=colleague, role="editor")
    client = factories.signed_in(colleague)
    page = client.get(change(study)).content.decode()
    assert f'<option value="{grids[owner].pk}" selected>' in page
    assert f'<option value="{grids[colleague].pk}">' in page
    assert f"{grids[stranger]}</option>" not in page
    sent = form(title="Edited", slug=study.slug) | {
        "questions-INITIAL_FORMS": 1,
        "questions-0-id": study.questions.get().pk,
        "questions-0-study": study.pk,
    }
    chosen = [grids[owner].pk, grids[colleague].pk]
    assert client.post(change(study), sent | {"grids": chosen}).status_code == 302
    study.refresh_from_db()
    assert (study.title, sorted(g.pk for g in study.grids.all())) == ("Edited", sorted(chosen))
    # The same with the owner in the editor's place: the colleague's grid is offered on this study, and only there.
    assert (
        f'<option value="{grids[colleague].pk}" selected>'
        in factories.signed_in(owner).get(change(study)).content.decode()
    )
    assert f"{grids[colleague]}</option>" not in factories.signed_in(owner).get(ADD).content.decode()
    assert client.post(change(study), sent | {"grids": [grids[stranger].pk]}).status_code == 200


@pytest.fixture
def counting() -> Iterator[str]:
    """A task whose natural question is about content."""
    nothing: dict[str, Any] = {"methods": {}, "sources": (), "metrics": lambda params, weights: (), "measure": ""}
    yield register(Task(name="counting", label="Counting", primary_metric="", question="content", **nothing)).name
    unregister("counting")


def test_the_form_begins_with_the_question_of_the_grids_task(as_owner, owner, stranger, counting):
    def preset(address: str) -> str:
        inline = as_owner.get(address).content.decode().split('name="questions-0-preset"')[1].split("</select>")[0]
        return inline.split(" selected")[0].rsplit('value="', 1)[1].rstrip('"')

    assert preset(ADD) == "natural"
    plain = factories.rendered_grid("plain", owner=owner)
    counts = factories.rendered_grid("counts", owner=owner, task=counting)
    factories.rendered_grid("theirs", owner=stranger)
    assert preset(ADD) == "content"
    assert preset(f"{ADD}?grids={plain.pk}") == "natural"
    study = factories.study(owner=owner, grid=counts, questions=())
    factories.rendered_grid("newest", owner=owner)
    assert preset(ADD) == "natural"
    assert preset(change(study)) == "content"


def test_a_study_saved_without_a_question_asks_that_of_its_grids_task(as_owner, owner, counting):
    grid = factories.rendered_grid("counts", owner=owner, task=counting)
    assert as_owner.post(ADD, form(grids=[grid.pk]) | {"questions-TOTAL_FORMS": 0}).status_code == 302
    assert [q.preset for q in Study.objects.get().questions.all()] == ["content"]


def test_a_frozen_study_keeps_its_design_whatever_is_posted(as_owner, open_study):
    before = Study.objects.values().get()
    question = open_study.questions.get()
    posted = form(title="Other", slug="other", trials_per_session=99, public_report="on", grids=[]) | {
        "questions-INITIAL_FORMS": 1,
        "questions-0-id": question.pk,
        "questions-0-preset": "colours",
        "questions-0-DELETE": "on",
    }
    as_owner.post(change(open_study), posted)
    after = Study.objects.values().get()
    assert after == before | {"public_report": True}
    assert open_study.questions.get() == question
    assert open_study.questions.get().preset == "natural"
    assert open_study.grids.count() == 1


def test_a_study_with_votes_is_not_deleted_and_says_why(as_owner, open_study):
    factories.finished(open_study)
    address = reverse("admin:voting_study_delete", args=[open_study.pk])
    assert "Archive the study instead" in as_owner.get(address, follow=True).content.decode()
    page = as_owner.post(address, {"post": "yes"}, follow=True).content.decode()
    assert "Archive the study instead" in page
    assert Study.objects.filter(pk=open_study.pk).exists()
    draft = factories.study("draft", owner=open_study.owner)
    as_owner.post(reverse("admin:voting_study_delete", args=[draft.pk]), {"post": "yes"})
    assert not Study.objects.filter(slug="draft").exists()


def test_a_draft_that_records_hold_is_not_deleted_and_says_which(as_owner, owner):
    draft = factories.study(owner=owner)
    ExportRecord.objects.create(study=draft, number=1, by=owner)
    address = reverse("admin:voting_study_delete", args=[draft.pk])
    page = as_owner.post(address, {"post": "yes"}, follow=True).content.decode()
    assert "is held by 1 export record" in page
    assert Study.objects.filter(pk=draft.pk).exists()


def test_the_list_counts_without_telling_what_wins(as_owner, open_study):
    for _ in range(3):
        factories.finished(open_study, choice="left")
    page = as_owner.get("/admin/voting/study/").content.decode()
    assert "3 started, 3 of 6 finished, 12 votes" in page
    assert reverse("voting:landing", args=[open_study.slug]) in page
    for name in ("trial", "participant"):
        rows = as_owner.get(f"/admin/voting/{name}/").content.decode()
        assert "lr 0.1" not in rows
        assert "left" not in rows.split('id="result_list"')[1].split("</table>")[0].lower()


def test_a_stranger_sees_nothing_and_changes_nothing(open_study, stranger, colleague):
    who = factories.participant(open_study)
    rows = {"stimulus": open_study.stimuli.first(), "participant": who, "trial": who.trials.first()}
    client = factories.signed_in(stranger)
    assert open_study.title not in client.get("/admin/voting/study/").content.decode()
    assert client.get(change(open_study)).status_code == 404
    assert client.post(change(open_study), form()).status_code == 404
    assert client.post(reverse("admin:voting_study_delete", args=[open_study.pk])).status_code == 404
    address = reverse("admin:voting_study_transition", args=[open_study.pk])
    assert client.post(address, {"to": "closed"}).status_code == 404
    for name, row in rows.items():
        assert str(open_study) not in client.get(f"/admin/voting/{name}/").content.decode()
        assert client.get(reverse(f"admin:voting_{name}_change", args=[row.pk])).status_code == 404
    open_study.refresh_from_db()
    assert (open_study.state, open_study.title) == ("open", "The study study")


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("analyst", False), ("editor", True), ("owner", True)])
def test_a_colleague_may_what_their_role_says(open_study, colleague, role, may):
    open_study.memberships.create(user=colleague, role=role)
    client = factories.signed_in(colleague)
    page = client.get(change(open_study))
    assert page.status_code == 200
    assert (">Pause</button>" in page.content.decode()) is may
    step(client, open_study, "paused")
    open_study.refresh_from_db()
    assert open_study.state == ("paused" if may else "open")


def test_a_superuser_sees_all_and_a_visitor_nothing(open_study, client):
    assert factories.signed_in(factories.user("root", superuser=True)).get(change(open_study)).status_code == 200
    assert client.get(change(open_study)).status_code == 302
    plain = factories.signed_in(factories.user("plain", staff=False))
    assert plain.get("/admin/voting/study/").status_code == 302


def test_rows_of_a_session_are_read_only(as_owner, open_study):
    who = factories.participant(open_study)
    for name, row in (("participant", who), ("trial", who.trials.first()), ("stimulus", open_study.stimuli.first())):
        address = reverse(f"admin:voting_{name}_change", args=[row.pk])
        page = as_owner.get(address)
        assert page.status_code == 200
        assert who.token not in page.content.decode()
        assert as_owner.post(address, {"study": 1}).status_code == 403
        assert as_owner.get(f"/admin/voting/{name}/add/").status_code == 403


def whole_form(study: Study, **changes: Any) -> dict[str, Any]:
    """What the change form of a draft sends."""
    question = study.questions.get()
    rows = {"questions-INITIAL_FORMS": 1, "questions-0-id": question.pk, "questions-0-study": study.pk}
    return form(title=study.title, slug=study.slug, grids=[g.pk for g in study.grids.all()], **rows) | changes


def test_a_step_saves_what_was_typed_and_opening_asks_first(as_owner, owner):
    study = factories.study(owner=owner)
    page = as_owner.post(change(study), whole_form(study, title="Typed", _step="open", _comment="a & b"), follow=True)
    text = page.content.decode()
    study.refresh_from_db()
    assert (study.title, study.state) == ("Typed", "draft")
    assert page.redirect_chain[-1][0].startswith(reverse("admin:voting_study_transition", args=[study.pk]))
    for words in (
        "Open “Typed”?",
        "Which looks more natural?",
        "6 of 2 scenes",
        "4 (the pictures offer 6",
        "a &amp; b",
    ):
        assert words in text
    assert "is open now" in step(as_owner, study, "open", "a & b")
    as_owner.post(change(study), {**form(public_report="on"), "_step": "paused", "_comment": "lunch"})
    study.refresh_from_db()
    assert (study.state, study.public_report, study.audit.first().comment) == ("paused", True, "lunch")


def test_a_step_says_in_which_state_the_study_is_now(as_owner, owner):
    study = factories.study(owner=owner)
    assert "is a pilot now" in step(as_owner, study, "pilot")
    assert "is a draft now" in step(as_owner, study, "draft")


def test_a_form_with_an_error_takes_no_step_and_keeps_the_comment(as_owner, owner):
    study = factories.study(owner=owner)
    sent = whole_form(study, title="", trials_per_session=5, _step="pilot", _comment="my reason")
    page = as_owner.post(change(study), sent).content.decode()
    assert "This field is required." in page
    assert 'value="my reason"' in page
    study.refresh_from_db()
    assert (study.state, study.trials_per_session) == ("draft", 4)


def test_enter_in_a_field_takes_no_step(as_owner, owner):
    page = as_owner.get(change(factories.study(owner=owner))).content.decode()
    assert page.index('form="study_form" name="_continue"') < page.index('name="_step"')


def test_what_stands_in_the_way_of_opening_is_said_before_it_is_asked(as_owner, owner):
    study = factories.study(owner=owner, trials_per_session=500)
    page = as_owner.get(
        reverse("admin:voting_study_transition", args=[study.pk]), {"to": "open", "comment": "why"}, follow=True
    )
    assert 'value="why"' in page.content.decode()
    assert "Yes, open it" not in page.content.decode()
    assert "the pictures offer 6 different pairs per question" in page.content.decode()


def test_questions_at_one_position_are_numbered_by_their_order_in_the_form(as_owner, owner):
    grid = factories.rendered_grid(owner=owner)
    rows = {"questions-TOTAL_FORMS": 2, "questions-0-preset": "style", "questions-1-preset": "natural"}
    as_owner.post(ADD, form(grids=[grid.pk]) | rows | {"questions-1-position": 0})
    questions = Study.objects.get().questions.all()
    assert [(q.preset, q.position) for q in questions] == [("style", 0), ("natural", 1)]


def test_a_question_that_a_pilot_answered_is_retired_and_never_rewritten(as_owner, owner):
    study = factories.study(owner=owner, state="pilot")
    asked = study.questions.get()
    who = factories.finished(study)
    step(as_owner, study, "draft")
    sent = whole_form(study, **{"questions-0-preset": "style"})
    assert as_owner.post(change(study), sent).status_code == 302
    new = study.questions.get()
    assert (new.preset, new.pk != asked.pk) == ("style", True)
    assert {t.question.preset for t in who.trials.select_related("question")} == {"natural"}
    step(as_owner, study, "pilot")
    study.refresh_from_db()
    assert [q["preset"] for q in study.design["questions"]] == ["style"]
    assert {t.question.preset for t in factories.participant(study).trials.all()} == {"style"}
    step(as_owner, study, "draft")
    # Back to what was asked first: the row that was retired asks again.
    assert as_owner.post(change(study), whole_form(study, **{"questions-0-preset": "natural"})).status_code == 302
    assert study.questions.get() == asked
    assert Question.everything.filter(study=study).count() == 2


def test_a_question_that_nobody_answered_is_changed_where_it_stands(as_owner, owner):
    study = factories.study(owner=owner)
    asked = study.questions.get()
    assert as_owner.post(change(study), whole_form(study, **{"questions-0-preset": "style"})).status_code == 302
    assert (study.questions.get(), Question.everything.get(study=study).preset) == (asked, "style")
