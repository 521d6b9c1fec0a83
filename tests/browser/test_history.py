"""What this browser made: across reloads, forgotten on demand, and within the browser's room."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Screenshot
from tests.helpers.scripted import ScriptedService
from tests.helpers.steps import generate_button, prompt, start


def make(page: Page, service: ScriptedService, text: str) -> None:
    """A piece, until the list has it."""
    count = page.locator("#history li").count()
    start(page, service, text)
    service.complete()
    expect(page.locator("#history li")).to_have_count(count + 1)


def history(page: Page) -> list[str]:
    """The prompts, the newest first."""
    return page.locator("#history li b").all_inner_texts()


def test_pieces_come_back_after_a_reload(open_page: OpenPage, service: ScriptedService, screenshot: Screenshot) -> None:
    page = open_page(service.url)
    expect(page.locator("#history")).to_be_hidden()
    page.get_by_label("Duration in seconds", exact=True).fill("3")
    make(page, service, "the first")
    seed = page.locator("#seed-used").inner_text()
    make(page, service, "the second")
    page.goto("about:blank")
    page.goto(service.url)
    expect(page.locator("#history li")).to_have_count(2)
    assert history(page) == ["the second", "the first"]
    expect(page.locator("#result")).to_be_hidden()

    page.locator("#history").get_by_role("button", name="the first").first.click()
    expect(page.get_by_role("heading", name="Your music")).to_be_focused()
    expect(page.locator("#result-prompt")).to_have_text("the first")
    expect(page.locator("#seed-used")).to_have_text(seed)
    expect(page.locator("#player")).to_have_js_property("duration", 3)
    expect(prompt(page)).to_have_value("the first")
    expect(page.get_by_label("Duration in seconds", exact=True)).to_have_value("3")
    screenshot(page, "history-light")


def test_pieces_are_forgotten_on_demand(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    page.get_by_label("Duration in seconds", exact=True).fill("1")
    for text in ["one", "two", "three"]:
        make(page, service, text)
    page.get_by_role("button", name=re.compile("Forget “two”")).click()
    expect(page.locator("#history li")).to_have_count(2)
    assert history(page) == ["three", "one"]
    expect(page.get_by_role("button", name=re.compile("Forget “one”"))).to_be_focused()
    page.get_by_role("button", name="Forget all").click()
    expect(page.locator("#history li")).to_have_count(0)
    expect(page.get_by_text("This browser has forgotten all pieces.")).to_be_visible()
    page.reload()
    generate_button(page).wait_for()
    expect(page.locator("#history")).to_be_hidden()


def limit_room(page: Page, url: str, size: int) -> None:
    """Let the browser give the page `size` bytes. It must be done before the page keeps anything."""
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": url.rstrip("/"), "quotaSize": size})


def test_the_oldest_piece_makes_room(open_page: OpenPage, service: ScriptedService) -> None:
    page = open_page(service.url)
    limit_room(page, service.url, 5_000_000)  # two pieces of half a minute
    make(page, service, "the oldest")
    make(page, service, "older")
    start(page, service, "the newest")
    service.complete()
    expect(page.get_by_text("The browser's room is used up: the oldest piece had to go.")).to_be_visible(timeout=30_000)
    assert history(page) == ["the newest", "older"]


@pytest.mark.parametrize("broken", ["forbidden", "full"])
def test_without_room_the_music_is_there_all_the_same(
    open_page: OpenPage, service: ScriptedService, broken: str
) -> None:
    page = open_page(service.url)
    if broken == "forbidden":
        page.evaluate("() => { IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }; }")
        told = "lets the page keep nothing"
    else:
        limit_room(page, service.url, 1000)
        told = "has no room for this piece"
    start(page, service)
    service.complete()
    expect(page.get_by_role("heading", name="Your music")).to_be_visible()
    expect(page.get_by_text(told)).to_be_visible()
    expect(page.locator("#player")).to_have_js_property("duration", 30)
