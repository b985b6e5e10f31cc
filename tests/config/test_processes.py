"""The demo's processes: a port that is free, a child that ends with its parent's block."""

import socket
import time

import pytest

from studyplatform.config.processes import child, free_port
from tests.live_processes import alive_in_group


def test_a_taken_port_is_not_taken_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port


def _interrupted(command: str) -> int:
    """The group of a child whose block ended with an exception."""
    with child("-c", command) as process:
        time.sleep(1)
        assert len(alive_in_group(process.pid)) == 2
        raise RuntimeError(str(process.pid))


def test_a_child_and_its_children_end_with_the_block() -> None:
    sleep = "import time; time.sleep(600)"
    with pytest.raises(RuntimeError) as stopped:
        _interrupted(f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{sleep}'])")
    time.sleep(0.5)
    assert alive_in_group(int(str(stopped.value))) == []
