"""The study's form and list in the admin, and the log: they teach, they name, and they stay quick."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from studyplatform.voting.admin.fieldsets import FIELDSETS, HEAD, HELP
from studyplatform.voting.core.log_words import log_words
from studyplatform.voting.models import Exclusion, Study, Vote
from studyplatform.voting.selectors import study_counts, study_pair
from studyplatform.voting.selectors.lists import counts_of, pairs_of
from studyplatform.voting.selectors.live import live_of
from studyplatform.voting.services import (
    DESIGN_FIELDS,
    FREE_FIELDS,
    PICTURE_FIELDS,
    session_withdraw,
    study_transition,
    study_update,
    vote_undo,
)
from studyplatform.voting.services.studies import audit
from tests import factories
from tests.voting.test_admin import change, form, whole_form

pytestmark = pytest.mark.django_db
LIST = "/admin/voting/study/"


def flat(fields: Any) -> list[str]:
    return [name for entry in fields for name in (entry if isinstance(entry, tuple) else (entry,))]


def test_every_field_stands_in_one_place_with_a_word_of_help(owner, as_owner):
    placed = [name for _, options in FIELDSETS for name in flat(options["fields"])]
    assert len(placed) == len(set(placed))
    assert set(placed) - {*HEAD, "frozen_design"} == {*DESIGN_FIELDS, *FREE_FIELDS, *PICTURE_FIELDS} == set(HELP)
    page = unescape(as_owner.get(change(factories.study(owner=owner))).content.decode())
    assert [name for name, words in HELP.items() if words not in page] == []


def test_the_sets_come_in_the_order_in_which_a_study_is_made(owner, as_owner):
    page = as_owner.get(change(factories.study(owner=owner))).content.decode()
    order = ["What is asked", "questions-group", "Which pictures are shown", "What participants read"]
    order += ["How pairs are shown", "Quality", "Who and when", "panel-group", "Preregistration</h2>"]
    places = [re.search(re.escape(words), page[page.index("study_form") :]) for words in order]
    assert None not in places
    assert [m.start() for m in places if m] == sorted(m.start() for m in places if m)


def test_what_is_left_out_is_called_as_the_grid_calls_it(owner, as_owner):
    study = factories.study(owner=owner)
    other = factories.rendered_grid("renamed", owner=owner, contents=("tea",))
    other.conditions.filter(label="lr 1").update(label="fast")
    study.grids.add(other)
    page = as_owner.get(change(study)).content.decode()
    conditions = page.split('name="left_out_conditions"')[1].split("</select>")[0]
    assert sorted(re.findall(r">([^<>]+)</option>", conditions)) == ["lr 0.01", "lr 0.1", "lr 1 or fast"]
    scenes = page.split('name="left_out_scenes"')[1].split("</select>")[0]
    assert sorted(re.findall(r">([^<>]+)</option>", scenes)) == ["Cat", "Coffee", "Tea"]


def test_leaving_out_in_the_form_is_kept_and_logged_by_name(owner, as_owner):
    study = factories.study(owner=owner)
    condition = study.grids.get().conditions.get(label="lr 0.1").condition
    sent = whole_form(study, left_out_conditions=[condition.pk], trials_per_session=2)
    assert as_owner.post(change(study), sent).status_code == 302
    assert study.left_out_conditions.get() == condition
    assert "left out conditions: with" in " ".join(log_words(study.audit.first().data))


def test_a_form_with_an_error_keeps_everything_that_was_typed(owner, as_owner):
    study = factories.study(owner=owner)
    condition = study.grids.get().conditions.get(label="lr 0.1").condition
    sent = whole_form(study, title="", hypothesis="Mine & yours", flag_run=7, margin=0.9)
    page = as_owner.post(change(study), sent | {"left_out_conditions": [condition.pk]}).content.decode()
    assert "less than or equal to 0.75" in page
    assert "Mine &amp; yours" in page
    assert 'name="flag_run" value="7"' in page
    assert f'<option value="{condition.pk}" selected>' in page
    assert study.audit.count() == 0


def test_questions_and_the_panel_are_logged_by_what_they_say(owner, as_owner):
    study = factories.study(owner=owner)
    as_owner.post(change(study), whole_form(study, **{"questions-0-preset": "colours"}))
    logged = study.audit.filter(action="edited").latest("at")
    assert logged.data == {"questions": ["Whose colours look more natural?"]}


def queries(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as caught:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in caught.captured_queries]


def test_the_list_asks_as_often_for_one_study_as_for_many(owner, as_owner):
    first = factories.study("first", owner=owner, state="open")
    factories.finished(first)
    few = queries(as_owner, LIST)
    for number in range(4):
        factories.finished(factories.study(f"study-{number}", owner=owner, state="pilot" if number % 2 else "open"))
    many = queries(as_owner, LIST)
    assert len(many) == len(few)
    counts = [sql for sql in many if "voting_vote" in sql]
    assert len(counts) == 2  # the votes, and those that another has replaced
    assert all(re.search(r'"study_id" IN \(', sql) for sql in counts)


def test_the_list_counts_and_shows_what_the_form_does(owner):
    studies = [factories.study(state, owner=owner, state=state) for state in ("draft", "pilot", "open", "closed")]
    factories.finished(studies[1])
    factories.finished(studies[2])
    factories.participant(studies[2])
    study_transition(study=studies[1], to="open", by=owner)
    factories.finished(studies[1])
    assert counts_of(studies) == {s.pk: study_counts(s) for s in studies}
    assert {s.pk: pairs_of(studies).get(s.pk) for s in studies} == {s.pk: study_pair(s) for s in studies}
    assert counts_of([]) == pairs_of([]) == {}


def test_every_page_counts_the_votes_that_count_and_no_others(owner, as_owner):
    study = factories.study(
        owner=owner, state="open", catch_trials=1, practice_trials=1, allow_undo=True, sessions_planned=9
    )
    kept, gone, out = (factories.finished(study) for _ in range(3))
    half = factories.participant(study)
    while factories.next_trial(half).kind != "main":
        factories.cast(half)
    factories.cast(half)
    vote_undo(session=half.session)  # asked again and not answered again: it stands
    session_withdraw(session=gone.session)
    Exclusion.objects.create(participant=out, reason="asleep", by=owner)
    study_transition(study=study, to="paused", by=owner)
    counts = study_counts(study)
    votes = kept.trials.filter(kind="main").count() + 1
    assert (counts.started, counts.finished, counts.votes) == (4, 2, votes)
    assert live_of(study, offered=6).habits.answers == votes < Vote.objects.filter(study=study).count()
    words = f"{votes} votes that count"
    for address in (LIST, change(study), reverse("admin:index")):
        assert words in as_owner.get(address).content.decode(), address
    row = as_owner.get("/api/v1/studies/").json()[0]
    assert (row["finished"], row["votes"]) == (2, votes)


def test_the_form_asks_as_often_whatever_was_voted(owner, as_owner):
    study = factories.study(owner=owner, state="open", sessions_planned=9)
    queries(as_owner, change(study))  # Django remembers the kinds of rows from the first page on
    empty = queries(as_owner, change(study))
    for _ in range(5):
        factories.finished(study)
    full = queries(as_owner, change(study))
    assert len(full) == len(empty)
    for sql in full:
        if '"voting_vote"' in sql or '"voting_trial"' in sql:
            assert re.search(rf'"study_id" (= {study.pk}\b|IN \({study.pk}\))', sql)


# --- the log ---------------------------------------------------------------------------------------------------------


def log(client: Client, study: Study, **asked: Any) -> str:
    return client.get(reverse("admin:voting_study_log", args=[study.pk]), asked).content.decode()


def test_the_log_says_who_did_what_when_and_why_in_words(owner, as_owner):
    study = factories.study(owner=owner)
    study_update(study=study, by=owner, title="Better", allow_ties=True, hypothesis="x" * 500)
    study_transition(study=study, to="open", by=owner, comment="all are <b>ready</b>")
    page = log(as_owner, study)
    for words in ("title: “The study study” → “Better”", "allow ties: no → yes", "draft → open", "owner", "2 entries"):
        assert words in page
    assert "all are &lt;b&gt;ready&lt;/b&gt;" in page
    assert "…”" in page
    assert "{&#x27;" not in page
    assert "changes" not in page.split("log-entry", 1)[1]


def test_the_log_is_asked_by_action_and_words_and_page_by_page(owner, colleague, as_owner):
    study = factories.study(owner=owner)
    for number in range(60):
        audit(study=study, by=colleague, action="looked", comment=f"time {number}")
    audit(study=study, by=None, action="mended")
    page = log(as_owner, study)
    assert "Page 1 of 2" in page
    assert page.count('class="log-entry"') == 50
    assert "time 9<" not in page
    assert "time 9<" in log(as_owner, study, page=2)
    assert log(as_owner, study, action="mended").count('class="log-entry"') == 1
    assert "the platform" in log(as_owner, study, action="mended")
    found = log(as_owner, study, words="time 5")
    assert found.count('class="log-entry"') == 11
    assert "action=looked&amp;page=2" in log(as_owner, study, action="looked")
    assert "No entry is like that." in log(as_owner, study, words="nowhere")
    assert log(as_owner, study, page="x", action="never was").count('class="log-entry"') == 50


def test_the_log_page_asks_as_often_for_one_entry_as_for_fifty(owner, colleague, as_owner):
    study = factories.study(owner=owner)
    audit(study=study, by=colleague, action="looked")
    few = queries(as_owner, reverse("admin:voting_study_log", args=[study.pk]))
    for _ in range(49):
        audit(study=study, by=colleague, action="looked")
    assert len(queries(as_owner, reverse("admin:voting_study_log", args=[study.pk]))) == len(few)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"design": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
            "design: SHA-256 9f86d081884c…",
        ),
        ({"design": ""}, ""),
        ({"changes": {"opens_at": [None, "2030-01-01 08:00 UTC"]}}, "opens at: nothing → “2030-01-01 08:00 UTC”"),
        ({"changes": {"grids": [["A"], ["A", "B"]]}}, "grids: with “B”"),
        ({"changes": {"grids": [["A", "B"], ["A"]]}}, "grids: without “B”"),
        ({"who": ["a", "b"], "n": 3}, "who: “a”, “b” n: 3"),
        ({"rows": {"votes": 3, "all": True}}, "rows: votes 3, all yes"),
        ({"changes": {"odd": "x"}}, "odd: “x”"),
        ({"changes": None}, ""),
    ],
)
def test_what_an_entry_holds_is_said_in_words(data, said):
    assert " ".join(log_words(data)) == said


# --- whose rows, whose edit, and what is final -----------------------------------------------------------------------


def options(page: str, name: str) -> list[str]:
    return re.findall(r">([^<>]+)</option>", page.split(f'name="{name}"')[1].split("</select>")[0])


@pytest.mark.parametrize("name", ["left_out_scenes", "left_out_conditions"])
def test_a_new_study_offers_to_leave_out_what_its_own_grids_hold(owner, stranger, as_owner, name):
    theirs = factories.rendered_grid("theirs", owner=stranger, contents=("tea",))
    mine = factories.rendered_grid("mine", owner=owner, contents=("cat",))
    assert options(as_owner.get(f"{LIST}add/").content.decode(), name) == []
    chosen = as_owner.get(f"{LIST}add/?grids={mine.pk},{theirs.pk}").content.decode()
    assert sorted(options(chosen, name)) == (["Cat"] if name == "left_out_scenes" else ["lr 0.01", "lr 0.1", "lr 1"])


def test_what_no_grid_of_the_study_holds_cannot_be_left_out(owner, stranger, as_owner):
    theirs = factories.rendered_grid("theirs", owner=stranger, contents=("tea",))
    mine = factories.rendered_grid("mine", owner=owner, contents=("cat", "coffee"))
    foreign = theirs.cells.first().scene.pk
    sent = form(grids=[mine.pk], left_out_scenes=[foreign])
    assert "not one of the available choices" in as_owner.post(f"{LIST}add/", sent).content.decode()
    assert not Study.objects.exists()
    held = mine.cells.values_list("scene", flat=True).order_by("scene").first()
    assert as_owner.post(f"{LIST}add/?grids={mine.pk}", sent | {"left_out_scenes": [held]}).status_code == 302
    assert list(Study.objects.get().left_out_scenes.values_list("pk", flat=True)) == [held]


def test_what_a_grid_held_is_left_out_no_longer_once_the_grid_is_gone(owner, as_owner):
    study = factories.study(owner=owner)
    other = factories.rendered_grid("other", owner=owner, contents=("tea",))
    tea = other.cells.first().scene
    study.grids.add(other)
    study.left_out_scenes.add(tea)
    kept = study.grids.exclude(pk=other.pk).get()
    sent = whole_form(study, grids=[kept.pk], left_out_scenes=[tea.pk])
    assert as_owner.post(change(study), sent).status_code == 302
    assert not study.left_out_scenes.exists()


def token(client: Client, study: Study) -> str:
    found = re.search(r'name="_row" value="(\w+)"', client.get(change(study)).content.decode())
    assert found
    return found[1]


@pytest.mark.parametrize("edited", ["title", "questions", "dates"])
def test_a_page_from_before_another_edit_saves_nothing(owner, colleague, as_owner, edited):
    study = factories.study(owner=owner)
    study.memberships.create(user=colleague, role="editor")
    seen = token(as_owner, study)
    if edited == "questions":
        study.questions.update(preset="colours")
    else:
        changes = {"title": "Theirs"} if edited == "title" else {"ends_at": timezone.now()}
        study_update(study=study, by=colleague, **changes)
    sent = whole_form(study, title="Mine", hypothesis="I typed this", _row=seen)
    answer = as_owner.post(change(study), sent)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "was edited" in page
    assert (" by colleague" in page) == (edited != "questions")
    assert "I typed this" in page
    study.refresh_from_db()
    assert study.title != "Mine"
    assert study.hypothesis == ""
    assert as_owner.post(change(study), sent | {"_row": token(as_owner, study)}).status_code == 302
    study.refresh_from_db()
    assert study.title == "Mine"


def test_a_form_with_an_error_can_be_mended_and_saved(owner, as_owner):
    study = factories.study(owner=owner)
    sent = whole_form(study, margin=0.9, _row=token(as_owner, study))
    page = as_owner.post(change(study), sent).content.decode()
    found = re.search(r'name="_row" value="(\w+)"', page)
    assert found
    assert as_owner.post(change(study), sent | {"margin": 0.6, "_row": found[1]}).status_code == 302


@pytest.mark.parametrize(("state", "to"), [("open", "closed"), ("paused", "closed"), ("closed", "archived")])
def test_closing_and_archiving_ask_first(owner, as_owner, state, to):
    study = factories.study(owner=owner, state="open", sessions_planned=5)
    factories.finished(study)
    factories.cast(factories.participant(study))
    for step_to in {"open": (), "paused": ("paused",), "closed": ("closed",)}[state]:
        study_transition(study=study, to=step_to, by=owner)
    sent = {"public_report": "on"} if to == "archived" else {}
    page = as_owner.post(change(study), whole_form(study, _step=to, _comment="it is over", **sent), follow=True)
    text = page.content.decode()
    study.refresh_from_db()
    assert study.state == state
    until = timezone.localtime(study.votes_until or timezone.now() + timedelta(hours=24))
    for words in ("cannot be undone", "1 participant is in the middle", f"{until:%Y-%m-%d}", 'value="it is over"'):
        assert words in text
    address = reverse("admin:voting_study_transition", args=[study.pk])
    as_owner.post(address, {"to": to, "seen": state, "comment": "it is over"})
    study.refresh_from_db()
    assert (study.state, study.audit.first().comment) == (to, "it is over")


def test_a_study_that_nobody_is_in_the_middle_of_says_so(owner, as_owner):
    study = factories.study(owner=owner, state="open")
    address = reverse("admin:voting_study_transition", args=[study.pk])
    assert "Nobody is in the middle" in as_owner.get(address, {"to": "closed"}).content.decode()
    # A step that is not open from here is not asked about.
    assert as_owner.get(address, {"to": "archived"}).status_code == 302


@pytest.mark.parametrize("grids", ["9" * 26, "x", "1,,2", "-1", "٣"])
def test_an_address_that_names_no_grid_is_a_plain_form(as_owner, grids):
    assert as_owner.get(f"{LIST}add/", {"grids": grids}).status_code == 200


def test_what_the_form_refuses_it_refuses_in_words(owner, as_owner):
    factories.study("taken", owner=owner)
    study = factories.study("mine", owner=owner)
    for typed, words in {
        ("slug", "taken"): "This address is taken; choose another.",
        ("currency", "<b>"): "Write three capital letters, like EUR.",
        ("currency", "12"): "Write three capital letters, like EUR.",
        ("grace_hours", "999999999"): "less than or equal to 1440",
    }.items():
        assert words in as_owner.post(change(study), whole_form(study, **dict([typed]))).content.decode()
    moment = enumerate(("2030-01-01", "9:00"))
    same = {f"{name}_{part}": value for part, value in moment for name in ("opens_at", "ends_at")}
    page = as_owner.post(change(study), whole_form(study, **same)).content.decode()
    assert "The last day and hour must lie after the first." in page
    twice = {"questions-TOTAL_FORMS": 2, "questions-1-preset": "natural", "questions-1-position": 1}
    page = as_owner.post(change(study), whole_form(study, **twice, **{"questions-1-study": study.pk})).content.decode()
    assert "Each question can be asked once." in page
    assert "duplicate" not in page


def test_deleting_is_offered_for_what_can_be_deleted_alone(owner, as_owner):
    draft, closed = factories.study(owner=owner), factories.study("closed", owner=owner, state="closed")
    delete = reverse("admin:voting_study_delete", args=[closed.pk])
    page = as_owner.get(change(closed)).content.decode()
    assert delete not in page
    assert "It cannot be deleted: “" in page
    assert "Yes, delete it" not in as_owner.get(delete, follow=True).content.decode()
    assert reverse("admin:voting_study_delete", args=[draft.pk]) in as_owner.get(change(draft)).content.decode()


def test_the_form_leads_nowhere_that_is_a_dead_end(owner, as_owner):
    draft = factories.study(owner=owner)
    page = as_owner.get(change(draft)).content.decode()
    assert "add_id_grids" not in page
    assert "/admin/generation/grid/add/" not in page
    assert reverse("voting:landing", args=[draft.slug]) not in page
    assert reverse("admin:voting_study_preview", args=[draft.pk]) in page
