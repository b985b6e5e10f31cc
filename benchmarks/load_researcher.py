"""A researcher who looks at a study while it runs: pages of the admin one after the other, each timed."""

import http.client
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from load_browser import percentiles


@dataclass
class Researcher:
    """Somebody signed in, who goes through the same pages again and again."""

    port: int
    cookie: str
    pages: dict[str, str]
    first: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    whole: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)

    def look(self, over: Callable[[], bool], pause: float) -> None:
        """Go round until it is over."""
        while not over():
            for name, path in self.pages.items():
                if not over():
                    self._ask(name, path)
                    time.sleep(pause)

    def _ask(self, name: str, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        began = time.perf_counter()
        try:
            connection.request("GET", path, headers={"Cookie": self.cookie, "X-Forwarded-Proto": "https"})
            answer = connection.getresponse()
            answer.read(1)
            first = time.perf_counter() - began
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.wrong.append(f"{path}: {error!r}")
            return
        finally:
            connection.close()
        if answer.status != 200:
            self.wrong.append(f"{answer.status} {path}")
            return
        self.first[name].append(first)
        self.whole[name].append(time.perf_counter() - began)

    def report(self) -> dict[str, dict[str, dict[str, float]]]:
        """Milliseconds to the first byte and to the last."""
        return {
            name: {"first_byte": percentiles(self.first[name]), "whole": percentiles(self.whole[name])}
            for name in self.pages
            if self.whole[name]
        }
