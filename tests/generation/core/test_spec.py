"""Identities of what is rendered: those under which pictures are stored stand; a mask makes others."""

from dataclasses import replace

from generation.core.spec import JobItem, JobSpec, MetricSpec, RenderSpec, SceneSpec

RENDER = RenderSpec(
    "style_transfer", "gatys", "11" * 32, "22" * 32, {"size": 64, "learning_rate": 0.02}, 3, {"vgg19": "33" * 32}
)
MASK = "77" * 32


def test_identities_of_earlier_versions_stand() -> None:
    scenes = [SceneSpec("style_transfer", "Cat", "11" * 32, "22" * 32), SceneSpec("colorization", "Cat", "11" * 32)]
    assert [scene.digest for scene in scenes] == [
        "1d70e28985a7276879fa003cdb201ee3b1a65ec779514d97326f8e952dcd6740",
        "c26271fe72648ef5fe01c4533e4dddf898dd0b826adc3237ec23af5c2bc93fe5",
    ]
    assert RENDER.digest == "b3f4fe43293e52e5ba7cd7a906fd6bfc5a8d47531bf910b0a005311413786abc"
    trained = replace(RENDER, training="44" * 32)
    assert trained.digest == "7fd2a2ad0962c257cd3b4435610c03d619a2c22d9ab4c910a7e9e4d7e51ecc64"
    job = JobSpec((JobItem(RENDER), JobItem(RENDER, image="55" * 32)), (MetricSpec("m", "M"),), {"dtype": "float32"})
    assert job.digest == "3ba5a0c91c4230489f0cf5cf21e8ab129fe7c793d48913dff24a3723729e6eeb"


def test_without_a_mask_nothing_is_said_of_one() -> None:
    keys = {"task", "method", "content", "style", "params", "seed", "weights"}
    assert set(RENDER.to_json()) == keys
    assert set(replace(RENDER, mask=MASK).to_json()) == keys | {"mask"}


def test_a_mask_makes_another_scene_and_another_render_and_is_given_to_the_job() -> None:
    scene, masked = SceneSpec("defects", "Felt", "11" * 32), replace(RENDER, mask=MASK)
    assert replace(scene, mask=MASK).digest != scene.digest
    assert replace(scene, mask="88" * 32).digest != replace(scene, mask=MASK).digest
    assert masked.digest != RENDER.digest
    assert RenderSpec.from_json(masked.to_json()) == masked
    assert JobSpec((JobItem(masked),), ()).artifacts == {"11" * 32, "22" * 32, MASK}
    assert JobSpec((JobItem(RENDER),), ()).artifacts == {"11" * 32, "22" * 32}
