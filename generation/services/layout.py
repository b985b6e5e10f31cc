"""A grid file checked against this machine: its pictures read, its weights found. Nothing is written here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from generation.core import grid as gridfile
from generation.core import images, masks, tasks, weights
from generation.core.grid import GridError, GridFile, PhotographFolder
from generation.core.grid.photographs import DATA, MASKS, STYLES
from generation.core.photo import COMMON_METHODS
from generation.core.photographs import PhotographsError, is_grey
from generation.core.spec import ConditionSpec, MetricSpec, RenderSpec, Scalar, SceneSpec, sha256_bytes
from generation.core.train_spec import TrainSpec
from generation.services.data import Pack, pack_made

# The order in which "auto" looks for a backbone: the smallest download first, the one that needs none last.
AUTO_ORDER = ("squeezenet1_1", "vgg19", "vgg16", "random-shallow")


@dataclass(frozen=True)
class GridLayout:
    """A checked grid file with its pictures read and its weights found: all that is needed to plan or to lay it.

    ``notes`` are sentences for people (a backbone that fell back, a metric that will be unavailable). ``data``: the
    photographs that networks are trained on, by the side of their square; ``styles``: the style pictures, likewise.
    """

    file: GridFile
    sources: Mapping[str, bytes]
    weights: Mapping[str, str]
    metrics: tuple[MetricSpec, ...]
    notes: tuple[str, ...]
    data: Mapping[int, Pack] = field(default_factory=dict)
    styles: Mapping[int, Pack] = field(default_factory=dict)

    @property
    def packs(self) -> list[Pack]:
        """All that networks are trained on."""
        return [*self.data.values(), *self.styles.values()]

    def scene(self, number: int) -> SceneSpec:
        """The scene spec at a place of the file's list, its sources named by hash."""
        names = self.file.scenes[number]
        sha = {name: sha256_bytes(data) for name, data in self.sources.items()}
        return SceneSpec(
            self.file.task.name,
            names.label,
            sha[names.content],
            sha[names.style] if names.style else None,
            sha[names.mask] if names.mask else "",
        )

    def seeds(self, condition: ConditionSpec) -> tuple[int, ...]:
        """The seeds of a condition; a control is rendered once."""
        return self.file.seeds if condition.role == "grid" else self.file.seeds[:1]

    def training(self, scene: SceneSpec, condition: ConditionSpec, seed: int) -> TrainSpec | None:
        """The network that makes the picture of a scene under a condition, where its method trains one.

        It is the same for all scenes, or for all of one style.
        """
        trainer = method_of(self.file.task, condition.method).trainer
        if trainer is None:
            return None
        params = condition.params
        side, style = trainer.side(params), trainer.style(params)
        return TrainSpec(
            self.file.task.name,
            condition.method,
            trainer.params(params),
            seed,
            self.data[side].sha256,
            trainer.version,
            style=self.styles[side].sha256 if style == "folder" else (scene.style or "") if style else "",
            weights={network: self.weights[network] for network in trainer.networks(params)},
        )

    def render(self, scene: SceneSpec, condition: ConditionSpec, seed: int) -> RenderSpec:
        """The spec of one cell. Controls do not depend on the seed and need no weights."""
        method = method_of(self.file.task, condition.method)
        needed = {network: self.weights[network] for network in method.networks(condition.params)}
        training = self.training(scene, condition, seed)
        return RenderSpec(
            task=scene.task,
            method=condition.method,
            content=scene.content,
            style=scene.style,
            params=condition.params,
            seed=seed if condition.role == "grid" else 0,
            weights=needed,
            training=training.digest if training else "",
            mask=scene.mask,
        )


def method_of(task: tasks.Task, name: str) -> tasks.Method:
    """A method of the task, of one of its controls, or one that every task offers."""
    return methods_of(task)[name]


def methods_of(task: tasks.Task) -> dict[str, tasks.Method]:
    """Every method by which pictures of a grid of the task are made."""
    controls = {method.name: method for _, method in task.controls.values()}
    return {**COMMON_METHODS, **controls, **task.methods}


def grid_layout(
    *,
    text: str,
    read: Callable[[str], bytes],
    folder: Path = Path(),
    folders: Mapping[str, Path] = MappingProxyType({}),
    tick: Callable[[int, int], None] | None = None,
) -> GridLayout:
    """Check a grid file, read its pictures through ``read(file)``, find its weights. Writes no row.

    ``folder``: where the grid file lies; folders to train on lie relative to it, unless ``folders`` says where on this
    machine the one is that a place of the file (``[data] folder``) names; ``tick`` is told (steps done, steps in all)
    while they are read. Raises ``GridError`` (also for a picture that is missing or cannot be read) and
    ``weights.WeightsMissing``.
    """
    notes: list[str] = []
    file = gridfile.parse(text, resolve_auto=lambda name, param: _auto(name, param, notes))
    sources = {name: _source_bytes(source, read) for name, source in file.sources.items() if _used(file, name)}
    _check_masks(file, sources)
    notes += file.notes
    layers = _layers(file)
    needed = {network: weights.find(network, layers=sorted(of_it)).sha256 for network, of_it in layers.items()}
    found = dict(needed)
    for network, of_it in file.task.networks(file.reference).items():
        if network not in found or set(of_it) - layers.get(network, set()):
            try:
                found[network] = weights.find(network, layers=of_it).sha256
            except weights.WeightsError as error:
                notes.append(f"Metrics that need {network} will say that it is missing. {error}")
    notes += _small_styles(file, sources, layers)
    metrics = tuple(file.task.metrics(file.reference, found))
    places = {place: folder / named for place, named in file.folders.items()} | dict(folders)
    contents = [sources[scene.content] for scene in file.scenes]
    data = _packs(file, file.data, DATA, places, contents, tick)
    styles = _packs(file, file.styles, STYLES, places, [sources[s.style] for s in file.scenes if s.style], tick)
    notes += _grey_scenes(file, sources)
    notes += list(dict.fromkeys(note for pack in (*data.values(), *styles.values()) for note in pack.notes))
    return GridLayout(file, sources, needed, metrics, tuple(notes), data, styles)


def _check_masks(file: GridFile, sources: Mapping[str, bytes]) -> None:
    """Every mask is one, and of the size of its content. Raises ``GridError``."""
    for scene in file.scenes:
        if scene.mask is None:
            continue
        where = f"[sources.{scene.mask}] file = {file.sources[scene.mask].file!r}"
        try:
            found = masks.read(sources[scene.mask], file.sources[scene.mask].file)
        except masks.MaskError as error:
            raise GridError(f"{where}: {error}") from None
        if words := masks.unlike(found, images.decode(sources[scene.content], scene.content)):
            raise GridError(f"{where}: as the mask of {scene.content!r} {words}. Give it the mask of its own size.")


def networks_lacking(text: str) -> list[str]:
    """Why networks that the pictures of a grid file need cannot be had, a sentence each; nothing is downloaded for it.

    Raises ``GridError`` for a file that cannot be read.
    """
    file = gridfile.parse(text, resolve_auto=_had)
    return [why for network, of_it in _layers(file).items() if (why := weights.lacking(network, sorted(of_it)))]


def _had(_name: str, param: tasks.Param) -> Scalar:
    """What ``"auto"`` would choose, as far as that is known without a download."""
    choices = (c for c in AUTO_ORDER if c in param.choices and not weights.lacking(c))
    return next(choices, param.default)


def _layers(file: GridFile) -> dict[str, set[str]]:
    """The networks that make the pictures, or that trainings look through, with the layers needed of each."""
    layers: dict[str, set[str]] = {}
    for condition in file.conditions:
        method = method_of(file.task, condition.method)
        looked_through = method.trainer.networks(condition.params) if method.trainer else {}
        for network, of_it in (*method.networks(condition.params).items(), *looked_through.items()):
            layers.setdefault(network, set()).update(of_it)
    return layers


def _packs(
    file: GridFile,
    asked: PhotographFolder | None,
    place: str,
    places: Mapping[str, Path],
    scenes: list[bytes],
    tick: Callable[[int, int], None] | None,
) -> dict[int, Pack]:
    """The packs that the grid's conditions are trained on of one of its folders, by side."""
    if asked is None:
        return {}
    sides: dict[int, bool] = {}
    for condition in file.conditions:
        trainer = method_of(file.task, condition.method).trainer
        if trainer and (place == DATA or trainer.style(condition.params) == "folder"):
            sides[trainer.side(condition.params)] = place == STYLES or trainer.grey
    try:
        return {
            side: pack_made(
                asked=asked,
                place=places[place],
                masks=places[MASKS] if asked.masks else None,
                side=side,
                grey=grey,
                scenes=scenes,
                called="style pictures" if place == STYLES else "photographs",
                tick=tick,
            )
            for side, grey in sorted(sides.items())
        }
    except PhotographsError as error:
        raise GridError(f"{place} {places[place]}: {error}") from None


def _grey_scenes(file: GridFile, sources: Mapping[str, bytes]) -> list[str]:
    """Scenes without colours, for a method that learns colours from photographs: what is near them is grey."""
    trainer = next((t for c in file.conditions if (t := method_of(file.task, c.method).trainer)), None)
    if trainer is None or trainer.grey:
        return []
    return [
        f"The scene {scene.label!r} is a grey photograph: the picture with the least colour is nearest to it, so that "
        "the reference error favours the greyest network. Take a photograph in colour."
        for scene in file.scenes
        if is_grey(images.decode(sources[scene.content], scene.content))
    ]


def _small_styles(file: GridFile, sources: Mapping[str, bytes], layers: Mapping[str, set[str]]) -> list[str]:
    """Style pictures that show the deepest layer less than it looks at: scaling them up adds no texture."""
    fields = [weights.receptive_field(n.partition("/")[0], sorted(of_it)) for n, of_it in layers.items() if of_it]
    if not fields:
        return []
    said = []
    for name in sorted({scene.style for scene in file.scenes if scene.style}):
        height, width = images.decode(sources[name], name).shape[:2]
        if min(height, width) < max(fields):
            said.append(
                f"The style picture {name!r} has {width} x {height} pixels, less than the {max(fields)} on a side that "
                "one position of the deepest layer sees. Its large shapes are not there to be carried over; take "
                "a larger scan or earlier layers."
            )
    return said


def _auto(name: str, param: tasks.Param, notes: list[str]) -> Scalar:
    reasons: list[str] = []
    for choice in (c for c in AUTO_ORDER if c in param.choices):
        try:
            weights.find(choice)
        except weights.WeightsError as error:
            reasons.append(str(error))
            continue
        if reasons:
            notes.append(f"{name} = {choice}: no pretrained network could be had.")
        return choice
    raise GridError(f'[parameters] {name} = "auto": none of {", ".join(param.choices)} can be had. {" ".join(reasons)}')


def _used(file: GridFile, name: str) -> bool:
    return any(name in (scene.content, scene.style, scene.mask) for scene in file.scenes)


def _source_bytes(source: gridfile.Source, read: Callable[[str], bytes]) -> bytes:
    where = f"[sources.{source.name}] file = {source.file!r}"
    try:
        data = read(source.file)
    except OSError as error:
        raise GridError(f"{where}: {error.strerror or error}. Put the picture there or correct the path.") from None
    try:
        images.decode(data, source.file)
    except images.ImageError as error:
        raise GridError(f"{where}: {error}") from None
    if source.sha256 and sha256_bytes(data) != source.sha256:
        raise GridError(f"{where}: the file is not the one the grid names (its SHA-256 differs).")
    return data
