"""The second tutorial: a folder of one's own pictures to a verdict."""

from pathlib import Path

from PIL import Image, ImageFilter
from playwright.sync_api import Browser

from docs.walk import voters
from docs.walk.hands import Hands
from docs.walk.house import ROOT, House

SCENES = ("astronaut.png", "coffee.png", "rocket.jpg", "chelsea.png")
QUALITIES = (5, 12, 30, 80)
PEOPLE, FEW = 8, 2


def own_folder(folder: Path) -> list[str]:
    """What somebody might have on their disk: photographs saved at several JPEG qualities, and one softened."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SCENES:
        photograph = Image.open(ROOT / "fixtures" / "sources" / name).convert("RGB")
        photograph.thumbnail((256, 256))
        scene = name.partition(".")[0]
        photograph.save(folder / f"{scene}__photograph.png")
        photograph.filter(ImageFilter.GaussianBlur(1.2)).save(folder / f"{scene}__soft.png")
        for quality in QUALITIES:
            photograph.save(folder / f"{scene}__jpeg-{quality:02d}.jpg", quality=quality)
    return sorted(str(path) for path in folder.iterdir())


def walk(browser: Browser, house: House, folder: Path | None, downloads: Path, *, quick: bool = False) -> Hands:
    """Every step of docs/tutorial-own-pictures.md, in its order; ``quick``: with fewer people."""
    me, people = Hands(browser, house.address, folder), FEW if quick else PEOPLE
    me.sign_in(house.user, house.password)
    me.say("a folder of one's own")
    me.press("Import renders")
    me.page.get_by_label("Title").fill("What compression costs")
    me.page.set_input_files("[name=pictures]", own_folder(downloads / "own"))
    me.shoot("own-01-import", height=640)
    me.press("Next")
    me.page.get_by_label("Put to the test").select_option("ssim_content")
    me.shoot("own-02-measure", height=900)
    me.press("Measure")
    me.page.get_by_role("link", name="Make a study of it").wait_for(timeout=120_000)
    me.page.wait_for_function("() => !document.querySelector('[data-running] li')")
    me.page.reload()
    me.shoot("own-03-grid", height=900)
    me.press("Make a study of it")
    me.page.get_by_label("Title").fill("What compression costs")
    me.fill(trials_per_session=16, sessions_planned=people, catch_trials=3)
    me.press("Save and continue editing")
    me.press("Check")
    me.shoot("own-04-check", height=760)
    me.press("Design")
    me.press("Open")
    me.press("Yes, open it")
    me.press("Link")
    link = me.page.input_value("#participant-link")
    me.say("scripted people vote")
    for person in range(people):
        voters.take_part(browser, link, seed=person)
    me.press("Design")
    me.press("Close")
    me.press("Yes, close it")
    me.press("Verdict")
    me.press("Analyse")
    me.page.get_by_text("Done", exact=True).wait_for(timeout=600_000)
    me.shoot("own-05-verdict", height=640)
    return me
