"""A study under load: `python benchmarks/load.py --participants 500 --minutes 2 --stored 1000000` (loopback only).

So many simulated participants at once, with time to think, go through whole sessions as a browser does: landing page,
start, consent, screen checks, instructions, plan, pictures with their cache rules, votes in order, thanks. One takes
the place of another until the time is over. They meet gunicorn (gthread 2 x 4) in production settings and a PostgreSQL
of their own; a researcher looks at the pages of the study meanwhile, which another gunicorn serves (1 x 4), as in
`deploy/`. Nothing is installed and nothing left behind.

Every ballot stands in a ledger: what was acknowledged and is not stored afterwards is lost, what nobody sent is a
phantom. One answer in a hundred is never heard, and the ballot sent again. `--kill` sends SIGKILL to a worker after a
third of the time and reloads gunicorn after two thirds. Prints one JSON object; it fails (exit status 1) if a vote was
lost, doubled or made up, if the balance is not kept, or if there was an answer that should not be.
"""

import argparse
import asyncio
import http.client
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from load_browser import Tally, percentiles
from load_ledger import balance, compare, held
from load_people import CLIENT, Crowd, Ledger
from load_researcher import Researcher
from load_stored import store, weights
from vote_peers import cpu

from tests.live_postgres import Gunicorn, OwnPostgres, house, kill, manage, own_postgres, python

SLUG, TRIALS, CONDITIONS, TEMPLATES = "load", 40, 6, 25
PAIRS_OF_A_SCENE = CONDITIONS * (CONDITIONS - 1) // 2

# An open study with pictures of about 300 kB, some finished sessions, and a researcher who is signed in.
SEED = f"""
import json, sys
import numpy as np
from django.test import Client
from tests import factories
sessions, checks = int(sys.argv[1]), sys.argv[2].split(",")
noise = np.random.default_rng(1)
rates, contents = [place / 10 for place in range(1, {CONDITIONS} + 1)], ("cat", "coffee", "boat", "tree")
pictures = {{(c, r): noise.integers(0, 256, (256, 384, 3), np.uint8) for c in contents for r in rates}}
owner = factories.user("owner", superuser=True)
grid = factories.rendered_grid(owner=owner, contents=contents, learning_rates=rates, pictures=pictures)
wanted = {{f"check_{{name}}": name in checks for name in ("window", "brightness", "colour")}}
study = factories.study(
    "{SLUG}", grid=grid, owner=owner, trials_per_session={TRIALS}, sessions_planned=sessions + {TEMPLATES},
    state="open", ask_debrief=True, **wanted,
)
from studyplatform.voting.services import checks_answer, consent_give, instructions_read, session_finish
for _ in range({TEMPLATES}):
    person = factories.participant(study, ready=False)
    consent_give(session=person.session)
    checks_answer(session=person.session, tries=0)
    instructions_read(session=person.session, width=1280, height=720, ratio=1)
    while factories.next_trial(person):
        factories.cast(person, rt_ms=1980, client={CLIENT!r})
    session_finish(session=person.session)
browser = Client()
browser.force_login(owner)
print(json.dumps({{"study": study.pk, "after": person.pk, "cookie": browser.cookies.output([], "", "; ")}}))
"""


@dataclass(frozen=True)
class Servers:
    """What takes part beside the load itself."""

    web: Gunicorn
    inside: Gunicorn
    postgres: OwnPostgres

    def spent(self) -> dict[str, float]:
        """CPU seconds so far; the load's own beside them."""
        return {
            "gunicorn": cpu(self.web.processes()),
            "researchers": cpu(self.inside.processes()),
            "postgresql": cpu(self.postgres.processes()),
            "load": time.process_time(),
        }


async def played(given: argparse.Namespace, crowd: Crowd, servers: Servers) -> dict[str, Any]:
    """Let them take part; what was measured from the last arrival until it is over."""
    seconds = 60 * given.minutes
    arriving = min(60.0, seconds / 3)
    everybody = asyncio.create_task(crowd.take_part(given.participants, arriving))
    faults = asyncio.create_task(_faults(servers.web, seconds)) if given.kill else None
    await asyncio.sleep(arriving)
    crowd.tally.counting = True
    before = servers.spent()
    began = time.perf_counter(), len(crowd.ledger.acknowledged), crowd.ledger.finished
    psutil.cpu_percent()
    await asyncio.sleep(seconds - arriving)
    busy = psutil.cpu_percent()
    crowd.tally.counting = False
    after = servers.spent()
    lasted = time.perf_counter() - began[0]
    votes, finished = len(crowd.ledger.acknowledged) - began[1], crowd.ledger.finished - began[2]
    crowd.over.set()
    await everybody
    if faults:
        await faults
    spent = {name: after[name] - before[name] for name in after}
    serving = spent["gunicorn"] + spent["postgresql"]
    return {
        "seconds": round(lasted, 1),
        "votes_per_s": round(votes / lasted, 1),
        "sessions_finished_per_s": round(finished / lasted, 2),
        "cores_used": {name: round(value / lasted, 2) for name, value in spent.items()},
        "machine_busy_percent": busy,
        "server_cpu_ms_per_vote_with_everything_around_it": round(1e3 * serving / max(1, votes), 2),
        "server_cpu_s_per_session": round(serving / max(1, finished), 3),
        "milliseconds": {kind: percentiles(took) for kind, took in sorted(crowd.tally.seconds.items())},
    }


async def _faults(web: Gunicorn, seconds: float) -> None:
    await asyncio.sleep(seconds / 3)
    kill(web.workers()[:1])
    await asyncio.sleep(seconds / 3)
    web.processes()[0].send_signal(signal.SIGHUP)


async def run(given: argparse.Namespace, servers: Servers, seed: dict[str, Any]) -> dict[str, Any]:
    """The load with its researcher, and what it left."""
    tally, ledger = Tally(), Ledger()
    crowd = Crowd(servers.web.port, SLUG, tally, ledger, given.think, not given.no_media, given.lost)
    admin, report = f"/admin/voting/study/{seed['study']}", f"/report/{SLUG}"
    pages = {
        "list of studies": "/admin/voting/study/", "live": f"{admin}/live/", "live, renewed": f"{admin}/live/data.json",
        "participants": f"{admin}/participants/", "data": f"{admin}/data/", "export": f"{report}/data/participants.csv",
    }  # fmt: skip
    researcher = Researcher(servers.inside.port, seed["cookie"], pages)
    looking = asyncio.to_thread(researcher.look, crowd.over.is_set, given.pause) if not given.no_researcher else None
    watching = asyncio.create_task(looking) if looking else None
    load_before = os.getloadavg()
    measured = await played(given, crowd, servers)
    if watching:
        await watching
    stored = compare(ledger, servers.postgres, SLUG, SLUG, seed["after"])
    balanced = balance(servers.postgres, SLUG, SLUG, PAIRS_OF_A_SCENE)
    wrong = tally.wrong + researcher.wrong
    return {
        "participants": given.participants,
        "think_seconds_median": given.think,
        **stored,
        "unanswered": tally.unanswered,
        "answers_by_status": dict(sorted(tally.statuses.items())),
        "wrong": {"n": len(wrong), "first": wrong[:5]},
        "balance": balanced,
        **measured,
        "researcher_milliseconds": researcher.report(),
        "load_average_before_and_after": [load_before, os.getloadavg()],
        "held": not (stored["lost"] or stored["duplicates"] or stored["phantoms"] or wrong) and held(balanced),
    }


def _warm(web: Gunicorn) -> None:
    """Ask for the first page until both workers have loaded what it needs."""
    for _ in range(20):
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
        connection.request("GET", f"/s/{SLUG}/", headers={"X-Forwarded-Proto": "https"})
        connection.getresponse().read()
        connection.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--participants", type=int, default=500, help="how many at once (default 500)")
    options.add_argument("--minutes", type=float, default=2.0, help="how long (default 2)")
    options.add_argument("--stored", type=int, default=0, help="votes that are there already, in the same study")
    options.add_argument("--think", type=float, default=2.0, help="median seconds of a look at a pair (default 2)")
    options.add_argument("--kill", action="store_true", help="kill a worker and reload gunicorn meanwhile")
    options.add_argument("--checks", default="window,brightness", help="screen checks (default window,brightness)")
    options.add_argument("--lost", type=float, default=0.01, help="share of ballots whose answer is lost")
    options.add_argument("--no-media", action="store_true", help="another server has pictures, scripts and styles")
    options.add_argument("--no-researcher", action="store_true", help="nobody looks at the study meanwhile")
    options.add_argument("--pause", type=float, default=1.0, help="seconds between two looks of the researcher")
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever stops it leaves no server behind
    # A session takes some 50 times to think; one plan more for each place, and one for those that a kill costs.
    sessions = int(given.participants * (2 + 60 * given.minutes / (40 * given.think)))
    with ExitStack() as stack:
        postgres = stack.enter_context(own_postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eyeballot-load-")))
        postgres.execute(f"CREATE DATABASE {SLUG}")
        ours = house(postgres.url(SLUG), folder)
        print("Laying the study ...", file=sys.stderr)
        manage(ours, "migrate", "-v0")
        manage(ours, "collectstatic", "-v0", "--noinput")
        seed = json.loads(python(ours, SEED, [str(sessions), given.checks]))
        about = {}
        if given.stored:
            print("Storing votes ...", file=sys.stderr)
            store(postgres, SLUG, SLUG, given.stored)
            # What completing a session keeps; copied rows have not been completed by it.
            manage(ours, "hold_answers", SLUG)
            about = {"bytes": weights(postgres, SLUG)}
        application, log = "studyplatform.config.wsgi", folder / "gunicorn.log"
        web = Gunicorn(application, {**ours, "EYEBALLOT_SERVE": "participants"}, log=log)
        inside = Gunicorn(application, ours, workers=1, log=log)
        for server in (web, inside):
            server.start()
            stack.callback(server.stop)
        _warm(web)
        print("Taking part ...", file=sys.stderr)
        result = asyncio.run(run(given, Servers(web, inside, postgres), seed)) | about
        if not result["held"]:
            print(log.read_text()[-4000:], file=sys.stderr)
    print(json.dumps(result, indent=2))
    sys.exit(not result["held"])


if __name__ == "__main__":
    main()
