"""A picture in the place it will have in a study."""

from dataclasses import dataclass

from generation.models import Render, Scene


@dataclass(frozen=True)
class Picture:
    """A render in the place it will have in the study."""

    scene: Scene
    render: Render
    role: str
    label: str
    position: int
    replicate: int = 0

    @property
    def scene_id(self) -> int:
        """As on a stimulus."""
        return self.scene.pk

    @property
    def key(self) -> tuple[int, int, str]:
        """What makes it one stimulus of the study."""
        return (self.scene.pk, self.render.pk, self.role)
