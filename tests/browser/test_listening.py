"""Music that plays while it is made: scheduled without gaps, held on demand, and taken over by the file."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.helpers.scripted import ScriptedService
from tests.helpers.server import wait_until
from tests.helpers.steps import generate_button, prompt

WATCH = """() => {
  window.contexts = [];
  window.AudioContext = class extends AudioContext {
    constructor(options) { super(options); window.contexts.push(this); }
  };
  window.scheduled = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (when) {
    const loudest = Math.max(...this.buffer.getChannelData(0));
    window.scheduled.push({ when, duration: this.buffer.duration, loudest });
    return start.call(this, when);
  };
}"""


@pytest.fixture
def page(open_page: OpenPage, service: ScriptedService) -> Page:
    """The page, which tells what it schedules."""
    page = open_page(service.url)
    page.evaluate(WATCH)
    return page


def start(page: Page, duration: int = 30) -> None:
    prompt(page).fill("calm solo piano, slow")
    page.get_by_label("Duration in seconds", exact=True).fill(str(duration))
    generate_button(page).click()


def scheduled(page: Page) -> list[dict[str, float]]:
    parts: list[dict[str, float]] = page.evaluate("window.scheduled")
    return parts


def clock(page: Page) -> float:
    seconds: float = page.evaluate("window.contexts[0].currentTime")
    return seconds


def test_music_plays_while_it_is_made_without_gaps(page: Page, service: ScriptedService) -> None:
    start(page)
    assert service.next_request().live
    service.sound(0, 5, of_s=30)
    wait_until(lambda: len(scheduled(page)) == 5, why="five scheduled parts")
    parts = scheduled(page)
    for part, following in itertools.pairwise(parts):
        assert following["when"] == pytest.approx(part["when"] + part["duration"], abs=1e-6)
    assert [part["duration"] for part in parts] == [1.0] * 5
    assert 0 < parts[0]["loudest"] < parts[4]["loudest"] < 1
    begin = clock(page)
    wait_until(lambda: clock(page) > begin + 0.3, why="the sound card's clock to run")
    expect(page.locator("#live canvas")).to_be_visible()

    page.get_by_role("button", name="Pause the sound").click()
    expect(page.get_by_role("button", name="Go on playing")).to_be_visible()
    assert page.evaluate("window.contexts[0].state") == "suspended"
    page.get_by_role("button", name="Go on playing").click()
    wait_until(lambda: page.evaluate("window.contexts[0].state") == "running", why="the sound to go on")
    page.keyboard.press("Escape")
    wait_until(lambda: page.evaluate("window.contexts[0].state") == "closed", why="silence after cancelling")


FOLLOW = """() => {
  window.jumps = [];
  const audio = document.getElementById("player");
  const watch = () => {
    const live = window.contexts[0].currentTime - window.scheduled[0].when;
    const open = window.contexts[0].state === "running";
    if (open && !audio.paused && !audio.muted && audio.readyState > 2) window.jumps.push(audio.currentTime - live);
    setTimeout(watch, 5);
  };
  watch();
}"""


def test_the_file_takes_over_where_the_sound_is(page: Page, service: ScriptedService) -> None:
    start(page)
    service.next_request()
    service.sound(0, 30, of_s=30)
    wait_until(lambda: len(scheduled(page)) == 30, why="all parts")
    wait_until(lambda: clock(page) > 2, why="two seconds of sound")
    page.evaluate(FOLLOW)
    service.complete()
    wait_until(lambda: page.evaluate("window.contexts[0].state") == "closed", why="the end of the live sound")
    player = page.locator("#player")
    expect(player).to_have_js_property("paused", False)
    expect(player).to_have_js_property("muted", False)
    jumps = page.evaluate("window.jumps")
    assert jumps, "nobody saw both at once"
    assert abs(jumps[-1]) < 0.2, jumps
    before = player.evaluate("audio => audio.currentTime")
    wait_until(lambda: player.evaluate("audio => audio.currentTime") > before, why="the file to play on")


def test_a_sound_that_was_held_stays_held_in_the_file(page: Page, service: ScriptedService) -> None:
    start(page)
    service.next_request()
    service.sound(0, 4, of_s=30)
    wait_until(lambda: len(scheduled(page)) == 4 and clock(page) > scheduled(page)[0]["when"] + 1, why="a second")
    page.get_by_role("button", name="Pause the sound").click()
    expect(page.get_by_role("button", name="Go on playing")).to_be_visible()
    held = clock(page) - scheduled(page)[0]["when"]
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    player = page.locator("#player")
    wait_until(lambda: abs(player.evaluate("audio => audio.currentTime") - held) < 0.05, why="the same place")
    expect(player).to_have_js_property("paused", True)


def test_a_slow_service_makes_it_wait_longer_each_time(page: Page, service: ScriptedService) -> None:
    start(page)
    service.next_request()

    def wait_until_dry() -> None:
        end = scheduled(page)[-1]["when"] + 1
        wait_until(lambda: clock(page) > end, why="all to be played")

    service.sound(0, 1, of_s=30)
    wait_until(lambda: len(scheduled(page)) == 1, why="the first part")
    wait_until_dry()
    service.sound(1, 2, of_s=30)  # one second is enough after the first interruption
    wait_until(lambda: len(scheduled(page)) == 2, why="the second part")
    wait_until_dry()
    service.sound(2, 3, of_s=30)
    service.sound(3, 5, of_s=30)
    wait_until(lambda: len(scheduled(page)) == 5, why="the others")
    parts = scheduled(page)
    assert parts[1]["when"] > parts[0]["when"] + 1
    assert parts[2]["when"] > parts[1]["when"] + 1
    assert parts[3]["when"] == pytest.approx(parts[2]["when"] + 1)
    page.keyboard.press("Escape")


@pytest.mark.parametrize(
    ("label", "value"),
    [("Play while it is made", False), ("MultiBand Diffusion", True), ("Takes", "2")],
)
def test_live_sound_is_not_asked_for_where_there_is_none(
    open_page: OpenPage, service: ScriptedService, label: str, value: Any
) -> None:
    page = open_page(service.url)
    page.evaluate(WATCH)
    page.get_by_text("Advanced").click()
    control = page.get_by_label(label).first
    if isinstance(value, bool):
        control.set_checked(value)
    else:
        control.fill(value)
    start(page, 2)
    assert not service.next_request().live
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    assert page.evaluate("window.contexts.length") == 0
    expect(page.locator("#player")).to_have_js_property("paused", True)
