"""The report of one question as one HTML file: no script, no server, nothing to fetch; for a screen, a phone, paper."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from evaluation.core import words
from evaluation.core.figures import chart_texts
from evaluation.core.sections import HYPOTHESES
from generation.core.drawing.style import CONTROLS

Json = Mapping[str, Any]
#: Of a longer table the page shows the beginning; its file has all.
ROWS_SHOWN = 200
#: The tables in the order of the page; others follow.
ORDER = ("human_scores", "head_to_head", "pairs", "metric_agreement", "metric_comparison", "correlations",
         "regression", "dose_response", "ceilings", "hypothesis_tests")  # fmt: skip
STATUS = {"ok": "", "warning": "read with care", "not_computable": "not computed"}
HEADS = {
    "theta": "score (logit)", "theta_jod": "score (JOD)", "se": "standard error", "se_model": "standard error (model)",
    "se_cluster": "standard error (participants)", "se_naive": "standard error (votes as if independent)",
    "ci_low": "95 % CI from", "ci_high": "95 % CI to", "ci_low_c1": "95 % CI from", "ci_high_c1": "95 % CI to",
    "se_c1": f"standard error, {words.C1_WORDS}", "p_c1": f"p, {words.C1_WORDS}",
    "se_c2": f"standard error, {words.C2_WORDS}", "p_c2": f"p, {words.C2_WORDS}", "p_c3": f"p, {words.C3_WORDS}",
    "p_raw": "p", "p_adj": "p, corrected", "q_bh": "p, corrected (Benjamini–Hochberg)", "p_1": "share of the first",
    "p_best": "how often it leads", "n": "votes", "n_votes": "votes", "n_trials": "trials", "k": "conditions",
    "n_participants": "participants", "n_scenes": "scenes", "n_conditions": "conditions", "deff": "design effect",
    "scene_id": "scene", "metric_id": "metric", "metric_id_2": "other metric", "condition_id": "condition",
    "item_1": "first image", "item_2": "second image", "words": "who is left",
    "auc_ds": "AUC (different or similar)", "auc_bw": "AUC (better or worse)", "c0": "share of correct signs",
    "loo": "the others predict a person", "majority": "the majority of the same votes", "human": "another person",
    "hypothesis": "a small p speaks for",
    "claim_level": "what it holds for", "message": "in words", "coef": "coefficient", "vif": "variance inflation",
    "top1": "minimum is favourite", "top1_chance": "the same by chance", "human_human": "another person",
}  # fmt: skip
NOT_APPLICABLE = "Does not apply to this row."
#: Columns that are for machines: codes have their sentence beside them.
HIDDEN = ("reason_code", "test_id", "family", "rng_seed", "step")
STYLE = """
:root{color-scheme:light;--ink:#1b1b1f;--soft:#5a5a66;--line:#d9d9e0;--card:#f5f5f8}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1rem;color:var(--ink);background:#fff;
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:break-word}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2rem}
.verdict{border:2px solid var(--ink);border-radius:.5rem;padding:1rem;background:var(--card)}
.verdict .answer{font-size:1.6rem;font-weight:700;margin:.25rem 0}.soft{color:var(--soft)}
.notice{border-left:.35rem solid #b3261e;padding:.25rem .75rem;font-weight:600}
figure{margin:1.5rem 0}figure img{width:100%;height:auto}figcaption{color:var(--soft);font-size:.9rem}
details{border-top:1px solid var(--line);padding:.5rem 0}summary{cursor:pointer;font-weight:600;min-height:2rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
@media print{body{max-width:none;padding:0;font-size:10pt}figure,.verdict,tr{break-inside:avoid}}
"""


def page(result: Json, files: Mapping[str, bytes]) -> bytes:
    """The page of ``result`` (one question); ``files``: its figures by name, as :func:`chart_files` gives them."""
    head, study = result["headline"], result["study"]
    names = _names(result)
    parts = [
        f"<h1>{escape(study['title'])}</h1>",
        *(f'<p class="notice">{escape(n["sentence"])}</p>' for n in result["notices"]),
        f"<p>Asked: “{escape(result['question']['text'])}”</p>",
        '<section class="verdict">',
        f"<p>{escape(head['question'])}</p>",
        f'<p class="answer">{escape(head["mark"])} {escape(head["answer"])}</p>',
        *(f"<p>{escape(head[key])}</p>" for key in ("sentence", "scenes_line") if head[key]),
        f'<p class="soft">{escape(head["basis"])}</p>' if head["basis"] else "",
        "</section>",
        f"<p>{escape(result['cannot_say'])}</p>",
        *(_figure(stem, text, files) for stem, text in chart_texts(result).items()),
        *(_section(name, summary) for name, summary in result.get("sections", {}).items()),
        "<h2>Tables</h2>",
        *(_table(name, rows, names) for name, rows in _tables(result)),
        f'<p class="soft">Data {escape(result["digest"][:12])}, seed {result["options"]["seed"]}.</p>',
    ]
    body = "\n".join(part for part in parts if part)
    html = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(study['title'])}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    return CONTROLS.sub("", html).encode()


def _figure(stem: str, text: Mapping[str, str], files: Mapping[str, bytes]) -> str:
    wide, narrow = (_inline(files[name]) for name in (f"{stem}.svg", f"{stem}_narrow.svg"))
    return (
        f'<figure><picture><source media="(max-width: 600px)" srcset="{narrow}">'
        f'<img src="{wide}" alt="{escape(text["alt"])}"></picture>'
        f"<figcaption><strong>{escape(text['title'])}</strong> {escape(text['caption'])}</figcaption></figure>"
    )


def _inline(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _section(name: str, summary: Any) -> str:
    said = list(dict.fromkeys(_sentences(summary)))
    if not said:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in said)
    return f"<details><summary>{escape(_spoken(name))}</summary><ul>{items}</ul></details>"


def _sentences(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        own = [value["sentence"]] if isinstance(value.get("sentence"), str) and value["sentence"] else []
        return own + [s for key, inner in value.items() if key != "sentence" for s in _sentences(inner)]
    return [s for inner in value for s in _sentences(inner)] if isinstance(value, list) else []


def _tables(result: Json) -> list[tuple[str, Sequence[Json]]]:
    tables: Mapping[str, Sequence[Json]] = result.get("tables", {})
    names = [name for name in ORDER if name in tables] + sorted(set(tables) - {*ORDER, "flow"})
    return [(name, tables[name]) for name in names if tables[name]] + [("flow", result["flow"])]


def _table(name: str, rows: Sequence[Json], names: Mapping[str, str]) -> str:
    columns = [c for c in dict.fromkeys(c for row in rows for c in row) if c not in HIDDEN]
    columns = [c for c in columns if any(row.get(c) not in (None, "") for row in rows)]
    if not columns:
        return ""
    head = "".join(f'<th scope="col">{escape(HEADS.get(c, c.replace("_", " ")))}</th>' for c in columns)
    marks: dict[str, str] = {}
    lines = [f"<tr>{''.join(_cell(c, row, names, marks) for c in columns)}</tr>" for row in rows[:ROWS_SHOWN]]
    notes = "".join(f"<p><sup>{mark}</sup> {escape(sentence)}</p>" for sentence, mark in marks.items())
    more = f"<p>{ROWS_SHOWN} of {len(rows)} rows; all are in derived/{name}.csv.</p>" if len(rows) > ROWS_SHOWN else ""
    return (
        f'<details><summary>{escape(_spoken(name))} ({len(rows)})</summary><div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>{notes}{more}</details>"
    )


def _cell(column: str, row: Json, names: Mapping[str, str], marks: dict[str, str]) -> str:
    value = row.get(column)
    if column == "scene_id" and not value:
        return "<td>all</td>"
    if value is None or value == "":
        sentence = words.why_missing(row) if value is None else NOT_APPLICABLE
        return f"<td>–<sup>{marks.setdefault(sentence, str(len(marks) + 1))}</sup></td>"
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int | float):
        return f'<td class="n">{value}</td>' if isinstance(value, int) else f'<td class="n">{value:.4g}</td>'
    told = {"claim_level": words.LEVELS, "status": STATUS, "verdict": words.VERDICT_WORDS, "hypothesis": HYPOTHESES,
            "adjustment": words.ADJUSTMENTS}.get(column)  # fmt: skip
    text = str(value)
    return f"<td>{escape((names if told is None else told).get(text, text))}</td>"


def _names(result: Json) -> dict[str, str]:
    """Ids of conditions, scenes and metrics -> their labels."""
    found = {c["id"]: c["label"] for c in result["conditions"]} | {m["id"]: m["label"] for m in result["metrics"]}
    return found | {g["scene"]: g["label"] for g in result["groups"] if g["scene"]}


def _spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()
