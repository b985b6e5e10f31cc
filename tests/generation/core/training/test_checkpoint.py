"""The file of any networks; hostile files are shown in ``colorization/test_checkpoint.py``."""

import pytest
import torch
from torch import nn

from generation.core.training.checkpoint import CheckpointError, Form, Said, read, write

FORM = Form("test line 1", "a line")
SAID = Said({"inputs": 3, "rate": 0.1}, "ab" * 32, 4, {"loss": 0.5})


def line(params) -> dict[str, nn.Module]:
    return {"line.": nn.Linear(int(params["inputs"]), 1)}


def both(params) -> dict[str, nn.Module]:
    return {"a.": nn.BatchNorm1d(int(params["inputs"])), **line(params)}


def test_there_and_back() -> None:
    networks = both(SAID.params)
    networks["a."](torch.randn(5, 3))  # moves its statistics
    data = write(FORM, networks, SAID)
    found, said = read(FORM, data, both)
    assert said == SAID
    assert list(found) == ["a.", "line."]
    for prefix, network in networks.items():
        assert not found[prefix].training
        own = network.state_dict()
        assert all(torch.equal(value, own[name]) for name, value in found[prefix].state_dict().items())
    assert write(FORM, found, said) == data
    assert write(FORM, dict(reversed(networks.items())), SAID) == data


def test_another_form_is_refused_by_its_name() -> None:
    data = write(FORM, line(SAID.params), SAID)
    with pytest.raises(CheckpointError, match="is no checkpoint of a curve, or its beginning is damaged"):
        read(Form("test curve 1", "a curve"), data, line)
    with pytest.raises(CheckpointError, match="is no checkpoint of a line"):
        read(Form("test line 2", "a line"), data, line)


def test_networks_that_the_file_does_not_hold() -> None:
    with pytest.raises(CheckpointError, match=r"the tensor 'a\.weight' is missing"):
        read(FORM, write(FORM, line(SAID.params), SAID), both)
    with pytest.raises(CheckpointError, match=r"holds 5 tensors .* no place for, 'a\.bias' among them"):
        read(FORM, write(FORM, both(SAID.params), SAID), line)


def test_enormous_networks_are_asked_for_in_vain() -> None:
    huge = Said({"inputs": 10**12}, "", 1, {})
    with pytest.raises(CheckpointError, match="does not fit its own parameters"):
        read(FORM, write(FORM, line(SAID.params), huge), line)


def test_what_diverged_is_not_written() -> None:
    networks = line(SAID.params)
    with torch.no_grad():
        next(networks["line."].parameters())[0, 0] = float("inf")
    with pytest.raises(ValueError, match=r"'line\.weight' hold numbers that are not finite"):
        write(FORM, networks, SAID)
