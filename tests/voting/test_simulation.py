"""Simulated participants come in by the front door, marked, and only where they belong."""

import json

import pytest
from django.core.management import CommandError, call_command

from studyplatform.voting.core.observers import Observers
from studyplatform.voting.models import Participant, Study, Vote
from studyplatform.voting.services import StudyError
from studyplatform.voting.simulation import Network, ServerError, simulate_study, utilities_favouring
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rehearsal() -> Study:
    return factories.study(
        simulated=True, trials_per_session=12, sessions_planned=12, show_photograph=True, state="open"
    )


def wins(study: Study) -> dict[str, float]:
    """Share of its pairs that each condition won."""
    won, shown = {}, {}
    for vote in Vote.objects.filter(study=study).select_related("trial__left", "trial__right"):
        pair = {"left": vote.trial.left.label, "right": vote.trial.right.label}
        for side, label in pair.items():
            shown[label] = shown.get(label, 0) + 1
            won[label] = won.get(label, 0) + (vote.choice == side)
    return {label: won[label] / shown[label] for label in shown}


def test_the_planted_favourite_comes_out(rehearsal, live_server):
    crowd = Observers(utilities_favouring(rehearsal, "lr 0.1", strength=3.0), taste_sd=0.2)
    seen = []
    played = simulate_study(
        study=rehearsal, base_url=live_server.url, observers=crowd, participants=8, progress=lambda *p: seen.append(p)
    )
    assert (played.started, played.finished, played.votes) == (8, 8, 96)
    assert sorted(seen) == [(n, 8) for n in range(1, 9)]
    people = Participant.objects.all()
    assert all(p.is_bot and not p.is_preview and p.session.finished_at for p in people)
    shares = wins(rehearsal)
    assert max(shares, key=shares.__getitem__) == "lr 0.1"
    assert Vote.objects.filter(rt_ms__gt=249).count() == 96


def test_scenes_may_be_named_by_label_and_unknown_pictures_are_refused(rehearsal, live_server):
    crowd = Observers({("Cat", "lr 1"): 6.0, ("Coffee", "lr 1"): 6.0}, taste_sd=0, lapse=0)
    simulate_study(study=rehearsal, base_url=live_server.url, observers=crowd, participants=2)
    assert wins(rehearsal)["lr 1"] > 0.9
    with pytest.raises(StudyError, match=r"no picture \('Cat', 'lr 7'\)"):
        simulate_study(
            study=rehearsal, base_url=live_server.url, observers=Observers({("Cat", "lr 7"): 1.0}), participants=1
        )


def test_the_same_seed_gives_the_same_votes(live_server):
    choices = []
    for slug in ("one", "two"):
        study = factories.study(slug, simulated=True, trials_per_session=6, sessions_planned=3, state="open")
        simulate_study(study=study, base_url=live_server.url, observers=Observers({}, seed=4), participants=3)
        trials = study.trials.order_by("participant", "position").select_related("left", "right")
        choices.append([(t.left.label, t.right.label, t.votes.get().choice) for t in trials])
    assert choices[0] == choices[1]


def test_who_left_early_is_taken_up_again(rehearsal, live_server):
    left = simulate_study(
        study=rehearsal, base_url=live_server.url, observers=Observers({}, dropout=0.3), participants=4
    )
    assert left.finished < 4
    again = simulate_study(study=rehearsal, base_url=live_server.url, observers=Observers({}), participants=4)
    assert again.finished == 4
    assert Participant.objects.count() == 4 + left.finished


def test_a_study_that_asks_people_is_refused(live_server):
    study = factories.study(state="open")
    with pytest.raises(StudyError, match="must never stand among theirs"):
        simulate_study(study=study, base_url=live_server.url, observers=Observers({}), participants=1)
    assert not Participant.objects.exists()


def test_a_server_that_is_not_there_is_a_sentence(rehearsal, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(ServerError, match="cannot be reached"):
        simulate_study(study=rehearsal, base_url="http://127.0.0.1:9", observers=Observers({}), participants=1)


def test_the_command(rehearsal, live_server, tmp_path, capsys):
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"Cat": {"lr 1": 2.0}, "Coffee": {"lr 1": 2.0}}))
    call_command("simulate", "study", "--participants", "2", "--truth", str(truth), "--url", live_server.url)
    assert "SIMULATED: 2 participants, 2 finished, 24 votes" in capsys.readouterr().out
    for arguments, words in (
        (["nothing"], "There is no study 'nothing'. Studies: study."),
        (["study", "--favourite", "lr 9"], "lr 0.01, lr 0.1, lr 1"),
        (["study", "--truth", str(tmp_path / "none.json")], "cannot be used"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("simulate", *arguments, "--url", live_server.url)


def test_the_photograph_may_be_the_favourite_of_a_study_that_asks_for_it(live_server, capsys):
    study = factories.study(questions=("real",), simulated=True, trials_per_session=6, sessions_planned=8, state="open")
    call_command("simulate", "study", "--participants", "8", "--favourite", "photograph", "--url", live_server.url)
    assert "8 finished, 48 votes" in capsys.readouterr().out
    assert set(study.trials.values_list("kind", flat=True)) == {"real_fake"}
    shares = wins(study)
    assert max(shares, key=shares.__getitem__) == "photograph"
    assert shares["photograph"] > 0.6


def test_on_a_slow_line_that_loses_answers_every_vote_is_stored_once(live_server):
    study = factories.study(simulated=True, trials_per_session=6, sessions_planned=4, state="open")
    network = Network(delay_ms=5, lost=0.3, seed=3)
    played = simulate_study(
        study=study, base_url=live_server.url, observers=Observers({}), participants=4, network=network
    )
    assert (played.finished, played.votes) == (4, 24)
    assert Vote.objects.count() == 24


def test_people_who_look_pass_the_catch_pairs_and_the_checks_and_spammers_do_not(live_server):
    checks = {"check_brightness": True, "check_colour": True, "screen_out": True}
    study = factories.study(
        simulated=True, trials_per_session=4, sessions_planned=12, catch_trials=6, state="open", **checks
    )

    def passed(first: int) -> float:
        people = Participant.objects.order_by("pk")[first : first + 6]
        caught = Vote.objects.filter(trial__participant__in=list(people), trial__kind="catch")
        assert caught.count() == 36
        return sum(v.choice == v.trial.expected for v in caught.select_related("trial")) / 36

    simulate_study(study=study, base_url=live_server.url, observers=Observers({}, lapse=0), participants=6)
    assert passed(0) == 1
    crowd = Observers({}, spammers=1.0, spam="random")
    simulate_study(study=study, base_url=live_server.url, observers=crowd, participants=6)
    assert 0.2 < passed(6) < 0.8


def test_a_command_with_a_share_that_is_none_says_so(rehearsal):
    with pytest.raises(CommandError, match="no share"):
        call_command("simulate", rehearsal.slug, spammers=3.0)
