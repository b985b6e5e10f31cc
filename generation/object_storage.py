"""Files in a bucket (extra ``objectstorage``); :mod:`generation.storage` has those in folders."""

from typing import Any

from storages.backends.s3 import S3Storage  # type: ignore[import-untyped]

#: Folders whose files only members of a study may see begin so; they are never handed to a public address.
MEMBERS_ONLY = "preview-"


class ObjectStorage(S3Storage):  # type: ignore[misc]
    """A part of a bucket. A put is whole or not at all; saving under a taken name replaces the object.

    Nothing here is public by itself: pictures are fetched through us, or by a CDN that may read this part of the bucket
    and answers under ``base_url``.
    """

    def __init__(self, *, base_url: str = "", **options: Any) -> None:
        self._base_url = base_url
        super().__init__(**options, file_overwrite=True, default_acl=None, querystring_auth=True)

    def url(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        """Where people load a file; raises ``ValueError`` for what is not for people, as Django's storages do."""
        if not self._base_url:
            raise ValueError("This file is private and has no address.")
        return f"{'/stimuli/' if name.startswith(MEMBERS_ONLY) else self._base_url}{name}"
