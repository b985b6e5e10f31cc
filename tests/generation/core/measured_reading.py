"""``python -m tests.generation.core.measured_reading FOLDER READER``: read hostile files, each in a process of its own.

``FOLDER/cases.json`` lists [file, name]; for each a line of JSON says whether it was taken, the sentence, the CPU
seconds, and the megabytes that the process had at most (some thirty of libraries, shared with its parent, excluded).
"""

import io
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from generation.core import images

Image.init()  # all formats, now and not in every child


def ours(data: bytes, name: str) -> bytes:
    """What is published of a file: its pixels, encoded anew."""
    return images.encode_png(images.decode(data, name))


def unlimited(data: bytes, name: str) -> bytes:
    """Pillow alone, with its limit taken off."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
    return b""


READERS: dict[str, Callable[[bytes, str], bytes]] = {"ours": ours, "unlimited": unlimited}


def main(folder: Path, reader: Callable[[bytes, str], bytes]) -> None:
    """Read each file of ``folder`` in a child, and print what came of it."""
    for file, name in json.loads((folder / "cases.json").read_text()):
        child = os.fork()
        if not child:
            _read(folder / file, name, reader)
        _, status, used = os.wait4(child, 0)
        answer = folder / f"{file}.answer"
        # Where a child died without a word, that is what came of it.
        result = json.loads(answer.read_text()) if answer.exists() else {"taken": None, "words": f"status {status}"}
        peak = used.ru_maxrss / (1 if sys.platform == "darwin" else 1 / 1024)  # bytes there, kilobytes here
        print(json.dumps({**result, "seconds": used.ru_utime + used.ru_stime, "megabytes": peak / 1e6}), flush=True)


def _read(path: Path, name: str, reader: Callable[[bytes, str], bytes]) -> None:
    # Twice the seconds of the bar: what never ends is ended, and is seen to have been.
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    try:
        path.with_name(f"{path.name}.png").write_bytes(reader(path.read_bytes(), name))
        result = {"taken": True, "words": ""}
    except images.ImageError as error:
        result = {"taken": False, "words": str(error)}
    except BaseException as error:  # whatever else comes is a decision that nobody made
        result = {"taken": None, "words": repr(error)}
    path.with_name(f"{path.name}.answer").write_text(json.dumps(result))
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), READERS[sys.argv[2]])
