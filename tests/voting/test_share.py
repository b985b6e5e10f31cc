"""The page with the link: right in every state, for people and for panels; the code leads where the link does."""

from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from studyplatform.voting.admin.pages.share import is_only_here
from studyplatform.voting.models import Block, Panel, Study
from studyplatform.voting.selectors.links import panel_link, places_left, start_sentence
from tests import factories

pytestmark = pytest.mark.django_db
LINK = "https://study.example/s/study/"


def page_of(client: Client, study: Study, name: str = "share") -> Any:
    return client.get(reverse(f"admin:voting_study_{name}", args=[study.pk]), headers={"host": "testserver"})


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("draft", "The link will work once the study is open"),
        ("pilot", "takes people for the pilot now, whose answers are not counted in the study: 6 of 6 places are free"),
        ("open", "The link takes people now: 6 of 6 places are free."),
        ("paused", "The study is paused: nobody can start or go on"),
        ("closed", "The study is closed: the link says so"),
        ("archived", "The study is archived"),
    ],
)
def test_it_works_in_every_state(as_owner, owner, state, said):
    study = factories.study(owner=owner, state=state)
    page = page_of(as_owner, study).content.decode()
    assert said in page
    assert 'value="http://testserver/s/study/"' in page
    assert page_of(as_owner, study, "share_svg").content.startswith(b"<?xml")


def test_places_and_dates_are_counted(owner):
    study = factories.study(owner=owner, state="open", sessions_planned=2)
    now = timezone.now()
    factories.participant(study)
    assert start_sentence(study) == "The link takes people now: 1 of 2 places is free."
    factories.participant(study)
    assert start_sentence(study).startswith("All places are taken")
    # Who has not answered for too long holds a place no more.
    Block.objects.filter(study=study).update(expires_at=now - timedelta(minutes=1))
    assert places_left(study, now) == 2
    factories.cast(study.participants.first())
    assert places_left(study, now) == 1
    study.ends_at = now + timedelta(hours=1)
    assert start_sentence(study).startswith("The link takes people now, until 20")
    study.opens_at = now + timedelta(minutes=30)
    assert "nobody can start before 20" in start_sentence(study)
    study.opens_at, study.ends_at = None, now - timedelta(minutes=1)
    assert "Nobody can start since 20" in start_sentence(study)
    study.simulated = True
    assert "for simulated participants" in start_sentence(study)


def test_what_the_sentence_says_is_what_happens(owner):
    study = factories.study(owner=owner, state="open")
    now = timezone.now()
    for fields, takes in (
        ({}, True),
        ({"opens_at": now + timedelta(hours=1)}, False),
        ({"ends_at": now - timedelta(hours=1)}, False),
    ):
        Study.objects.filter(pk=study.pk).update(**({"opens_at": None, "ends_at": None} | fields))
        study.refresh_from_db()
        answer = Client().post(reverse("voting:start", args=[study.slug]))
        assert (answer.status_code == 302) is takes
        assert start_sentence(study).startswith("The link takes people now") is takes


@pytest.mark.parametrize(
    ("provider", "query", "by_hand", "adds"),
    [
        ("prolific", "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}", (), ()),
        ("sona", "sona_code=%SURVEY_CODE%", (), ()),
        ("connect", "", (), ("participantId", "assignmentId", "projectId")),
        ("mturk", "", (), ("workerId", "assignmentId", "hitId", "turkSubmitTo")),
        ("generic", "id=ID", ("id",), ()),
    ],
)
def test_each_panel_is_given_its_own_link(provider, query, by_hand, adds):
    link = panel_link(Panel(provider=provider), LINK)
    assert link.link == LINK + (f"?{query}" if query else "")
    assert (link.by_hand, link.adds) == (by_hand, adds)


def test_own_parameters_of_a_panel_stand_in_the_link():
    link = panel_link(Panel(provider="generic", id_parameter="who", captured="wave, group"), LINK)
    assert (link.link, link.by_hand) == (LINK + "?who=WHO&wave=WAVE&group=GROUP", ("who", "wave", "group"))
    prolific = panel_link(Panel(provider="prolific", captured="STUDY_ID,age"), LINK)
    assert prolific.by_hand == ("age",)


def test_a_filled_in_link_starts_the_session_of_that_person(as_owner, owner):
    study = factories.study(owner=owner, state="open")
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE1", failed_code="FAIL4")
    page = page_of(as_owner, study).content.decode()
    for word in (
        "DONE1",
        "FAIL4",
        "not set",
        "Without the panel",
        "https://app.prolific.com/submissions/complete?cc={code}",
    ):
        assert word in page
    assert "{{%PROLIFIC_PID%}}" in page
    link = panel_link(study.panel, "http://testserver/s/study/").link
    filled = (
        link.replace("{{%PROLIFIC_PID%}}", "5f3a").replace("{{%STUDY_ID%}}", "s1").replace("{{%SESSION_ID%}}", "x1")
    )
    sent = {name: values[0] for name, values in parse_qs(urlsplit(filled).query).items()}
    assert Client().post(reverse("voting:start", args=[study.slug]), sent).status_code == 302
    assert study.participants.get().panel.external_id == "5f3a"
    # Without the panel's id nobody starts, as the page says.
    assert Client().post(reverse("voting:start", args=[study.slug])).status_code == 409


def modules(png: bytes) -> tuple[int, ...]:
    """The first row of finder pattern modules of the code, dark 1, light 0."""
    picture = Image.open(BytesIO(png)).convert("L")
    scale, border = 16, 4
    row = (border + 3) * scale + scale // 2
    return tuple(int(picture.getpixel(((border + n) * scale + scale // 2, row)) < 128) for n in range(7))


def test_the_code_is_one_that_scanners_read(as_owner, owner):
    study = factories.study(owner=owner)
    answer = page_of(as_owner, study, "share_png")
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"] == 'attachment; filename="study-link.png"'
    assert modules(answer.content) == (1, 0, 1, 1, 1, 0, 1)
    size = Image.open(BytesIO(answer.content)).size
    assert size[0] == size[1]
    assert (size[0] // 16 - 8 - 21) % 4 == 0  # a square of 21 + 4 n modules, and four light ones around it
    other = factories.study("another-address", owner=owner)
    assert page_of(as_owner, other, "share_png").content != answer.content
    svg = page_of(as_owner, study, "share_svg")
    assert svg["Content-Type"] == "image/svg+xml"
    assert b"style=" not in svg.content
    assert b"<script" not in svg.content


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("study.localhost", True),
        ("192.168.1.4:8000", False),
        ("study.example", False),
    ],
)
def test_an_address_of_this_computer_alone_is_said(host, here):
    assert is_only_here(host) is here


def test_members_see_it_and_nobody_else(owner, colleague, stranger):
    study = factories.study(owner=owner)
    study.memberships.create(user=colleague, role="viewer")
    codes = {}
    for who in (colleague, stranger):
        client = Client()
        client.force_login(who)
        codes[who.username] = {page_of(client, study, name).status_code for name in ("share", "share_svg", "share_png")}
    assert codes == {"colleague": {200}, "stranger": {404}}


def test_no_page_of_the_study_starts_a_session(as_owner, owner):
    study = factories.study(owner=owner, state="open")
    for name in ("share", "share_svg", "preview", "copy", "file", "file_download"):
        assert page_of(as_owner, study, name).status_code == 200
    assert not study.participants.exists()
    assert Study.everything.count() == 1
