"""Lee, Liu and Trukhin 2022: one setting changed at a time."""

from collections.abc import Sequence

from evaluation.core.words import joined
from seed_papers.tables import Column, Row, minima, rows, study, weighted

LEE = [
    Column("Loss G GAN", weighted("g_gan"), "run"),
    Column("Loss G L1", weighted("g_l1"), "all"),
    Column("Loss G", weighted("g"), "run"),
]


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
