"""Fixtures as code: people, sources, a tiny rendered grid (no torch), a study in any state, somebody taking part."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from django.contrib.auth.models import User
from django.test import Client

from generation.core import images
from generation.core.spec import ConditionSpec, MetricSpec, RenderSpec, SceneSpec, digest
from generation.models import (
    Artifact,
    Cell,
    Condition,
    Grid,
    GridCondition,
    GridMetric,
    Metric,
    Render,
    Scene,
    Score,
    SourceImage,
)
from generation.services import artifact_store, source_add
from studyplatform.voting.models import Participant, Question, Study, Trial
from studyplatform.voting.services import (
    VoteRefused,
    VoteStored,
    consent_give,
    instructions_read,
    participant_join,
    session_finish,
    study_transition,
    vote_cast,
)

Pixels = npt.NDArray[np.uint8]
LEARNING_RATES = (0.01, 0.1, 1.0)


def user(name: str = "owner", *, staff: bool = True, superuser: bool = False) -> User:
    """A researcher called ``name`` (password ``pass-<name>``); the same name is the same person."""
    found = User.objects.filter(username=name).first()
    make = User.objects.create_superuser if superuser else User.objects.create_user
    return found or make(name, password=f"pass-{name}", is_staff=staff or superuser)


def signed_in(who: User) -> Client:
    """A browser in which ``who`` is signed in."""
    client = Client()
    client.force_login(who)
    return client


def pixels(name: str, *, width: int = 96, height: int = 64) -> Pixels:
    """A smooth coloured picture that ``name`` decides, with nothing written into it."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [np.sin(2 * np.pi * (a * x + b * y + c)) for a, b, c in rng.uniform(0.2, 2.5, (3, 3))]
    return np.asarray(127.5 + 110 * np.stack(waves, axis=-1), dtype=np.uint8)


def source(name: str, *, owner: User | None = None, picture: Pixels | None = None) -> SourceImage:
    """A source picture, stored with its artifact."""
    data = images.encode_png(pixels(name) if picture is None else picture)
    return source_add(owner=owner or user(), data=data, name=name, title=name.title(), licence="CC0")


def rendered_grid(
    slug: str = "tiny",
    *,
    owner: User | None = None,
    contents: Sequence[str] = ("cat", "coffee"),
    style: str | None = "waves",
    learning_rates: Sequence[float] = LEARNING_RATES,
    seeds: Sequence[int] = (0,),
    pictures: dict[tuple[str, float], Pixels] | None = None,
    photographs: dict[str, Pixels] | None = None,
    task: str = "style-transfer",
) -> Grid:
    """A grid of ``contents`` x ``learning_rates`` (x ``seeds``) whose renders are finished and scored, without torch.

    ``pictures`` gives the image of a cell, ``photographs`` those of the sources; what is not given is drawn. The style
    loss falls with the learning rate, the content loss rises. No registered task is called ``style-transfer``.
    """
    owner = owner or user()
    photographs = photographs or {}
    sources = {n: source(n, owner=owner, picture=photographs.get(n)) for n in [*contents, *([style] if style else [])]}
    grid = Grid.objects.create(owner=owner, slug=slug, title=slug.title(), task=task, digest=digest(slug), frozen=True)
    metrics = [_metric(grid, position) for position in range(len(METRICS))]
    specs = [ConditionSpec("adam", {"lr": lr}, label=f"lr {lr:g}") for lr in learning_rates]
    conditions = [_condition(grid, spec, position) for position, spec in enumerate(specs)]
    style_sha = sources[style].artifact_id if style else None
    for content in contents:
        spec = SceneSpec(task, content.title(), sources[content].artifact_id, style_sha)
        scene, _ = Scene.objects.get_or_create(
            digest=spec.digest,
            defaults={"task": spec.task, "label": spec.label, "content_id": spec.content, "style_id": spec.style},
        )
        for condition, lr in zip(conditions, learning_rates, strict=True):
            for replicate, seed in enumerate(seeds):
                name = f"{content}/{lr:g}/{seed}"
                picture = (pictures or {}).get((content, lr))
                render = _render(scene, condition, seed, pixels(name) if picture is None else picture)
                _scores(render, metrics, lr)
                Cell.objects.create(
                    grid=grid,
                    scene=scene,
                    condition=condition,
                    replicate=replicate,
                    render=render,
                    position=grid.cells.count(),
                )
    return grid


def control(grid: Grid, method: str) -> None:
    """Give every scene of a finished grid a control made by ``method``."""
    condition = _condition(grid, ConditionSpec(method, {"size": 96}, role="control", label=method), 90)
    for scene in Scene.objects.filter(pk__in=grid.cells.values("scene")):
        render = _render(scene, condition, 1, pixels(f"{scene}/{method}"))
        Cell.objects.create(grid=grid, scene=scene, condition=condition, render=render, position=grid.cells.count())


METRICS = (
    MetricSpec("style_loss", "Style loss", role="objective_part"),
    MetricSpec("content_loss", "Content loss", role="objective_part"),
    MetricSpec("total_loss", "Total loss", role="reference_objective", reference="content"),
)


def _metric(grid: Grid, position: int) -> Metric:
    spec = METRICS[position]
    metric, _ = Metric.objects.get_or_create(digest=spec.digest, defaults=spec.to_json())
    GridMetric.objects.create(grid=grid, metric=metric, position=position, is_primary=spec.key == "total_loss")
    return metric


def _condition(grid: Grid, spec: ConditionSpec, position: int) -> Condition:
    condition, _ = Condition.objects.get_or_create(
        digest=spec.digest, defaults={"method": spec.method, "params": dict(spec.params), "role": spec.role}
    )
    GridCondition.objects.create(
        grid=grid, condition=condition, position=position, label=spec.label, is_default=position == 0, factor="lr"
    )
    return condition


def _render(scene: Scene, condition: Condition, seed: int, picture: Pixels) -> Render:
    params = dict(condition.params)
    spec = RenderSpec(scene.task, condition.method, scene.content_id or "", scene.style_id, params, seed)
    image = artifact_store(data=images.encode_png(picture), kind=Artifact.Kind.IMAGE)
    render, _ = Render.objects.get_or_create(
        digest=spec.digest,
        defaults={
            "scene": scene,
            "condition": condition,
            "seed": seed,
            "spec": spec.to_json(),
            "status": Render.Status.OK,
            "image": image,
        },
    )
    return render


def _scores(render: Render, metrics: Sequence[Metric], lr: float) -> None:
    scene_shift = int(render.scene.digest[:2], 16) / 255
    values = {"style_loss": 1 / (1 + 5 * lr) + scene_shift, "content_loss": 0.2 + lr / 2 + scene_shift}
    values["total_loss"] = values["style_loss"] + values["content_loss"]
    for metric in metrics:
        Score.objects.get_or_create(render=render, metric=metric, defaults={"value": values[metric.key]})


def study(
    slug: str = "study",
    *,
    owner: User | None = None,
    grid: Grid | None = None,
    questions: Sequence[str] = ("natural",),
    state: str = "draft",
    **fields: Any,
) -> Study:
    """A study on ``grid`` (a tiny one if none is given), taken to ``state`` by the services."""
    owner = owner or user()
    values = {"title": f"The {slug} study", "trials_per_session": 4, "sessions_planned": 6, **fields}
    made = Study.objects.create(owner=owner, slug=slug, **values)
    made.grids.add(grid or Grid.objects.filter(slug="tiny").first() or rendered_grid(owner=owner))
    for position, preset in enumerate(questions):
        Question.objects.create(study=made, preset=preset, position=position)
    ways = {"draft": (), "pilot": ("pilot",), "open": ("open",), "paused": ("open", "paused")}
    ways |= {"closed": ("open", "closed"), "archived": ("open", "closed", "archived")}
    for step in ways[state]:
        study_transition(study=made, to=step, by=owner)
    return made


def participant(study: Study, *, ready: bool = True, is_bot: bool = False) -> Participant:
    """Somebody who joined; ``ready`` means consent given and instructions read."""
    made = participant_join(study=study, is_bot=is_bot)
    if ready:
        consent_give(session=made.session)
        instructions_read(session=made.session)
    return made


def next_trial(who: Participant) -> Trial | None:
    """The first trial without a vote."""
    return who.trials.filter(votes=None).in_turn().first()


def cast(
    who: Participant, choice: str = "left", *, trial: Trial | None = None, **more: Any
) -> VoteStored | VoteRefused:
    """Vote on ``trial`` (the next one if none is given)."""
    target = trial or next_trial(who)
    assert target is not None, "every pair is answered"
    return vote_cast(
        study=who.study.slug,
        participant=who.token,
        trial=target.pk,
        uuid=more.pop("uuid", None) or uuid4(),
        choice=choice,
        **more,
    )


def answer_all(who: Participant, choice: str = "left") -> None:
    """Answer every pair that is left; nothing may be refused."""
    while next_trial(who):
        answer = cast(who, choice)
        assert isinstance(answer, VoteStored), answer


def finished(study: Study, *, choice: str = "left") -> Participant:
    """A participant who answered every pair with ``choice``."""
    who = participant(study)
    answer_all(who, choice)
    session_finish(session=who.session)
    return who
