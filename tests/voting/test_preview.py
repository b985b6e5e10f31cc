"""A preview: the very pages, answers that never count, nothing left afterwards, nobody else let in."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.db import models
from django.test import Client
from django.urls import reverse

from generation.models import Render
from generation.services.artifacts import master_name
from studyplatform.voting import services
from studyplatform.voting.identity import participant_key
from studyplatform.voting.models import (
    Block,
    CompletionCode,
    Event,
    Participant,
    Question,
    Session,
    Stimulus,
    Study,
    Trial,
    Vote,
)
from studyplatform.voting.selectors import studies_visible, study_counts
from tests import factories
from tests.voting.plain_pages import ballot

pytestmark = pytest.mark.django_db
ROWS: tuple[type[models.Model], ...] = (
    Block, CompletionCode, Event, Participant, Question, Session, Stimulus, Trial, Vote
)  # fmt: skip


@pytest.fixture(autouse=True)
def _commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files go when a transaction is committed; those of a test never are."""
    monkeypatch.setattr("django.db.transaction.on_commit", lambda do, *args, **more: do())


def page(study: Study) -> str:
    return reverse("admin:voting_study_preview", args=[study.pk])


def counted() -> dict[str, int]:
    """How many rows there are of everything that a preview makes, the hidden studies and the files with them."""
    rows = {kind.__name__: kind._default_manager.count() for kind in ROWS}
    folder = Path(storages["stimuli"].path(""))
    return rows | {"Study": Study.everything.count(), "files": len(list(folder.rglob("*"))) if folder.exists() else 0}


def previewed(client: Client, study: Study) -> Study:
    """Start a preview in ``client``; returns the throwaway study."""
    before = set(Study.everything.values_list("pk", flat=True))
    answer = client.post(page(study))
    assert answer.status_code == 302, answer.content
    return Study.everything.exclude(pk__in=before).get()


def answered(client: Client, preview: Study, **choice: str) -> str:
    """Answer pair after pair by the plain form; returns the last page."""
    address = reverse("voting:trial", args=[preview.slug])
    answer = client.get(address)
    while answer.status_code == 200:
        client.post(address, {**ballot(answer.content.decode()), "choice": "left", **choice})
        answer = client.get(address)
    return client.get(answer.url).content.decode()


@pytest.mark.parametrize("state", ["draft", "pilot", "open", "paused"])
def test_the_whole_way_leaves_nothing_behind(as_owner, owner, state):
    study = factories.study(owner=owner, state=state, practice_trials=2, catch_trials=1, repeat_trials=1)
    if state != "draft":
        study.refresh_from_db()
    before, audited, digest = counted(), study.audit.count(), study.design_digest
    assert "Start a preview" in as_owner.get(page(study)).content.decode()
    preview = previewed(as_owner, study)
    steps = {
        name: reverse(f"voting:{name}", args=[preview.slug]) for name in ("landing", "start", "consent", "instructions")
    }
    landing = as_owner.get(steps["landing"]).content.decode()
    assert ">Start</button>" in landing
    assert study.title in landing
    assert as_owner.post(steps["start"]).url == steps["consent"]
    assert "PREVIEW: answers do not count" in as_owner.get(steps["consent"]).content.decode()
    as_owner.post(steps["consent"])
    assert ">Continue</button>" in as_owner.get(steps["landing"]).content.decode()
    as_owner.post(steps["instructions"])
    pair = as_owner.get(reverse("voting:trial", args=[preview.slug])).content.decode()
    assert "PREVIEW: answers do not count" in pair
    assert page(study) in pair
    assert "Thank you" in answered(as_owner, preview)
    who = Participant.objects.get(study=preview)
    assert (who.is_preview, who.trials.count()) == (True, 4 + 2 + 1 + 1)
    # Of the study itself nothing has changed, and nobody who counts, lists or exports finds the preview.
    study.refresh_from_db()
    assert (study.state, study.design_digest, study.audit.count()) == (state, digest, audited)
    assert not study.participants.exists()
    assert study_counts(study).votes == study_counts(study).previews == 0
    assert preview not in studies_visible(factories.user("root", superuser=True))
    assert preview.title not in "".join(str(s) for s in Study.objects.exclude(pk=study.pk))
    band = as_owner.get(reverse("voting:thanks", args=[preview.slug])).content.decode().split("PREVIEW", 1)[1]
    assert f'name="end" value="{preview.pk}"' in band.split("</form>", 1)[0]
    assert as_owner.post(page(study), {"end": preview.pk}).status_code == 302
    assert counted() == before


def test_any_number_of_times_and_one_or_all_ended(as_owner, owner):
    study = factories.study(owner=owner)
    before = counted()
    first, second = previewed(as_owner, study), previewed(as_owner, study)
    shown = as_owner.get(page(study)).content.decode()
    assert shown.count("End it") == 2
    as_owner.post(page(study), {"end": first.pk})
    assert list(Study.everything.filter(preview_of=study)) == [second]
    assert "It is over already" in as_owner.post(page(study), {"end": first.pk}, follow=True).content.decode()
    previewed(as_owner, study)
    assert "2 previews are over" in as_owner.post(page(study), {"end": "all"}, follow=True).content.decode()
    assert counted() == before


def test_a_running_preview_goes_when_the_study_opens_or_is_deleted(as_owner, owner):
    study = factories.study(owner=owner)
    preview = previewed(as_owner, study)
    names = set(Stimulus.objects.filter(study=preview).values_list("public_name", flat=True))
    folder = Path(storages["stimuli"].path(preview.token))
    assert len(list(folder.iterdir())) == len(names) > 0
    services.study_transition(study=study, to="open", by=owner)
    assert not Study.everything.filter(preview_of=study).exists()
    assert not folder.exists()
    assert not names & set(study.stimuli.values_list("public_name", flat=True))
    other = factories.study("other", owner=owner)
    previewed(as_owner, other)
    services.study_delete(study=other)
    assert not Study.everything.exclude(pk=study.pk).exists()


def test_a_draft_can_be_edited_and_emptied_while_it_is_previewed(as_owner, owner):
    study = factories.study(owner=owner, questions=("natural", "style"))
    preview = previewed(as_owner, study)
    study.questions.get(preset="style").delete()
    services.study_update(study=study, by=owner, title="Another title", slug="elsewhere")
    assert preview.questions.count() == 2
    assert "The study study" in as_owner.get(reverse("voting:landing", args=[preview.slug])).content.decode()


def test_nobody_else_gets_in(as_owner, owner, stranger, client):
    study = factories.study(owner=owner, state="open")
    preview = previewed(as_owner, study)
    for who in (None, stranger, factories.user("root", superuser=True)):
        outsider = Client()
        if who is not None:
            outsider.force_login(who)
        for name in ("landing", "trial", "thanks"):
            assert outsider.get(reverse(f"voting:{name}", args=[preview.slug]), follow=True).status_code == 404
        assert outsider.post(reverse("voting:start", args=[preview.slug])).status_code == 404
        api = reverse("voting:api-session", args=[preview.slug])
        assert outsider.post(api, {}, content_type="application/json").status_code == 404
    assert preview.participants.count() == 1
    assert Client().post(page(study)).status_code == 302  # to the sign-in
    outsider.force_login(stranger)
    assert outsider.post(page(study)).status_code == 404
    assert Study.everything.filter(preview_of=study).count() == 1


def test_its_pictures_are_for_members(as_owner, owner, colleague, stranger):
    study = factories.study(owner=owner)
    study.memberships.create(user=colleague, role="viewer")
    preview = previewed(as_owner, study)
    who = preview.participants.get()
    shown = as_owner.get(
        reverse("voting:api-plan", args=[preview.slug]), headers={"Authorization": f"Bearer {participant_key(who)}"}
    )
    assert shown.status_code == 403  # consent first, as for everybody
    services.consent_give(session=who.session)
    pairs = as_owner.get(
        reverse("voting:api-plan", args=[preview.slug]), headers={"Authorization": f"Bearer {participant_key(who)}"}
    ).json()["trials"]
    addresses = {pair[side]["src"] for pair in pairs for side in ("left", "right")}
    assert len(addresses) == preview.stimuli.count()

    def asked(user: User | None) -> set[int]:
        client = Client()
        if user is not None:
            client.force_login(user)
        return {client.get(address).status_code for address in addresses}

    assert (asked(owner), asked(colleague)) == ({200}, {200})
    assert (asked(stranger), asked(None)) == ({404}, {404})
    assert "private" in as_owner.get(addresses.pop())["Cache-Control"]


def test_only_the_pictures_of_one_session_are_written(as_owner, owner):
    grid = factories.rendered_grid(owner=owner, contents=("a", "b", "c"), learning_rates=(0.01, 0.02, 0.1, 0.2))
    study = factories.study(owner=owner, grid=grid, trials_per_session=2, questions=("style",))
    preview = previewed(as_owner, study)
    roles = list(preview.stimuli.values_list("role", flat=True))
    scenes = preview.trials.values("scene").distinct().count()
    assert (roles.count("grid"), roles.count("reference")) == (4, scenes)
    assert scenes == 2


def test_what_stands_in_the_way_is_said_and_nothing_is_made(as_owner, owner):
    study = factories.study(owner=owner, trials_per_session=400)
    before = counted()
    answer = as_owner.post(page(study), follow=True).content.decode()
    assert "One person would be shown 400 pairs" in answer
    study.grids.clear()
    assert "Choose at least one rendered grid" in as_owner.post(page(study), follow=True).content.decode()
    assert counted() == before


def test_a_preview_may_withdraw_decline_and_take_back(as_owner, owner):
    study = factories.study(owner=owner, allow_undo=True)
    before = counted()
    preview = previewed(as_owner, study)
    as_owner.post(reverse("voting:decline", args=[preview.slug]))
    assert preview.sessions.get().outcome == "no_consent"
    again = previewed(as_owner, study)
    who = again.participants.get()
    services.consent_give(session=who.session)
    services.instructions_read(session=who.session)
    factories.cast(who)
    services.vote_undo(session=who.session)
    as_owner.post(reverse("voting:withdraw", args=[again.slug]))
    assert again.sessions.get().withdrew_at is not None
    as_owner.post(page(study), {"end": "all"})
    assert counted() == before


def test_old_previews_go_when_another_starts(as_owner, owner):
    study = factories.study(owner=owner)
    old = previewed(as_owner, study)
    Study.everything.filter(pk=old.pk).update(created_at="2026-01-01T00:00Z")
    new = previewed(as_owner, study)
    assert list(Study.everything.filter(preview_of=study)) == [new]


def test_no_row_of_the_study_is_touched(as_owner, owner):
    study = factories.study(owner=owner, state="open")
    study.quotas.create(kind="device", value="computer", most=0)
    renders = Render.objects.count()

    def state() -> list[Any]:
        return [
            list(kind._default_manager.filter(study=study).order_by("pk").values())
            for kind in (Block, Stimulus, Question)
        ]

    before = state()
    preview = previewed(as_owner, study)
    as_owner.post(reverse("voting:consent", args=[preview.slug]))
    as_owner.post(reverse("voting:instructions", args=[preview.slug]))
    answered(as_owner, preview)
    assert (state(), Render.objects.count()) == (before, renders)


def test_a_picture_whose_master_is_gone_leaves_nothing_of_the_preview(owner, as_owner):
    study = factories.study(owner=owner)
    before = counted()
    lost = Render.objects.exclude(image=None).order_by("pk")
    for render in lost:
        storages["masters"].delete(master_name(render.image_id))
    text = as_owner.post(page(study), follow=True).content.decode()
    assert "cannot be shown. The file of artifact" in text
    assert "bring it in again" in text
    assert counted() == before


def test_who_goes_on_with_a_preview_that_is_over_is_told_so(as_owner, owner):
    study = factories.study(owner=owner)
    preview = previewed(as_owner, study)
    who = Participant.objects.get(study=preview)
    vote = {"study": preview.slug, "participant": who.token, "trial": who.trials.first().pk, "choice": "left"}
    services.study_transition(study=study, to="open", by=owner)
    refusal = services.vote_cast(**vote, uuid=uuid4())
    over = "This preview is over: the study was opened or the preview was ended."
    assert (refusal.status, refusal.sentence) == (410, over)
    for name in ("landing", "trial"):
        answer = as_owner.get(reverse(f"voting:{name}", args=[preview.slug]), follow=True)
        assert answer.status_code == 410
        assert over in answer.content.decode()
        assert reverse("admin:voting_study_change", args=[study.pk]) in answer.content.decode()
    outside = Client().get(reverse("voting:landing", args=[preview.slug])).content.decode()
    assert over in outside
    assert study.title not in outside
