"""The worker: claims jobs, hands them to an engine, stores what comes back, renews its leases meanwhile."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.conf import settings

from generation.core import tasks
from generation.core.engines import Engine, EngineBroken, EngineLost, JobDeadly, SerialEngine, open_engine, share
from generation.core.spec import JobSpec, RenderResult
from generation.core.train_spec import TrainJobSpec, TrainResult
from generation.models import Grid, Job
from generation.services.artifacts import ArtifactMissing, artifact_bytes
from generation.services.jobs import based
from generation.services.layout import methods_of
from generation.services.queue import (
    holder_name,
    job_claim,
    job_complete,
    job_fail,
    job_release,
    jobs_of,
    lease_renew,
)
from generation.services.training import training_complete
from generation.services.workers import BEAT, worker_gone, worker_seen

# Named, not imported: this process need not load torch to hand work to those that do.
RUN_JOB = "generation.core.render:run_job"
RUN_TRAINING = "generation.core.train:run_training"
IDLE_SECONDS = 2.0
LOOK_SECONDS = 0.25

#: Called while jobs run, with the share of each job in flight that is done and what the worker last said of it.
Report = Callable[[list[tuple[float, str]]], None]


class LeaseLost(Exception):  # noqa: N818  (reads as what it says)
    """The job was taken over by another worker, because this one was silent for longer than its lease: stop."""


class WorkInterrupted(Exception):  # noqa: N818  (reads as what it says)
    """The worker was told to stop; jobs in flight were given back."""


@dataclass
class _Flight:
    """A claimed job on its way."""

    job: Job
    future: Future[list[RenderResult] | TrainResult] | None = None
    share: float = 0.0
    words: str = ""
    lost: bool = False
    renewed: float = field(default_factory=time.monotonic)

    def progress(self, done: int, total: int, words: str) -> None:
        """Note the share of the job that is done, and what is said of it."""
        self.share, self.words = (done / total if total else 0.0), words


def work(*, engine: str, grid: Grid | None = None, forever: bool = False, report: Report | None = None) -> int:
    """Do the queued jobs (of one grid, or all); returns how many were done. ``forever`` waits for more.

    Ctrl-C and SIGTERM give the jobs in flight back and raise :class:`WorkInterrupted`.
    """
    done, holder = 0, holder_name()
    flights: list[_Flight] = []
    interrupts = _Interrupts()
    beat = -BEAT
    try:
        with interrupts.handled(), open_engine(engine) as executor:
            while True:
                if forever and time.monotonic() - beat > BEAT:
                    worker_seen(holder=holder)
                    beat = time.monotonic()
                while len(flights) < executor.workers and (job := job_claim(holder=holder, grid=grid)) is not None:
                    # In the list before anything is started: whatever happens next, the job is given back.
                    flights.append(_Flight(job))
                    with interrupts.held(not isinstance(executor, SerialEngine)):
                        if not _take_off(executor, flights[-1], holder, report):
                            flights.pop()
                if not flights:
                    if not forever and not _others_at_work(grid):
                        return done
                    time.sleep(IDLE_SECONDS)
                    if report is not None:
                        report([])
                    continue
                futures = {f.future: f for f in flights if f.future is not None}
                landed, _ = wait(futures, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in landed:
                    flight = futures[future]
                    done += _land(flight, future, holder)
                    flights.remove(flight)
                    flight.future = None  # its pictures need not stay while the engine remembers its progress
                _keep(flights, holder)
                if report is not None:
                    report([(f.share, f.words) for f in flights])
    except KeyboardInterrupt:
        raise WorkInterrupted("Stopped. The same command goes on from here; nothing finished is done twice.") from None
    finally:
        for flight in flights:
            job_release(job=flight.job, holder=holder)
        if forever:
            worker_gone(holder=holder)


def _others_at_work(grid: Grid | None) -> bool:
    """Whether another worker holds a job of the grid: a command that names a grid ends when the grid does."""
    if grid is None:
        return False
    return Job.objects.filter(pk__in=jobs_of(grid=grid), status=Job.Status.RUNNING).exists()


def _take_off(executor: Engine, flight: _Flight, holder: str, report: Report | None) -> bool:
    """Hand a job to the engine; one whose pictures or task are missing fails at once, with the sentence."""
    training = flight.job.kind == Job.Kind.TRAIN
    try:
        function, given = (RUN_TRAINING, training_of(flight.job)) if training else (RUN_JOB, _rendering_of(flight.job))
    except (ArtifactMissing, KeyError) as error:
        job_fail(job=flight.job, holder=holder, error=str(error.args[0]))
        return False
    told = time.monotonic()

    def note(done: int, total: int, words: str = "", /) -> None:
        nonlocal told
        flight.progress(done, total, words)
        if isinstance(executor, SerialEngine):  # the job runs in this thread: nobody else renews its lease
            _keep([flight], holder)
            if flight.lost:
                raise LeaseLost
            if report is not None and time.monotonic() - told > LOOK_SECONDS:
                report([(flight.share, flight.words)])
                told = time.monotonic()

    progress = executor.channel(note)
    threads = settings.EYEBALLOT_THREADS
    flight.future = executor.submit_job(function, *given, progress=progress, threads=threads)
    return True


def threads_each(workers: int) -> int:
    """Torch threads of each worker on this machine."""
    return settings.EYEBALLOT_THREADS or share(workers)


def _rendering_of(job: Job) -> tuple[JobSpec, dict[str, bytes], dict[str, str], str]:
    return work_of(task=job.task, spec=JobSpec.from_json(job.spec))


def training_of(job: Job) -> tuple[TrainJobSpec, dict[str, bytes], str, Path]:
    """What ``run_training`` is called with for a job: its spec, photographs, trainer, and where its state may lie.

    Raises ``ArtifactMissing`` and ``KeyError`` (no such task or trainer), each with a sentence.
    """
    spec = TrainJobSpec.from_json(job.spec)
    method = tasks.get(job.task).methods[spec.training.method]
    if method.trainer is None:
        raise KeyError(f"{method.label} trains nothing.")
    artifacts = {sha: artifact_bytes(sha) for sha in spec.artifacts}
    return spec, artifacts, method.trainer.train, settings.EYEBALLOT_SCRATCH


def work_of(*, task: str, spec: JobSpec) -> tuple[JobSpec, dict[str, bytes], dict[str, str], str]:
    """What ``run_job`` is called with for a job: its spec, artifacts, renderers and measure.

    Raises ``ArtifactMissing`` and ``KeyError`` (no such task), each with a sentence.
    """
    spec = based(spec)
    artifacts = {sha: artifact_bytes(sha) for sha in spec.artifacts}
    known = tasks.get(task)
    renderers = {name: method.render for name, method in methods_of(known).items()}
    return spec, artifacts, renderers, known.measure


def _land(flight: _Flight, future: Future[list[RenderResult] | TrainResult], holder: str) -> int:
    """Store what a finished job gave; 1 when it was stored."""
    error = future.exception()
    if isinstance(error, EngineLost):  # no fault of the job: it is given back
        raise error
    if isinstance(error, EngineBroken):
        job_fail(job=flight.job, holder=holder, error=str(error))
        raise error
    if isinstance(error, JobDeadly):  # or its machines were taken away: it has the attempts of every other job
        job_fail(job=flight.job, holder=holder, error=str(error))
        return 0
    if error is not None:
        job_fail(job=flight.job, holder=holder, error=f"The job ended with {type(error).__name__}: {error}")
        return 0
    result = future.result()
    try:
        if isinstance(result, TrainResult):
            return int(training_complete(job=flight.job, holder=holder, result=result))
        return int(job_complete(job=flight.job, holder=holder, results=result))
    except OSError as full:
        reason = f"What it gave could not be stored ({full.strerror or full}). Make room and render again."
        job_fail(job=flight.job, holder=holder, error=reason)
        return 0


def _keep(flights: list[_Flight], holder: str) -> None:
    """Renew leases long before they run out, and let the admin see the progress."""
    for flight in flights:
        if time.monotonic() - flight.renewed > min(5.0, settings.EYEBALLOT_LEASE_SECONDS / 4):
            flight.lost = not lease_renew(job=flight.job, holder=holder, progress=flight.share, note=flight.words)
            flight.renewed = time.monotonic()


class _Interrupts:
    """Ctrl-C and SIGTERM, as ``KeyboardInterrupt``: held back while a worker process is being started.

    A process that loses its parent in the middle of its start would print a traceback of its own.
    """

    def __init__(self) -> None:
        self._held = self._pending = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if not self._held:
            raise KeyboardInterrupt
        self._pending = True

    @contextlib.contextmanager
    def held(self, wanted: bool) -> Iterator[None]:
        """Hold them back for the length of the block, if ``wanted``."""
        self._held = wanted
        try:
            yield
        finally:
            self._held = False
        if self._pending:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the two signals, where signals may be handled (the main thread)."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        try:
            before = [signal.signal(number, self) for number in numbers]
        except ValueError:  # not the main thread
            yield
            return
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
