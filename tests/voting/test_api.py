"""A foreign client runs a whole session through the API, and is refused in words where it should be."""

import re
import time
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from studyplatform.voting.api import participant as api
from studyplatform.voting.identity import bot_mark, participant_key
from studyplatform.voting.models import Panel, Participant, Study, Vote
from studyplatform.voting.services import participant_erase, study_transition
from tests import factories

pytestmark = pytest.mark.django_db


class Foreign:
    """A client that knows the API and nothing else; CSRF checks are on, as in a browser."""

    def __init__(self, study: Study, key: str = "") -> None:
        self.http, self.slug, self.key = Client(enforce_csrf_checks=True), study.slug, key

    def ask(self, method: str, name: str, body: Any = None, **headers: str) -> Any:
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        address = reverse(f"voting:api-{name}", args=[self.slug])
        if method == "get":
            return self.http.get(address, body, headers=headers)
        return getattr(self.http, method)(address, body, "application/json", headers=headers)

    def start(self, **headers: str) -> "Foreign":
        answer = self.ask("post", "session", **headers)
        assert answer.status_code == 201, answer.content
        self.key = answer.json()["key"]
        return self

    def ready(self) -> "Foreign":
        assert self.ask("post", "consent").status_code == 200
        assert self.ask("post", "instructions", {"width": 800, "height": 600, "ratio": 1.5}).status_code == 200
        return self

    def plan(self) -> list[dict[str, Any]]:
        return self.ask("get", "plan").json()["trials"]

    def vote(self, trial: int, choice: str = "left", uuid: Any = None, **more: Any) -> Any:
        return self.ask("post", "votes", {"uuid": str(uuid or uuid4()), "trial": trial, "choice": choice, **more})


def test_a_whole_session(open_study):
    client = Foreign(open_study).start()
    assert client.ask("get", "session").json() == {
        "step": "consent", "outcome": "", "answered": 0, "total": 4, "practice_answered": 0, "practice_total": 0,
        "code": "", "url": "",
    }  # fmt: skip
    client.ready()
    for pair in client.plan():
        answer = client.vote(pair["id"], "right", rt_ms=900, client={"input": "script", "viewport": [800, 600]})
        assert answer.status_code == 201
        assert answer.json()["replayed"] is False
    progress = client.ask("get", "session").json()
    assert (progress["step"], progress["answered"], progress["total"]) == ("thanks", 4, 4)
    code = client.ask("post", "finish").json()["code"]
    assert code == Participant.objects.get().completion_code.code
    session = Participant.objects.get().session
    assert (session.viewport_width, session.device_pixel_ratio) == (800, 1.5)


def test_a_replay_is_200_with_the_same_body_and_another_choice_409(open_study):
    client = Foreign(open_study).start().ready()
    trial, uuid = client.plan()[0]["id"], uuid4()
    first, again = client.vote(trial, uuid=uuid), client.vote(trial, uuid=uuid)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "replayed": True}
    other = client.vote(trial, "right", uuid=uuid)
    assert other.status_code == 409
    assert other.json()["code"] == "conflict"


def test_refusals_carry_a_code_and_a_sentence(open_study, owner):
    client = Foreign(open_study).start()
    assert client.ask("get", "plan").status_code == 403
    assert client.vote(1).status_code in (403, 404)
    client.ready()
    plan = client.plan()
    skipped = client.vote(plan[2]["id"])
    assert skipped.status_code == 409
    assert skipped.json()["expected"] == plan[0]["id"]
    assert client.ask("post", "finish").json()["code"] == "unfinished"
    assert client.vote(plan[0]["id"], "tie").status_code == 400
    assert client.vote(plan[0]["id"], "up").status_code == 400
    assert client.ask("post", "withdraw").json()["step"] == "withdrawn"
    assert client.vote(plan[0]["id"]).status_code == 410
    assert client.ask("get", "plan").status_code == 410
    assert not Vote.objects.exists()


def test_somebody_elses_pair_is_not_found(open_study):
    mine, theirs = Foreign(open_study).start().ready(), Foreign(open_study).start().ready()
    answer = mine.vote(theirs.plan()[0]["id"])
    assert answer.status_code == 404
    assert not Vote.objects.exists()


def test_without_a_key_or_with_a_forged_one_nothing_is_told(open_study):
    who = factories.participant(open_study)
    for key in ("", "forged", f"{who.token}:forged", who.token):
        client = Foreign(open_study, key)
        assert client.ask("get", "plan").status_code == 401
        assert client.vote(who.trials.first().pk).status_code == 401
    assert Foreign(open_study, participant_key(who)).ask("get", "plan").status_code == 200


def test_a_key_is_good_until_its_participant_is_erased(open_study, monkeypatch):
    """A study may last for years, and whoever took part can withdraw."""
    who = factories.participant(open_study)
    client, years = Foreign(open_study, participant_key(who)), time.time() + 10 * 365 * 86_400
    monkeypatch.setattr(time, "time", lambda: years)
    assert client.ask("get", "session").status_code == 200
    participant_erase(participant=who)
    assert client.ask("get", "session").status_code == 404


def test_the_key_of_one_study_opens_no_other(open_study, owner):
    elsewhere = factories.study("elsewhere", owner=owner, state="open")
    client = Foreign(elsewhere, participant_key(factories.participant(open_study)))
    assert client.ask("get", "plan").status_code == 404


def test_a_cookie_needs_the_csrf_token_and_a_bearer_does_not(open_study):
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(reverse("voting:landing", args=[open_study.slug]))
    form = {"csrfmiddlewaretoken": page.context["csrf_token"]}
    assert browser.post(reverse("voting:start", args=[open_study.slug]), form).status_code == 302
    address = reverse("voting:api-consent", args=[open_study.slug])
    assert browser.post(address).status_code == 403
    token = browser.cookies["csrftoken"].value
    assert browser.post(address, headers={"X-CSRFToken": token}).status_code == 200


@pytest.mark.parametrize(("state", "status"), [("draft", 404), ("paused", 409), ("closed", 410), ("archived", 410)])
def test_a_study_that_is_not_running_starts_no_session(owner, state, status):
    study = factories.study(owner=owner, state=state)
    answer = Foreign(study).ask("post", "session")
    assert answer.status_code == status
    assert not Participant.objects.exists()


def test_a_full_study_says_so(owner):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    Foreign(study).start()
    answer = Foreign(study).ask("post", "session")
    assert (answer.status_code, answer.json()["code"]) == (409, "full")


def test_a_bot_is_marked_by_this_house_only(owner):
    study = factories.study(owner=owner, simulated=True, state="open")
    Foreign(study).start(**{"X-Eyeballot-Bot": bot_mark(study.slug)})
    assert Participant.objects.get().is_bot
    for forged in ("yes", study.slug, f"{study.slug}:x", bot_mark("another-study")):
        answer = Foreign(study).ask("post", "session", **{"X-Eyeballot-Bot": forged})
        assert (answer.status_code, answer.json()["code"]) == (403, "bot_mark")
    assert Participant.objects.count() == 1


def test_a_database_that_is_away_is_503_and_a_reason_to_come_back(open_study, monkeypatch):
    client = Foreign(open_study).start().ready()
    trial = client.plan()[0]["id"]

    def away(**_: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(api.services, "vote_cast", away)
    answer = client.vote(trial)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_the_list_shows_own_studies_and_those_one_is_a_member_of(owner, colleague, stranger):
    study = factories.study(owner=owner, state="open")
    factories.finished(study)
    study.memberships.create(user=colleague, role="viewer")
    factories.study("theirs", owner=stranger)
    address = reverse("voting:api-studies")
    seen = {}
    for user in (owner, colleague, stranger):
        client = Client()
        client.force_login(user)
        seen[user.username] = client.get(address).json()
    assert [s["slug"] for s in seen["owner"]] == [s["slug"] for s in seen["colleague"]] == ["study"]
    assert [s["slug"] for s in seen["stranger"]] == ["theirs"]
    assert (seen["owner"][0]["finished"], seen["owner"][0]["votes"]) == (1, 4)
    assert Client().get(address).status_code == 403


def test_the_schema_names_every_step_and_the_docs_are_served_from_here(client):
    schema = client.get(reverse("voting:api-schema")).content.decode()
    for operation in (
        "start",
        "consent",
        "instructions",
        "plan",
        "vote",
        "finish",
        "withdraw",
        "checks",
        "checked",
        "decline",
        "undo",
        "events",
        "debrief",
    ):
        assert f"operationId: session_{operation}" in schema
    page = client.get(reverse("voting:api-docs")).content.decode()
    assert "//cdn" not in page
    assert "/static/drf_spectacular_sidecar/" in page


def test_a_study_closed_between_plan_and_vote_still_takes_the_vote_as_late(open_study, owner):
    client = Foreign(open_study).start().ready()
    plan = client.plan()
    study_transition(study=open_study, to="closed", by=owner)
    answer = client.vote(plan[0]["id"])
    assert (answer.status_code, answer.json()["late"]) == (201, True)


def test_the_page_of_the_api_keeps_to_the_policy(client, db):
    page = client.get(reverse("voting:api-docs"))
    text = page.content.decode()
    assert "unsafe" not in page["Content-Security-Policy"]
    assert "<style" not in text
    assert "style=" not in text
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 3
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts)
    own = client.get(re.findall(r'src="([^"]*script[^"]*)"', text)[-1])
    assert own["Content-Type"].startswith("application/javascript")
    assert reverse("voting:api-schema") in own.content.decode()


def test_undo_notes_checks_debrief_and_a_window_of_the_plan(owner):
    study = factories.study(
        owner=owner, allow_undo=True, check_brightness=True, ask_debrief=True, practice_trials=1, state="open"
    )
    client = Foreign(study).start()
    assert client.ask("post", "consent").json()["step"] == "checks"
    checks = client.ask("get", "checks").json()
    assert (checks["wanted"], checks["plates"]) == (["brightness"], [])
    assert client.ask("post", "checks", {"tries": 0, "shapes": 5}).json()["step"] == "instructions"
    assert client.ask("post", "instructions", {}).json()["practice_total"] == 1
    plan = client.ask("get", "plan").json()
    assert (plan["layout"], plan["feedback"], plan["trials"][0]["practice"]) == ("side_by_side", True, True)
    window = client.ask("get", "plan", {"start": 1, "count": 2}).json()["trials"]
    assert window == plan["trials"][1:3]
    assert client.vote(plan["trials"][0]["id"]).json()["correct"] in (True, False)
    assert client.ask("post", "undo").status_code == 409  # practice is not taken back
    first = client.vote(plan["trials"][1]["id"]).json()
    assert (first["correct"], first["appended"]) == (None, None)
    assert client.ask("get", "plan").json()["undoable"] is True
    undone = client.ask("post", "undo").json()
    assert client.vote(undone["trial"]["id"], "right").status_code == 201
    assert client.ask("get", "plan").json()["undoable"] is False  # once
    skipped = client.vote(plan["trials"][2]["id"], "skip").json()
    assert skipped["appended"]["left"] == plan["trials"][2]["left"]
    note = {"kind": "pause", "at": "2026-11-22T10:00:00Z", "data": {"ms": 1200}}
    assert client.ask("post", "events", {"events": [note, note]}).json() == {"stored": 2}
    for bad in ({"kind": "mood"}, {"at": "soon"}, {"data": {"x": "me@example.org"}}, {"data": {"n": float("inf")}}):
        assert client.ask("post", "events", {"events": [note | bad]}).status_code == 400
    while (upcoming := next((p for p in client.plan() if not p["answered"]), None)) is not None:
        client.vote(upcoming["id"])
    assert client.ask("get", "session").json()["step"] == "debrief"
    answer = client.ask("post", "finish").json()
    assert (answer["url"], answer["result"]) == ("", None)
    assert client.ask("post", "debrief", {"looked_at": "edges"}).json()["step"] == "thanks"
    assert client.ask("post", "undo").status_code == 409


def test_a_session_of_a_panel_through_the_api(open_study):
    Panel.objects.create(study=open_study, provider="prolific", complete_code="DONE")
    address = reverse("voting:api-session", args=[open_study.slug])
    assert Client().post(address, "{}", "application/json").json()["code"] == "panel"
    sent = {"parameters": {"PROLIFIC_PID": "abc"}}
    first = Client().post(address, sent, "application/json").json()
    again = Client().post(address, sent, "application/json").json()
    session = Participant.objects.get()
    assert first["key"] == participant_key(session)
    session.by_id = True  # all that the second one has shown is an id
    assert again["key"] == participant_key(session) != first["key"]
    declined = Client(headers={"Authorization": f"Bearer {first['key']}"}).post(address + "decline/").json()
    assert (declined["step"], declined["outcome"], declined["url"]) == ("ended", "no_consent", "")
    bad = Client().post(address, {"parameters": {"PROLIFIC_PID": "a b"}}, "application/json")
    assert (bad.status_code, bad.json()["code"]) == (400, "panel")
