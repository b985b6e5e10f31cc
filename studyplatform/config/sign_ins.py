"""Failed sign-ins: counted for a name from a network, as axes does it, and for a network whatever the names.

Without the second count whoever is locked out of one name tries others for as long as they like, and each leaves a row.
"""

from typing import Any

from axes.handlers.cache import AxesCacheHandler
from axes.helpers import get_cache
from django.conf import settings
from django.core.cache import BaseCache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from studyplatform.voting.addresses import network_asking

_HOUR = 3600  # seconds


class SignIns(AxesCacheHandler):  # type: ignore[misc]  # axes has no types
    """Locks a name for a network, and a network for the rest of the hour.

    ``AXES_FAILURE_LIMIT`` and ``EYEBALLOT_FAILURES_PER_NETWORK`` of the settings say after how many failures.
    """

    def __init__(self) -> None:
        """Nothing is kept from one request to the next."""

    @property
    def cache(self) -> BaseCache:
        """Where it is counted."""
        return get_cache()  # type: ignore[no-any-return]

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """As many as lock, where the network has reached its own limit."""
        key = _key(request)
        if key and self.cache.get(key, 0) >= settings.EYEBALLOT_FAILURES_PER_NETWORK:
            return int(settings.AXES_FAILURE_LIMIT)
        return int(super().get_failures(request, credentials))

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **more: Any
    ) -> None:
        """Count; what was refused because of a lock is counted no further and leaves no row."""
        refused = getattr(request, "axes_locked_out", False)
        super().user_login_failed(sender, credentials, request, **more)
        if request is not None and not refused and (key := _key(request)):
            self.cache.add(key, 0, _HOUR)
            self.cache.set(key, self.cache.get(key, 0) + 1, _HOUR)


def _key(request: HttpRequest) -> str:
    """What the failures of a network in this hour are counted under; nothing for an address that tells nobody apart."""
    network = network_asking(request)
    hour = f"{timezone.now():%Y-%m-%d %H}"
    return salted_hmac("eyeballot.sign-ins", f"{hour} {network}", algorithm="sha256").hexdigest() if network else ""
