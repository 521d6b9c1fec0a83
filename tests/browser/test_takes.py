"""Several takes: beside each other, one key to switch, each with its seed and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Screenshot
from tests.helpers.scripted import ScriptedService
from tests.helpers.server import wait_until
from tests.helpers.steps import generate_button, prompt


@pytest.fixture
def page(open_page: OpenPage, service: ScriptedService) -> Page:
    """Four takes from seed 7."""
    page = open_page(service.url + "#seed=7&duration=4&takes=4")
    prompt(page).fill("calm piano")
    generate_button(page).click()
    request = service.next_request()
    assert (request.takes, request.seeds) == (4, (7, 8, 9, 10))
    service.complete()
    page.get_by_role("radiogroup", name="Takes").wait_for()
    return page


def test_takes_stand_beside_each_other(page: Page, tmp_path: Path, screenshot: Screenshot) -> None:
    takes = page.get_by_role("radiogroup", name="Takes").get_by_role("radio")
    expect(takes).to_have_count(4)
    expect(takes.nth(2)).to_have_accessible_name("Take 3, seed 9")
    expect(takes.first).to_be_checked()
    takes.nth(2).click()
    expect(takes.nth(2)).to_be_checked()
    expect(takes.first).not_to_be_checked()
    expect(page.locator("#seed-used")).to_have_text("9")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download WAV").click()
    assert started.value.suggested_filename == "calm-piano-9.wav"
    assert soundfile.info(started.value.path()).frames == 4 * 32000
    link = page.get_by_role("link", name="Link that makes this again").get_attribute("href") or ""
    assert "seed=9" in link
    assert "takes" not in link
    screenshot(page, "takes-light")


def test_a_key_switches_and_keeps_the_position(page: Page) -> None:
    player = page.locator("#player")
    page.locator("#result-title").focus()
    player.evaluate("audio => { audio.muted = true; audio.currentTime = 2; return audio.play(); }")
    sources = [player.get_attribute("src")]
    for key, seed in [("3", "9"), ("2", "8")]:
        page.keyboard.press(key)
        expect(page.locator("#seed-used")).to_have_text(seed)
        sources.append(player.get_attribute("src"))
        wait_until(lambda: player.evaluate("audio => audio.currentTime") >= 2, why="the position")
        expect(player).to_have_js_property("paused", False)
    assert len(set(sources)) == 3
    page.keyboard.press("8")  # there is none
    expect(page.locator("#seed-used")).to_have_text("8")
    prompt(page).press("1")
    expect(page.locator("#seed-used")).to_have_text("8")


def test_arrow_keys_move_between_takes(page: Page) -> None:
    takes = page.get_by_role("radiogroup", name="Takes").get_by_role("radio")
    takes.first.focus()
    page.keyboard.press("ArrowUp")
    expect(takes.nth(3)).to_be_focused()
    expect(takes.nth(3)).to_be_checked()
    page.keyboard.press("ArrowDown")
    expect(takes.first).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#player")).to_be_focused()


def test_a_single_take_has_no_list(page: Page, service: ScriptedService) -> None:
    page.locator("#takes").fill("1")
    generate_button(page).click()
    service.next_request()
    service.complete()
    expect(page.get_by_role("radiogroup", name="Takes")).to_be_hidden()
