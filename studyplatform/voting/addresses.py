"""Where a request comes from. It is counted by and never kept."""

import logging
import time

from django.conf import settings
from django.http import HttpRequest

from studyplatform.voting.core.networks import is_near, network_of

logger = logging.getLogger(__name__)
#: Anybody can cause the warning, so a process gives it once in so many seconds.
WARNED_EVERY = 3600
FAR = (
    "X-Forwarded-For came from a peer where no proxy of ours is, and was not believed: all who come through it count "
    "as one network. If it is your proxy or balancer, name its network in EYEBALLOT_PROXIES."
)
_last: list[float] = []


def network_asking(request: HttpRequest) -> str:
    """The network of whoever asks, as :func:`~studyplatform.voting.core.networks.network_of` has it.

    Behind a proxy (``EYEBALLOT_BEHIND_PROXY``) it is the last address of ``X-Forwarded-For``, which our own proxy saw;
    all before it the asking side may have written itself. The header is believed from a peer where our proxies are
    (``EYEBALLOT_PROXIES``) alone; from any other it is warned of.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    forwarded = request.headers.get("X-Forwarded-For", "")
    if settings.EYEBALLOT_BEHIND_PROXY and is_near(peer, settings.EYEBALLOT_PROXIES):
        return network_of(forwarded.rpartition(",")[2])
    if settings.EYEBALLOT_BEHIND_PROXY and forwarded:
        _warn()
    return network_of(peer)


def _warn() -> None:
    now = time.monotonic()
    if not _last or now - _last[0] >= WARNED_EVERY:
        _last[:] = [now]
        logger.warning(FAR)
