"""A weights file is found, verified, or its absence is explained; torch is never needed for it."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from generation.core import weights
from generation.core.weights import published


def _manifest(folder: Path, **entry: object) -> None:
    folder.mkdir(exist_ok=True)
    lines = [f"{key} = {value!r}" for key, value in entry.items()]
    (folder / "weights.toml").write_text("[[weights]]\n" + "\n".join(lines).replace("(", "[").replace(")", "]"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "w"
    path.mkdir()
    monkeypatch.setenv("EYEBALLOT_WEIGHTS", str(path))
    return path


@pytest.fixture
def cut(folder: Path) -> str:
    (folder / "cut.safetensors").write_bytes(b"tensors")
    digest = hashlib.sha256(b"tensors").hexdigest()
    _manifest(folder, file="cut.safetensors", sha256=digest, network="vgg19", title="A cut", last_layer="relu3_4")
    return digest


def test_nothing_there_is_a_sentence_that_says_what_to_do() -> None:
    with pytest.raises(weights.WeightsMissing) as caught:
        weights.find("vgg19")
    for word in ("vgg19-dcbb9e9d.pth", "EYEBALLOT_WEIGHTS", "EYEBALLOT_DOWNLOAD", "random-shallow"):
        assert word in str(caught.value)


def test_a_failed_download_is_the_same_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", "1")
    monkeypatch.setattr(published, "DOWNLOADS", "http://127.0.0.1:9/")  # the discard port: refused at once
    with pytest.raises(weights.WeightsMissing, match=r"download failed.*vgg16-397923af\.pth"):
        weights.find("vgg16")
    assert not list(tmp_path.rglob("*.part"))


def test_unknown_network_names_the_known() -> None:
    with pytest.raises(weights.WeightsMissing, match="Known: random-shallow, squeezenet1_1, vgg16, vgg19"):
        weights.find("alexnet")


def test_random_shallow_needs_no_file_and_is_its_seed() -> None:
    found = weights.find("random-shallow")
    assert found.path is None
    assert found.sha256 == hashlib.sha256(weights.RANDOM_SHALLOW_SEED.encode()).hexdigest()


def test_a_cut_is_named_as_what_it_is_and_does_not_give_later_layers(cut: str) -> None:
    found = weights.find("vgg19")
    assert (found.title, found.sha256, found.training) == ("A cut", cut, "other")
    found.require(["relu1_1", "relu3_4"])
    with pytest.raises(weights.WeightsError, match=r"'A cut' ends at relu3_4, but relu4_2 is asked for"):
        found.require(["relu4_2"])


def test_the_digest_that_a_render_asks_for_is_the_one_it_gets(cut: str) -> None:
    assert weights.find("vgg19", cut).sha256 == cut
    with pytest.raises(weights.WeightsMissing, match=rf"SHA-256 {'0' * 64}.*A cut"):
        weights.find("vgg19", "0" * 64)


def test_a_changed_file_is_refused(folder: Path, cut: str) -> None:
    (folder / "cut.safetensors").write_bytes(b"other tensors")
    with pytest.raises(weights.WeightsError, match="is not the file of the manifest"):
        weights.find("vgg19")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": "resnet"}, "unknown network"),
        ({"last_layer": "relu9_9"}, "has no layer"),
        ({"file": "gone.pth"}, "is not there"),
        ({"file": "weights.toml"}, "neither .pth nor .safetensors"),
        ({"colour_order": "GBR"}, "RGB or BGR"),
        ({"mean": (1.0, 2.0)}, "unpack"),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(folder: Path, cut: str, change: dict[str, object], words: str) -> None:
    good = {"file": "cut.safetensors", "sha256": cut, "network": "vgg19", "title": "A cut", "last_layer": "relu3_4"}
    _manifest(folder, **{**good, **change})
    with pytest.raises(weights.WeightsError, match=words):
        weights.find("vgg19")


def test_torchvisions_file_must_begin_with_the_digits_of_its_name(folder: Path) -> None:
    (folder / "vgg16-397923af.pth").write_bytes(b"not it")
    with pytest.raises(weights.WeightsError, match="is damaged: its SHA-256 begins with"):
        weights.find("vgg16")


def test_torch_is_not_imported_by_the_light_rooms() -> None:
    light = ["images", "weights", "engines", "photo", "protocols", "style_transfer", "tasks", "spec"]
    code = f"import sys; {'; '.join(f'import generation.core.{m}' for m in light)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
