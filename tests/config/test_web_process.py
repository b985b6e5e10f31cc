"""The web process starts without torch: rendering belongs to workers, and no page waits for a network library."""

import subprocess
import sys

PROBE = """
import sys
import django
django.setup()
from django.test import Client
from django.urls import get_resolver
from studyplatform.config import urls, wsgi
get_resolver().url_patterns
import generation.admin, studyplatform.voting.admin, evaluation.admin
{extra}
loaded = sorted(m for m in ("torch", "torchvision", "lpips", "kornia", "torchmetrics") if m in sys.modules)
print(",".join(loaded))
"""


def modules_loaded(extra: str = "") -> str:
    probe = [sys.executable, "-c", PROBE.replace("{extra}", extra)]
    done = subprocess.run(probe, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_no_torch_in_the_web_process() -> None:
    assert modules_loaded() == ""


def test_the_probe_would_see_it() -> None:
    """The planted fault: a page that imports the renderer is caught."""
    assert "torch" in modules_loaded("import generation.core.render")
