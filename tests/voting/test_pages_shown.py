"""What the participant's pages carry and show: headers, a cookie, references, ties, a rehearsal's mark, links."""

import pytest

from studyplatform.voting.identity import cookie_name, cookie_set
from studyplatform.voting.models import Participant, Vote
from tests import factories
from tests.voting.plain_pages import begin, choose, url

pytestmark = pytest.mark.django_db


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


def test_no_page_links_to_itself(owner, client):
    running = factories.study("running", owner=owner, state="open")
    gone = begin(running)
    gone.post(url("withdraw", running))
    closed = factories.study(owner=owner, state="closed")
    for page in (gone.get(url("landing", running)), client.get(url("landing", closed))):
        assert f'href="{page.request["PATH_INFO"]}"' not in page.content.decode()
