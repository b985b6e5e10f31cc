"""Scripted people, each in a browser of their own, who vote by keyboard. They say nothing about anybody's taste.

They like the smoother of two pictures; a page cannot tell them which is which, so they measure the pixels.
"""

import random
from typing import Any

from playwright.sync_api import Browser, Error, Page

AGREE = ("Start", "I agree and want to take part", "Show me the first pair")
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/130 Mobile Safari/537.36",
    "has_touch": True,
}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}

# Mean step from pixel to pixel of the two pictures on show.
ROUGHNESS = """() => [...document.querySelectorAll('.pair .box img')].map(img => {
  const canvas = document.createElement('canvas'); canvas.width = 96; canvas.height = 64;
  const brush = canvas.getContext('2d'); brush.drawImage(img, 0, 0, 96, 64);
  const p = brush.getImageData(0, 0, 96, 64).data; let sum = 0;
  for (let i = 0; i + 4 < p.length; i += 4) sum += Math.abs(p[i] - p[i + 4]) + Math.abs(p[i + 1] - p[i + 5]);
  return sum; })"""


def arrive(page: Page, link: str) -> None:
    """From the link to the first pair."""
    page.goto(link)
    for words in AGREE:
        page.get_by_role("button", name=words).click()
    page.wait_for_selector(".pair .box img")
    page.wait_for_function("() => [...document.querySelectorAll('.pair .box img')].every(i => i.complete)")


def vote(page: Page, *, seed: int, always_left: bool = False) -> int:
    """Answer pair after pair by keyboard until the last; returns how many keys were pressed."""
    dice, keys = random.Random(seed), 0
    for _ in range(400):  # more than any session has pairs
        if "/vote/" not in page.url:
            break
        if page.locator("dialog[open] button").count():
            page.locator("dialog[open] button").first.click()
            continue
        before, pictures = _asked(page), _seen(page, ROUGHNESS) or []
        if len(pictures) < 2:
            page.wait_for_timeout(60)  # the page of the thanks is on its way
            continue
        left, right = pictures[:2]
        smoother = "ArrowLeft" if left < right else "ArrowRight"
        other = "ArrowRight" if smoother == "ArrowLeft" else "ArrowLeft"
        close = abs(left - right) < 0.15 * max(left, right, 1)
        key = "ArrowLeft" if always_left else other if close and dice.random() < 0.5 else smoother
        page.wait_for_timeout(950)  # the next pair is painted after a mask, and takes no answer before anybody looked
        page.keyboard.press(key)
        keys += 1
        for _wait in range(50):
            if _asked(page) != before:
                break
            page.wait_for_timeout(60)
    return keys


def _asked(page: Page) -> str | None:
    """What tells one pair from the next: the count in the bar, and whether the page is still that of the pairs."""
    return _seen(
        page,
        "() => location.pathname + (document.querySelector('#count')?.textContent ?? '')"
        " + (document.querySelector('dialog[open]') ? 'dialog' : '')",
    )


def _seen(page: Page, script: str) -> Any:
    """What the page says; None while it is being replaced by the next one."""
    try:
        return page.evaluate(script)
    except Error:
        return None


def take_part(browser: Browser, link: str, *, seed: int, phone: bool = False, always_left: bool = False) -> int:
    """One person from the link to the thanks; returns the number of keys pressed."""
    context = browser.new_context(**(PHONE if phone else DESKTOP))
    page = context.new_page()
    page.set_default_timeout(60_000)
    arrive(page, link)
    keys = vote(page, seed=seed, always_left=always_left)
    page.wait_for_url("**/thanks/")
    context.close()
    return keys
