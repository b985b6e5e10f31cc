"""Every way to show a pair: equal boxes, flipping, the reference in the pair's place, timed exposure, true size."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from generation.models import Grid
from studyplatform.voting.models import Vote
from tests import factories
from tests.voting.browser.people import PHONE, SMALL_PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What is on the screen in the middle of a box, and not only in the document.
SHOWN = """(side) => {
    const frame = document.querySelectorAll(".frame")[side === "left" ? 0 : 1];
    const { x, y, width, height } = frame.getBoundingClientRect();
    const top = document.elementFromPoint(x + width / 2, y + height / 2);
    const covered = getComputedStyle(frame, "::after").content !== "none";
    return top && frame.contains(top) && top.src && !covered ? new URL(top.src).pathname : null;
}"""


def large_grid() -> Grid:
    """Pictures of 1400 x 1000 pixels, larger than their boxes."""
    contents = ("cat", "coffee")
    pictures = {
        (content, rate): factories.pixels(f"{content}{rate}", width=1400, height=1000)
        for content in contents
        for rate in factories.LEARNING_RATES
    }
    return factories.rendered_grid("large", contents=contents, pictures=pictures)


@pytest.fixture
def shown(somebody: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """``shown(layout=..., ...)`` opens a study and shows its first pair; nobody complains in the end."""
    people = []

    def show(context: dict[str, Any] | None = None, **fields: Any) -> Any:
        study = factories.study(**({"trials_per_session": 4, "state": "open"} | fields))
        people.append(somebody(study, **(context or {})).begin().painted())
        return people[-1]

    yield show
    assert [person.complaints for person in people if person.complaints] == []


def sources(person: Any) -> tuple[str, str, str | None]:
    """Addresses of the left, the right and the reference picture of the first pair, from the plan."""
    plan = person.page.evaluate("fetch(document.querySelector('#ballot').dataset.api + 'plan/').then((r) => r.json())")
    pair = plan["trials"][0]
    return pair["left"]["src"], pair["right"]["src"], (pair["reference"] or {}).get("src")


def test_side_by_side_the_boxes_are_equal_and_on_one_line(shown):
    page = shown().page
    left, right = (page.locator(f".box[value={side}] img").bounding_box() for side in ("left", "right"))
    assert (left["width"], left["height"], left["y"]) == (right["width"], right["height"], right["y"])
    assert left["x"] + left["width"] < right["x"]
    assert left["x"] - 0 == pytest.approx(1280 - right["x"] - right["width"], abs=1)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(119, 119, 119)"
    assert page.locator(".bar").bounding_box()["height"] == 40


def test_flip_in_place_shows_one_picture_at_a_time_and_asks_to_see_both(shown):
    person = shown(layout="flip", allow_ties=True)
    page, (left, right, _) = person.page, sources(person)
    assert page.evaluate(SHOWN, "left") == left
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#hint")).to_have_text("Look at both pictures first")
    first = page.locator(".view .frame").nth(0).bounding_box()
    page.keyboard.press("Space")
    assert page.evaluate(SHOWN, "right") == right
    assert page.locator(".view .frame").nth(1).bounding_box() == first
    expect(page.get_by_role("status")).to_have_text("Second picture")
    page.keyboard.press("Space")
    middle = (first["x"] + first["width"] / 2, first["y"] + first["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()  # held: the other one
    assert page.evaluate(SHOWN, "right") == right
    page.mouse.up()
    assert page.evaluate(SHOWN, "left") == left
    page.get_by_role("button", name="Show the other picture").click()
    # Space flips also where a choice has the focus; Enter chooses.
    page.get_by_role("button", name="Second picture", exact=True).focus()
    page.keyboard.press("Space")
    assert not Vote.objects.exists()
    page.keyboard.press("Enter")
    person.stored(1)
    vote = Vote.objects.get()
    assert vote.choice == "right"
    assert vote.client["layout"] == "flip"
    assert vote.client["flips"] == 6
    assert vote.client["input"] == "keyboard"
    person.painted()
    expect(page.locator(".box.showing")).to_have_attribute("value", "left")
    assert page.evaluate(SHOWN, "left") == page.evaluate("document.querySelector('.frame img').src").removeprefix(
        person.server
    )


def test_flip_against_the_reference_changes_both_boxes(shown):
    person = shown(layout="flip_reference", questions=("style",))
    page, (left, right, reference) = person.page, sources(person)
    assert page.locator(".reference").is_hidden()
    assert [page.evaluate(SHOWN, side) for side in ("left", "right")] == [left, right]
    page.keyboard.press("Space")
    assert [page.evaluate(SHOWN, side) for side in ("left", "right")] == [reference, reference]
    page.wait_for_timeout(300)
    page.keyboard.press("Space")
    assert [page.evaluate(SHOWN, side) for side in ("left", "right")] == [left, right]
    page.hover(".box[value=left] .frame")
    page.mouse.down()
    page.wait_for_timeout(400)  # held on a box: the reference, and letting go chooses nothing
    assert page.evaluate(SHOWN, "right") == reference
    page.mouse.up()
    assert page.evaluate(SHOWN, "right") == right
    assert not Vote.objects.exists()
    page.click(".box[value=right]")
    person.stored(1)
    client = Vote.objects.get().client
    assert client["layout"] == "flip_reference"
    assert client["flips"] == 4
    assert 300 <= client["reference_ms"] < 5_000


def test_the_reference_on_demand_takes_the_place_of_the_pair(shown):
    person = shown(reference_place="hold", questions=("style",))
    page, (left, right, reference) = person.page, sources(person)
    assert page.locator(".reference").is_hidden()
    page.keyboard.down("r")
    assert [page.evaluate(SHOWN, side) for side in ("left", "right")] == [reference, reference]
    page.wait_for_timeout(250)
    page.keyboard.up("r")
    assert [page.evaluate(SHOWN, side) for side in ("left", "right")] == [left, right]
    button = page.get_by_role("button", name="Show the reference")
    button.hover()
    page.mouse.down()
    assert page.evaluate(SHOWN, "left") == reference
    page.mouse.up()
    assert page.evaluate(SHOWN, "left") == left
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    person.press("ArrowLeft").stored(1)
    assert Vote.objects.get().client["reference_ms"] >= 250


def test_the_reference_above_stands_over_both(shown):
    page = shown(questions=("style",)).page
    reference, left = page.locator(".reference img").bounding_box(), page.locator(".box img").first.bounding_box()
    assert reference["y"] + reference["height"] <= left["y"]
    assert page.get_by_role("img", name="Reference picture").is_visible()


@pytest.mark.parametrize("context", [{}, PHONE])
def test_timed_pictures_are_shown_one_after_the_other_and_then_asked_about(somebody, context):
    study = factories.study(layout="timed", exposure_ms=600, trials_per_session=4, state="open")
    person = somebody(study, **context)
    # Every frame, which pictures are uncovered: what a participant can see, and for how long.
    person.context.add_init_script(
        """const log = (window.seen = []);
        const tick = () => {
            const frames = [...document.querySelectorAll(".fitted:not(.masked) .frame")];
            const open = frames.map((f) => !f.classList.contains("covered"));
            if (frames.length) log.push([performance.now(), ...open]);
            requestAnimationFrame(tick);
        };
        requestAnimationFrame(tick);"""
    )
    person.begin()
    page = person.page
    page.wait_for_selector(".fitted")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#hint")).to_have_text("Too early: look first")
    page.wait_for_selector(".box[aria-disabled=false]")
    page.wait_for_timeout(100)
    seen = page.evaluate("window.seen")
    lengths = {side: [t for t, *is_open in seen if is_open[at]] for at, side in enumerate(("left", "right"))}
    for times in lengths.values():
        assert 550 <= times[-1] - times[0] <= 680
    assert lengths["left"][-1] < lengths["right"][0]
    assert not any(left and right for _, left, right in seen)
    assert seen[-1][1:] == [False, False]
    assert page.evaluate(SHOWN, "left") is None
    person.press("ArrowRight").stored(1)
    vote = Vote.objects.get()
    assert vote.client["layout"] == "timed"
    assert vote.rt_ms >= 1200
    assert person.complaints == []


def test_a_dialog_waits_until_the_timed_pictures_are_over(shown):
    page = shown(layout="timed", exposure_ms=500).page
    page.keyboard.press("p")
    assert not page.locator("#pause-dialog").is_visible()
    page.wait_for_selector("#pause-dialog[open]")
    assert page.locator(".covered").count() == 2


def test_true_size_is_one_picture_pixel_per_device_pixel_and_both_move_together(shown):
    person = shown({"device_scale_factor": 2}, grid=large_grid())
    page = person.page
    images = page.locator(".box img")
    fitted = images.nth(0).bounding_box()
    page.keyboard.press("z")
    sizes = [images.nth(n).bounding_box() for n in (0, 1)]
    assert [(box["width"], box["height"]) for box in sizes] == [(700, 500)] * 2
    frame = page.locator(".box .frame").nth(0).bounding_box()
    middle = (frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 30, middle[1] - 20, steps=4)
    page.mouse.up()
    moved = [images.nth(n).bounding_box() for n in (0, 1)]
    shifts = [(round(b["x"] - a["x"]), round(b["y"] - a["y"])) for a, b in zip(sizes, moved, strict=True)]
    assert shifts[0] == shifts[1]
    assert -30 <= shifts[0][0] < -20
    assert not Vote.objects.exists()  # a drag is no choice
    for _ in range(20):
        page.keyboard.press("Shift+ArrowLeft")
    edge = images.nth(0).bounding_box()
    assert edge["x"] == pytest.approx(frame["x"], abs=1)  # no farther than the picture reaches
    page.keyboard.press("z")
    assert images.nth(0).bounding_box() == fitted
    page.keyboard.press("z")
    page.mouse.click(*middle)
    person.stored(1)
    assert Vote.objects.get().client["zooms"] == 2
    person.painted()
    assert images.nth(0).bounding_box() == fitted  # the next pair begins fitted


@pytest.mark.parametrize("layout", ["side_by_side", "flip", "flip_reference", "timed"])
@pytest.mark.parametrize("context", [PHONE, SMALL_PHONE], ids=["390", "320"])
def test_on_a_phone_every_layout_fits_one_window(shown, layout, context):
    fields = {"layout": layout, "allow_ties": True, "allow_undo": True, "exposure_ms": 300, "grid": large_grid()}
    person = shown(context, questions=("style",) if layout == "flip_reference" else ("natural",), **fields)
    page, (width, height) = person.page, context["viewport"].values()
    if layout == "flip":
        page.tap("#flip")
    page.wait_for_selector(".box[aria-disabled=false]")
    page.tap(".box[value=right]")
    person.stored(1)  # the undo button is there now
    person.painted()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.scrollHeight") <= height
    first, second = (page.locator(".frame").nth(n).bounding_box() for n in (0, 1))
    assert first["width"] == second["width"]
    assert first["height"] == pytest.approx(second["height"], abs=1)
    if layout == "flip":
        assert first == second
    else:
        assert second["y"] >= first["y"] + first["height"]
        names = [page.get_by_role("button", name=name, exact=True) for name in ("Top image", "Bottom image")]
        assert all(name.is_visible() for name in names)
    targets = [t for t in page.locator(".box, .tie, .tool").all() if t.is_visible()]
    assert len(targets) >= 7
    boxes = [target.bounding_box() for target in targets]
    for box in boxes:
        assert min(box["width"], box["height"]) >= 43.9
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    for n, a in enumerate(boxes):
        for b in boxes[n + 1 :]:
            apart = a["x"] + a["width"] <= b["x"] + 0.5 or b["x"] + b["width"] <= a["x"] + 0.5
            assert apart or a["y"] + a["height"] <= b["y"] + 0.5 or b["y"] + b["height"] <= a["y"] + 0.5
    assert not page.locator(".keys").first.is_visible()
    assert Vote.objects.get().client["layout"] == {"side_by_side": "stacked"}.get(layout, layout)
