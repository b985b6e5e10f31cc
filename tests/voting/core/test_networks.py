"""Which network an address counts for, and which addresses are near enough to be a proxy of ours."""

from ipaddress import ip_network

import pytest

from studyplatform.voting.core.networks import is_near, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.18.0.7", "198.18.0.7"),
        (" 198.18.0.7 ", "198.18.0.7"),
        ("198.18.0.7:5678", "198.18.0.7"),
        ("[2001:db8:1:2::5]:443", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::5]", "2001:db8:1:2::/64"),
        ("127.0.0.1:5678", ""),
        ("198.18.0.7:", ""),
        ("[198.18.0.7", ""),
        ("unknown:5678", ""),
        ("::ffff:198.18.0.7", "198.18.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("::", ""),
        ("", ""),
        ("unknown", ""),
        ("198.18.0.7, 1.2.3.4", ""),
        ("198.18.0.300", ""),
    ],
)
def test_a_network_is_an_address_or_a_64(address, network):
    assert network_of(address) == network


def test_a_proxy_of_ours_is_near():
    assert all(is_near(peer) for peer in ("", "127.0.0.1", "::1", "10.1.2.3", "172.18.0.1", "192.168.1.1", "fd00::1"))
    named = [ip_network("100.64.0.0/10")]
    assert all(is_near(peer, named) for peer in ("", "127.0.0.1", "::1", "100.64.0.9", "::ffff:100.127.1.1"))
    assert not any(is_near(peer, named) for peer in ("10.1.2.3", "100.128.0.1", "fd00::1", "rubbish"))
    assert not any(is_near(peer) for peer in ("100.64.0.9", "8.8.8.8", "172.32.0.1", "2001:db8::1", "rubbish"))
