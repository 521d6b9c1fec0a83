"""The page against the real service: gunicorn, AudioCraft, tiny checkpoints."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Page, expect

from musicgen_api.audio import recipe as recipes
from tests.browser.conftest import Console, OpenPage, Screenshot
from tests.helpers.server import Server, wait_until

GENERATE_MS = 60_000


def start(page: Page, duration_s: int, text: str = "slow sad piano") -> None:
    page.get_by_label("What should it sound like?").fill(text)
    page.get_by_label("Duration in seconds", exact=True).fill(str(duration_s))
    page.get_by_role("button", name="Generate").click()


def wait_for_music(page: Page) -> None:
    page.get_by_role("heading", name="Your music").wait_for(timeout=GENERATE_MS)


def download(page: Page, folder: Path) -> Path:
    with page.expect_download() as started:
        page.get_by_role("link", name="Download WAV").click()
    return Path(started.value.path()).rename(folder / started.value.suggested_filename)


@pytest.mark.parametrize(("model", "channels"), [("test/mono", 1), ("test/stereo", 2)])
def test_music_can_be_played_and_downloaded(
    open_page: OpenPage, server: Server, tmp_path: Path, model: str, channels: int
) -> None:
    page = open_page(server.url)
    page.get_by_label("Model").select_option(model)
    start(page, 3)
    wait_for_music(page)
    expect(page.locator("#player")).to_have_js_property("duration", 3)
    assert page.locator("#player").evaluate("audio => audio.src").startswith("blob:")
    played = page.locator("#player").evaluate(
        """async (audio) => {
          audio.muted = true;
          await audio.play();
          await new Promise((resolve) => { audio.ontimeupdate = () => audio.currentTime > 0 && resolve(); });
          audio.pause();
          return audio.error === null;
        }"""
    )
    assert played
    file = download(page, tmp_path)
    seed = page.locator("#seed-used").inner_text()
    assert file.name == f"slow-sad-piano-{seed}.wav"
    info = soundfile.info(file)
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (32000, channels, 3 * 32000, "PCM_16")


def test_a_piece_is_heard_while_it_is_made_and_its_beginning_kept(
    open_page: OpenPage, server: Server, tmp_path: Path
) -> None:
    page = open_page(server.url)
    page.evaluate(
        """() => {
          window.scheduled = 0;
          const { start } = AudioBufferSourceNode.prototype;
          AudioBufferSourceNode.prototype.start = function (when) {
            window.scheduled += this.buffer.length;
            return start.call(this, when);
          };
        }"""
    )
    start(page, 6)
    wait_for_music(page)
    assert page.evaluate("window.scheduled") == 6 * 32000
    expect(page.locator("#player")).to_have_js_property("paused", False)
    first = recipes.read(download(page, tmp_path).read_bytes())
    page.locator("#player").evaluate("audio => { audio.pause(); audio.currentTime = 3; }")
    page.get_by_role("button", name="Keep up to 0:03, try the rest again").click()
    expect(page.locator("#seed-used")).not_to_have_text(str(first.request["seed"]), timeout=GENERATE_MS)
    (tmp_path / "again").mkdir()
    second = recipes.read(download(page, tmp_path / "again").read_bytes())
    kept = int(second.request["continuation_end"] * second.codes.frame_rate)
    assert kept == pytest.approx(150, abs=2)
    assert np.array_equal(first.codes.ids[:, :kept], second.codes.ids[:, :kept])
    assert not np.array_equal(first.codes.ids, second.codes.ids)


def test_the_link_of_a_result_makes_the_same_music(open_page: OpenPage, server: Server, tmp_path: Path) -> None:
    page = open_page(server.url + "/?temperature=0.9&top_k=64")
    start(page, 2)
    wait_for_music(page)
    page.wait_for_url("**seed=**")
    again = open_page(page.url)
    again.get_by_role("button", name="Generate").click()
    wait_for_music(again)
    (tmp_path / "again").mkdir()
    first, _ = soundfile.read(download(page, tmp_path))
    second, _ = soundfile.read(download(again, tmp_path / "again"))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("how", ["Escape", "leave"])
def test_a_cancelled_generation_frees_the_service(open_page: OpenPage, server: Server, how: str) -> None:
    page = open_page(server.url)
    start(page, 300)
    expect(page.locator("#figure")).to_have_text(re.compile(r"^\d+ %$"), timeout=GENERATE_MS)
    assert server.busy
    if how == "Escape":
        page.keyboard.press("Escape")
        expect(page.get_by_role("progressbar")).to_be_hidden()
    else:
        page.close()
    assert server.wait_until_free() < 3


def test_a_busy_service_is_asked_until_it_is_free(open_page: OpenPage, server: Server, console: Console) -> None:
    console.expect("status of 503")
    page = open_page(server.url)
    with server.music(duration=300):
        wait_until(lambda: server.busy, why="the other's job")
        start(page, 2)
        expect(page.get_by_role("heading", name="The service is busy")).to_be_visible()
    wait_for_music(page)


def test_progress_rises_and_tells_the_time_left(open_page: OpenPage, server: Server, screenshot: Screenshot) -> None:
    page = open_page(server.url)
    page.evaluate(
        """() => {
          window.seen = [];
          const [bar, remaining] = ["bar", "remaining"].map((id) => document.getElementById(id));
          new MutationObserver(() => bar.hasAttribute("value") && window.seen.push([bar.value, remaining.textContent]))
            .observe(document.getElementById("run"), { subtree: true, attributes: true, childList: true });
        }"""
    )
    start(page, 35)  # more than one window
    expect(page.locator("#remaining")).to_have_text(re.compile(r"\d:\d\d"), timeout=GENERATE_MS)
    screenshot(page, "real-running")
    wait_for_music(page)
    screenshot(page, "real-done")
    seen = page.evaluate("window.seen")
    percentages = [percent for percent, _ in seen]
    assert percentages == sorted(percentages)
    assert len(set(percentages)) > 5
    assert all(0 <= percent <= 100 for percent in percentages)


def test_a_field_that_the_service_refuses_shows_it(open_page: OpenPage, server: Server, console: Console) -> None:
    console.expect("status of 400")
    page = open_page(server.url)
    start(page, 2, text="\u200b")
    expect(page.locator("#description-error")).to_be_visible()
    expect(page.get_by_label("What should it sound like?")).to_be_focused()
