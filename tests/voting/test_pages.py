"""The participant's pages without a script: one way through, and a sentence wherever it ends."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client

from studyplatform.voting.models import Participant, Vote
from tests import factories
from tests.voting.plain_pages import ballot, begin, choose, url

pytestmark = pytest.mark.django_db


def test_the_whole_way(open_study, client):
    page = client.get(url("landing", open_study))
    assert open_study.title in page.content.decode()
    assert not Participant.objects.exists()
    assert client.post(url("start", open_study)).url == url("consent", open_study)
    assert "voluntary" in client.get(url("consent", open_study)).content.decode()
    assert client.post(url("consent", open_study)).url == url("instructions", open_study)
    assert "<kbd>←</kbd>" in client.get(url("instructions", open_study)).content.decode()
    window = {"width": "1280", "height": "800", "ratio": "2"}
    assert client.post(url("instructions", open_study), window).url == url("trial", open_study)
    for choice in ("left", "right", "left"):
        assert choose(client, open_study, choice).url == url("trial", open_study)
    assert choose(client, open_study).url == url("thanks", open_study)
    code = Participant.objects.get().trials.count() and client.get(url("thanks", open_study)).content.decode()
    assert Participant.objects.get().completion_code.code in code
    assert Participant.objects.get().session.viewport_width == 1280
    assert [v.choice for v in Vote.objects.order_by("trial__position")] == ["left", "right", "left", "left"]


def test_looking_never_starts_a_session(open_study, client):
    for _ in range(3):
        assert client.get(url("landing", open_study)).status_code == 200
    assert client.get(url("start", open_study)).status_code == 405
    for name in ("consent", "instructions", "trial", "thanks", "withdraw"):
        assert client.get(url(name, open_study)).url == url("landing", open_study)
    assert not Participant.objects.exists()


def test_starting_twice_goes_on_with_the_same_session(open_study):
    client = begin(open_study)
    choose(client, open_study)
    assert "Continue" in client.get(url("landing", open_study)).content.decode()
    assert client.post(url("start", open_study)).url == url("trial", open_study)
    assert Participant.objects.count() == 1


def test_steps_cannot_be_skipped(open_study, client):
    client.post(url("start", open_study))
    for name in ("instructions", "trial", "thanks"):
        assert client.get(url(name, open_study)).url == url("consent", open_study)
    client.post(url("consent", open_study))
    assert client.get(url("trial", open_study)).url == url("instructions", open_study)
    assert client.get(url("thanks", open_study)).url == url("instructions", open_study)


def test_reload_shows_the_same_pair_until_it_is_answered(open_study):
    client = begin(open_study)
    first = ballot(client.get(url("trial", open_study)).content.decode())["trial"]
    assert ballot(client.get(url("trial", open_study)).content.decode())["trial"] == first
    choose(client, open_study)
    assert ballot(client.get(url("trial", open_study)).content.decode())["trial"] != first


def test_back_and_another_choice_is_told_and_the_first_stands(open_study):
    client = begin(open_study)
    old = ballot(client.get(url("trial", open_study)).content.decode())
    client.post(url("trial", open_study), {**old, "choice": "left"})
    again = client.post(url("trial", open_study), {**old, "choice": "left"})
    assert again.url == url("trial", open_study)
    other = client.post(url("trial", open_study), {**old, "choice": "right"})
    assert other.status_code == 409
    assert "your first answer stands" in other.content.decode()
    assert ballot(other.content.decode())["trial"] != old["trial"]
    assert Vote.objects.get().choice == "left"


def test_a_foreign_pair_is_a_sentence(open_study):
    mine, theirs = begin(open_study), factories.participant(open_study)
    answer = mine.post(url("trial", open_study), {"trial": theirs.trials.first().pk, "uuid": uuid4(), "choice": "left"})
    assert answer.status_code == 404
    assert "There is no such pair in your session." in answer.content.decode()
    assert not Vote.objects.exists()


def test_nonsense_is_asked_again(open_study):
    client = begin(open_study)
    for changes in ({"choice": "up"}, {"uuid": "x"}, {"trial": "-1"}, {"trial": "9" * 30}):
        assert choose(client, open_study, **{"choice": "left", **changes}).status_code == 400
    assert not Vote.objects.exists()


def test_the_screen_checks_stand_between_consent_and_instructions(owner, client):
    checks = {"check_window": True, "check_brightness": True, "check_colour": True, "screen_out": True}
    study = factories.study(owner=owner, state="open", **checks)
    client.post(url("start", study))
    assert "Step 1 of 3" in client.get(url("consent", study)).content.decode()
    assert client.post(url("consent", study)).url == url("checks", study)
    page = client.get(url("checks", study)).content.decode()
    addresses = {part.split('"')[0] for part in page.split('src="')[1:] if "/checks/" in part}
    assert len(addresses) == 4
    for address in addresses:
        picture = client.get(address)
        assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/png")
        assert Client().get(address).status_code == 302  # nobody else's
    assert client.get(url("trial", study)).url == url("checks", study)
    wrong = {"tries": "0", "shapes": "x", "plate0": "", "px_per_mm": "wide"}
    assert client.post(url("checks", study), wrong).url == url("checks", study)
    assert "That did not fit." in client.get(url("checks", study)).content.decode()
    client.post(url("checks", study), {"tries": "1", "shapes": "1"})
    assert "does not fit what this study needs" in client.get(url("landing", study)).content.decode()
    assert client.get(next(iter(addresses))).status_code == 404


def test_practice_is_counted_apart_on_the_plain_page(owner):
    study = factories.study(owner=owner, practice_trials=2, state="open")
    client = begin(study)
    page = client.get(url("trial", study))
    assert (page.context["practising"], page.context["total"]) == (True, 2)
    choose(client, study)
    choose(client, study)
    page = client.get(url("trial", study))
    assert (page.context["practising"], page.context["answered"], page.context["total"]) == (False, 0, 4)


def test_the_instructions_read_again_go_on_with_the_next_pair(open_study):
    client = begin(open_study)
    assert "Show me the first pair" in client.get(url("instructions", open_study)).content.decode()
    choose(client, open_study)
    page = client.get(url("instructions", open_study)).content.decode()
    assert "Continue with the next pair" in page
    assert "side by side" not in page
    assert "Step 2 of 2" in page


def test_whoever_comes_back_late_is_led_as_the_study_says(owner):
    study = factories.study(owner=owner, resume="instructions", resume_after_minutes=5, state="open")
    client = begin(study)
    session = Participant.objects.get().session
    session.instructed_at -= timedelta(minutes=6)
    session.save()
    assert f'action="{url("back", study)}"' in client.get(url("trial", study)).content.decode()
    assert client.post(url("back", study)).url == url("instructions", study)
    client.post(url("instructions", study))
    assert client.get(url("trial", study)).status_code == 200


def test_withdrawing_asks_once_and_ends_it(open_study):
    client = begin(open_study)
    choose(client, open_study)
    assert "Withdraw from this study?" in client.get(url("withdraw", open_study)).content.decode()
    client.post(url("withdraw", open_study))
    assert "You have withdrawn" in client.get(url("landing", open_study)).content.decode()
    assert client.get(url("trial", open_study)).url == url("landing", open_study)


def test_to_decline_is_one_press_and_stores_nothing(open_study, client):
    client.post(url("start", open_study))
    assert url("decline", open_study) in client.get(url("consent", open_study)).content.decode()
    assert client.post(url("decline", open_study), follow=True).status_code == 200
    page = client.get(url("landing", open_study)).content.decode()
    assert "You have chosen not to take part" in page
    for name in ("consent", "instructions", "trial", "thanks", "checks", "debrief"):
        assert client.get(url(name, open_study)).url == url("landing", open_study)


def test_debrief_and_thanks_and_the_own_result(owner, client):
    study = factories.study(owner=owner, ask_debrief=True, show_own_result=True, state="open")
    client = begin(study)
    for _ in range(4):
        answer = choose(client, study)
    assert answer.url == url("debrief", study)
    page = client.get(url("debrief", study)).content.decode()
    assert "Did anything not work" in page
    assert Participant.objects.get().session.outcome == "complete"  # whatever happens now
    assert client.post(url("debrief", study), {"looked_at": "the sky"}).url == url("thanks", study)
    page = client.get(url("thanks", study)).content.decode()
    assert "You preferred the picture with the lower loss in" in page
    assert client.get(url("debrief", study)).url == url("thanks", study)


def test_whoever_is_done_finds_the_code_at_the_start_page(open_study):
    client = begin(open_study)
    for _ in range(4):
        choose(client, open_study)
    assert client.get(url("landing", open_study)).url == url("thanks", open_study)
