"""Plans grow step by step: every step counts once, whoever asks for it, and rows are those of one long run."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

from evaluation.core.power import Power, power
from evaluation.models import PowerPlan
from evaluation.plan import design_of, plan_start, plan_step, whole_rows
from evaluation.services import EvaluationError
from studyplatform.voting.models import Study
from studyplatform.voting.services import study_delete
from tests import factories
from tests.at_once import at_once


def begun(study: Study | None = None, **options: Any) -> PowerPlan:
    study = study or factories.study(sessions_planned=8)
    return plan_start(study=study, by=study.owner, **({"people": [9], "replicates": 20} | options))


def run_out(plan: PowerPlan, seconds: float = 0.05) -> PowerPlan:
    while plan.finished_at is None:
        plan = plan_step(plan=plan, number=plan.done, seconds=seconds)
    return plan


@pytest.mark.django_db
def test_many_short_steps_are_one_long_run(owner: User) -> None:
    plan = begun()
    design = design_of(plan.study)
    assert plan.total == 2 * 5 * 20
    for number in range(3):
        plan = plan_step(plan=plan, number=number, seconds=0)
        assert (plan.done, plan.finished_at) == (number + 1, None)
    assert whole_rows(plan) == []
    plan = run_out(plan)
    assert plan.done == plan.total == sum(row["replicates"] for row in plan.rows)
    assert [Power(**row) for row in plan.rows] == whole_rows(plan) == list(power(design, [8, 9], replicates=20))


@pytest.mark.django_db
def test_a_step_that_is_asked_for_twice_counts_once(owner: User) -> None:
    plan = begun()
    first = plan_step(plan=plan, number=0, seconds=0)
    again = plan_step(plan=plan, number=0, seconds=0)
    ahead = plan_step(plan=plan, number=7, seconds=0)
    assert first.done == again.done == ahead.done == 1
    done = run_out(plan)
    assert plan_step(plan=done, number=done.total, seconds=0).finished_at == done.finished_at


@pytest.mark.django_db
def test_only_whole_numbers_of_participants_are_told(owner: User) -> None:
    plan = begun()
    while plan.done < 130:
        plan = plan_step(plan=plan, number=plan.done, seconds=0)
    assert {row.participants for row in whole_rows(plan)} == {8}
    assert len(plan.rows) == 7


@pytest.mark.django_db
def test_the_same_plan_is_begun_once(owner: User, colleague: User) -> None:
    plan = begun()
    same = plan_start(study=plan.study, by=colleague, people=[9, 8, 9], replicates=20)
    assert same == plan
    assert plan.study.audit.filter(action="power planned").count() == 1
    assert begun(plan.study, people=[10]) != plan
    assert begun(plan.study, replicates=21) != plan
    assert begun(plan.study, seed=2) != plan
    plan.study.trials_per_session = 3
    assert begun(plan.study) != plan
    assert PowerPlan.objects.count() == 5


@pytest.mark.django_db
def test_a_plan_goes_on_with_the_design_it_was_begun_with(owner: User) -> None:
    plan = begun()
    expected = list(power(design_of(plan.study), [8, 9], replicates=20))
    Study.objects.update(trials_per_session=2, allow_ties=True)
    assert whole_rows(run_out(plan)) == expected


@pytest.mark.django_db
def test_a_draft_is_deleted_with_its_plans(owner: User) -> None:
    plan = begun()
    study_delete(study=plan.study)
    assert not PowerPlan.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "words"),
    [({"replicates": 19}, "give 20 to 10000"), ({"replicates": 10_001}, "give 20"), ({"seed": -1}, "give 0 or more")],
)
def test_nonsense_is_refused(owner: User, options: dict[str, Any], words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        begun(**options)
    assert not PowerPlan.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_ask_for_the_same_step_at_once_store_one() -> None:
    plan = begun()
    expected = {(row.participants, row.win): row for row in power(design_of(plan.study), [8, 9], replicates=20)}
    while plan.finished_at is None:
        step = plan.done
        told = at_once(*[partial(plan_step, plan=plan, number=step, seconds=0.05)] * 2)
        plan.refresh_from_db()
        assert [one.done for one in told] == [plan.done, plan.done]
        assert plan.done > step
    assert {(row.participants, row.win): row for row in whole_rows(plan)} == expected
    assert len(plan.rows) == 10


@pytest.mark.django_db(transaction=True)
def test_a_slow_step_does_not_write_over_what_was_done_meanwhile() -> None:
    plan = begun(replicates=2000)
    ahead: list[PowerPlan] = []

    def hurry() -> None:
        quick = plan
        for _ in range(3):
            quick = plan_step(plan=quick, number=quick.done, seconds=0)
        ahead.append(quick)

    slow, _ = at_once(lambda: plan_step(plan=plan, number=0, seconds=5), hurry)
    plan.refresh_from_db()
    assert slow.done == plan.done == ahead[0].done == 3


@pytest.mark.django_db(transaction=True)
def test_a_plan_begun_twice_at_once_is_one() -> None:
    study = factories.study(sessions_planned=8)
    found = at_once(*[lambda: begun(Study.objects.get(pk=study.pk))] * 4)
    assert {plan.pk for plan in found} == {PowerPlan.objects.get().pk}
