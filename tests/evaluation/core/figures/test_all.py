"""Every figure of every study: there where it has something to show, legible, in words, the same each time."""

import dataclasses
import functools
import json
import re

import pytest

from evaluation.core.analysis import analyse
from evaluation.core.figures import chart_texts, votes
from evaluation.core.figures.files import CHARTS
from generation.core.drawing import style
from tests.evaluation.core.figures.drawn import boxes, touching
from tests.evaluation.core.figures.studies import ALWAYS, DRAWN, FAST, STUDIES, result, study_of


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("name", STUDIES)
def test_no_text_touches_another_or_leaves_the_figure_or_speaks_of_people_in_a_rehearsal(name, narrow):
    for chart in CHARTS:
        # F1 and F3 have tests of their own; weighted curves are drawn as raw ones are.
        elsewhere = chart.stem.startswith(("fig01", "fig03")) or chart.stem == "fig02_curves_weighted"
        wanted = (chart in DRAWN[name] or chart.stem in DRAWN[name]) and not elsewhere
        if not wanted or not chart.exists(result(name)):
            continue
        figure = style.styled(functools.partial(chart.draw, result(name), narrow))
        drawn = boxes(figure)
        assert touching(drawn) == [], chart.stem
        width, height = figure.get_size_inches() * figure.dpi
        assert [t for t, b in drawn if b.x0 < 0 or b.y0 < 0 or b.x1 > width or b.y1 > height] == [], chart.stem
        if name == "rates":
            said = " ".join(text for text, _ in drawn)
            assert "SIMULATED – NO PEOPLE VOTED" in said, chart.stem
            assert "people" not in said.lower().replace("no people voted", ""), chart.stem


@pytest.mark.parametrize("name", STUDIES)
def test_a_figure_exists_where_it_has_something_to_show(name):
    stems = list(chart_texts(result(name)))
    several = len(result(name)["groups"]) > 2
    assert [s for s in stems if s in ALWAYS] == ALWAYS
    assert stems.index("fig01_votes") == 0
    assert stems.index("fig03_loss") == (2 if several else 1)
    assert ("fig04_grid" in stems) == (name == "grid")
    assert ("fig05_wins_by_scene" in stems) == several
    assert ("fig07_dose" in stems) == (name != "long")


def test_without_tables_only_what_the_votes_and_losses_show_is_there():
    data = study_of(4, 1)
    bare = analyse(data, FAST) | {"tables": {}, "sections": {}}
    assert list(chart_texts(bare)) == ["fig01_votes", "fig03_loss", "fig02_losses", "fig12_flow"]
    silent = analyse(dataclasses.replace(data, trials=(), metrics=(), scores=()), FAST)
    assert list(chart_texts(silent | {"tables": {}, "sections": {}})) == ["fig01_votes"]


@pytest.mark.parametrize("name", STUDIES)
def test_words_are_sentences_without_codes_and_a_rehearsal_speaks_of_nobody(name):
    texts = chart_texts(result(name))
    assert re.search(r"\bC[123]\b|\bNC_|\bE\d+\b|nan|None", json.dumps(texts)) is None
    for stem, text in texts.items():
        assert text["caption"].endswith((".", "!", "?")), stem
        assert text["alt"].endswith("."), stem
        if name == "rates":
            assert text["caption"].startswith("SIMULATED. ")
            assert "people" not in " ".join(text.values()).lower(), stem


def test_the_same_analysis_gives_the_same_bytes():
    def drawn():
        return {
            c.stem: style.svg(c.draw(result("one scene"), True), "title", "words")
            for c in CHARTS
            if c.exists(result("one scene")) and "curves" not in c.stem
        }

    assert style.styled(drawn) == style.styled(drawn)


def test_many_scenes_are_drawn_in_part_and_said_so():
    found = result("grid")
    pooled, scene = found["groups"][:2]
    many = [scene | {"scene": f"n{i}", "label": f"Scene {i}"} for i in range(14)]
    pairs = [p | {"scene_id": g["scene"]} for g in many for p in found["tables"]["pairs"][:3]]
    grown = found | {"groups": [pooled, *many], "tables": found["tables"] | {"pairs": pairs}}
    chart = next(c for c in CHARTS if c.stem == "fig05_wins_by_scene")
    assert "The first 12 of 14 scenes are drawn" in chart.text(grown)["caption"]
    assert len({row[0] for row in chart.rows(grown)[1:]}) == 14
    assert "The first 11 of 14 scenes are drawn" in votes.BY_SCENE.text(grown)["caption"]
    figure = style.styled(functools.partial(votes.BY_SCENE.draw, grown, False))
    assert len(figure.axes) == 11
