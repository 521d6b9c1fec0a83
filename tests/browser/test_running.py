"""A generation on the page: progress, result, cancelling, and waiting while the service is busy."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from musicgen_api.domain.request import Phase
from tests.browser.conftest import Console, OpenPage, Screenshot
from tests.helpers.scripted import ScriptedService
from tests.helpers.server import wait_until
from tests.helpers.steps import figure, generate_button, generating, prompt, start


def test_it_shows_each_phase_then_the_music(
    open_page: OpenPage, service: ScriptedService, screenshot: Screenshot
) -> None:
    page = open_page(service.url)
    bar = page.get_by_role("progressbar")
    screenshot(page, "idle-light")
    start(page, service)

    service.step(lambda monitor: monitor.download("facebook/musicgen-small", 470_000_000, 1_880_000_000))
    expect(page.get_by_role("heading", name="Downloading the model")).to_be_visible()
    expect(page.get_by_text("470.0 MB of 1.9 GB")).to_be_visible()
    expect(bar).to_have_js_property("value", 25)

    service.step(generating(42.5))
    expect(page.get_by_role("heading", name="Composing")).to_be_visible()
    expect(figure(page)).to_have_text("42 %")
    expect(bar).to_have_js_property("value", 42.5)
    expect(page.locator("#elapsed")).to_have_text(re.compile(r"^0:0[1-9]$"))
    expect(page).to_have_title(re.compile("42 %"))
    screenshot(page, "running-light")

    service.step(generating(70, Phase.DIFFUSING))
    expect(page.get_by_role("heading", name="MultiBand Diffusion")).to_be_visible()
    service.step(generating(95, Phase.DECODING))
    expect(page.get_by_role("heading", name="Turning tokens into sound")).to_be_visible()

    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    expect(bar).to_be_hidden()
    expect(page).to_have_title("MusicGen API")
    screenshot(page, "done-light")


def test_the_time_left_runs_down(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    remaining = page.locator("#remaining")
    service.step(generating(0))
    expect(remaining).to_have_text("–")

    def known() -> bool:
        service.step(generating(2))  # the service tells what it estimates from its pace, once there is one
        return remaining.inner_text() != "–"

    wait_until(known, why="the time left")
    first = seconds(remaining.inner_text())
    wait_until(lambda: seconds(remaining.inner_text()) < first, why="the time left to run down")
    page.keyboard.press("Escape")


def seconds(text: str) -> int:
    minutes, rest = text.split(":")
    return int(minutes) * 60 + int(rest)


def test_the_request_holds_what_the_form_says(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    prompt(page).fill("quiet pads")
    page.get_by_label("Model").select_option("facebook/musicgen-stereo-medium")
    page.get_by_label("Duration in seconds", exact=True).fill("7")
    page.get_by_text("Advanced").click()
    for label, value in [
        ("Top-k", "50"),
        ("Top-p", "0.9"),
        ("Temperature", "0.8"),
        ("Guidance", "-2.5"),
        ("Seed", "77"),
    ]:
        page.get_by_label(label).fill(value)
    page.get_by_label("MultiBand Diffusion").check()
    generate_button(page).click()
    request = service.next_request()
    assert (request.description, request.model) == ("quiet pads", "facebook/musicgen-stereo-medium")
    assert (request.duration, request.seed, request.mbd) == (7, 77, True)
    assert (request.top_k, request.top_p, request.temperature, request.cfg_coef) == (50, 0.9, 0.8, -2.5)
    service.complete()
    expect(page.locator("#parameters")).to_contain_text("MusicGen medium stereo")
    for shown in ["0:07", "50", "0.9", "0.8", "-2.5", "on"]:
        expect(page.locator("#parameters").get_by_text(shown, exact=True)).to_be_visible()


def test_an_untouched_form_asks_with_the_documents_defaults(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    prompt(page).fill("anything")
    generate_button(page).click()
    request = service.next_request()
    assert (request.duration, request.mbd, request.top_k, request.top_p) == (30, False, 250, 0.0)
    assert (request.temperature, request.cfg_coef, request.model) == (1.0, 3.0, "bundled/musicgen-tiny")
    page.keyboard.press("Escape")


def test_a_second_result_replaces_the_first_and_frees_it(
    open_page: OpenPage, service: ScriptedService, console: Console
) -> None:
    console.expect("ERR_FILE_NOT_FOUND")
    page = open_page(service.url)
    addresses = []
    for _ in range(2):
        start(page, service)
        service.complete()
        expect(page.get_by_role("progressbar")).to_be_hidden()
        addresses.append(page.locator("#player").get_attribute("src"))
    assert addresses[0] != addresses[1]
    readable = """async (url) => {
      const audio = new Audio();
      return new Promise((resolve) => {
        audio.onerror = () => resolve(false);
        audio.onloadedmetadata = () => resolve(true);
        audio.src = url;
      });
    }"""
    assert [page.evaluate(readable, address) for address in addresses] == [False, True]


def test_the_last_result_stays_while_the_next_is_made(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    start(page, service, "something else")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    expect(page.locator("#result-prompt")).to_have_text("calm solo piano, slow")
    page.keyboard.press("Escape")


def test_the_waveform_shows_the_sound_and_seeks(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    ink = """() => {
      const canvas = document.getElementById("waveform");
      const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const inked = [...data.keys()].filter((at) => at % 4 === 3 && data[at] > 0);
      const places = inked.map((at) => ((at >> 2) % width) / width);
      return [places.filter((x) => x < 0.25).length, places.filter((x) => x >= 0.75).length];
    }"""
    quiet_start, loud_end = page.evaluate(ink)
    assert 0 < quiet_start < loud_end / 3
    box = page.locator("#waveform").bounding_box()
    assert box
    page.locator("#waveform").click(position={"x": box["width"] / 2, "y": 10})
    assert abs(page.locator("#player").evaluate("audio => audio.currentTime") - 15) < 1


@pytest.mark.parametrize("how", ["button", "Escape"])
def test_cancelling_stops_the_job(open_page: OpenPage, service: ScriptedService, how: str) -> None:
    page = open_page(service.url)
    start(page, service)
    service.step(generating(10))
    expect(figure(page)).to_have_text("10 %")
    if how == "button":
        page.get_by_role("button", name="Cancel").click()
    else:
        page.keyboard.press("Escape")
    expect(page.get_by_role("progressbar")).to_be_hidden()
    wait_until(lambda: not service.gpu_thread.busy, why="the lock to be free")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_text("Cancelled.")).to_be_attached()


def test_leaving_the_page_stops_the_job(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    assert service.gpu_thread.busy
    page.goto("about:blank")
    wait_until(lambda: not service.gpu_thread.busy, why="the lock to be free")


def test_nothing_of_a_cancelled_generation_comes_through(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service, "the first")
    page.keyboard.press("Escape")
    wait_until(lambda: not service.gpu_thread.busy, why="the lock to be free")
    start(page, service, "the second")
    service.step(generating(33))
    expect(figure(page)).to_have_text("33 %")
    service.complete()
    expect(page.locator("#result-prompt")).to_have_text("the second")


def test_generate_does_nothing_while_a_generation_runs(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    expect(generate_button(page)).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Enter")
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    assert service.synthesizer.requests.empty()


def test_a_busy_service_is_asked_again_until_it_is_free(
    open_page: OpenPage, service: ScriptedService, console: Console, screenshot: Screenshot
) -> None:
    console.expect("status of 503")
    other, page = open_page(service.url), open_page(service.url, color_scheme="dark")
    start(other, service, "the other's")
    page.clock.install()
    prompt(page).fill("mine")
    generate_button(page).click()
    expect(page.get_by_role("heading", name="The service is busy")).to_be_visible()
    expect(figure(page)).to_have_text(re.compile(r"^[1-5] s$"))
    screenshot(page, "busy-dark")
    page.clock.fast_forward(5000)
    expect(page.locator("#run-detail")).to_contain_text("2 tries so far")
    service.complete()
    expect(other.get_by_role("heading", name="Your music")).to_be_visible()
    page.clock.fast_forward(5000)
    assert service.next_request().description == "mine"
    service.complete()
    expect(page.locator("#result-prompt")).to_have_text("mine")


def test_one_need_not_wait_for_the_countdown(open_page: OpenPage, service: ScriptedService, console: Console) -> None:
    console.expect("status of 503")
    other, page = open_page(service.url), open_page(service.url)
    start(other, service)
    prompt(page).fill("mine")
    generate_button(page).click()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#run-detail")).to_contain_text("2 tries so far")
    other.keyboard.press("Escape")
    wait_until(lambda: not service.gpu_thread.busy, why="the lock to be free")
    page.get_by_role("button", name="Try now").click()
    assert service.next_request().description == "mine"
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()


def test_waiting_can_be_cancelled(open_page: OpenPage, service: ScriptedService, console: Console) -> None:
    console.expect("status of 503")
    other, page = open_page(service.url), open_page(service.url)
    start(other, service)
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    prompt(page).fill("mine")
    generate_button(page).click()
    expect(page.get_by_role("heading", name="The service is busy")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="The service is busy")).to_be_hidden()
    page.clock.fast_forward(60_000)
    service.complete()
    expect(other.get_by_role("heading", name="Your music")).to_be_visible()
    assert asked.count("POST") == 1
