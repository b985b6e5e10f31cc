"""A copy of a study: everything decided, nothing that happened, nobody's secrets."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from studyplatform.voting import services
from studyplatform.voting.models import Panel, Study
from studyplatform.voting.services import DESIGN_FIELDS, FREE_FIELDS, StudyError, copies
from tests import factories
from tests.decided import decided

pytestmark = pytest.mark.django_db


def test_everything_decided_is_copied_and_nothing_else(as_owner, owner):
    study = decided(owner)
    page = reverse("admin:voting_study_copy", args=[study.pk])
    assert "/s/study-2/" in as_owner.get(page).content.decode()
    made = as_owner.post(page)
    copy = Study.objects.exclude(pk=study.pk).get()
    assert made.url == reverse("admin:voting_study_change", args=[copy.pk])
    study.refresh_from_db()
    same = set(DESIGN_FIELDS) | set(FREE_FIELDS) - {"opens_at", "ends_at"}
    assert {n: getattr(copy, n) for n in same} == {n: getattr(study, n) for n in same} | {"slug": "study-2"}
    assert (copy.state, copy.owner, copy.opens_at, copy.ends_at) == ("draft", owner, None, None)
    assert copy.token != study.token
    assert [q.preset for q in copy.questions.all()] == ["style", "natural"]
    for rows in ("grids", "left_out_scenes", "left_out_conditions"):
        assert list(getattr(copy, rows).all()) == list(getattr(study, rows).all()) != []
    assert [(q.parameter, q.value, q.most) for q in copy.quotas.all()] == [("group", "a", 3)]
    panel = copy.panel
    assert (panel.provider, panel.id_parameter, panel.captured) == ("generic", "who", "wave")
    assert (panel.complete_code, panel.return_address) == ("", "")
    assert not copy.memberships.exists()
    assert [(e.action, e.comment, e.user) for e in copy.audit.all()] == [("copied from another study", "study", owner)]
    assert ("copied", "study-2", owner) in [(e.action, e.comment, e.user) for e in study.audit.all()]


def test_a_running_study_is_copied_without_its_people(as_owner, owner):
    study = factories.study(owner=owner, state="open")
    factories.finished(study)
    copy = services.study_copy(study=study, by=owner)
    assert (copy.state, copy.design, copy.design_digest, copy.opened_at) == ("draft", None, "", None)
    assert not copy.participants.exists()
    assert not copy.stimuli.exists()
    services.study_transition(study=copy, to="open", by=owner)
    assert copy.blocks.count() == study.blocks.count()


def test_the_first_free_address(owner):
    factories.study("a", owner=owner)
    factories.study("a-2", owner=owner)
    long = "x" * 80
    factories.study(long, owner=owner)
    assert services.slug_free("a") == "a-3"
    assert services.slug_free("b") == "b"
    assert (services.slug_free(long)[-3:], len(services.slug_free(long))) == ("x-2", 80)


def test_a_slug_taken_meanwhile_leads_to_the_next(owner, monkeypatch):
    study = factories.study("a", owner=owner)
    rivals = ["a-2", "a-3"]

    def late(slug):
        free = services.slug_free(slug)
        if free in rivals:  # somebody else's copy is stored between the look and the row
            factories.study(rivals.pop(0), owner=owner)
        return free

    monkeypatch.setattr(copies, "slug_free", late)
    copy = services.study_copy(study=study, by=owner)
    assert copy.slug == "a-4"


def test_who_may_copy_owns_the_copy(owner, colleague, stranger):
    study = factories.study(owner=owner)
    page = reverse("admin:voting_study_copy", args=[study.pk])
    member = study.memberships.create(user=colleague, role="analyst")
    client = Client()
    client.force_login(colleague)
    assert client.post(page).status_code == 403
    member.role = "editor"
    member.save()
    assert client.post(page).status_code == 302
    assert Study.objects.exclude(pk=study.pk).get().owner == colleague
    client.force_login(stranger)
    assert client.post(page).status_code == 404
    assert Study.objects.count() == 2


def test_a_copied_panel_asks_for_its_codes_when_it_opens_and_not_before(owner):
    study = factories.study(owner=owner)
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    copy = services.study_copy(study=study, by=owner)
    copy.panel.full_clean()
    for step in ("pilot", "open"):
        with pytest.raises(StudyError, match="Prolific would be sent back without a code"):
            services.study_transition(study=copy, to=step, by=owner)
    copy.panel.complete_code = "NEW"
    copy.panel.save()
    services.study_transition(study=copy, to="open", by=owner)
    copy.panel.complete_code = ""
    with pytest.raises(ValidationError, match="copy it from the panel"):
        copy.panel.full_clean()
