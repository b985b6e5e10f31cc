"""A study edited while it is open (fault F25): refused through every door, and old votes stay as they are."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from generation.core.spec import digest
from studyplatform.voting.models import Block, Preregistration, Question, Stimulus, Study, Trial, Vote
from studyplatform.voting.services import (
    DESIGN_FIELDS,
    FREE_FIELDS,
    PICTURE_FIELDS,
    StudyError,
    pictures_of,
    study_copy,
    study_transition,
    study_update,
)
from studyplatform.voting.services.design import design_of
from studyplatform.voting.services.study_file import study_file, study_import
from tests import factories

pytestmark = pytest.mark.django_db

DATES = {"opens_at": datetime(2030, 1, 1, 8, tzinfo=UTC), "ends_at": datetime(2030, 2, 1, 8, tzinfo=UTC)}
FREE = {**DATES, "reward": Decimal("2.50"), "currency": "GBP", "panel_fee_percent": 33.0, "public_report": True}
FREE |= {"data_licence": "CC0-1.0"}


def other(study: Study, name: str) -> Any:
    """Another value that the field may have."""
    field, now = Study._meta.get_field(name), getattr(study, name)
    if field.choices:
        return next(value for value, _ in field.choices if value != now)
    if isinstance(now, bool):
        return not now
    special = {"alpha": 0.01, "margin": 0.6, "flag_side_p": 0.01, "flag_catch_rate": 0.5, "flag_fast_share": 0.4}
    return special.get(name, now + 1 if isinstance(now, int) else f"{now}x")


@pytest.mark.fault("F25")
@pytest.mark.parametrize("state", ["pilot", "open", "paused", "closed", "archived"])
def test_no_field_of_a_frozen_design_is_changed_by_the_service(owner, state):
    study = factories.study(owner=owner, state=state)
    before = Study.objects.filter(pk=study.pk).values().get()
    for name in DESIGN_FIELDS:
        with pytest.raises(StudyError, match=rf"frozen since the study became {state}: {name} cannot change"):
            study_update(study=study, by=owner, **{name: other(study, name)})
    rows = {"grids": [], "left_out_scenes": [study.stimuli.first().scene]}
    rows["left_out_conditions"] = [study.stimuli.first().render.condition]
    for name, value in rows.items():
        with pytest.raises(StudyError, match=f"{name} cannot change"):
            study_update(study=study, by=owner, **{name: value})
    assert Study.objects.filter(pk=study.pk).values().get() == before
    assert (study.grids.count(), study.left_out_scenes.count(), study.left_out_conditions.count()) == (1, 0, 0)
    assert not study.audit.filter(action="edited").exists()


@pytest.mark.fault("F25")
def test_every_field_is_of_the_design_or_free_or_nobodys_to_edit():
    decided = {*DESIGN_FIELDS, *FREE_FIELDS, *PICTURE_FIELDS, "id", "owner"}
    fields = [*Study._meta.concrete_fields, *Study._meta.many_to_many]
    assert [f.name for f in fields if f.editable and f.name not in decided and not f.auto_created] == []
    assert set(FREE) == set(FREE_FIELDS)


@pytest.mark.parametrize("name", FREE)
def test_what_is_free_may_change_while_people_take_part_and_the_log_has_both_values(owner, name):
    study = factories.study(owner=owner, state="open")
    before = getattr(study, name)
    study_update(study=study, by=owner, **{name: FREE[name]})
    assert getattr(study, name) == FREE[name]
    said = study.audit.first().data["changes"][name]
    expected = {"opens_at": "2030-01-01 08:00 UTC", "ends_at": "2030-02-01 08:00 UTC", "reward": "2.50"}
    assert said == [before, expected.get(name, FREE[name])]
    assert study.design_digest == digest(study.design)


def test_dates_in_the_wrong_order_are_refused(owner):
    study = factories.study(owner=owner, state="open")
    with pytest.raises(ValidationError, match="must lie after the first"):
        study_update(study=study, by=owner, opens_at=DATES["ends_at"], ends_at=DATES["opens_at"])


@pytest.mark.fault("F25")
def test_no_door_of_the_admin_changes_an_open_study_and_old_votes_stay(owner, as_owner):
    study = factories.study(owner=owner, state="open")
    factories.finished(study)
    votes, trials = list(Vote.objects.values()), list(Trial.objects.values())
    before = Study.objects.filter(pk=study.pk).values().get()
    shown = study.stimuli.first()
    posted: dict[str, Any] = {name: other(study, name) for name in DESIGN_FIELDS}
    posted |= {"grids": [], "left_out_scenes": [shown.scene_id], "left_out_conditions": [shown.render.condition_id]}
    posted |= {"currency": "EUR", "panel_fee_percent": 0, "_state": "open", "panel-TOTAL_FORMS": 0}
    posted |= {"panel-INITIAL_FORMS": 0, "questions-TOTAL_FORMS": 2, "questions-INITIAL_FORMS": 1}
    posted |= {"questions-0-id": study.questions.get().pk, "questions-0-preset": "colours", "questions-0-position": 3}
    posted |= {"questions-1-preset": "style", "questions-1-position": 4, "questions-0-DELETE": "on"}
    address = reverse("admin:voting_study_change", args=[study.pk])
    assert as_owner.post(address, posted).status_code == 302
    assert Study.objects.filter(pk=study.pk).values().get() == before
    assert [(q.preset, q.position) for q in study.questions.all()] == [("natural", 0)]
    assert (study.grids.count(), study.left_out_scenes.count(), study.left_out_conditions.count()) == (1, 0, 0)
    assert (list(Vote.objects.values()), list(Trial.objects.values())) == (votes, trials)
    page = as_owner.get(address).content.decode()
    for name in (*DESIGN_FIELDS, *PICTURE_FIELDS):
        assert f'name="{name}"' not in page


@pytest.mark.fault("F25")
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_api_has_no_door_to_a_study(owner, as_owner, method):
    study = factories.study(owner=owner, state="open")
    for address in ("/api/v1/studies/", f"/api/v1/studies/{study.slug}/"):
        answer = getattr(as_owner, method)(address, {"title": "Other"}, content_type="application/json")
        assert answer.status_code in (403, 404, 405)
    assert Study.objects.get(pk=study.pk).title == "The study study"


def test_rows_of_a_draft_are_changed_through_the_service_and_logged_by_name(owner):
    study = factories.study(owner=owner)
    condition = study.grids.get().conditions.get(label="lr 0.1").condition
    scene = study.grids.get().cells.first().scene
    study_update(study=study, by=owner, left_out_conditions=[condition], left_out_scenes=[scene])
    assert study.left_out_conditions.get() == condition
    assert study.audit.get().data["changes"]["left_out_scenes"] == [[], [str(scene)]]
    study_update(study=study, by=owner, left_out_scenes=[scene])
    assert study.audit.count() == 1


@pytest.mark.fault("F25")
def test_a_pilot_taken_back_may_be_edited_and_its_people_never_count(owner):
    study = factories.study(owner=owner, state="pilot")
    factories.finished(study)
    study_transition(study=study, to="draft", by=owner, comment="too long")
    study_update(study=study, by=owner, trials_per_session=3)
    study_transition(study=study, to="open", by=owner)
    assert study.design["session"]["main"] == 3
    assert [p.is_pilot for p in study.participants.all()] == [True]
    assert [e.action for e in study.audit.all()] == ["draft → open", "edited", "pilot → draft", "draft → pilot"]


# --- every door, one field at a time ---------------------------------------------------------------------------------

FROZEN = (Question, Stimulus, Block, Preregistration, Trial, Vote)


def fixed(study: Study) -> list[Any]:
    """All that opening fixed, and every answer given."""
    row = Study.objects.filter(pk=study.pk).values(*DESIGN_FIELDS, "design", "design_digest", "state", "token").get()
    many = [sorted(getattr(study, name).values_list("pk", flat=True)) for name in PICTURE_FIELDS]
    return [row, many, *(list(kind._base_manager.filter(study=study).order_by("pk").values()) for kind in FROZEN)]


def posted_fields(study: Study) -> dict[str, Any]:
    """The form of an open study as its page sends it, with one free field filled in."""
    form = {"currency": "EUR", "panel_fee_percent": 0, "data_licence": "CC0-1.0", "_state": study.state}
    form |= {f"{rows}-{name}_FORMS": 0 for rows in ("panel", "questions") for name in ("TOTAL", "INITIAL")}
    return form


def smuggled(study: Study) -> dict[str, dict[str, Any]]:
    """What could be sent along with the form: each frozen field with another value, and rows beside it."""
    shown, asked = study.stimuli.first(), study.questions.get()
    rows: dict[str, dict[str, Any]] = {name: {name: other(study, name)} for name in DESIGN_FIELDS}
    rows["grids"] = {"grids": []}
    rows["left_out_scenes"] = {"left_out_scenes": [shown.scene_id]}
    rows["left_out_conditions"] = {"left_out_conditions": [shown.render.condition_id]}
    head = {"questions-TOTAL_FORMS": 1, "questions-INITIAL_FORMS": 1, "questions-0-id": asked.pk}
    head |= {"questions-0-preset": asked.preset, "questions-0-position": 0}
    rows["another question"] = head | {"questions-0-preset": "colours"}
    rows["another place"] = head | {"questions-0-position": 5}
    rows["no question"] = head | {"questions-0-DELETE": "on"}
    rows["one more question"] = {"questions-TOTAL_FORMS": 1, "questions-0-preset": "style", "questions-0-position": 2}
    rows["the state"] = {"state": "draft"}
    rows["the design"] = {"design": "{}", "design_digest": "0" * 64, "token": "0" * 32, "votes_until": "2040-01-01"}
    return rows


def whole_form(study: Study) -> dict[str, Any]:
    """The form of a draft as its page sends it."""
    values = {name: getattr(study, name) for name in DESIGN_FIELDS}
    form = posted_fields(study) | {name: value for name, value in values.items() if value is not False}
    form |= {"grids": [g.pk for g in study.grids.all()], "questions-TOTAL_FORMS": 1, "questions-INITIAL_FORMS": 1}
    asked = study.questions.get()
    return form | {"questions-0-id": asked.pk, "questions-0-preset": asked.preset, "questions-0-position": 0}


def changed_by(study: Study, browser: Any, form: Callable[[Study], dict[str, Any]] = posted_fields) -> list[str]:
    """The names of :func:`smuggled` that changed something fixed. A check that must hold: none."""
    address = reverse("admin:voting_study_change", args=[study.pk])
    found = []
    for name, more in smuggled(study).items():
        before = fixed(study)
        assert browser.post(address, form(study) | more).status_code < 500
        if fixed(study) != before:
            found.append(name)
    return found


@pytest.fixture
def answered(owner) -> Study:
    study = factories.study(owner=owner, state="open")
    factories.finished(study)
    return study


@pytest.mark.fault("F25")
def test_nothing_fixed_is_changed_by_a_field_sent_along(answered, as_owner, tried):
    assert changed_by(answered, as_owner) == []
    answered.refresh_from_db()
    assert answered.data_licence == "CC0-1.0"  # the form was taken all the same
    assert answered.design_digest == digest(answered.design)
    # What the rows would be frozen as now is what was frozen.
    assert digest(design_of(answered, pictures_of(answered))) == answered.design_digest
    tried("F25", fields_smuggled=len(smuggled(answered)), changed=0)


@pytest.mark.fault("F25", planted=True)
def test_a_design_that_does_not_freeze_is_found(answered, as_owner, monkeypatch):
    monkeypatch.setattr("studyplatform.voting.services.is_frozen", lambda _study: False)
    monkeypatch.setattr("studyplatform.voting.services.studies.is_frozen", lambda _study: False)
    found = set(changed_by(answered, as_owner, whole_form))
    assert {"title", "trials_per_session", "alpha", "another question", "left_out_scenes"} <= found


@pytest.mark.fault("F25", planted=True)
def test_a_service_that_changes_a_frozen_field_is_found(answered, owner, monkeypatch):
    before = fixed(answered)
    monkeypatch.setattr("studyplatform.voting.services.studies.is_frozen", lambda _study: False)
    study_update(study=answered, by=owner, alpha=0.01)
    assert fixed(answered) != before
    answered.refresh_from_db()
    assert digest(design_of(answered, pictures_of(answered))) != answered.design_digest


@pytest.mark.fault("F25")
def test_the_list_has_nothing_to_edit_and_no_action_that_changes_a_study(answered, as_owner):
    before = fixed(answered)
    address = reverse("admin:voting_study_changelist")
    row = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": answered.pk, "form-0-title": "Other"}
    for more in ({"form-0-slug": "other", "_save": "Save"}, {"action": "delete_selected", "post": "yes"}):
        sent = {**row, **more, "_selected_action": [answered.pk]}
        assert as_owner.post(address, sent, follow=True).status_code < 500
    as_owner.post(reverse("admin:voting_study_delete", args=[answered.pk]), {"post": "yes"})
    assert fixed(answered) == before
    page = as_owner.get(address).content.decode()
    assert 'name="form-0-' not in page
    assert "delete_selected" not in page


@pytest.mark.fault("F25")
@pytest.mark.parametrize("kind", ["stimulus", "trial", "participant", "auditentry"])
def test_rows_of_an_open_study_are_read_and_not_written(answered, client, kind):
    client.force_login(factories.user("root", superuser=True))
    rows = {"stimulus": answered.stimuli, "trial": answered.trials, "participant": answered.participants}
    row = (rows | {"auditentry": answered.audit})[kind].first()
    before = [fixed(answered), list(type(row)._base_manager.values())]
    for door in ("change", "delete"):
        address = reverse(f"admin:voting_{kind}_{door}", args=[row.pk])
        sent = {"post": "yes", "label": "x", "kind": "catch", "comment": "x", "token": "0" * 32, "is_pilot": "on"}
        assert client.post(address, sent).status_code in (302, 403, 404, 405)
    assert client.post(reverse(f"admin:voting_{kind}_changelist"), {
        "action": "delete_selected", "_selected_action": [row.pk], "post": "yes",
    }).status_code in (200, 302, 403)  # fmt: skip
    assert [fixed(answered), list(type(row)._base_manager.values())] == before


@pytest.mark.fault("F25")
def test_a_file_or_a_copy_of_an_open_study_is_a_new_draft(answered, owner):
    before = fixed(answered)
    new = study_import(data=study_file(answered).encode(), by=owner).study
    copied = study_copy(study=answered, by=owner)
    for made in (new, copied):
        assert made.pk != answered.pk
        assert (made.state, made.design) == ("draft", None)
        assert made.slug != answered.slug
        study_update(study=made, by=owner, title="A new version", trials_per_session=3)
    assert fixed(answered) == before


@pytest.mark.fault("F25")
def test_of_two_tabs_the_one_from_before_opening_saves_nothing(owner, as_owner):
    study = factories.study(owner=owner)
    address = reverse("admin:voting_study_change", args=[study.pk])
    page = as_owner.get(address).content.decode()
    assert 'name="title"' in page
    study_transition(study=study, to="open", by=owner)
    factories.finished(study)
    before = fixed(study)
    typed = whole_form(study) | {"title": "From the old tab", "_state": "draft"}
    assert as_owner.post(address, typed).status_code == 409
    assert fixed(study) == before
