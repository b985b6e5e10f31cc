"""The texts of a drawn figure and the room they take."""

import pytest
from matplotlib.text import Text


def boxes(figure):
    """Boxes of all texts that are really drawn, in pixels; none is smaller than 8 points.

    (An axis keeps labels of ticks beyond its limits.)
    """
    drawn = []
    draw = Text.draw

    def note(self, renderer, *args, **kwargs):
        drawn.append(self)
        return draw(self, renderer, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", note)
        figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    texts = [t for t in drawn if t.get_visible() and t.get_text().strip()]
    assert [t.get_text() for t in texts if t.get_fontsize() < 8] == [], "too small to read"
    return [(t.get_text(), Text.get_window_extent(t, renderer)) for t in texts]


def touching(found):
    """Pairs of texts whose boxes overlap by more than a pixel both ways."""
    return [
        (a, b)
        for i, (a, x) in enumerate(found)
        for b, y in found[i + 1 :]
        if min(x.x1, y.x1) - max(x.x0, y.x0) > 1 and min(x.y1, y.y1) - max(x.y0, y.y0) > 1
    ]


LONG = (
    "Adam, learning rate 0.01",
    "L-BFGS, weights 1 : 10 000",
    "SGD with momentum 0.9",
    "Adam lr 1",
    "RMSprop, decayed",
)
