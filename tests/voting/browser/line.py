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
        self.port = 0
        self.ends: list[socket.socket] = []
        self.mend()
        self.server = f"http://{there.hostname}:{self.port}"

    def cut(self) -> None:
        """End what is connected, and refuse what comes from now on.

        Nobody listens any more: what still waited to be let in is refused too, and cannot arrive after the mending.
        """
        self.up = False
        for end in (self.listening, *self.ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def mend(self) -> None:
        self.up = True
        self.listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, args=[self.listening], daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # cut, or the test is over
            while True:
                near, _ = listening.accept()
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
        source.close()


@contextlib.contextmanager
def line_to(server: str) -> Iterator[Line]:
    line = Line(server)
    try:
        yield line
    finally:
        line.cut()
