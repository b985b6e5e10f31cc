"""The explorer in a browser: pictures by loss and score, chosen by mouse, keyboard and finger, and their votes."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from evaluation.core.analysis import analyse
from evaluation.core.options import Options
from evaluation.inputs import study_data
from evaluation.models import Analysis
from generation.models import Metric
from studyplatform.voting.models import Study
from tests.voting.browser.people import PHONE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def pairs(analysis: Analysis) -> None:
    """Votes counted by hand: in each scene 10 of each pair, all for the later condition but one tie."""
    ids = [c["id"] for c in analysis.results["conditions"]]
    counts = {"wins_1": 0.5, "wins_2": 9.5, "ties": 1, "n": 10, "n_participants": 10, "p_1": 0.05}
    rest = {"ci_low": 0.0, "ci_high": 0.2, "p_value": 0.01, "q_bh": 0.01, "class": "different", "status": "ok"}
    rows = [
        {"scene_id": g["scene"], "item_1": "", "item_2": "", "condition_1": a, "condition_2": b, **counts, **rest}
        for g in analysis.results["groups"][1:]
        for i, a in enumerate(ids)
        for b in ids[i + 1 :]
    ]
    results = {**analysis.results, "tables": {**analysis.results.get("tables", {}), "pairs": rows}}
    Analysis.objects.filter(pk=analysis.pk).update(results=results)


def rows(page: Any) -> list[list[str]]:
    lines = page.locator(".meetings table").first.locator("tbody tr").all()
    return [[cell.strip() for cell in line.locator("th, td").all_inner_texts()] for line in lines]


def explorer(page: Any) -> Any:
    page.wait_for_selector(".point img")
    return page


def test_a_picture_that_is_pointed_at_is_shown_with_its_losses(reader: Any) -> None:
    page = explorer(reader().open("explore"))
    page.select_option("[name=group]", label="Cat")
    assert page.locator(".point").count() == 3
    page.get_by_role("button", name="lr\u00a01, Cat").focus()
    seen = page.locator(".seen")
    expect(seen).to_contain_text("lr\u00a01 · Cat")
    for text in ("Preference score", "Meetings won", "Votes it was in", "Style loss", "Content loss", "Total loss"):
        expect(seen).to_contain_text(text)
    assert page.evaluate("document.querySelector('.seen img').naturalWidth") == 96
    assert page.evaluate("document.querySelector('.point img').naturalWidth") == 96


def test_the_axis_follows_the_metric_and_raw_values_stay_within_a_scene(reader: Any) -> None:
    page = explorer(reader().open("explore"))
    expect(page.locator("[name=scale]")).to_be_disabled()
    page.select_option("[name=group]", label="Cat")
    page.select_option("[name=scale]", "values")
    page.select_option("[name=metric]", label="Content loss")
    expect(page.locator(".plot .across")).to_contain_text("Content loss, raw value")
    left = [b.bounding_box()["x"] for b in page.locator(".point").all()]
    assert left == sorted(left)
    page.select_option("[name=group]", "every")
    expect(page.locator("[name=scale]")).to_have_value("z")
    assert page.locator(".point").count() == 6


def test_a_rectangle_chooses_pictures_and_their_votes_are_listed(reader: Any) -> None:
    page = explorer(reader().open("explore"))
    page.select_option("[name=group]", label="Cat")
    area = page.locator(".area").bounding_box()
    page.mouse.move(area["x"] + 2, area["y"] + 2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] - 2, area["y"] + area["height"] - 2, steps=4)
    page.mouse.up()
    expect(page.locator(".meetings h4")).to_have_text("Votes among the 3 chosen")
    assert rows(page) == [
        ["lr\u00a00.01", "lr\u00a00.1", "0", "9", "1", "10"],
        ["lr\u00a00.01", "lr\u00a01", "0", "9", "1", "10"],
        ["lr\u00a00.1", "lr\u00a01", "0", "9", "1", "10"],
    ]
    expect(page.locator(".meetings [role=status]")).to_have_text("30 votes.")
    page.get_by_role("button", name="Choose none").click()
    expect(page.locator(".meetings")).to_be_empty()


def test_by_keyboard_alone(reader: Any) -> None:
    page = explorer(reader().open("explore"))
    page.locator(".point[tabindex='0']").focus()
    names = []
    for _ in range(3):
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        page.keyboard.press("Enter" if len(names) == 1 else "Space")
        page.keyboard.press("ArrowUp")
    # The winner is highest: going up from the first passes the others, all scenes together.
    assert [name.split(",")[0] for name in names] == ["lr\u00a00.01", "lr\u00a00.1", "lr\u00a01"]
    expect(page.locator(".meetings h4")).to_have_text("Votes among the 3 chosen")
    assert rows(page)[0] == ["lr\u00a00.01", "lr\u00a00.1", "0", "18", "2", "20"]


def test_a_finger_chooses_and_the_only_one_chosen_is_told_first(reader: Any) -> None:
    page = explorer(reader(**PHONE).open("explore"))
    page.get_by_role("button", name="lr\u00a01, All scenes").tap()
    expect(page.locator(".meetings h4")).to_have_text("Votes with lr\u00a01")
    assert rows(page)[0] == ["lr\u00a01", "lr\u00a00.01", "18", "0", "2", "20"]


def test_single_votes_are_for_those_who_may_take_them(reader: Any, judged: Study, owner: User) -> None:
    Study.objects.filter(pk=judged.pk).update(public_report=True, simulated=False, state="closed")
    for who in (None, owner):
        page = explorer(reader(who).open("explore"))
        page.locator(".point").nth(0).click()
        expect(page.locator(".meetings table")).to_be_visible()
        button = page.get_by_role("button", name="Show each vote")
        assert button.count() == (who is not None)
    # The study was turned into one of people above, and none of them voted.
    button.click()
    expect(page.locator(".meetings")).to_contain_text("0 votes.")


def test_the_grid_shows_preference_loss_and_their_disagreement(reader: Any) -> None:
    page = explorer(reader().open("explore"))
    assert page.locator(".grid thead th").all_inner_texts() == ["0.01", "0.1", "1"]

    def numbers() -> list[str]:
        texts = "(cells) => cells.map((cell) => cell.lastChild.textContent)"
        return list(page.locator(".grid .heat").evaluate_all(texts))

    assert numbers() == ["0\u00a0%", "50\u00a0%", "100\u00a0%"]
    page.select_option("[name=metric]", label="Content loss")
    page.select_option("[name=what]", "rank")
    # The content loss rises with the learning rate, and so does preference.
    assert numbers() == ["−2", "0", "+2"]


def test_of_a_metric_that_is_better_when_higher_the_best_is_ringed_and_darkest(
    reader: Any, judged: Study, analysis: Analysis
) -> None:
    # It rises with the learning rate, and so does preference: now the two agree.
    Metric.objects.filter(key="content_loss").update(direction="higher_better")
    results = analyse(study_data(judged), Options(draws=99))
    Analysis.objects.filter(pk=analysis.pk).update(results=results)
    page = explorer(reader().open("explore"))
    page.select_option("[name=metric]", label="Content loss")
    axis, ringed = page.locator(".plot .across"), page.locator(".point.minimum")
    first, last = (page.get_by_role("button", name=f"lr\u00a0{lr}, Cat") for lr in ("0.01", "1"))

    def shown(what: str) -> list[list[str]]:
        page.select_option("[name=what]", what)
        texts = "(cells) => cells.map((cell) => [cell.lastChild.textContent, cell.className])"
        return list(page.locator(".grid .heat").evaluate_all(texts))

    turned = "Content loss, within-scene z-score, turned (lower is predicted better)"
    ways = [("0", "z", turned), ("every", "z", turned)]
    ways += [("1", "z", turned), ("1", "values", "Content loss, raw value (higher is predicted better)")]
    for group, scale, words in ways:
        page.select_option("[name=group]", group)
        if group == "1":
            page.select_option("[name=scale]", scale)
            sides = [one.bounding_box()["x"] for one in (first, last)]
            assert (sides[0] < sides[1]) == (scale == "values")
        expect(axis).to_contain_text(words)
        names = [one.get_attribute("aria-label") for one in ringed.all()]
        assert [name.split(",")[0] for name in names] == ["lr\u00a01"] * (2 if group == "every" else 1)
        assert [text for text, _ in shown("rank")] == ["0", "0", "0"]
        darkness = [name for _, name in shown("loss")]
        assert (darkness[0], darkness[2]) == ("heat dark-0", "heat dark-10")
