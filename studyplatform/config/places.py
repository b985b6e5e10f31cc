"""Where files lie: folders of this machine, or a bucket that every process reaches. Read by the settings."""

import mimetypes
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: What may stand behind the question mark of EYEBALLOT_STORAGE. Keys come from the environment as for every S3 client.
OPTIONS = ("endpoint_url", "region_name", "addressing_style")
STIMULI_URL = "/stimuli/"
_ROOMS = {"default": "media", "masters": "masters", "stimuli": "stimuli", "reports": "reports"}
_FOR_EVER = "public, max-age=31536000, immutable"

# The machine's own list of types is not everywhere the same.
mimetypes.add_type("image/webp", ".webp")


def places(address: str, folder: Path, stimuli_url: str = "") -> dict[str, dict[str, Any]]:
    """Django's ``STORAGES`` for the four kinds of files.

    ``address``: EYEBALLOT_STORAGE, empty for ``folder`` or like ``s3://bucket/prefix?endpoint_url=https://…``.
    ``stimuli_url``: EYEBALLOT_STIMULI_URL, from where participants load pictures if not from us. Raises
    ``ImproperlyConfigured`` with a sentence.
    """
    shown = _shown(stimuli_url)
    if not address:
        if stimuli_url:
            raise ImproperlyConfigured(
                "EYEBALLOT_STIMULI_URL needs EYEBALLOT_STORAGE: other servers do not see the pictures in our folder. "
                "Put them into a bucket, or leave EYEBALLOT_STIMULI_URL out."
            )
        backend = "generation.storage.AtomicFileSystemStorage"
        made = {kind: {"BACKEND": backend, "OPTIONS": {"location": folder / room}} for kind, room in _ROOMS.items()}
        made["stimuli"]["OPTIONS"] |= {"base_url": shown}  # type: ignore[operator]
        return made
    options = _bucket(address)
    prefix = options.pop("prefix")
    made = {
        kind: {
            "BACKEND": "generation.object_storage.ObjectStorage",
            "OPTIONS": {**options, "location": f"{prefix}/{room}".lstrip("/")},
        }
        for kind, room in _ROOMS.items()
    }
    made["stimuli"]["OPTIONS"] |= {  # type: ignore[operator]
        "base_url": shown,
        "object_parameters": {"CacheControl": _FOR_EVER},
    }
    return made


def origin(url: str) -> str:
    """The origin of an address, for the content policy."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _shown(url: str) -> str:
    if not url:
        return STIMULI_URL
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.netloc or parts.query or parts.fragment:
        raise ImproperlyConfigured(
            f"EYEBALLOT_STIMULI_URL is {url!r}. It is the address below which the pictures are loaded, like "
            "https://pictures.example.org/stimuli/"
        )
    return url if url.endswith("/") else f"{url}/"


def _bucket(address: str) -> dict[str, Any]:
    """What EYEBALLOT_STORAGE says, as options of the storage."""
    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme != "s3" or not parts.netloc:
        raise ImproperlyConfigured(
            f"EYEBALLOT_STORAGE is {address!r}. It names a bucket, like "
            "s3://bucket/prefix?endpoint_url=https://objects.example.org, or is left out for folders of this machine."
        )
    if unknown := sorted({*options} - {*OPTIONS}):
        raise ImproperlyConfigured(
            f"EYEBALLOT_STORAGE has the unknown option {unknown[0]!r}. Known: {', '.join(OPTIONS)}."
        )
    if find_spec("storages") is None or find_spec("boto3") is None:
        raise ImproperlyConfigured(
            "EYEBALLOT_STORAGE names a bucket, which takes an extra of this package: "
            "pip install 'eyeballot[objectstorage]'."
        )
    return {"bucket_name": parts.netloc, "prefix": parts.path.strip("/"), **options}
