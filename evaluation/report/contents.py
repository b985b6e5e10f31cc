"""Which columns of which table stand under which heading (tables: specs/evaluation.md 3.2), said in words."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from evaluation.core.sections import HYPOTHESES
from evaluation.core.words import ADJUSTMENTS, LEVELS
from evaluation.report.numbers import chance, interval, percent, plain, plain_interval, signed, signed_interval
from evaluation.report.sentences import plainly
from evaluation.report.tables import Column, Table, number, p_value, span, table_of, words

Json = Mapping[str, Any]
Rows = list[Json]
#: At most so many rows of a table stand on the page; all of them are in its CSV.
MOST_ROWS = 100

CEILINGS = {
    "loo": "the others' consensus, of a voter left out (ceiling from below)",
    "majority": "the majority of these votes (ceiling from above)",
    "human": "another voter (a reference, not a ceiling)",
}
MODELS = {
    "raw": "losses as measured",
    "z": "losses as within-scene z-scores",
    "learned_raw": "losses as measured",
    "learned_z": "losses as within-scene z-scores",
    "M0": "side only",
    "M1": "style and content",
    "M2": "style, content and {}",
}
#: Models of the learned weights.
WEIGHTS = ("raw", "z", "learned_raw", "learned_z")
TERMS = {
    "lambda_style": "Share of the style loss, by the votes",
    "lambda_generator": "Share of the style loss, as rendered",
    "side_bias": "Left side",
}


def names_of(results: Json) -> dict[str, str]:
    """Ids of metrics, scenes and conditions -> their labels."""
    names = {m["id"]: m["label"] for m in results["metrics"]}
    names |= {g["scene"]: g["label"] for g in results["groups"] if g["scene"]}
    return names | {c["id"]: c["label"] for c in results["conditions"]}


def tables_of(section: str, results: Json) -> list[Table]:
    """The tables under the heading of ``section``."""
    tables: Mapping[str, Rows] = results.get("tables") or {}
    if section == "flow":
        made = _flow(results)
    elif section in ("tests", "scene_tests"):
        made = _tests(results, scenes=section == "scene_tests")
    elif section in MAKERS:
        # One row per rival or scene is told of the metric that carries the verdict; of all of them in the CSV.
        told = {name: _having(tables.get(name, []), "metric_id", results["primary"]) for name in ("head_to_head",)}
        made = MAKERS[section]({**tables, **told}, names_of(results))
    else:
        made = []
    return [table for table in made if table is not None]


def _agreement(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    subsets = {"all": "", "different_pairs": "Only pairs whose scores differ significantly"}
    columns = [
        words("Metric", "metric_id", names),
        number("Votes that agree", "accuracy", percent),
        span("95 % interval", "ci_low_c1", "ci_high_c1", interval),
        p_value("p_c1", "C1"),
        p_value("p_c2", "C2"),
        p_value("p_c3", "C3"),
        number("Of the others' consensus", "accuracy_normalised", percent),
        number("Deviance explained", "deviance_explained", percent),
        number("Votes", "n_votes"),
    ]
    rows = tables.get("metric_agreement", [])
    return [table_of(_having(rows, "subset", key), columns, title=title) for key, title in subsets.items()]


def _ceilings(tables: Mapping[str, Rows], _: Mapping[str, str]) -> list[Table | None]:
    columns = [
        words("Who predicts", "kind", CEILINGS),
        number("Votes right", "value", percent),
        Column("95\u00a0% interval", lambda row: _ceiling_interval(row)),
    ]
    return [table_of(_having(tables.get("ceilings", []), "scope", "pooled"), columns, title="")]


def _ceiling_interval(row: Json) -> str | None:
    return interval(row["ci_low"], row["ci_high"]) or ("line only" if row["kind"] != "loo" else None)


def _head_to_head(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    columns = [
        words("Choice of the metric", "minimiser", names),
        words("Against", "rival", names),
        number("Votes won", "win_share_observed", percent),
        number("Expected by the scores", "win_prob_model", percent),
        span("95 % interval", "ci_low", "ci_high", interval),
        p_value("p_raw", "C1"),
        number("p, corrected", "p_adj", chance),
        number("Votes", "n"),
    ]
    return [table_of(_having(tables.get("head_to_head", []), "scope", "pooled")[:MOST_ROWS], columns, title="")]


def _regret(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    columns = [
        words("Metric", "metric_id", names),
        number("Loss of preference, cross-fitted (logit)", "regret_crossfit", signed),
        span("95 % bounds", "regret_low", "regret_up", signed_interval),
        number("Plug-in, biased up (logit)", "regret_plugin", signed),
    ]
    return [table_of(_having(tables.get("metric_agreement", []), "subset", "all"), columns, title="")]


def _top1(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    columns = [
        words("Metric", "metric_id", names),
        number("Scenes in which it picks the favourite", "top1", percent),
        number("By chance", "top1_chance", percent),
    ]
    return [table_of(_having(tables.get("metric_agreement", []), "subset", "all"), columns, title="")]


def _discrimination(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    columns = [
        words("Metric", "metric_id", names),
        number("AUC, different from similar", "auc_ds"),
        number("AUC, better from worse", "auc_bw"),
        number("Correct sign", "c0", percent),
        number("Different pairs", "n_different"),
        number("Similar pairs", "n_similar"),
    ]
    return [table_of(_having(tables.get("metric_agreement", []), "subset", "all"), columns, title="")]


def _correlation(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    columns = [
        words("Metric", "metric_id", names),
        words("Scene", "scene_id", names),
        number("Spearman", "spearman", signed),
        number("Kendall", "kendall_b", signed),
        number("Pearson", "pearson", signed),
        p_value("p_c3", "C3"),
        number("Smallest p possible", "p_min_possible", chance),
        number("Conditions", "k"),
    ]
    rows = tables.get("correlations", [])
    scopes = {"pooled": "Within scenes, averaged over them", "scene": "In each scene"}
    return [table_of(_having(rows, "scope", key)[:MOST_ROWS], columns, title=title) for key, title in scopes.items()]


def _comparison(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    columns = [
        words("Metric", "metric_a", names),
        words("Against", "metric_b", names),
        number("Difference in agreement", "difference", _points),
        p_value("p_c1", "C1"),
        p_value("p_c2", "C2"),
        Column("p, corrected", lambda row: chance(row["q_bh"] if row["p_adj"] is None else row["p_adj"])),
        Column("Correction", _correction_of_pair, numeric=False),
    ]
    return [table_of(tables.get("metric_comparison", [])[:MOST_ROWS], columns, title="")]


def _fooling(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    rows = tables.get("fooling", [])
    tested = [
        span("95 % interval", "ci_low", "ci_high", interval),
        p_value("p_raw", "C1"),
        number("Trials", "n_trials"),
        number("Participants", "n_participants"),
    ]
    called = [words("Condition", "condition_1", names), number("Called real", "estimate", percent), *tested]
    between = [
        words("Condition", "condition_1", names),
        words("Less", "condition_2", names),
        number("Difference", "estimate", _points),
        Column("95\u00a0% interval", lambda row: _points_interval(row["ci_low"], row["ci_high"])),
        *tested[1:],
    ]
    metrics = [words("Metric", "metric_id", names), number("Calls that agree", "estimate", percent), *tested]
    return [
        table_of(_having(rows, "kind", "rate"), called, title="How often each was called real (null 50\u00a0%)"),
        table_of(_having(rows, "kind", "difference")[:MOST_ROWS], between, title="Condition against condition"),
        table_of(
            _having(rows, "kind", "metric"), metrics, title="Of two pictures, does a metric tell which was called real?"
        ),
    ]


def _learned(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    rows = [row for row in tables.get("regression", []) if row["model"] in WEIGHTS]
    return [_coefficients(rows, names)]


def _regression(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    rows = [row for row in tables.get("regression", []) if row["model"] not in WEIGHTS]
    return [_coefficients(rows, names)]


def _coefficients(rows: Rows, names: Mapping[str, str]) -> Table | None:
    columns = [
        words("Term", "term", dict(names) | TERMS),
        Column("Model", lambda row: _model(row["model"], names), numeric=False),
        number("Coefficient", "coef", signed),
        Column("95\u00a0% interval", lambda row: _given(row) or signed_interval(row["ci_low"], row["ci_high"])),
        Column(f"p: {LEVELS['C1']}", lambda row: _given(row) or chance(row["p"])),
        # The side is no metric, and a share is no term: nothing can move together with them.
        Column("Variance inflation", lambda row: "none" if row["term"] in TERMS else plain(row["vif"])),
    ]
    return table_of(rows, columns, title="")


def _given(row: Json) -> str | None:
    """What stands where a weight was set by the grid and is not estimated from votes."""
    return "given" if row["term"] == "lambda_generator" else None


def _model(model: str, names: Mapping[str, str]) -> str:
    kind, _, metric = model.partition(":")
    return MODELS.get(kind, kind.replace("_", " ")).format(names.get(metric, metric or "the others"))


def _shape(tables: Mapping[str, Rows], names: Mapping[str, str]) -> list[Table | None]:
    columns = [
        words("Condition", "condition_id", names),
        Column("Parameter", lambda row: row["parameter"].replace("_", " "), numeric=False),
        number("Value", "x"),
        number("Score (logit)", "theta", signed),
        span("95 % interval", "ci_low", "ci_high", signed_interval),
    ]
    return [table_of(tables.get("dose_response", [])[:MOST_ROWS], columns, title="")]


def _flow(results: Json) -> list[Table | None]:
    columns = [words("Step", "words"), number("Pairs left", "n_trials"), number("Participants", "n_participants")]
    return [table_of(results["flow"], columns, title="")]


def _tests(results: Json, *, scenes: bool) -> list[Table | None]:
    rows = (results.get("tables") or {}).get("hypothesis_tests", [])
    names = names_of(results)
    sizes = Counter(row["family"] for row in rows if row.get("p_raw") is not None)
    columns = [
        Column("A small p speaks for", lambda row: _hypothesis(row, names), numeric=False),
        number("Estimate", "estimate"),
        words("Unit", "unit"),
        span("Interval", "ci_low", "ci_high", plain_interval),
        number("p", "p_raw", chance),
        number("p, corrected", "p_adj", chance),
        Column("Correction", lambda row: _correction(row, sizes), numeric=False),
        Column("The p-value", lambda row: LEVELS.get(row.get("claim_level", "")), numeric=False),
        Column("Planned", lambda row: "yes" if row.get("confirmatory") else "no", numeric=False),
    ]
    chosen = [row for row in rows if bool(row.get("scene_id")) == scenes]
    # What was planned before the votes were seen is read first.
    chosen.sort(key=lambda row: not row.get("confirmatory"))
    caption = f"The first {MOST_ROWS} of {len(chosen)}; all of them are in hypothesis_tests.csv."
    return [table_of(chosen[:MOST_ROWS], columns, title="", caption=caption if len(chosen) > MOST_ROWS else "")]


MAKERS = {
    "agreement": _agreement,
    "ceilings": _ceilings,
    "head_to_head": _head_to_head,
    "regret": _regret,
    "top1": _top1,
    "discrimination": _discrimination,
    "correlation": _correlation,
    "comparison": _comparison,
    "fooling": _fooling,
    "regression": _regression,
    "learned": _learned,
    "shape": _shape,
}


def _hypothesis(row: Json, names: Mapping[str, str]) -> str:
    said = HYPOTHESES.get(row["hypothesis"], str(row["hypothesis"]).replace("_", " "))
    if row["hypothesis"] == "head_to_head" and row.get("unit") == "win probability" and row.get("message"):
        return plainly(row["message"])  # it names the rival, which no column of the row does
    if row["hypothesis"] in ("fooling", "fooling_differences") and row.get("message"):
        return plainly(row["message"])  # it names the conditions
    about = [names.get(row.get(key) or "", row.get(key) or "") for key in ("metric_id", "metric_id_2", "scene_id")]
    about = [name for name in about if name]
    return f"{', '.join(about)}: {said}" if about else said


def _correction(row: Json, sizes: Mapping[str, int]) -> str:
    if row.get("adjustment", "none") == "none":
        return ADJUSTMENTS["none"]
    size = sizes[row["family"]]
    return f"{ADJUSTMENTS[row['adjustment']]}, {size} test{'s' * (size != 1)}"


def _having(rows: Rows, key: str, value: str) -> Rows:
    return [row for row in rows if row.get(key) == value]


def _correction_of_pair(row: Json) -> str | None:
    """Holm among the planned pairs, Benjamini–Hochberg among all others."""
    if row["p_adj"] is None:
        return None if row["q_bh"] is None else ADJUSTMENTS["bh"]
    return ADJUSTMENTS["holm"]


def _points_interval(low: float | None, high: float | None) -> str | None:
    """'−4.2 to +3.0 points'."""
    if low is None or high is None:
        return None
    return f"{100 * low:+.1f} to {100 * high:+.1f}\u00a0points".replace("-", "−")


def _points(value: float | None) -> str | None:
    """'+4.2 points'."""
    return None if value is None else f"{100 * value:+.1f}\u00a0points".replace("-", "−")
