"""A pack of a few drawn pictures with their masks, made once for all tests of a run."""

import pytest

from generation.core.photographs import PackOptions, pack
from generation.core.segmentation.samples import Sample, SampleOptions, sample
from tests.generation.core.segmentation.small import EASY


@pytest.fixture(scope="session")
def samples() -> list[Sample]:
    return [sample(EASY, number) for number in range(12)]


@pytest.fixture(scope="session")
def drawn_pack(samples: list[Sample]) -> bytes:
    files = [(f"{number}.png", one.picture_png) for number, one in enumerate(samples)]
    masks = [(f"{number}.png", one.mask_png) for number, one in enumerate(samples)]
    return pack(files, PackOptions(32, validation=0.25, grey=True), masks=masks).data


@pytest.fixture(scope="session")
def scene() -> Sample:
    return sample(SampleOptions(side=64, kinds=("hole",), share=(0.03, 0.05), contrast=(0.9, 1.0), seed=5), 0)
