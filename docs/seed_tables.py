"""Reads the loss tables of two papers through our own analysis and writes docs/seed-tables.md (`make pages`).

The numbers stand in fixtures/seeds as they were printed; every sentence of the page is made from them.
"""

import sys

from seed_papers.corrected import corrected
from seed_papers.lee import lee
from seed_papers.meng import holds, meng_one, meng_two
from seed_papers.tables import ROOT, rows

PAGE = ROOT / "docs" / "seed-tables.md"


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
        *corrected(),
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
