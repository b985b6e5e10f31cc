"""The catalogue names code that is there, and what cannot be measured is a reason."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from generation.core import catalogue, images
from generation.core.catalogue import PictureMetric
from generation.core.metrics import pictures
from generation.core.spec import MetricSpec, RenderSpec, ScoreValue
from tests.generation.core.conftest import drawn

SOURCES = {"c": images.encode_png(drawn(1)), "s": images.encode_png(drawn(2, 80, 80))}
SPEC = RenderSpec("style_transfer", "identity", "c", "s", {}, 0)
DOCS = Path(__file__).parents[4] / "docs" / "metrics.md"


def _measured(image: images.Image, spec: RenderSpec = SPEC) -> dict[str, ScoreValue]:
    return {s.metric: s for s in pictures.measure(image, spec, SOURCES, catalogue.specs({}))}


def test_every_entry_names_a_function_and_stands_in_the_documentation() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", DOCS.read_text("utf-8"), re.MULTILINE)
    for entry in catalogue.entries():
        module, _, name = entry.code.partition(":")
        assert callable(getattr(importlib.import_module(module), name))
        assert entry.key in rows
        assert entry.role in ("independent", "descriptor")
    assert set(catalogue.STYLE_TRANSFER) <= set(catalogue.keys())


def test_a_spec_carries_the_weights_and_config_it_is_measured_with() -> None:
    lpips = catalogue.spec("lpips_reduced_4", {"squeezenet1_1": "a" * 64, "vgg19": "b" * 64})
    assert lpips.weights_sha256 == "a" * 64
    assert lpips.config["factor"] == 4
    assert catalogue.spec("sharpness", {"squeezenet1_1": "a" * 64}).weights_sha256 == ""
    assert lpips == MetricSpec.from_json(json.loads(json.dumps(lpips.to_json())))
    assert len({m.digest for m in catalogue.specs({}, catalogue.keys())}) == len(catalogue.keys())


def test_unknown_and_doubled_keys_are_sentences() -> None:
    with pytest.raises(catalogue.UnknownMetric, match=r"no metric 'beauty' in the catalogue\. It has lpips_content, "):
        catalogue.spec("beauty", {})
    with pytest.raises(ValueError, match="'sharpness' is registered already"):
        catalogue.register(catalogue.get("sharpness"))
    with pytest.raises(ValueError, match="NETWORKS does not say which layers"):
        catalogue.register(PictureMetric("dists", "DISTS", "m:f", network="vgg16"))


def test_the_catalogue_needs_no_torch() -> None:
    code = "import sys, generation.core.catalogue; sys.exit('torch' in sys.modules or 'kornia' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[4]).returncode == 0


def test_every_picture_gets_a_number_or_a_reason() -> None:
    noise = np.random.default_rng(0)
    for image in (
        drawn(3),
        np.zeros((64, 64, 3), np.uint8),
        np.full((64, 48, 3), 255, np.uint8),
        noise.integers(0, 256, (8, 400, 3), dtype=np.uint8),
        noise.integers(0, 256, (17, 17, 3), dtype=np.uint8),
    ):
        for score in _measured(image).values():
            assert score.status in ("ok", "unavailable"), score
            assert (score.value is None) == bool(score.reason)


def test_a_scene_without_a_style_picture_has_no_numbers_against_it() -> None:
    found = _measured(drawn(3), RenderSpec("other", "identity", "c", None, {}, 0))
    assert found["style_contrast"].reason == "The scene has no style picture to measure against."
    assert found["ssim_content"].status == "ok"


def test_the_contrast_of_the_style_is_the_same_for_all_pictures_of_a_scene() -> None:
    assert _measured(drawn(3))["style_contrast"] == _measured(drawn(4, 64, 64))["style_contrast"]


def test_a_metric_is_a_function_and_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "blueness", lambda image, *, scale: scale * image[..., 2].mean(), raising=False)
    catalogue.register(PictureMetric("blue", "Blue", "generation.core.metrics.pictures:blueness", config={"scale": 2}))
    try:
        (score,) = pictures.measure(drawn(3), SPEC, SOURCES, [catalogue.spec("blue", {})])
    finally:
        catalogue.unregister("blue")
    assert score == ScoreValue("blue", pytest.approx(2 * drawn(3)[..., 2].mean()))
    assert pictures.measure(drawn(3), SPEC, SOURCES, [MetricSpec("blue", "Blue")])[0].status == "failed"
