"""A folder of photographs made into one file to train on: square pictures in two parts, every refused file named.

The same photographs and options give the same bytes, in whatever order the files come. What is drawn about a photograph
(its turn, its part, where it is cut) is drawn from its content and the seed alone: others beside it change nothing,
unless they show the same.
"""

from generation.core.photographs.cutting import is_grey
from generation.core.photographs.folder import fingerprint, folder_files
from generation.core.photographs.options import PackOptions, PhotographsError
from generation.core.photographs.packfile import Photographs, read
from generation.core.photographs.packing import Packed, pack

__all__ = [
    "PackOptions",
    "Packed",
    "Photographs",
    "PhotographsError",
    "fingerprint",
    "folder_files",
    "is_grey",
    "pack",
    "read",
]
