"""Reads the loss tables of two papers through our own analysis and writes docs/seed-tables.md (`make pages`).

The numbers stand in fixtures/seeds as they were printed; every sentence of the page is made from them.
"""

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean

from evaluation.core.dataset import Condition, MetricInfo, Question, Scene, Score, Stimulus, StudyData
from evaluation.core.verdict import minimiser
from evaluation.core.words import Reason, joined

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "seed-tables.md"
Row = Mapping[str, str]


@dataclass(frozen=True)
class Column:
    """A number of the table: what it is called, how it is read from a row, and within what it may be compared."""

    label: str
    value: Callable[[Row], float]
    scope: str = "objective"


def rows(name: str) -> list[Row]:
    """A table of ``fixtures/seeds`` as printed."""
    with (ROOT / "fixtures" / "seeds" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def study(name: str, table: Sequence[Row], label: Callable[[Row], str], objective: Callable[[Row], str],
          columns: Sequence[Column]) -> StudyData:  # fmt: skip
    """The table as a study without votes: one scene, a condition per row, a metric per column."""
    place = range(len(table))
    return StudyData(
        slug=name,
        title=name,
        simulated=False,
        questions=(Question("natural", "Which looks more natural?"),),
        scenes=(Scene("paper", "as printed"),),
        conditions=tuple(Condition(f"c{i}", label(table[i]), i, objective_id=objective(table[i])) for i in place),
        stimuli=tuple(Stimulus(f"s{i}", "paper", f"c{i}") for i in place),
        metrics=tuple(
            MetricInfo(f"m{j}", f"m{j}", column.label, comparable_within=column.scope)
            for j, column in enumerate(columns)
        ),
        scores=tuple(
            Score(f"s{i}", f"m{j}", column.value(table[i])) for i in place for j, column in enumerate(columns)
        ),
        participants=(),
        trials=(),
    ).canonical()


def minima(data: StudyData) -> list[str]:
    """One line of a table per metric: its minimiser, the value, the margin to the next; or why there is none."""
    lines = ["| column | smallest | value | next | margin |", "|---|---|---|---|---|"]
    conditions = [c.id for c in data.conditions]
    for metric in data.metrics:
        found = minimiser.scene_minimum(
            data, metric, minimiser.cells(data, metric), "paper", conditions, "the printed table"
        )
        if isinstance(found, Reason):
            lines.append(f"| {metric.label} | not said | | | {found.sentence} |")
            continue
        best = found.items[0]
        others = {c: v for c, v in found.values.items() if c not in found.items}
        second = min(others, key=lambda c: others[c])
        share = 100 * found.margin / abs(found.values[best])
        name = joined([data.condition[c].label for c in found.items])
        lines.append(
            f"| {metric.label} | {name} | {number(found.values[best])} | {data.condition[second].label} | "
            f"{number(found.margin)} ({share:.2g} %) |"
        )
    return lines


def number(value: float) -> str:
    """1,234.5; 0.0123; as many digits as the papers print."""
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.5g}"


def weighted(column: str) -> Callable[[Row], float]:
    """The number as printed."""
    return lambda row: float(row[column])


def raw(column: str, weight: str) -> Callable[[Row], float]:
    """The printed number divided by a weight: the raw loss, if the column is what its heading says."""
    return lambda row: float(row[column]) / float(row[weight])


def total(row: Row) -> float:
    """Both columns together: the objective, whichever is which."""
    return float(row["column_style"]) + float(row["column_content"])


def group(row: Row) -> str:
    """The weights of a row."""
    return f"style {float(row['style_weight']):g}, content {float(row['content_weight']):g}"


def rate(row: Row) -> str:
    return f"lr {float(row['learning_rate']):g}"


MENG = [
    Column("“Style loss” as printed", weighted("column_style")),
    Column("“Content loss” as printed", weighted("column_content")),
    Column("their sum", total),
]
LEE = [
    Column("Loss G GAN", weighted("g_gan"), "run"),
    Column("Loss G L1", weighted("g_l1"), "all"),
    Column("Loss G", weighted("g"), "run"),
]


def meng_one() -> list[str]:
    """Table 1: six learning rates, one pair of weights."""
    table = rows("meng2023_table1")
    data = study("meng-table-1", table, rate, group, MENG)
    sums = {rate(r): total(r) for r in table}
    first, second = sorted(sums, key=lambda c: sums[c])[:2]
    gap = 100 * (sums[second] - sums[first]) / sums[first]
    return [
        "## Meng 2023, Table 1: six learning rates",
        "",
        "Style weight 1e-3, content weight 5. The paper says that content and style loss both “reached their minimum” "
        "at learning rate 0.06.",
        "",
        *minima(data),
        "",
        f"The sum is smallest at {first}; {second} differs by {gap:.2f} %. With one run per learning rate nobody can "
        "say whether that margin is larger than the spread between two seeds, so it is not a unique minimiser.",
    ]


def meng_two() -> list[str]:
    """Table 2: three pairs of weights at one ratio."""
    table = rows("meng2023_table2")
    data = study("meng-table-2", table, lambda r: f"{rate(r)}, {group(r)}", group, MENG)
    lines = [
        "## Meng 2023, Table 2: three pairs of weights at one ratio",
        "",
        "Over the whole table:",
        "",
        *minima(data),
        "",
        "Within one pair of weights the numbers may be compared:",
        "",
    ]
    for name in dict.fromkeys(group(r) for r in table):
        part = [r for r in table if group(r) == name]
        lines += [f"**{name}**", "", *minima(study("part", part, rate, group, MENG)), ""]
    return [*lines, *readings(table)]


def readings(table: Iterable[Row]) -> list[str]:
    """What the raw losses would be, if the headings are right and if they are swapped."""
    rate_of: dict[str, dict[str, Row]] = {}
    for row in table:
        rate_of.setdefault(rate(row), {})[row["style_weight"]] = row
    lines = [
        "### Which column is which?",
        "",
        "The printed losses contain their weights: the third pair of weights is 100 times the second. Divided by the "
        "weights, the two ought to give about the same picture, because Adam hardly notices a factor on the whole "
        "loss. Both readings of the headings, with the ratio of the raw losses of the third to the second pair:",
        "",
        "| | as printed: style | as printed: content | swapped: style | swapped: content |",
        "|---|---|---|---|---|",
    ]
    for name, by_weight in rate_of.items():
        second, third = by_weight["1e-3"], by_weight["1e-1"]
        ratios = [
            raw(column, weight)(third) / raw(column, weight)(second)
            for column, weight in (
                ("column_style", "style_weight"),
                ("column_content", "content_weight"),
                ("column_content", "style_weight"),
                ("column_style", "content_weight"),
            )
        ]
        lines.append(f"| {name} | " + " | ".join(f"{r:.3g}" for r in ratios) + " |")
    return [
        *lines,
        "",
        "Both weights grow by the same factor, so these ratios alone cannot tell the readings apart: the column called "
        "content stays within 2 % of equal, the other falls 7 to 9 times, under either name. The next section says "
        "what else speaks for a swap. Everywhere on this page the numbers stand under the headings they were printed "
        "with.",
    ]


def holds() -> list[str]:
    """What the columns are, if the recipe is the one we think it is: the arithmetic."""
    one, two = rows("meng2023_table1"), rows("meng2023_table2")
    slow = [r for r in two if rate(r) == "lr 0.0001"]
    # The first row has its numbers the other way round: the large one stands under the heading "style".
    large = [max(float(r["column_style"]), float(r["column_content"])) for r in slow]
    over = [
        f"{n:,.1f} / {r['style_weight']} = {n / float(r['style_weight']):.3g}" for n, r in zip(large, slow, strict=True)
    ]
    middle = [r for r in two if float(r["content_weight"]) == 5] + list(one[:1])
    hump = ", ".join(f"{float(r['column_style']):,.0f}" for r in middle)
    fall = ", ".join(f"{float(r['column_content']):,.0f}" for r in middle)
    content = {w: float(r["column_style"]) / float(w) for r in slow if (w := r["content_weight"]) != "5e-2"}
    mean_square = float(slow[1]["column_content"]) / 5
    return [
        "### What the tables hold",
        "",
        "The constants of the paper (Adam at 0.02, content weight 1e4, style weight 1e-3) are those of TensorFlow's "
        "tutorial on neural style transfer with one digit changed. [That recipe](style-transfer.md) begins at the "
        "photograph, takes means of squares, and prints weighted losses. Under it we read the tables so, with about "
        "95 % confidence in the recipe and the swap and little in the exact weights:",
        "",
        "* **The losses are weighted.** The large number of each pair of weights at lr 0.0001, divided by the style "
        f"weight: {joined(over)}. The slowest runs give one order of magnitude, that of a Gram loss near "
        "its start: a stored log of the recipe prints 4.83e10 for the photograph itself.",
        "* **The headings are exchanged**, in all rows but one (weights 1e-5 and 5e-2, lr 0.0001). Read as printed, "
        f"{float(slow[1]['column_content']):,.1f} / 5 = {mean_square:.2g} would be a mean squared difference of "
        "features; logs of the recipe show about 1e3.",
        f"* **The shapes agree.** Under (1e-3, 5), from lr 0.0001 to 0.05, the column called style goes {hump}: it "
        f"rises, stays, and dips, as the content loss does in a run that begins at the photograph, where it is zero. "
        f"The column called content goes {fall}: it falls all the way, as the style loss does. This is why the paper "
        "finds the “style loss” stable.",
        "* **The ratio was not fixed.** Divided by their weights, the content losses at lr 0.0001 would be "
        f"{content['5']:,.0f} under the weight 5 and {content['5e2']:,.0f} under 500: ten times apart where the style "
        "losses agree within 1 %. One of the content weights was another than printed (50 instead of 5 would mend "
        "it). The first pair fits neither.",
        "* **Magnitude cannot make texture at a fixed ratio.** Adam divides the gradient by its own size; weights in "
        "equal ratio give one image but for ε and rounding. The platform says so before it renders such a grid. What "
        "Figures 5 and 7 show has another cause, for instance a ratio that was not fixed.",
        "",
        "So the sentence that people preferred other images than those of the minimum loss stands on one run per "
        "learning rate, on two weighted losses under exchanged names, and on votes that are not counted out. It is "
        "worth asking again.",
        "",
        *replication(),
    ]


def replication() -> list[str]:
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


def lee(name: str, title: str) -> list[str]:
    """One table of Lee, Liu and Trukhin: one setting changed at a time."""
    table = rows(name)
    data = study(name, table, lambda r: r["setting"], lambda r: "one", LEE)
    smallest = {
        label: min(table, key=lambda r, key=key: float(r[key]))["setting"]
        for label, key in (("G GAN", "g_gan"), ("G L1", "g_l1"), ("G", "g"))
    }
    printed = "; ".join(f"{label}: {setting}" for label, setting in smallest.items())
    return [
        f"## {title}",
        "",
        *minima(data),
        "",
        f"The smallest printed numbers are: {printed}. A generator's adversarial loss is judged by the discriminator "
        "that was trained against it, so it cannot be compared between runs, and neither can a sum that holds it.",
        "",
        *changes(table),
    ]


def changes(table: Sequence[Row]) -> list[str]:
    """How far each setting moves the L1 part and the whole loss from the default, largest first."""
    default = table[0]
    found: dict[str, float] = {}
    words = []
    for row in table[1:]:
        ratio = float(row["g_l1"]) / float(default["g_l1"])
        factor = row["factor"]
        found[factor] = max(found.get(factor, 0.0), abs(ratio - 1))
    for factor in found:
        parts = [
            f"{r['setting'].lower() if factor == 'learning rate' else r['setting']} "
            f"{'raised' if float(r['g']) > float(default['g']) else 'lowered'} G to {float(r['g']):.2f}"
            for r in table[1:]
            if r["factor"] == factor
        ]
        words.append(f"{factor}: {joined(parts)}")
    order = sorted(found, key=lambda f: -found[f])
    ranked = ", ".join(f"{f} ({100 * found[f]:.0f} %)" for f in order)
    return [
        f"Largest change of G L1 from the default, by what was changed: {ranked}. One run per setting: this order "
        "cannot be told from the noise between seeds.",
        "",
        f"From the default (G = {float(default['g']):.2f}): {'; '.join(words)}.",
    ]


def page() -> str:
    """The whole page."""
    one = rows("lee2022_table1"), rows("lee2022_table2")
    low, high = "Lower Learning Rate", "Higher Learning Rate"
    by_name = [{r["setting"]: float(r["g"]) for r in t} for t in one]
    says = " and ".join(f"{t[low]:.2f} against {t[high]:.2f}" for t in by_name)
    parts = [
        "# The seeds' own tables",
        "",
        "Two papers gave this platform its question. Their loss tables, read by our own analysis: the minimiser of "
        "each column, its margin, and where a comparison is refused. Written by `make pages` from "
        "`fixtures/seeds/`.",
        "",
        *meng_one(),
        "",
        *meng_two(),
        "",
        *holds(),
        "",
        "### And the votes?",
        "",
        "The paper shows images of the learning rates 0.0017, 0.005 and 0.06 to people, and a bar chart. Participants, "
        "votes, pairs and intervals are not given, so it cannot be analysed again. With three conditions no analysis "
        "could show that a *metric* predicts preference (the smallest two-sided p of a permutation of three labels is "
        ".33); it can hold for these images only. And if nobody had any preference, the tallest of three bars would "
        "still miss the minimiser in two of three studies.",
        "",
        *lee("lee2022_table1", "Lee, Liu and Trukhin 2022, Table 1: the CNN of Zhang et al."),
        "",
        *lee("lee2022_table2", "Lee, Liu and Trukhin 2022, Table 2: the U-Net of Isola et al."),
        "",
        "The text of the paper says that a higher learning rate improved a model and a lower one hampered it. The "
        f"tables say the reverse (lower against higher: {says}).",
        "",
        "## Sources",
        "",
        "Q. Meng, *Exploration of hyperparameter efficiency for image style transfer*, 2023. M. H. Lee, A. Liu and "
        "V. Trukhin, *Effect of Hyper-Parameters on Image Colorization*, 2022.",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
