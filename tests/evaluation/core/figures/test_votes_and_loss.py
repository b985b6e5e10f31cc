"""Figures: the same bytes every time, and no two labels in each other's way."""

import csv
import dataclasses
import functools
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.text import Text

from evaluation.core import standalone
from evaluation.core.analysis import analyse
from evaluation.core.figures import chart_files, chart_texts, votes
from evaluation.core.figures.loss import loss_figure
from evaluation.core.figures.votes import votes_figure
from evaluation.core.options import Options
from generation.core.drawing import style
from generation.core.drawing.style import new_figure
from tests.evaluation.core.figures.drawn import LONG, boxes, touching
from tests.evaluation.simulate import study

FAST = Options(draws=199)


@functools.cache
def result_of(k=5, scenes=3, *, labels=None, spread=1.0, **more):
    rng = np.random.default_rng(k)
    data = study(
        utilities=rng.normal(size=(scenes, k)) * spread, losses=1 + rng.random((scenes, k)), n_trials=40, **more
    )
    if labels:
        conditions = tuple(dataclasses.replace(c, label=labels[c.position]) for c in data.conditions)
        data = dataclasses.replace(data, conditions=conditions)
    # What the other parts of an analysis add is drawn in test_figures_tables.
    return analyse(data, FAST) | {"tables": {}, "sections": {}}


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("by_scene", [False, True])
@pytest.mark.parametrize(("k", "scenes", "labels"), [(5, 4, LONG), (9, 3, None), (2, 2, ("a", "b"))])
def test_no_text_touches_another_or_leaves_the_figure(k, scenes, labels, narrow, by_scene):
    result = result_of(k, scenes, labels=labels)
    metric = result["metrics"][0]
    for draw in (
        lambda: votes_figure(result, narrow=narrow, by_scene=by_scene),
        lambda: loss_figure(result, metric, narrow=narrow, by_scene=by_scene),
    ):
        figure = style.styled(draw)
        drawn = boxes(figure)
        assert len(drawn) > k
        assert touching(drawn) == []
        width, height = figure.get_size_inches() * figure.dpi
        outside = [t for t, b in drawn if b.x0 < 0 or b.y0 < 0 or b.x1 > width or b.y1 > height]
        assert outside == []


def test_every_figure_has_its_files_and_words():
    result = result_of(k=3, scenes=2, simulated=True)
    files, texts = chart_files(result), chart_texts(result)
    assert list(texts) == ["fig01_votes", "fig01_votes_by_scene", "fig03_loss", "fig03_loss_by_scene",
                           "fig02_losses", "fig12_flow"]  # fmt: skip
    assert list(files) == [f"{s}{end}" for s in texts for end in (".svg", ".png", "_narrow.svg", ".csv")]
    for stem, text in texts.items():
        assert list(csv.DictReader(io.StringIO(files[f"{stem}.csv"].decode()))), stem
        assert files[f"{stem}.png"].startswith(b"\x89PNG")
        for name in (f"{stem}.svg", f"{stem}_narrow.svg"):
            root = ElementTree.fromstring(files[name])  # noqa: S314 - drawn by ourselves
            assert root.tag.endswith("svg")
            assert text["title"].encode() in files[name]
        assert "SIMULATED" in text["alt"]
        assert "SIMULATED" in text["caption"]
    assert "1200 votes by 30 simulated participants" in texts["fig01_votes"]["caption"]


def test_the_data_of_the_vote_chart_are_its_numbers_and_the_bytes_are_the_same_every_time():
    result = result_of(k=4, scenes=1)
    files = chart_files(result)
    assert files == chart_files(result)
    rows = list(csv.DictReader(io.StringIO(files["fig01_votes.csv"].decode())))
    shown = result["groups"][0]["rows"]
    assert [float(r["share"]) for r in rows] == [r["share"] for r in shown]
    assert sum(r["is_minimiser"] == "true" for r in rows) == 1
    assert sum(r["has_highest_score"] == "true" for r in rows) == 1


def test_the_star_speaks_of_preference_only_where_one_favourite_is_possible():
    def legend(result):
        figure = style.styled(lambda: votes_figure(result, narrow=False, by_scene=False))
        other = style.styled(lambda: loss_figure(result, result["metrics"][0], narrow=False, by_scene=False))
        return {text for f in (figure, other) for text, _ in boxes(f)}

    def rows(result):
        head, *lines = votes.CHART.rows(result)
        return [dict(zip(head, line, strict=True)) for line in lines]

    open_ = analyse(study(utilities=np.zeros((1, 4)), losses=[[1.0, 2, 3, 4]], n_trials=12, seed=1), FAST)
    assert "highest score" in legend(open_)
    assert not any("preferred" in text for text in legend(open_))
    assert {r["is_most_preferred"] for r in rows(open_)} == {False}
    clear = analyse(study(utilities=[[0.0, 2, 0]], losses=[[1.0, 2, 3]], simulated=True), FAST)
    assert "most preferred by simulated voters" in legend(clear)
    assert [r["label"] for r in clear["groups"][0]["rows"] if r["in_favourite_set"]] == ["lr 0.02"]
    assert [r["condition"] for r in rows(clear) if r["is_most_preferred"]] == ["lr 0.02"]


def test_figures_are_drawn_without_any_vote():
    data = dataclasses.replace(study(utilities=[[0, 1]], losses=[[1, 2]]), trials=())
    result = analyse(data, FAST) | {"tables": {}, "sections": {}}
    assert list(chart_texts(result)) == ["fig01_votes", "fig02_losses"]
    assert chart_files(result)["fig01_votes.svg"]


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_label_is_no_mathematics_and_breaks_no_file():
    names = (r"$\foo$ c0", "a$b$c", "x\x0b\x01y\uffff")
    data = study(utilities=[[0, 1, 2.0]], losses=[[1, 2, 3.0]])
    data = dataclasses.replace(
        data,
        title="Title\x0b $t$",
        questions=tuple(dataclasses.replace(q, text="Which is $\\q$\x03?") for q in data.questions),
        conditions=tuple(dataclasses.replace(c, label=names[c.position]) for c in data.conditions),
        scenes=tuple(dataclasses.replace(s, label=rf"$\s$ {s.id}") for s in data.scenes),
        metrics=tuple(dataclasses.replace(m, label="$\\m$ loss\x02") for m in data.metrics),
    )
    result = analyse(data, FAST) | {"tables": {}, "sections": {}}
    files = chart_files(result)
    for name, content in files.items():
        if name.endswith(".svg"):
            ElementTree.fromstring(content)  # noqa: S314 - drawn by ourselves
    page = standalone.page(result, files).decode()
    assert "<title>Title $t$</title>" in page
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", page)


def test_dollars_are_drawn_as_they_are_wherever_a_text_stands():
    def draw():
        figure = new_figure(4, 3)
        axes = figure.add_axes((0.2, 0.2, 0.6, 0.6))
        axes.plot([0, 1], [0, 1], label="a$b$c")
        axes.set_xticks([0, 1], ["a$b$c", "d"])
        axes.set_xlabel("a$b$c")
        axes.set_title("a$b$c")
        axes.annotate("a$b$c", (0.5, 0.5))
        axes.legend()
        figure.suptitle("a$b$c")
        figure.legend(handles=axes.lines)
        figure.draw_without_rendering()
        return [t for t in figure.findobj(Text) if t.get_text() == "a$b$c"]

    found = style.styled(draw)
    assert len(found) == 8  # a tick has a label on either side
    assert not any(t.get_parse_math() for t in found)


def test_figures_leave_the_settings_of_the_process_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    style.styled(lambda: votes.CHART.draw(result_of(k=3, scenes=1), True))
    assert dict(mpl.rcParams) == before
