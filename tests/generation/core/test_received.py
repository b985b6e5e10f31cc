"""The folder of what other machines sent: nothing of anybody else's is touched, and workers may race for it."""

import hashlib
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generation.core import received, weights

ABOUT = {
    "network": "vgg19",
    "title": "A cut",
    "sha256": "",
    "last_layer": "relu3_4",
    "training": "oxford",
    "source": "",
    "colour_order": "BGR",
    "scale": 255.0,
    "mean": [0.0, 0.0, 0.0],
    "std": [1.0, 1.0, 1.0],
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EYEBALLOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EYEBALLOT_CACHE_GB", "0.000001")  # 1000 bytes
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", "0")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("EYEBALLOT_WEIGHTS", raising=False)
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def bring(data: bytes, suffix: str = "", about: dict[str, Any] | None = None) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    assert received.receive(sha256, suffix, about or {}, "0f", 0, data, len(data)) == ""
    return sha256


def age(path: Path, hours: float) -> None:
    then = time.time() - hours * 3600
    os.utime(path, (then, then))


def test_room_is_made_of_what_was_received_and_of_nothing_else(cache: Path) -> None:
    theirs = ["thesis.tex", "training/state.pt", f"{'a' * 63}", f"{'a' * 64}.txt", f".{'a' * 64}.part", "x.json"]
    for name in theirs:
        (cache / name).parent.mkdir(exist_ok=True)
        (cache / name).write_bytes(bytes(5000))
        age(cache / name, 1000)
    old = bring(random.randbytes(600))
    age(cache / old, 10)
    broken, under_way = (cache / f".{old}.{word}.part" for word in ("aa", "bb"))
    for part, hours in ((broken, 2.0), (under_way, 0.0)):
        part.write_bytes(b"half")
        age(part, hours)
    new = bring(random.randbytes(600))
    assert [name for name in theirs if not (cache / name).is_file()] == []
    assert received.find(old) is None
    assert received.find(new) is not None
    assert (broken.exists(), under_way.exists()) == (False, True)


def test_a_network_and_what_was_said_of_it_go_together(cache: Path) -> None:
    data = random.randbytes(300)
    sha256 = hashlib.sha256(data).hexdigest()
    bring(data, ".pth", {**ABOUT, "sha256": sha256})
    said = cache / f"{sha256}.json"
    for path in (said, cache / f"{sha256}.pth"):
        age(path, 10)
    other = bring(random.randbytes(300))
    age(cache / other, 5)
    assert weights.held(sha256) is not None, "which is a use of both"
    last = bring(random.randbytes(300))
    assert received.find(other) is None, "now the oldest"
    assert weights.held(sha256) is not None
    for path in (said, cache / f"{sha256}.pth"):
        age(path, 10)
    bring(random.randbytes(600))
    assert not said.exists()
    assert received.find(sha256) is None
    assert received.find(last) is not None


def test_a_network_of_which_nothing_is_known_is_lacking(cache: Path) -> None:
    pytest.importorskip("distributed", reason="the extra eyeballot[distributed] is not installed")
    from generation.core.engines.dask_worker import lacking

    data, picture = random.randbytes(100), random.randbytes(100)
    sha256 = hashlib.sha256(data).hexdigest()
    bring(data, ".pth", {**ABOUT, "sha256": sha256})
    seen = bring(picture)
    assert lacking([seen], [sha256]) == []
    (cache / f"{sha256}.json").unlink()
    assert lacking([seen, "0" * 64], [sha256]) == ["0" * 64, sha256]
    bring(data, ".pth", {**ABOUT, "sha256": sha256})
    assert lacking([seen], [sha256]) == []


@pytest.mark.parametrize("said", ["20GB", "", "nan", "-1"])
def test_a_size_that_is_none_is_a_sentence(cache: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("EYEBALLOT_CACHE_GB", said)
    data = b"bytes"
    answer = received.receive(hashlib.sha256(data).hexdigest(), "", {}, "0f", 0, data, len(data))
    assert answer == f"EYEBALLOT_CACHE_GB is {said!r}, which is no number of gigabytes. Write 20 for 20 GB."
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "suffix"), [("../../thesis", ""), ("a" * 63, ""), ("a" * 64, "/../x"), ("A" * 64, "")]
)
def test_what_is_no_digest_is_not_kept(cache: Path, name: str, suffix: str) -> None:
    assert "no SHA-256" in received.receive(name, suffix, {}, "0f", 0, b"x", 1)
    assert list(cache.iterdir()) == []


def test_files_may_go_at_any_moment(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = bring(random.randbytes(100))
    path = cache / sha256
    is_file, stat = Path.is_file, Path.stat

    def then_gone(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(self: Path, **more: Any) -> Any:
            found = look(self, **more)
            path.unlink(missing_ok=True)
            return found

        return looked

    with monkeypatch.context() as race:
        race.setattr(Path, "is_file", then_gone(is_file))
        assert received.read(sha256) is None
    received.used(path)
    data = random.randbytes(100)
    network = hashlib.sha256(data).hexdigest()
    bring(data, ".pth", {**ABOUT, "sha256": network})
    path = cache / f"{network}.pth"
    with monkeypatch.context() as race:
        race.setattr(Path, "is_file", then_gone(is_file))
        assert weights.held(network) is None
    for _ in range(3):
        bring(random.randbytes(300))
    gone = random.choice([one for one in cache.iterdir() if one.suffix == ""])

    def missing(self: Path, **more: Any) -> Any:
        if self == gone:
            raise FileNotFoundError(2, "No such file or directory", str(self))
        return stat(self, **more)

    monkeypatch.setattr(Path, "stat", missing)
    bring(random.randbytes(300))


def test_a_folder_of_somebody_else_can_be_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = random.randbytes(100)
    sha256 = bring(data)

    def refuse(*_given: Any, **_more: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    assert received.read(sha256) == data


def test_half_a_word_about_a_network_is_none(cache: Path) -> None:
    (cache / f"{'b' * 64}.json").write_text(json.dumps(ABOUT)[:40])
    assert received.about_it("b" * 64) == {}
