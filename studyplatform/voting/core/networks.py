"""The network that somebody asks from: what joins are counted by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

#: Of IPv6 a household or a machine has a whole /64: each of its addresses would otherwise count by itself.
IPV6_PREFIX = 64
# Some proxies write the port behind; an IPv6 address then stands in brackets (RFC 3986, RFC 7239).
_WITH_PORT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::[0-9]+)?")
# RFC 1918, RFC 4193. ``is_private`` of the standard library holds addresses of documentation too.
_OWN = [ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


def network_of(address: str) -> str:
    """An IPv4 address as it is, of an IPv6 address its /64; nothing where it tells nobody apart (no address, or this
    machine itself: whatever stands in front of the server without saying so)."""
    address = address.strip()
    if parts := _WITH_PORT.fullmatch(address):
        address = parts[1] or parts[2]
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback or ip.is_unspecified:
        return ""
    if isinstance(ip, IPv6Address):
        return str(ip_network((int(ip) >> (128 - IPV6_PREFIX) << (128 - IPV6_PREFIX), IPV6_PREFIX)))
    return str(ip)


def is_near(peer: str, proxies: Sequence[Network] = ()) -> bool:
    """Whether a proxy of ours may be at ``peer``: on this machine (also by a socket, which has no address) or in one of
    the networks where they are, by default the private ones."""
    try:
        ip = ip_address(peer)
    except ValueError:
        return not peer
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_loopback or any(ip in network for network in proxies or _OWN)
