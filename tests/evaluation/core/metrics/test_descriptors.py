"""What a picture is like is carried with the data and never held against the votes."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation.core import bundle
from evaluation.core.analysis import analyse
from evaluation.core.options import Options
from tests.evaluation.metrics import add_metric
from tests.evaluation.simulate import study

UTILITIES = np.tile([0.0, 0.4, 1.2, 0.5], (3, 1))
LOSSES = np.tile([5.0, 4, 1, 3], (3, 1))


@pytest.fixture(scope="module")
def data():
    return add_metric(study(utilities=UTILITIES, losses=LOSSES), "sharpness", -UTILITIES, role="descriptor")


def test_no_test_table_section_or_figure_knows_of_it(data):
    plain = dataclasses.replace(
        data,
        metrics=tuple(m for m in data.metrics if m.id != "sharpness"),
        scores=tuple(s for s in data.scores if s.metric != "sharpness"),
    )
    with_it, without = analyse(data, Options(draws=199)), analyse(plain, Options(draws=199))
    assert with_it.pop("digest") != without.pop("digest")
    assert with_it == without
    assert "sharpness" not in json.dumps(with_it)


def test_declared_as_primary_it_is_still_no_candidate(data):
    result = analyse(dataclasses.replace(data, primary_metric="sharpness"), Options(draws=199))
    assert result["primary"] == "total"


def test_a_bundle_carries_it(data):
    back = bundle.read(bundle.write(data)).data
    assert [m.role for m in back.metrics if m.id == "sharpness"] == ["descriptor"]
    assert sum(s.metric == "sharpness" for s in back.scores) == UTILITIES.size
