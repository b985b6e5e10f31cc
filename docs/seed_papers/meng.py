"""Meng 2023: her two tables, which column is which, and what the tables hold."""

from collections.abc import Callable, Iterable

from evaluation.core.words import joined
from seed_papers.tables import Column, Row, minima, rate, rows, study, weighted


def raw(column: str, weight: str) -> Callable[[Row], float]:
    """The printed number divided by a weight: the raw loss, if the column is what its heading says."""
    return lambda row: float(row[column]) / float(row[weight])


def total(row: Row) -> float:
    """Both columns together: the objective, whichever is which."""
    return float(row["column_style"]) + float(row["column_content"])


def group(row: Row) -> str:
    """The weights of a row."""
    return f"style {float(row['style_weight']):g}, content {float(row['content_weight']):g}"


MENG = [
    Column("“Style loss” as printed", weighted("column_style")),
    Column("“Content loss” as printed", weighted("column_content")),
    Column("their sum", total),
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
    ]
