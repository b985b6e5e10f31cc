"""Something held up by a lock while something else is done: an order of two requests made certain (PostgreSQL)."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

#: The mark of such tests, which also need ``django_db(transaction=True)``.
one_writer = pytest.mark.skipif(
    "__import__('django.db').db.connection.vendor == 'sqlite'",
    reason="SQLite has one writer at a time: nothing happens beside it",
)


class Beside(threading.Thread):
    """Something done on a connection of its own; ``found`` is what it gave or raised."""

    def __init__(self, does: Callable[[], Any]) -> None:
        super().__init__()
        self.does = does
        self.found: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.found = self.does()
        except Exception as error:
            self.found = error
        finally:
            connection.close()

    def ended(self) -> Any:
        self.join(30)
        assert not self.is_alive(), "it waits for ever"
        return self.found


def waiting() -> int:
    """How many connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def until_waiting(many: int) -> None:
    for _ in range(200):
        if waiting() >= many:
            return
        time.sleep(0.02)
    raise AssertionError(f"{waiting()} wait, and not {many}")


@contextmanager
def locked(rows: "QuerySet[Any]", at_end: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the rows on another connection, which does ``at_end`` before it lets them go."""
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(rows.select_for_update())
            held.set()
            let_go.wait(30)
            at_end()

    holder = Beside(hold)
    held.wait(30)
    try:
        yield
    finally:
        let_go.set()
        holder.ended()
