"""A real training in a process of its own, killed in its second epoch."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from generation.core.train_spec import TrainSpec

ROOT = Path(__file__).resolve().parents[4]

TRAINING = """
import json, sys, time
from pathlib import Path
import torch
from generation.core.runtime import load
from generation.core.train_spec import TrainSpec
from generation.core.training import loop
torch.set_num_threads(1)
loop.KEEP_EVERY = 0.0
def say(done, total, words):
    print(words, flush=True)
    if words.startswith("epoch 2"):
        time.sleep(60)
spec = TrainSpec.from_json(json.loads(Path("spec.json").read_text()))
data = {path.name: path.read_bytes() for path in Path("data").iterdir()}
load(sys.argv[1])(spec, data, json.loads(sys.argv[2]), {"dtype": "float32"}, say, Path("scratch"))
"""


def killed_in_its_second_epoch(
    train: str, spec: TrainSpec, data: Mapping[str, bytes], folder: Path, save_at: tuple[int, ...] = ()
) -> Path:
    """Start ``train`` (``"module:function"``, as of a ``Trainer``) in ``folder`` and kill it; where its state lies."""
    (folder / "spec.json").write_text(json.dumps(spec.to_json()))
    (folder / "data").mkdir()
    for digest, content in data.items():
        (folder / "data" / digest).write_bytes(content)
    command = [sys.executable, "-c", TRAINING, train, json.dumps(save_at)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch 2"):
                break
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return folder / "scratch"
