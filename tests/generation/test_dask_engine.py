"""Many machines, as processes of this one: a real Dask scheduler and workers, some of which are killed."""

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from generation.core import engines, weights
from tests.generation.render_house import (
    CONTENTS,
    diary,
    finish,
    finished,
    furnish,
    migrate,
    rows,
    start,
    states,
    wait_for,
)

pytest.importorskip("distributed", reason="the extra eyeballot[distributed] is not installed")
from generation.core.engines import dask, dask_scheduler, dask_worker
from tests.generation.dask_cluster import Cluster, Counter, Wanted, by_digest, cluster, free_port

pytestmark = pytest.mark.once

JOBS = "tests.generation.dask_cluster"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrate(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> dict[str, Any]:
    """What a serial run leaves that nobody disturbs."""
    house = furnish(tmp_path_factory.mktemp("serial"), empty)
    process = start(house, "--engine", "serial")
    out = finish(process)
    assert process.returncode == 0, out
    return finished(house)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for the tests that break nothing."""
    with cluster(tmp_path_factory.mktemp("two")) as running:
        yield running


def kill_one_in_the_middle(running: Cluster, process: Any) -> int:
    """SIGKILL a worker that is in a batch, when another batch was done already; returns its process id."""
    wait_for(lambda: running.runs("ended") and len(set(running.busy())) == 2, process)
    victim = running.busy()[0]
    os.kill(victim, signal.SIGKILL)
    return victim


def blamed(house: Path) -> int:
    """The attempts that were counted against a job."""
    return int(rows(house, "SELECT max(attempts) FROM generation_job")[0][0])


@pytest.mark.slow
@pytest.mark.fault("F13")
def test_a_worker_killed_in_the_middle_changes_nothing(
    tmp_path: Path, empty: Path, expected: dict[str, Any], tried: Callable[..., None]
) -> None:
    house = furnish(tmp_path, empty)
    with cluster(tmp_path / "cluster") as running:
        process = start(house, "--engine", running.engine)
        victim = kill_one_in_the_middle(running, process)
        out = finish(process)
        assert process.returncode == 0, out
        assert finished(house) == expected
        begun = [digest for digest, _ in running.runs("begun")]
        assert len(set(begun)) == len(CONTENTS)
        # What a worker has ended lies with it until it is fetched, so its last batch but one may be lost with it.
        lost = {digest for digest, pid in running.runs("begun") if pid == victim}
        repeated = {digest for digest in begun if begun.count(digest) > 1}
        assert repeated
        assert repeated <= lost, "nothing of the other worker was done again"
        assert len(begun) == len(CONTENTS) + len(repeated), "nothing was begun a third time"
        assert blamed(house) == 0
        assert len(diary(house, "done")) == len(diary(house, "taken")) == len(CONTENTS)
        again = start(house, "--engine", running.engine)
        assert "8 of 8 rendered" in finish(again)
        assert len(running.runs("begun")) == len(begun), "there was nothing left to render"
    tried("F13", dask_workers=2, killed_in_a_batch=1, batches_repeated=len(repeated), differences=0)


@pytest.mark.slow
@pytest.mark.fault("F13", planted=True)
def test_a_cluster_that_does_not_give_jobs_to_others_is_seen(
    tmp_path: Path, empty: Path, expected: dict[str, Any]
) -> None:
    house = furnish(tmp_path, empty)
    with cluster(tmp_path / "cluster", DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as running:
        process = start(house, "--engine", running.engine)
        kill_one_in_the_middle(running, process)
        out = finish(process)
    assert process.returncode == 0, out
    assert "Traceback" not in out
    assert blamed(house) == 1, "the death was counted against the job that the worker was in"
    assert finished(house) == expected, "which has two attempts more, as machines may be taken away"


@pytest.mark.slow
@pytest.mark.fault("F13")
def test_a_scheduler_that_dies_is_a_sentence_and_the_rest_is_rendered_later(
    tmp_path: Path, empty: Path, expected: dict[str, Any], tried: Callable[..., None]
) -> None:
    house = furnish(tmp_path, empty)
    with cluster(tmp_path / "cluster") as running:
        process = start(house, "--engine", running.engine)
        wait_for(lambda: "done" in states(house) and running.busy(), process)
        running.scheduler.kill()
        out = finish(process)
    assert process.returncode == 1
    assert "is gone" in out
    assert "Traceback" not in out
    assert "ERROR" not in out
    assert "running" not in states(house), "the leases were given back"
    assert blamed(house) == 0
    done = [job for job, status in rows(house, "SELECT id, status FROM generation_job") if status == "done"]
    assert done
    later = start(house, "--engine", "serial")
    out = finish(later)
    assert later.returncode == 0, out
    assert finished(house) == expected
    assert sorted(diary(house, "done")) == sorted(set(diary(house, "done")))
    tried("F13", schedulers_killed=1, differences=0)


@pytest.mark.fault("F13")
def test_a_scheduler_that_is_silent_does_not_hold_the_command(
    tmp_path: Path, monkeypatch: Any, tried: Callable[..., None]
) -> None:
    monkeypatch.setattr(dask_scheduler, "ANSWER", 1.0)
    with cluster(tmp_path / "cluster", workers=1) as running:
        engine = dask.DaskEngine(f"127.0.0.1:{running.port}", patience=3)
        words: list[int] = []
        progress = engine.channel(lambda done, total, said="": words.append(done))
        waiting = engine.submit_job(f"{JOBS}:patient", Wanted(), {}, progress=progress)
        wait_for(lambda: words, None)
        running.scheduler.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(engines.EngineLost, match="does not answer"):
            waiting.result(60)
        engine.abandon()
        took = time.monotonic() - begun
        assert took < 40, "seconds, of the 3 it is waited for, on a machine that does other things"
    tried("F13", schedulers_stopped=1, commands_held=0)


def test_a_job_that_raises_is_run_once(tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", workers=1) as running, engines.open_engine(running.engine) as engine:
        progress = engine.channel(lambda done, total, said="": None)
        with pytest.raises(ValueError, match="a fault of the job"):
            engine.submit_job(f"{JOBS}:faulty", Wanted(frozenset()), {}, progress=progress).result(60)
        assert [digest for digest, _ in running.runs("begun")] == ["faulty"]


def test_a_scheduler_without_eyeballot_is_a_sentence(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # The tree itself may be installed: a package of the same name that is empty hides it.
    (tmp_path / "generation").mkdir()
    (tmp_path / "generation" / "__init__.py").touch()
    env["PYTHONPATH"] = str(tmp_path)
    with (tmp_path / "said").open("wb") as said:
        scheduler = subprocess.Popen([*command, "--no-dashboard"], cwd=tmp_path, env=env, stdout=said, stderr=said)
    try:
        wait_for(lambda: answers(port), None)
        with pytest.raises(engines.EngineLost, match="has no Eyeballot, or another one: it cannot read the jobs"):
            engines.open_engine(f"dask://127.0.0.1:{port}")
    finally:
        scheduler.kill()
        scheduler.wait()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("fault", ["cache", "file"])
def test_what_cannot_be_brought_is_said_at_once(tmp_path: Path, monkeypatch: Any, fault: str) -> None:
    data = random.randbytes(1000)
    sha256 = hashlib.sha256(data).hexdigest()
    with (
        cluster(tmp_path / "cluster", workers=1, EYEBALLOT_CACHE_GB="20GB" if fault == "cache" else "20") as running,
        engines.open_engine(running.engine) as engine,
    ):
        progress = engine.channel(lambda done, total, said="": None)
        if fault == "cache":
            job = engine.submit_job(f"{JOBS}:look", Wanted(frozenset([sha256])), {sha256: data}, progress=progress)
            words = "EYEBALLOT_CACHE_GB is '20GB'"
        else:
            gone = weights.Weights("vgg19", "gone", sha256, tmp_path / "gone.pth", "relu3_4", "oxford", "")
            monkeypatch.setattr(weights, "held", lambda sha256: gone)
            job = engine.submit_job(f"{JOBS}:look", Wanted(networks=frozenset([sha256])), {}, progress=progress)
            words = r"gone\.pth cannot be read: No such file"
        with pytest.raises(RuntimeError, match=words):
            job.result(60)


def test_the_build_of_torch_is_no_other_version(monkeypatch: Any) -> None:
    with monkeypatch.context() as local:
        local.setattr(dask_worker, "version", lambda package: "2.9.1+cpu")
        assert set(dask_worker.versions().values()) == {"2.9.1"}


def test_what_a_worker_has_is_not_sent_again(two: Cluster) -> None:
    sources = by_digest([random.randbytes(2_000_000), random.randbytes(1_000_000)])
    spec = Wanted(frozenset(sources))
    counter = Counter(two.port)
    words: list[str] = []
    with engines.open_engine(counter.engine) as engine:
        assert isinstance(engine, dask.DaskEngine)
        wait_for(lambda: engine.workers == 2, None)

        def look() -> tuple[dict[str, Any], int, int]:
            sent, passed = engine.sent, counter.bytes
            progress = engine.channel(lambda done, total, said="": words.append(said))
            answer = engine.submit_job(f"{JOBS}:look", spec, sources, progress=progress).result(60)
            return answer, engine.sent - sent, counter.bytes - passed

        answer, sent, passed = look()
        assert answer["given"] == {sha256: sha256 for sha256 in sources}
        assert answer["threads"] == engines.share(2)
        assert sent == 3_000_000
        assert passed >= sent
        for _ in range(3):
            answer, sent, passed = look()
            assert answer["given"] == {sha256: sha256 for sha256 in sources}
            assert sent == 0
            assert passed < 100_000, "bytes to the scheduler, all in all"
        wait_for(lambda: len(words) == 4, None)
    counter.close()


def test_networks_that_a_worker_lacks_are_brought(two: Cluster, tmp_path: Path, monkeypatch: Any) -> None:
    data = random.randbytes(300_000)
    sha256 = hashlib.sha256(data).hexdigest()
    (tmp_path / "cut.safetensors").write_bytes(data)
    (tmp_path / "weights.toml").write_text(
        f'[[weights]]\nfile = "cut.safetensors"\nsha256 = "{sha256}"\nnetwork = "vgg19"\ntitle = "A cut"\n'
        'training = "oxford"\nlast_layer = "relu3_4"\ncolour_order = "BGR"\nscale = 255.0\n'
    )
    monkeypatch.setenv("EYEBALLOT_WEIGHTS", str(tmp_path))
    spec = Wanted(networks=frozenset([sha256, "0" * 64]))
    with engines.open_engine(two.engine) as engine:
        assert isinstance(engine, dask.DaskEngine)
        progress = engine.channel(lambda done, total, said="": None)
        for sent in (len(data), 0):
            before = engine.sent
            answer = engine.submit_job(f"{JOBS}:look", spec, {}, progress=progress).result(60)
            assert engine.sent - before == sent
    path = Path(answer["networks"][sha256])
    assert list(answer["networks"]) == [sha256], "a network that nobody has is the job's own affair"
    assert path.read_bytes() == data
    here = weights.find("vgg19/oxford", sha256)
    monkeypatch.setenv("EYEBALLOT_CACHE", str(path.parent))
    monkeypatch.delenv("EYEBALLOT_WEIGHTS")
    there = weights.find("vgg19/oxford", sha256)
    assert (there.path, weights.about(there)) == (path, weights.about(here))


def test_bytes_that_are_damaged_on_their_way_are_refused(two: Cluster) -> None:
    assert "damaged" in _damaged_on_its_way(two)


@pytest.mark.fault("F13", planted=True)
def test_a_worker_that_trusts_what_arrives_is_seen(tmp_path: Path) -> None:
    with cluster(tmp_path / "cluster", workers=1, preload="trust_what_arrives") as running:
        assert _damaged_on_its_way(running) == "another picture was used"


def _damaged_on_its_way(running: Cluster) -> str:
    """What comes of a source whose bytes are not those of its name when they arrive."""
    asked = hashlib.sha256(random.randbytes(10)).hexdigest()
    with engines.open_engine(running.engine) as engine:
        progress = engine.channel(lambda done, total, said="": None)
        job = engine.submit_job(f"{JOBS}:look", Wanted(frozenset([asked])), {asked: b"other"}, progress=progress)
        try:
            job.result(60)
        except RuntimeError as error:
            return str(error)
        return "another picture was used"


def test_faults_come_back_and_what_is_given_up_stops(two: Cluster) -> None:
    with engines.open_engine(two.engine) as engine, pytest.raises(ValueError, match="invalid literal"):
        engine.submit(int, "x").result(60)
    words: list[int] = []

    def give_up() -> None:
        with engines.open_engine(two.engine) as engine:
            for _ in range(2):
                progress = engine.channel(lambda done, total, said="": words.append(done))
                engine.submit_job(f"{JOBS}:patient", Wanted(), {}, progress=progress)
            wait_for(lambda: words, None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        give_up()
    begun = time.monotonic()
    with engines.open_engine(two.engine) as engine:
        assert engine.submit(max, 1, 2).result(60) == 2
    assert time.monotonic() - begun < 40, "the two minutes of the others were not waited for"


def test_a_job_that_ends_its_workers_and_a_cluster_without_any(tmp_path: Path) -> None:
    no_second_chance = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with cluster(tmp_path / "one", workers=1, **no_second_chance) as running:  # noqa: SIM117
        with dask.DaskEngine(f"127.0.0.1:{running.port}", patience=3) as engine:
            progress = engine.channel(lambda done, total, said="": None)
            with pytest.raises(engines.JobDeadly, match="Its worker ended in this job"):
                engine.submit_job(f"{JOBS}:deadly", Wanted(), {}, progress=progress).result(60)
            waiting = engine.submit_job(f"{JOBS}:look", Wanted(), {}, progress=progress)
            with pytest.raises(engines.EngineLost, match="has had no worker for 3 seconds"):
                waiting.result(60)
            with pytest.raises(engines.EngineLost):
                engine.submit(max, 1, 2)


def test_other_versions_are_refused(two: Cluster, monkeypatch: Any) -> None:
    others = {**dask_worker.versions(), "torch": "1.0"}
    monkeypatch.setattr(dask, "versions", lambda: others)
    with engines.open_engine(two.engine) as engine:
        progress = engine.channel(lambda done, total, said="": None)
        with pytest.raises(engines.EngineLost, match=r"has torch .* \(not 1\.0\)"):
            engine.submit_job(f"{JOBS}:look", Wanted(), {}, progress=progress).result(60)


def test_no_scheduler_is_a_sentence(monkeypatch: Any) -> None:
    monkeypatch.setattr(dask_scheduler, "CONNECT", 1.0)
    with pytest.raises(engines.EngineLost, match="No Dask scheduler answered at 127"):
        engines.open_engine(f"dask://127.0.0.1:{free_port()}")
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, pytest.raises(engines.EngineLost, match="No Dask scheduler answered"):
        engines.open_engine(f"dask://127.0.0.1:{silent.getsockname()[1]}")


def test_without_dask_the_sentence_says_how_to_get_it(monkeypatch: Any) -> None:
    for name in [name for name in sys.modules if name.startswith("generation.core.engines.dask")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(engines, "dask")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"pip install 'eyeballot\[distributed\]'"):
        engines.open_engine("dask://127.0.0.1:8786")


@pytest.mark.parametrize("name", ["dask://", "dask:8786", "dask://host:port", "dask://host/x", "dask://host:8786?x"])
def test_an_address_that_is_none_names_the_known(name: str) -> None:
    with pytest.raises(ValueError, match="dask://HOST:PORT"):
        engines.open_engine(name)
