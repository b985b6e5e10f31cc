"""A job gives one result per item; what fails, fails alone and says why."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from generation.core import images, style_transfer, weights
from generation.core.photo import COMMON_METHODS
from generation.core.protocols import Image, Picture, Tick, read_curve
from generation.core.render import run_job
from generation.core.spec import (
    JobItem,
    JobSpec,
    MetricSpec,
    Params,
    RenderResult,
    RenderSpec,
    ScoreValue,
    sha256_bytes,
)

from .conftest import drawn

TASK = style_transfer.STYLE_TRANSFER
RENDERERS = {name: method.render for name, method in {**TASK.methods, **COMMON_METHODS}.items()}
CONTENT, STYLE = images.encode_png(drawn(1)), images.encode_png(drawn(2, 80, 80))
ARTIFACTS = {sha256_bytes(data): data for data in (CONTENT, STYLE)}
PARAMS = TASK.methods["gatys"].complete({"backbone": "random-shallow", "size": 64, "steps": 4, "scales": 1})
DEEP = {"backbone": "vgg19", "style_layers": "relu1_1,relu4_1", "content_layers": "relu4_2"}
SHALLOW = {"random-shallow": weights.find("random-shallow").sha256}
SPEC = RenderSpec("style_transfer", "gatys", sha256_bytes(CONTENT), sha256_bytes(STYLE), PARAMS, 1, SHALLOW)
METRICS = tuple(style_transfer.metrics(PARAMS, SHALLOW))


def _spec(**params: object) -> RenderSpec:
    return dataclasses.replace(SPEC, params={**PARAMS, **params})  # type: ignore[dict-item]


def _photo(method: str) -> RenderSpec:
    return dataclasses.replace(SPEC, method=method, params={"size": 64}, weights={})


def _job(*specs: RenderSpec, **engine: object) -> JobSpec:
    return JobSpec(tuple(JobItem(spec) for spec in specs), METRICS, engine)  # type: ignore[arg-type]


def _run(job: JobSpec, artifacts: Mapping[str, bytes] = ARTIFACTS, **changes: object) -> list[RenderResult]:
    options = {"renderers": RENDERERS, "measure": TASK.measure, "threads": 1, **changes}
    return run_job(job, artifacts, **options)  # type: ignore[arg-type]


def test_a_job_of_all_methods_gives_a_result_for_each_in_order() -> None:
    seen: list[tuple[int, int]] = []
    results = _run(
        _job(_photo("identity"), SPEC, _photo("grey"), _spec(learning_rate=0.1)), progress=lambda *p: seen.append(p)
    )
    assert [r.status for r in results] == ["ok"] * 4
    assert [r.steps for r in results] == [0, 4, 0, 4]
    photograph = images.resize_longest(drawn(1), 64)
    assert np.array_equal(images.decode(results[0].png or b""), photograph)
    assert np.array_equal(images.decode(results[2].png or b""), images.grey(photograph))
    assert results[1].png != results[3].png
    assert [s.metric for s in results[1].scores] == [m.key for m in METRICS]
    assert seen[-1] == (1 + 4 + 1 + 4 + 4, 14)
    assert seen == sorted(seen)


def test_curve_and_provenance_say_what_was_done() -> None:
    result = _run(_job(SPEC, _spec(learning_rate=0.1)))[1]
    curve = read_curve(result.curve or b"")
    assert len(curve["style"]) == 4
    assert curve["style"].dtype == np.float64
    for key in ("torch", "numpy", "threads", "device", "definition", "style_layers", "weights", "memory_format"):
        assert result.provenance[key], key
    assert (result.provenance["batch_size"], result.provenance["batch_index"]) == (2, 1)


def test_the_same_job_gives_the_same_bytes() -> None:
    job = _job(SPEC, _spec(init="noise"))
    first, again = _run(job), _run(job)
    assert [(r.png, r.curve, r.scores) for r in first] == [(r.png, r.curve, r.scores) for r in again]


def test_a_score_is_the_same_in_any_batch_and_when_measured_again() -> None:
    result = _run(_job(SPEC, _photo("identity")))[0]
    assert result.png is not None
    digest = sha256_bytes(result.png)
    job = JobSpec((JobItem(SPEC, digest),), METRICS)
    (measured,) = _run(job, {**ARTIFACTS, digest: result.png})
    assert measured.scores == result.scores
    assert (measured.png, measured.curve, measured.steps) == (None, None, 0)


def test_a_diverged_sample_is_stored_as_nan_beside_good_ones() -> None:
    good, bad = _run(_job(SPEC, _spec(style_weight=1e12, learning_rate=1e3), _spec(style_weight=0.0)))[::2]
    assert (good.status, bad.status) == ("ok", "ok")
    huge = dataclasses.replace(SPEC, params={**PARAMS, "style_weight": 1e39})
    results = _run(_job(SPEC, huge))
    assert [r.status for r in results] == ["ok", "nan"]
    assert results[1].png is not None
    assert "finite at step 1 of 4" in results[1].reason


def test_weights_with_another_digest_fail_that_item_only() -> None:
    wrong = dataclasses.replace(SPEC, weights={"random-shallow": "0" * 64})
    missing = dataclasses.replace(_spec(**DEEP), weights={"vgg19": "0" * 64})
    careless = dataclasses.replace(_photo("grey"), weights={"random-shallow": "0" * 64})
    results = _run(_job(wrong, SPEC, missing, careless))
    assert [r.status for r in results] == ["failed", "ok", "failed", "failed"], "whether or not the renderer looks"
    assert "asks for random-shallow weights with SHA-256 0000" in results[0].reason
    assert "vgg19-dcbb9e9d.pth" in results[2].reason
    assert results[0].png is None
    assert {s.status for s in results[0].scores} == {"failed"}


def test_a_lost_or_changed_source_fails_with_a_sentence() -> None:
    (lost,) = _run(_job(SPEC), {})
    assert "was not given to the job" in lost.reason
    (changed,) = _run(_job(SPEC), {**ARTIFACTS, SPEC.content: CONTENT + b"x"})
    assert "is damaged" in changed.reason


def test_a_source_that_is_no_picture_fails_its_scene_only() -> None:
    text = b"not a picture"
    other = dataclasses.replace(SPEC, style=sha256_bytes(text))
    results = _run(_job(other, SPEC), {**ARTIFACTS, sha256_bytes(text): text})
    assert [r.status for r in results] == ["failed", "ok"]
    assert "not a PNG, JPEG or WebP" in results[0].reason


def broken_renderer(
    specs: Sequence[RenderSpec], sources: Mapping[str, bytes], engine: Params, tick: Tick
) -> list[Picture]:
    raise ZeroDivisionError("a fault in the code")


def broken_measure(
    image: Image, spec: RenderSpec, sources: Mapping[str, bytes], metrics: Sequence[MetricSpec]
) -> list[ScoreValue]:
    raise ZeroDivisionError("a fault in the measure")


def test_a_fault_in_the_code_does_not_take_the_others_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generation.core.photo.grey", broken_renderer)
    results = _run(_job(_photo("grey"), SPEC))
    assert [r.status for r in results] == ["failed", "ok"]
    assert "ZeroDivisionError: a fault in the code" in results[0].reason
    monkeypatch.setattr("generation.core.metrics.style_transfer.measure", broken_measure)
    (measured,) = _run(_job(SPEC))
    assert measured.status == "ok"
    assert measured.png is not None
    assert {s.status for s in measured.scores} == {"failed"}
    assert "a fault in the measure" in measured.scores[0].reason


def test_an_unknown_method_is_a_sentence() -> None:
    (result,) = _run(_job(dataclasses.replace(SPEC, method="magic")))
    assert "no renderer for the method 'magic'" in result.reason


def test_an_interrupt_is_not_swallowed() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(_job(SPEC), progress=stop)


def test_torchs_threads_are_as_before_afterwards() -> None:
    import torch

    _run(_job(_photo("identity")), threads=2)
    assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("real_weights")
@pytest.mark.parametrize(("backbone", "layers"), [("squeezenet1_1", "standard"), ("vgg19", "early")])
def test_real_networks_render_and_lower_their_loss(backbone: str, layers: str) -> None:
    named = {"backbone": backbone, "style_layers": layers, "content_layers": layers}
    params = TASK.methods["gatys"].complete({**named, "size": 64, "steps": 6})
    found = {name: weights.find(name).sha256 for name in TASK.networks(params)}
    spec = dataclasses.replace(SPEC, params=params, weights={backbone: found[backbone]})
    job = JobSpec((JobItem(spec), JobItem(_photo("identity"))), tuple(style_transfer.metrics(params, found)))
    rendered, photograph = _run(job)
    assert rendered.reason == ""
    scores, before = ({s.metric: s for s in r.scores} for r in (rendered, photograph))
    assert {s.status for s in scores.values()} == {"ok"}
    assert scores["total_loss"].value < before["total_loss"].value  # type: ignore[operator]
    assert scores["total_loss"].value == pytest.approx(scores["own_loss"].value)
    assert before["lpips_content"].value == 0.0


@pytest.mark.usefixtures("real_weights")
def test_a_cut_network_asked_for_later_layers_says_so() -> None:
    digest = weights.find("vgg19").sha256
    spec = dataclasses.replace(_spec(**DEEP), weights={"vgg19": digest})
    (result,) = _run(_job(spec))
    assert "'VGG19 (Oxford), conv1_1-conv3_4' ends at relu3_4" in result.reason
