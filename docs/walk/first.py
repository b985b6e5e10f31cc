"""The first tutorial: from two photographs and a painting to a verdict."""

import re
import zipfile
from pathlib import Path

from playwright.sync_api import Browser

from docs.walk import voters
from docs.walk.hands import Hands
from docs.walk.house import ROOT, House

PICTURES = ("astronaut.png", "coffee.png", "eddies.png")
GRID = Path(__file__).with_name("grid.toml")
PEOPLE = 10
#: In a quick walk: fewer people, and pictures that show nothing but that they were made.
FEW, TINY = (
    3,
    {"size = 256": "size = 64", "steps = 80": "steps = 3", "0.003, 0.01, 0.03, 0.1, 0.3": "0.003, 0.01, 0.1, 0.3"},
)


def walk(browser: Browser, house: House, folder: Path | None, downloads: Path, *, quick: bool = False) -> Hands:
    """Every step of docs/tutorial.md, in its order. Returns the hands, with what they pressed and what went wrong."""
    me, people = Hands(browser, house.address, folder), FEW if quick else PEOPLE
    me.sign_in(house.user, house.password)
    me.shoot("01-start", height=520)
    _grid(me, TINY if quick else {})
    _study(me, people)
    _before(me)
    link = _pilot(me)
    _open(me)
    for person in range(people):
        # One of them answers without looking.
        voters.take_part(browser, link, seed=person, phone=person % 3 == 2, always_left=person == people - 2)
        if person == people // 2:
            me.press("Live")
            me.shoot("13-live", height=900)
    _clean(me)
    _verdict(me, downloads)
    return me


def _grid(me: Hands, changes: dict[str, str]) -> None:
    me.say("pictures and a grid")
    me.press("Add pictures")
    me.page.set_input_files("[name=pictures]", [str(ROOT / "fixtures" / "sources" / name) for name in PICTURES])
    me.fill(licence="CC0", credit="from scikit-image’s data; the style drawn by this project")
    me.page.locator("input[type=submit]").click()
    me.page.get_by_text("3 added").first.wait_for()
    me.shoot("02-pictures")
    me.page.goto(me.address + "/admin/")
    me.press("New grid")
    text = GRID.read_text(encoding="utf-8")
    for now, then in changes.items():
        text = text.replace(now, then)
    me.page.fill("#toml", text)
    me.press("Save and check")
    me.shoot("03-grid", height=900)
    me.press("Save and launch …")
    me.press("Yes, launch it")
    me.page.locator("progress[data-bar]").wait_for()
    me.shoot("04-rendering", height=560)
    me.page.get_by_role("link", name="Make a study of it").wait_for(timeout=600_000)
    me.page.reload()
    me.shoot("05-contact-sheet", height=900)


def _study(me: Hands, people: int) -> None:
    me.say("a study")
    me.press("Make a study of it")
    me.page.get_by_label("Title").fill("Learning rate and naturalness")
    me.fill(trials_per_session=12, sessions_planned=max(people, 6))  # a pilot takes five
    # After three steps all pictures are alike: people who go by smoothness would fail every catch pair.
    me.fill(practice_trials=2, catch_trials=0 if people == FEW else 3, repeat_trials=2)
    me.fill(hypothesis="The picture with the lowest total loss is not the one that looks most natural.", reward="2.50")
    me.shoot("06-study", height=900)
    me.press("Save and continue editing")


def _before(me: Hands) -> None:
    me.say("looks before it opens")
    me.press("Check")
    me.shoot("07-check", height=900)
    me.press("Plan")
    me.fill(people="10,20,40", replicates=50)
    me.press("Simulate")
    me.page.wait_for_function("() => { const b = document.querySelector('#plan-bar'); return b.value === b.max }")
    me.shoot("08-plan", height=900)
    me.press("Preregistration")
    me.shoot("09-preregistration", height=900)
    me.press("Preview")
    me.press("Start a preview")
    for words in voters.AGREE:
        me.page.get_by_role("button", name=words).click()
    me.page.wait_for_selector(".pair .box img")
    me.shoot("10-preview", height=720)
    me.page.go_back()
    me.page.goto(me.address + "/admin/")
    me.press("Learning rate and naturalness")


def _pilot(me: Hands) -> str:
    me.say("a pilot, by bots and by hand")
    me.press("Start a pilot")
    me.press("Pilot")
    me.fill(participants=3)
    me.press("Send them in")
    me.page.get_by_text("Done", exact=True).wait_for(timeout=120_000)
    me.shoot("11-pilot", height=700)
    me.press("Link")
    link = me.page.input_value("#participant-link")
    me.shoot("12-link", height=700)
    voters.take_part(me.browser, link, seed=91)
    voters.take_part(me.browser, link, seed=92, phone=True)
    return link


def _open(me: Hands) -> None:
    me.say("opened; ten scripted people vote")
    me.press("Design")
    me.press("Open")
    me.press("Yes, open it")


def _clean(me: Hands) -> None:
    me.say("looks at the participants")
    me.press("Participants")
    me.shoot("14-participants", height=700)
    me.press("Leave out everybody whom the preregistered rules flag")
    me.shoot("15-flagged", height=520)
    me.page.get_by_role("button", name=re.compile(r"^Leave out [1-9]")).click()


def _verdict(me: Hands, downloads: Path) -> None:
    me.say("closes, analyses, exports")
    me.press("Design")
    me.fill(_comment="All ten have taken part.")
    me.press("Close")
    me.press("Yes, close it")
    me.press("Verdict")
    me.press("Analyse")
    me.page.get_by_text("Done", exact=True).wait_for(timeout=600_000)
    me.shoot("16-verdict", height=640)
    me.press("The report: figures, tables, every test")
    me.shoot("17-report", height=900)
    me.page.go_back()
    me.press("Data")
    me.shoot("18-data", height=760)
    with me.page.expect_download() as waiting:
        me.press("Download everything now")
    file = downloads / "study.zip"
    waiting.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(downloads)
