"""A service that asks for an API key."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Console, OpenPage
from tests.helpers.scripted import ScriptedService
from tests.helpers.steps import generate_button, prompt


@pytest.fixture
def page(open_page: OpenPage, service: ScriptedService, console: Console) -> Page:
    """The page of a service whose key is "secret"."""
    console.expect("status of 401")
    page = open_page(service.url)

    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer secret":
            route.continue_()
        else:
            route.fulfill(status=401, json={"error": "The key is missing or wrong.", "code": "unauthorized"})

    page.context.route("**/api/music", guard)
    prompt(page).fill("calm")
    return page


def arrives(page: Page, service: ScriptedService) -> None:
    """Wait for the request. Not for the service alone: the guard above answers while this waits for the page."""
    expect(page.get_by_role("heading", name="Starting")).to_be_visible()
    service.next_request()


@pytest.mark.parametrize("kept", [False, True])
def test_the_page_asks_for_the_key_and_keeps_it(page: Page, service: ScriptedService, kept: bool) -> None:
    generate_button(page).click()
    dialog = page.get_by_role("dialog", name="This service asks for a key")
    expect(dialog.get_by_label("API key")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("The service does not accept this key.")).to_be_visible()
    dialog.get_by_label("API key").fill("secret")
    dialog.get_by_label("Keep it on this device").set_checked(kept)
    dialog.get_by_role("button", name="Go on").click()
    arrives(page, service)
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    stored = page.evaluate("[localStorage, sessionStorage].map((place) => place.getItem('musicgen-key'))")
    assert stored == (["secret", None] if kept else [None, "secret"])

    generate_button(page).click()
    arrives(page, service)
    expect(dialog).to_be_hidden()
    service.complete()
    page.get_by_role("button", name="Forget the API key").click()
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    expect(page.get_by_role("button", name="Forget the API key")).to_be_hidden()


@pytest.mark.parametrize("how", ["Escape", "Cancel"])
def test_without_a_key_the_services_words_are_shown(page: Page, how: str) -> None:
    generate_button(page).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    if how == "Escape":
        page.keyboard.press("Escape")
    else:
        dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_have_text("The key is missing or wrong.")
    expect(generate_button(page)).to_have_attribute("aria-disabled", "false")
