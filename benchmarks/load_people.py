"""Participants as the server meets them: each goes through a whole session, thinks, votes, and keeps a ledger."""

import asyncio
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import vote_ledger
from load_browser import Answer, Browser, Tally, UnansweredError

#: Times to think are lognormal with this spread of their logarithm.
THINK_SPREAD = 0.5
MASK = 0.185  # between a choice and the next pair, of the median time to think: ring and mask take 0.37 of 2 seconds
PAIRS_AHEAD = 8
_API = re.compile(r'data-api="([^"]+)"')
_TRIES = re.compile(r'name="tries" value="(\d+)"')
CLIENT = {
    "input": "keyboard", "viewport": [1280, 720], "dpr": 1, "layout": "side_by_side", "shown": [384, 256],
    "load_ms": 31, "blur_ms": 0, "blurs": 0, "visible_ms": 1980, "flips": 0, "zooms": 0, "reference_ms": 0, "key": "f",
}  # fmt: skip


@dataclass
class Ledger(vote_ledger.Ledger):
    """What the people know of their votes and sessions."""

    started: int = 0
    finished: int = 0


@dataclass
class Crowd:
    """Everybody at once: one takes the place of another until it is over.

    think : median time to think, in seconds.
    lost : share of ballots whose answer is never heard, though the server may have stored them.
    """

    port: int
    slug: str
    tally: Tally
    ledger: Ledger
    think: float = 2.0
    media: bool = True
    lost: float = 0.01
    seed: int = 1
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def take_part(self, participants: int, arriving: float) -> None:
        """Let so many take part at once, the first of them within ``arriving`` seconds, until it is over."""
        numbers = count()
        async with asyncio.TaskGroup() as group:
            for _ in range(participants):
                group.create_task(self._place(numbers, arriving))

    async def _place(self, numbers: Iterator[int], arriving: float) -> None:
        """One place, taken by one after the other."""
        luck = random.Random(f"{self.seed} {next(numbers)}")
        await self.wait(luck.uniform(0, arriving))
        while not self.over.is_set():
            person = Person(self, luck)
            try:
                await person.whole_session()
            except UnansweredError as error:
                self.tally.wrong.append(str(error))
            finally:
                person.browser.close()

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until it is over."""
        try:
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            pass


class Person:
    """Somebody with a browser of their own."""

    def __init__(self, crowd: Crowd, luck: random.Random) -> None:
        self.crowd, self._luck = crowd, luck
        self.browser = Browser(crowd.port, crowd.tally, media=crowd.media)

    async def think(self) -> None:
        """Look before going on."""
        await self.crowd.wait(self._luck.lognormvariate(math.log(self.crowd.think), THINK_SPREAD))

    async def whole_session(self) -> None:
        """From the landing page to the thanks, or as far as it goes until it is over."""
        crowd, browser = self.crowd, self.browser
        page = await browser.page("landing page", f"/s/{crowd.slug}/")
        await self.think()
        if crowd.over.is_set():
            return
        page = await browser.form("start", page, f"/s/{crowd.slug}/start/")
        crowd.ledger.started += 1
        while page.status == 200 and not crowd.over.is_set():
            step = page.path.strip("/").split("/")[-1]
            if step == "thanks":
                crowd.ledger.finished += 1
                return
            if step == "vote":
                page = await self._vote(page)
                continue
            await self.think()
            page = await browser.form(step, page, page.path, **self._fields(step, page))

    def _fields(self, step: str, page: Answer) -> dict[str, Any]:
        if step == "checks":
            tries = _TRIES.search(page.text)
            seen = {"px_per_mm": 3.78, "shapes": 9, "plate0": "23", "plate1": "45", "plate2": "67"}
            return {"tries": tries[1] if tries else 0, **seen}
        if step == "instructions":
            return {"width": 1280, "height": 720, "ratio": 1}
        return {"trouble": "", "looked_at": "The sky"} if step == "debrief" else {}

    async def _vote(self, page: Answer) -> Answer:
        """All pairs; votes travel in order behind the person, as the page's queue sends them."""
        found = _API.search(page.text)
        assert found, "the voting page names no API"
        api, crowd = found[1], self.crowd
        about = self.browser.json(page)[1:]
        plan = json.loads((await self.browser.patiently("plan", "GET", api + "plan/", b"", *about)).body)
        waiting = [pair for pair in plan["trials"] if not pair["answered"]]
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        sender = asyncio.create_task(self._send(page, api, queue))
        for place, pair in enumerate(waiting):
            await self._pictures([pair])
            ahead = asyncio.create_task(self._pictures(waiting[place + 1 : place + 1 + PAIRS_AHEAD]))
            await self.think()
            await ahead
            if crowd.over.is_set():
                break
            shown = {"shown_at": datetime.now(UTC).isoformat(timespec="milliseconds"), "rt_ms": 1980, "client": CLIENT}
            choice = self._luck.choice(["left", "right"])
            queue.put_nowait({"uuid": str(uuid4()), "trial": pair["id"], "choice": choice, **shown})
            await crowd.wait(MASK * crowd.think)
        queue.put_nowait(None)
        await sender
        if crowd.over.is_set():
            return page
        body, *headers = self.browser.json(page)
        await self.browser.patiently("finish", "POST", api + "finish/", body, *headers)
        return await self.browser.page("thanks page", page.path.replace("/vote/", "/thanks/"))

    async def _pictures(self, pairs: list[dict[str, Any]]) -> None:
        for pair in pairs:
            for picture in (pair["left"], pair["right"], pair["reference"]):
                if picture:
                    await self.browser.load("picture", picture["src"])

    async def _send(self, page: Answer, api: str, queue: "asyncio.Queue[dict[str, Any] | None]") -> None:
        """Deliver one vote after the other until ``None`` comes."""
        ledger, tally = self.crowd.ledger, self.crowd.tally
        while (vote := await queue.get()) is not None:
            body, *headers = self.browser.json(page, vote)
            ledger.sent[vote["uuid"]] = (vote["trial"], vote["choice"])
            if self._luck.random() < self.crowd.lost:
                await self.browser.ask_and_go("POST", api + "votes/", body, *headers)
                tally.unanswered += 1
            answer = await self.browser.patiently("ballot", "POST", api + "votes/", body, *headers)
            if answer.status not in (200, 201):
                tally.wrong.append(f"{answer.status} vote {answer.body[:200]!r}")
                return
            ledger.acknowledged[vote["uuid"]] = (vote["trial"], vote["choice"])
            ledger.resolved += answer.status == 200
