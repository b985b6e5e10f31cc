"""Load on a vote endpoint from one thread: keep-alive connections over sockets, as fast as it goes or at a pace."""

import json
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

# What one connection sends for one vote: one request, or two for a page that redirects.
Votes = Iterator[list[bytes]]


@dataclass
class Played:
    """What came of a stretch of load; seconds of latency from when a vote was due to its last answer."""

    votes: int = 0
    non_2xx: int = 0
    seconds: float = 0.0
    client_cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)


class Connection:
    """A keep-alive connection that sends one request after the other."""

    def __init__(self, port: int, votes: Votes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._votes, self._waiting, self._got = votes, deque[bytes](), b""
        self.due = 0.0

    def begin(self, due: float) -> None:
        """Send the first request of the next vote."""
        self.due = due
        self._waiting.extend(next(self._votes))
        self.socket.sendall(self._waiting.popleft())

    def read(self) -> tuple[int, bool] | None:
        """The status of an answer that is complete now, and whether the vote is done; ``None`` before."""
        self._got += self.socket.recv(65536)
        head, gap, body = self._got.partition(b"\r\n\r\n")
        if not gap or len(body) < _length(head):
            return None
        self._got = b""
        if self._waiting:
            self.socket.sendall(self._waiting.popleft())
            return int(head[9:12]), False
        return int(head[9:12]), True


def _length(head: bytes) -> int:
    place = head.lower().index(b"content-length:") + 15
    return int(head[place:].split(b"\r\n", 1)[0])


def play(port: int, scripts: list[Votes], seconds: float, rate: float | None = None) -> Played:
    """Load a server: as fast as it answers, or ``rate`` votes per second whether it answers or not."""
    played, began, cpu = Played(), time.perf_counter(), time.process_time()
    idle = deque(Connection(port, votes) for votes in scripts)
    connections, sent = list(idle), 0
    with selectors.DefaultSelector() as ready:
        for connection in connections:
            ready.register(connection.socket, selectors.EVENT_READ, connection)
        while True:
            now = time.perf_counter()
            going = now - began < seconds
            while going and idle and (rate is None or began + sent / rate <= now):
                idle.popleft().begin(now if rate is None else began + sent / rate)
                sent += 1
            if not going and len(idle) == len(connections):
                break
            patience = 1.0 if rate is None or not idle else max(0.0, began + sent / rate - now)
            for key, _ in ready.select(patience):
                answer = key.data.read()
                if answer is None:
                    continue
                played.non_2xx += not 200 <= answer[0] < 400
                if answer[1]:
                    played.votes += 1
                    played.latencies.append(time.perf_counter() - key.data.due)
                    idle.append(key.data)
    for connection in connections:
        connection.socket.close()
    played.seconds, played.client_cpu = time.perf_counter() - began, time.process_time() - cpu
    return played


def request(method: str, path: str, cookie: str, body: bytes, *headers: str) -> bytes:
    """A request as a browser sends it through a proxy."""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Cookie: {cookie}", *headers]
    head += ["User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Accept: */*"]
    head += [
        "Accept-Language: en-GB,en;q=0.8,de;q=0.5",
        "Accept-Encoding: gzip, deflate, br",
        "X-Forwarded-Proto: https",
    ]
    head += [f"Content-Length: {len(body)}"] * bool(body)
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def ballots(seed: dict[str, Any], sessions: deque[dict[str, Any]]) -> Votes:
    """Votes on the trials of one session after the other, in order."""
    about = ["Content-Type: application/json", "Origin: https://127.0.0.1", "Referer: https://127.0.0.1/s/bench/vote/"]
    about.append(f"X-CSRFToken: {seed['token']}")
    client = {"input": "keyboard", "viewport": [1280, 720], "dpr": 1, "shown": [512, 384], "load_ms": 31, "blur_ms": 0}
    while True:
        session = sessions.popleft()
        cookie = f"__Host-csrftoken={seed['secret']}; {session['cookie']}"
        for trial in session["trials"]:
            ballot = {"uuid": str(uuid4()), "trial": trial, "choice": "left", "rt_ms": 1234}
            ballot |= {"shown_at": "2026-01-01T12:00:00.000Z", "client": {**client, "key": "f"}}
            body = json.dumps(ballot).encode()
            yield [request("POST", "/api/v1/studies/bench/session/votes/", cookie, body, *about)]


def forms(seed: dict[str, Any], key: str) -> Votes:
    """The form of the usual page sent, and the page it redirects to fetched, again and again."""
    cookie = f"csrftoken={seed['secret']}; sessionid={key}"
    body = f"csrfmiddlewaretoken={seed['token']}&pair=1&choice=left&rt_ms=1234".encode()
    about = ["Content-Type: application/x-www-form-urlencoded", "Origin: https://127.0.0.1"]
    both = [request("POST", "/", cookie, body, *about), request("GET", "/", cookie, b"")]
    while True:
        yield list(both)
