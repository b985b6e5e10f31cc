"""What decides a trained network and its job: digests that stand, what a job asks for, and what stops it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from generation.core.protocols import Say
from generation.core.spec import Params, sha256_bytes
from generation.core.train import run_training
from generation.core.train_spec import TrainJobSpec, TrainResult, TrainSpec

#: Digests under which networks are stored since the first of them was trained.
PLAIN = "3b089600d7074736ff5d418ee023c3c1cee5ee3429728d08780068aa6834ed34"
SPEC = TrainSpec("colorization", "colorizer", {"epochs": 3, "learning_rate": 0.0005}, 7, "ab" * 32)
PACK, STYLE = b"a pack", b"a style"
seen: list[Mapping[str, bytes]] = []


def train(
    spec: TrainSpec, data: Mapping[str, bytes], save_at: Sequence[int], engine: Params, say: Say, scratch: Path | None
) -> TrainResult:
    """Remembers what it was given."""
    seen.append(data)
    return TrainResult("ok", epochs=1)


def styled(**changed: object) -> TrainSpec:
    spec = replace(SPEC, data=sha256_bytes(PACK), style=sha256_bytes(STYLE))
    return replace(spec, **changed)  # type: ignore[arg-type]


def run(spec: TrainSpec, *given: bytes) -> TrainResult:
    seen.clear()
    return run_training(TrainJobSpec(spec), {sha256_bytes(g): g for g in given}, f"{__name__}:train", None)


def test_a_training_without_style_and_networks_is_what_it_was() -> None:
    assert set(SPEC.to_json()) == {"task", "method", "params", "seed", "data", "version"}
    assert SPEC.digest == PLAIN
    assert TrainSpec.from_json(SPEC.to_json()) == SPEC
    assert TrainJobSpec(SPEC).artifacts == {SPEC.data}
    assert TrainJobSpec(SPEC).networks == frozenset()


def test_style_and_networks_are_part_of_what_a_training_is() -> None:
    spec = styled(weights={"vgg16": "cd" * 32})
    assert len({SPEC.digest, styled().digest, spec.digest, styled(style="ef" * 32).digest}) == 4
    job = TrainJobSpec(spec, (2,), {"dtype": "float32"})
    assert TrainJobSpec.from_json(job.to_json()) == job
    assert job.artifacts == {spec.data, spec.style}
    assert job.networks == {"cd" * 32}


def test_a_trainer_is_given_photographs_and_style_and_nothing_else() -> None:
    assert run(styled(), PACK, STYLE, b"other").status == "ok"
    assert seen == [{sha256_bytes(PACK): PACK, sha256_bytes(STYLE): STYLE}]
    assert run(styled(style=""), PACK, STYLE).status == "ok"
    assert seen == [{sha256_bytes(PACK): PACK}]


@pytest.mark.parametrize(
    ("spec", "given", "words"),
    [
        (styled(), (STYLE,), "The pack of photographs was not given to the job, or is damaged."),
        (styled(), (PACK,), "The style was not given to the job, or is damaged."),
        (styled(weights={"vgg16": "cd" * 32}), (PACK, STYLE), "vgg16"),
        (styled(weights={"vgg99": "cd" * 32}), (PACK, STYLE), "There is no network 'vgg99'."),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_trained(
    spec: TrainSpec, given: tuple[bytes, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", "0")
    result = run(spec, *given)
    assert result.status == "failed"
    assert words in result.reason
    assert not seen


def test_a_style_whose_bytes_are_others_is_refused() -> None:
    spec = styled()
    job, wrong = TrainJobSpec(spec), {spec.data: PACK, spec.style: b"another style"}
    assert "The style was not given to the job" in run_training(job, wrong, f"{__name__}:train", None).reason
