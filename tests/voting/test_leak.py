"""Nothing a participant can get tells what made a picture (fault F16): pages, JSON, headers, names, chunks, order."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import Artifact, Condition, Render, Scene
from studyplatform.voting import selectors
from studyplatform.voting.models import Participant, Study
from tests import factories

pytestmark = pytest.mark.django_db
# A number that no clock and no random name shows by chance.
RATES = (0.831729, 4.271963, 9.553117)


def secrets(study: Study) -> set[str]:
    """Everything that must not be seen: labels, parameters, digests, slugs of grids."""
    words = {s.label for s in study.stimuli.all()}
    words |= {f'"{c.method}"' for c in Condition.objects.all()} | {"learning", "adam", "total_loss", "0.831729"}
    words |= set(Render.objects.values_list("digest", flat=True)) | set(Scene.objects.values_list("digest", flat=True))
    words |= set(Artifact.objects.values_list("sha256", flat=True))
    words |= set(study.grids.values_list("slug", flat=True)) | {
        '"control"',
        '"grid"',
        "photograph",
        "design_prob",
        "catch",
    }
    return words - {"style", "content"}


def seen_in(text: str, hidden: set[str]) -> list[str]:
    """The secrets that stand in ``text`` by themselves: a random token spells "adam" once in some hundred runs."""
    text = text.lower()
    return [w for w in hidden if re.search(rf"(?<![a-z0-9]){re.escape(w.lower())}(?![a-z0-9])", text)]


def test_a_secret_is_seen_in_any_case_beside_any_sign_but_not_inside_a_token() -> None:
    assert seen_in('{"optimizer": "Adam"} adam_lr x-adam.png', {"adam"}) == ["adam"]
    assert seen_in("lr 0.831729, q8xAdAmT2", {"adam", "0.831729"}) == ["0.831729"]
    assert not seen_in("csrfmiddlewaretoken=q8xAdAmT2", {"adam"})


def crawl(study: Study) -> tuple[list[str], list[str]]:
    """One participant's whole session by page and by API: all texts with their headers, and the stimuli's addresses."""
    client, texts = Client(), []

    def take(response) -> str:
        head = "\n".join(f"{k}: {v}" for k, v in response.items())
        texts.append(head + "\n" + response.content.decode("latin-1") + str(response.cookies))
        return response.content.decode("latin-1")

    take(client.get(reverse("voting:landing", args=[study.slug])))
    for step in ("start", "consent", "instructions"):
        take(client.get(reverse(f"voting:{step}", args=[study.slug])))
        take(client.post(reverse(f"voting:{step}", args=[study.slug])))
    plan = json.loads(take(client.get(reverse("voting:api-plan", args=[study.slug]))))
    for pair in plan["trials"]:
        page = take(client.get(reverse("voting:trial", args=[study.slug])))
        uuid = re.search(r'name="uuid" value="([^"]+)"', page).group(1)
        ballot = {"uuid": uuid, "trial": pair["id"], "choice": "left"}
        take(client.post(reverse("voting:api-votes", args=[study.slug]), ballot, "application/json"))
    for name in ("finish", "session"):
        address = reverse(f"voting:api-{name}", args=[study.slug])
        take(client.post(address) if name == "finish" else client.get(address))
    for step in ("thanks", "withdraw"):
        take(client.get(reverse(f"voting:{step}", args=[study.slug])))
    addresses = sorted({m for text in texts for m in re.findall(r"/stimuli/[^\"'\s]+\.png", text)})
    for address in addresses:
        take(client.get(address))
    return texts, addresses


@pytest.mark.fault("F16")
def test_three_participants_see_no_condition(owner, tried):
    grid = factories.rendered_grid("secret-grid", owner=owner, learning_rates=RATES)
    asked = {"questions": ("natural", "style"), "show_photograph": True, "trials_per_session": 20}
    study = factories.study(owner=owner, grid=grid, **asked, state="open")
    hidden = secrets(study)
    for _ in range(3):
        texts, addresses = crawl(study)
        assert len(addresses) == study.stimuli.count()
        for text in texts:
            seen = seen_in(text, hidden)
            assert not seen, (seen, text[:400])
    tried("F16", participants=3, answers=len(texts) * 3, leaks=0)


@pytest.mark.fault("F16")
def test_catch_pairs_and_repeats_look_like_all_others(owner):
    grid = factories.rendered_grid("secret-grid", owner=owner, learning_rates=RATES)
    asked = {"trials_per_session": 4, "practice_trials": 1, "catch_trials": 2, "repeat_trials": 1, "allow_undo": True}
    study = factories.study(owner=owner, grid=grid, **asked, state="open")
    hidden = secrets(study) | {"scrambled", "identity", '"repeat"', "expected"}
    for _ in range(3):
        texts, _addresses = crawl(study)
        for text in texts:
            seen = seen_in(text, hidden)
            assert not seen, (seen, text[:400])
    for pair in selectors.plan_of(Participant.objects.latest("pk").session):
        assert set(pair) == {"id", "position", "question", "left", "right", "reference", "answered", "practice"}


@pytest.mark.fault("F16")
def test_the_photograph_looks_like_the_picture_beside_it(owner):
    grid = factories.rendered_grid("secret-grid", owner=owner, learning_rates=RATES)
    asked = {"questions": ("real",), "trials_per_session": 6, "catch_trials": 1, "repeat_trials": 1}
    study = factories.study(owner=owner, grid=grid, **asked, state="open")
    # The question itself speaks of a photograph.
    hidden = secrets(study) - {"photograph"} | {"scrambled", "identity", "real_fake", '"repeat"', "expected"}
    for text in crawl(study)[0]:
        seen = seen_in(text, hidden)
        assert not seen, (seen, text[:400])


@pytest.mark.fault("F16", planted=True)
def test_the_crawl_would_see_a_leak(owner, monkeypatch):
    """The positive control: a label in the plan is found."""
    study = factories.study(
        owner=owner, grid=factories.rendered_grid("secret-grid", learning_rates=RATES), state="open"
    )

    plain = selectors.sessions.picture_shown
    monkeypatch.setattr(selectors.sessions, "picture_shown", lambda s, p: {**plain(s, p), "title": p.label})
    texts, _ = crawl(study)
    assert any(word.lower() in text.lower() for word in secrets(study) for text in texts)


@pytest.mark.fault("F16")
def test_pictures_are_immutable_and_carry_nothing_that_orders_them(open_study, client):
    stimulus = open_study.stimuli.first()
    address = reverse("voting:stimulus", args=[open_study.token, stimulus.public_name])
    response = client.get(address)
    assert response.content.startswith(b"\x89PNG")
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response["X-Content-Type-Options"] == "nosniff"
    for header in ("Last-Modified", "ETag", "Content-Disposition", "Set-Cookie"):
        assert header not in response


@pytest.mark.parametrize(
    "address",
    [
        "/stimuli/",
        "/stimuli/{token}/",
        "/stimuli/{token}/{name}",
        "/stimuli/{token}/{name}.webp",
        "/stimuli/{token}/../{token}/{name}.png",
        "/stimuli/../masters/{sha}.png",
        "/stimuli/{token}/" + "0" * 32 + ".png",
        "/masters/{sha}",
        "/media/{token}/{name}.png",
    ],
)
def test_nothing_else_is_served(open_study, client, address):
    stimulus = open_study.stimuli.select_related("render").first()
    filled = address.format(token=open_study.token, name=stimulus.public_name, sha=stimulus.render.image_id)
    assert client.get(filled).status_code == 404


def test_the_plan_has_exactly_the_fields_it_promises(open_study):
    who = factories.participant(open_study)
    for pair in selectors.plan_of(who.session):
        assert set(pair) == {"id", "position", "question", "left", "right", "reference", "answered", "practice"}
        assert set(pair["left"]) == {"src", "width", "height"}


@pytest.mark.fault("F16")
def test_the_side_tells_nothing_about_the_condition(owner):
    """Over a full round of blocks each picture is left as often as right, within one per pair."""
    study = factories.study(owner=owner, trials_per_session=6, sessions_planned=20, state="open")
    for _ in range(20):
        factories.participant(study)
    for stimulus in study.stimuli.all():
        left, right = study.trials.filter(left=stimulus).count(), study.trials.filter(right=stimulus).count()
        assert abs(left - right) <= 2
    assert Participant.objects.count() == 20
