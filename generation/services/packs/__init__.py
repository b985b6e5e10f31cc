"""A grid as a folder: the grid file, the pictures, curves, losses and provenance, each file under its hash.

A pack made on one machine is read on another without rendering anything again; what is read is verified (every file
against its SHA-256, every render and metric against the digest of its spec) and stored whole or not at all.
"""

from generation.services.packs.form import PackError
from generation.services.packs.reading import pack_read
from generation.services.packs.writing import pack_write

__all__ = ["PackError", "pack_read", "pack_write"]
