"""What researchers read through the API: their own studies, and data only once people have done voting."""

import pytest
from django.test import Client
from django.urls import reverse

from studyplatform.voting.models import Vote
from studyplatform.voting.services import study_transition
from tests import factories

pytestmark = pytest.mark.django_db


def ask(client: Client, name: str, slug: str, **query: int):
    return client.get(reverse(f"voting:api-{name}", args=[slug]), query)


def test_stimuli_trials_and_votes_fit_together(as_owner, owner, open_study):
    factories.finished(open_study)
    begun = factories.participant(open_study)
    factories.cast(begun, "right", rt_ms=700, client={"input": "keyboard"})
    study_transition(study=open_study, to="closed", by=owner)
    stimuli = {row["stimulus_id"]: row for row in ask(as_owner, "stimuli", "study").json()}
    trials = ask(as_owner, "trials", "study").json()
    votes = ask(as_owner, "study-votes", "study").json()
    assert (len(stimuli), len(trials), len(votes)) == (6, 8, 5)
    assert {v["trial_id"] for v in votes} <= {t["trial_id"] for t in trials}
    for trial in trials:
        shown = [stimuli[trial[side]]["scene_id"] for side in ("stimulus_left", "stimulus_right")]
        assert shown == [trial["scene_id"]] * 2
        assert begun.token not in str(trial)
    assert (votes[-1]["choice"], votes[-1]["rt_ms"], votes[-1]["client"]) == ("right", 700, {"input": "keyboard"})
    first, second = (ask(as_owner, "trials", "study", after=a, count=5).json() for a in (0, trials[4]["row"]))
    assert first + second == trials
    assert ask(as_owner, "trials", "study", count=0).status_code == 400
    assert ask(as_owner, "exports", "study").json() == []


def test_data_stay_sealed_while_people_vote(as_owner, open_study):
    factories.finished(open_study)
    for name in ("trials", "study-votes"):
        answer = ask(as_owner, name, "study")
        assert (answer.status_code, answer.json()["code"]) == (409, "sealed")
    assert ask(as_owner, "stimuli", "study").status_code == 200
    assert Vote.objects.count() == 4


def test_others_find_nothing_and_viewers_get_no_data(owner, colleague, stranger, open_study):
    study_transition(study=open_study, to="closed", by=owner)
    open_study.memberships.create(user=colleague, role="viewer")
    clients = {name: Client() for name in ("viewer", "stranger", "anonymous")}
    clients["viewer"].force_login(colleague)
    clients["stranger"].force_login(stranger)
    for name in ("stimuli", "trials", "study-votes", "exports"):
        assert ask(clients["stranger"], name, "study").status_code == 404
        assert ask(clients["anonymous"], name, "study").status_code == 403
    assert ask(clients["viewer"], "stimuli", "study").status_code == 200
    assert ask(clients["viewer"], "study-votes", "study").json()["code"] == "role"
