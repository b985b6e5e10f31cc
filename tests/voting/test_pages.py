"""The participant's pages without a script: one way through, and a sentence wherever it ends."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from studyplatform.voting.identity import cookie_name, cookie_set
from studyplatform.voting.models import Participant, Study, Vote
from studyplatform.voting.services import study_transition
from tests import factories

pytestmark = pytest.mark.django_db


def url(name: str, study: Study) -> str:
    return reverse(f"voting:{name}", args=[study.slug])


def ballot(page: str) -> dict[str, str]:
    """The hidden fields of the plain form."""
    rest = page.split('id="ballot"', 1)[1]
    return {name: rest.split(f'name="{name}" value="', 1)[1].split('"', 1)[0] for name in ("trial", "uuid")}


def begin(study: Study) -> Client:
    """A browser at its first pair."""
    client = Client()
    for step in ("start", "consent", "instructions"):
        client.post(url(step, study))
    return client


def choose(client: Client, study: Study, choice: str = "left", **changes: object):
    page = client.get(url("trial", study)).content.decode()
    return client.post(url("trial", study), {**ballot(page), "choice": choice, **changes})


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


@pytest.mark.parametrize(
    ("state", "words"),
    [("paused", "is paused"), ("closed", "is closed"), ("archived", "is closed")],
)
def test_a_study_that_is_not_running_has_a_friendly_page(owner, client, state, words):
    study = factories.study(owner=owner, state=state)
    page = client.get(url("landing", study))
    assert page.status_code == 200
    assert words in page.content.decode()
    assert words in client.post(url("start", study)).content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_draft_is_nothing_to_strangers_and_a_friendly_page_to_its_researchers(
    owner, colleague, stranger, client, method
):
    study = factories.study(owner=owner, title="A secret plan")
    study.memberships.create(user=colleague, role="viewer")
    address = url("landing" if method == "get" else "start", study)
    for visitor in (None, stranger):
        if visitor is not None:
            client.force_login(visitor)
        answer = getattr(client, method)(address)
        assert answer.status_code == 404
        assert "secret" not in answer.content.decode()
    for researcher in (owner, colleague):
        client.force_login(researcher)
        page = getattr(client, method)(address).content.decode()
        assert "has not started" in page
        assert "A secret plan" in page
    assert not Participant.objects.exists()


def test_whoever_piloted_a_study_that_is_a_draft_again_reads_that_the_pilot_is_over(owner):
    study = factories.study(owner=owner, state="pilot")
    client = begin(study)
    study_transition(study=study, to="draft", by=owner)
    for name in ("landing", "trial"):
        assert "This pilot is over." in client.get(url(name, study), follow=True).content.decode()


def test_the_page_of_a_pause_leads_on(owner, client):
    study = factories.study(owner=owner, state="open")
    voting = begin(study)
    study_transition(study=study, to="paused", by=owner)
    way = f'id="paused"><a class="go" href="{url("landing", study)}">'
    for name in ("landing", "trial"):
        page = voting.get(url(name, study), headers={"Accept-Language": "de"}).content.decode()
        assert f"{way}Weitermachen</a>" in page
        assert "voting/paused" in page
    assert way not in client.get(url("landing", study)).content.decode()  # who never began waits for nothing
    study_transition(study=study, to="open", by=owner)
    page = voting.get(url("landing", study)).content.decode()
    assert 'id="paused"' not in page
    assert "Continue" in page


@pytest.mark.parametrize("state", ["paused", "closed", "archived"])
def test_nobody_is_led_on_where_no_vote_is_taken(open_study, owner, state):
    voting, fresh, done = begin(open_study), Client(), begin(open_study)
    fresh.post(url("start", open_study))
    for _ in range(4):
        choose(done, open_study)
    old = ballot(voting.get(url("trial", open_study)).content.decode())
    for to in {"archived": ("closed", "archived")}.get(state, (state,)):
        study_transition(study=open_study, to=to, by=owner)
    Study.objects.exclude(votes_until=None).update(votes_until=timezone.now() - timedelta(seconds=1))
    words = "is paused" if state == "paused" else "is closed"
    pages = [voting.get(url(name, open_study)) for name in ("landing", "instructions", "trial")]
    pages += [fresh.get(url(name, open_study)) for name in ("landing", "consent")]
    pages += [fresh.post(url("consent", open_study)), voting.post(url("trial", open_study), {**old, "choice": "up"})]
    for page in (p.content.decode() for p in pages):
        assert words in page
        assert "Continue" not in page
        assert 'id="ballot"' not in page
        assert url("withdraw", open_study) in page
    assert fresh.get(url("trial", open_study)).url == url("consent", open_study)
    # Whoever answered everything still finds the completion code.
    landing = done.get(url("landing", open_study), follow=True).content.decode()
    assert Participant.objects.get(completion_code__isnull=False).completion_code.code in landing


def test_within_the_grace_period_a_session_goes_on(open_study, owner):
    client = begin(open_study)
    study_transition(study=open_study, to="closed", by=owner)
    assert "Continue" in client.get(url("landing", open_study)).content.decode()
    assert 'id="ballot"' in client.get(url("trial", open_study)).content.decode()
    assert "This study is closed" in Client().get(url("landing", open_study)).content.decode()


def test_a_full_study_has_a_friendly_page(owner, client):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    factories.participant(study)
    answer = client.post(url("start", study))
    assert answer.status_code == 409
    assert "all the participants it needs" in answer.content.decode()


def test_a_vote_into_a_study_closed_for_good_is_a_sentence(open_study, owner):
    client = begin(open_study)
    study_transition(study=open_study, to="closed", by=owner)
    assert choose(client, open_study).status_code == 302  # within the grace period
    shown = ballot(client.get(url("trial", open_study)).content.decode())
    Study.objects.update(votes_until=timezone.now() - timedelta(seconds=1))
    answer = client.post(url("trial", open_study), {**shown, "choice": "left"})
    assert answer.status_code == 410
    assert "This study is closed" in answer.content.decode()


def test_withdrawing_asks_once_and_ends_it(open_study):
    client = begin(open_study)
    choose(client, open_study)
    assert "Withdraw from this study?" in client.get(url("withdraw", open_study)).content.decode()
    client.post(url("withdraw", open_study))
    assert "You have withdrawn" in client.get(url("landing", open_study)).content.decode()
    assert client.get(url("trial", open_study)).url == url("landing", open_study)


def test_pages_are_never_cached_and_carry_the_strict_policy(open_study):
    client = begin(open_study)
    for name in ("landing", "instructions", "trial", "withdraw"):
        page = client.get(url(name, open_study))
        assert "no-store" in page["Cache-Control"]
        policy = page["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        text = page.content.decode()
        assert "style=" not in text
        assert "<script>" not in text
        assert "onclick" not in text


def test_the_cookie_is_signed_httponly_and_host_only_over_https(open_study, settings):
    client = begin(open_study)
    cookie = client.cookies[cookie_name(open_study.slug)]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    client.cookies[cookie_name(open_study.slug)] = cookie.value[:-1] + ("A" if cookie.value[-1] != "A" else "B")
    assert client.get(url("trial", open_study)).url == url("landing", open_study)
    settings.SESSION_COOKIE_SECURE = True
    response = client.get(url("landing", open_study))
    cookie_set(response, Participant.objects.get())
    secure = response.cookies[f"__Host-eyeballot-{open_study.slug}"]
    assert secure["secure"]
    assert secure["path"] == "/"
    assert not secure["domain"]


def test_a_question_with_a_reference_shows_it(owner):
    study = factories.study(owner=owner, questions=("style",), state="open")
    page = begin(study).get(url("trial", study)).content.decode()
    reference = study.stimuli.filter(role="reference")
    assert any(s.public_name in page for s in reference)
    assert "Which better shows the style of this picture?" in page


def test_ties_are_offered_only_where_allowed(open_study, owner):
    assert 'value="tie"' not in begin(open_study).get(url("trial", open_study)).content.decode()
    study = factories.study("ties", owner=owner, allow_ties=True, state="open")
    client = begin(study)
    assert 'value="tie"' in client.get(url("trial", study)).content.decode()
    choose(client, study, "tie")
    assert Vote.objects.get().choice == "tie"


def test_a_rehearsal_says_simulated_on_every_page(owner):
    study = factories.study(owner=owner, simulated=True, state="open")
    client = begin(study)
    for name in ("landing", "instructions", "trial", "withdraw"):
        assert "SIMULATED" in client.get(url(name, study)).content.decode()
    assert Participant.objects.get().is_preview


def test_an_unknown_study_is_not_found(client, db):
    assert client.get("/s/nothing-here/").status_code == 404


def test_whoever_is_done_finds_the_code_at_the_start_page(open_study):
    client = begin(open_study)
    for _ in range(4):
        choose(client, open_study)
    assert client.get(url("landing", open_study)).url == url("thanks", open_study)


def test_the_instructions_read_again_go_on_with_the_next_pair(open_study):
    client = begin(open_study)
    assert "Show me the first pair" in client.get(url("instructions", open_study)).content.decode()
    choose(client, open_study)
    page = client.get(url("instructions", open_study)).content.decode()
    assert "Continue with the next pair" in page
    assert "side by side" not in page
    assert "Step 2 of 2" in page


def test_no_page_links_to_itself(owner, client):
    running = factories.study("running", owner=owner, state="open")
    gone = begin(running)
    gone.post(url("withdraw", running))
    closed = factories.study(owner=owner, state="closed")
    for page in (gone.get(url("landing", running)), client.get(url("landing", closed))):
        assert f'href="{page.request["PATH_INFO"]}"' not in page.content.decode()


def test_a_drafts_researchers_read_who_sees_the_page(owner, colleague, client):
    study = factories.study(owner=owner)
    client.force_login(owner)
    page = client.get(url("landing", study)).content.decode()
    assert "Only you see this page; people see it once the study is open." in page
    assert reverse("admin:voting_study_change", args=[study.pk]) in page
    study.memberships.create(user=colleague, role="viewer")
    assert "Only the researchers of this study" in client.get(url("landing", study)).content.decode()


def test_to_decline_is_one_press_and_stores_nothing(open_study, client):
    client.post(url("start", open_study))
    assert url("decline", open_study) in client.get(url("consent", open_study)).content.decode()
    assert client.post(url("decline", open_study), follow=True).status_code == 200
    page = client.get(url("landing", open_study)).content.decode()
    assert "You have chosen not to take part" in page
    for name in ("consent", "instructions", "trial", "thanks", "checks", "debrief"):
        assert client.get(url(name, open_study)).url == url("landing", open_study)


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


def test_practice_is_counted_apart_on_the_plain_page(owner):
    study = factories.study(owner=owner, practice_trials=2, state="open")
    client = begin(study)
    page = client.get(url("trial", study))
    assert (page.context["practising"], page.context["total"]) == (True, 2)
    choose(client, study)
    choose(client, study)
    page = client.get(url("trial", study))
    assert (page.context["practising"], page.context["answered"], page.context["total"]) == (False, 0, 4)


def test_whoever_comes_back_late_is_led_as_the_study_says(owner):
    study = factories.study(owner=owner, resume="instructions", resume_after_minutes=5, state="open")
    client = begin(study)
    session = Participant.objects.get().session
    session.instructed_at -= timedelta(minutes=6)
    session.save()
    assert client.get(url("trial", study)).url == url("instructions", study)
    client.post(url("instructions", study))
    assert client.get(url("trial", study)).status_code == 200


def test_a_pilot_does_not_say_that_its_answers_count(owner):
    for state, says in (("pilot", "as in the study itself"), ("open", "your answers count")):
        study = factories.study(state, owner=owner, state=state, practice_trials=2)
        page = begin(study).get(url("trial", study)).content.decode()
        words = page.split('id="counts-dialog"')[1].split("</dialog>")[0]
        assert says in words
        assert ("answers count" in words) == (state == "open")
