"""Steps taken at the same moment, each on a connection of its own, as a server takes its requests."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection


def at_once(*steps: Callable[[], Any]) -> list[Any]:
    """Take the steps in threads that start together; what each gave or raised, in their order.

    The test needs ``django_db(transaction=True)``, or the others see nothing of what it has written.
    """
    barrier = threading.Barrier(len(steps), timeout=60)
    found: list[Any] = [None] * len(steps)

    def take(place: int) -> None:
        try:
            barrier.wait()
            found[place] = steps[place]()
        except Exception as error:  # what a server would answer with 500
            found[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[place]) for place in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
