"""Whatever can go wrong shows where it belongs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from musicgen_api.domain.errors import InvalidFields, ModelOffline
from tests.browser.conftest import Console, OpenPage, Screenshot, StartService
from tests.helpers.scripted import ScriptedService
from tests.helpers.server import wait_until
from tests.helpers.steps import figure, generate_button, generating, prompt, start


def test_an_invalid_field_says_so_and_is_focused(
    open_page: OpenPage, service: ScriptedService, screenshot: Screenshot
) -> None:
    page = open_page(service.url)
    duration = page.get_by_label("Duration in seconds", exact=True)
    duration.fill("301")
    generate_button(page).click()
    for field in [prompt(page), duration]:
        expect(field).to_have_attribute("aria-invalid", "true")
    expect(prompt(page)).to_be_focused()
    expect(prompt(page)).to_have_accessible_description(re.compile("Describe the music in a few words"))
    expect(duration).to_have_accessible_description(re.compile("from 1 to 300"))
    screenshot(page, "invalid-light")
    prompt(page).fill("calm")
    duration.fill("8")
    for field in [prompt(page), duration]:
        expect(field).not_to_have_attribute("aria-invalid", "true")
    assert service.synthesizer.requests.empty()


def test_an_invalid_advanced_field_opens_its_group(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    prompt(page).fill("calm")
    page.get_by_text("Advanced").click()
    page.get_by_label("Top-p").fill("2")
    page.get_by_text("Advanced").click()
    expect(page.get_by_label("Top-p")).to_be_hidden()
    generate_button(page).click()
    expect(page.get_by_label("Top-p")).to_be_focused()
    expect(page.get_by_text("A number from 0 to 1.")).to_be_visible()


def test_letters_in_a_number_are_no_empty_field(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    prompt(page).fill("calm")
    page.get_by_text("Advanced").click()
    page.get_by_label("Seed").press_sequentially("1e")
    generate_button(page).click()
    expect(page.get_by_label("Seed")).to_be_focused()
    expect(page.get_by_label("Seed")).to_have_attribute("aria-invalid", "true")
    assert service.synthesizer.requests.empty()


def test_what_the_service_refuses_shows_at_its_field(
    open_page: OpenPage, service: ScriptedService, console: Console
) -> None:
    console.expect("status of 400")
    page = open_page(service.url)
    prompt(page).fill("\u200b")  # no space to JavaScript, but nothing to read either: the service calls it blank
    generate_button(page).click()
    expect(page.get_by_text("Must not be blank.")).to_be_visible()
    expect(prompt(page)).to_be_focused()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_refusal_in_mid_stream_shows_at_its_field(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    service.fail(InvalidFields({"mbd": ["Does not fit this model."], "colour": ["Unknown field."]}))
    expect(page.get_by_label("MultiBand Diffusion")).to_be_focused()
    expect(page.get_by_text("Does not fit this model.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_text("colour: Unknown field.")


def test_a_failure_is_told_in_the_services_words(
    open_page: OpenPage, service: ScriptedService, screenshot: Screenshot
) -> None:
    page = open_page(service.url)
    start(page, service)
    service.step(generating(5))
    service.fail(ModelOffline("facebook/musicgen-small is not here and the hub cannot be reached."))
    expect(page.get_by_role("alert")).to_have_text("facebook/musicgen-small is not here and the hub cannot be reached.")
    expect(page.get_by_role("progressbar")).to_be_hidden()
    screenshot(page, "failed-light")
    start(page, service)
    expect(page.get_by_role("alert")).to_be_hidden()
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_service_that_is_not_ready_says_why_until_it_is(
    open_page: OpenPage, start_service: StartService, screenshot: Screenshot, console: Console, scheme: str
) -> None:
    console.expect("readyz|status of 503")  # a probe that fails is an error to the browser
    reason = "facebook/musicgen-small could not be loaded: it is <not> here and the hub cannot be reached."
    service = start_service(load_failure=ModelOffline(reason))
    wait_until(lambda: service.gpu_thread.unready_because.code == "model_offline", why="the failed load")
    page = open_page(service.url, color_scheme=scheme)
    notice = page.locator("#unready")
    expect(notice).to_have_text(f"The service is not ready. {reason}")
    assert page.evaluate("document.querySelector('#unready').checkVisibility()")
    screenshot(page, f"unready-{scheme}")

    service.synthesizer.load_failure = ModelOffline("The hub refuses.")
    expect(notice).to_have_text("The service is not ready. The hub refuses.", timeout=30_000)
    service.synthesizer.load_failure = None
    expect(notice).to_be_hidden(timeout=30_000)
    start(page, service)
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()


def test_a_service_that_is_ready_shows_no_notice(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    expect(page.locator("#unready")).to_have_count(0)


def test_a_defect_is_told_with_the_id_of_its_trace(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    start(page, service)
    service.fail(RuntimeError("a secret"))
    expect(page.get_by_role("alert")).to_have_text(re.compile(r"log has the details under [0-9a-f]{12}\.$"))


def test_a_service_that_is_gone_is_told(open_page: OpenPage, service: ScriptedService, console: Console) -> None:
    console.expect("ERR_CONNECTION_REFUSED")
    page = open_page(service.url)
    service.close()
    prompt(page).fill("calm")
    generate_button(page).click()
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(generate_button(page)).to_have_attribute("aria-disabled", "false")


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_a_connection_that_ends_too_early_is_told(
    open_page: OpenPage, service: ScriptedService, console: Console, reset: bool
) -> None:
    console.expect("ERR_CONNECTION_RESET" if reset else "ERR_INCOMPLETE_CHUNKED_ENCODING")
    page = open_page(service.url)
    start(page, service)
    service.step(generating(5))
    expect(figure(page)).to_have_text("5 %")
    service.break_connection(reset=reset)
    expect(page.get_by_role("alert")).to_contain_text("before the music was complete")
    wait_until(lambda: not service.gpu_thread.busy, why="the lock to be free")
