"""`manage.py demo`: all of it on real parts, then serve it until Ctrl-C."""

import signal
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from types import FrameType
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from generation.core.grid import GridError
from generation.core.weights import WeightsError
from generation.services.packs import PackError
from studyplatform.config import demo, processes
from studyplatform.voting.models import Study


class Command(BaseCommand):
    help = "Render, vote, judge: the whole way in a few minutes; then serve it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="do all of it and stop")
        parser.add_argument("--serve-only", action="store_true", help="only migrate, then serve with a worker")
        parser.add_argument("--port", type=int, default=processes.PREFERRED_PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console()
        # Also where a shell started this in the background and told it to ignore Ctrl-C.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        try:
            with ExitStack() as stack:
                self._run(stack, options)
        except KeyboardInterrupt:
            self.console.print("\nStopped. The same command goes on from here.")
        except (GridError, WeightsError, PackError) as error:
            raise CommandError(str(error)) from None

    def _run(self, stack: ExitStack, options: dict[str, Any]) -> None:
        self._step("The database")
        call_command("migrate", verbosity=0)
        owner, password = demo.researcher()
        if options["serve_only"]:
            address = self._server(stack, options["port"])
            self._addresses(address, [], owner.username, password)
            self._serve(stack)
            return
        self._step("The showcase, rendered beforehand by manage.py render")
        grid = demo.showcase(owner)
        self.console.print(f"  {grid.cells.count()} pictures with their losses: {grid.title}")
        self._step("Photographs coloured by networks, trained beforehand by manage.py render")
        colours = demo.colours(owner)
        self.console.print(f"  {colours.cells.count()} pictures with their losses: {colours.title}")
        self._step("One scene, rendered now")
        call_command("render", str(demo.LIVE_GRID), owner=owner.username)
        address = self._server(stack, options["port"])
        self._step("Two rehearsals: simulated people with a planted taste vote over HTTP")
        for rehearsal in demo.REHEARSALS:
            with self._bar() as bar:
                task = bar.add_task(rehearsal.title, total=None)
                analysis = demo.rehearse(
                    owner=owner,
                    grid=grid,
                    rehearsal=rehearsal,
                    base_url=address,
                    progress=partial(_move, bar, task),
                )
            self.console.print(f"  {rehearsal.title}", style="bold", highlight=False)
            for sentence in (*(n["sentence"] for n in analysis.results["notices"]), analysis.headline):
                self.console.print(f"    {sentence}", highlight=False)
        studies = [demo.study_for_people(owner, one) for one in (grid, colours)]
        self._addresses(address, studies, owner.username, password)
        if not options["no_serve"]:
            self._serve(stack)

    def _server(self, stack: ExitStack, wanted: int) -> str:
        port = processes.free_port(wanted)
        if port != wanted:
            self.console.print(f"  Port {wanted} is taken; serving on {port} instead.")
        return stack.enter_context(processes.web_server(port))

    def _step(self, words: str) -> None:
        self.console.rule(f"[bold]{words}", align="left")

    def _bar(self) -> Progress:
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("people"))
        return Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True)

    def _addresses(self, address: str, studies: Sequence[Study], user: str, password: str) -> None:
        self._step("Open in a browser")
        if studies:
            for study in studies:
                self.console.print(
                    f"  vote    {address}{reverse('voting:landing', args=[study.slug])}", highlight=False
                )
            for rehearsal in demo.REHEARSALS:
                path = reverse("evaluation:report", args=[rehearsal.slug])
                self.console.print(f"  report  {address}{path}", highlight=False)
        else:
            self.console.print(f"  home    {address}/", highlight=False)
        self.console.print(f"  admin   {address}{reverse('admin:index')}", highlight=False)
        login = f"password {password}" if password else "with the password you chose"
        self.console.print(f"          sign in as {user}, {login}", highlight=False)

    def _serve(self, stack: ExitStack) -> None:
        stack.enter_context(processes.rendering_worker())
        self.console.print("  Ctrl-C ends it.")
        while True:
            time.sleep(3600)


def _move(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
