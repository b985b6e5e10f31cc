"""A browser as far as a server sees it: cookies, a cache of what never changes, two connections that are kept open."""

import asyncio
import gzip
import html
import json
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin

from vote_load import request

ANSWER_SECONDS = 20.0  # as long as the voting page waits for an answer
_LOADED = re.compile(r'<link rel="stylesheet" href="([^"]+)"|<script type="module" src="([^"]+)"|<img src="(/[^"]+)"')
_IMPORTED = re.compile(r'from\s*"(\./[^"]+)"')
_HIDDEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class UnansweredError(Exception):
    """No answer came; whether the server did what it was asked is not known."""


@dataclass
class Tally:
    """Requests by kind: seconds to the answer of each that was answered while it counts, and what else happened."""

    counting: bool = False
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    wrong: list[str] = field(default_factory=list)

    def note(self, kind: str, status: int, seconds: float) -> None:
        """Take down an answer."""
        self.statuses[status] += 1
        if self.counting:
            self.seconds[kind].append(seconds)


@dataclass(frozen=True)
class Answer:
    """A whole answer; header names in lower case, the body as the page sees it."""

    path: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Line:
    """A keep-alive connection, opened when it is needed and again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body of the answer; raises :class:`UnansweredError`."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                kept = self._reader is not None and not self._reader.at_eof()
                try:
                    return await self._once(data)
                except (OSError, EOFError):
                    # A server may close an idle connection just as it is used; browsers then open another.
                    if not kept:
                        raise
                    self.close()
                    return await self._once(data)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise UnansweredError(str(error)) from error

    async def send_and_go(self, data: bytes) -> None:
        """Send, and be gone before the answer comes."""
        try:
            _, writer = await self._open()
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0.05)
        except OSError:
            pass
        finally:
            self.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        return self._reader, self._writer

    async def _once(self, data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        reader, writer = await self._open()
        writer.write(data)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = [
            (name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)
        ]
        named = dict(headers)
        body = await reader.readexactly(int(named.get("content-length", 0)))
        if named.get("connection", "").lower() == "close":
            self.close()
        return int(head[0].split()[1]), headers, body

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Browser:
    """One person's browser with an empty cache. ``media`` is false where another server has pictures and scripts."""

    def __init__(self, port: int, tally: Tally, *, media: bool) -> None:
        self.tally, self._media = tally, media
        self._main, self._pictures = Line(port), Line(port)
        self._cookies: dict[str, str] = {}
        self._cache: set[str] = set()

    async def ask(
        self, kind: str, method: str, path: str, body: bytes = b"", *more: str, line: Line | None = None
    ) -> Answer:
        """One request and its answer, with cookies; raises :class:`UnansweredError`."""
        data = self._request(method, path, body, *more)
        began = time.perf_counter()
        try:
            status, headers, content = await (line or self._main).send(data)
        except UnansweredError:
            self.tally.unanswered += 1
            raise
        self.tally.note(kind, status, time.perf_counter() - began)
        for name, value in headers:
            if name == "set-cookie":
                cookie, _, text = value.partition(";")[0].partition("=")
                self._cookies[cookie] = text
        named = dict(headers)
        if named.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        return Answer(path, status, named, content)

    async def ask_and_go(self, method: str, path: str, body: bytes, *more: str) -> None:
        """The same request, of which the answer is never heard."""
        await self._main.send_and_go(self._request(method, path, body, *more))

    def _request(self, method: str, path: str, body: bytes, *more: str) -> bytes:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return request(method, path, cookies, body, "Origin: https://127.0.0.1", *more)

    async def patiently(
        self, kind: str, method: str, path: str, body: bytes = b"", *more: str, line: Line | None = None
    ) -> Answer:
        """The same request until it is answered with something else than 503, as the pages and their readers do."""
        for attempt in range(60):
            try:
                answer = await self.ask(kind, method, path, body, *more, line=line)
            except UnansweredError:
                await asyncio.sleep(min(2.0, 0.1 * 2**attempt))
                continue
            if answer.status != 503:
                return answer
            await asyncio.sleep(float(answer.headers.get("retry-after", 1)))
        raise UnansweredError(f"{method} {path}: nothing within sixty tries")

    async def page(self, kind: str, path: str) -> Answer:
        """A page and what it loads, wherever it redirects to."""
        return await self._arrive(await self.patiently(kind, "GET", path))

    async def form(self, kind: str, page: Answer, path: str, **fields: object) -> Answer:
        """Send a form of a page; the page that it leads to."""
        token = _HIDDEN.search(page.text)
        values = {"csrfmiddlewaretoken": token[1] if token else "", **fields}
        about = ("Content-Type: application/x-www-form-urlencoded", f"Referer: https://127.0.0.1{page.path}")
        answer = await self.patiently(f"{kind} sent", "POST", path, urlencode(values).encode(), *about)
        return await self._arrive(answer)

    async def _arrive(self, answer: Answer) -> Answer:
        while answer.status in (301, 302, 303):
            path = urljoin(answer.path, answer.headers["location"])
            answer = await self.patiently(f"{path.strip('/').split('/')[-1]} page", "GET", path)
        if answer.status != 200:
            self.tally.wrong.append(f"{answer.status} {answer.path} {answer.body[:200]!r}")
            return answer
        for found in _LOADED.findall(answer.text):
            path = html.unescape(next(filter(None, found)))
            await self.load("check picture" if "/checks/" in path else "script or style", path)
        return answer

    async def load(self, kind: str, path: str) -> None:
        """A part of a page, with the modules that it imports; once, if it says that it never changes."""
        if path in self._cache or (not self._media and kind != "check picture"):
            return
        answer = await self.patiently(kind, "GET", path, line=self._pictures)
        if answer.status != 200:
            self.tally.wrong.append(f"{answer.status} {path}")
            return
        if "immutable" in answer.headers.get("cache-control", ""):
            self._cache.add(path)
        if path.endswith(".js"):
            for imported in _IMPORTED.findall(answer.text):
                await self.load(kind, urljoin(path, imported))

    def json(self, page: Answer, body: object = None) -> tuple[bytes, str, str, str]:
        """Body and headers of a request by the script of ``page``."""
        token = _HIDDEN.search(page.text)
        about = ("Content-Type: application/json", f"Referer: https://127.0.0.1{page.path}")
        return json.dumps(body or {}).encode(), *about, f"X-CSRFToken: {token[1] if token else ''}"

    def close(self) -> None:
        """Leave."""
        self._main.close()
        self._pictures.close()


def percentiles(seconds: list[float]) -> dict[str, Any]:
    """How many, and p50, p95, p99 and the longest in milliseconds."""
    ordered = sorted(seconds)
    cuts = {f"p{q}": round(1e3 * ordered[min(len(ordered) - 1, len(ordered) * q // 100)], 1) for q in (50, 95, 99)}
    return {"n": len(ordered), **cuts, "longest": round(1e3 * ordered[-1], 1)}
