"""The live page: right counts, a fixed number of queries, and blind whatever people prefer."""

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from studyplatform.voting.core.bars import bars, histogram
from studyplatform.voting.core.pace import projection
from studyplatform.voting.models import Study, Trial
from studyplatform.voting.selectors import UNBLINDED, is_sealed, losses_of
from studyplatform.voting.services import (
    consent_decline,
    participant_exclude,
    session_finish,
    session_withdraw,
    study_transition,
    study_unblind,
)
from tests import factories

pytestmark = pytest.mark.django_db


def at(study: Study, name: str, *more: Any) -> str:
    return reverse(f"admin:voting_study_{name}", args=[study.pk, *more])


def values(client: Client, study: Study) -> dict[str, str]:
    return dict(client.get(at(study, "live_data")).json()["values"])


def everything(client: Client, study: Study) -> list[str]:
    """Page, JSON and figures, without what is new with every request."""
    page = client.get(at(study, "live")).content.decode()
    page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)
    data = client.get(at(study, "live_data"))
    figures = [client.get(figure["src"]).content.decode() for figure in data.json()["figures"].values()]
    assert len(figures) == 2
    return [page, data.content.decode(), *figures]


def by_the_loss(study: Study, people: int = 5) -> None:
    """Participants who mostly choose the lower loss; one of them stops, one is left out."""
    losses, rng = losses_of(study), random.Random(5)
    for n in range(people):
        who = factories.participant(study)
        while (trial := factories.next_trial(who)) is not None:
            if n == 0 and trial.turn > 3:
                break
            a, b = (losses[pk].value if pk in losses else 0.0 for pk in (trial.left_id, trial.right_id))
            choice = "left" if (a < b) != (rng.random() < 0.1) else "right"
            factories.cast(who, choice, rt_ms=rng.randint(400, 4000))
        else:
            who.session.outcome, who.session.finished_at = "complete", timezone.now()
            who.session.save()
    participant_exclude(participant=who, by=study.owner, reason="looked away")


def test_nothing_of_the_page_changes_when_everybody_prefers_the_opposite(as_owner, owner, monkeypatch):
    study = factories.study(
        owner=owner, trials_per_session=6, catch_trials=2, repeat_trials=2, allow_ties=True, state="open"
    )
    by_the_loss(study)
    losses, now = losses_of(study), timezone.now()
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)  # the projected finish goes with the clock

    def lower_loss_share() -> float:
        sided = study.trials.filter(kind="main", votes__choice__in=("left", "right"))
        rows = sided.values_list("left", "right", "votes__choice")
        wins = [(losses[a].value < losses[b].value) == (choice == "left") for a, b, choice in rows]
        return sum(wins) / len(wins)

    before, share = everything(as_owner, study), lower_loss_share()
    assert share > 0.7
    # The pictures of each pair change places and the choices of sides stay: now everybody prefers the other picture,
    # with the same sides, times and repeats. Catch pairs keep their known answer.
    mirrored = Trial.objects.filter(study=study, kind__in=("main", "repeat"))
    assert mirrored.update(left=F("right"), right=F("left")) > 20
    assert lower_loss_share() == pytest.approx(1 - share)
    assert everything(as_owner, study) == before


SIDES = ("left", "left_band", "repeats", "ties")


def test_looking_after_every_vote_tells_no_single_one(as_owner, owner):
    study = factories.study(
        owner=owner, sessions_planned=12, trials_per_session=6, repeat_trials=2, allow_ties=True, state="open"
    )
    rng, shown, votes, done = random.Random(3), [], 0, []

    def sides() -> list[str]:
        return [values(as_owner, study)[name] for name in SIDES]

    for _ in range(11):
        who = factories.participant(study)
        while factories.next_trial(who) is not None:
            factories.cast(who, rng.choice(["left", "left", "right", "tie"]))
            votes += 1
            shown.append((len(done), sides()))
        session_finish(session=who.session)
        done.append(who)
        shown.append((len(done), sides()))
    assert votes >= 60
    # A change comes with a whole group alone, and the first group that has 50 answers is the second.
    least = "told from 5 complete sessions with 50 answers on"
    assert {tuple(told) for n, told in shown if n < 10} == {(least, "the choices are sealed", least, least)}
    (last,) = {tuple(told) for n, told in shown if n >= 10}
    assert last[1].endswith(", of 10 complete sessions")
    assert not any("." in words for words in (last[0], last[1].partition(":")[2], *last[2:]))
    # Nor can one person be left out to see the difference.
    participant_exclude(participant=done[2], by=owner, reason="looked away")
    assert tuple(sides()) == last
    # Whoever withdraws takes the group along.
    session_withdraw(session=done[7].session)
    assert sides()[0].startswith("told from 5")
    study_unblind(study=study, by=owner, reason="a picture is broken")
    told = sides()
    assert re.fullmatch(r"\d+\.\d %", told[0])
    assert "of 10 complete" not in told[1]


def test_a_rehearsal_is_never_sealed(as_owner, owner):
    study = factories.study(owner=owner, simulated=True, state="open")
    factories.cast(factories.participant(study, is_bot=True))
    assert values(as_owner, study)["left"] == "100.0 %"


def test_who_is_where(as_owner, owner):
    study = factories.study(owner=owner, sessions_planned=8, state="open")
    done, out = factories.finished(study), factories.finished(study, choice="right")
    going, stopped, declined, gone = (factories.participant(study, ready=n != 2) for n in range(4))
    factories.cast(going)
    factories.cast(stopped)
    consent_decline(session=declined.session)
    session_withdraw(session=gone.session)
    participant_exclude(participant=out, by=owner, reason="looked away")
    study.blocks.filter(holder=stopped).update(state="done")
    found = values(as_owner, study)
    wanted = {"started": 6, "in_progress": 1, "stopped": 1, "complete": 2, "no_consent": 1, "withdrawn": 1}
    wanted |= {"left_out": 1, "failed": 0, "screened_out": 0, "answers": done.trials.count() + 2, "flagged": 0}
    assert {name: found[name] for name in wanted} == {name: str(n) for name, n in wanted.items()}
    assert found["apart"] == "nobody"
    study_unblind(study=study, by=owner, reason="a picture is broken")
    assert values(as_owner, study)["left"] == "100.0 %"  # who chose right is left out
    page = as_owner.get(at(study, "live")).content.decode()
    assert at(study, "participant", going.pk) in page
    assert at(study, "participant", stopped.pk) not in page


def test_pilots_previews_and_simulated_people_stand_apart(as_owner, owner):
    study = factories.study(owner=owner, state="pilot")
    factories.finished(study)
    factories.participant(study, is_bot=True)
    assert (values(as_owner, study)["started"], values(as_owner, study)["apart"]) == ("1", "1 simulated")
    study.participants.filter(is_bot=False).update(is_preview=True)
    assert values(as_owner, study)["apart"] == "1 previews, 1 simulated"
    assert values(as_owner, study)["sides"] == "no votes yet"


def test_before_anybody_came_every_number_has_a_reason(as_owner, open_study):
    response = as_owner.get(at(open_study, "live"))
    page = response.content.decode()
    for words in ("no votes yet", "no times yet", "the study has none", "not offered", "Two complete sessions"):
        assert words in page
    assert not re.search(r"\b(nan|NaN|inf|None)\b", page[page.index("content-main") :])
    assert as_owner.get(at(factories.study("draft", owner=open_study.owner), "live")).status_code == 200


def test_the_number_of_queries_does_not_grow(as_owner, owner):
    study = factories.study(owner=owner, sessions_planned=9, state="open")

    def queries() -> int:
        as_owner.get(at(study, "live_data"))
        with CaptureQueriesContext(connection) as found:
            as_owner.get(at(study, "live_data"))
        return len(found)

    factories.finished(study)
    factories.cast(factories.participant(study))
    before = queries()
    for _ in range(3):
        factories.finished(study)
        factories.cast(factories.participant(study))
    assert queries() == before


def test_unblinding_needs_a_reason_an_editor_and_stands_in_the_log(as_owner, owner, colleague):
    study = factories.study(owner=owner, state="open")
    study.memberships.create(user=colleague, role="analyst")
    analyst = Client()
    analyst.force_login(colleague)
    assert "Unblind" not in analyst.get(at(study, "live")).content.decode()
    assert analyst.post(at(study, "unblind"), {"reason": "curious"}).status_code == 403
    assert (
        "Say why the outcome has to be seen"
        in as_owner.post(at(study, "unblind"), {"reason": " "}, follow=True).content.decode()
    )
    assert is_sealed(study)
    page = as_owner.post(at(study, "unblind"), {"reason": "a picture is broken"}, follow=True).content.decode()
    entry = study.audit.get(action=UNBLINDED)
    assert (entry.user, entry.comment) == (owner, "a picture is broken")
    assert "a picture is broken" in page
    assert not is_sealed(study)
    assert as_owner.get(at(study, "unblind")).status_code == 302
    assert study.audit.filter(action=UNBLINDED).count() == 1


def test_a_stranger_has_no_page_and_a_viewer_has_this_one(open_study, stranger, colleague):
    client = Client()
    client.force_login(stranger)
    names = [("live", ()), ("live_data", ()), ("participants", ()), ("quotas", ()), ("reconcile", ()), ("flagged", ())]
    assert {client.get(at(open_study, name, *more)).status_code for name, more in names} == {404}
    open_study.memberships.create(user=colleague, role="viewer")
    client.force_login(colleague)
    codes = {name: client.get(at(open_study, name)).status_code for name, _ in names}
    assert codes == {
        "live": 200, "live_data": 200, "participants": 403, "quotas": 403, "reconcile": 403, "flagged": 403,
    }  # fmt: skip


def test_a_figure_takes_counts_and_nothing_else(as_owner, open_study):
    address = at(open_study, "live_bars")
    svg = as_owner.get(address, {"n": "1,0,4", "first": "<b>", "last": "x"})
    assert svg.headers["Content-Type"] == "image/svg+xml"
    assert svg.content.decode().count("<rect") == 2
    assert "<b>" not in svg.content.decode()
    for bad in ("", "a", "1,-1", ",".join(["1"] * 999), "9" * 20):
        assert as_owner.get(address, {"n": bad}).status_code == 400


def test_bars_and_bins():
    assert histogram([3, 3, 5]) == ([2, 0, 1], 3, 5)
    counts, low, high = histogram(list(range(100)))
    assert (sum(counts), len(counts) <= 24, low, high) == (100, True, 0, 99)
    assert bars([0, 0], "a", "b").count("<rect") == 0


def test_the_finish_is_reckoned_from_the_last_day():
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    old = [now - timedelta(days=3)] * 8
    found = projection(now=now, wanted=24, finished=[*old, *[now - timedelta(hours=2)] * 4])
    assert found.at == now + timedelta(days=3)  # 12 are missing, four a day
    assert found.sentence == "12 sessions are missing, and 4 were completed in the last 24 hours."
    slow = projection(now=now, wanted=12, finished=old)
    assert slow.at is not None
    assert slow.at - now == timedelta(days=1.5)
    ends = projection(now=now, wanted=24, finished=[*old, *[now] * 4], ends_at=now + timedelta(days=1))
    assert "16 are complete by 2026-12-02 12:00" in ends.sentence
    assert projection(now=now, wanted=2, finished=old).sentence == "All 2 sessions are complete."
    assert projection(now=now, wanted=9, finished=old[:1]).at is None


def test_what_a_pilot_answered_takes_no_place_of_those_who_count(as_owner, owner):
    study = factories.study(owner=owner, sessions_planned=4, state="pilot")
    factories.finished(study)
    assert values(as_owner, study)["places"] == "3 of 4"
    study_transition(study=study, to="open", by=owner)
    assert values(as_owner, study)["places"] == "4 of 4"
    factories.participant(study)
    assert values(as_owner, study)["places"] == "3 of 4"
    page = as_owner.get(at(study, "quotas")).content.decode()
    assert "0 answered or given back" in page
