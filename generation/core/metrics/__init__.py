"""The numbers about stored pictures: properties of one (colour, texture), likeness of two, the losses of a task."""


class Unavailable(Exception):  # noqa: N818  (a reason, not a fault)
    """The number cannot be had here; the text says why."""
