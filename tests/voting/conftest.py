"""A study that one desk tries to fill, and what begins a session there."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from studyplatform.voting.models import Study
from tests import factories
from tests.fault_table import FULL

#: The specification's 200 joins from one address.
JOINS, MOST = (200, 100) if FULL else (40, 20)
DESK, ELSEWHERE, PROXY = "198.18.0.7", "198.18.0.8", "10.0.0.2"


@pytest.fixture
def wide(owner: User, settings: Any) -> Study:
    """An open study with room for everybody who tries, in a house that takes MOST of them from one network."""
    settings.EYEBALLOT_JOINS_PER_NETWORK = MOST
    return factories.study("wide", owner=owner, trials_per_session=2, sessions_planned=2 * JOINS, state="open")


def join(study: Study, peer: str, **headers: str) -> Any:
    """Start a session as a client of its own."""
    address = reverse("voting:api-session", args=[study.slug])
    return Client(headers=headers).post(address, {}, "application/json", REMOTE_ADDR=peer)
