"""Where a request comes from. It is counted by and never kept."""

from django.conf import settings
from django.http import HttpRequest

from studyplatform.voting.core.networks import is_near, network_of


def network_asking(request: HttpRequest) -> str:
    """The network of whoever asks, as :func:`~studyplatform.voting.core.networks.network_of` has it.

    Behind a proxy (``EYEBALLOT_BEHIND_PROXY``) it is the last address of ``X-Forwarded-For``, which our own proxy saw;
    all before it the asking side may have written itself. The header is believed from a peer near by alone.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    if settings.EYEBALLOT_BEHIND_PROXY and is_near(peer):
        return network_of(request.headers.get("X-Forwarded-For", "").rpartition(",")[2])
    return network_of(peer)
