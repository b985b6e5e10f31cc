"""What every job meets on the machine it runs on: torch as the job wants it, the versions, code by its name."""

from __future__ import annotations

import importlib
import platform
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch


def unexpected(doing: str) -> str:
    """The exception being handled, as a sentence with the place it came from."""
    lines = traceback.format_exc(limit=-1).strip().splitlines()
    place = next((line.strip() for line in lines if line.strip().startswith("File")), "")
    return f"{doing} failed unexpectedly: {lines[-1]} ({place})."


def load(name: str) -> Any:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


@contextmanager
def torch_settings(threads: int | None, deterministic: bool) -> Iterator[None]:
    """Torch as this job wants it, and as it was afterwards. TF32 is off: float32 is what the provenance says."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if threads:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = tf32


def environment() -> dict[str, Any]:
    """What ran here: versions, device, threads."""
    cuda = torch.cuda.is_available()
    return {
        **{
            name: _version(name)
            for name in ("torch", "torchvision", "lpips", "kornia", "torchmetrics", "numpy", "pillow")
        },
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name() if cuda else f"cpu {platform.machine()}",
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
