"""Renders killed at any moment, paused past their lease, raced for: in the end there is what was to be there."""

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from generation.models import Job
from generation.services.queue import job_claim, lease_renew
from tests.fault_table import FULL
from tests.generation.render_house import (
    CONTENTS,
    Watcher,
    diary,
    finish,
    finished,
    furnish,
    kill,
    migrate,
    rows,
    start,
    states,
    wait_for,
)

KILLS = 10 if FULL else 3
WORKERS = 2
ENGINE = f"processes:{WORKERS}"
Undisturbed = tuple[dict[str, object], float]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrate(tmp_path_factory.mktemp("empty"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, empty: Path) -> Undisturbed:
    """What a run leaves that nobody disturbs, and the seconds until its first job was done."""
    house = furnish(tmp_path_factory.mktemp("undisturbed"), empty)
    begun = time.monotonic()
    process = start(house, "--engine", ENGINE)
    wait_for(lambda: "done" in states(house), process)
    first = time.monotonic() - begun
    out = finish(process)
    assert process.returncode == 0, out
    assert len(diary(house, "taken")) == len(diary(house, "done")) == len(CONTENTS)
    return finished(house), first


def repeats(house: Path) -> int:
    """How many jobs were taken again after they had been taken."""
    return len(diary(house, "taken")) - len(set(diary(house, "taken")))


@pytest.mark.slow
@pytest.mark.fault("F12")
@pytest.mark.fault("F13")
def test_killed_again_and_again_it_ends_like_one_that_nobody_disturbed(
    tmp_path: Path, empty: Path, undisturbed: Undisturbed, tried: Callable[..., None]
) -> None:
    expected, first = undisturbed
    kills = again = houses = looks = 0
    while kills < KILLS:
        houses += 1
        (tmp_path / str(houses)).mkdir()
        house = furnish(tmp_path / str(houses), empty)
        mine = 0
        with Watcher(house).watching() as watcher:
            ended = False
            while not ended:
                process = start(house, "--engine", ENGINE)
                if kills < KILLS:
                    # Before anything, while a process loads its network, in a job, at its end, while one is stored.
                    time.sleep(random.uniform(0.2, 1.3) * first)
                    if process.poll() is None:
                        kill(process)
                        kills, mine = kills + 1, mine + 1
                        continue
                out = finish(process)
                assert process.returncode == 0, out
                ended = True
        assert not watcher.partial
        assert finished(house) == expected
        assert sorted(diary(house, "done")) == sorted(set(diary(house, "done"))), "a job was finished twice"
        assert repeats(house) <= mine * WORKERS
        again, looks = again + repeats(house), looks + watcher.looks
        taken = diary(house, "taken")
        after = start(house, "--engine", ENGINE)
        out = finish(after)
        assert after.returncode == 0, out
        assert diary(house, "taken") == taken, "there was nothing left to render"
    tried("F12", kills=kills, jobs_repeated=again, files_looked_at=looks, partial_files=0, differences=0)


@pytest.mark.slow
@pytest.mark.fault("F12", planted=True)
def test_a_storage_that_writes_in_place_is_seen(tmp_path: Path, empty: Path) -> None:
    house = furnish(tmp_path, empty)
    (tmp_path / "in_place_settings.py").write_text(
        "from studyplatform.config.settings import *\n"
        "STORAGES['masters']['BACKEND'] = 'tests.generation.slow_in_place_storage.InPlaceStorage'\n"
    )
    with Watcher(house).watching() as watcher:
        settings = {"DJANGO_SETTINGS_MODULE": "in_place_settings", "PYTHONPATH": str(tmp_path)}
        process = start(house, "--engine", "processes:1", **settings)
        wait_for(lambda: watcher.partial or process.poll() is not None, None)
        kill(process)
    assert watcher.partial


@pytest.mark.slow
@pytest.mark.fault("F12", planted=True)
def test_a_queue_that_forgets_what_is_done_is_seen(tmp_path: Path, empty: Path, undisturbed: Undisturbed) -> None:
    house = furnish(tmp_path, empty)
    process = start(house, "--engine", ENGINE)
    wait_for(lambda: states(house).count("done") >= WORKERS + 1, process)
    kill(process)
    # As a list in the memory of the process would be: gone with it.
    with closing(sqlite3.connect(house / "var" / "eyeballot.sqlite3", timeout=30)) as database, database:
        database.execute("UPDATE generation_job SET status = 'queued', lease_holder = '', lease_until = NULL")
    out = finish(start(house, "--engine", ENGINE))
    assert "8 of 8 rendered" in out
    assert repeats(house) > 1 * WORKERS
    assert sorted(diary(house, "done")) != sorted(set(diary(house, "done")))


@pytest.mark.slow
@pytest.mark.fault("F13")
def test_a_holder_that_wakes_up_after_its_lease_stores_nothing(
    tmp_path: Path, empty: Path, undisturbed: Undisturbed, tried: Callable[..., None]
) -> None:
    house = furnish(tmp_path, empty)
    sleeper = start(house, "--engine", "processes:1", EYEBALLOT_LEASE_SECONDS="3")
    wait_for(lambda: "running" in states(house), sleeper)
    os.killpg(sleeper.pid, signal.SIGSTOP)
    try:
        held = rows(house, "SELECT id FROM generation_job WHERE status = 'running'")
        assert len(held) == 1
        other = start(house, "--engine", "processes:1", EYEBALLOT_LEASE_SECONDS="3")
        out = finish(other)
        assert other.returncode == 0, out
        assert "8 of 8 rendered" in out
        stored = rows(house, "SELECT id, finished_at FROM generation_job ORDER BY id")
    finally:
        os.killpg(sleeper.pid, signal.SIGCONT)
    out = finish(sleeper)
    assert "Traceback" not in out
    assert rows(house, "SELECT id, finished_at FROM generation_job ORDER BY id") == stored
    assert len(diary(house, "done")) == len(CONTENTS), "each job was stored once"
    assert finished(house) == undisturbed[0]
    tried("F13", holders_paused_past_their_lease=1, overwritten=0)


# --- the lease itself ---------------------------------------------------------------------------------------------

JOBS = 40 if FULL else 15
Claim = Callable[[str], int | None]


def jobs(number: int) -> None:
    """That many jobs, free to be taken."""
    Job.objects.bulk_create(Job(digest=f"{n:064x}", task="gamma", spec={}) for n in range(number))


def raced(claim: Claim, claimants: int = 8) -> list[int]:
    """Every job that was given to somebody, when all claim at once until nothing is left."""
    barrier, taken = threading.Barrier(claimants), []

    def work(holder: str) -> None:
        barrier.wait()
        try:
            for _ in range(4 * JOBS):
                if (job := claim(holder)) is None:
                    return
                taken.append(job)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(f"elsewhere-{n}:1",)) for n in range(claimants)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


@pytest.mark.fault("F13")
@pytest.mark.django_db(transaction=True)
def test_raced_for_each_job_is_given_to_one(tried: Callable[..., None]) -> None:
    jobs(JOBS)

    def claim(holder: str) -> int | None:
        # A claimant that lost a race for the last jobs it saw may come away empty while others are still free.
        while (job := job_claim(holder=holder)) is None and Job.objects.filter(status="queued").exists():
            pass
        return job.pk if job else None

    taken = raced(claim)
    assert len(taken) == len(set(taken)) == JOBS
    tried("F13", claimants_at_once=8, jobs=JOBS, given_twice=0)


@pytest.mark.fault("F13", planted=True)
@pytest.mark.django_db(transaction=True)
def test_a_claim_that_does_not_ask_again_is_seen_to_give_one_job_to_two() -> None:
    jobs(JOBS)

    def claim(holder: str) -> int | None:
        """Looks first and writes later, without the condition on what it saw."""
        job = Job.objects.filter(status=Job.Status.QUEUED).order_by("pk").first()
        if job is None:
            return None
        Job.objects.filter(pk=job.pk).update(status=Job.Status.RUNNING, lease_holder=holder)
        return job.pk

    taken = raced(claim)
    assert len(taken) > len(set(taken))


@pytest.mark.fault("F13")
@pytest.mark.django_db
def test_the_lease_of_another_machine_is_waited_for_and_no_longer() -> None:
    jobs(1)
    first = job_claim(holder="elsewhere:1")
    assert first is not None
    assert job_claim(holder="here:2") is None, "whether another machine's process lives is not known here"
    Job.objects.update(lease_until=timezone.now() + timedelta(seconds=1))
    assert job_claim(holder="here:2") is None
    time.sleep(1.1)
    second = job_claim(holder="here:2")
    assert second is not None
    assert not lease_renew(job=first, holder="elsewhere:1", progress=0.5), "the late one is told"


@pytest.mark.fault("F13", planted=True)
@pytest.mark.django_db
def test_finishing_without_a_look_at_the_lease_is_seen_to_store_twice() -> None:
    jobs(1)
    job = job_claim(holder="elsewhere:1")
    assert job is not None
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert job_claim(holder="elsewhere:2") is not None

    def stored(holder: str, *, asks: bool) -> int:
        mine = {"lease_holder": holder, "status": Job.Status.RUNNING} if asks else {}
        return Job.objects.filter(pk=job.pk, **mine).update(status=Job.Status.DONE)

    assert [stored(holder, asks=False) for holder in ("elsewhere:2", "elsewhere:1")] == [1, 1]
    Job.objects.update(status=Job.Status.RUNNING)
    assert [stored(holder, asks=True) for holder in ("elsewhere:2", "elsewhere:1")] == [1, 0]
