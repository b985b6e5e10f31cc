"""A line between a browser and the server that can really be cut.

Playwright's offline mode belongs to a page: a last request that the page leaves behind when it goes (``keepalive``) can
outlive it and arrive. A line that is down carries nothing, whoever sends it.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Line:
    """Carries connections to a server of this machine, until it is cut."""

    def __init__(self, server: str) -> None:
        there = urlsplit(server)
        self.there = (there.hostname, there.port)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.server = f"http://{there.hostname}:{self.listening.getsockname()[1]}"
        self.up = True
        self.ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End what is connected, and let nothing through from now on."""
        self.up = False
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.up = True

    def close(self) -> None:
        self.cut()
        self.listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                near, _ = self.listening.accept()
                if not self.up:
                    near.close()
                    continue
                far = socket.create_connection(self.there)
                self.ends += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while self.up and (data := source.recv(65536)):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def line_to(server: str) -> Iterator[Line]:
    line = Line(server)
    try:
        yield line
    finally:
        line.close()
