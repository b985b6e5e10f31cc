"""A participant's browser without a script: the addresses, the plain form, and what somebody does with it."""

from typing import Any

from django.test import Client
from django.urls import reverse

from studyplatform.voting.models import Study


def url(name: str, study: Study) -> str:
    """The address of one of the participant's pages."""
    return reverse(f"voting:{name}", args=[study.slug])


def ballot(page: str) -> dict[str, str]:
    """The hidden fields of the plain form."""
    rest = page.split('id="ballot"', 1)[1]
    return {name: rest.split(f'name="{name}" value="', 1)[1].split('"', 1)[0] for name in ("trial", "uuid")}


def begin(study: Study) -> Client:
    """A browser at its first pair."""
    client = Client()
    for step in ("start", "consent", "instructions"):
        client.post(url(step, study))
    return client


def choose(client: Client, study: Study, choice: str = "left", **changes: object) -> Any:
    """Answer the pair that is shown; the server's answer."""
    page = client.get(url("trial", study)).content.decode()
    return client.post(url("trial", study), {**ballot(page), "choice": choice, **changes})
