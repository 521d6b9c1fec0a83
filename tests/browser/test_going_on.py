"""Work on a piece: choose a part, keep it, go on, loop; begin with a file, a recording, or one of our own files."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Console, OpenPage, Screenshot
from tests.helpers.fakes import wav_of
from tests.helpers.scripted import ScriptedService, tone
from tests.helpers.steps import generate_button, prompt


@pytest.fixture
def page(open_page: OpenPage, service: ScriptedService) -> Page:
    """A piece of 20 s."""
    page = open_page(service.url + "#seed=7&duration=20")
    prompt(page).fill("calm piano")
    generate_button(page).click()
    service.next_request()
    service.complete()
    page.get_by_role("heading", name="Your music").wait_for()
    return page


def part(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Chosen part").get_by_label(name)


def seek(page: Page, seconds: float) -> None:
    page.locator("#player").evaluate("(audio, seconds) => { audio.currentTime = seconds; }", seconds)


def test_a_part_is_chosen_by_pointer_and_moved_by_its_edges(page: Page, screenshot: Screenshot) -> None:
    canvas = page.locator("#waveform")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box

    def drag(begin_s: float, end_s: float) -> None:
        at = [box["x"] + seconds / 20 * box["width"] for seconds in (begin_s, end_s)]
        page.mouse.move(at[0], box["y"] + 30)
        page.mouse.down()
        page.mouse.move(at[1], box["y"] + 30, steps=4)
        page.mouse.up()

    def chosen() -> tuple[float, float]:
        return float(part(page, "From").input_value()), float(part(page, "to").input_value())

    drag(10, 5)
    assert chosen() == pytest.approx((5, 10), abs=0.2)
    drag(10, 15)  # its right edge
    assert chosen() == pytest.approx((5, 15), abs=0.2)
    drag(5, 17)  # its left edge, over the right one
    assert chosen() == pytest.approx((15, 17), abs=0.3)
    screenshot(page, "part-light")
    page.get_by_role("button", name="Clear").click()
    expect(part(page, "From")).to_have_value("")
    expect(part(page, "From")).to_be_focused()


def test_actions_say_what_they_do(page: Page) -> None:
    expect(page.get_by_text("Click the waveform")).to_be_visible()
    expect(page.get_by_role("button", name="Keep up to")).to_be_hidden()
    expect(page.get_by_role("button", name="Go on from 0:20 to 0:40")).to_be_visible()
    seek(page, 12)
    expect(page.get_by_role("button", name="Keep up to 0:12, try the rest again")).to_be_visible()
    expect(page.get_by_role("button", name="Go on from 0:12 to 0:32")).to_be_visible()
    expect(page.get_by_role("button", name="Make it a loop of 0:20")).to_be_visible()


def test_all_of_it_works_by_keyboard(page: Page, service: ScriptedService) -> None:
    page.locator("#player").focus()
    while page.evaluate("document.activeElement.closest('#part') === null"):  # the player has buttons of its own
        page.keyboard.press("Tab")
    expect(part(page, "From")).to_be_focused()
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    page.keyboard.type("11.8")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Make a loop of 0:10 from 0:02 on")).to_be_visible()
    for name in [
        "Clear",
        "Keep 0:02 to 0:12, try the rest again",
        "Keep 0:02 to 0:12 and go on, 0:30 in all",
        "Make a loop",
    ]:
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()
    page.keyboard.press("Enter")
    request = service.next_request()
    assert (request.loop, request.duration) == (True, 10)
    assert request.continuation.duration_s == pytest.approx(8, abs=0.1)
    page.keyboard.press("Escape")


def test_the_beginning_is_kept_and_the_rest_tried_again(page: Page, service: ScriptedService) -> None:
    seek(page, 12)
    prompt(page).fill("loud piano")
    page.get_by_role("button", name="Keep up to 0:12, try the rest again").click()
    request = service.next_request()
    assert (request.description, request.duration) == ("loud piano", 20)
    assert request.seed != 7
    assert request.continuation.duration_s == pytest.approx(12, abs=0.05)
    service.complete()
    expect(page.locator("#seed-used")).to_have_text(str(request.seed))
    expect(page.get_by_role("link", name="Link that makes this again")).to_be_hidden()  # a link cannot hold the sound
    source = page.get_by_role("region", name="Begin with sound")
    expect(source.get_by_label("Go on from it")).to_be_checked()
    expect(source.get_by_label("to", exact=True)).to_have_value("12")
    generate_button(page).click()  # the form says it all: once more
    again = service.next_request()
    assert again.continuation.duration_s == request.continuation.duration_s
    page.keyboard.press("Escape")
    source.get_by_role("button", name="Remove").click()
    expect(source.get_by_role("button", name="Choose a file")).to_be_focused()


def test_a_piece_goes_on(page: Page, service: ScriptedService) -> None:
    page.get_by_role("button", name="Go on from 0:20 to 0:40").click()
    request = service.next_request()
    assert (request.duration, request.continuation.duration_s) == (40, 20)
    assert request.live
    service.complete()
    expect(page.locator("#player")).to_have_js_property("duration", 40)


def choose(page: Page, name: str, content: bytes) -> None:
    """As somebody does who chooses a file."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files({"name": name, "mimeType": "audio/wav", "buffer": content})


DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "audio/wav" }));
  const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
  document.body.dispatchEvent(new DragEvent("dragover", options));
  const shown = !document.getElementById("curtain").hidden;
  document.body.dispatchEvent(new DragEvent("drop", options));
  return shown && document.getElementById("curtain").hidden;
}"""


def drop(page: Page, name: str, content: bytes) -> None:
    """As somebody does who lets a file fall on the page."""
    assert page.evaluate(DROP, [name, base64.b64encode(content).decode()])


def test_a_file_begins_a_piece(
    open_page: OpenPage, service: ScriptedService, console: Console, screenshot: Screenshot
) -> None:
    console.expect("status of 422")  # it has no recipe, which is an error to the browser
    page = open_page(service.url)
    drop(page, "hummed.wav", wav_of(tone(6)))
    source = page.get_by_role("region", name="Begin with sound")
    expect(source.get_by_text("hummed.wav · 0:06")).to_be_visible()
    source.get_by_label("Keep from").fill("1")
    source.get_by_label("to", exact=True).fill("4")
    prompt(page).fill("calm piano")
    screenshot(page, "source-light")
    generate_button(page).click()
    request = service.next_request()
    assert request.continuation.duration_s == pytest.approx(3)
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()


def record(page: Page) -> Locator:
    """Record two seconds of the microphone; return what shows them."""
    page.get_by_role("button", name="Record a tune").click()
    expect(page.locator("[data-source=clock]")).to_have_text("0:02")
    page.get_by_role("button", name="Stop recording").click()
    source = page.get_by_role("region", name="Begin with sound")
    expect(source.get_by_text("Recording · 0:0")).to_be_visible()
    return source


def test_a_recording_begins_a_piece(open_page: OpenPage, service: ScriptedService, console: Console) -> None:
    console.expect("status of 422")
    page = open_page(service.url + "#description=piano&duration=9")
    source = record(page)
    expect(source.get_by_label("Go on from it")).to_be_checked()
    generate_button(page).click()
    kept = service.next_request().continuation
    assert 1 < kept.duration_s < 9
    assert abs(kept.sound.samples).max() > 0.01  # the fake microphone beeps
    page.keyboard.press("Escape")


def test_a_recorded_tune_is_followed(open_page: OpenPage, service: ScriptedService, console: Console) -> None:
    console.expect("status of 422")
    page = open_page(service.url + "#model=facebook/musicgen-melody&description=piano&duration=5")
    source = record(page)
    expect(source.get_by_label("Follow its tune")).to_be_checked()
    expect(source.get_by_text("cannot follow a tune")).to_be_hidden()
    expect(source.get_by_role("group", name="What is kept")).to_be_hidden()
    generate_button(page).click()
    request = service.next_request()
    assert request.continuation is None
    assert 1 < request.melody.duration_s < 20
    page.keyboard.press("Escape")
    page.get_by_label("Model").select_option("bundled/musicgen-tiny")
    expect(source.get_by_text("This model cannot follow a tune.")).to_be_visible()


def test_a_file_of_ours_brings_its_settings_back(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as started:
        page.get_by_role("link", name="Download WAV").click()
    file = Path(started.value.path()).read_bytes()
    page.reload()
    prompt(page).fill("something else")
    choose(page, "ours.wav", file)
    expect(page.get_by_role("heading", name="Your music")).to_be_focused()
    expect(page.locator("#result-prompt")).to_have_text("calm piano")
    expect(page.locator("#seed-used")).to_have_text("7")
    expect(prompt(page)).to_have_value("calm piano")
    expect(page.get_by_label("Duration in seconds", exact=True)).to_have_value("20")
    expect(page.locator("#seed")).to_have_value("7")
    expect(page.get_by_role("button", name="Go on from 0:20 to 0:40")).to_be_visible()


def test_what_is_no_sound_is_told(page: Page, console: Console) -> None:
    console.expect("status of 422")
    choose(page, "letter.wav", b"Dear all, this is no music.")
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("letter.wav")


@pytest.mark.parametrize(("format", "suffix", "magic"), [("FLAC", "flac", b"fLaC"), ("Opus", "opus", b"OggS")])
def test_a_download_comes_in_other_formats(page: Page, format: str, suffix: str, magic: bytes) -> None:
    page.get_by_label("Format of the download").select_option(format)
    with page.expect_download() as started:
        page.get_by_role("link", name=f"Download {format}").click()
    assert started.value.suggested_filename == f"calm-piano-7.{suffix}"
    assert Path(started.value.path()).read_bytes().startswith(magic)
