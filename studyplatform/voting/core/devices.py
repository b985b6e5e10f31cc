"""What kind of device a browser says it runs on; only the kind is kept."""

from __future__ import annotations

import re

COMPUTER, TABLET, PHONE = "computer", "tablet", "phone"

# In this order, after MDN, "Browser detection using the user agent string": "Mobi" says phone, and an Android browser
# without it sits on a tablet. An iPad that asks for desktop pages says Macintosh and counts as a computer.
_KINDS = (
    (TABLET, r"iPad|Tablet|PlayBook|Silk(?!.*Mobile)|Kindle"),
    (PHONE, r"Mobi|iPhone|iPod|Windows Phone"),
    (TABLET, r"Android"),
    (COMPUTER, r"Windows NT|Macintosh|X11|CrOS|Linux"),
)


def device_of(user_agent: str) -> str:
    """``computer``, ``tablet``, ``phone``, or nothing where the header does not say."""
    return next((kind for kind, pattern in _KINDS if re.search(pattern, user_agent)), "")
