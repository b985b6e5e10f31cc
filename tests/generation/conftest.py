"""The task of gammas for as long as a test runs, and what the admin's tests do with it."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from generation.models import Grid
from generation.services import grid_lay, grid_layout, source_add
from tests.generation import gamma_task

#: The text of the gamma grid, its pictures named as they are in the library.
TOML = gamma_task.TOML.replace(".png", "")


@pytest.fixture
def gamma_registered() -> Iterator[None]:
    """The task of gammas, known to the house."""
    with gamma_task.registered():
        yield


@pytest.fixture
def library(owner: User) -> None:
    """The two pictures that TOML names."""
    for name, data in gamma_task.FILES.items():
        source_add(owner=owner, data=data, name=name.removesuffix(".png"), title=name)


def laid(owner: User, *, gammas: str = "[0.5, 1.0, 2.0]", slug: str = "gamma") -> Grid:
    """The grid of the gamma task, laid and not rendered."""
    text = gamma_task.TOML.replace("[0.5, 1.0, 2.0]", gammas).replace('slug = "gamma"', f'slug = "{slug}"')
    return grid_lay(owner=owner, layout=grid_layout(text=text, read=gamma_task.read))


def page(name: str, grid: Grid) -> str:
    """The address of a page of the grid in the admin."""
    return reverse(f"admin:generation_grid_{name}", args=[grid.pk])
