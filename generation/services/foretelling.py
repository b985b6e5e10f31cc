"""How long a grid will train on this machine, said before it starts."""

from generation.core.durations import in_words
from generation.core.engines import Engine, call, open_engine
from generation.core.train_spec import TrainSpec
from generation.services.jobs import engine_settings, trainings_ahead
from generation.services.layout import GridLayout, method_of
from generation.services.work import threads_each


def trainings_foretold(*, layout: GridLayout, engine: str) -> str:
    """A sentence: how many networks are to be trained and how long that takes here; empty where there are none.

    Every kind of network is tried out for a step or two, so this takes some seconds itself.
    """
    waiting = trainings_ahead(layout)
    if not waiting:
        return ""
    # A cluster may be far or empty, and what it takes here is what is said.
    with open_engine("processes:1" if engine.startswith("dask:") else engine) as executor:
        workers = executor.workers
        seconds = sum(_seconds(executor, layout, waiting))
    count = f"{len(waiting)} network{'s' if len(waiting) > 1 else ''} to train"
    side_by_side = f", {workers} side by side" if workers > 1 else ""
    return f"{count}: about {in_words(seconds / min(workers, len(waiting)))} on this machine{side_by_side}."


def _seconds(executor: Engine, layout: GridLayout, waiting: list[TrainSpec]) -> list[float]:
    trainer = method_of(layout.file.task, waiting[0].method).trainer
    if trainer is None:
        return []
    pictures = {pack.sha256: pack.train + pack.validation / 3 for pack in layout.data.values()}
    trainings = [(spec.params, pictures[spec.data]) for spec in waiting]
    given = (trainer.seconds, trainings, engine_settings(), threads_each(executor.workers))
    # Where the engine has processes, this one need not load torch to say a sentence.
    found: list[float] = executor.submit(call, "generation.core.train:foretell", *given).result()
    return found
