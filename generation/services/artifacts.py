"""Bytes by their hash, sources with their licence, and the photograph as a render."""

import io
import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from PIL import Image

from generation.core import images
from generation.core.engines import call
from generation.core.photo import COMMON_METHODS, methods_of_sources
from generation.core.spec import ConditionSpec, RenderSpec, digest, sha256_bytes
from generation.core.tasks import ParameterError
from generation.models import Artifact, Condition, Render, Scene, SourceImage


class ArtifactMissing(LookupError):  # noqa: N818  (reads as what it says)
    """An artifact whose bytes are not in this house; the text says which."""


def master_name(sha256: str) -> str:
    """Where an artifact lies in the `masters` storage (a folder for each of the first 256 prefixes)."""
    return f"{sha256[:2]}/{sha256}"


@dataclass(frozen=True)
class Master:
    """Bytes that lie in the `masters` storage under their SHA-256; a file without a row harms nobody."""

    sha256: str
    kind: str
    size: int  # bytes
    width: int | None  # px, of images
    height: int | None


def master_store(*, data: bytes, kind: str) -> Master:
    """Store ``data`` as a file and write no row: slow work that belongs before a transaction, not into one."""
    name = sha256_bytes(data)
    if not artifact_is_whole(name):
        storages["masters"].save(master_name(name), ContentFile(data))
    width = height = None
    if kind == Artifact.Kind.IMAGE:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
    return Master(name, kind, len(data), width, height)


def artifact_store(*, data: bytes, kind: str) -> Artifact:
    """Store ``data`` under its SHA-256. Twice the same bytes are one artifact. The file is there before the row."""
    return _artifact(master_store(data=data, kind=kind))


def _artifact(master: Master) -> Artifact:
    artifact, created = Artifact.objects.get_or_create(
        sha256=master.sha256,
        defaults={"kind": master.kind, "size": master.size, "width": master.width, "height": master.height},
    )
    if not created and not artifact.stored:
        artifact.stored, artifact.size = True, master.size
        artifact.width, artifact.height = master.width, master.height
        artifact.save(update_fields=["stored", "size", "width", "height"])
    return artifact


def artifact_known(*, sha256: str, kind: str) -> Artifact:
    """The row of an artifact whose bytes are elsewhere: known by name, not stored."""
    row, _ = Artifact.objects.get_or_create(sha256=sha256, defaults={"kind": kind, "stored": False})
    return row


def artifact_is_whole(sha256: str) -> bool:
    """Whether the file is there and is what its name says; a damaged one is replaced when it is brought in again."""
    try:
        artifact_bytes(sha256)
    except ArtifactMissing:
        return False
    return True


def artifact_bytes(sha256: str) -> bytes:
    """The bytes of an artifact, checked against its name. Raises :class:`ArtifactMissing` with a sentence."""
    storage = storages["masters"]
    if not storage.exists(master_name(sha256)):
        raise ArtifactMissing(f"The file of artifact {sha256[:12]}… is not in the masters folder; bring it in again.")
    with storage.open(master_name(sha256)) as file:
        data: bytes = file.read()
    if sha256_bytes(data) != sha256:
        raise ArtifactMissing(f"The file of artifact {sha256[:12]}… is damaged: its content is not what its name says.")
    return data


def source_add(*, owner: User, data: bytes, name: str, title: str, licence: str = "", credit: str = "") -> SourceImage:
    """Bring in a picture. The bytes are decoded strictly first; raises ``images.ImageError`` with a sentence.

    The master keeps the file as it came, privately; whatever is shown or served is re-encoded from its pixels. Where
    the owner calls another picture ``name``, this one gets a number behind it.
    """
    images.decode(data, title or name)
    master = master_store(data=data, kind=Artifact.Kind.IMAGE)
    return source_row(owner=owner, master=master, name=name, title=title, licence=licence, credit=credit)


@transaction.atomic
def source_row(
    *, owner: User, master: Master, name: str, title: str, licence: str = "", credit: str = ""
) -> SourceImage:
    """The rows of a picture that was decoded and stored before; ``name`` as :func:`source_add` has it."""
    artifact = _artifact(master)
    for free in source_names(owner, name):
        try:
            with transaction.atomic():
                source, _ = SourceImage.objects.get_or_create(
                    owner=owner,
                    artifact=artifact,
                    defaults={"name": free, "title": title or name, "licence": licence, "credit": credit},
                )
        except IntegrityError:  # somebody took the name meanwhile
            continue
        return source
    raise AssertionError("Names do not end.")


def source_names(owner: User, wanted: str) -> Iterator[str]:
    """Names that a new picture of ``owner`` may get: the wanted one, then with a number behind it."""
    names = itertools.chain([wanted[:80]], (f"{wanted[:70]}-{number}" for number in itertools.count(2)))
    return (name for name in names if not SourceImage.objects.filter(owner=owner, name=name).exists())


def photo_render(*, scene: Scene, size: int, method: str = "identity") -> Render:
    """A picture made of the scene's own ones without a network, ``size`` px on its longest side. Made at once.

    ``method`` is one of :func:`generation.core.photo.methods_of_sources`. Raises :class:`ArtifactMissing` with a
    sentence.
    """
    if scene.content_id is None:
        raise ArtifactMissing(f"The scene “{scene}” has no photograph: it was imported without one.")
    if method == "style" and scene.style_id is None:
        raise ArtifactMissing(f"The scene “{scene}” has no style picture: it was imported without one.")
    if method not in COMMON_METHODS and scene.mask_id is None:
        raise ArtifactMissing(f"The scene “{scene}” has no mask that says what is right in it.")
    return _photo(scene=scene, spec=_photo_spec(scene, size, method))


def photos_made(wanted: Iterable[tuple[Scene, int, str]]) -> dict[tuple[int, str], Render]:
    """(Scene's pk, method) -> its render, of those that :func:`photo_render` would only look up; in one query."""
    keys = {}
    for scene, size, method in wanted:
        with suppress(ParameterError):  # photo_render says it where it is asked
            keys[_photo_spec(scene, size, method).digest] = (scene.pk, method)
    renders = Render.objects.filter(digest__in=list(keys), status=Render.Status.OK)
    return {keys[render.digest]: render for render in renders}


def _photo_spec(scene: Scene, size: int, method: str) -> RenderSpec:
    params = methods_of_sources()[method].complete({"size": size})
    mask = scene.mask_id or ""
    return RenderSpec(scene.task, method, scene.content_id or "", scene.style_id, params, seed=0, mask=mask)


def photo_of_source(*, artifact: Artifact, size: int) -> Render:
    """A source picture (a style, say) as a finished render of a scene that holds nothing else."""
    label = SourceImage.objects.filter(artifact=artifact).values_list("title", flat=True).first() or "picture"
    scene, _ = Scene.objects.get_or_create(
        digest=digest({"task": "picture", "content": artifact.pk, "style": None}),
        defaults={"task": "picture", "label": label, "content": artifact},
    )
    return photo_render(scene=scene, size=size)


@transaction.atomic
def _photo(*, scene: Scene, spec: RenderSpec) -> Render:
    existing = Render.objects.filter(digest=spec.digest).first()
    if existing is not None and existing.status == Render.Status.OK:
        return existing
    # A painting may be known by name only; it is asked for where it is shown.
    needed = [spec.content, spec.style if spec.method == "style" else None]
    needed += [] if spec.method in COMMON_METHODS else [spec.mask]
    sources = {sha: artifact_bytes(sha) for sha in needed if sha}
    (picture,) = call(methods_of_sources()[spec.method].render, [spec], sources, {}, lambda _steps: None)
    if picture.image is None:
        raise ArtifactMissing(f"The {spec.method} picture of “{scene}” cannot be made: {picture.reason}")
    image = artifact_store(data=images.encode_png(np.asarray(picture.image)), kind=Artifact.Kind.IMAGE)
    condition_spec = ConditionSpec(spec.method, spec.params, role="control")
    condition, _ = Condition.objects.get_or_create(
        digest=condition_spec.digest,
        defaults={"method": spec.method, "params": dict(spec.params), "role": Condition.Role.CONTROL},
    )
    render, _ = Render.objects.update_or_create(
        digest=spec.digest,
        defaults={
            "scene": scene,
            "condition": condition,
            "seed": spec.seed,
            "spec": spec.to_json(),
            "status": Render.Status.OK,
            "image": image,
            "provenance": {"method": "resized with Pillow"},
        },
    )
    return render
