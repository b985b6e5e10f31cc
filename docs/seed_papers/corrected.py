"""What our own grid after Meng 2023 shows beside her numbers."""

import csv
from collections.abc import Iterable
from statistics import geometric_mean

from evaluation.core.words import joined
from seed_papers.tables import ROOT, Row, rows


def corrected() -> list[str]:
    """What our own grid shows: means over its scenes beside her numbers, read as above."""
    with (ROOT / "fixtures" / "grids" / "meng2023-squeeze.csv").open(newline="") as file:
        ours = list(csv.DictReader(file))
    scenes = list(dict.fromkeys(r["scene"] for r in ours))
    hers = {float(r["learning_rate"]): r for t in ("meng2023_table2", "meng2023_table1") for r in rows(t)
            if float(r["style_weight"]) == 1e-3}  # fmt: skip
    pairs: dict[tuple[float, float], list[Row]] = {}
    for r in ours:
        if float(r["content_weight"]) != 1e4:
            pairs.setdefault((float(r["learning_rate"]), float(r["style_weight"])), []).append(r)
    table = {lr: group for (lr, weight), group in pairs.items() if weight == 1e-3}
    lowest = [min((r for g in table.values() for r in g if r["scene"] == s), key=lambda r: float(r["total_loss"]))
              for s in scenes]  # fmt: skip
    wins = {lr: sum(float(r["learning_rate"]) == lr for r in lowest) for lr in table}
    total = {lr: mean(group, "total_loss") for lr, group in table.items()}
    best, second = sorted(total, key=lambda lr: total[lr])[:2]
    spread = {
        lr: max(mean(g, "style_loss") for (at, _), g in pairs.items() if at == lr)
        / min(mean(g, "style_loss") for (at, _), g in pairs.items() if at == lr)
        for lr in (0.0001, 0.001, 0.01)
    }
    lines = [
        "### What our corrected grid shows",
        "",
        "`fixtures/grids/meng2023.toml` is her grid with losses stored raw and correctly named; it needs the original "
        "VGG19 and has not been run by us. `fixtures/grids/meng2023-squeeze.toml` is the same grid on SqueezeNet 1.1 "
        "at 128 px and 200 steps with our own pictures: a departure and no replication. Geometric means over its "
        f"{len(scenes)} scenes under the weights (1e-3, 5), beside her numbers divided by their weights and with the "
        "headings exchanged (`fixtures/grids/meng2023-squeeze.csv` has every image):",
        "",
        "| lr | raw style, ours | hers | raw content, ours | hers | LPIPS to the photograph | lowest total in |",
        "|---|---|---|---|---|---|---|",
    ]
    for lr, group in table.items():
        printed = hers.get(lr)
        style, content = ("not printed", "not printed") if printed is None else (
            f"{float(printed['column_content']) / 1e-3:.3g}", f"{float(printed['column_style']) / 5:,.0f}"
        )  # fmt: skip
        lines.append(
            f"| {lr:g} | {mean(group, 'style_loss'):.3g} | {style} | {mean(group, 'content_loss'):,.0f} | {content} | "
            f"{mean(group, 'lpips_content'):.2f} | {wins[lr]} of {len(scenes)} scenes |"
        )
    return [
        *lines,
        "",
        f"* The raw style loss falls from {mean(table[0.0001], 'style_loss'):.2g} at lr 0.0001 to "
        f"{mean(table[best], 'style_loss'):.2g} at lr {best:g} and rises again, as her column called content does.",
        f"* The total is lowest at lr {best:g} in the mean, {100 * (total[second] / total[best] - 1):.1f} % below lr "
        f"{second:g}; in single scenes it is lowest at {joined([f'{lr:g} ({n})' for lr, n in wins.items() if n])}. "
        "Which learning rate has the minimum depends on the scene; one scene says little.",
        "* The content loss begins at zero and saturates. "
        f"It is {mean(table[0.1], 'content_loss') / mean(table[0.01], 'content_loss'):.2f} times as large at lr 0.1 as "
        "at 0.01. Of a dip like hers between 0.001 and 0.05 there is nothing here.",
        "* Three pairs of weights in one ratio, a factor of 10,000 apart, give mean raw style losses within "
        + joined([f"{100 * (ratio - 1):.1f} % (lr {lr:g})" for lr, ratio in spread.items()])
        + ". Magnitude at a fixed ratio changed nothing but what ε and rounding do.",
        f"* What the eye is asked is another question: the image at lr {best:g} is far from the photograph "
        f"(LPIPS {mean(table[best], 'lpips_content'):.2f}; "
        f"{mean(table[0.005], 'lpips_content'):.2f} at 0.005, {mean(table[0.0017], 'lpips_content'):.2f} at 0.0017). "
        "No votes have been collected on these images.",
    ]


def mean(group: Iterable[Row], column: str) -> float:
    """Geometric mean of a column."""
    return geometric_mean(float(row[column]) for row in group)
