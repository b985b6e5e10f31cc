"""What a vote costs: `python benchmarks/vote_endpoint.py` (some minutes, no network, nothing left behind).

Three ways to store a comparison, one after the other in short rounds on the same PostgreSQL, each behind gunicorn
gthread 2 x 4 with 16 keep-alive connections: the FLOOR (bare WSGI, one psycopg2 INSERT), OURS (the real endpoint with
cookie and CSRF token, as a browser behind a proxy sends it) and USUAL (a session, a ModelForm, a redirect, a template).
OURS runs twice: with a thousand votes in the table and with a million.

The load comes from this process, one thread over sockets. The figures that matter are CPU seconds of the servers'
processes (gunicorn and PostgreSQL together) per stored vote, which other work on the machine moves little; ratios are
medians of the rounds' own, and rates want a quiet machine. Prints one JSON object; docs/benchmarks.md has the goals.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from vote_peers import CONNECTIONS, SEED, floor, latency, million, ours, usual

from tests.live_postgres import house, manage, own_postgres, python


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over the rounds: the two stretches of one round met the same neighbours."""
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="rounds of each peer (default 5)")
    options.add_argument("--seconds", type=float, default=4.0, help="seconds of each round (default 4)")
    given = options.parse_args()
    sessions = int(given.rounds * (given.seconds + 1) * 3) + 60 * CONNECTIONS
    with ExitStack() as stack:
        postgres = stack.enter_context(own_postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eyeballot-bench-")))
        print("Laying a study and a million votes ...", file=sys.stderr)
        postgres.execute("CREATE DATABASE small")
        small = house(postgres.url("small"), folder)
        manage(small, "migrate", "-v0")
        seed = json.loads(python(small, SEED, [str(sessions)]))
        postgres.execute("CREATE DATABASE big TEMPLATE small")
        million(postgres, "big")
        postgres.execute("VACUUM ANALYZE", "small")
        peers = [
            floor(postgres, folder, seed), ours("small", postgres, folder, seed),
            ours("big", postgres, folder, seed), usual(postgres, folder),
        ]  # fmt: skip
        for peer in peers:
            peer.server.start()
            stack.callback(peer.server.stop)
        for number in range(given.rounds):
            print(f"Round {number + 1} of {given.rounds} ...", file=sys.stderr)
            for peer in peers:
                peer.round(postgres, given.seconds)
        bare, small_peer, big, page = peers
        # The same pace for both, one after the other: a disk or a neighbour that stalls does so for the floor too.
        pace = small_peer.rate / 2
        waits: list[tuple[float, float]] = []
        floor_waits: list[tuple[float, float]] = []
        for _ in range(given.rounds):
            floor_waits.append(latency(bare, pace, given.seconds))
            waits.append(latency(small_peer, pace, given.seconds))
        ((version,),), ((commit,),) = (
            postgres.execute(f"SHOW {name}") for name in ("server_version", "synchronous_commit")
        )
    result = {
        "cpu_over_floor": ratio(small_peer.cpu, bare.cpu),
        "rate_over_floor": ratio(small_peer.rates, bare.rates),
        "usual_page_over_vote": ratio(small_peer.rates, page.rates),
        "rate_at_1m_over_1k": ratio(big.rates, small_peer.rates),
        "cpu_at_1m_over_1k": ratio(big.cpu, small_peer.cpu),
        "p99_over_p50": round(statistics.median(high / middle for middle, high in waits), 2),
        "p99_over_p50_quietest": round(min(high / middle for middle, high in waits), 2),
        "floor_p99_over_p50": round(statistics.median(high / middle for middle, high in floor_waits), 2),
        "non_2xx": sum(peer.non_2xx for peer in peers),
        "half_rate_p50_ms": round(1e3 * statistics.median(middle for middle, _ in waits), 2),
        "half_rate_p99_ms": round(1e3 * statistics.median(high for _, high in waits), 2),
        **{peer.name: peer.report() for peer in peers},
        "machine": machine(version, commit),
    }
    print(json.dumps(result, indent=2))


def machine(postgres: str, commit: str) -> dict[str, Any]:
    """Cores and versions, no name."""
    import django
    import gunicorn

    versions = {"python": platform.python_version(), "django": django.__version__, "gunicorn": gunicorn.__version__}
    return {"cores": os.cpu_count(), **versions, "postgresql": postgres, "synchronous_commit": commit}


if __name__ == "__main__":
    main()
