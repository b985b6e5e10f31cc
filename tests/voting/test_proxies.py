"""F23: proxies that are elsewhere than near are named, or their visitors count as one network and the log says so."""

import logging
from collections import Counter
from ipaddress import ip_network
from typing import Any

import pytest

from studyplatform.voting import addresses
from studyplatform.voting.models import Study
from tests.voting.conftest import DESK, MOST, PROXY, join

pytestmark = pytest.mark.django_db
# A balancer of a cloud (RFC 6598), and one with an address of its own.
BALANCERS = ("100.64.0.9", "203.0.113.5")


@pytest.fixture(autouse=True)
def behind(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A house behind a proxy that has not warned yet."""
    settings.EYEBALLOT_BEHIND_PROXY = True
    monkeypatch.setattr(addresses, "_last", [])
    return settings


def visitors(study: Study, peer: str, many: int = MOST + 3) -> Counter[int]:
    """What as many visitors from different networks are answered whose requests one peer brings."""
    return Counter(join(study, peer, **{"X-Forwarded-For": f"198.18.1.{n}"}).status_code for n in range(many))


@pytest.mark.fault("F23")
@pytest.mark.parametrize("balancer", BALANCERS)
def test_visitors_behind_a_balancer_that_is_named_are_told_apart(wide, behind, balancer):
    behind.EYEBALLOT_PROXIES = [ip_network("100.64.0.0/10"), ip_network("203.0.113.5")]
    assert visitors(wide, balancer) == {201: MOST + 3}
    # What is not named is not believed, be it in a private network.
    assert visitors(wide, PROXY) == {201: MOST, 429: 3}


@pytest.mark.fault("F23")
@pytest.mark.parametrize("balancer", BALANCERS)
def test_visitors_behind_one_that_is_not_named_count_as_one_and_the_log_says_so_once(wide, balancer, caplog):
    with caplog.at_level(logging.WARNING):
        assert visitors(wide, balancer) == {201: MOST, 429: 3}
    told = [r.getMessage() for r in caplog.records if r.name == addresses.logger.name]
    assert len(told) == 1
    assert "name its network in EYEBALLOT_PROXIES" in told[0]
    assert balancer not in told[0]


def test_nothing_is_warned_of_without_a_proxy_or_without_its_header(wide, behind, caplog):
    with caplog.at_level(logging.WARNING):
        assert join(wide, DESK).status_code == 201
        assert join(wide, PROXY, **{"X-Forwarded-For": DESK}).status_code == 201
        behind.EYEBALLOT_BEHIND_PROXY = False
        assert join(wide, BALANCERS[0], **{"X-Forwarded-For": DESK}).status_code == 201
    assert not [r for r in caplog.records if r.name == addresses.logger.name]
