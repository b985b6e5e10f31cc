"""The table ``metric_agreement``: one row per metric and subset, joined from the parts that computed its columns."""

from __future__ import annotations

from evaluation.core.evidence import Evidence
from evaluation.core.sections import Json


def metric_agreement_rows(
    evidence: Evidence, *, agreement: Json, discrimination: Json, top1: Json, regret: Json
) -> list[Json]:
    """Rows of ``metric_agreement`` (specs/evaluation.md 3.2) from the summaries of the four sections."""
    rows = []
    for metric in evidence.metrics:
        name = metric.info.id
        whole = agreement[name]
        classes = discrimination[name]
        beside: Json = {key: classes[key] for key in ("auc_ds", "auc_bw", "c0")}
        beside |= {"n_different": classes["n_different"], "n_similar": classes["n_similar"]}
        first, cost = top1[name], regret["metrics"][name]
        beside |= {"top1": first.get("share"), "top1_chance": None}
        if first.get("share") is not None:
            beside["top1_chance"] = first["chance"] / first["n_scenes"]
        beside |= {f"regret_{key}": cost.get(key) for key in ("plugin", "crossfit", "low")}
        beside["regret_up"] = cost.get("high")
        rows.append(_row(name, "all", whole) | beside | _state(whole))
        part = whole.get("different_pairs") or whole
        rows.append(_row(name, "different_pairs", part) | dict.fromkeys(beside) | _state(part))
    return rows


def _row(metric: str, subset: str, said: Json) -> Json:
    c2, c3 = said.get("c2") or {}, said.get("c3") or {}
    model, bracket = said.get("likelihood") or {}, said.get("ceilings") or {}
    return {
        "metric_id": metric,
        "subset": subset,
        "n_votes": said.get("n_votes", 0),
        "n_participants": said.get("n_participants", 0),
        "n_scenes": said.get("n_scenes", 0),
        "accuracy": said["accuracy"],
        "se_c1": said.get("se"),
        "ci_low_c1": said.get("low"),
        "ci_high_c1": said.get("high"),
        "p_c1": said.get("p"),
        "se_c2": c2.get("se"),
        "p_c2": c2.get("p"),
        "p_c3": c3.get("p"),
        "deff": said.get("deff"),
        "log_loss": model.get("log_loss"),
        "deviance_explained": model.get("explained"),
        "slope": model.get("slope"),
        "ceiling_loo": bracket.get("loo"),
        "ceiling_majority": bracket.get("majority"),
        "human_human": bracket.get("human"),
        "accuracy_normalised": (said.get("normalised") or {}).get("value"),
    }


def _state(said: Json) -> Json:
    if said["accuracy"] is None:
        return {"status": "not_computable", "reason_code": said["reason"]["code"]}
    if said["reason"] is not None:
        return {"status": "warning", "reason_code": said["reason"]["code"]}
    # A column that stays empty in a row that is otherwise complete: the first part that was refused says why.
    parts = (said.get("c2") or {}, said.get("c3") or {}, said.get("normalised") or {})
    refused = [part["reason"]["code"] for part in parts if part.get("reason")]
    return {"status": "ok", "reason_code": refused[0] if refused else ""}
