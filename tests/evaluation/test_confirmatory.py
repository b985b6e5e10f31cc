"""Which tests count as planned: those of a study that went as it was preregistered, analysed as it says."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from evaluation.core import bundle
from evaluation.core.analysis import analyse
from evaluation.core.options import Options, departures
from evaluation.exports import Export, bundle_zip, export_record
from evaluation.inputs import study_data
from evaluation.services import EvaluationError, analysis_run
from generation.models import GridMetric, Metric
from studyplatform.voting.core.claims import logit
from studyplatform.voting.core.flags import Rules
from studyplatform.voting.models import Preregistration, Study
from studyplatform.voting.selectors import UNBLINDED, is_sealed
from studyplatform.voting.services import (
    participant_exclude,
    participant_include,
    session_finish,
    session_withdraw,
    study_transition,
    study_unblind,
)
from tests import factories

pytestmark = pytest.mark.django_db
PLANNED = {"alpha": 0.01, "margin": 0.6}


@pytest.fixture
def closed(owner: User) -> Study:
    """A closed study of ten people who often choose left, with a level and a margin of its own."""
    study = factories.study(owner=owner, sessions_planned=10, state="open", **PLANNED)
    for number in range(10):
        who = factories.participant(study)
        while (trial := factories.next_trial(who)) is not None:
            factories.cast(who, "left" if (number + trial.position) % 3 else "right")
        session_finish(session=who.session)
    study_transition(study=study, to="closed", by=owner)
    return study


def confirmatory(results: dict[str, Any]) -> set[str]:
    return {test["hypothesis"] for test in results["tables"]["hypothesis_tests"] if test["confirmatory"]}


def notices(results: dict[str, Any]) -> str:
    return " ".join(n["sentence"] for n in results["notices"] if n["kind"] == "departure")


def planned(data: Any, **changes: Any) -> Options:
    return Options(**({"alpha": 0.01, "delta": logit(0.6)} | changes))


def test_an_analysis_takes_level_and_margin_of_the_frozen_design(closed):
    [analysis] = analysis_run(study=closed)
    assert (analysis.options["alpha"], analysis.options["delta"], analysis.options["seed"]) == (0.01, logit(0.6), 1)
    assert "H_min_refute" in confirmatory(analysis.results)
    assert notices(analysis.results) == ""
    Study.objects.filter(pk=closed.pk).update(alpha=0.2, margin=0.7)  # what the row says later does not matter
    assert analysis_run(study=Study.objects.get(pk=closed.pk)) == [analysis]


def test_an_old_design_without_level_and_margin_takes_those_of_the_house(closed):
    design = {**closed.design, "study": {k: v for k, v in closed.design["study"].items() if k not in PLANNED}}
    Study.objects.filter(pk=closed.pk).update(design=design)
    assert Options.planned(study_data(Study.objects.get(pk=closed.pk))) == Options()


def test_the_bundle_brings_them_along_and_is_as_confirmatory(closed):
    data = study_data(closed)
    loaded = bundle.read(bundle.write(data)).data
    assert (loaded.alpha, loaded.margin, loaded.departures) == (0.01, 0.6, ())
    assert Options.planned(loaded) == Options.planned(data)
    options = planned(data)
    assert analyse(loaded, options) == analyse(data, options)
    files = bundle.write(data)
    old = files["study.json"].replace(b'"alpha": 0.01', b'"a": 1').replace(b'"margin": 0.6', b'"b": 1')
    assert Options.planned(bundle.read({**files, "study.json": old}).data) == Options()


def test_the_rules_that_screen_are_those_of_the_frozen_design(closed):
    design = {**closed.design, "study": {**closed.design["study"], "flag_run": 9, "flag_catch_rate": 0.5}}
    Study.objects.filter(pk=closed.pk).update(design=design)
    data = study_data(Study.objects.get(pk=closed.pk))
    assert data.screening == Rules(run=9, catch_rate=0.5)
    files = bundle.write(data)
    assert bundle.read(files).data.screening == data.screening
    for said in (b'"side_p": "x"', b'"other": 1'):
        broken = {**files, "study.json": files["study.json"].replace(b'"side_p": 0.001', said)}
        with pytest.raises(bundle.BundleError, match="'screening' must be an object of numbers"):
            bundle.read(broken)


@pytest.mark.parametrize("value", [b"NaN", b"0", b"1.5", b'"x"', b"true"])
def test_a_bundle_with_a_level_that_is_none_is_refused(closed, value):
    files = bundle.write(study_data(closed))
    with pytest.raises(bundle.BundleError, match="alpha"):
        bundle.read({**files, "study.json": files["study.json"].replace(b"0.01", value)})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"alpha": 0.05}, "The level of the tests is 0.05 here and was preregistered as 0.01."),
        ({"delta": logit(0.55)}, "The margin of equivalence (logit) is 0.2007 here and was preregistered as 0.4055."),
        ({"seed": 2}, "The seed of the resamplings is 2 here and was preregistered as 1."),
        ({"draws": 199}, "The number of resamplings is 199 here and was preregistered as 9999."),
    ],
)
def test_other_options_than_the_preregistered_make_nothing_confirmatory_and_the_report_says_so(closed, changes, said):
    data = study_data(closed)
    as_planned, otherwise = analyse(data, planned(data)), analyse(data, planned(data, **changes))
    assert {"H_min_refute", "agreement", "comparison"} <= confirmatory(as_planned)
    assert confirmatory(otherwise) == set()
    assert said in notices(otherwise)
    assert "no test here is confirmatory" in notices(otherwise)
    assert departures(data, planned(data)) == ()
    families = {t["family"] for t in otherwise["tables"]["hypothesis_tests"]}
    assert not {f for f in families if f.startswith("F2") and "exploratory" not in f}


def altered(study: Study, what: str) -> None:
    if what == "preregistration":
        row = Preregistration.objects.get(study=study)
        Preregistration.objects.filter(pk=row.pk).update(content={**row.content, "hypothesis": "Written afterwards."})
    elif what == "text":
        Preregistration.objects.filter(study=study).update(text="Another text.")
    elif what == "design":
        other = {**study.design, "study": {**study.design["study"], "trials_per_session": 5}}
        Study.objects.filter(pk=study.pk).update(design=other)
    else:
        own = GridMetric.objects.filter(grid__studies=study)
        own.update(is_primary=False)
        own.filter(metric=Metric.objects.get(key="style_loss")).update(is_primary=True)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("preregistration", "not the one that was frozen"),
        ("text", "not the one that was frozen"),
        ("design", "The design is not the one"),
        ("primary metric", "The primary metric of the grids is not the one"),
    ],
)
def test_what_was_changed_after_the_freeze_makes_nothing_confirmatory(closed, what, said):
    altered(closed, what)
    data = study_data(Study.objects.get(pk=closed.pk))
    results = analyse(data, planned(data))
    assert confirmatory(results) == set()
    assert said in notices(results)


def test_who_is_left_out_or_taken_in_again_once_the_outcome_is_known_makes_nothing_confirmatory(closed, owner):
    people = list(closed.participants.order_by("pk")[:4])
    participant_exclude(participant=people[3], by=owner, reason="slept")
    assert study_data(closed).departures == ()  # closed, and nobody has looked
    analysis_run(study=closed, options=Options(draws=99))
    for who in people[:3]:
        participant_exclude(participant=who, by=owner, reason="too quick")
    participant_include(participant=people[0], by=owner, reason="was not")
    data = study_data(closed)
    assert data.departures == (
        "3 participants were left out after the outcome could be known.",
        "1 participant was taken in again after the outcome could be known.",
    )
    results = analyse(data, planned(data))
    assert confirmatory(results) == set()
    assert "3 participants were left out after the outcome could be known." in notices(results)


def test_an_export_of_a_closed_study_tells_the_outcome_too(closed, owner):
    list(bundle_zip(Export(closed), record=export_record(study=closed, contents="everything", by=owner)))
    participant_exclude(participant=closed.participants.first(), by=owner, reason="too quick")
    assert study_data(closed).departures == ("1 participant was left out after the outcome could be known.",)


def test_who_is_left_out_while_people_vote_departs_from_nothing_until_somebody_looked(owner):
    study = factories.study(owner=owner, sessions_planned=2, state="open")
    participant_exclude(participant=factories.finished(study), by=owner, reason="slept")
    late = factories.finished(study)
    assert study_data(study).departures == ()
    study_unblind(study=study, by=owner, reason="a picture is broken")
    participant_exclude(participant=late, by=owner, reason="slept too")
    assert study_data(study).departures[1:] == ("1 participant was left out after the outcome was looked at.",)


def test_fewer_sessions_than_were_written_down_are_said_and_nobody_knew_the_outcome(owner):
    study = factories.study(owner=owner, sessions_planned=3, state="open")
    done, gone = factories.finished(study), factories.finished(study)
    session_withdraw(session=gone.session)
    factories.cast(factories.participant(study))
    assert study_data(study).remarks == ()  # it is under way
    study_transition(study=study, to="closed", by=owner)
    said = "1 of the 3 sessions that were written down was completed."
    data = study_data(study)
    assert (data.departures, data.remarks) == ((), (said,))
    assert {"kind": "remark", "sentence": said} in analyse(data, Options())["notices"]
    assert bundle.read(bundle.write(data)).data.remarks == (said,)
    assert done.session.outcome


def test_who_withdraws_after_the_end_takes_nothing_from_the_stopping_rule(closed):
    session_withdraw(session=closed.participants.first().session)
    assert study_data(closed).remarks == ()


def test_a_look_before_the_end_is_said_and_makes_nothing_confirmatory(owner):
    study = factories.study(owner=owner, state="open")
    for _ in range(3):
        factories.finished(study)
    [look] = analysis_run(study=study, options=Options(draws=99), by=owner, unblind=True)
    assert "looked at before the study closed" in notices(look.results)
    assert analysis_run(study=study, options=Options(draws=99), by=owner, unblind=True) == [look]
    study_transition(study=study, to="closed", by=owner)
    [last] = analysis_run(study=study, options=Options(draws=99))
    assert "looked at before the study closed" in notices(last.results)
    assert confirmatory(last.results) == set()


def test_a_look_at_the_pilot_is_no_look_at_the_study(owner):
    study = factories.study(owner=owner, state="pilot")
    factories.finished(study)
    analysis_run(study=study, options=Options(draws=99), by=owner, unblind=True)
    study_transition(study=study, to="open", by=owner)
    assert study_data(study).departures == ()


def test_back_to_draft_opens_nothing_of_the_pilot_without_the_log(owner):
    study = factories.study(owner=owner, state="pilot")
    assert is_sealed(study)
    factories.finished(study)
    study_transition(study=study, to="draft", by=owner)
    assert is_sealed(study)
    with pytest.raises(EvaluationError, match="hidden"):
        analysis_run(study=study, options=Options(draws=99))
    study_unblind(study=study, by=owner, reason="a picture is broken")
    assert not is_sealed(study)
    assert study.audit.filter(action=UNBLINDED).count() == 1
    study_transition(study=study, to="open", by=owner)
    assert is_sealed(study)  # the look was one at the pilot
    assert study_data(study).departures == ()
    assert not is_sealed(factories.study("fresh", owner=owner))
    assert not is_sealed(factories.study("rehearsal", owner=owner, simulated=True))
