"""The section of E11. M0: side bias. M1: and style and content loss. M2: and one metric more, for each in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evaluation.core import clusters, words
from evaluation.core.evidence import POOLED, BoolArray, Evidence, MetricValues
from evaluation.core.metrics.claims import MIN_SCENES
from evaluation.core.sections import Json, Section, Test
from evaluation.core.weights import logit
from evaluation.core.weights.learned.parts import loss_parts, usable_votes, z_difference
from evaluation.core.weights.logit import Logit
from evaluation.core.weights.regression.increment import Gained, Increment, increment
from evaluation.core.weights.terms import term_rows
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

FAMILY = "increments"
#: Variance inflation from which a coefficient is not to be read by itself.
MUCH = 10.0


@dataclass(frozen=True)
class Step:
    """One addition: ``base`` metrics and what is ``added``, or why it cannot be."""

    model: str
    base: tuple[MetricValues, ...]
    added: tuple[MetricValues, ...]

    @property
    def metrics(self) -> tuple[MetricValues, ...]:
        """All metrics of the larger model, in the order of its columns."""
        return (*self.base, *self.added)

    @property
    def label(self) -> str:
        """What is added, in words."""
        return words.joined([words.metric_name(m.info.label, short=True) for m in self.added])


def regression_section(evidence: Evidence) -> Section:
    """E11. ``summary["increments"]``: one entry per addition; metrics enter as within-scene z-scores, lower better."""
    if not evidence.metrics or evidence.votes.n_votes == 0:
        code = words.reason("NC_NO_METRIC") if not evidence.metrics else words.reason("NC_NO_VOTES", group="All scenes")
        said = words.reason_json(code, evidence.voice)
        return Section({"increments": [], "reason": said, "sentence": said["sentence"]}, {"regression": []})
    found = loss_parts(evidence)
    parts = () if isinstance(found, Reason) else (found.style, found.content)
    others = [m for m in evidence.metrics if m not in parts]
    done = [_step(evidence, Step("M1", (), parts), first=True)] if parts else []
    # Where style and content cannot stand together, the other metrics are added to the side bias alone.
    base = parts if done and done[0][1] else ()
    for metric in others:
        first = not any(rows for _, rows, _ in done)
        done.append(_step(evidence, Step(f"M2:{metric.info.id}", base, (metric,)), first=first))
    increments = [entry for entry, _, _ in done]
    summary: Json = {"increments": increments, "base": [m.info.id for m in base], "reason": None}
    rows = [row for _, its_rows, _ in done for row in its_rows]
    return Section(summary, {"regression": rows}, tuple(test for _, _, tests in done for test in tests))


def _step(evidence: Evidence, step: Step, *, first: bool) -> tuple[Json, list[Json], list[Test]]:
    """Fit both models of a step. ``first``: whether the smaller model's rows (M0) are still to be printed."""
    votes = evidence.votes
    entry: Json = {
        "model": step.model,
        "metrics": [m.info.id for m in step.added],
        "label": step.label,
        "base": [m.info.id for m in step.base],
        "reason": None,
    }
    keep = np.logical_and.reduce([usable_votes(m, votes) for m in step.metrics])
    reason = _refusal(step, keep)
    columns = np.column_stack([z_difference(m, votes)[keep] for m in step.metrics]) if reason is None else None
    if columns is not None:
        reason = _not_separable(step, columns)
    large = (
        logit.fit(logit.antisymmetric(*columns.T), votes.y[keep]) if reason is None and columns is not None else None
    )
    if large is not None and not large.converged:
        names = words.joined([words.metric_name(m.info.label) for m in step.metrics])
        reason = words.reason("NC_UNBOUNDED_WEIGHTS", metrics=names)
    if reason is not None or large is None:
        return _refused(evidence, entry, step, reason or words.reason("NC_NO_METRIC"))
    person = logit.renumbered(votes.person[keep])
    scene = votes.scene[keep]
    small = logit.fit(large.design[:, : 1 + len(step.base)], large.y, start=large.coef[: 1 + len(step.base)])
    rows, tests = term_rows(evidence, step.model, [m.info.id for m in step.metrics], large, person, scene)
    if first:
        base_rows, base_tests = term_rows(evidence, "M0", [], logit.fit(large.design[:, :1], large.y), person, scene)
        rows, tests = base_rows + rows, base_tests + tests
    entry |= _described(evidence, step, small, large, person, scene)
    return entry, rows, tests + _tests(evidence, step, entry)


def _refusal(step: Step, keep: BoolArray) -> Reason | None:
    for metric in step.metrics:
        found = metric.minima[POOLED]
        if isinstance(found, Reason) and found.code in ("NC_SCOPE", "NC_CONSTANT_METRIC"):
            return found
    if keep.any():
        return None
    missing = [m.minima[POOLED] for m in step.metrics]
    return next((r for r in missing if isinstance(r, Reason)), words.reason("NC_NO_VOTES", group="All scenes"))


def _not_separable(step: Step, columns: FloatArray) -> Reason | None:
    for metric, column in zip(step.metrics, columns.T, strict=True):
        if not column.any():
            return words.reason("NC_CONSTANT_METRIC", metric=metric.info.label, group="the scenes that were compared")
    if logit.condition_number(columns) <= logit.COLLINEAR_ABOVE:
        return None
    if step.model == "M1":
        return words.reason("NC_COLLINEAR", r=f"{logit.correlation(*columns.T):.3f}")
    return words.reason("NC_METRICS_COLLINEAR", metrics=words.joined([m.info.label for m in step.metrics]))


def _refused(evidence: Evidence, entry: Json, step: Step, reason: Reason) -> tuple[Json, list[Json], list[Test]]:
    said = words.reason_json(reason, evidence.voice)
    test = Test(
        hypothesis="increment", family=FAMILY, scope=step.model, metric_id=step.added[0].info.id, adjustment="holm",
        status="not_computable", reason_code=reason.code, message=said["sentence"],
    )  # fmt: skip
    return entry | {"reason": said, "sentence": said["sentence"]}, [], [test]


def _described(evidence: Evidence, step: Step, small: Logit, large: Logit, person: IntArray, scene: IntArray) -> Json:
    people = int(person.max()) + 1
    added = range(small.design.shape[1], large.design.shape[1])
    described: Json = {
        "coef": [float(large.coef[i]) for i in added],
        "vif": [float(v) for v in logit.vif(large.design[:, 1:])[added.start - 1 :]],
        "slope_sd": [logit.own_slopes(large, i, person)[0] for i in added],
        "n_votes": len(large.y),
        "n_participants": people,
        "n_scenes": logit.count(scene),
    }
    if people < words.MIN_PARTICIPANTS:
        said = words.reason_json(words.few_participants(people), evidence.voice)
        return described | {"reason": said, "sentence": said["sentence"]}
    found = increment(small, large, person, scene, min_scenes=MIN_SCENES)
    described |= {
        "f": found.f,
        "p": found.p,
        "p_c2": found.p_c2,
        "log_loss_people": _gain(found.log_loss_people, found.df),
        "log_loss_scenes": _gain(found.log_loss_scenes, found.df) if found.log_loss_scenes else None,
        "agreement": _gain(found.agreement, found.df),
        "df": found.df,
        "df_c2": found.df_c2,
    }
    return described | {"sentence": evidence.voice.say(_sentence(evidence, step, found, described))}


def _gain(gained: Gained, df: int) -> Json:
    low, high = clusters.t_interval(gained.estimate, gained.se, df)
    return {"estimate": gained.estimate, "low": low, "high": high}


def _tests(evidence: Evidence, step: Step, entry: Json) -> list[Test]:
    base = Test(
        hypothesis="increment", family=FAMILY, adjustment="holm", scope=step.model, metric_id=step.added[0].info.id,
        metric_id_2=step.added[1].info.id if len(step.added) > 1 else "", null_value=0.0, n_votes=entry["n_votes"],
        n_participants=entry["n_participants"], n_scenes=entry["n_scenes"],
        n_conditions=len(evidence.votes.conditions), method="Wald F of the added terms, CR1", message=entry["sentence"],
    )  # fmt: skip
    if entry["reason"] is not None:
        return [replace(base, status="not_computable", reason_code=entry["reason"]["code"])]
    tests = [replace(base, statistic=entry["f"], df=float(entry["df"]), p_raw=entry["p"])]
    if entry["p_c2"] is not None:
        two_way = "Wald F of the added terms, two-way variance"
        tests.append(
            replace(base, claim_level="C2", family=f"{FAMILY}, C2", df=float(entry["df_c2"]), p_raw=entry["p_c2"],
                    method=two_way)
        )  # fmt: skip
    return tests


def _sentence(evidence: Evidence, step: Step, found: Increment, described: Json) -> str:
    beside = (
        f" beside {words.joined([words.metric_name(m.info.label, short=True) for m in step.base])}" if step.base else ""
    )
    verb = "add" if len(step.added) > 1 else "adds"
    tells = (
        f"{verb} to what tells the votes apart" if found.p <= evidence.options.alpha else f"{verb} nothing that shows"
    )
    gain = 100 * found.agreement.estimate
    text = (
        f"Over all scenes, {step.label} {tells}{beside} ({words.p_text(found.p)}, {words.C1_WORDS}): with a "
        f"participant left out, {abs(gain):.1f} {'more' if gain >= 0 else 'fewer'} of 100 votes are foreseen."
    )
    if max(described["vif"]) > MUCH:
        text += (
            f" What was added moves with the others (variance inflation {max(described['vif']):.0f}): its own "
            "coefficient means little."
        )
    if len(step.added) == 1 and described["slope_sd"][0] > 0:
        who = evidence.voice.voters.capitalize()
        text += f" {who} differ in how much they heed it (SD {described['slope_sd'][0]:.2f})."
    return text
