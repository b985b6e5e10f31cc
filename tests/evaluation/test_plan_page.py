"""The planner's page: what it tells, what it does without script, and who may open it."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from evaluation.models import PowerPlan
from evaluation.plan import plan_start, plan_step
from studyplatform.voting.models import Membership, Study
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(owner: User) -> Study:
    return factories.study(owner=owner, sessions_planned=9, reward=Decimal("2.50"), panel_fee_percent=20)


def at(study: Study, name: str = "plan", *more: Any) -> str:
    return reverse(f"admin:voting_study_{name}", args=[study.pk, *more])


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def simulate(client: Client, study: Study, **sent: Any) -> Any:
    return client.post(at(study, "plan_start"), {"people": "8", "replicates": 20, **sent}, follow=True)


def finished(study: Study) -> PowerPlan:
    plan = plan_start(study=study, by=study.owner, people=[8], replicates=20)
    while plan.finished_at is None:
        plan = plan_step(plan=plan, number=plan.done, seconds=5)
    return plan


def test_without_script_a_plan_is_begun_and_gone_on_with_by_a_button(as_owner: Client, study: Study) -> None:
    first = as_owner.get(at(study))
    assert "Numbers of participants" in text(first)
    assert "With 3 conditions no claim can be made about the metric itself" in text(first)
    page = simulate(as_owner, study)
    plan = PowerPlan.objects.get()
    assert plan.options["people"] == [8, 9]
    assert "0 of 200 studies simulated" in text(page)
    assert "The numbers are not complete yet" in text(page)
    assert 'value="Go on"' in page.content.decode()
    step = at(study, "plan_step", plan.pk)
    while PowerPlan.objects.get().done < 100:
        plan = plan_step(plan=plan, number=plan.done, seconds=0)
    half = text(as_owner.get(at(study)))
    assert "“Refuted” in % of studies" in half
    assert "were not simulated" not in half
    assert "The planned 9 participants" not in half
    while plan.finished_at is None:
        page = as_owner.post(step, {"done": plan.done}, follow=True)
        assert page.status_code == 200
        plan.refresh_from_db()
    told = text(page)
    assert "Go on" not in told
    assert "With the planned 9 participants, “refuted” is said" in told
    assert "9 (planned)" in told
    assert "plan.js" not in page.content.decode()


def test_what_stands_in_the_way_of_opening_is_said_before_it_is_planned(as_owner: Client, study: Study) -> None:
    assert "stands in the way" not in text(as_owner.get(at(study)))
    assert "joins them where it is 8 or more: fewer get no verdict" in text(as_owner.get(at(study)))
    study.questions.all().delete()
    page = text(as_owner.get(at(study)))
    assert "What stands in the way of opening The study asks nothing yet. Add a question." in page
    Study.objects.update(trials_per_session=30)
    page = text(as_owner.get(at(study)))
    assert "would be shown 30 pairs, but the pictures offer" in page
    assert "Simulate " not in page
    assert "would be shown 30 pairs" in text(simulate(as_owner, study))
    assert not PowerPlan.objects.exists()


def test_who_reloads_a_step_is_back_at_the_plan(as_owner: Client, study: Study) -> None:
    simulate(as_owner, study)
    plan = PowerPlan.objects.get()
    answer = as_owner.get(at(study, "plan_step", plan.pk))
    assert (answer.status_code, answer["Location"]) == (302, at(study, "plan_one", plan.pk))
    assert PowerPlan.objects.get().done == plan.done


def test_time_and_money_stand_beside_each_number(as_owner: Client, study: Study) -> None:
    simulate(as_owner, study)
    assert "EUR 24.00" in text(as_owner.get(at(study)))
    assert "EUR 27.00" in text(as_owner.get(at(study)))
    assert "EUR 2.50 for each participant and 20 % for the panel" in text(as_owner.get(at(study)))
    Study.objects.update(reward=None)
    without = text(as_owner.get(at(study)))
    assert "No reward is set" in without
    assert "EUR" not in without


def test_a_rehearsal_costs_nothing_and_never_speaks_of_people(as_owner: Client, owner: User) -> None:
    study = factories.study(owner=owner, simulated=True, sessions_planned=9, reward=Decimal(2))
    finished(study)
    page = as_owner.get(at(study))
    assert "A rehearsal takes nobody’s time and costs no money." in text(page)
    assert "people" not in text(page).replace("numbers of people", "")
    assert "SIMULATED" in text(page)


def test_the_page_says_that_the_study_has_changed_since(as_owner: Client, study: Study) -> None:
    finished(study)
    assert "The study has changed since" not in text(as_owner.get(at(study)))
    Study.objects.update(trials_per_session=3)
    changed = text(as_owner.get(at(study)))
    assert "The study has changed since" in changed
    assert "changed since" in changed.rpartition("Plans of this study")[2]
    simulate(as_owner, study)
    assert "The study has changed since" not in text(as_owner.get(at(study)))
    assert "The study has changed since" in text(as_owner.get(at(study, "plan_one", PowerPlan.objects.last().pk)))


def test_the_figure_and_its_numbers_are_files(as_owner: Client, study: Study) -> None:
    plan = finished(study)
    page = as_owner.get(at(study)).content.decode()
    kinds = {"fig13_power.png": "image/png", "power.csv": "text/csv; charset=utf-8"}
    for name, kind in kinds.items():
        assert at(study, "plan_file", plan.pk, name) in page
        answer = as_owner.get(at(study, "plan_file", plan.pk, name))
        assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    narrow = as_owner.get(at(study, "plan_file", plan.pk, "fig13_power_narrow.svg"))
    assert narrow["Content-Type"] == "image/svg+xml"
    assert narrow.content.startswith(b"<?xml")
    assert as_owner.get(at(study, "plan_file", plan.pk, "power.exe")).status_code == 404
    PowerPlan.objects.update(rows=[], done=0, finished_at=None)
    assert as_owner.get(at(study, "plan_file", plan.pk, "power.csv")).status_code == 404


def test_steps_answer_the_script_in_json(as_owner: Client, study: Study) -> None:
    plan = plan_start(study=study, by=None, people=[8], replicates=20)
    step = at(study, "plan_step", plan.pk)
    told = as_owner.post(step, {"done": "7"}, headers={"accept": "application/json"}).json()
    assert told == {"done": 0, "total": 200, "words": "0 of 200 studies simulated", "told": 0, "finished": False}
    told = as_owner.post(step, {"done": 0}, headers={"accept": "application/json"}).json()
    assert told["done"] > 0
    for nonsense in ("", "-1", "two", "²"):
        assert as_owner.post(step, {"done": nonsense}).status_code == 302


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"people": "7"}, "fewer get no verdict"),
        ({"people": "10,many"}, "“many” is no number of participants"),
        ({"people": ",".join(map(str, range(10, 23)))}, "13 numbers of participants are too many"),
        ({"people": ""}, "This field is required"),
        ({"replicates": 10}, "greater than or equal to 20"),
        ({"replicates": "ten"}, "Enter a whole number"),
    ],
)
def test_nonsense_is_refused_beside_its_field(as_owner: Client, study: Study, sent: Any, words: str) -> None:
    page = simulate(as_owner, study, **sent)
    assert page.status_code == 400
    assert words in text(page)
    assert as_owner.get(at(study, "plan_start")).status_code == 302
    assert not PowerPlan.objects.exists()


def test_a_study_that_cannot_be_planned_says_why(as_owner: Client, study: Study) -> None:
    plan = finished(study)
    study.grids.clear()
    page = as_owner.get(at(study))
    assert "has no grid yet: choose at least one" in text(page)
    assert "The study has changed since" in text(page)
    assert 'value="Simulate"' not in page.content.decode()
    assert "has no grid yet" in text(simulate(as_owner, study))
    assert PowerPlan.objects.get() == plan


def test_editors_plan_viewers_look_and_strangers_see_nothing(study: Study, colleague: User, stranger: User) -> None:
    plan = plan_start(study=study, by=study.owner, people=[8], replicates=20)
    step, start = at(study, "plan_step", plan.pk), at(study, "plan_start")
    pages = [at(study), at(study, "plan_one", plan.pk), step, start, at(study, "plan_file", plan.pk, "power.csv")]
    elsewhere = factories.signed_in(stranger)
    assert [elsewhere.get(page).status_code for page in pages] == [404] * 5
    assert elsewhere.post(step, {"done": 0}).status_code == elsewhere.post(start, {}).status_code == 404
    assert {Client().get(page).status_code for page in pages} == {302}
    for role, may in (("viewer", False), ("analyst", False), ("editor", True), ("owner", True)):
        Membership.objects.update_or_create(study=study, user=colleague, defaults={"role": role})
        member = factories.signed_in(colleague)
        page = member.get(at(study))
        assert page.status_code == 200
        assert ('value="Go on"' in page.content.decode()) is may
        assert ('value="Simulate"' in page.content.decode()) is may
        before = PowerPlan.objects.get(pk=plan.pk).done
        assert member.post(step, {"done": before}).status_code == (302 if may else 403)
        assert (PowerPlan.objects.get(pk=plan.pk).done > before) is (may and before < plan.total)
        assert simulate(member, study, people=10).status_code == (200 if may else 403)


def test_a_plan_belongs_to_its_study(as_owner: Client, study: Study) -> None:
    plan = finished(study)
    other = factories.study("other", owner=study.owner)
    for name, more in (("plan_one", ()), ("plan_file", ("power.csv",))):
        assert as_owner.get(at(other, name, plan.pk, *more)).status_code == 404
    assert as_owner.post(at(other, "plan_step", plan.pk), {"done": 0}).status_code == 404


def test_numbers_are_of_the_design_and_never_of_votes(as_owner: Client, study: Study) -> None:
    draft = finished(study).rows
    factories.study_transition(study=study, to="open", by=study.owner)
    factories.finished(study)
    PowerPlan.objects.all().delete()
    assert finished(study).rows == draft
