"""How fast the voting page is: `python benchmarks/voting_page.py` (two minutes, no network, nothing left behind).

Starts the real server (gunicorn, production settings, SQLite) in a temporary folder with a study on the repository's
showcase, sits a Chromium down in front of it and prints one JSON object:

next_pair_after_mask_ms  from the end of the mask to the frame after the next pair is painted, over PAIRS pairs, with
                         the processor slowed down four times. The mask ends 120 + 250 ms after the key.
script_gzip_bytes        what the page's modules weigh together, each compressed as it is sent.
landing_usable_ms        from the click on a link to the first page's Start button, painted and styled, with an empty
                         cache, over the networks named in NETWORKS; the median of five.

Goals: median <= 50 ms, <= 15 360 bytes, < 1 000 ms on the 1.6 Mbit/s line.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 24
LANDINGS = 5
SLOWER = 4
#: Name -> (Mbit/s down and up, latency that Chromium adds to each request in ms). `lighthouse` has the throughput and
#: round trip of Lighthouse's "slow 4G" (once called "fast 3G"); `slow-3g` those of Chromium's own "Slow 3G".
NETWORKS = {"lighthouse-1.6Mbit-150ms": (1.6, 0.75, 150), "slow-3g-0.4Mbit-400ms": (0.4, 0.4, 400)}

# Of every answer: when the key came, and when the frame after the one that painted the next pair began.
WATCH = """
const seen = (window.seen = []);
let key = 0;
addEventListener("keydown", (event) => event.key === "ArrowLeft" && (key = event.timeStamp), true);
new MutationObserver((changes) => {
    const form = document.querySelector("#ballot");
    if (!key || !form || form.classList.contains("masked")) return;
    if (!changes.some((c) => c.target === form && (c.oldValue || "").includes("masked"))) return;
    const pressed = key;
    key = 0;
    requestAnimationFrame((frame) => seen.push(frame - pressed - 370));
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["class"], attributeOldValue: true });
"""

# When the Start button is laid out under its stylesheet and a frame has been painted.
USABLE = """() => new Promise((done) => {
    const look = () => {
        const go = document.querySelector(".go");
        const styled = go && getComputedStyle(go).backgroundColor === "rgb(28, 28, 28)";
        if (styled) requestAnimationFrame((frame) => done(frame));
        else requestAnimationFrame(look);
    };
    look();
})"""

STUDY = """
import django; django.setup()
from django.core.management import call_command
from studyplatform.config import demo
from studyplatform.voting.models import Question, Study
from studyplatform.voting.services import study_transition
call_command("migrate", verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
owner, _ = demo.researcher()
study = Study.objects.create(owner=owner, slug="bench", title="How fast is it", trials_per_session={pairs})
study.grids.add(demo.showcase(owner))
Question.objects.create(study=study, preset=Question.Preset.NATURAL)
study_transition(study=study, to="open", by=owner)
"""

SERVE = """
import sys
import django; django.setup()
from studyplatform.voting.simulation import server
with server() as address:
    print(address, flush=True)
    sys.stdin.read()
"""


def house(var: Path) -> dict[str, str]:
    """The environment of a production server of this house whose files all lie under ``var``."""
    hosts = {"EYEBALLOT_HOSTS": "127.0.0.1", "EYEBALLOT_SSL_REDIRECT": "0"}
    own = {"EYEBALLOT_VAR": str(var), "EYEBALLOT_SECRET_KEY": "a key for one benchmark, and never for a study", **hosts}
    base = {name: value for name, value in os.environ.items() if not name.startswith(("EYEBALLOT_", "DATABASE_"))}
    return base | own | {"DJANGO_SETTINGS_MODULE": "studyplatform.config.settings", "PYTHONPATH": str(ROOT)}


def served(stack: ExitStack, var: Path) -> str:
    """Make the study, start the server for as long as ``stack`` lasts, and give its address."""
    environment, python = house(var), [sys.executable, "-c"]
    making = STUDY.format(pairs=PAIRS + 1)
    subprocess.run([*python, making], env=environment, cwd=ROOT, check=True)
    process = subprocess.Popen(
        [*python, SERVE], env=environment, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    stack.callback(process.wait, 20)
    assert process.stdin is not None
    assert process.stdout is not None
    stack.callback(process.stdin.close)
    address = process.stdout.readline().strip()
    if not address:
        sys.exit("The server did not start; its message is above.")
    return address


def script_bytes(page: Any) -> int:
    """What the modules that the page has loaded weigh as they are sent, compressed."""
    names = page.evaluate("performance.getEntriesByType('resource').map((resource) => resource.name)")
    total = 0
    for address in (name for name in names if name.endswith(".js")):
        with urlopen(Request(address, headers={"Accept-Encoding": "gzip"})) as answer:  # noqa: S310  (our own server)
            if answer.headers["Content-Encoding"] != "gzip":
                sys.exit(f"{address} is not sent compressed; this does not measure what participants get.")
            total += len(answer.read())
    return total


def begin(page: Any, address: str) -> None:
    """From the landing page to the first pair."""
    page.goto(f"{address}/s/bench/")
    for _ in range(3):
        page.click(".go")
    page.wait_for_selector("#ballot.fitted:not(.masked)")


def next_pairs(browser: Any, address: str) -> tuple[list[float], int]:
    """Milliseconds from the end of each mask to the frame after the paint, slowed down; and the script's weight."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(WATCH)
    begin(page, address)
    weight = script_bytes(page)
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    for done in range(1, PAIRS + 1):
        page.wait_for_timeout(700)  # looking; the pictures of the next pairs come meanwhile, as they do for people
        page.keyboard.press("ArrowLeft")
        while page.evaluate("window.seen.length") < done:  # the strict policy forbids Playwright's own waiting
            page.wait_for_timeout(20)
    times = page.evaluate("window.seen")
    context.close()
    return times, weight


def landing(browser: Any, address: str, down: float, up: float, latency: int) -> float:
    """Milliseconds from the navigation to a Start button that can be used, with an empty cache."""
    times = []
    for _ in range(LANDINGS):
        context = browser.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        rates = {"downloadThroughput": down * 125_000, "uploadThroughput": up * 125_000}
        network.send("Network.emulateNetworkConditions", {"offline": False, "latency": latency, **rates})
        page.goto(f"{address}/s/bench/", wait_until="commit")
        times.append(page.evaluate(USABLE))
        context.close()
    return statistics.median(times)


def main() -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("No Chromium: install it or name one in CHROMIUM.")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sys.exit("Playwright is missing: pip install playwright (no browser of its own is needed).")
    with ExitStack() as stack:
        address = served(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        playwright = stack.enter_context(sync_playwright())
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        times, weight = next_pairs(browser, address)
        landings = {
            name: round(landing(browser, address, down, up, latency)) for name, (down, up, latency) in NETWORKS.items()
        }
        version = browser.version
        browser.close()
    pair = {"median": round(statistics.median(times), 1), "max": round(max(times), 1), "pairs": len(times)}
    result = {
        "next_pair_after_mask_ms": pair | {"cpu_throttling": SLOWER},
        "script_gzip_bytes": weight,
        "landing_usable_ms": landings,
        "machine": {"cores": os.cpu_count(), "chromium": version, "python": sys.version.split()[0]},
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
