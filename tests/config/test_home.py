"""The first page: the question, where to vote, what came out, sign in; the admin's first page beside it."""

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from studyplatform.config.admin_site import BEGINNINGS
from studyplatform.voting.models import Panel, Study
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_empty_house_says_so(client: Client) -> None:
    page = client.get("/").content.decode()
    assert "Does the image with the minimum loss match what people prefer?" in page
    assert "No study is open at the moment" in page
    assert "No report is public yet" in page
    assert reverse("admin:login") in page


def test_what_is_opened_alone_finds_the_mark(client: Client) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 302
    assert finders.find(answer["Location"].removeprefix(settings.STATIC_URL)).endswith("mark.svg")


def test_an_open_study_shows_a_pair_the_question_and_the_minutes(client: Client, open_study: Study) -> None:
    page = client.get("/").content.decode()
    assert open_study.title in page
    assert reverse("voting:landing", args=[open_study.slug]) in page
    assert "Which looks more natural?" in page
    assert "about 1 minute" in page
    pictures = [part.split('"')[0] for part in page.split('src="')[1:] if part.startswith("/stimuli/")]
    assert len(set(pictures)) == 2
    assert all(client.get(address).status_code == 200 for address in pictures)


def test_drafts_closed_studies_and_rehearsals_are_not_offered(client: Client, open_study: Study) -> None:
    Study.objects.filter(pk=open_study.pk).update(simulated=True)
    assert open_study.title not in client.get("/").content.decode()
    Study.objects.filter(pk=open_study.pk).update(simulated=False, state="closed")
    assert open_study.title not in client.get("/").content.decode()


def test_a_study_for_a_panel_is_not_named(client: Client, open_study: Study, stranger: User) -> None:
    Panel.objects.create(study=open_study, provider="prolific", complete_code="C")
    for visitor in (None, stranger):
        if visitor is not None:
            client.force_login(visitor)
        page = client.get("/").content.decode()
        assert open_study.title not in page
        assert "/stimuli/" not in page


def test_the_admin_opens_on_studies_and_grids(as_owner: Client, open_study: Study) -> None:
    page = as_owner.get(reverse("admin:index")).content.decode()
    assert "Eyeballot" in page
    assert open_study.title in page
    assert "rendered" in page


def test_another_researcher_sees_neither(open_study: Study) -> None:
    client = Client()
    client.force_login(factories.user("somebody-else"))
    page = client.get(reverse("admin:index")).content.decode()
    assert open_study.title not in page
    grid = open_study.grids.get()
    assert client.get(reverse("generation:grid", args=[grid.slug])).status_code == 404


def test_the_owner_sees_the_contact_sheet_and_its_pictures(as_owner: Client, open_study: Study) -> None:
    grid = open_study.grids.get()
    page = as_owner.get(reverse("generation:grid", args=[grid.slug]))
    assert page.status_code == 200
    cell = grid.cells.first()
    assert cell is not None
    for name in ("image", "thumbnail"):
        picture = as_owner.get(reverse(f"generation:{name}", args=[grid.slug, cell.render.image_id]))
        assert picture.status_code == 200
    foreign = as_owner.get(reverse("generation:image", args=[grid.slug, "0" * 64]))
    assert foreign.status_code == 404


def test_a_new_researcher_may_begin_everything_without_any_permission() -> None:
    client = Client()
    client.force_login(factories.user("new"))
    page = client.get(reverse("admin:index")).content.decode()
    for words, name in BEGINNINGS:
        assert f'href="{reverse(name)}">{words}</a>' in page
        assert client.get(reverse(name)).status_code == 200, name
    tables = [
        part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/admin/") and "/add/" not in part
    ]
    assert reverse("admin:voting_auditentry_changelist") in tables
    assert reverse("admin:auth_user_changelist") not in tables
    assert {address: client.get(address).status_code for address in tables if "logout" not in address} == {
        address: 200 for address in tables if "logout" not in address
    }


def test_a_superuser_makes_a_researcher_in_the_admin(client: Client) -> None:
    client.force_login(factories.user("root", superuser=True))
    add = reverse("admin:auth_user_add")
    sent = {"username": "ada", "usable_password": "true", "password1": "lovelace-1843", "password2": "lovelace-1843"}
    assert client.post(add, sent).status_code == 302
    ada = User.objects.get(username="ada")
    page = client.get(reverse("admin:auth_user_change", args=[ada.pk])).content.decode()
    assert "eyeballot/admin.css" in page
    assert 'name="is_staff"' in page
